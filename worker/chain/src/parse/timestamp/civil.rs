//! Calendar arithmetic: the proleptic Gregorian calendar, years 0 to 9999.

use super::TimeError;
use crate::time::EventTime;

/// Seconds from 1970-01-01 back to 0000-01-01.
const YEAR_ZERO: i64 = -62_167_219_200;
/// Seconds from 1970-01-01 to 10000-01-01.
const YEAR_TEN_THOUSAND: i64 = 253_402_300_800;

/// What a text says about a time. Complete when it has a year, or is a number of epoch seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Civil {
    /// Year, if the text has one.
    pub year: Option<i32>,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 60.
    pub second: u32,
    /// Microseconds of the second.
    pub micros: u32,
    /// Offset from UTC in seconds, if the text has one.
    pub offset: Option<i32>,
    /// Epoch seconds; everything else but `micros` is then without meaning.
    pub epoch: Option<i64>,
    /// Day of the year, 1 to 366, in place of month and day.
    pub day_of_year: Option<u32>,
}

impl Civil {
    pub(super) fn has_year(&self) -> bool {
        self.year.is_some() || self.epoch.is_some()
    }

    pub(super) fn with_year(&self, year: i32) -> Self {
        Self { year: Some(year), ..*self }
    }

    /// A day that most years do not have.
    pub(super) fn is_leap_day(&self) -> bool {
        (self.month == 2 && self.day == 29) || self.day_of_year == Some(366)
    }

    /// Month and day, also from a day of the year.
    pub(super) fn month_and_day(&self, year: i32) -> Result<(u32, u32), TimeError> {
        let Some(mut day) = self.day_of_year else {
            return Ok((self.month, self.day));
        };
        for month in 1..=12 {
            let length = days_in_month(year, month);
            if day <= length {
                return Ok((month, day));
            }
            day -= length;
        }
        Err(TimeError::Unreadable)
    }

    /// The instant that the text would name in UTC. A leap second is the second after it.
    pub(super) fn as_utc(&self) -> Result<EventTime, TimeError> {
        let seconds = match (self.epoch, self.year) {
            (Some(epoch), _) => epoch,
            (None, Some(year)) => {
                let (month, day) = self.month_and_day(year)?;
                if day == 0 || month == 0 || day > days_in_month(year, month) {
                    return Err(TimeError::Unreadable);
                }
                let of_day = i64::from(self.hour * 3600 + self.minute * 60 + self.second);
                days_from_epoch(year, month, day) * 86_400 + of_day
            }
            (None, None) => return Err(TimeError::WithoutYear),
        };
        from_seconds(seconds, self.micros)
    }
}

/// Seconds and microseconds as an instant.
pub(super) fn from_seconds(seconds: i64, micros: u32) -> Result<EventTime, TimeError> {
    if !(YEAR_ZERO..YEAR_TEN_THOUSAND).contains(&seconds) {
        return Err(TimeError::OutOfRange);
    }
    Ok(EventTime(seconds * 1_000_000 + i64::from(micros)))
}

/// Microseconds as an instant.
pub(super) fn from_micros(micros: i128) -> Result<EventTime, TimeError> {
    let range = i128::from(YEAR_ZERO) * 1_000_000..i128::from(YEAR_TEN_THOUSAND) * 1_000_000;
    if !range.contains(&micros) {
        return Err(TimeError::OutOfRange);
    }
    i64::try_from(micros).map(EventTime).map_err(|_| TimeError::OutOfRange)
}

/// The year of an instant in UTC, held to 0 to 9999. The inverse of [`days_from_epoch`], same source.
pub(super) fn year_of(time: EventTime) -> i32 {
    let days = time.0.div_euclid(86_400_000_000);
    let days = days.clamp(YEAR_ZERO / 86_400, YEAR_TEN_THOUSAND / 86_400 - 1) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The algorithm's years begin in March: January and February are days 306 and later.
    let year = year_of_era + era * 400 + i64::from(day_of_year >= 306);
    year as i32
}

/// Days from 1970-01-01. Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
pub(super) fn days_from_epoch(year: i32, month: u32, day: u32) -> i64 {
    let year = i64::from(if month <= 2 { year - 1 } else { year });
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Length of a month; zero for a month that does not exist.
pub(super) fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 0,
    }
}
