//! A quick "this text cannot match", so that a line with nothing to redact costs little.
//!
//! From the pattern's syntax tree come two facts that every match must fulfil: its least length, and a set of bytes of which it
//! holds at least one (`@` for a mail address). A text that is shorter, or holds none of them, is not searched.

use regex_syntax::hir::{Class, Hir, HirKind};

/// What every match of a pattern needs.
#[derive(Debug, Clone)]
pub(super) struct Prefilter {
    least_length: usize,
    bytes: Bytes,
}

#[derive(Debug, Clone)]
enum Bytes {
    Any,
    One(u8),
    Two(u8, u8),
    Three(u8, u8, u8),
    Set(Box<[bool; 256]>),
}

impl Prefilter {
    /// The prefilter of a pattern.
    pub fn new(tree: &Hir) -> Self {
        let least_length = tree.properties().minimum_len().unwrap_or(0);
        let set = required(tree).filter(|set| cost(set) < USEFUL);
        let bytes = set.map_or(Bytes::Any, |set| {
            let members: Vec<u8> = (0..=255).filter(|byte| set[usize::from(*byte)]).collect();
            match members[..] {
                [one] => Bytes::One(one),
                [one, two] => Bytes::Two(one, two),
                [one, two, three] => Bytes::Three(one, two, three),
                _ => Bytes::Set(Box::new(set)),
            }
        });
        Self { least_length, bytes }
    }

    /// False when the pattern cannot match in `text`.
    #[inline]
    pub fn may_match(&self, text: &[u8]) -> bool {
        if text.len() < self.least_length {
            return false;
        }
        match &self.bytes {
            Bytes::Any => true,
            Bytes::One(one) => memchr::memchr(*one, text).is_some(),
            Bytes::Two(one, two) => memchr::memchr2(*one, *two, text).is_some(),
            Bytes::Three(one, two, three) => memchr::memchr3(*one, *two, *three, text).is_some(),
            Bytes::Set(set) => text.iter().any(|byte| set[usize::from(*byte)]),
        }
    }
}

/// Sets that cost more than this are in nearly every text.
const USEFUL: u32 = 400;

/// A rough weight of how often a byte stands in log text.
fn weight(byte: u8) -> u32 {
    match byte {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' => 60,
        b'a'..=b'z' => 25,
        b'0'..=b'9' => 20,
        b'.' | b'-' | b':' | b'/' | b'_' | b'=' | b'"' | b',' => 15,
        b'A'..=b'Z' => 6,
        0x80.. => 1,
        _ => 3,
    }
}

fn cost(set: &[bool; 256]) -> u32 {
    (0..=255u8).filter(|byte| set[usize::from(*byte)]).map(weight).sum()
}

/// A set of bytes of which every match holds at least one; none when there is no such set.
fn required(tree: &Hir) -> Option<[bool; 256]> {
    match tree.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(literal) => {
            let rarest = literal.0.iter().copied().min_by_key(|byte| weight(*byte))?;
            let mut set = [false; 256];
            set[usize::from(rarest)] = true;
            Some(set)
        }
        HirKind::Class(class) => Some(class_bytes(class)),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Repetition(_) => None,
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(required).min_by_key(cost),
        HirKind::Alternation(parts) => {
            let mut union = [false; 256];
            for part in parts {
                let set = required(part)?;
                union.iter_mut().zip(set).for_each(|(mine, theirs)| *mine |= theirs);
            }
            Some(union)
        }
    }
}

/// Every byte that a character of the class is made of; beyond ASCII, all bytes that are not ASCII.
fn class_bytes(class: &Class) -> [bool; 256] {
    let mut set = [false; 256];
    match class {
        Class::Bytes(bytes) => {
            for range in bytes.ranges() {
                set[usize::from(range.start())..=usize::from(range.end())].fill(true);
            }
        }
        Class::Unicode(characters) => {
            for range in characters.ranges() {
                let start = (range.start() as usize).min(0x80);
                let end = range.end() as usize;
                set[start..=end.min(0x7f).max(start)].fill(true);
                if end >= 0x80 {
                    set[0x80..].fill(true);
                }
            }
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::regexes;
    use proptest::prelude::*;

    fn prefilter(pattern: &str) -> Prefilter {
        Prefilter::new(&regexes::compile(pattern).unwrap().tree)
    }

    #[test]
    fn the_rarest_necessary_byte_decides() {
        let mail = prefilter(r"[\w.+-]+@[\w-]+\.[\w.]+");
        assert!(matches!(mail.bytes, Bytes::One(b'@')));
        assert!(!mail.may_match(b"nobody here, at all of these words."));
        assert!(mail.may_match(b"x@y.zz"));
        let card = prefilter(r"\b(?:[0-9]{4}[ -]?){3}[0-9]{4}\b");
        assert_eq!(card.least_length, 16);
        assert!(!card.may_match(b"4111 1111 1111"));
        assert!(!card.may_match(b"no digit in this text at all"));
        assert!(card.may_match(b"4111-1111-1111-1111"));
        assert!(matches!(prefilter(r"password=\S+|token:\S+").bytes, Bytes::Two(..)));
        assert!(matches!(prefilter(r"\w+").bytes, Bytes::Any));
        assert!(matches!(prefilter("ab|").bytes, Bytes::Any));
    }

    proptest! {
        #[test]
        fn a_text_that_is_ruled_out_does_not_match(
            pattern in r"(\(\?i\))?([a-k@=]|é|\[a-c\]|\[\^x\]|\\d|\\W|\.|\(a\|é\)|\(K\|b=\))([*+?]|\{2\})?([a-k@=]|\\s|\\b|x)([*+?]|\{2,3\})?(\|[a-c@]+)?",
            text in "[a-kK @=é0-9x]{0,12}",
            bytes: Vec<u8>,
        ) {
            let compiled = regexes::compile(&pattern).unwrap();
            let prefilter = Prefilter::new(&compiled.tree);
            for text in [text.as_bytes(), &bytes] {
                prop_assert!(prefilter.may_match(text) || !compiled.regex.is_match(text), "{pattern} on {text:?}");
            }
        }
    }
}
