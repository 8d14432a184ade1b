//! Text in quotes, as logfmt, key-value text and access logs write it.

use bumpalo::Bump;

use super::error::Fault;

/// The text behind an opening quote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quoted<'a> {
    /// Between the quotes.
    pub raw: &'a [u8],
    /// Whether it holds a backslash.
    pub escaped: bool,
    /// The offset behind the closing quote.
    pub end: usize,
}

impl<'a> Quoted<'a> {
    /// Reads from `start`, which is behind the opening quote, to the next `quote` without a backslash
    /// before it.
    #[inline]
    pub fn read(input: &'a [u8], start: usize, quote: u8) -> Result<Self, Fault> {
        let mut at = start;
        let mut escaped = false;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(quote, b'\\', rest) else {
                return Err(Fault::expected(input, input.len(), "a quoted text"));
            };
            at += found;
            if rest[found] == quote {
                return Ok(Self { raw: &input[start..at], escaped, end: at + 1 });
            }
            escaped = true;
            at += 2;
        }
    }

    /// The text; copied into `arena` only when it holds a backslash.
    #[inline]
    pub fn text(&self, arena: &'a Bump) -> &'a [u8] {
        if self.escaped { unescape(self.raw, arena) } else { self.raw }
    }
}

/// `\n \r \t \b \f \v \0 \\ \" \' \/`, `\xHH` and `\uHHHH` become what they stand for. Any other sequence
/// stays as it is, with its backslash: programs write Windows paths into quotes.
#[cold]
fn unescape<'a>(raw: &[u8], arena: &'a Bump) -> &'a [u8] {
    // An escape is never shorter than what it stands for.
    let mut text = bumpalo::collections::Vec::with_capacity_in(raw.len(), arena);
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice_copy(&rest[..backslash]);
        rest = &rest[backslash..];
        let (byte, used) = match rest {
            [_, b'n', ..] => (b'\n', 2),
            [_, b'r', ..] => (b'\r', 2),
            [_, b't', ..] => (b'\t', 2),
            [_, b'b', ..] => (0x08, 2),
            [_, b'f', ..] => (0x0c, 2),
            [_, b'v', ..] => (0x0b, 2),
            [_, b'0', ..] => (0, 2),
            [_, same @ (b'\\' | b'"' | b'\'' | b'/'), ..] => (*same, 2),
            [_, b'x', digits @ ..] => match hexadecimal(digits, 2).and_then(|value| u8::try_from(value).ok()) {
                Some(byte) => (byte, 4),
                None => (b'\\', 1),
            },
            [_, b'u', digits @ ..] => {
                let Some(value) = hexadecimal(digits, 4) else {
                    text.push(b'\\');
                    rest = &rest[1..];
                    continue;
                };
                let character = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice_copy(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[6..];
                continue;
            }
            _ => (b'\\', 1),
        };
        text.push(byte);
        rest = &rest[used..];
    }
    text.extend_from_slice_copy(rest);
    text.into_bump_slice()
}

fn hexadecimal(digits: &[u8], count: usize) -> Option<u32> {
    let digits = digits.get(..count).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quote_behind_a_backslash_does_not_end_the_text() {
        let arena = Bump::new();
        let quoted = Quoted::read(br#"say \"hi\"\\" rest"#, 0, b'"').unwrap();
        assert_eq!(quoted.text(&arena), br#"say "hi"\"#);
        assert_eq!(quoted.end, 13);
    }

    #[test]
    fn unknown_sequences_keep_their_backslash() {
        let arena = Bump::new();
        assert_eq!(unescape(br"C:\Users\x41\u00e9\xzz\", &arena), "C:\\UsersA\u{e9}\\xzz\\".as_bytes());
        assert_eq!(unescape(br"\ud800", &arena), "\u{fffd}".as_bytes());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, quote: u8) {
            let arena = Bump::new();
            if let Ok(quoted) = Quoted::read(&bytes, 0, quote) {
                quoted.text(&arena);
            }
            unescape(&[b"\\".as_slice(), &bytes].concat(), &arena);
        }
    }
}
