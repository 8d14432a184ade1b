//! Numbers: comparison across types, checked arithmetic, conversions, and their text.

use super::error::Fault;
use std::cmp::Ordering;
use std::fmt::Write;

/// 2^63 and 2^64 as doubles; both are exact.
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// A relation as the set of orderings that fulfil it: bit 0 less, 1 equal, 2 greater, 3 unordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relation(u8);

impl Relation {
    pub const LESS: Self = Self(0b0001);
    pub const EQUAL: Self = Self(0b0010);
    pub const LESS_OR_EQUAL: Self = Self(0b0011);
    pub const GREATER: Self = Self(0b0100);
    pub const GREATER_OR_EQUAL: Self = Self(0b0110);
    pub const NOT_EQUAL: Self = Self(0b1101);

    /// Whether the ordering of left to right fulfils it; NaN has none.
    #[inline(always)]
    pub fn holds(self, ordering: Option<Ordering>) -> bool {
        let bit = match ordering {
            Some(ordering) => (ordering as i8 + 1) as u8,
            None => 3,
        };
        self.0 >> bit & 1 == 1
    }

    /// The same relation with the sides swapped.
    pub fn flip(self) -> Self {
        Self(self.0 & 0b1010 | (self.0 & 1) << 2 | (self.0 & 4) >> 2)
    }
}

/// Compares the numbers themselves: no rounding of the int.
#[inline]
pub(super) fn compare_int_double(left: i64, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        None
    } else if right >= TWO_63 {
        Some(Ordering::Less)
    } else if right < -TWO_63 {
        Some(Ordering::Greater)
    } else {
        let whole = right as i64;
        Some(left.cmp(&whole).then(fraction(whole as f64, right)))
    }
}

/// As [`compare_int_double`], for a uint.
#[inline]
pub(super) fn compare_uint_double(left: u64, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        None
    } else if right >= TWO_64 {
        Some(Ordering::Less)
    } else if right < 0.0 {
        Some(Ordering::Greater)
    } else {
        let whole = right as u64;
        Some(left.cmp(&whole).then(fraction(whole as f64, right)))
    }
}

/// A double's whole part, which is exact as a double again, against the double.
#[inline]
fn fraction(whole: f64, number: f64) -> Ordering {
    whole.partial_cmp(&number).unwrap_or(Ordering::Equal)
}

/// The int as a double, if that is the same number.
pub(super) fn int_as_double(value: i64) -> Option<f64> {
    (value.unsigned_abs() <= 1 << 53).then_some(value as f64)
}

/// The double as an int, if that is the same number.
pub(super) fn double_as_int(value: f64) -> Option<i64> {
    (value.abs() <= (1u64 << 53) as f64 && value.fract() == 0.0).then_some(value as i64)
}

/// An int and a uint on one number line.
#[inline]
pub(super) fn compare_int_uint(left: i64, right: u64) -> Ordering {
    u64::try_from(left).map_or(Ordering::Less, |left| left.cmp(&right))
}

/// `int / int`, towards zero.
#[inline]
pub(super) fn divide(left: i64, right: i64) -> Result<i64, Fault> {
    if right == 0 {
        return Err(Fault::DivisionByZero);
    }
    left.checked_div(right).ok_or(Fault::Overflow)
}

/// `int % int`, with the sign of the left side.
#[inline]
pub(super) fn remainder(left: i64, right: i64) -> Result<i64, Fault> {
    if right == 0 {
        return Err(Fault::DivisionByZero);
    }
    left.checked_rem(right).ok_or(Fault::Overflow)
}

/// `int(double)`: towards zero. The bounds themselves are out of range, as in the spec's conformance
/// tests, because a double cannot tell 2^63 - 1 from 2^63.
#[inline]
pub(super) fn double_to_int(value: f64) -> Result<i64, Fault> {
    if value > -TWO_63 && value < TWO_63 { Ok(value as i64) } else { Err(Fault::Overflow) }
}

/// `uint(double)`: towards zero.
#[inline]
pub(super) fn double_to_uint(value: f64) -> Result<u64, Fault> {
    if (0.0..TWO_64).contains(&value) { Ok(value as u64) } else { Err(Fault::Overflow) }
}

/// `int(string)`: an optional minus and decimal digits.
pub(super) fn text_to_int(text: &[u8]) -> Result<i64, Fault> {
    parse(text, |byte| byte.is_ascii_digit() || byte == b'-')
}

/// `uint(string)`: decimal digits.
pub(super) fn text_to_uint(text: &[u8]) -> Result<u64, Fault> {
    parse(text, |byte| byte.is_ascii_digit())
}

/// `double(string)`: decimal, with an exponent or not, and `NaN`, `Infinity`, `+Inf`, `-Inf`.
pub(super) fn text_to_double(text: &[u8]) -> Result<f64, Fault> {
    parse(text, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'))
}

fn parse<T: std::str::FromStr>(text: &[u8], allowed: impl Fn(u8) -> bool) -> Result<T, Fault> {
    if !text.iter().all(|byte| allowed(*byte)) {
        return Err(Fault::Conversion);
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Fault::Conversion)
}

/// `bool(string)`: the spellings that cel-go takes.
pub(super) fn text_to_bool(text: &[u8]) -> Result<bool, Fault> {
    match text {
        b"1" | b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok(true),
        b"0" | b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok(false),
        _ => Err(Fault::Conversion),
    }
}

/// `string(double)`: the shortest digits that read back as the same double, with an exponent below
/// 1e-4 and from 1e21 on.
pub(super) fn write_double(out: &mut impl Write, value: f64) -> std::fmt::Result {
    if value.is_nan() {
        return out.write_str("NaN");
    }
    if value.is_infinite() {
        return out.write_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    let size = value.abs();
    if size == 0.0 || (1e-4..1e21).contains(&size) {
        return write!(out, "{value}");
    }
    let mut scientific = Small::default();
    write!(scientific, "{value:e}")?;
    let (digits, exponent) = scientific.text().split_once('e').unwrap_or((scientific.text(), "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    write!(out, "{digits}e{sign}{exponent:0>2}")
}

/// A short text on the stack.
#[derive(Default)]
struct Small {
    bytes: [u8; 32],
    length: usize,
}

impl Small {
    fn text(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }
}

impl Write for Small {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
