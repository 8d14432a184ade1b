//! The manifest's Protobuf message as columns, and the codec of its rows.
//!
//! [`Schema::compile`] turns Protobuf text into a [`RowSchema`]: one column per scalar field, nested
//! messages flattened to dotted names, in the order of declaration. The same tables drive three hand-written codecs:
//! row to Protobuf bytes, Protobuf bytes to row, and row to JSON. What [`Schema::encode`] writes is a
//! valid message of the schema, so that any Protobuf reader can read a link or a topic.
//!
//! ```text
//!  proto text ──protox──► descriptor ──flatten──► RowSchema + Layout
//!                                                      │
//!                     Row ──encode──► bytes ──decode──► Row ──write_json──► {"http":{"status":200}}
//! ```
//!
//! A null cell is an absent field. A cell that is not null is always written, also where it equals the
//! default of its type: "the line says 0" and "the line says nothing" stay apart. Fields are written in
//! the order of their numbers, so one row has one encoding.
//!
//! This room never reads a file, and its codecs never fail on a row and never panic on bytes.

mod compile;
mod decode;
mod encode;
mod error;
mod json;
#[cfg(test)]
mod tests;

pub use error::{RowError, SchemaError};
pub use json::{write_base64, write_float, write_integer, write_text};

use crate::row::{Cell, Column, Row, RowBuf, RowSchema};
use prost_reflect::MessageDescriptor;
use std::ops::Range;
use std::sync::Arc;

/// Greatest number of columns of a schema.
pub const MAX_COLUMNS: usize = 1000;
/// Greatest depth of nested messages.
pub const MAX_DEPTH: usize = 8;
/// Greatest length of a Protobuf text in bytes.
pub const MAX_PROTO_BYTES: usize = 64 * 1024;

/// The message of a Protobuf text without its columns: what a decoder reads may hold lists and maps, which a
/// row cannot.
///
/// # Errors
/// [`SchemaError::TooLarge`], [`SchemaError::Syntax`], [`SchemaError::UnknownMessage`].
pub(crate) fn message_of_text(text: &str, message: &str) -> Result<MessageDescriptor, SchemaError> {
    compile::descriptor(text, message)
}

/// A compiled schema: columns, wire layout, JSON layout. Cheap to share behind an `Arc`.
#[derive(Debug, Clone)]
pub struct Schema {
    rows: Arc<RowSchema>,
    descriptor: MessageDescriptor,
    /// The message tree; entry 0 is the root.
    messages: Vec<MessageLayout>,
    /// Per column.
    leaves: Vec<Leaf>,
    oneofs: Vec<Oneof>,
    json: Vec<json::Step>,
}

/// One message of the tree: its fields by rising number.
#[derive(Debug, Clone)]
struct MessageLayout {
    fields: Vec<FieldLayout>,
    /// Field number to index in `fields` plus one, for the first numbers; zero is "no such field".
    direct: [u8; DIRECT],
}

/// Field numbers below this are found without a search.
const DIRECT: usize = 64;

#[derive(Debug, Clone, Copy)]
struct FieldLayout {
    number: u32,
    /// The encoded tag.
    tag: [u8; 5],
    tag_length: u8,
    target: Target,
    /// Index into `Schema::oneofs`, and the member.
    oneof: Option<(u16, u16)>,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Leaf { column: u16, kind: Scalar },
    Message(u16),
}

/// What a column is on the wire and in text.
#[derive(Debug, Clone)]
struct Leaf {
    kind: Scalar,
    values: Option<Arc<EnumNames>>,
}

/// A `oneof`: the columns of each member. At most one member of a row has values.
#[derive(Debug, Clone)]
struct Oneof {
    members: Vec<Range<u16>>,
}

/// The scalar types of Protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// `bool`
    Bool,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `sint32`
    Sint32,
    /// `sint64`
    Sint64,
    /// `fixed32`
    Fixed32,
    /// `fixed64`
    Fixed64,
    /// `sfixed32`
    Sfixed32,
    /// `sfixed64`
    Sfixed64,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// An enum
    Enum,
}

impl Scalar {
    /// The least and greatest integer that the field can hold in a row.
    pub fn integer_range(self) -> (i64, i64) {
        match self {
            Self::Int32 | Self::Sint32 | Self::Sfixed32 | Self::Enum => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Self::Uint32 | Self::Fixed32 => (0, i64::from(u32::MAX)),
            Self::Uint64 | Self::Fixed64 => (0, i64::MAX),
            _ => (i64::MIN, i64::MAX),
        }
    }

    /// The name that a Protobuf file uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Fixed32 => "fixed32",
            Self::Fixed64 => "fixed64",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Float => "float",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Enum => "enum",
        }
    }
}

/// The names and numbers of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumNames {
    /// Sorted by name; aliases stand beside each other's numbers.
    by_name: Vec<(String, i32)>,
    /// Sorted by number; the first declared name of each.
    by_number: Vec<(i32, String)>,
}

impl EnumNames {
    /// The number of a value's name.
    pub fn number(&self, name: &[u8]) -> Option<i32> {
        let found = self.by_name.binary_search_by(|(entry, _)| entry.as_bytes().cmp(name)).ok()?;
        self.by_name.get(found).map(|(_, number)| *number)
    }

    /// The name of a number, unless the file that was compiled does not know it.
    pub fn name(&self, number: i32) -> Option<&str> {
        let found = self.by_number.binary_search_by_key(&number, |(entry, _)| *entry).ok()?;
        self.by_number.get(found).map(|(_, name)| name.as_str())
    }

    /// Numbers with their first declared names, sorted by number.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, i32)> {
        self.by_number.iter().map(|(number, name)| (name.as_str(), *number))
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.iter().map(|(name, _)| name.as_str())
    }
}

impl Schema {
    /// Compiles Protobuf text. `message` is a full name (`acme.checkout.App`); the short name does
    /// when it is the only one of that name.
    ///
    /// # Errors
    /// [`SchemaError`]: what is wrong with the text, or which field cannot be a column and what to do instead.
    pub fn compile(text: &str, message: &str) -> Result<Self, SchemaError> {
        compile::compile(text, message)
    }

    /// The columns.
    pub fn rows(&self) -> &Arc<RowSchema> {
        &self.rows
    }

    /// The full name of the message.
    pub fn message_name(&self) -> &str {
        self.descriptor.full_name()
    }

    /// The message's descriptor, for those who read the bytes in other ways.
    pub fn descriptor(&self) -> &MessageDescriptor {
        &self.descriptor
    }

    /// The Protobuf type of a column.
    pub fn scalar(&self, column: Column) -> Option<Scalar> {
        self.leaves.get(column.index()).map(|leaf| leaf.kind)
    }

    /// The values of an enum column.
    pub fn enum_names(&self, column: Column) -> Option<&Arc<EnumNames>> {
        self.leaves.get(column.index())?.values.as_ref()
    }

    /// Where several members of a `oneof` have values, keeps the first in order of declaration. Rows must
    /// have passed here before they are encoded.
    pub fn settle_oneofs(&self, row: &mut RowBuf<'_>) {
        for oneof in &self.oneofs {
            let mut taken = false;
            for member in &oneof.members {
                let range = usize::from(member.start)..usize::from(member.end);
                let Some(cells) = row.get_mut(range) else {
                    continue;
                };
                if taken {
                    cells.fill(Cell::Null);
                } else {
                    taken = cells.iter().any(|cell| !cell.is_null());
                }
            }
        }
    }

    /// A row of nulls.
    pub fn clear<'a>(&self, row: &mut RowBuf<'a>) {
        const NULLS: [Cell<'static>; 64] = [Cell::Null; 64];
        row.clear();
        match NULLS.get(..self.rows.len()) {
            Some(nulls) => row.extend_from_slice(nulls),
            None => row.resize(self.rows.len(), Cell::Null),
        }
    }

    /// Appends the row as a message of the schema.
    ///
    /// A cell of another type than its column is left out; an integer beyond the field's range is
    /// written as the nearest that fits. The parser makes neither.
    pub fn encode(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        encode::encode(self, row, out);
    }

    /// Reads a message into `row`; cells borrow from `bytes`. Unknown fields, and fields of an
    /// unexpected wire type, are skipped. Text is not checked to be UTF-8 again.
    ///
    /// # Errors
    /// [`RowError`] when the bytes are not a Protobuf message, or a value does not fit its column. The row is then all null.
    pub fn decode<'a>(&self, bytes: &'a [u8], row: &mut RowBuf<'a>) -> Result<(), RowError> {
        self.clear(row);
        let result = decode::decode(self, bytes, row);
        if result.is_err() {
            self.clear(row);
        }
        result
    }

    /// Appends the row as one JSON object without line breaks: nested as the message is, nulls left out, enum values by
    /// name, bytes as base64, 64-bit integers as numbers, floats in their shortest exact form.
    pub fn write_json(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        json::write_row(self, row, out);
    }

    /// Appends one cell of a column as JSON.
    pub fn write_cell(&self, column: Column, cell: &Cell<'_>, out: &mut Vec<u8>) {
        if let Some(leaf) = self.leaves.get(column.index()) {
            json::write_cell(leaf, cell, out);
        }
    }
}
