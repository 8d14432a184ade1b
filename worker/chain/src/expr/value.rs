//! The value of an expression for one row.

use crate::row::Cell;
use smallvec::SmallVec;
use std::ops::Deref;

/// Text or bytes: borrowed from the row or from the expression, or computed. A computed text of up
/// to 48 bytes needs no heap memory.
#[derive(Debug, Clone)]
pub enum Text<'r> {
    /// As it stands in the row or in the expression.
    Borrowed(&'r [u8]),
    /// Computed from it.
    Computed(SmallVec<[u8; 48]>),
}

impl Deref for Text<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Computed(bytes) => bytes,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

/// The value of an expression. What an `Int` counts is told by [`super::Compiled::kind`]: a
/// duration and a timestamp are microseconds, an enum is its number.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'r> {
    /// No value: the literal `null`, or a [`super::Fault`].
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number, an enum, a duration or a timestamp.
    Int(i64),
    /// An unsigned whole number.
    Uint(u64),
    /// A double.
    Float(f64),
    /// Text or bytes.
    Text(Text<'r>),
}

impl Value<'_> {
    /// As a cell, which borrows a computed text from this value. A uint above the largest int has
    /// no cell and becomes null.
    pub fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Bool(value) => Cell::Bool(*value),
            Self::Int(value) => Cell::Int(*value),
            Self::Uint(value) => i64::try_from(*value).map_or(Cell::Null, Cell::Int),
            Self::Float(value) => Cell::Float(*value),
            Self::Text(text) => Cell::Bytes(text),
        }
    }
}
