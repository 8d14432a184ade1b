//! `keyValue`: pairs with separators of the manifest's own, such as `a=1, b=2` or `a:1|b:'x|y'`.
//!
//! Empty fields between separators are stepped over. A field without the pair separator is a key that is
//! `true`. Spaces around keys and values do not count, unless the field separator begins with one: then a space ends
//! the value. Quotes may enclose a key or a value; inside, a backslash escapes. Every value is text. The last
//! of equal keys counts.

use memchr::memmem::Finder;

use super::error::{Fault, FaultKind, Problem};
use super::names::{KeySlots, Wanted};
use super::quoted::Quoted;
use crate::parse::fields::{Extracted, Slots};

/// A compiled `keyValue` step.
#[derive(Debug, Clone)]
pub(super) struct KeyValueDecoder {
    keys: KeySlots,
    field: Finder<'static>,
    pair: Finder<'static>,
    quote: u8,
    /// Whether spaces around a value do not count.
    trims: bool,
}

/// One side of a pair.
struct Side<'a> {
    text: &'a [u8],
    end: usize,
}

impl KeyValueDecoder {
    /// A decoder with these separators for the wanted names.
    pub fn compile(field: &str, pair: &str, quote: &str, wanted: &Wanted<'_>) -> Result<Self, Problem> {
        for (path, separator) in [("keyValue.fieldSeparator", field), ("keyValue.pairSeparator", pair)] {
            if separator.is_empty() {
                return Err(Problem::new(path, "the separator is empty", "Give at least one character"));
            }
        }
        if field == pair {
            return Err(Problem::new(
                "keyValue.pairSeparator",
                format!("pairs and fields have the same separator `{field}`"),
                "Give `fieldSeparator` and `pairSeparator` different text",
            ));
        }
        let [quote] = *quote.as_bytes() else {
            return Err(Problem::new(
                "keyValue.quote",
                "the quote is not one ASCII character",
                "Use a single character such as `\"`",
            ));
        };
        Ok(Self {
            keys: KeySlots::new(wanted),
            field: Finder::new(field).into_owned(),
            pair: Finder::new(pair).into_owned(),
            quote,
            trims: !field.starts_with(|first: char| first.is_ascii_whitespace()),
        })
    }

    /// Fills the slots from the pairs of one line.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        let mut at = 0;
        let mut pairs = 0usize;
        loop {
            at = self.next_field(input, at);
            if at == input.len() {
                break;
            }
            let key = self.key(input, at, slots)?;
            if input[key.end..].starts_with(self.pair.needle()) {
                pairs += 1;
                let value = self.value(input, key.end + self.pair.needle().len(), slots)?;
                at = value.end;
                self.set(key.text, Extracted::Text(value.text), slots);
            } else {
                at = key.end;
                self.set(key.text, Extracted::Bool(true), slots);
            }
        }
        if pairs == 0 {
            let kind = if input.trim_ascii().is_empty() { FaultKind::Empty } else { FaultKind::NoPair };
            return Err(Fault::new(0, kind));
        }
        Ok(())
    }

    fn set<'a>(&self, key: &[u8], value: Extracted<'a>, slots: &mut Slots<'a>) {
        if let Some(slot) = self.keys.slot(key) {
            slots.set(slot, value);
        }
    }

    /// Steps over separators and spaces.
    fn next_field(&self, input: &[u8], mut at: usize) -> usize {
        loop {
            at = skip_spaces(input, at);
            if !input[at..].starts_with(self.field.needle()) {
                return at;
            }
            at += self.field.needle().len();
        }
    }

    /// The key at `at`; it ends at a pair separator, a field separator or the end.
    fn key<'a>(&self, input: &'a [u8], at: usize, slots: &Slots<'a>) -> Result<Side<'a>, Fault> {
        if input.get(at) == Some(&self.quote) {
            let quoted = Quoted::read(input, at + 1, self.quote)?;
            let end = self.behind_quote(input, quoted.end, true)?;
            return Ok(Side { text: quoted.text(slots.arena()), end });
        }
        let rest = &input[at..];
        let field = self.field.find(rest).unwrap_or(rest.len());
        // Both may begin at the same byte (" " and " = "): then the pair separator counts.
        let reach = (field + self.pair.needle().len()).min(rest.len());
        let end = self.pair.find(&rest[..reach]).map_or(field, |pair| pair.min(field));
        if end == 0 {
            return Err(Fault::expected(input, at, "a key"));
        }
        Ok(Side { text: rest[..end].trim_ascii(), end: at + end })
    }

    /// The value at `at`; it ends at a field separator or the end.
    fn value<'a>(&self, input: &'a [u8], at: usize, slots: &Slots<'a>) -> Result<Side<'a>, Fault> {
        let start = if self.trims { skip_spaces(input, at) } else { at };
        if input.get(start) == Some(&self.quote) {
            let quoted = Quoted::read(input, start + 1, self.quote)?;
            let end = self.behind_quote(input, quoted.end, false)?;
            return Ok(Side { text: quoted.text(slots.arena()), end });
        }
        let rest = &input[start..];
        let end = self.field.find(rest).unwrap_or(rest.len());
        let text = if self.trims { rest[..end].trim_ascii() } else { &rest[..end] };
        Ok(Side { text, end: start + end })
    }

    /// Where the separator behind a closing quote begins.
    fn behind_quote(&self, input: &[u8], at: usize, key: bool) -> Result<usize, Fault> {
        let spaces = if self.trims || key { skip_spaces(input, at) } else { at };
        for at in [at, spaces] {
            let rest = &input[at..];
            let ends = rest.is_empty() || rest.starts_with(self.field.needle());
            if ends || (key && rest.starts_with(self.pair.needle())) {
                return Ok(at);
            }
        }
        Err(Fault::expected(input, at, "a separator behind the quoted text"))
    }
}

fn skip_spaces(input: &[u8], at: usize) -> usize {
    let rest = &input[at..];
    at + rest.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::testing;
    use proptest::prelude::*;

    fn extract_with(separators: [&str; 3], names: &[&str], text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        let [field, pair, quote] = separators;
        let compile = |wanted: &Wanted<'_>| KeyValueDecoder::compile(field, pair, quote, wanted).unwrap();
        testing::extract(names, text.as_ref(), compile, KeyValueDecoder::decode)
    }

    #[test]
    fn spaces_and_equals_signs() {
        let found = extract_with([" ", "=", "\""], &["a", "b", "c", "d"], r#"a=1  b="x y" c= flag d=e=f"#);
        assert_eq!(found.unwrap(), ["'1'", "'x y'", "''", "'e=f'"]);
    }

    #[test]
    fn commas_with_spaces_around_everything() {
        let found = extract_with([",", ":", "'"], &["user", "path", "ok"], "user : bob ,path: '/a,b' , ok,, ");
        assert_eq!(found.unwrap(), ["'bob'", "'/a,b'", "Bool(true)"]);
    }

    #[test]
    fn separators_of_several_characters() {
        let found = extract_with(["||", "=>", "\""], &["a", "b"], "a=>1|2||b=>x=>y");
        assert_eq!(found.unwrap(), ["'1|2'", "'x=>y'"]);
        let found = extract_with([" ", " = ", "\""], &["a", "b"], "a = 1 b = 2");
        assert_eq!(found.unwrap(), ["'1'", "'2'"]);
    }

    #[test]
    fn quoted_keys() {
        let found = extract_with([";", "=", "\""], &["a b", "c"], r#""a b"=1;"c" = "x\"y""#);
        assert_eq!(found.unwrap(), ["'1'", r#"'x\"y'"#]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let fault = |text: &str| {
            extract_with([",", "=", "\""], &["a"], text).map_err(|fault| (fault.at, fault.kind)).unwrap_err()
        };
        assert_eq!(fault(""), (0, FaultKind::Empty));
        assert_eq!(fault("some words"), (0, FaultKind::NoPair));
        assert_eq!(fault("=1"), (0, FaultKind::Unexpected { expected: "a key", found: b'=' }));
        let expected = "a separator behind the quoted text";
        assert_eq!(fault(r#"a="x"y"#), (5, FaultKind::Unexpected { expected, found: b'y' }));
    }

    #[test]
    fn separators_that_cannot_work_are_refused() {
        let table = crate::parse::fields::SlotTable::new();
        let problem = |field, pair, quote| {
            KeyValueDecoder::compile(field, pair, quote, &Wanted::new(&table, "")).unwrap_err().field
        };
        assert_eq!(problem("=", "=", "\""), "keyValue.pairSeparator");
        assert_eq!(problem(",", "=", "''"), "keyValue.quote");
        assert_eq!(problem("", "=", "'"), "keyValue.fieldSeparator");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes: Vec<u8>,
            text in "[a =,:\"\\\\]{0,30}",
            field in "[ ,:=]{1,2}",
            pair in "[ ,:=]{1,3}",
        ) {
            prop_assume!(field != pair);
            let _ = extract_with([&field, &pair, "\""], &["a"], bytes);
            let _ = extract_with([&field, &pair, "\""], &["a"], text);
        }
    }
}
