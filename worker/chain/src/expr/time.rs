//! Durations and timestamps, in microseconds: their texts, their ranges, and the calendar.

use super::error::Fault;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use std::fmt::Write;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// 0001-01-01T00:00:00Z and the last microsecond of the year 9999 (`google.protobuf.Timestamp`).
const FIRST: i64 = -62_135_596_800 * SECOND;
const LAST: i64 = 253_402_300_800 * SECOND - 1;
/// About 10,000 years (`google.protobuf.Duration`).
const LONGEST: i64 = 315_576_000_000 * SECOND;

/// The timestamp, if it is in range.
#[inline]
pub(super) fn timestamp_in_range(micros: i64) -> Result<i64, Fault> {
    if (FIRST..=LAST).contains(&micros) { Ok(micros) } else { Err(Fault::Overflow) }
}

/// The duration, if it is in range.
#[inline]
pub(super) fn duration_in_range(micros: i64) -> Result<i64, Fault> {
    if (-LONGEST..=LONGEST).contains(&micros) { Ok(micros) } else { Err(Fault::Overflow) }
}

/// `timestamp(int)`: seconds since 1970.
pub(super) fn timestamp_of_seconds(seconds: i64) -> Result<i64, Fault> {
    timestamp_in_range(seconds.checked_mul(SECOND).ok_or(Fault::Overflow)?)
}

/// `int(timestamp)`: seconds since 1970, rounded down.
pub(super) fn seconds_of_timestamp(micros: i64) -> i64 {
    micros.div_euclid(SECOND)
}

/// `duration(string)`: `-1h30m`, `1.5s`, `250ms`: decimal numbers with the units h, m, s, ms, us, ns.
pub(super) fn parse_duration(text: &[u8]) -> Result<i64, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::Conversion)?;
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or("")),
        Some(b'+') => (false, text.get(1..).unwrap_or("")),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(Fault::Conversion);
    }
    let mut nanos: i128 = 0;
    while !rest.is_empty() {
        let (amount, behind) = parse_amount(rest)?;
        nanos = nanos.checked_add(amount).ok_or(Fault::Overflow)?;
        rest = behind;
    }
    let micros = i64::try_from(nanos / 1_000).map_err(|_| Fault::Overflow)?;
    duration_in_range(if negative { -micros } else { micros })
}

/// One number with its unit, in nanoseconds, and what stands behind it.
fn parse_amount(text: &str) -> Result<(i128, &str), Fault> {
    let split = |text: &str, wanted: fn(&u8) -> bool| text.bytes().take_while(wanted).count();
    let (whole, rest) = text.split_at(split(text, u8::is_ascii_digit));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(split(rest, u8::is_ascii_digit)),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(Fault::Conversion);
    }
    let (unit, rest) = rest.split_at(split(rest, u8::is_ascii_alphabetic));
    let unit: i128 = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(Fault::Conversion),
    };
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Fault::Overflow)? };
    let mut nanos = whole.checked_mul(unit).ok_or(Fault::Overflow)?;
    let mut scale = unit;
    for digit in fraction.bytes() {
        // Below one nanosecond nothing is left to add.
        nanos += i128::from(digit - b'0') * scale / 10;
        scale /= 10;
    }
    Ok((nanos, rest))
}

/// `string(duration)`: seconds, as `90.5s`.
pub(super) fn write_duration(out: &mut impl Write, micros: i64) -> std::fmt::Result {
    let (seconds, fraction) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    write!(out, "{}{seconds}", if micros < 0 { "-" } else { "" })?;
    write_fraction(out, fraction)?;
    out.write_str("s")
}

fn write_fraction(out: &mut impl Write, micros: u64) -> std::fmt::Result {
    if micros == 0 {
        return Ok(());
    }
    let (mut digits, mut width) = (micros, 6);
    while digits % 10 == 0 {
        digits /= 10;
        width -= 1;
    }
    write!(out, ".{digits:0width$}")
}

/// `timestamp(string)`: RFC 3339, as `2024-03-01T12:30:00.25Z` or with an offset such as `+02:00`.
pub(super) fn parse_timestamp(text: &[u8]) -> Result<i64, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::Conversion)?;
    if !is_rfc3339(text.as_bytes()) {
        return Err(Fault::Conversion);
    }
    let zone = text.len() - if text.ends_with(['Z', 'z']) { 1 } else { 6 };
    let (local, offset) = text.split_at_checked(zone).ok_or(Fault::Conversion)?;
    let local: DateTime = local.parse().map_err(|_| Fault::Conversion)?;
    let micros = i64::try_from(local.duration_since(EPOCH).as_micros()).map_err(|_| Fault::Overflow)?;
    timestamp_in_range(micros - offset_seconds(offset).ok_or(Fault::Conversion)? * SECOND)
}

/// `Z`, or hours and minutes as `+02:00`.
fn offset_seconds(text: &str) -> Option<i64> {
    if text.len() == 1 {
        return Some(0);
    }
    let hours: i64 = text.get(1..3)?.parse().ok()?;
    let minutes: i64 = text.get(4..6)?.parse().ok()?;
    let seconds = hours * 3600 + minutes * 60;
    (hours < 24 && minutes < 60).then_some(if text.starts_with('-') { -seconds } else { seconds })
}

/// The date and the microsecond of the day of an instant, `offset` seconds east of UTC.
///
/// jiff's own instants end some hours before the year 9999 does, so that any offset still fits; this
/// reaches to its end in UTC.
fn local_time(micros: i64, offset: i64) -> Result<(Date, i64), Fault> {
    let since = micros.checked_add(offset * SECOND).ok_or(Fault::Overflow)?;
    let days = jiff::Span::new().try_days(since.div_euclid(DAY)).map_err(|_| Fault::Overflow)?;
    let date = EPOCH.date().checked_add(days).map_err(|_| Fault::Overflow)?;
    Ok((date, since.rem_euclid(DAY)))
}

/// jiff reads more forms than RFC 3339 has; this is the shape of RFC 3339 (section 5.6).
fn is_rfc3339(text: &[u8]) -> bool {
    let shape = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text.iter().zip(shape).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                _ => byte.eq_ignore_ascii_case(shape),
            })
    };
    let Some((start, rest)) = text.split_at_checked(19) else {
        return false;
    };
    let fraction = match rest.first() {
        Some(b'.') => 1 + rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count(),
        _ => 0,
    };
    let zone = rest.get(fraction..).unwrap_or_default();
    let zone_fits = shape(zone, b"Z") || shape(zone, b"+00:00") || shape(zone, b"-00:00");
    shape(start, b"0000-00-00T00:00:00") && zone_fits && fraction != 1
}

/// `string(timestamp)`: RFC 3339 in UTC.
pub(super) fn write_timestamp(out: &mut impl Write, micros: i64) -> std::fmt::Result {
    let (date, time) = local_time(micros, 0).map_err(|_| std::fmt::Error)?;
    write!(out, "{:04}-{:02}-{:02}T", date.year(), date.month(), date.day())?;
    let (hours, minutes, seconds) = (time / (3600 * SECOND), time / (60 * SECOND) % 60, time / SECOND % 60);
    write!(out, "{hours:02}:{minutes:02}:{seconds:02}")?;
    write_fraction(out, micros.rem_euclid(SECOND) as u64)?;
    out.write_str("Z")
}

/// The zone of a `get...` method: `UTC`, an offset such as `+02:00`, or a name of the zone database
/// that is built into the program.
pub(super) fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    let (sign, rest) = match name.as_bytes().first()? {
        b'-' => (-1, name.get(1..)?),
        b'+' => (1, name.get(1..)?),
        _ => (1, name),
    };
    if let [a, b, b':', c, d] = rest.as_bytes()
        && [a, b, c, d].iter().all(|byte| byte.is_ascii_digit())
    {
        let hours: i32 = rest.get(..2)?.parse().ok()?;
        let minutes: i32 = rest.get(3..)?.parse().ok()?;
        if minutes > 59 {
            return None;
        }
        return Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok().map(TimeZone::fixed);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// What a `get...` method of a timestamp or a duration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    FullYear,
    Month,
    /// From 1.
    Date,
    /// From 0.
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// `timestamp.get...()` in a zone. Months, days of the month (but for `getDate`), of the week (from
/// Sunday) and of the year count from 0.
pub(super) fn calendar(field: Field, micros: i64, zone: &TimeZone) -> Result<i64, Fault> {
    // The offset at the very end of the year 9999 is that of the last instant that jiff knows; its
    // first is long before the year 1.
    let instant = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
    let (date, time) = local_time(timestamp_in_range(micros)?, zone.to_offset(instant).seconds().into())?;
    Ok(match field {
        Field::FullYear => date.year().into(),
        Field::Month => i64::from(date.month()) - 1,
        Field::Date => date.day().into(),
        Field::DayOfMonth => i64::from(date.day()) - 1,
        Field::DayOfWeek => date.weekday().to_sunday_zero_offset().into(),
        Field::DayOfYear => i64::from(date.day_of_year()) - 1,
        Field::Hours => time / (3600 * SECOND),
        Field::Minutes => time / (60 * SECOND) % 60,
        Field::Seconds => time / SECOND % 60,
        Field::Milliseconds => time / 1_000 % 1_000,
    })
}

/// `duration.get...()`: hours, minutes and seconds are the whole duration in that unit, towards zero;
/// milliseconds are the part below a second.
#[inline]
pub(super) fn span_field(field: Field, micros: i64) -> i64 {
    match field {
        Field::Hours => micros / (3600 * SECOND),
        Field::Minutes => micros / (60 * SECOND),
        Field::Seconds => micros / SECOND,
        _ => micros % SECOND / 1_000,
    }
}
