//! timestamp: from an extracted value to event time.
//!
//! ```text
//!  value ──formats, in order──► civil time ──zone, year rule──► instant ──bounds──► EventTime
//! ```
//!
//! | format | example |
//! |---|---|
//! | `rfc3339` | `2023-01-29T09:35:38.387636821Z`; `t` or a space for `T`, `,` for `.`, any offset; without an offset the rule's zone |
//! | `unix_s`, `unix_ms`, `unix_us`, `unix_ns` | `1674984938`, also with a fraction |
//! | `unix_auto` | the unit by magnitude: below 1e11 seconds, below 1e14 ms, below 1e17 us, else ns |
//! | `clf` | `29/Jan/2023:09:35:38 +0800`, with or without the brackets |
//! | `syslog` | `Jan  9 09:35:38`, with an optional year before or after and an optional fraction |
//! | `rfc1123` | `Sun, 29 Jan 2023 09:35:38 GMT` |
//! | `log4j` | `2015-10-18 18:01:47,978` |
//! | a pattern | see [`pattern`] |
//!
//! The rules:
//! - **Zone.** A time without an offset is in the rule's zone. A time that the zone skips (spring) is read with the offset before
//!   the gap, so `02:30` becomes `03:30`; one that it has twice (autumn) is the earlier. The zone data is compiled in.
//! - **Year.** A time without a year gets `defaultYear`, or the year that puts it nearest to a reference: when the source took the line
//!   (`received`), else the source's last event time ([`TimeHint`]). 29 February goes to the nearest leap year. Without a
//!   reference there is no year, and the line is not an event.
//! - **Bounds.** Against `received` only, never a clock (rule R5): beyond `maxFuture` after it, the time is clamped to `received`; beyond
//!   `maxAge` before it, the line is too old. Where the source gives no such time (files), a time must
//!   lie in [`PLAUSIBLE`], from 1971 up to 2200.
//!
//! Everything here is a pure function of its arguments.

mod civil;
pub mod pattern;
mod rfc3339;
#[cfg(test)]
mod tests;
mod unix;
mod zone;

pub use civil::Civil;
pub use zone::Zone;

use crate::parse::fields::Extracted;
use crate::time::{EventTime, Span};
use logloom_crds::manifest::{DefaultYear, TimestampRule};
use pattern::{Pattern, PatternError};
use std::ops::Range;
use thiserror::Error;
use unix::Unit;

/// Where an event time may lie when the source says nothing about when it took the line:
/// from 1971-01-01 up to 2200-01-01.
pub const PLAUSIBLE: Range<EventTime> = EventTime(31_536_000_000_000)..EventTime(7_258_118_400_000_000);

/// The source's greatest event time so far, for the year rule; none before its first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeHint(pub Option<EventTime>);

/// An event time, and whether it was moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The event's time.
    pub time: EventTime,
    /// True when the line named a time beyond `maxFuture` and got the time it was received at.
    pub clamped: bool,
}

/// Why a line has no usable event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TimeError {
    /// The line does not have the value.
    #[error("the line has no time")]
    Missing,
    /// No format reads the value.
    #[error("the time is in none of the manifest's formats")]
    Unreadable,
    /// The format has no year, and nothing tells it.
    #[error(
        "the time has no year, and there is no earlier event or time of receipt to tell it: set timestamp.defaultYear"
    )]
    WithoutYear,
    /// Outside the years that can be an event's.
    #[error("the time is outside the range that an event may have")]
    OutOfRange,
    /// More than `maxAge` before it was received.
    #[error("the time is further before the time of receipt than timestamp.maxAge")]
    TooOld(EventTime),
}

/// Why a rule does not compile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// A format is no name and no pattern.
    #[error("format {index}: {error}")]
    Format {
        /// Index in `formats`.
        index: usize,
        /// What is wrong.
        error: PatternError,
    },
    /// No such zone.
    #[error("`{0}` is neither a zone of the IANA database nor an offset")]
    Zone(String),
}

#[derive(Debug, Clone)]
enum Format {
    Rfc3339,
    Unix(Unit),
    Pattern(Pattern),
}

/// A compiled `timestamp` of a manifest, without its `from`.
#[derive(Debug, Clone)]
pub struct TimeRule {
    formats: Vec<Format>,
    zone: Zone,
    year: Option<i16>,
    max_future: Span,
    max_age: Option<Span>,
}

impl TimeRule {
    /// Compiles formats, zone and bounds.
    ///
    /// # Errors
    /// Every format or zone that cannot be used.
    pub fn compile(rule: &TimestampRule) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut formats = Vec::with_capacity(rule.formats.len());
        for (index, format) in rule.formats.iter().enumerate() {
            match Format::compile(format) {
                Ok(format) => formats.push(format),
                Err(error) => errors.push(RuleError::Format { index, error }),
            }
        }
        let zone = Zone::named(&rule.zone);
        if zone.is_none() {
            errors.push(RuleError::Zone(rule.zone.to_string()));
        }
        match zone {
            Some(zone) if errors.is_empty() => Ok(Self {
                formats,
                zone,
                year: match rule.default_year {
                    DefaultYear::Auto => None,
                    DefaultYear::Year(year) => Some(year),
                },
                max_future: Span(rule.max_future.as_micros_i64()),
                max_age: rule.max_age.map(|age| Span(age.as_micros_i64())),
            }),
            _ => Err(errors),
        }
    }

    /// True when some format has no year and the rule names none.
    pub fn needs_reference(&self) -> bool {
        let yearless = |format: &Format| matches!(format, Format::Pattern(pattern) if !pattern.always_has_year());
        self.year.is_none() && self.formats.iter().any(yearless)
    }

    /// The event time of a value.
    ///
    /// # Errors
    /// [`TimeError`], when the line cannot be placed in time.
    pub fn read(&self, value: Extracted<'_>, received: Option<EventTime>, hint: TimeHint) -> Result<Stamp, TimeError> {
        let time = self.instant(value, received.or(hint.0))?;
        self.bound(time, received)
    }

    /// The first format that reads the value decides; a value that a format reads and finds out of range is
    /// not tried in another.
    fn instant(&self, value: Extracted<'_>, reference: Option<EventTime>) -> Result<EventTime, TimeError> {
        if !value.is_present() {
            return Err(TimeError::Missing);
        }
        for format in &self.formats {
            let read = match (format, value) {
                (Format::Unix(unit), _) => unit.read(value),
                (Format::Rfc3339, Extracted::Text(text)) => {
                    rfc3339::read(text).map(|civil| self.place(&civil, reference))
                }
                (Format::Pattern(pattern), Extracted::Text(text)) => {
                    pattern.read(text).map(|civil| self.place(&civil, reference))
                }
                // A number in a format such as `%Y%m%d%H%M%S`.
                (Format::Pattern(pattern), Extracted::Int(number)) => {
                    pattern.read(number.to_string().as_bytes()).map(|civil| self.place(&civil, reference))
                }
                _ => None,
            };
            if let Some(result) = read {
                return result;
            }
        }
        Err(TimeError::Unreadable)
    }

    /// Puts a civil time on the time line: epoch seconds as they are, an offset of its own, else zone.
    fn place(&self, civil: &Civil, reference: Option<EventTime>) -> Result<EventTime, TimeError> {
        if civil.has_year() {
            return self.zone.instant(civil);
        }
        if let Some(year) = self.year {
            return self.zone.instant(&civil.with_year(i32::from(year)));
        }
        let reference = reference.ok_or(TimeError::WithoutYear)?;
        nearest_year(civil, &self.zone, reference)
    }

    fn bound(&self, time: EventTime, received: Option<EventTime>) -> Result<Stamp, TimeError> {
        let Some(received) = received else {
            return if PLAUSIBLE.contains(&time) {
                Ok(Stamp { time, clamped: false })
            } else {
                Err(TimeError::OutOfRange)
            };
        };
        if time > received.plus(self.max_future) {
            return Ok(Stamp { time: received, clamped: true });
        }
        if self.max_age.is_some_and(|age| time < received.minus(age)) {
            return Err(TimeError::TooOld(time));
        }
        Ok(Stamp { time, clamped: false })
    }
}

/// The instant of an RFC 3339 text, as resources write it. None when it is something else.
pub fn instant(text: &str) -> Option<EventTime> {
    Zone::Offset(0).instant(&rfc3339::read(text.as_bytes())?).ok()
}

/// The year that puts `civil` nearest to `reference`; the earlier of two that are equally near. A leap day looks up
/// to eight years to either side, since 1896 and 1904 are that far apart.
fn nearest_year(civil: &Civil, zone: &Zone, reference: EventTime) -> Result<EventTime, TimeError> {
    let centre = civil::year_of(reference);
    let reach = if civil.is_leap_day() { 8 } else { 1 };
    (centre - reach..=centre + reach)
        .filter_map(|year| zone.instant(&civil.with_year(year)).ok())
        .min_by_key(|time| (time.0.abs_diff(reference.0), time.0))
        .ok_or(TimeError::OutOfRange)
}

impl Format {
    fn compile(text: &str) -> Result<Self, PatternError> {
        let pattern = |text: &str| Pattern::compile(text).map(Format::Pattern);
        Ok(match text {
            "rfc3339" => Self::Rfc3339,
            "unix_s" => Self::Unix(Unit::Seconds),
            "unix_ms" => Self::Unix(Unit::Millis),
            "unix_us" => Self::Unix(Unit::Micros),
            "unix_ns" => Self::Unix(Unit::Nanos),
            "unix_auto" => Self::Unix(Unit::Auto),
            "clf" => pattern("%?[%d/%b/%Y:%H:%M:%S %z%?]")?,
            "syslog" => pattern("%?Y%b %e %H:%M:%S%.f%?Y")?,
            "rfc1123" => pattern("%a, %d %b %Y %H:%M:%S %Z")?,
            "log4j" => pattern("%Y-%m-%d %H:%M:%S%.f")?,
            other => pattern(other)?,
        })
    }
}
