//! Durations, byte sizes and quantities as people write them: `1m30s`, `64KiB`, `500m`.
//!
//! Each is a newtype over one integer, read from and written as a string, with the same pattern in
//! the schema that the parser here accepts. What the API server lets through parses here, and what
//! parses here prints in one canonical form that parses to the same value.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a duration, size or quantity could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a duration; carries the text.
    #[error(
        "`{0}` is not a duration: write whole numbers with d, h, m, s, ms or us, largest first, such as 10s, 1m30s or 500ms"
    )]
    Duration(String),
    /// Not a byte size; carries the text.
    #[error("`{0}` is not a byte size: write a whole number with B, KiB, MiB, GiB or TiB, such as 64KiB")]
    ByteSize(String),
    /// Not a Kubernetes quantity; carries the text.
    #[error(
        "`{0}` is not a quantity: write a number with at most three decimals and one of m, k, Ki, M, Mi, G, Gi, T, Ti, such as 500m, 2 or 16Gi"
    )]
    Quantity(String),
}

/// Pattern of [`Duration`]. The digit counts keep the sum far below 2^63 microseconds.
pub const DURATION_PATTERN: &str =
    "^([0-9]{1,5}d)?([0-9]{1,7}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,12}ms)?([0-9]{1,15}us)?$";
/// Pattern of [`ByteSize`]. Seven digits of TiB still fit 64 bits.
pub const BYTE_SIZE_PATTERN: &str = "^[0-9]{1,7}(B|KiB|MiB|GiB|TiB)$";
/// Pattern of [`Quantity`].
pub const QUANTITY_PATTERN: &str = "^[0-9]{1,9}([.][0-9]{1,3})?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$";

/// Units of a duration, largest first: text, microseconds, most digits.
const DURATION_UNITS: [(&str, u64, usize); 6] = [
    ("d", 86_400_000_000, 5),
    ("h", 3_600_000_000, 7),
    ("m", 60_000_000, 9),
    ("s", 1_000_000, 9),
    ("ms", 1_000, 12),
    ("us", 1, 15),
];

/// A span of time in whole microseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Length in microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Length in microseconds as the signed number that event time is counted in.
    pub const fn as_micros_i64(self) -> i64 {
        if self.0 > i64::MAX as u64 { i64::MAX } else { self.0 as i64 }
    }

    /// Length in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// As the standard library's duration.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0)
    }

    /// True for `0s`.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Duration {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::Duration(shorten(text));
        let mut rest = text;
        let mut micros: u64 = 0;
        let mut units = DURATION_UNITS.iter();
        if rest.is_empty() {
            return Err(error());
        }
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let unit_length = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, next) = after.split_at(unit_length);
            // The iterator is shared over rounds, so units must come largest first and once each.
            let &(_, factor, most_digits) = units.find(|(name, _, _)| *name == unit).ok_or_else(error)?;
            if digits == 0 || digits > most_digits {
                return Err(error());
            }
            let count: u64 = number.parse().map_err(|_| error())?;
            micros = count.checked_mul(factor).and_then(|part| micros.checked_add(part)).ok_or_else(error)?;
            rest = next;
        }
        Ok(Self(micros))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, factor, _) in DURATION_UNITS {
            let count = rest / factor;
            rest %= factor;
            if count > 0 {
                write!(formatter, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// Units of a byte size: text, bytes.
const BYTE_UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// From bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// From units of 1,024 bytes.
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1 << 10))
    }

    /// From units of 1,048,576 bytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(1 << 20))
    }

    /// Size in bytes.
    pub const fn as_bytes(self) -> u64 {
        self.0
    }

    /// Size in bytes as an index type.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::ByteSize(shorten(text));
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let &(_, factor) = BYTE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        if digits == 0 || digits > 7 {
            return Err(error());
        }
        let count: u64 = number.parse().map_err(|_| error())?;
        count.checked_mul(factor).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The largest unit that divides it, so that the printed form is exact.
        for (unit, factor) in BYTE_UNITS {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(formatter, "{}{unit}", self.0 / factor);
            }
        }
        formatter.write_str("0B")
    }
}

/// A Kubernetes quantity such as `500m`, `2` or `16Gi`, kept as thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u128);

/// Units of a quantity: text, thousandths.
const QUANTITY_UNITS: [(&str, u128); 9] = [
    ("Ti", 1000 << 40),
    ("Gi", 1000 << 30),
    ("Mi", 1000 << 20),
    ("Ki", 1000 << 10),
    ("T", 1_000_000_000_000_000),
    ("G", 1_000_000_000_000),
    ("M", 1_000_000_000),
    ("k", 1_000_000),
    ("", 1_000),
];

impl Quantity {
    /// The value in thousandths: CPU cores in millicores, memory in thousandths of a byte.
    pub const fn as_milli(self) -> u128 {
        self.0
    }

    /// The value rounded up to whole units, such as bytes.
    pub const fn as_units(self) -> u128 {
        self.0.div_ceil(1_000)
    }
}

impl FromStr for Quantity {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::Quantity(shorten(text));
        let number_length = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, unit) = text.split_at(number_length);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "000"));
        let is_digits = |part: &str, most: usize| {
            !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_digits(whole, 9) || !is_digits(fraction, 3) {
            return Err(error());
        }
        let whole: u128 = whole.parse().map_err(|_| error())?;
        let thousandths: u128 = format!("{fraction:0<3}").parse().map_err(|_| error())?;
        let milli = whole * 1_000 + thousandths;
        if unit == "m" {
            return Ok(Self(milli.div_ceil(1_000)));
        }
        let &(_, factor) = QUANTITY_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        Ok(Self(milli * (factor / 1_000)))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = QUANTITY_UNITS.iter().filter_map(|(unit, factor)| self.in_unit(unit, *factor));
        match forms.min_by_key(String::len) {
            Some(shortest) => formatter.write_str(&shortest),
            None => write!(formatter, "{}m", self.0),
        }
    }
}

impl Quantity {
    /// The value in this unit, if it is at least one of it and three decimals are enough.
    fn in_unit(self, unit: &str, factor: u128) -> Option<String> {
        let thousandths = self.0.checked_mul(1_000)?;
        let (whole, rest) = (thousandths / factor / 1_000, thousandths / factor % 1_000);
        let is_below_one = whole == 0 && rest > 0;
        if !thousandths.is_multiple_of(factor) || is_below_one || whole > 999_999_999 {
            return None;
        }
        Some(match rest {
            0 => format!("{whole}{unit}"),
            _ => format!("{whole}.{}{unit}", format!("{rest:03}").trim_end_matches('0')),
        })
    }
}

/// Keeps a quoted input short enough for an error line.
fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

macro_rules! as_string {
    ($type:ty, $name:literal, $pattern:expr, $min:literal, $max:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": $min, "maxLength": $max, "pattern": $pattern })
            }
        }
    };
}

as_string!(Duration, "Duration", DURATION_PATTERN, 2, 32);
as_string!(ByteSize, "ByteSize", BYTE_SIZE_PATTERN, 2, 10);
as_string!(Quantity, "Quantity", QUANTITY_PATTERN, 1, 16);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn durations_sizes_and_quantities_mean_what_they_say() {
        let micros = |text: &str| text.parse::<Duration>().map(Duration::as_micros);
        assert_eq!(micros("1m30s"), Ok(90_000_000));
        assert_eq!(micros("500ms"), Ok(500_000));
        assert_eq!(micros("1d2h"), Ok(93_600_000_000));
        assert_eq!(micros("0s"), Ok(0));
        for wrong in
            ["", "10", "s", "1s1m", "1s1s", "-1s", "1.5s", " 1s", "1 s", "1S", "1m 30s", "100000d", "1ns", "١s"]
        {
            assert!(micros(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Duration::from_secs(90).to_string(), "1m30s");
        let bytes = |text: &str| text.parse::<ByteSize>().map(ByteSize::as_bytes);
        assert_eq!(bytes("64KiB"), Ok(65_536));
        assert_eq!(bytes("9999999TiB"), Ok(9_999_999 << 40));
        for wrong in ["", "64", "KiB", "64KB", "64 KiB", "1.5MiB", "10000000B", "-1B"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        let milli = |text: &str| text.parse::<Quantity>().map(Quantity::as_milli);
        assert_eq!(milli("500m"), Ok(500));
        assert_eq!(milli("1.5"), Ok(1_500));
        assert_eq!(milli("0.05"), Ok(50));
        assert_eq!(milli("2k"), Ok(2_000_000));
        assert_eq!(milli("16Gi"), Ok((16 << 30) * 1_000));
        assert_eq!("1.5Gi".parse::<Quantity>().map(Quantity::as_units), Ok(3 << 29));
        for wrong in ["", "m", ".5", "1.", "1.0001", "1e3", "-1", "1KiB", "1ki"] {
            assert!(milli(wrong).is_err(), "{wrong}");
        }
    }

    /// Texts near the grammar of all three.
    fn near() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop_oneof!["[0-9]{1,3}", "[0-9.]{0,17}", "(d|h|m|s|ms|us|B|KiB|MiB|TiB|Gi|k|T|x| )"],
            0..5,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The API server and the parser accept the same texts.
        #[test]
        fn patterns_and_parsers_accept_the_same(text in near()) {
            let matches = |pattern: &str, least: usize, most: usize| {
                (least..=most).contains(&text.chars().count()) && Regex::new(pattern).is_ok_and(|regex| regex.is_match(&text))
            };
            prop_assert_eq!(matches(DURATION_PATTERN, 2, 70), text.parse::<Duration>().is_ok(), "{}", text);
            prop_assert_eq!(matches(BYTE_SIZE_PATTERN, 2, 10), text.parse::<ByteSize>().is_ok(), "{}", text);
            prop_assert_eq!(matches(QUANTITY_PATTERN, 1, 16), text.parse::<Quantity>().is_ok(), "{}", text);
        }

        #[test]
        fn what_is_printed_is_read_back(
            micros in 0..8_000_000_000_000_000_u64,
            bytes in 0..9_999_999_u64,
            unit in 0..5_usize,
            quantity in "[0-9]{1,9}([.][0-9]{1,3})?(m|k|Ki|M|Mi|G|Gi|T|Ti)?",
        ) {
            let duration = Duration::from_micros(micros);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
            let size = ByteSize::from_bytes(bytes * BYTE_UNITS[unit].1);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
            let quantity: Quantity = quantity.parse().expect("the pattern");
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
        }
    }
}
