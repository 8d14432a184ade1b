//! How each column gets its value: source, extract, map, conversion, default.

use super::Memory;
use crate::parse::convert::{Converter, Misfit};
use crate::parse::fields::{Extracted, Slot, Slots};
use crate::row::Cell;
use regex::bytes::Regex;

/// The plan of one column.
#[derive(Debug, Clone)]
pub(super) struct ColumnPlan {
    pub source: Source,
    pub shape: Option<Box<Shape>>,
    pub converter: Converter,
    pub default: Option<Constant>,
    pub required: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Slot(Slot),
    /// The first that is present and not empty.
    FirstOf(Vec<Slot>),
    Constant(Constant),
}

/// Values by what the line says.
pub(super) type ValueMap = Vec<(Box<[u8]>, Box<[u8]>)>;

/// What happens to a value before it is converted.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Place in `ParseProgram::extracts`.
    pub extract: Option<usize>,
    /// Sorted by key.
    pub map: ValueMap,
}

/// A cell that belongs to the program.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(Box<[u8]>),
}

impl Constant {
    /// None for null.
    pub fn from_cell(cell: Cell<'_>) -> Option<Self> {
        Some(match cell {
            Cell::Null => return None,
            Cell::Bool(value) => Self::Bool(value),
            Cell::Int(value) => Self::Int(value),
            Cell::Float(value) => Self::Float(value),
            Cell::Bytes(bytes) => Self::Bytes(bytes.into()),
        })
    }

    pub fn cell(&self) -> Cell<'_> {
        match self {
            Self::Bool(value) => Cell::Bool(*value),
            Self::Int(value) => Cell::Int(*value),
            Self::Float(value) => Cell::Float(*value),
            Self::Bytes(bytes) => Cell::Bytes(bytes),
        }
    }
}

/// Why a column has no cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// Its value does not fit.
    Misfit(Misfit),
    /// It is required, and the line has no value.
    Missing,
}

impl ColumnPlan {
    /// The cell for the line in `slots`.
    #[inline]
    pub fn cell<'a>(
        &'a self,
        slots: &Slots<'a>,
        extracts: &[Regex],
        memory: &mut Memory,
        replaced: &mut bool,
    ) -> Result<Cell<'a>, Lack> {
        let mut value = match &self.source {
            Source::Slot(slot) => slots.get(*slot),
            Source::FirstOf(list) => {
                let mut present = list.iter().map(|slot| slots.get(*slot)).filter(has_value);
                present.next().unwrap_or_default()
            }
            Source::Constant(constant) => return Ok(constant.cell()),
        };
        if let Some(shape) = &self.shape {
            value = shape.apply(value, slots, extracts, memory);
        }
        match self.converter.cell(value, slots.arena(), replaced) {
            Ok(Cell::Null) => match &self.default {
                Some(default) => Ok(default.cell()),
                None if self.required => Err(Lack::Missing),
                None => Ok(Cell::Null),
            },
            Ok(cell) => Ok(cell),
            Err(misfit) => Err(Lack::Misfit(misfit)),
        }
    }

    /// The slots that may fill it.
    pub fn slots(&self) -> &[Slot] {
        match &self.source {
            Source::Slot(slot) => std::slice::from_ref(slot),
            Source::FirstOf(list) => list,
            Source::Constant(_) => &[],
        }
    }
}

fn has_value(value: &Extracted<'_>) -> bool {
    value.is_present() && value.as_bytes().is_none_or(|bytes| !bytes.is_empty())
}

impl Shape {
    fn apply<'a>(
        &'a self,
        value: Extracted<'a>,
        slots: &Slots<'a>,
        extracts: &[Regex],
        memory: &mut Memory,
    ) -> Extracted<'a> {
        let Some(mut text) = value.to_text(slots.arena()) else {
            return value;
        };
        let mut value = value;
        if let Some(place) = self.extract {
            let (Some(regex), Some(locations)) = (extracts.get(place), memory.extract.get_mut(place)) else {
                return Extracted::Absent;
            };
            let found = regex.captures_read(locations, text).and_then(|_| locations.get(1));
            let Some((start, end)) = found else {
                return Extracted::Absent;
            };
            text = &text[start..end];
            value = Extracted::Text(text);
        }
        match self.map.binary_search_by(|(key, _)| key.as_ref().cmp(text)) {
            Ok(found) => Extracted::Text(&self.map[found].1),
            Err(_) => value,
        }
    }
}
