//! The JSON scanner: walks one text once, checks its grammar, and hands out slices.
//!
//! Checked by RFC 8259: structure, literals, numbers, escapes, control bytes in strings, depth, and that
//! nothing follows the value. Not checked: that strings are UTF-8 (they stay bytes here) and that keys are
//! unique. Text without a backslash is never copied.

use bumpalo::Bump;

use crate::parse::decode::error::{Fault, FaultKind};
use crate::parse::fields::Extracted;

/// Objects and arrays inside each other, at most.
pub(super) const DEPTH_LIMIT: u32 = 128;

/// A string as it stands between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawString<'a> {
    pub raw: &'a [u8],
    pub escaped: bool,
}

impl<'a> RawString<'a> {
    /// The text; copied into `arena` only when it holds an escape.
    #[inline]
    pub fn text(self, arena: &'a Bump) -> &'a [u8] {
        if self.escaped { unescape(self.raw, arena) } else { self.raw }
    }
}

/// The place in a text.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub input: &'a [u8],
    pub at: usize,
}

impl<'a> Scan<'a> {
    /// The next byte behind white space, not taken. 0 at the end: no JSON token starts with it.
    #[inline]
    pub fn peek(&mut self) -> u8 {
        while let Some(byte) = self.input.get(self.at) {
            if *byte > b' ' || !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return *byte;
            }
            self.at += 1;
        }
        0
    }

    /// Takes `byte`, behind white space.
    #[inline]
    pub fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), Fault> {
        if self.peek() == byte {
            self.at += 1;
            return Ok(());
        }
        Err(self.fault(expected))
    }

    /// Something else was due here.
    #[cold]
    pub fn fault(&self, expected: &'static str) -> Fault {
        Fault::expected(self.input, self.at, expected)
    }

    /// A string; the opening quote has been taken.
    #[inline]
    pub fn string(&mut self) -> Result<RawString<'a>, Fault> {
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = special(self.input, self.at);
            match self.input.get(self.at) {
                Some(b'"') => {
                    let raw = &self.input[start..self.at];
                    self.at += 1;
                    return Ok(RawString { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(found) => {
                    return Err(Fault::new(self.at, FaultKind::Control { found: *found }));
                }
                None => return Err(self.fault("a string")),
            }
        }
    }

    /// Checks one escape sequence and steps over it.
    fn escape(&mut self) -> Result<(), Fault> {
        match self.input.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.input.get(self.at + 2..self.at + 6);
                let digits =
                    digits.ok_or_else(|| Fault::expected(self.input, self.input.len(), "an escape sequence"))?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Fault::new(self.at, FaultKind::Escape));
                }
                self.at += 6;
            }
            Some(_) => return Err(Fault::new(self.at, FaultKind::Escape)),
            None => {
                return Err(Fault::expected(self.input, self.at + 1, "an escape sequence"));
            }
        }
        Ok(())
    }

    /// A literal name; its first byte has been seen.
    #[inline]
    pub fn literal(&mut self, name: &'static str) -> Result<(), Fault> {
        let rest = &self.input[self.at..];
        if rest.starts_with(name.as_bytes()) {
            self.at += name.len();
            return Ok(());
        }
        let common = rest.iter().zip(name.as_bytes()).take_while(|(left, right)| left == right).count();
        Err(Fault::expected(self.input, self.at + common, name))
    }

    /// A number: its value, and the grammar checked.
    #[inline]
    pub fn number(&mut self) -> Result<Extracted<'a>, Fault> {
        let start = self.at;
        let negative = self.input.get(self.at) == Some(&b'-');
        self.at += usize::from(negative);
        let whole = self.at;
        let mut mantissa = self.digits(0)?;
        if self.input[whole] == b'0' && self.at - whole > 1 {
            return Err(Fault::expected(self.input, whole + 1, "no digit behind a leading zero"));
        }
        let mut digits = self.at - whole;
        let mut fraction = 0;
        let mut exact = true;
        if self.input.get(self.at) == Some(&b'.') {
            self.at += 1;
            let from = self.at;
            mantissa = self.digits(mantissa)?;
            fraction = self.at - from;
            digits += fraction;
            exact = false;
        }
        if let Some(b'e' | b'E') = self.input.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.input.get(self.at) {
                self.at += 1;
            }
            self.digits(0)?;
            return Ok(slow_float(&self.input[start..self.at]));
        }
        if exact {
            // 18 digits fit an i64 whatever they are.
            if digits <= 18 {
                let value = mantissa as i64;
                return Ok(Extracted::Int(if negative { -value } else { value }));
            }
            return Ok(slow_integer(&self.input[start..self.at]));
        }
        // Both are exact in a double, so the division is rounded once: the nearest double (Clinger 1990).
        if digits <= 15 {
            let value = mantissa as f64 / POWERS[fraction];
            return Ok(Extracted::Float(if negative { -value } else { value }));
        }
        Ok(slow_float(&self.input[start..self.at]))
    }

    /// At least one digit, appended to `value` (which wraps: callers count the digits).
    #[inline]
    fn digits(&mut self, mut value: u64) -> Result<u64, Fault> {
        let start = self.at;
        while let Some(digit) = self.input.get(self.at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
        {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            self.at += 1;
        }
        if self.at == start { Err(self.fault("a digit")) } else { Ok(value) }
    }

    /// Steps over a value of any kind and checks it.
    pub fn skip(&mut self, depth: u32) -> Result<(), Fault> {
        match self.peek() {
            b'"' => {
                self.at += 1;
                self.string().map(|_| ())
            }
            b'{' => self.skip_object(depth),
            b'[' => self.skip_array(depth),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(self.fault("a value")),
        }
    }

    fn skip_object(&mut self, depth: u32) -> Result<(), Fault> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.take(b'"', "a key")?;
            self.string()?;
            self.take(b':', "`:`")?;
            self.skip(depth)?;
            if self.closes(b'}', "`,` or `}`")? {
                return Ok(());
            }
        }
    }

    fn skip_array(&mut self, depth: u32) -> Result<(), Fault> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        if self.peek() == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.skip(depth)?;
            if self.closes(b']', "`,` or `]`")? {
                return Ok(());
            }
        }
    }

    /// Takes the comma before the next member (false), or the closing bracket (true).
    #[inline]
    pub fn closes(&mut self, bracket: u8, expected: &'static str) -> Result<bool, Fault> {
        let next = self.peek();
        if next == b',' || next == bracket {
            self.at += 1;
            return Ok(next == bracket);
        }
        Err(self.fault(expected))
    }

    /// One level down.
    #[inline]
    pub fn deeper(&self, depth: u32) -> Result<u32, Fault> {
        if depth >= DEPTH_LIMIT {
            return Err(Fault::new(self.at, FaultKind::TooDeep { limit: DEPTH_LIMIT }));
        }
        Ok(depth + 1)
    }

    /// Nothing but white space is left.
    pub fn finish(&mut self) -> Result<(), Fault> {
        self.peek();
        if self.at == self.input.len() {
            return Ok(());
        }
        Err(Fault::new(self.at, FaultKind::Trailing { count: self.input.len() - self.at }))
    }
}

/// 10^0 to 10^15, each exact.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// An integer of 19 digits or more; outside `i64` its digits.
#[cold]
fn slow_integer(text: &[u8]) -> Extracted<'_> {
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    value.map_or(Extracted::Text(text), Extracted::Int)
}

/// A float with many digits or an exponent; outside the range of a double its text.
#[cold]
fn slow_float(text: &[u8]) -> Extracted<'_> {
    let value: Option<f64> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    value.filter(|value| value.is_finite()).map_or(Extracted::Text(text), Extracted::Float)
}

/// The place of the next quote, backslash or control byte at or behind `at`; the end when there is none.
///
/// Eight bytes at a time ("SIMD within a register", Mycroft's zero-byte test). Bits above the first hit
/// may be wrong, the lowest set bit never is.
#[inline]
fn special(input: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    while let Some(chunk) = input.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let hits = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let hits = hits & HIGHS;
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = input.get(at) {
        if *byte < 0x20 || *byte == b'"' || *byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

/// The text of a string whose escapes have been checked. A surrogate without its partner becomes U+FFFD.
#[cold]
fn unescape<'a>(raw: &[u8], arena: &'a Bump) -> &'a [u8] {
    // An escape is never shorter than what it stands for.
    let mut text = bumpalo::collections::Vec::with_capacity_in(raw.len(), arena);
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice_copy(&rest[..backslash]);
        let kind = rest.get(backslash + 1).copied().unwrap_or(b'\\');
        rest = rest.get(backslash + 2..).unwrap_or_default();
        match kind {
            b'b' => text.push(0x08),
            b'f' => text.push(0x0c),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let (character, used) = code_point(rest);
                let mut utf8 = [0; 4];
                text.extend_from_slice_copy(character.encode_utf8(&mut utf8).as_bytes());
                rest = rest.get(used..).unwrap_or_default();
            }
            itself => text.push(itself),
        }
    }
    text.extend_from_slice_copy(rest);
    text.into_bump_slice()
}

/// The character of the hexadecimal digits behind `\u`, with its low surrogate, and the bytes used.
fn code_point(rest: &[u8]) -> (char, usize) {
    let high = unit(rest).unwrap_or(0xfffd);
    if let 0xd800..=0xdbff = high {
        let low = rest.get(4..).and_then(|rest| rest.strip_prefix(b"\\u")).and_then(unit);
        if let Some(low @ 0xdc00..=0xdfff) = low {
            let scalar = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
        }
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

/// Four hexadecimal digits.
fn unit(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    u32::from_str_radix(digits, 16).ok()
}
