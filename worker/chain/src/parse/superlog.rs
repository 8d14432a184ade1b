//! superlog: lines above a size.
//!
//! A line above `maxBytes` is cut, and both facts, how long it was and how much was kept, go with the event. With
//! `claimCheck` whoever reads the source has put the whole line into the object store before, and the reference
//! goes along too (a failing upload blocks the reader, rule R5; it does not cut the line instead). The reader need not keep more than
//! [`SizeRule::keep`] bytes of any line, so a line of 200 MB costs no more than one of 256 KiB.
//!
//! ```text
//!  RawLine { bytes: a prefix, superlog? } ──SizeRule──► Sized { bytes, facts? }
//!                                                               └► logloom.original_bytes, …
//! ```

use crate::log::RawLine;
use logloom_crds::manifest::{Superlog as SuperlogSpec, SuperlogAction};
use xxhash_rust::xxh3::xxh3_128;

/// Extracted name of the line's length in bytes; absent for lines within the bound.
pub const ORIGINAL_BYTES: &str = "logloom.original_bytes";
/// Extracted name of how many bytes were parsed; absent for lines within the bound.
pub const KEPT_BYTES: &str = "logloom.kept_bytes";
/// Extracted name of the reference to the whole line in the object store.
pub const REFERENCE: &str = "logloom.reference";
/// Extracted name of the whole line's XXH3-128, 32 hexadecimal digits.
pub const DIGEST: &str = "logloom.digest";

/// What is recorded of a superlog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    /// Length of the whole line in bytes.
    pub original_bytes: u64,
    /// Bytes that were parsed.
    pub kept_bytes: u64,
    /// XXH3-128 of the whole line; none for a line that was joined from pieces.
    pub digest: Option<u128>,
    /// Where the whole line is kept; none when it was truncated.
    pub reference: Option<&'a str>,
}

/// A line within the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sized<'a> {
    /// What is parsed.
    pub bytes: &'a [u8],
    /// Of a superlog, what was done to it.
    pub facts: Option<Facts<'a>>,
}

/// The size rule of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRule {
    max_bytes: usize,
    claim_check: bool,
}

impl SizeRule {
    /// The rule.
    pub fn new(superlog: &SuperlogSpec) -> Self {
        Self {
            max_bytes: superlog.max_bytes.as_usize().max(1),
            claim_check: superlog.action == SuperlogAction::ClaimCheck,
        }
    }

    /// Bytes of a line that a reader has to keep in memory.
    pub fn keep(&self) -> usize {
        self.max_bytes
    }

    /// True when the reader is to put superlogs into the object store. What it puts there passes
    /// [`redact_raw`](crate::parse::program::ParseProgram::redact_raw) first, as everything that leaves.
    pub fn wants_claim_check(&self) -> bool {
        self.claim_check
    }

    /// Cuts a superlog at the bound, before a character that would not fit whole.
    #[inline]
    pub fn apply<'a>(&self, line: RawLine<'a>) -> Sized<'a> {
        if line.superlog.is_none() && line.bytes.len() <= self.max_bytes {
            return Sized { bytes: line.bytes, facts: None };
        }
        let bytes = cut(line.bytes, self.max_bytes);
        let here = line.bytes.len() as u64;
        let facts = match line.superlog {
            Some(superlog) => Facts {
                original_bytes: superlog.full_length.max(here),
                kept_bytes: bytes.len() as u64,
                digest: Some(superlog.digest),
                reference: superlog.reference,
            },
            None => Facts {
                original_bytes: here,
                kept_bytes: bytes.len() as u64,
                digest: Some(xxh3_128(line.bytes)),
                reference: None,
            },
        };
        Sized { bytes, facts: Some(facts) }
    }

    /// The same for a line joined from pieces, of which `text` is the beginning.
    pub fn apply_joined<'a>(&self, text: &'a [u8], full_length: u64) -> Sized<'a> {
        if full_length <= self.max_bytes as u64 {
            return Sized { bytes: text, facts: None };
        }
        let bytes = cut(text, self.max_bytes);
        let kept_bytes = bytes.len() as u64;
        Sized { bytes, facts: Some(Facts { original_bytes: full_length, kept_bytes, digest: None, reference: None }) }
    }
}

/// At most `length` bytes, without half of a UTF-8 character at the end.
pub(super) fn cut(bytes: &[u8], length: usize) -> &[u8] {
    let Some(next) = bytes.get(length) else {
        return bytes;
    };
    let mut end = length;
    if is_continuation(*next) {
        // At most three bytes back stands the byte that begins the character, in UTF-8.
        let back = bytes[..length].iter().rev().take(3).take_while(|byte| is_continuation(**byte)).count();
        if bytes[..length - back].last().is_some_and(|lead| *lead >= 0xc0) {
            end = length - back - 1;
        }
    }
    &bytes[..end]
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::fold::Superlog;
    use logloom_crds::ByteSize;
    use proptest::prelude::*;

    fn rule(max_bytes: u64) -> SizeRule {
        SizeRule::new(&SuperlogSpec { max_bytes: ByteSize::from_bytes(max_bytes), ..SuperlogSpec::default() })
    }

    #[test]
    fn a_line_at_the_bound_is_as_it_is() {
        let sized = rule(5).apply(RawLine::new(b"hello"));
        assert_eq!(sized, Sized { bytes: b"hello", facts: None });
    }

    #[test]
    fn a_longer_line_is_cut_with_both_facts() {
        let sized = rule(5).apply(RawLine::new(b"hello world"));
        assert_eq!(sized.bytes, b"hello");
        let facts = sized.facts.unwrap();
        assert_eq!((facts.original_bytes, facts.kept_bytes, facts.reference), (11, 5, None));
    }

    #[test]
    fn a_prefix_of_a_huge_line_keeps_its_length_and_reference() {
        let superlog = Superlog { full_length: 200_000_000, digest: 7, reference: Some("s3://acme/superlogs/1") };
        let line = RawLine { bytes: b"hello", superlog: Some(superlog) };
        let facts = rule(64).apply(line).facts.unwrap();
        assert_eq!((facts.original_bytes, facts.kept_bytes), (200_000_000, 5));
        assert_eq!((facts.digest, facts.reference), (Some(7), Some("s3://acme/superlogs/1")));
    }

    #[test]
    fn a_joined_line_has_the_length_of_its_pieces() {
        assert_eq!(rule(5).apply_joined(b"hello", 5).facts, None);
        let sized = rule(5).apply_joined("hellé!".as_bytes(), 900);
        assert_eq!(sized.bytes, b"hell");
        assert_eq!(sized.facts.map(|facts| (facts.original_bytes, facts.kept_bytes)), Some((900, 4)));
    }

    #[test]
    fn a_character_is_not_cut_in_two() {
        for (length, expected) in [(1, "a"), (2, "a"), (3, "aé"), (4, "aé"), (5, "aé"), (6, "aé€"), (7, "aé€")]
        {
            assert_eq!(cut("aé€𝄞".as_bytes(), length), expected.as_bytes(), "{length}");
        }
        assert_eq!(cut(b"\x80\x80\x80\x80\x80", 3), b"\x80\x80\x80", "not UTF-8: nothing to keep whole");
    }

    proptest! {
        #[test]
        fn a_cut_text_is_a_text(text: String, length in 0usize..40) {
            let kept = cut(text.as_bytes(), length);
            prop_assert!(kept.len() <= length || kept.len() == text.len() && text.len() <= length);
            prop_assert!(std::str::from_utf8(kept).is_ok());
            prop_assert!(kept.len() + 4 > length.min(text.len()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, length: usize, full_length: u64, max in 1u64..50) {
            let _ = cut(&bytes, length);
            let superlog = Superlog { full_length, digest: 0, reference: None };
            for line in [RawLine::new(&bytes), RawLine { bytes: &bytes, superlog: Some(superlog) }] {
                prop_assert!(rule(max).apply(line).bytes.len() as u64 <= max);
            }
            prop_assert!(rule(max).apply_joined(&bytes, full_length.max(bytes.len() as u64)).bytes.len() as u64 <= max);
        }
    }
}
