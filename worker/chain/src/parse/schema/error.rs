//! What can be wrong with a schema, and with the bytes of a row.

use super::{MAX_COLUMNS, MAX_DEPTH, MAX_PROTO_BYTES};
use thiserror::Error;

/// Why a Protobuf text cannot be a manifest's schema.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// The text is too long.
    #[error("the Protobuf text has {bytes} bytes, at most {MAX_PROTO_BYTES} are allowed")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// The text does not compile.
    #[error("{}{message}", position(*line, *column))]
    Syntax {
        /// Line in the text, from 1; 0 when unknown.
        line: usize,
        /// Column in the line, from 1.
        column: usize,
        /// What the compiler says.
        message: String,
    },
    /// No message of this name.
    #[error("the schema has no message `{message}`")]
    UnknownMessage {
        /// The name.
        message: String,
        /// The messages that the text has.
        available: Vec<String>,
    },
    /// The message has no fields.
    #[error("message `{message}` has no fields")]
    Empty {
        /// The message.
        message: String,
    },
    /// A list.
    #[error("field `{field}` is repeated; a row holds one value per column")]
    Repeated {
        /// Dotted name.
        field: String,
    },
    /// A map.
    #[error("field `{field}` is a map; a row has a fixed set of columns")]
    Map {
        /// Dotted name.
        field: String,
    },
    /// A group.
    #[error("field `{field}` is a group, a form of the past that is not supported")]
    Group {
        /// Dotted name.
        field: String,
    },
    /// A proto2 required field.
    #[error("field `{field}` is required; a line that lacks it would make an invalid message")]
    Required {
        /// Dotted name.
        field: String,
    },
    /// A message that contains itself.
    #[error("field `{field}` makes message `{message}` contain itself, so its columns have no end")]
    Recursive {
        /// Dotted name.
        field: String,
        /// The message.
        message: String,
    },
    /// Too many levels.
    #[error("field `{field}` lies deeper than {MAX_DEPTH} messages")]
    TooDeep {
        /// Dotted name.
        field: String,
    },
    /// Too many columns.
    #[error("the message has more than {MAX_COLUMNS} fields, nested ones counted")]
    TooManyColumns,
}

fn position(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

impl SchemaError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::TooLarge { .. } => "keep only the message that the manifest uses".into(),
            Self::Syntax { .. } => "correct the Protobuf text; imports other than google/protobuf/* are not read, put their messages into the text".into(),
            Self::UnknownMessage { available, .. } if available.is_empty() => "declare a message in the Protobuf text".into(),
            Self::UnknownMessage { available, .. } => format!("use one of: {}", available.join(", ")),
            Self::Empty { .. } => "give the message at least one field".into(),
            Self::Repeated { field } => {
                format!("make `{field}` a `string` and keep the list's JSON text in it, or declare one field per element that you need")
            }
            Self::Map { field } => {
                format!("declare a field for each key that you need, or make `{field}` a `string` that keeps the map's JSON text")
            }
            Self::Group { field } => format!("make `{field}` a field with a message type"),
            Self::Required { field } => format!("write `optional` at `{field}`, and `required: true` in the manifest's fields"),
            Self::Recursive { field, .. } => {
                format!("make `{field}` a `string` that keeps the nested value's JSON text, or declare the levels that you need as messages of their own")
            }
            Self::TooDeep { .. } => "flatten the message".into(),
            Self::TooManyColumns => "keep only the fields that the pipeline uses".into(),
        }
    }

    /// The dotted name of the field, for errors about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Repeated { field }
            | Self::Map { field }
            | Self::Group { field }
            | Self::Required { field }
            | Self::Recursive { field, .. }
            | Self::TooDeep { field } => Some(field),
            _ => None,
        }
    }
}

/// Why bytes are not a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RowError {
    /// The bytes end inside a field.
    #[error("the message ends inside a field")]
    Truncated,
    /// A varint has more than ten bytes.
    #[error("the message has a varint that is too long")]
    Overlong,
    /// A tag with field number 0 or a reserved wire type.
    #[error("the message has an invalid tag")]
    Tag,
    /// Unknown groups are nested too deep, or do not match.
    #[error("the message has groups that do not match")]
    Group,
    /// An unsigned value above `i64::MAX`.
    #[error("the unsigned value of column {column} is above 9223372036854775807")]
    OutOfRange {
        /// Index of the column.
        column: u16,
    },
}
