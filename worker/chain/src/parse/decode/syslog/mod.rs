//! `syslog3164`, `syslog5424` and `syslog`: the two forms of syslog.
//!
//! Both give the same names, so that a manifest can read either:
//!
//! | name | |
//! |---|---|
//! | `priority` | the number in `<…>`; absent in files, where daemons leave it out |
//! | `facility`, `severity` | `priority` / 8 and `priority` % 8 |
//! | `facilityName`, `severityName` | `auth`, `err` |
//! | `version` | 5424 only |
//! | `timestamp` | as it stands; 3164 has no year |
//! | `hostname`, `appname`, `procid`, `msgid` | absent when the line says `-` or nothing |
//! | `sd.ID.param`, `sd` | structured data: one value, and all of it as it stands |
//! | `message` | the rest, without a byte order mark |
//!
//! An octet count before the priority (RFC 6587) is stepped over.

mod bsd;
mod ietf;
#[cfg(test)]
mod tests;

use super::error::{Fault, FaultKind};
use super::names::{Gives, Wanted};
use crate::parse::fields::{Extracted, Slot, Slots};

/// Which form a step reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SyslogForm {
    /// BSD syslog, RFC 3164.
    Bsd,
    /// RFC 5424.
    Ietf,
    /// Told apart by the version behind the priority.
    Either,
}

/// A compiled syslog step.
#[derive(Debug, Clone)]
pub(super) struct SyslogDecoder {
    form: SyslogForm,
    names: SyslogSlots,
}

/// The slots of both forms.
#[derive(Debug, Clone)]
struct SyslogSlots {
    priority: Option<Slot>,
    facility: Option<Slot>,
    severity: Option<Slot>,
    facility_name: Option<Slot>,
    severity_name: Option<Slot>,
    version: Option<Slot>,
    timestamp: Option<Slot>,
    hostname: Option<Slot>,
    appname: Option<Slot>,
    procid: Option<Slot>,
    msgid: Option<Slot>,
    structured: Option<Slot>,
    message: Option<Slot>,
    /// `ID.param` and its slot.
    parameters: Vec<(Box<[u8]>, Slot)>,
}

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// 23 * 8 + 7
const MAX_PRIORITY: u64 = 191;

impl SyslogDecoder {
    /// A decoder of this form for the wanted names.
    pub fn compile(form: SyslogForm, wanted: &Wanted<'_>) -> Self {
        let parameter =
            |(name, slot): (&str, Slot)| name.strip_prefix("sd.").map(|parameter| (parameter.as_bytes().into(), slot));
        let names = SyslogSlots {
            priority: wanted.slot("priority"),
            facility: wanted.slot("facility"),
            severity: wanted.slot("severity"),
            facility_name: wanted.slot("facilityName"),
            severity_name: wanted.slot("severityName"),
            version: wanted.slot("version"),
            timestamp: wanted.slot("timestamp"),
            hostname: wanted.slot("hostname"),
            appname: wanted.slot("appname"),
            procid: wanted.slot("procid"),
            msgid: wanted.slot("msgid"),
            structured: wanted.slot("sd"),
            message: wanted.slot("message"),
            parameters: wanted.iter().filter_map(parameter).collect(),
        };
        Self { form, names }
    }

    /// What a line of this form gives.
    pub fn gives(form: SyslogForm) -> Gives {
        let both = [
            "priority",
            "facility",
            "severity",
            "facilityName",
            "severityName",
            "timestamp",
            "hostname",
            "appname",
            "procid",
            "message",
        ];
        let mut names: Vec<String> = both.map(str::to_owned).to_vec();
        if form == SyslogForm::Bsd {
            return Gives::names(names);
        }
        names.extend(["version", "msgid", "sd"].map(str::to_owned));
        Gives::Names { names, prefixes: vec!["sd."] }
    }

    /// Fills the slots from one line.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        if input.is_empty() {
            return Err(Fault::new(0, FaultKind::Empty));
        }
        let mut cursor = Cursor { input, at: frame_count(input) };
        let priority = cursor.priority()?;
        if let Some(priority) = priority {
            self.names.set_priority(priority, slots);
        }
        let ietf = match self.form {
            SyslogForm::Bsd => false,
            SyslogForm::Ietf if priority.is_none() => return Err(cursor.fault("a priority, `<`")),
            SyslogForm::Ietf => true,
            SyslogForm::Either => priority.is_some() && cursor.at_version(),
        };
        if ietf { self.names.ietf(&mut cursor, slots) } else { self.names.bsd(&mut cursor, slots) }
    }
}

impl SyslogSlots {
    fn set_priority(&self, priority: u8, slots: &mut Slots<'_>) {
        let (facility, severity) = (priority / 8, priority % 8);
        let numbers = [(self.priority, priority), (self.facility, facility), (self.severity, severity)];
        for (slot, number) in numbers {
            if let Some(slot) = slot {
                slots.set(slot, Extracted::Int(i64::from(number)));
            }
        }
        let name = |names: &[&'static str], number: u8| names.get(usize::from(number)).map(|name| name.as_bytes());
        set_text(self.facility_name, name(&FACILITIES, facility), slots);
        set_text(self.severity_name, name(&SEVERITIES, severity), slots);
    }
}

#[inline]
fn set_text<'a>(slot: Option<Slot>, text: Option<&'a [u8]>, slots: &mut Slots<'a>) {
    if let (Some(slot), Some(text)) = (slot, text) {
        slots.set(slot, Extracted::Text(text));
    }
}

/// The length of an octet count, `123 ` before `<`; 0 without one.
fn frame_count(input: &[u8]) -> usize {
    let digits = input.iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 && input[digits..].starts_with(b" <") { digits + 1 } else { 0 }
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

    /// `<34>`, if it is there.
    fn priority(&mut self) -> Result<Option<u8>, Fault> {
        if self.input.get(self.at) != Some(&b'<') {
            return Ok(None);
        }
        let start = self.at + 1;
        let digits = self.input[start..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let close = start + digits;
        if digits == 0 || self.input.get(close) != Some(&b'>') {
            return Err(Fault::expected(self.input, close, "a priority such as <34>"));
        }
        let value = self.input[start..close].iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        match u8::try_from(value) {
            Ok(priority) if value <= MAX_PRIORITY => {
                self.at = close + 1;
                Ok(Some(priority))
            }
            _ => Err(Fault::new(start, FaultKind::OutOfRange { what: "priority", found: value, limit: MAX_PRIORITY })),
        }
    }

    /// True when a version of RFC 5424 stands here: one to three digits and a space.
    fn at_version(&self) -> bool {
        let rest = self.rest();
        let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        (1..=3).contains(&digits) && rest[0] != b'0' && rest.get(digits) == Some(&b' ')
    }

    /// The text up to the next space, which is stepped over, or to the end.
    fn word(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        self.at = (self.at + end + 1).min(self.input.len());
        &rest[..end]
    }

    fn skip_spaces(&mut self) {
        self.at += self.rest().iter().take_while(|byte| **byte == b' ').count();
    }
}
