//! Bounded strings: names, expressions, patterns.
//!
//! Every string in the API has a greatest length, so that a resource has one too and the API server
//! can bound the cost of the rules on it. The bound sits in the type: a list or a map of these is
//! bounded without a word at the field. The types hold what was read; they are not proof that the
//! bound holds (that is what reading and `check` are for).

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Pattern of [`Name`].
pub const NAME_PATTERN: &str = "^[a-z0-9]([-a-z0-9_.]*[a-z0-9])?$";
/// Pattern of [`Ident`].
pub const IDENT_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// Pattern of [`Column`].
pub const COLUMN_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$";
/// Pattern of [`SecretName`].
pub const SECRET_NAME_PATTERN: &str = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
/// Pattern of [`EnvName`].
pub const ENV_NAME_PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// Pattern of [`Url`].
pub const URL_PATTERN: &str = "^[a-z][a-z0-9+.-]*://[^ ]+$";
/// Pattern of [`Host`].
pub const HOST_PATTERN: &str = "^[A-Za-z0-9*]([-A-Za-z0-9.:]*[A-Za-z0-9])?$";
/// Pattern of [`Topic`].
pub const TOPIC_PATTERN: &str = "^[A-Za-z0-9._-]+$";
/// Pattern of [`RelativePath`].
pub const RELATIVE_PATH_PATTERN: &str = "^[^/\\\\][^\\\\]*$";
/// Pattern of [`Instant`].
pub const INSTANT_PATTERN: &str =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$";

macro_rules! bounded_string {
    ($(#[$doc:meta])* $type:ident, $min:expr, $max:expr $(, $pattern:expr)?) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// The greatest length in characters.
            pub const MAX_LENGTH: usize = $max;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, owned.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl Deref for $type {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl PartialEq<str> for $type {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $type {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "minLength": $min,
                    "maxLength": $max
                    $(, "pattern": $pattern)?
                })
            }
        }
    };
}

bounded_string! {
    /// A name of a thing inside a resource, or of another resource in the same namespace:
    /// lower-case letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit.
    Name, 1, 63, NAME_PATTERN
}
bounded_string! {
    /// A name that expressions can say: a letter or `_`, then letters, digits and `_`.
    Ident, 1, 63, IDENT_PATTERN
}
bounded_string! {
    /// A column of the message, dotted for a nested one, such as `http.status`.
    Column, 1, 256, COLUMN_PATTERN
}
bounded_string! {
    /// An extracted name, as a decode step gives it. May be a dotted path into decoded JSON.
    Extracted, 1, 256
}
bounded_string! {
    /// An expression of Logloom's typed language (CEL syntax).
    Expr, 1, 1024
}
bounded_string! {
    /// A regular, grok or dissect pattern. Matching time is linear in the line.
    Pattern, 1, 4096
}
bounded_string! {
    /// A short text for people, a label value or a constant.
    Text, 0, 1024
}
bounded_string! {
    /// A single character or a short separator.
    Separator, 1, 8
}
bounded_string! {
    /// Name of a Secret in the resource's own namespace.
    SecretName, 1, 253, SECRET_NAME_PATTERN
}
bounded_string! {
    /// Name of an environment variable.
    EnvName, 1, 128, ENV_NAME_PATTERN
}
bounded_string! {
    /// An address with its scheme, such as `https://search.example:9200`.
    Url, 1, 1024, URL_PATTERN
}
bounded_string! {
    /// A host name or an IP address.
    Host, 1, 253, HOST_PATTERN
}
bounded_string! {
    /// A Kafka topic, or the beginning of one.
    Topic, 1, 249, TOPIC_PATTERN
}
bounded_string! {
    /// A relative path with forward slashes. Where it is used a rule also refuses `..`.
    RelativePath, 1, 512, RELATIVE_PATH_PATTERN
}
bounded_string! {
    /// The text of a Protobuf file (proto3).
    ProtoText, 1, 65536
}
bounded_string! {
    /// A full Protobuf message name, such as `acme.checkout.App`.
    MessageName, 1, 256, COLUMN_PATTERN
}
bounded_string! {
    /// A time as RFC 3339, such as `2026-11-01T10:42:00.5Z`.
    Instant, 20, 40, INSTANT_PATTERN
}
bounded_string! {
    /// One sample line of a test.
    Line, 0, 65536
}
