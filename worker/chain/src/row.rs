//! Typed rows: what a parsed line is in memory.
//!
//! A [`RowSchema`] is made from the manifest's Protobuf message: one column per scalar field,
//! nested messages flattened to dotted columns. A row is a slice of [`Cell`]s, one per column,
//! that borrow their text from the line, from a frame or from a bump arena. Nothing is looked up by
//! name after compilation. On links a row travels as the Protobuf message itself.
//!
//! ```text
//!  line bytes ──decoders──► Cell<'line>[columns] ──encode──► Protobuf bytes ──decode──► Cell<'frame>[columns]
//! ```

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::HashMap;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// `bool`
    Bool,
    /// `int32`, `int64`, `sint*`, `sfixed*`, `uint32`, `fixed32`, `uint64`, `fixed64` (unsigned values above `i64::MAX` do not parse)
    Int,
    /// `float`, `double`
    Float,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// An `enum`, held as its number, shown as its name
    Enum,
}

/// The index of a column in its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column(pub u16);

impl Column {
    /// As an index into a row.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One column of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Dotted name, `http.status`.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
}

/// The columns of a message. How they are laid out on the wire is the business of `parse::schema`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowSchema {
    columns: Vec<ColumnInfo>,
    by_name: HashMap<String, Column>,
}

impl RowSchema {
    /// A schema with these columns, in this order. A name given twice keeps its first place.
    pub fn new(columns: Vec<ColumnInfo>) -> Self {
        let mut by_name = HashMap::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let index = Column(u16::try_from(index).unwrap_or(u16::MAX));
            by_name.entry(column.name.clone()).or_insert(index);
        }
        Self { columns, by_name }
    }

    /// The columns in order.
    pub fn columns(&self) -> &[ColumnInfo] {
        &self.columns
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<Column> {
        self.by_name.get(name).copied()
    }

    /// Name and type of a column.
    pub fn info(&self, column: Column) -> Option<&ColumnInfo> {
        self.columns.get(column.index())
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// True when the message has no fields.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}

/// One value of a row. `Null` is "the line does not say".
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Cell<'a> {
    /// Absent.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer, or the number of an enum value.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text or bytes. Text columns hold valid UTF-8: the parser replaces what is not.
    Bytes(&'a [u8]),
}

impl<'a> Cell<'a> {
    /// True for [`Cell::Null`].
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text or bytes.
    #[inline]
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A number, from an integer or a float.
    #[inline]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            _ => None,
        }
    }
}

/// A row: one cell per column of its schema, in schema order.
pub type Row<'a> = [Cell<'a>];

/// A row that is being made; up to 16 columns without heap memory.
pub type RowBuf<'a> = SmallVec<[Cell<'a>; 16]>;
