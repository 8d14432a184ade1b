//! `cri`: the line format of Kubernetes container runtimes.
//!
//! ```text
//!  2016-10-06T00:17:09.669794202Z stdout P the first part of a lon
//!  time                           stream tag message
//! ```
//!
//! The runtime cuts long lines: tag `P` marks a piece that goes on in the next line, `F` the last or only piece.
//! The decoder is stateless, it gives the flag as `partial`; who reads the stream joins the pieces.

use super::error::Fault;
use super::names::{Gives, Wanted};
use crate::parse::fields::{Extracted, Slot, Slots};

/// A compiled `cri` step.
#[derive(Debug, Clone)]
pub(super) struct CriDecoder {
    time: Option<Slot>,
    stream: Option<Slot>,
    tag: Option<Slot>,
    partial: Option<Slot>,
    message: Option<Slot>,
}

impl CriDecoder {
    /// A decoder for the wanted names.
    pub fn compile(wanted: &Wanted<'_>) -> Self {
        Self {
            time: wanted.slot("time"),
            stream: wanted.slot("stream"),
            tag: wanted.slot("tag"),
            partial: wanted.slot("partial"),
            message: wanted.slot("message"),
        }
    }

    /// What a line gives.
    pub fn gives() -> Gives {
        Gives::names(["time", "stream", "tag", "partial", "message"])
    }

    /// Fills the slots from one line.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        let (time, at) = word(input, 0, "a time")?;
        if !(time.len() >= 20 && time[0].is_ascii_digit() && time[10] == b'T') {
            return Err(Fault::expected(input, 0, "a time such as 2026-11-01T10:42:00Z"));
        }
        let (stream, tag_at) = word(input, at, "a stream")?;
        if !matches!(stream, b"stdout" | b"stderr") {
            return Err(Fault::expected(input, at, "`stdout` or `stderr`"));
        }
        // A last piece without text may have lost the space behind its tag.
        let rest = &input[tag_at..];
        let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        let tag = &rest[..end];
        // More tags may follow behind colons.
        let partial = match tag {
            [b'P'] | [b'P', b':', ..] => true,
            [b'F'] | [b'F', b':', ..] => false,
            _ => return Err(Fault::expected(input, tag_at, "tag `P` or `F`")),
        };
        let message = rest.get(end + 1..).unwrap_or_default();
        let text = [(self.time, time), (self.stream, stream), (self.tag, tag), (self.message, message)];
        for (slot, text) in text {
            if let Some(slot) = slot {
                slots.set(slot, Extracted::Text(text));
            }
        }
        if let Some(slot) = self.partial {
            slots.set(slot, Extracted::Bool(partial));
        }
        Ok(())
    }
}

/// The word at `at`, and where the next begins.
fn word<'a>(input: &'a [u8], at: usize, expected: &'static str) -> Result<(&'a [u8], usize), Fault> {
    let rest = &input[at..];
    match memchr::memchr(b' ', rest) {
        Some(end) => Ok((&rest[..end], at + end + 1)),
        None => Err(Fault::expected(input, input.len(), expected)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::error::FaultKind;
    use crate::parse::decode::testing;
    use proptest::prelude::*;

    fn extract(text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        let names = ["time", "stream", "tag", "partial", "message"];
        testing::extract(&names, text.as_ref(), CriDecoder::compile, CriDecoder::decode)
    }

    #[test]
    fn whole_lines_and_pieces() {
        let time = "'2016-10-06T00:17:09.669794202Z'";
        assert_eq!(
            extract("2016-10-06T00:17:09.669794202Z stdout F a  message ").unwrap(),
            [time, "'stdout'", "'F'", "Bool(false)", "'a  message '"]
        );
        assert_eq!(
            extract("2016-10-06T00:17:09.669794202Z stderr P:x piece").unwrap(),
            [time, "'stderr'", "'P:x'", "Bool(true)", "'piece'"]
        );
    }

    #[test]
    fn a_last_piece_may_be_empty() {
        assert_eq!(extract("2016-10-06T00:17:09+02:00 stdout F ").unwrap()[4], "''");
        assert_eq!(extract("2016-10-06T00:17:09+02:00 stdout F").unwrap()[4], "''");
    }

    #[test]
    fn other_lines_are_refused() {
        let fault = |text: &str| extract(text).map_err(|fault| (fault.at, fault.kind)).unwrap_err();
        assert_eq!(fault(""), (0, FaultKind::Truncated { inside: "a time" }));
        assert_eq!(fault("hello world").0, 0);
        assert_eq!(fault("2016-10-06T00:17:09.669794202Z stdin F x").0, 31);
        assert_eq!(fault("2016-10-06T00:17:09.669794202Z stdout X x").0, 38);
        assert_eq!(
            fault("2016-10-06T00:17:09.669794202Z stdout "),
            (38, FaultKind::Truncated { inside: "tag `P` or `F`" })
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = extract(&bytes);
            let _ = extract([b"2016-10-06T00:17:09.669794202Z stdout ".as_slice(), &bytes].concat());
        }
    }
}
