//! `dissect`: keys with literal text between them, `%{time} [%{level}] %{+message}`.
//!
//! The way of Logstash and Elasticsearch: no backtracking, each key takes the text up to the first place where the
//! literal behind it stands, the last key takes the rest. Every value is text.
//!
//! | key | |
//! |---|---|
//! | `%{name}` | a value |
//! | `%{}`, `%{?name}` | a value that nobody wants |
//! | `%{+name}` | appended to the earlier value of this name, with the literal before it in between |
//! | `%{+name/2}` | appended in the order of the numbers |
//! | `%{name->}` | the literal behind may be repeated (padding) |
//!
//! What follows the last literal of a pattern is an error: it would be lost without a word.

use memchr::memmem::Finder;
use smallvec::SmallVec;

use super::error::{Fault, FaultKind, Problem};
use super::names::{Gives, Wanted};
use crate::parse::fields::{Extracted, Slot, Slots};

/// A compiled `dissect` step.
#[derive(Debug, Clone)]
pub(super) struct DissectDecoder {
    /// Text before the first key.
    start: Box<str>,
    keys: Vec<Key>,
    outputs: Vec<Output>,
}

/// One key of the pattern.
#[derive(Debug, Clone)]
struct Key {
    /// The literal behind the key; none behind the last.
    behind: Option<Finder<'static>>,
    /// Whether it may be repeated.
    padded: bool,
}

/// One wanted name: the keys that make its value.
#[derive(Debug, Clone)]
struct Output {
    slot: Slot,
    /// In the order in which they are put together.
    keys: Vec<usize>,
    /// The literal before each of `keys`; the first is not used.
    joints: Vec<Box<str>>,
}

/// A key as it is written.
#[derive(Debug, Clone, PartialEq)]
struct Written<'p> {
    name: &'p str,
    /// `+`, with the number behind `/` or the place in the pattern.
    append: Option<u32>,
    skip: bool,
    padded: bool,
    /// The literal behind.
    behind: &'p str,
}

impl DissectDecoder {
    /// A decoder for this pattern and the wanted names.
    pub fn compile(pattern: &str, wanted: &Wanted<'_>) -> Result<Self, Problem> {
        let (start, written) = parse(pattern)?;
        let mut outputs: Vec<Output> = Vec::new();
        for (name, slot) in wanted.iter() {
            let mut parts: Vec<(u32, usize)> = (0..)
                .zip(&written)
                .filter(|(_, key)| key.name == name && !key.skip)
                .map(|(index, key)| (key.append.unwrap_or(0), index))
                .collect();
            if parts.is_empty() {
                continue;
            }
            parts.sort();
            // The first key has nothing before it: `%{+a/2} %{+a/1}` joins with what is behind it.
            let before = |index: usize| written[index.saturating_sub(1)].behind;
            outputs.push(Output {
                slot,
                keys: parts.iter().map(|(_, index)| *index).collect(),
                joints: parts.iter().map(|(_, index)| before(*index).into()).collect(),
            });
        }
        let last = written.len() - 1;
        let keys = written.iter().enumerate().map(|(index, key)| Key {
            behind: (index < last || !key.behind.is_empty()).then(|| Finder::new(key.behind).into_owned()),
            padded: key.padded,
        });
        Ok(Self { start: start.into(), keys: keys.collect(), outputs })
    }

    /// What a line gives.
    pub fn gives(pattern: &str) -> Gives {
        let written = parse(pattern).map(|(_, keys)| keys).unwrap_or_default();
        Gives::names(written.iter().filter(|key| !key.skip).map(|key| key.name))
    }

    /// Fills the slots from one line.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        if !input.starts_with(self.start.as_bytes()) {
            return Err(missing(0, self.start.as_bytes()));
        }
        let mut at = self.start.len();
        let mut values: SmallVec<[&'a [u8]; 16]> = SmallVec::new();
        for key in &self.keys {
            let rest = &input[at..];
            let Some(literal) = &key.behind else {
                values.push(rest);
                at = input.len();
                break;
            };
            let end = literal.find(rest).ok_or_else(|| missing(at, literal.needle()))?;
            values.push(&rest[..end]);
            at += end + literal.needle().len();
            while key.padded && input[at..].starts_with(literal.needle()) {
                at += literal.needle().len();
            }
        }
        if at < input.len() {
            return Err(Fault::new(at, FaultKind::Trailing { count: input.len() - at }));
        }
        for output in &self.outputs {
            slots.set(output.slot, Extracted::Text(output.text(&values, slots)));
        }
        Ok(())
    }
}

impl Output {
    fn text<'a>(&self, values: &[&'a [u8]], slots: &Slots<'a>) -> &'a [u8] {
        let value = |key: usize| values.get(key).copied().unwrap_or_default();
        if let [only] = self.keys[..] {
            return value(only);
        }
        let mut text = bumpalo::collections::Vec::new_in(slots.arena());
        for (place, (key, joint)) in self.keys.iter().zip(&self.joints).enumerate() {
            if place > 0 {
                text.extend_from_slice_copy(joint.as_bytes());
            }
            text.extend_from_slice_copy(value(*key));
        }
        text.into_bump_slice()
    }
}

#[cold]
fn missing(at: usize, literal: &[u8]) -> Fault {
    Fault::new(at, FaultKind::MissingLiteral { literal: String::from_utf8_lossy(literal).into() })
}

/// The text before the first key, and the keys.
fn parse(pattern: &str) -> Result<(&str, Vec<Written<'_>>), Problem> {
    let problem = |message: String, remedy: &str| Problem::new("dissect.pattern", message, remedy);
    let mut sections = pattern.split("%{");
    let start = sections.next().unwrap_or_default();
    let mut keys = Vec::new();
    for section in sections {
        let Some((key, behind)) = section.split_once('}') else {
            return Err(problem(format!("`%{{{section}` has no closing brace"), "Close the key with `}`"));
        };
        let place = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        keys.push(written(key, behind, place)?);
    }
    if keys.is_empty() {
        return Err(problem(
            "the pattern has no key".to_owned(),
            "Name what to extract, such as `%{level} %{message}`",
        ));
    }
    let last = keys.len() - 1;
    if let Some(touching) = keys[..last].iter().find(|key| key.behind.is_empty()) {
        return Err(problem(
            format!("no text stands between `%{{{}}}` and the key behind it", touching.name),
            "Put the text that separates them between the keys",
        ));
    }
    for (index, key) in keys.iter().enumerate() {
        let earlier = || keys[..index].iter().any(|other| other.name == key.name && !other.skip);
        if key.append.is_none() && !key.skip && earlier() {
            return Err(problem(
                format!("`%{{{}}}` stands twice", key.name),
                "Append the second one with `+`, or give it a name of its own",
            ));
        }
    }
    Ok((start, keys))
}

fn written<'p>(key: &'p str, behind: &'p str, place: u32) -> Result<Written<'p>, Problem> {
    let problem = |message: String, remedy: &str| Problem::new("dissect.pattern", message, remedy);
    let (key, padded) = key.strip_suffix("->").map_or((key, false), |key| (key, true));
    if key.starts_with(['*', '&']) {
        return Err(problem(
            format!("`%{{{key}}}` takes its name from the line"),
            "Use `keyValue` for pairs, or name the key here: columns are fixed by the schema",
        ));
    }
    if let Some(name) = key.strip_prefix('?') {
        return Ok(Written { name, append: None, skip: true, padded, behind });
    }
    let Some(name) = key.strip_prefix('+') else {
        return Ok(Written { name: key, append: None, skip: key.is_empty(), padded, behind });
    };
    let (name, order) = match name.rsplit_once('/') {
        Some((name, order)) => match order.parse() {
            Ok(order) => (name, order),
            Err(_) => {
                return Err(problem(format!("`{order}` behind `/` is not a number"), "Write it as `%{+name/2}`"));
            }
        },
        None => (name, place),
    };
    if name.is_empty() {
        return Err(problem("`%{+}` appends to nothing".to_owned(), "Name the value, such as `%{+message}`"));
    }
    Ok(Written { name, append: Some(order), skip: false, padded, behind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::testing;
    use crate::parse::fields::SlotTable;
    use proptest::prelude::*;

    fn extract(pattern: &str, names: &[&str], text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        let compile = |wanted: &Wanted<'_>| DissectDecoder::compile(pattern, wanted).unwrap();
        testing::extract(names, text.as_ref(), compile, DissectDecoder::decode)
    }

    #[test]
    fn keys_take_the_text_between_literals() {
        let pattern = "%{client} - %{?ident} [%{time}] \"%{verb} %{} %{http}\" %{status}";
        let line = r#"1.2.3.4 - - [30/Apr/1998:22:00:52 +0000] "GET /a HTTP/1.0" 200"#;
        assert_eq!(
            extract(pattern, &["client", "time", "verb", "status", "ident"], line).unwrap(),
            ["'1.2.3.4'", "'30/Apr/1998:22:00:52 +0000'", "'GET'", "'200'", "Absent"]
        );
    }

    #[test]
    fn padding_is_stepped_over() {
        assert_eq!(extract("%{level->} %{text}", &["level", "text"], "INFO     x  y").unwrap(), ["'INFO'", "'x  y'"]);
        assert_eq!(extract("[%{ts}]%{->} [%{id}]", &["ts", "id"], "[1]   [2]").unwrap(), ["'1'", "'2'"]);
    }

    #[test]
    fn appended_values_keep_what_stood_between_them() {
        let pattern = "%{ts} %{+ts} %{+ts} %{host}";
        assert_eq!(
            extract(pattern, &["ts", "host"], "Mar 16 00:01:25 evita").unwrap(),
            ["'Mar 16 00:01:25'", "'evita'"]
        );
        assert_eq!(extract("%{+a/2} %{+a/1} %{+a/4} %{+a/3}", &["a"], "1 2 3 go").unwrap(), ["'2 1 go 3'"]);
        let ordered = "%{+a/2} %{+a/4},%{+a/1};%{+a/3}";
        assert_eq!(extract(ordered, &["a"], "two four,one;three").unwrap(), ["'one two;three four'"]);
    }

    #[test]
    fn a_key_may_be_empty() {
        assert_eq!(extract("%{a},%{b},%{c}", &["a", "b", "c"], ",,").unwrap(), ["''", "''", "''"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let fault =
            |pattern, text: &str| extract(pattern, &["a"], text).map_err(|fault| (fault.at, fault.kind)).unwrap_err();
        let literal = |text: &str| FaultKind::MissingLiteral { literal: text.into() };
        assert_eq!(fault("[%{a}] %{b}", "x"), (0, literal("[")));
        assert_eq!(fault("[%{a}] %{b}", "[x y"), (1, literal("] ")));
        assert_eq!(fault("[%{a}]", "[x] y"), (3, FaultKind::Trailing { count: 2 }));
    }

    #[test]
    fn patterns_that_cannot_work_are_refused() {
        let table = SlotTable::new();
        let refused = |pattern| DissectDecoder::compile(pattern, &Wanted::new(&table, "")).unwrap_err().message;
        assert_eq!(refused("no key"), "the pattern has no key");
        assert_eq!(refused("%{a} %{b"), "`%{b` has no closing brace");
        assert_eq!(refused("%{a}%{b}"), "no text stands between `%{a}` and the key behind it");
        assert_eq!(refused("%{a} %{a}"), "`%{a}` stands twice");
        assert_eq!(refused("%{*a}=%{&a}"), "`%{*a}` takes its name from the line");
        assert_eq!(refused("%{+a/x} %{b}"), "`x` behind `/` is not a number");
        assert_eq!(refused("%{+} %{b}"), "`%{+}` appends to nothing");
    }

    proptest! {
        #[test]
        fn arbitrary_patterns_and_bytes_never_panic(pattern in "[%{}ab +?/0-9>\\-]{0,30}", bytes: Vec<u8>, text in "[ab ]{0,20}") {
            let table = SlotTable::new();
            if DissectDecoder::compile(&pattern, &Wanted::new(&table, "")).is_ok() {
                let _ = extract(&pattern, &["a", "b"], bytes);
                let _ = extract(&pattern, &["a", "b"], text);
            }
        }

        #[test]
        fn what_was_put_together_is_taken_apart(a in "[a-z ]{0,8}", b in "[a-z ]{0,8}", c in "[a-z|]{0,8}") {
            let found = extract("<%{a}>|<%{b}>|%{c}", &["a", "b", "c"], format!("<{a}>|<{b}>|{c}")).unwrap();
            prop_assert_eq!(found, [a, b, c].map(|text| format!("'{text}'")));
        }
    }
}
