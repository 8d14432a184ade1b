//! Event time: microseconds since 1970-01-01T00:00:00Z, as an instant and as a span.
//!
//! The chain knows event time only. A clock exists at the edge, and enters as a claim (rule R3).

use crate::wire::{Reader, Snapshot, WireError, Writer};
use std::fmt;
use std::ops::{Add, Sub};

/// An instant of event time, in microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventTime(pub i64);

/// A span of event time in microseconds; may be negative as a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(pub i64);

impl EventTime {
    /// Before every event: what a watermark is before its first mark.
    pub const MIN: Self = Self(i64::MIN);
    /// Behind every event: the mark of a closed upstream.
    pub const MAX: Self = Self(i64::MAX);

    /// The start of the slot of `width` that holds this instant (slots are aligned to the epoch).
    #[inline]
    pub fn floor(self, width: Span) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(width.0)))
    }

    /// This instant plus a span, without overflow: [`EventTime::MIN`] and `MAX` stay what they are.
    #[inline]
    pub fn plus(self, span: Span) -> Self {
        match self {
            Self::MIN | Self::MAX => self,
            Self(micros) => Self(micros.saturating_add(span.0)),
        }
    }

    /// This instant minus a span, without overflow.
    #[inline]
    pub fn minus(self, span: Span) -> Self {
        self.plus(Span(-span.0))
    }
}

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// From whole milliseconds.
    pub const fn millis(millis: i64) -> Self {
        Self(millis * 1_000)
    }

    /// From whole seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000_000)
    }

    /// As seconds.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Add<Span> for EventTime {
    type Output = Self;
    #[inline]
    fn add(self, span: Span) -> Self {
        self.plus(span)
    }
}

impl Sub<Span> for EventTime {
    type Output = Self;
    #[inline]
    fn sub(self, span: Span) -> Self {
        self.minus(span)
    }
}

impl Sub for EventTime {
    type Output = Span;
    #[inline]
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

/// RFC 3339 in UTC with microseconds; out of the calendar's range, the number of microseconds.
impl fmt::Display for EventTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = rfc3339(self.0) {
            return formatter.write_str(std::str::from_utf8(&text).unwrap_or_default());
        }
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => write!(formatter, "{instant:.6}"),
            Err(_) => write!(formatter, "{}us", self.0),
        }
    }
}

/// `2023-01-29T09:35:38.387636Z` for the years 1970 to 9999. The date from the number of days is H. Hinnant's
/// `civil_from_days` (2013), in years that begin in March.
fn rfc3339(microseconds: i64) -> Option<[u8; 27]> {
    const DAY: i64 = 86_400_000_000;
    const YEAR_10000: i64 = 253_402_300_800_000_000;
    if !(0..YEAR_10000).contains(&microseconds) {
        return None;
    }
    let days = microseconds / DAY + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let of_day = microseconds % DAY;
    let seconds = of_day / 1_000_000;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let parts = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, seconds / 3600),
        (14, 2, seconds / 60 % 60),
        (17, 2, seconds % 60),
        (20, 6, of_day % 1_000_000),
    ];
    for (at, width, mut value) in parts {
        for place in (at..at + width).rev() {
            text[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }
    Some(text)
}

impl Snapshot for EventTime {
    fn save(&self, out: &mut Writer) {
        out.signed(self.0);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        input.signed().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn times_are_written_as_by_the_library(time in 0i64..253_402_300_800_000_000) {
            let expected = jiff::Timestamp::from_microsecond(time).map(|instant| format!("{instant:.6}")).unwrap();
            proptest::prop_assert_eq!(EventTime(time).to_string(), expected);
        }
    }

    #[test]
    fn slots_are_aligned_also_before_the_epoch() {
        assert_eq!(EventTime(-1).floor(Span(10)), EventTime(-10));
        assert_eq!(EventTime(19).floor(Span(10)), EventTime(10));
        assert_eq!(EventTime(-10).floor(Span(10)), EventTime(-10));
    }

    #[test]
    fn the_ends_of_time_do_not_move() {
        assert_eq!(EventTime::MAX.minus(Span(5)), EventTime::MAX);
        assert_eq!(EventTime::MIN.plus(Span(5)), EventTime::MIN);
    }

    #[test]
    fn display_is_rfc3339() {
        assert_eq!(EventTime(1_674_984_938_387_636).to_string(), "2023-01-29T09:35:38.387636Z");
    }
}
