//! From a typed row to what windows see of it: dimensions as text, metrics as measures.

use super::scope::{Tag, write_key};
use super::value::{Layout, Measure};
use super::{Observed, PaneTable, Placed};
use crate::compile::shape::{Level, LevelIndex, MetricInput, Observation};
use crate::expr::{Compiled, EnumNames, Value};
use crate::id::{Id, hash64};
use crate::row::{Cell, Row};
use crate::time::EventTime;
use smallvec::SmallVec;
use std::fmt::{self, Write as _};

/// A dimension's value as text: borrowed where the row has it as text.
#[derive(Debug, Clone)]
enum Dimension<'a> {
    Borrowed(&'a [u8]),
    Made(SmallVec<[u8; 24]>),
}

impl Dimension<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Made(bytes) => bytes,
        }
    }
}

/// Collects formatted text without heap memory.
#[derive(Default)]
struct Digits(SmallVec<[u8; 24]>);

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn made(text: impl fmt::Display) -> Dimension<'static> {
    let mut digits = Digits::default();
    // Collecting does not fail.
    let _ = write!(digits, "{text}");
    Dimension::Made(digits.0)
}

/// Numbers as digits, an enum as its name, a float as it is shown.
fn dimension<'a>(cell: Cell<'a>, names: Option<&'a EnumNames>) -> Option<Dimension<'a>> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Bytes(bytes) => Dimension::Borrowed(bytes),
        Cell::Int(number) => match names.and_then(|names| names.name(number)) {
            Some(name) => Dimension::Borrowed(name.as_bytes()),
            None => made(number),
        },
        Cell::Bool(value) => Dimension::Borrowed(if value { b"true" } else { b"false" }),
        Cell::Float(value) => made(value),
    })
}

/// The dimension `index` of a row.
fn dimension_at<'a>(observation: &'a Observation, row: &'a Row<'_>, index: usize) -> Option<Dimension<'a>> {
    let column = observation.dimensions.get(index).copied().flatten()?;
    let names = observation.names.get(index).and_then(Option::as_deref);
    dimension(*row.get(column.index())?, names)
}

/// The key of a row's scope at a level; nothing when it lacks a dimension.
pub fn row_key(level: LevelIndex, levels: &[Level], observation: &Observation, row: &Row<'_>) -> Option<Vec<u8>> {
    let dimensions = &levels.get(usize::from(level.0))?.dimensions;
    let values = dimensions.iter().map(|d| dimension_at(observation, row, usize::from(*d)));
    let values: SmallVec<[Dimension<'_>; 8]> = values.collect::<Option<_>>()?;
    let mut key = Vec::with_capacity(48);
    write_key(&mut key, Tag::Scope(level), values.iter().map(Dimension::bytes));
    Some(key)
}

fn measure(input: &MetricInput, row: &Row<'_>) -> Measure {
    let number = |value: Option<f64>| value.map_or(Measure::None, Measure::Number);
    match input {
        MetricInput::Column(column) => number(row.get(column.index()).and_then(Cell::as_f64)),
        MetricInput::Value(expression) => number(expression.number(row)),
        MetricInput::CountWhere(condition) => match condition.bool(row) {
            Some(true) => Measure::Event,
            _ => Measure::None,
        },
        MetricInput::Distinct(expression) => member(expression, row),
    }
}

/// A member of a set by the hash of its value; values of different types are different members.
fn member(expression: &Compiled, row: &Row<'_>) -> Measure {
    let tagged = |tag: u8, bytes: [u8; 8]| {
        let [a, b, c, d, e, f, g, h] = bytes;
        Measure::Member(hash64(&[tag, a, b, c, d, e, f, g, h]))
    };
    match expression.value(row) {
        Value::Null => Measure::None,
        Value::Bool(value) => tagged(1, u64::from(value).to_le_bytes()),
        Value::Int(value) => tagged(2, value.to_le_bytes()),
        Value::Uint(value) => tagged(3, value.to_le_bytes()),
        // Both zeros are one number.
        Value::Float(value) => tagged(4, (value + 0.0).to_bits().to_le_bytes()),
        Value::Text(text) => Measure::Member(hash64(&text)),
    }
}

/// The measures of a row, by place in the layout.
fn measures(layout: &Layout, observation: &Observation, row: &Row<'_>) -> SmallVec<[Measure; 8]> {
    let mut measures = SmallVec::from_elem(Measure::None, layout.kept().len());
    for (place, metric) in layout.metrics() {
        if let Some(Some(input)) = observation.metrics.get(usize::from(metric.0)) {
            measures[place] = measure(input, row);
        }
    }
    measures
}

impl PaneTable {
    /// Takes a typed row in: [`PaneTable::observe`] with its dimensions and measures.
    pub fn observe_row(&mut self, time: EventTime, id: Id, observation: &Observation, row: &Row<'_>) -> Placed {
        let count = observation.dimensions.len();
        let values: SmallVec<[Option<Dimension<'_>>; 8]> =
            (0..count).map(|d| dimension_at(observation, row, d)).collect();
        let dimensions: SmallVec<[Option<&[u8]>; 8]> =
            values.iter().map(|value| value.as_ref().map(Dimension::bytes)).collect();
        let measures = measures(self.plan().layout(), observation, row);
        self.observe(Observed { time, id, dimensions: &dimensions, measures: &measures })
    }
}
