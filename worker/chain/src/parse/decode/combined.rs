//! `combined`: access logs of Apache and nginx.
//!
//! ```text
//!  203.0.113.9 - bob [11/Oct/2026:22:14:15 +0200] "GET /a?x=1 HTTP/1.1" 200 2326 "https://from/" "Mozilla/5.0" extra
//!  client identity user timestamp                  request              status bytes referrer     agent        extra
//! ```
//!
//! `request` is also given as `method`, `path`, `query` and `protocol` when it has that shape; what scanners send
//! instead of a request stays in `request` alone. `-` is absent. `extra` is whatever follows the agent,
//! as many sites append fields of their own. The common format ends with `bytes`.

use super::error::{Fault, FaultKind};
use super::names::{Gives, Wanted};
use super::quoted::Quoted;
use crate::parse::fields::{Extracted, Slot, Slots};

/// A compiled `combined` step.
#[derive(Debug, Clone)]
pub(super) struct CombinedDecoder {
    /// Whether referrer and agent are missing.
    common: bool,
    client: Option<Slot>,
    identity: Option<Slot>,
    user: Option<Slot>,
    timestamp: Option<Slot>,
    request: Option<Slot>,
    method: Option<Slot>,
    path: Option<Slot>,
    query: Option<Slot>,
    protocol: Option<Slot>,
    status: Option<Slot>,
    bytes: Option<Slot>,
    referrer: Option<Slot>,
    agent: Option<Slot>,
    extra: Option<Slot>,
}

impl CombinedDecoder {
    /// A decoder for the wanted names.
    pub fn compile(common: bool, wanted: &Wanted<'_>) -> Self {
        Self {
            common,
            client: wanted.slot("client"),
            identity: wanted.slot("identity"),
            user: wanted.slot("user"),
            timestamp: wanted.slot("timestamp"),
            request: wanted.slot("request"),
            method: wanted.slot("method"),
            path: wanted.slot("path"),
            query: wanted.slot("query"),
            protocol: wanted.slot("protocol"),
            status: wanted.slot("status"),
            bytes: wanted.slot("bytes"),
            referrer: wanted.slot("referrer"),
            agent: wanted.slot("agent"),
            extra: wanted.slot("extra"),
        }
    }

    /// What a line gives.
    pub fn gives(common: bool) -> Gives {
        let names = [
            "client",
            "identity",
            "user",
            "timestamp",
            "request",
            "method",
            "path",
            "query",
            "protocol",
            "status",
            "bytes",
            "referrer",
            "agent",
            "extra",
        ];
        Gives::names(names.into_iter().take(if common { 11 } else { 14 }))
    }

    /// Fills the slots from one line.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        if input.is_empty() {
            return Err(Fault::new(0, FaultKind::Empty));
        }
        let mut cursor = Cursor { input, at: 0 };
        set(self.client, cursor.word("a client")?, slots);
        set(self.identity, cursor.word("an identity")?, slots);
        set(self.user, cursor.user()?, slots);
        set(self.timestamp, cursor.timestamp()?, slots);
        let request = cursor.quoted("a request")?.text(slots.arena());
        set(self.request, request, slots);
        self.request_line(request, slots);
        cursor.space()?;
        set_number(self.status, cursor.number("a status")?, slots);
        cursor.space()?;
        set_number(self.bytes, cursor.number("a number of bytes")?, slots);
        if self.common {
            return cursor.finish();
        }
        cursor.space()?;
        set(self.referrer, cursor.quoted("a referrer")?.text(slots.arena()), slots);
        cursor.space()?;
        set(self.agent, cursor.quoted("an agent")?.text(slots.arena()), slots);
        let extra = cursor.rest().trim_ascii();
        if !extra.is_empty() {
            set(self.extra, extra, slots);
        }
        Ok(())
    }

    /// `GET /path?query HTTP/1.1`, or `GET /path` of HTTP/0.9.
    fn request_line<'a>(&self, request: &'a [u8], slots: &mut Slots<'a>) {
        let Some(space) = memchr::memchr(b' ', request) else {
            return;
        };
        let (method, rest) = (&request[..space], &request[space + 1..]);
        if method.is_empty() || !method.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-')) {
            return;
        }
        let last = memchr::memrchr(b' ', rest).filter(|space| rest[space + 1..].starts_with(b"HTTP/"));
        let target = last.map_or(rest, |space| &rest[..space]);
        set(self.method, method, slots);
        if let Some(space) = last {
            set(self.protocol, &rest[space + 1..], slots);
        }
        let question = memchr::memchr(b'?', target);
        set(self.path, question.map_or(target, |question| &target[..question]), slots);
        if let Some(question) = question {
            set(self.query, &target[question + 1..], slots);
        }
    }
}

#[inline]
fn set<'a>(slot: Option<Slot>, text: &'a [u8], slots: &mut Slots<'a>) {
    if let Some(slot) = slot
        && text != b"-"
    {
        slots.set(slot, Extracted::Text(text));
    }
}

#[inline]
fn set_number(slot: Option<Slot>, number: Option<i64>, slots: &mut Slots<'_>) {
    if let (Some(slot), Some(number)) = (slot, number) {
        slots.set(slot, Extracted::Int(number));
    }
}

/// The place in a line.
struct Cursor<'a> {
    input: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    #[cold]
    fn fault(&self, expected: &'static str) -> Fault {
        Fault::expected(self.input, self.at, expected)
    }

    /// The text up to the next space, which is stepped over.
    #[inline]
    fn word(&mut self, expected: &'static str) -> Result<&'a [u8], Fault> {
        let rest = self.rest();
        let end = memchr::memchr(b' ', rest).filter(|end| *end > 0).ok_or_else(|| self.fault(expected))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// The user: a name may hold spaces, so up to ` [`, which is stepped over but for the bracket.
    #[inline]
    fn user(&mut self) -> Result<&'a [u8], Fault> {
        let rest = self.rest();
        let end = memchr::memchr_iter(b' ', rest).find(|space| rest.get(space + 1) == Some(&b'['));
        let end = end.ok_or_else(|| self.fault("a user and a timestamp in brackets"))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    /// `[…] `
    #[inline]
    fn timestamp(&mut self) -> Result<&'a [u8], Fault> {
        let inner = self.rest().strip_prefix(b"[").ok_or_else(|| self.fault("a timestamp in brackets"))?;
        let Some(close) = memchr::memchr(b']', inner) else {
            return Err(Fault::expected(self.input, self.input.len(), "a timestamp in brackets"));
        };
        self.at += close + 2;
        self.space()?;
        Ok(&inner[..close])
    }

    /// Text in double quotes.
    #[inline]
    fn quoted(&mut self, expected: &'static str) -> Result<Quoted<'a>, Fault> {
        if self.input.get(self.at) != Some(&b'"') {
            return Err(self.fault(expected));
        }
        let quoted = Quoted::read(self.input, self.at + 1, b'"')?;
        self.at = quoted.end;
        Ok(quoted)
    }

    #[inline]
    fn space(&mut self) -> Result<(), Fault> {
        if self.input.get(self.at) != Some(&b' ') {
            return Err(self.fault("a space"));
        }
        self.at += 1;
        Ok(())
    }

    /// Up to 18 digits, or `-` for none.
    #[inline]
    fn number(&mut self, expected: &'static str) -> Result<Option<i64>, Fault> {
        let rest = self.rest();
        if rest.first() == Some(&b'-') {
            self.at += 1;
            return Ok(None);
        }
        let digits = rest.iter().take(18).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.fault(expected));
        }
        self.at += digits;
        Ok(Some(rest[..digits].iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))))
    }

    /// Nothing but white space is left.
    fn finish(&self) -> Result<(), Fault> {
        let rest = self.rest();
        if rest.trim_ascii().is_empty() {
            return Ok(());
        }
        Err(Fault::new(self.at, FaultKind::Trailing { count: rest.len() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::testing;
    use proptest::prelude::*;

    const NAMES: [&str; 14] = [
        "client",
        "identity",
        "user",
        "timestamp",
        "request",
        "method",
        "path",
        "query",
        "protocol",
        "status",
        "bytes",
        "referrer",
        "agent",
        "extra",
    ];

    fn extract(common: bool, text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        let compile = |wanted: &Wanted<'_>| CombinedDecoder::compile(common, wanted);
        testing::extract(&NAMES, text.as_ref(), compile, CombinedDecoder::decode)
    }

    #[test]
    fn a_combined_line() {
        let line = r#"203.0.113.9 - bob [11/Oct/2026:22:14:15 +0200] "GET /a/b?x=1&y HTTP/1.1" 200 2326 "https://from/" "Mozilla/5.0 (\"X\")" "10.0.0.1" 0.003"#;
        assert_eq!(
            extract(false, line).unwrap(),
            [
                "'203.0.113.9'",
                "Absent",
                "'bob'",
                "'11/Oct/2026:22:14:15 +0200'",
                "'GET /a/b?x=1&y HTTP/1.1'",
                "'GET'",
                "'/a/b'",
                "'x=1&y'",
                "'HTTP/1.1'",
                "Int(200)",
                "Int(2326)",
                "'https://from/'",
                r#"'Mozilla/5.0 (\"X\")'"#,
                r#"'\"10.0.0.1\" 0.003'"#,
            ]
        );
    }

    #[test]
    fn a_common_line_ends_with_its_bytes() {
        let line = r#"::1 id frank smith [10/Oct/2000:13:55:36 -0700] "GET /x HTTP/1.0" 304 -"#;
        let found = extract(true, line).unwrap();
        assert_eq!(found[1..3], ["'id'", "'frank smith'"]);
        assert_eq!(found[9..11], ["Int(304)", "Absent"]);
        assert!(extract(false, line).is_err());
        let kind = extract(true, format!("{line} \"-\" \"-\"")).unwrap_err().kind;
        assert_eq!(kind, FaultKind::Trailing { count: 8 });
    }

    #[test]
    fn requests_that_are_none_stay_whole() {
        let line = |request: &str| format!(r#"1.1.1.1 - - [t] "{request}" 400 0 "-" "-""#);
        let request = |text: &str| extract(false, line(text)).unwrap()[4..9].to_vec();
        assert_eq!(request("-"), ["Absent"; 5]);
        assert_eq!(request(r"\x16\x03\x01"), [r"'\x16\x03\x01'", "Absent", "Absent", "Absent", "Absent"]);
        assert_eq!(request("GET /old")[1..], ["'GET'", "'/old'", "Absent", "Absent"]);
        assert_eq!(request("GET /a b HTTP/1.1")[2], "'/a b'");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let fault = |text: &str| extract(false, text).map_err(|fault| (fault.at, fault.kind)).unwrap_err();
        assert_eq!(fault(""), (0, FaultKind::Empty));
        assert_eq!(fault("one two"), (4, FaultKind::Unexpected { expected: "an identity", found: b't' }));
        assert_eq!(fault("1.1.1.1 - - [t").1, FaultKind::Truncated { inside: "a timestamp in brackets" });
        assert_eq!(
            fault(r#"1.1.1.1 - - [t] "GET / HTTP/1.1" OK"#).1,
            FaultKind::Unexpected { expected: "a status", found: b'O' }
        );
        assert_eq!(fault(r#"1.1.1.1 - - [t] "GET / HTT"#).1, FaultKind::Truncated { inside: "a quoted text" });
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, common: bool, text in "[ \\[\\]\"\\\\0-9a-]{0,60}") {
            let _ = extract(common, &bytes);
            let _ = extract(common, &text);
            let _ = extract(common, [b"1.1.1.1 - - [t] \"".as_slice(), &bytes].concat());
        }
    }
}
