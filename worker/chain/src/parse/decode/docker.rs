//! `docker`: the JSON envelope of Docker's `json-file` driver.
//!
//! ```text
//!  {"log":"the line\n","stream":"stdout","time":"2026-11-01T10:42:00.5Z","attrs":{"tag":"x"}}
//! ```
//!
//! `log` loses its line end. Docker cuts long lines into envelopes of 16 KiB; only the last one ends with a
//! line end, so an envelope without one is `partial`, and who reads the stream joins the pieces.

use super::error::{Fault, FaultKind};
use super::json::JsonDecoder;
use super::names::{Gives, Wanted};
use crate::parse::fields::{Extracted, Slot, Slots};

/// A compiled `docker` step.
#[derive(Debug, Clone)]
pub(super) struct DockerDecoder {
    envelope: JsonDecoder,
    log: Slot,
    partial: Option<Slot>,
}

impl DockerDecoder {
    /// A decoder for the wanted names. `log` is the slot of the payload, which the chain always wants.
    pub fn compile(log: Slot, wanted: &Wanted<'_>) -> Self {
        Self { envelope: JsonDecoder::compile(wanted), log, partial: wanted.slot("partial") }
    }

    /// What a line gives.
    pub fn gives() -> Gives {
        let names = ["log", "stream", "time", "partial"].map(str::to_owned).to_vec();
        Gives::Names { names, prefixes: vec!["attrs"] }
    }

    /// Fills the slots from one envelope.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        slots.set(self.log, Extracted::Absent);
        self.envelope.decode(input, slots)?;
        let Extracted::Text(log) = slots.get(self.log) else {
            return Err(Fault::new(0, FaultKind::MissingValue { name: "log".into() }));
        };
        let line = log.strip_suffix(b"\n");
        let text = line.map_or(log, |line| line.strip_suffix(b"\r").unwrap_or(line));
        slots.set(self.log, Extracted::Text(text));
        if let Some(slot) = self.partial {
            slots.set(slot, Extracted::Bool(line.is_none()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::testing;
    use proptest::prelude::*;

    fn extract(text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        let names = ["log", "stream", "time", "partial", "attrs.tag"];
        let compile = |wanted: &Wanted<'_>| DockerDecoder::compile(Slot(0), wanted);
        testing::extract(&names, text.as_ref(), compile, DockerDecoder::decode)
    }

    #[test]
    fn a_whole_line_loses_its_line_end() {
        let line = r#"{"log":"17:35 INFO x\n","stream":"stdout","time":"2026-11-01T10:42:00.5Z","attrs":{"tag":"t"}}"#;
        assert_eq!(
            extract(line).unwrap(),
            ["'17:35 INFO x'", "'stdout'", "'2026-11-01T10:42:00.5Z'", "Bool(false)", "'t'"]
        );
        assert_eq!(extract(r#"{"log":"x\r\n"}"#).unwrap()[0], "'x'");
        assert_eq!(extract(r#"{"log":"\n"}"#).unwrap()[0], "''");
    }

    #[test]
    fn a_piece_is_partial_and_stays_as_it_is() {
        assert_eq!(
            extract(r#"{"log":"a piece ","stream":"stderr"}"#).unwrap()[..4],
            ["'a piece '", "'stderr'", "Absent", "Bool(true)"]
        );
    }

    #[test]
    fn json_without_a_log_is_no_envelope() {
        let kind = extract(r#"{"msg":"x"}"#).unwrap_err().kind;
        assert_eq!(kind, FaultKind::MissingValue { name: "log".into() });
        assert!(extract(r#"{"log":{"a":1}}"#).is_err());
        assert!(extract("plain").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = extract(&bytes);
            let _ = extract([b"{\"log\":\"".as_slice(), &bytes, b"\"}"].concat());
        }
    }
}
