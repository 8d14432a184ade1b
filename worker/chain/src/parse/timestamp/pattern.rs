//! strptime-like patterns, compiled to steps over bytes.
//!
//! | | reads |
//! |---|---|
//! | `%Y` | year, four digits |
//! | `%y` | year, two digits: 69 to 99 are 19xx, 00 to 68 are 20xx |
//! | `%m` `%d` `%e` | month, day: one or two digits, `%e` also behind spaces |
//! | `%j` | day of the year, one to three digits |
//! | `%b` `%B` `%h` | English month, short or full |
//! | `%a` `%A` | English weekday, short or full; read and not used |
//! | `%H` `%I` `%p` | hour of 24, hour of 12, AM or PM |
//! | `%M` `%S` | minute, second (60 is a leap second): one or two digits |
//! | `%f` | digits of a fraction of a second; `%3f` `%6f` `%9f` exactly so many |
//! | `%.f` | `.` or `,` and digits, or nothing |
//! | `%s` | seconds since the epoch |
//! | `%z` `%:z` | offset: `Z`, `+08`, `+0800`, `+08:00` |
//! | `%Z` | zone abbreviation: `UTC`, `GMT` and `Z` count, others are read and the rule's zone stands |
//! | `%T` `%R` `%F` `%D` | `%H:%M:%S`, `%H:%M`, `%Y-%m-%d`, `%m/%d/%y` |
//! | `%n` `%t` or a space | one or more blanks |
//! | `%%` | a percent sign |
//! | `%?Y` | a year and the blanks beside it, or nothing |
//! | `%?x` | the character `x`, or nothing |
//!
//! Anything else stands for itself. The text must be read to its end; blanks around it do not count. Names
//! are read without regard to case.

use super::{Civil, rfc3339};
use thiserror::Error;

/// Why a pattern does not compile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// No name of a format and no pattern.
    #[error(
        "`{0}` is no format: write rfc3339, unix_s, unix_ms, unix_us, unix_ns, unix_auto, clf, syslog, rfc1123, log4j, or a pattern such as %Y-%m-%d %H:%M:%S%.f"
    )]
    UnknownName(String),
    /// A conversion that does not exist.
    #[error("`%{0}` is no conversion")]
    UnknownConversion(String),
    /// The same part twice.
    #[error("the pattern has {0} twice")]
    Twice(&'static str),
    /// A part without another.
    #[error("the pattern has no {0}")]
    Without(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(u8),
    MaybeLiteral(u8),
    Blanks,
    Year,
    MaybeYear,
    ShortYear,
    Month,
    Day,
    PaddedDay,
    DayOfYear,
    MonthName,
    Weekday,
    Hour,
    Hour12,
    HalfDay,
    Minute,
    Second,
    Fraction,
    FixedFraction(u8),
    MaybeFraction,
    Epoch,
    Offset,
    Abbreviation,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Compiles the text of a pattern.
    ///
    /// # Errors
    /// [`PatternError`], also for a pattern that cannot tell a day.
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        if !text.contains('%') {
            return Err(PatternError::UnknownName(text.to_owned()));
        }
        let mut parts = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => conversion(&mut bytes, &mut parts)?,
                b' ' | b'\t' => push_blanks(&mut parts),
                other => parts.push(Part::Literal(other)),
            }
        }
        let pattern = Self { parts };
        pattern.check()?;
        Ok(pattern)
    }

    /// True when every text that it reads has a year.
    pub fn always_has_year(&self) -> bool {
        self.has(Part::Year) || self.has(Part::ShortYear) || self.has(Part::Epoch)
    }

    fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    fn check(&self) -> Result<(), PatternError> {
        for (name, group) in GROUPS {
            let count = self.parts.iter().filter(group).count();
            if count > 1 {
                return Err(PatternError::Twice(name));
            }
        }
        if self.has(Part::Epoch) {
            return Ok(());
        }
        let has_month = self.has(Part::Month) || self.has(Part::MonthName);
        let has_day = self.has(Part::Day) || self.has(Part::PaddedDay);
        if !self.has(Part::DayOfYear) {
            if !has_month {
                return Err(PatternError::Without("month"));
            }
            if !has_day {
                return Err(PatternError::Without("day"));
            }
        }
        if self.has(Part::Hour12) && !self.has(Part::HalfDay) {
            return Err(PatternError::Without("%p for its %I"));
        }
        Ok(())
    }

    /// Reads a text. None when it is of another form.
    pub fn read(&self, text: &[u8]) -> Option<Civil> {
        let mut input = Input { rest: text.trim_ascii() };
        let mut civil = Civil::default();
        let mut afternoon = None;
        for part in &self.parts {
            input.part(*part, &mut civil, &mut afternoon)?;
        }
        if let Some(afternoon) = afternoon {
            civil.hour = civil.hour % 12 + if afternoon { 12 } else { 0 };
        }
        let clock = civil.hour < 24 && civil.minute < 60 && civil.second <= 60;
        let date = civil.epoch.is_some()
            || civil.day_of_year.is_some()
            || ((1..=12).contains(&civil.month) && (1..=31).contains(&civil.day));
        (input.rest.is_empty() && clock && date).then_some(civil)
    }
}

type PartGroup = (&'static str, fn(&&Part) -> bool);

/// What a text can say only once.
const GROUPS: [PartGroup; 7] = [
    ("the year", |part| matches!(part, Part::Year | Part::ShortYear)),
    ("the month", |part| matches!(part, Part::Month | Part::MonthName)),
    ("the day", |part| matches!(part, Part::Day | Part::PaddedDay | Part::DayOfYear)),
    ("the hour", |part| matches!(part, Part::Hour | Part::Hour12)),
    ("the minute", |part| matches!(part, Part::Minute)),
    ("the second", |part| matches!(part, Part::Second | Part::Epoch)),
    ("the offset", |part| matches!(part, Part::Offset | Part::Abbreviation)),
];

fn push_blanks(parts: &mut Vec<Part>) {
    if parts.last() != Some(&Part::Blanks) {
        parts.push(Part::Blanks);
    }
}

fn conversion(bytes: &mut std::str::Bytes<'_>, parts: &mut Vec<Part>) -> Result<(), PatternError> {
    let unknown = |letters: &[u8]| PatternError::UnknownConversion(String::from_utf8_lossy(letters).into_owned());
    let letter = bytes.next().ok_or_else(|| unknown(b""))?;
    let part = match letter {
        b'Y' => Part::Year,
        b'y' => Part::ShortYear,
        b'm' => Part::Month,
        b'd' => Part::Day,
        b'e' => Part::PaddedDay,
        b'j' => Part::DayOfYear,
        b'b' | b'B' | b'h' => Part::MonthName,
        b'a' | b'A' => Part::Weekday,
        b'H' | b'k' => Part::Hour,
        b'I' | b'l' => Part::Hour12,
        b'p' | b'P' => Part::HalfDay,
        b'M' => Part::Minute,
        b'S' => Part::Second,
        b'f' => Part::Fraction,
        b's' => Part::Epoch,
        b'z' => Part::Offset,
        b'Z' => Part::Abbreviation,
        b'%' => Part::Literal(b'%'),
        b'n' | b't' => {
            push_blanks(parts);
            return Ok(());
        }
        b'.' | b':' | b'1'..=b'9' => match (letter, bytes.next()) {
            (b'.', Some(b'f')) => Part::MaybeFraction,
            (b':', Some(b'z')) => Part::Offset,
            (digits @ b'1'..=b'9', Some(b'f')) => Part::FixedFraction(digits - b'0'),
            (first, second) => return Err(unknown(&[first, second.unwrap_or(b' ')])),
        },
        b'?' => match bytes.next() {
            Some(b'Y') => Part::MaybeYear,
            Some(literal) => Part::MaybeLiteral(literal),
            None => return Err(unknown(b"?")),
        },
        b'T' | b'R' | b'F' | b'D' => {
            let expanded = match letter {
                b'T' => "%H:%M:%S",
                b'R' => "%H:%M",
                b'F' => "%Y-%m-%d",
                _ => "%m/%d/%y",
            };
            let mut inner = expanded.bytes();
            while let Some(byte) = inner.next() {
                match byte {
                    b'%' => conversion(&mut inner, parts)?,
                    other => parts.push(Part::Literal(other)),
                }
            }
            return Ok(());
        }
        other => return Err(unknown(&[other])),
    };
    parts.push(part);
    Ok(())
}

struct Input<'a> {
    rest: &'a [u8],
}

impl Input<'_> {
    fn part(&mut self, part: Part, civil: &mut Civil, afternoon: &mut Option<bool>) -> Option<()> {
        match part {
            Part::Literal(byte) => self.literal(byte)?,
            Part::MaybeLiteral(byte) => {
                let _ = self.literal(byte);
            }
            Part::Blanks => {
                if self.blanks() == 0 {
                    return None;
                }
            }
            Part::Year => civil.year = Some(self.digits(4, 4)? as i32),
            Part::MaybeYear => self.maybe_year(civil),
            Part::ShortYear => {
                let year = self.digits(2, 2)? as i32;
                civil.year = Some(if year >= 69 { 1900 + year } else { 2000 + year });
            }
            Part::Month => civil.month = self.digits(1, 2)?,
            Part::Day => civil.day = self.digits(1, 2)?,
            Part::PaddedDay => {
                self.blanks();
                civil.day = self.digits(1, 2)?;
            }
            Part::DayOfYear => civil.day_of_year = Some(self.digits(1, 3).filter(|day| (1..=366).contains(day))?),
            Part::MonthName => civil.month = self.name(&MONTHS)?,
            Part::Weekday => {
                self.name(&WEEKDAYS)?;
            }
            Part::Hour => civil.hour = self.digits(1, 2)?,
            Part::Hour12 => civil.hour = self.digits(1, 2).filter(|hour| (1..=12).contains(hour))?,
            Part::HalfDay => *afternoon = Some(self.half_day()?),
            Part::Minute => civil.minute = self.digits(1, 2)?,
            Part::Second => civil.second = self.digits(1, 2)?,
            Part::Fraction => civil.micros = self.fraction()?,
            Part::FixedFraction(digits) => {
                let (own, rest) = self.rest.split_at_checked(usize::from(digits))?;
                let (micros, length) = rfc3339::fraction(own)?;
                if length != usize::from(digits) {
                    return None;
                }
                civil.micros = micros;
                self.rest = rest;
            }
            Part::MaybeFraction => {
                if let [b'.' | b',', b'0'..=b'9', ..] = self.rest {
                    self.rest = &self.rest[1..];
                    civil.micros = self.fraction()?;
                }
            }
            Part::Epoch => civil.epoch = Some(self.epoch()?),
            Part::Offset => civil.offset = Some(self.offset()?),
            Part::Abbreviation => civil.offset = self.abbreviation()?,
        }
        Some(())
    }

    fn literal(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        (*first == byte).then(|| self.rest = rest)
    }

    fn blanks(&mut self) -> usize {
        let count = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        self.rest = &self.rest[count..];
        count
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }

    /// Four digits that stand alone, and the blanks beside them.
    fn maybe_year(&mut self, civil: &mut Civil) {
        let before = self.rest;
        let led = self.blanks();
        let year = self.digits(4, 4);
        let followed = self.blanks();
        let alone = self.rest.is_empty() || followed > 0;
        match year {
            Some(year) if alone && led + followed > 0 => civil.year = Some(year as i32),
            _ => self.rest = before,
        }
    }

    /// The first three letters tell; the rest of the full name may follow.
    fn name<const COUNT: usize>(&mut self, names: &[&str; COUNT]) -> Option<u32> {
        let short = self.rest.get(..3)?;
        let place = names.iter().position(|name| name.as_bytes()[..3].eq_ignore_ascii_case(short))?;
        let full = names[place].as_bytes();
        let length = if self.rest.get(..full.len()).is_some_and(|text| text.eq_ignore_ascii_case(full)) {
            full.len()
        } else {
            3
        };
        self.rest = &self.rest[length..];
        Some(place as u32 + 1)
    }

    fn half_day(&mut self) -> Option<bool> {
        let (letters, rest) = self.rest.split_at_checked(2)?;
        self.rest = rest;
        if letters.eq_ignore_ascii_case(b"pm") {
            Some(true)
        } else {
            letters.eq_ignore_ascii_case(b"am").then_some(false)
        }
    }

    fn fraction(&mut self) -> Option<u32> {
        let (micros, length) = rfc3339::fraction(self.rest)?;
        self.rest = &self.rest[length..];
        Some(micros)
    }

    fn epoch(&mut self) -> Option<i64> {
        let negative = self.literal(b'-').is_some();
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Twelve digits of seconds reach beyond the year 9999.
        if count == 0 || count > 12 {
            return None;
        }
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let number = digits.iter().fold(0i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        Some(if negative { -number } else { number })
    }

    fn offset(&mut self) -> Option<i32> {
        if let [b'Z' | b'z', rest @ ..] = self.rest {
            self.rest = rest;
            return Some(0);
        }
        let (seconds, rest) = rfc3339::numeric_offset(self.rest)?;
        self.rest = rest;
        Some(seconds)
    }

    fn abbreviation(&mut self) -> Option<Option<i32>> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (letters, rest) = self.rest.split_at(count);
        self.rest = rest;
        match letters {
            [] => None,
            b"UTC" | b"GMT" | b"Z" => Some(Some(0)),
            _ => Some(None),
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
