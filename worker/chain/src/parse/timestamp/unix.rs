//! Numbers of seconds, milliseconds, microseconds or nanoseconds since the Unix epoch.

use super::{TimeError, civil};
use crate::parse::fields::Extracted;
use crate::time::EventTime;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
    /// Whatever its magnitude suggests.
    Auto,
}

impl Unit {
    /// The instant of a number, also as text. None when it is not a number.
    pub(super) fn read(self, value: Extracted<'_>) -> Option<Result<EventTime, TimeError>> {
        match value {
            Extracted::Int(number) => Some(self.instant(i128::from(number), 0)),
            Extracted::Float(number) => self.float(number),
            Extracted::Text(text) => self.text(text.trim_ascii()),
            _ => None,
        }
    }

    /// Rounds to the nearest microsecond: a double holds today's seconds with about a quarter of one.
    fn float(self, number: f64) -> Option<Result<EventTime, TimeError>> {
        if !number.is_finite() {
            return None;
        }
        let micros = match self.resolve(number.abs()) {
            Self::Nanos => number / 1e3,
            Self::Micros => number,
            Self::Millis => number * 1e3,
            Self::Seconds | Self::Auto => number * 1e6,
        };
        // A cast of a float saturates; the calendar's bounds are far inside.
        Some(civil::from_micros(micros.round() as i128))
    }

    /// Digits with an optional sign and fraction, exactly.
    fn text(self, text: &[u8]) -> Option<Result<EventTime, TimeError>> {
        let (negative, digits) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let whole_length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (whole, rest) = digits.split_at(whole_length);
        let fraction = match rest {
            [] => &[][..],
            [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => fraction,
            _ => return None,
        };
        if whole.is_empty() {
            return None;
        }
        // Beyond 30 digits the year has more than four, whatever the unit.
        if whole.len() > 30 {
            return Some(Err(TimeError::OutOfRange));
        }
        let number = |digits: &[u8]| digits.iter().fold(0i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let billionths =
            (0..9).fold(0i128, |sum, place| sum * 10 + fraction.get(place).map_or(0, |digit| i128::from(digit - b'0')));
        let (whole, billionths) = (number(whole), billionths);
        Some(if negative { self.instant(-whole, -billionths) } else { self.instant(whole, billionths) })
    }

    /// `whole` units and `billionths` of a unit, rounded down to a microsecond.
    fn instant(self, whole: i128, billionths: i128) -> Result<EventTime, TimeError> {
        let in_billionths = whole * 1_000_000_000 + billionths;
        let divisor = match self.resolve(whole.unsigned_abs() as f64) {
            Self::Nanos => 1_000_000_000_000,
            Self::Micros => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Seconds | Self::Auto => 1_000,
        };
        civil::from_micros(in_billionths.div_euclid(divisor))
    }

    fn resolve(self, magnitude: f64) -> Self {
        match self {
            Self::Auto if magnitude < 1e11 => Self::Seconds,
            Self::Auto if magnitude < 1e14 => Self::Millis,
            Self::Auto if magnitude < 1e17 => Self::Micros,
            Self::Auto => Self::Nanos,
            unit => unit,
        }
    }
}
