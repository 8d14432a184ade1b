//! `timestamp`: from extracted text to event time.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::rules;
use crate::text::{Extracted, Text};
use crate::units::Duration;

/// Where an event's time comes from, and how far out of order it may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::timestamp()))]
pub struct TimestampRule {
    /// Extracted name that holds the time.
    pub from: Extracted,
    /// Forms to try in order: `rfc3339`, `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, `unix_auto` (by
    /// magnitude), `clf` (access logs), `syslog` (RFC 3164), `rfc1123`, `log4j`, or a strptime pattern such as
    /// `%Y-%m-%d %H:%M:%S%.f`. Default `rfc3339`.
    #[serde(default = "default_formats")]
    #[schemars(length(min = 1, max = 16))]
    pub formats: Vec<Text>,
    /// IANA zone or offset such as `Europe/Vienna` or `+08:00`, for times that name none.
    /// Default `UTC`.
    #[serde(default = "default_zone")]
    pub zone: Text,
    /// Allowed disorder: how far behind the latest time a line may come and still be on time.
    /// Default 10s.
    #[serde(default = "default_disorder")]
    pub disorder: Duration,
    /// Year of times that name none: `auto` (default; the year that puts the line nearest to the
    /// time its source took it) or a number.
    #[serde(default)]
    pub default_year: DefaultYear,
    /// A time further than this after the time at which the source took the line is clamped to it,
    /// and counted. Default 1h.
    #[serde(default = "default_max_future")]
    pub max_future: Duration,
    /// A time further than this before the time at which the source took the line is dropped and
    /// counted. Default: no bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
}

fn default_formats() -> Vec<Text> {
    vec!["rfc3339".into()]
}

fn default_zone() -> Text {
    "UTC".into()
}

fn default_disorder() -> Duration {
    Duration::from_secs(10)
}

fn default_max_future() -> Duration {
    Duration::from_secs(3_600)
}

impl Default for TimestampRule {
    fn default() -> Self {
        Self {
            from: "timestamp".into(),
            formats: default_formats(),
            zone: default_zone(),
            disorder: default_disorder(),
            default_year: DefaultYear::Auto,
            max_future: default_max_future(),
            max_age: None,
        }
    }
}

/// The year of a time that names none: `auto` or a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultYear {
    /// The year nearest to the time at which the source took the line.
    #[default]
    Auto,
    /// This year, 1970 to 9999.
    Year(i16),
}

impl Serialize for DefaultYear {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Year(year) => serializer.serialize_i16(*year),
        }
    }
}

impl<'de> Deserialize<'de> for DefaultYear {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = DefaultYear;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`auto` or a year from 1970 to 9999")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DefaultYear, E> {
                match (text, text.parse()) {
                    ("auto", _) => Ok(DefaultYear::Auto),
                    (_, Ok(year)) => self.visit_u64(year),
                    (_, Err(_)) => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: de::Error>(self, year: u64) -> Result<DefaultYear, E> {
                match i16::try_from(year) {
                    Ok(number @ 1970..=9999) => Ok(DefaultYear::Year(number)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(year), &self)),
                }
            }

            fn visit_i64<E: de::Error>(self, year: i64) -> Result<DefaultYear, E> {
                u64::try_from(year)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(year), &self))
                    .and_then(|year| self.visit_u64(year))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for DefaultYear {
    fn schema_name() -> Cow<'static, str> {
        "DefaultYear".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 4,
            "x-kubernetes-validations": rules::default_year(),
        })
    }
}
