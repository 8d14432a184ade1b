//! Places in a text: where a key or value stands, and how it is written.

use saphyr_parser::Marker;

use crate::finding::Position;

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Spot {
    pub(crate) fn of(marker: Marker) -> Self {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self { line: number(marker.line()), column: number(marker.col() + 1) }
    }

    pub(crate) fn in_file(self, file: &str) -> Position {
        Position { file: file.to_owned(), line: self.line, column: self.column }
    }
}

/// How a scalar stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Plain,
    Quoted,
    Literal,
    /// Folded text, a map or a list: its inside has no columns of its own.
    Other,
}

/// Where a path stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The key, for members of a map.
    pub(crate) key: Option<Spot>,
    pub(crate) value: Spot,
    pub(crate) writing: Writing,
}
