//! convert: an extracted value as a cell of its column.
//!
//! | column | takes |
//! |---|---|
//! | `string` | any value as its text; bytes that are not UTF-8 become U+FFFD, and the event says so |
//! | `bytes` | the bytes as they are |
//! | integers | whole numbers in the field's range, also as text and as `5.0` |
//! | `float`, `double` | finite numbers, also as text |
//! | `bool` | `true`, `false`, `yes`, `no`, 1 and 0, in any case |
//! | enum | a name of the enum in any case, or a number |
//!
//! Nothing and JSON `null` are null. In columns that are not text, so are an empty text and `-`, which logs
//! write for "none". A value that does not fit is a [`Misfit`]: the line goes to the dead letters, it is not
//! bent into shape. Whoever expects such values says so with `map` or `extract`.

use crate::parse::fields::Extracted;
use crate::parse::schema::{EnumNames, Scalar};
use crate::row::Cell;
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use std::sync::Arc;
use thiserror::Error;

/// A value that its column cannot hold. Says what was expected, not the value, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Misfit {
    /// Not a number.
    #[error("the value is not a number")]
    NotANumber,
    /// A number with a fraction in an integer column.
    #[error("the value is not a whole number")]
    NotWhole,
    /// A number that the field cannot hold.
    #[error("the number is outside the range of {0}")]
    OutOfRange(&'static str),
    /// Not a boolean.
    #[error("the value is neither true nor false")]
    NotABoolean,
    /// Not a value of the enum.
    #[error("the value is no name of the enum")]
    NotInEnum,
}

/// What a column makes of values.
#[derive(Debug, Clone)]
pub struct Converter {
    kind: Scalar,
    names: Option<Arc<EnumNames>>,
    scale: Option<f64>,
}

impl Converter {
    /// For a column of this kind; `scale` is a factor for numbers.
    pub fn new(kind: Scalar, names: Option<Arc<EnumNames>>, scale: Option<f64>) -> Self {
        Self { kind, names, scale }
    }

    /// The cell of a value. `replaced` becomes true when bytes that are not UTF-8 were replaced.
    ///
    /// # Errors
    /// [`Misfit`].
    #[inline]
    pub fn cell<'a>(&self, value: Extracted<'a>, arena: &'a Bump, replaced: &mut bool) -> Result<Cell<'a>, Misfit> {
        match (self.kind, value) {
            (_, Extracted::Absent | Extracted::Null) => Ok(Cell::Null),
            (Scalar::String, Extracted::Text(text) | Extracted::Json(text)) => {
                Ok(Cell::Bytes(valid_text(text, arena, replaced)))
            }
            (Scalar::String | Scalar::Bytes, _) => Ok(value.to_text(arena).map_or(Cell::Null, Cell::Bytes)),
            (_, Extracted::Text(text)) if is_none(text) => Ok(Cell::Null),
            (Scalar::Bool, _) => boolean(value),
            (Scalar::Enum, _) => self.in_enum(value),
            (Scalar::Float | Scalar::Double, _) => self.float(value),
            _ => self.integer(value),
        }
    }

    fn in_enum(&self, value: Extracted<'_>) -> Result<Cell<'static>, Misfit> {
        let number = match value {
            Extracted::Int(number) => i32::try_from(number).ok(),
            Extracted::Text(text) => {
                let text = text.trim_ascii();
                let named = self.names.as_ref().and_then(|names| names.number(text).or_else(|| any_case(names, text)));
                named.or_else(|| whole(text).and_then(|number| i32::try_from(number).ok()))
            }
            _ => None,
        };
        number.map(|number| Cell::Int(i64::from(number))).ok_or(Misfit::NotInEnum)
    }

    fn float(&self, value: Extracted<'_>) -> Result<Cell<'static>, Misfit> {
        let number = number(value)? * self.scale.unwrap_or(1.0);
        // What the wire cannot hold is rounded here, so that a row equals its own decoding.
        let number = if self.kind == Scalar::Float { f64::from(number as f32) } else { number };
        if number.is_finite() { Ok(Cell::Float(number)) } else { Err(Misfit::OutOfRange(self.kind.name())) }
    }

    fn integer(&self, value: Extracted<'_>) -> Result<Cell<'static>, Misfit> {
        let out_of_range = Misfit::OutOfRange(self.kind.name());
        let exact = match (value, self.scale) {
            (Extracted::Int(number), None) => Some(number),
            (Extracted::Text(text), None) => whole(text.trim_ascii()),
            _ => None,
        };
        let number = match exact {
            Some(exact) => exact,
            None => {
                let number = number(value)?;
                let number = match self.scale {
                    // A scaled number is rounded: 0.001 is there to lose digits.
                    Some(scale) => (number * scale).round(),
                    None if number.fract() == 0.0 => number,
                    None => return Err(Misfit::NotWhole),
                };
                // 2^63 is the first double that i64 does not hold; -2^63 is the least that it does.
                if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
                    return Err(out_of_range);
                }
                number as i64
            }
        };
        let (least, most) = self.kind.integer_range();
        if (least..=most).contains(&number) { Ok(Cell::Int(number)) } else { Err(out_of_range) }
    }
}

/// An empty text and a dash: how logs write that there is no value.
fn is_none(text: &[u8]) -> bool {
    matches!(text.trim_ascii(), b"" | b"-")
}

fn boolean(value: Extracted<'_>) -> Result<Cell<'static>, Misfit> {
    let known = match value {
        Extracted::Bool(value) => Some(value),
        Extracted::Int(1) => Some(true),
        Extracted::Int(0) => Some(false),
        Extracted::Text(text) => {
            let text = text.trim_ascii();
            let is = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
            if is(["true", "yes", "1"]) { Some(true) } else { is(["false", "no", "0"]).then_some(false) }
        }
        _ => None,
    };
    known.map(Cell::Bool).ok_or(Misfit::NotABoolean)
}

fn any_case(names: &EnumNames, text: &[u8]) -> Option<i32> {
    let name = names.names().find(|name| name.as_bytes().eq_ignore_ascii_case(text))?;
    names.number(name.as_bytes())
}

fn number(value: Extracted<'_>) -> Result<f64, Misfit> {
    let number = match value {
        Extracted::Int(number) => Some(number as f64),
        Extracted::Float(number) => Some(number),
        Extracted::Text(text) => decimal(text.trim_ascii()),
        _ => None,
    };
    number.filter(|number| number.is_finite()).ok_or(Misfit::NotANumber)
}

/// Digits only: `inf` and `nan`, which the standard library also reads, are not numbers of a log.
fn decimal(text: &[u8]) -> Option<f64> {
    let plain = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    if !plain {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A whole number with an optional sign; none when it is something else or beyond `i64`.
fn whole(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0i64, |sum, byte| {
        let digit = i64::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        let sum = sum.checked_mul(10)?;
        if negative { sum.checked_sub(digit) } else { sum.checked_add(digit) }
    })
}

/// The text, with U+FFFD for what is not UTF-8.
#[inline]
pub fn valid_text<'a>(text: &'a [u8], arena: &'a Bump, replaced: &mut bool) -> &'a [u8] {
    if text.is_ascii() {
        return text;
    }
    match std::str::from_utf8(text) {
        Ok(_) => text,
        Err(_) => {
            *replaced = true;
            let mut valid = BumpVec::with_capacity_in(text.len() + 8, arena);
            for chunk in text.utf8_chunks() {
                valid.extend_from_slice(chunk.valid().as_bytes());
                if !chunk.invalid().is_empty() {
                    valid.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
            valid.into_bump_slice()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::schema::Schema;
    use crate::row::Column;
    use proptest::prelude::*;

    const PROTO: &str = "syntax = \"proto3\"; enum E { NONE = 0; Warn = 5; BAD = -1; }
        message M { string s = 1; bytes b = 2; int64 i = 3; uint32 u = 4; double d = 5; float f = 6; bool t = 7; E e = 8; uint64 w = 9; }";

    fn convert_scaled<'a>(
        column: &str,
        value: Extracted<'a>,
        scale: Option<f64>,
        arena: &'a Bump,
    ) -> Result<Cell<'a>, Misfit> {
        let schema = Schema::compile(PROTO, "M").unwrap();
        let column = schema.rows().column(column).unwrap();
        let names = schema.enum_names(column).cloned();
        Converter::new(schema.scalar(column).unwrap(), names, scale).cell(value, arena, &mut false)
    }

    fn number(column: &str, text: &str, scale: Option<f64>) -> Result<Cell<'static>, Misfit> {
        let arena = Bump::new();
        convert_scaled(column, Extracted::Text(text.as_bytes()), scale, &arena).map(|cell| match cell {
            Cell::Int(value) => Cell::Int(value),
            Cell::Float(value) => Cell::Float(value),
            Cell::Bool(value) => Cell::Bool(value),
            Cell::Null | Cell::Bytes(_) => Cell::Null,
        })
    }

    #[test]
    fn text_takes_everything() {
        let arena = Bump::new();
        let text = |value| convert_scaled("s", value, None, &arena);
        assert_eq!(text(Extracted::Text(b" x ")), Ok(Cell::Bytes(b" x ")));
        assert_eq!(text(Extracted::Text(b"-")), Ok(Cell::Bytes(b"-")));
        assert_eq!(text(Extracted::Text(b"")), Ok(Cell::Bytes(b"")));
        assert_eq!(text(Extracted::Int(5)), Ok(Cell::Bytes(b"5")));
        assert_eq!(text(Extracted::Json(b"[1, 2]")), Ok(Cell::Bytes(b"[1, 2]")));
        assert_eq!(text(Extracted::Null), Ok(Cell::Null));
        assert_eq!(convert_scaled("b", Extracted::Text(b"\xff"), None, &arena), Ok(Cell::Bytes(b"\xff")));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_and_told() {
        let arena = Bump::new();
        let mut replaced = false;
        let converter = Converter::new(Scalar::String, None, None);
        assert_eq!(
            converter.cell(Extracted::Text(b"caf\xc3\xa9"), &arena, &mut replaced),
            Ok(Cell::Bytes("café".as_bytes()))
        );
        assert!(!replaced);
        let cell = converter.cell(Extracted::Text(b"a\xffb\xe2\x82"), &arena, &mut replaced);
        assert_eq!(cell, Ok(Cell::Bytes("a\u{fffd}b\u{fffd}".as_bytes())));
        assert!(replaced);
    }

    #[test]
    fn integers_are_whole_and_in_range() {
        let cases = [
            ("i", " -42 ", Ok(Cell::Int(-42))),
            ("i", "+7", Ok(Cell::Int(7))),
            ("i", "9223372036854775807", Ok(Cell::Int(i64::MAX))),
            ("i", "-9223372036854775808", Ok(Cell::Int(i64::MIN))),
            ("i", "9223372036854775808", Err(Misfit::OutOfRange("int64"))),
            ("w", "18446744073709551615", Err(Misfit::OutOfRange("uint64"))),
            ("i", "5.0", Ok(Cell::Int(5))),
            ("i", "1e3", Ok(Cell::Int(1000))),
            ("i", "5.5", Err(Misfit::NotWhole)),
            ("i", "5 ms", Err(Misfit::NotANumber)),
            ("i", "0x1f", Err(Misfit::NotANumber)),
            ("i", "", Ok(Cell::Null)),
            ("i", "-", Ok(Cell::Null)),
            ("u", "4294967295", Ok(Cell::Int(4_294_967_295))),
            ("u", "4294967296", Err(Misfit::OutOfRange("uint32"))),
            ("u", "-1", Err(Misfit::OutOfRange("uint32"))),
        ];
        for (column, text, expected) in cases {
            assert_eq!(number(column, text, None), expected, "{column} {text}");
        }
        let arena = Bump::new();
        let typed = |value| convert_scaled("i", value, None, &arena);
        assert_eq!(typed(Extracted::Float(5.0)), Ok(Cell::Int(5)));
        assert_eq!(typed(Extracted::Float(1e300)), Err(Misfit::OutOfRange("int64")));
        assert_eq!(typed(Extracted::Bool(true)), Err(Misfit::NotANumber));
        assert_eq!(typed(Extracted::Json(b"{}")), Err(Misfit::NotANumber));
    }

    #[test]
    fn floats_are_finite() {
        assert_eq!(number("d", "0.25", None), Ok(Cell::Float(0.25)));
        assert_eq!(number("d", "-1e-3", None), Ok(Cell::Float(-0.001)));
        assert_eq!(number("f", "0.1", None), Ok(Cell::Float(f64::from(0.1f32))));
        assert_eq!(number("f", "1e39", None), Err(Misfit::OutOfRange("float")));
        for text in ["nan", "inf", "1e999", "1,5", ".", "e"] {
            assert_eq!(number("d", text, None), Err(Misfit::NotANumber), "{text}");
        }
    }

    #[test]
    fn a_scale_multiplies_and_rounds_whole_numbers() {
        assert_eq!(number("d", "340134", Some(0.001)), Ok(Cell::Float(340.134)));
        assert_eq!(number("i", "1500", Some(0.001)), Ok(Cell::Int(2)));
        assert_eq!(number("i", "0.1234", Some(1000.0)), Ok(Cell::Int(123)));
        assert_eq!(number("u", "5", Some(1e9)), Err(Misfit::OutOfRange("uint32")));
    }

    #[test]
    fn booleans_and_enums_know_their_words() {
        for (text, expected) in [("TRUE", true), ("no", false), ("1", true), (" false ", false)] {
            assert_eq!(number("t", text, None), Ok(Cell::Bool(expected)));
        }
        assert_eq!(number("t", "2", None), Err(Misfit::NotABoolean));
        for (text, expected) in [("Warn", 5), ("WARN", 5), ("bad", -1), ("7", 7)] {
            assert_eq!(number("e", text, None), Ok(Cell::Int(expected)));
        }
        assert_eq!(number("e", "fatal", None), Err(Misfit::NotInEnum));
        assert_eq!(number("e", "-", None), Ok(Cell::Null));
    }

    proptest! {
        #[test]
        fn arbitrary_values_fit_or_do_not_but_never_panic(text: Vec<u8>, int: i64, float: f64, scale: Option<f64>) {
            let schema = Schema::compile(PROTO, "M").unwrap();
            let arena = Bump::new();
            for index in 0..schema.rows().len() as u16 {
                let converter = Converter::new(schema.scalar(Column(index)).unwrap(), schema.enum_names(Column(index)).cloned(), scale);
                for value in [Extracted::Text(&text), Extracted::Json(&text), Extracted::Int(int), Extracted::Float(float), Extracted::Bool(true)] {
                    let mut replaced = false;
                    if let Ok(cell) = converter.cell(value, &arena, &mut replaced) {
                        let mut row: crate::row::RowBuf<'_> = Default::default();
                        schema.clear(&mut row);
                        row[usize::from(index)] = cell;
                        let mut bytes = Vec::new();
                        schema.encode(&row, &mut bytes);
                        let mut back = Default::default();
                        schema.decode(&bytes, &mut back).unwrap();
                        prop_assert_eq!(&row[..], &back[..], "what fits is on the wire as it is in the row");
                    }
                }
            }
        }
    }
}
