//! `logfmt`: `level=info msg="two words" cached`.
//!
//! Pairs are separated by spaces or tabs. A key without `=` is `true`. A text without a single pair
//! is not logfmt and is refused, so that free text does not pass as an empty event. Every value is
//! text: its column gives it a type. The last of equal keys counts.

use super::error::{Fault, FaultKind};
use super::names::{KeySlots, Wanted};
use super::quoted::Quoted;
use crate::parse::fields::{Extracted, Slots};

/// A compiled `logfmt` step.
#[derive(Debug, Clone)]
pub(super) struct LogfmtDecoder {
    keys: KeySlots,
}

impl LogfmtDecoder {
    /// A decoder for the wanted names.
    pub fn compile(wanted: &Wanted<'_>) -> Self {
        Self { keys: KeySlots::new(wanted) }
    }

    /// Fills the slots from the pairs of one line.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        let mut at = 0;
        let mut pairs = 0usize;
        loop {
            at = skip_space(input, at);
            if at == input.len() {
                break;
            }
            let start = at;
            at = end_of(input, at, |byte| byte <= b' ' || byte == b'=');
            let key = &input[start..at];
            if input.get(at) != Some(&b'=') {
                self.set(key, slots, |_| Extracted::Bool(true));
                continue;
            }
            if key.is_empty() {
                return Err(Fault::expected(input, at, "a key"));
            }
            pairs += 1;
            at = self.value(input, at + 1, key, slots)?;
        }
        if pairs == 0 {
            let kind = if input.trim_ascii().is_empty() { FaultKind::Empty } else { FaultKind::NoPair };
            return Err(Fault::new(0, kind));
        }
        Ok(())
    }

    /// Reads the value at `at`; where it ends.
    #[inline]
    fn value<'a>(&self, input: &'a [u8], at: usize, key: &[u8], slots: &mut Slots<'a>) -> Result<usize, Fault> {
        if input.get(at) == Some(&b'"') {
            let quoted = Quoted::read(input, at + 1, b'"')?;
            if input.get(quoted.end).is_some_and(|next| *next > b' ') {
                return Err(Fault::expected(input, quoted.end, "a space behind the quoted text"));
            }
            self.set(key, slots, |slots| Extracted::Text(quoted.text(slots.arena())));
            return Ok(quoted.end);
        }
        let end = end_of(input, at, |byte| byte <= b' ');
        self.set(key, slots, |_| Extracted::Text(&input[at..end]));
        Ok(end)
    }

    #[inline]
    fn set<'a>(&self, key: &[u8], slots: &mut Slots<'a>, value: impl FnOnce(&Slots<'a>) -> Extracted<'a>) {
        if let Some(slot) = self.keys.slot(key) {
            slots.set(slot, value(slots));
        }
    }
}

#[inline]
fn skip_space(input: &[u8], at: usize) -> usize {
    end_of(input, at, |byte| byte > b' ')
}

#[inline]
fn end_of(input: &[u8], at: usize, ends: impl Fn(u8) -> bool) -> usize {
    let rest = input.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::testing;
    use proptest::prelude::*;

    fn extract(names: &[&str], text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        testing::extract(names, text.as_ref(), LogfmtDecoder::compile, LogfmtDecoder::decode)
    }

    #[test]
    fn pairs_quoted_pairs_and_bare_keys() {
        let line = r#"ts=2026-11-01T10:42:00Z  level=info msg="two \"words\"" http.status=200 cached empty= last=x"#;
        assert_eq!(
            extract(&["level", "msg", "http.status", "cached", "empty", "last", "none"], line).unwrap(),
            ["'info'", r#"'two \"words\"'"#, "'200'", "Bool(true)", "''", "'x'", "Absent"]
        );
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        assert_eq!(extract(&["a"], "a=1 a=2").unwrap(), ["'2'"]);
    }

    #[test]
    fn a_value_may_hold_equals_signs() {
        assert_eq!(extract(&["query"], "query=a=b&c=d x=1").unwrap(), ["'a=b&c=d'"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let fault = |text: &str| extract(&["a"], text).map_err(|fault| (fault.at, fault.kind)).unwrap_err();
        assert_eq!(fault("  "), (0, FaultKind::Empty));
        assert_eq!(fault("just some words"), (0, FaultKind::NoPair));
        assert_eq!(fault(r#"a="open"#), (7, FaultKind::Truncated { inside: "a quoted text" }));
        let expected = "a space behind the quoted text";
        assert_eq!(fault(r#"a="x"y"#), (5, FaultKind::Unexpected { expected, found: b'y' }));
        assert_eq!(fault("=1"), (0, FaultKind::Unexpected { expected: "a key", found: b'=' }));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(values in prop::collection::vec("[ -~]{0,12}", 1..5)) {
            let names = ["a", "b", "c", "d"];
            let names = &names[..values.len().min(4)];
            let quote = |value: &String| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
            let line: Vec<String> = names.iter().zip(&values).map(|(name, value)| format!("{name}={}", quote(value))).collect();
            let found = extract(names, line.join(" ")).unwrap();
            for (found, value) in found.iter().zip(&values) {
                prop_assert_eq!(found, &format!("'{}'", value.as_bytes().escape_ascii()));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "[a =\"\\\\]{0,30}") {
            let _ = extract(&["a"], bytes);
            let _ = extract(&["a"], text);
        }
    }
}
