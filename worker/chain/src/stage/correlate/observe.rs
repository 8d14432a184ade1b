//! From a row's cells to what windows see of it: dimensions as text, one measure per kept metric.

use super::Body;
use crate::compile::program::{MetricIndex, MetricInput, Observation, Program};
use crate::expr::Value;
use crate::id::{Id, hash64};
use crate::row::{Cell, Row};
use crate::time::EventTime;
use crate::window::value::{Layout, Measure};
use crate::window::{Observed, Placed};
use smallvec::SmallVec;

/// Which metrics are kept, in the layout's order.
#[derive(Debug)]
pub(super) struct Measures {
    kept: Vec<usize>,
}

impl Measures {
    pub(super) fn new(program: &Program, layout: &Layout) -> Self {
        let metrics = 0..program.metrics.len();
        let mut kept: Vec<(usize, usize)> =
            metrics.filter_map(|metric| Some((layout.place(MetricIndex(metric as u16))?, metric))).collect();
        kept.sort_unstable();
        Self { kept: kept.into_iter().map(|(_, metric)| metric).collect() }
    }
}

impl Body {
    /// Counts a row in the panes.
    pub(super) fn observe(&mut self, time: EventTime, id: Id, observe: &Observation, cells: &Row<'_>) -> Placed {
        let mut digits: SmallVec<[String; 2]> = SmallVec::new();
        let mut dimensions: SmallVec<[Option<&[u8]>; 8]> = SmallVec::new();
        for column in &observe.dimensions {
            let cell = column.and_then(|column| cells.get(column.index()));
            if let Some(Cell::Int(_) | Cell::Bool(_) | Cell::Float(_)) = cell {
                digits.push(number_text(cell));
            }
        }
        let mut numbers = digits.iter();
        for column in &observe.dimensions {
            dimensions.push(match column.and_then(|column| cells.get(column.index())) {
                Some(Cell::Bytes(bytes)) if !bytes.is_empty() => Some(*bytes),
                Some(Cell::Int(_) | Cell::Bool(_) | Cell::Float(_)) => numbers.next().map(|text| text.as_bytes()),
                _ => None,
            });
        }
        let measures: SmallVec<[Measure; 8]> = self
            .measures
            .kept
            .iter()
            .map(|metric| observe.metrics.get(*metric).and_then(Option::as_ref).map_or(Measure::None, |input| measure(input, cells)))
            .collect();
        self.panes.observe(Observed { time, id, dimensions: &dimensions, measures: &measures })
    }
}

/// A dimension that is not text, as text.
pub(super) fn number_text(cell: Option<&Cell<'_>>) -> String {
    match cell {
        Some(Cell::Int(value)) => value.to_string(),
        Some(Cell::Bool(value)) => value.to_string(),
        Some(Cell::Float(value)) => value.to_string(),
        _ => String::new(),
    }
}

#[inline]
fn measure(input: &MetricInput, cells: &Row<'_>) -> Measure {
    match input {
        MetricInput::Column(column) => {
            cells.get(column.index()).and_then(Cell::as_f64).map_or(Measure::None, Measure::Number)
        }
        MetricInput::Value(expression) => expression.number(cells).map_or(Measure::None, Measure::Number),
        MetricInput::CountWhere(expression) => match expression.bool(cells) {
            Some(true) => Measure::Event,
            _ => Measure::None,
        },
        MetricInput::Distinct(expression) => member(&expression.value(cells)),
    }
}

/// Equal values of equal types are one member.
fn member(value: &Value<'_>) -> Measure {
    let hash = match value.cell() {
        Cell::Null => return Measure::None,
        Cell::Bytes(bytes) => hash64(bytes),
        Cell::Int(value) => hash64(&value.to_le_bytes()),
        Cell::Float(value) => hash64(&value.to_bits().to_le_bytes()),
        Cell::Bool(value) => hash64(&[u8::from(value)]),
    };
    Measure::Member(hash)
}
