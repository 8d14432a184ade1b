//! The cells that expressions over a closed window read.

use super::history::Past;
use super::plan::{Bound, Work};
use super::siblings::Standing;
use crate::compile::definition::Definition;
use crate::compile::shape::{Aggregate, MetricIndex, MetricKind, Reference, WindowInput};
use crate::row::Cell;
use crate::sketch::DdSketch;
use crate::time::Span;
use crate::window::records::Scalar;
use crate::window::value::{Accumulator, Layout, Value};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A row of inputs.
pub(super) type Cells<'a> = SmallVec<[Cell<'a>; 16]>;

/// What a regime detector said of a scope at this close.
#[derive(Debug, Clone, Copy)]
pub(super) struct RegimeSaid {
    pub(super) metric: MetricIndex,
    pub(super) distance: Option<f64>,
    pub(super) shifted: bool,
}

/// A closed window of a scope, and everything that it may be compared with.
pub(super) struct Subject<'a> {
    pub(super) value: &'a Value,
    pub(super) duration: Span,
    /// Per dimension of the program that is an input: the scope's value.
    pub(super) dimensions: &'a [(u16, Cow<'a, [u8]>)],
    pub(super) past: Past<'a>,
    pub(super) parent: Option<&'a Value>,
    pub(super) regimes: &'a [RegimeSaid],
    pub(super) standing: Option<&'a Standing<'a>>,
}

/// The values of the dimensions that a work reads.
pub(super) fn dimensions<'a>(
    definition: &Definition,
    work: &Work,
    key: &'a [u8],
) -> SmallVec<[(u16, Cow<'a, [u8]>); 4]> {
    let read = work.inputs.iter().filter_map(|input| match input {
        WindowInput::Dimension(index) => Some(*index),
        _ => None,
    });
    read.filter_map(|index| Some((index, definition.dimension(key, index)?))).collect()
}

/// Computes all inputs of a work.
pub(super) fn compute<'a>(
    definition: &Definition,
    layout: &Layout,
    work: &Work,
    subject: &'a Subject<'a>,
) -> Cells<'a> {
    work.inputs.iter().map(|input| cell(definition, layout, input, subject)).collect()
}

fn cell<'a>(definition: &Definition, layout: &Layout, input: &WindowInput, subject: &'a Subject<'a>) -> Cell<'a> {
    let number = |value: Option<f64>| value.map_or(Cell::Null, Cell::Float);
    match input {
        WindowInput::Dimension(index) => {
            let value = subject.dimensions.iter().find(|(dimension, _)| dimension == index);
            value.map_or(Cell::Null, |(_, value)| Cell::Bytes(value))
        }
        WindowInput::Aggregate { of, value } => match of {
            Reference::Window => aggregate(definition, layout, subject.value, subject.duration, *value),
            Reference::Parent => match subject.parent {
                Some(parent) => aggregate(definition, layout, parent, subject.duration, *value),
                None => Cell::Null,
            },
            Reference::Previous => whole(subject.past.previous(*value), value),
            Reference::Usual => number(subject.past.usual(*value)),
            Reference::Baseline => baseline(subject, value),
        },
        WindowInput::RegimeShifted(metric) => {
            let said = subject.regimes.iter().filter(|said| said.metric == *metric);
            said.map(|said| said.shifted).reduce(|left, right| left || right).map_or(Cell::Null, Cell::Bool)
        }
        WindowInput::RegimeDistance(metric) => {
            let said = subject.regimes.iter().filter(|said| said.metric == *metric);
            number(said.filter_map(|said| said.distance).reduce(f64::max))
        }
        WindowInput::Anomalous(metric) => {
            let standing = subject.standing.and_then(|standing| standing.of(*metric));
            standing.map_or(Cell::Null, |standing| Cell::Bool(standing.anomalous))
        }
        WindowInput::BaselineRatio(metric) => {
            number(subject.standing.and_then(|standing| standing.of(*metric)).and_then(|standing| standing.ratio))
        }
    }
}

/// Kept values are doubles; those of counts are shown as the whole numbers that they are.
fn whole(value: Option<f64>, aggregate: &Aggregate) -> Cell<'static> {
    match value {
        None => Cell::Null,
        Some(value) if aggregate.kind() == crate::expr::Type::Int => Cell::Int(value as i64),
        Some(value) => Cell::Float(value),
    }
}

fn baseline(subject: &Subject<'_>, aggregate: &Aggregate) -> Cell<'static> {
    let of = |metric: MetricIndex| subject.standing.and_then(|standing| standing.baseline(metric));
    match *aggregate {
        Aggregate::Quantile(metric, q) => {
            of(metric).and_then(|base| base.sketch.quantile(q)).map_or(Cell::Null, Cell::Float)
        }
        Aggregate::MetricCount(metric) => of(metric).map_or(Cell::Null, |base| int(base.n)),
        // The baseline is a sketch of values; nothing else is known of it.
        _ => Cell::Null,
    }
}

fn int(count: u64) -> Cell<'static> {
    Cell::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// An aggregate of a value over a window of this length.
pub(super) fn aggregate(
    definition: &Definition,
    layout: &Layout,
    value: &Value,
    duration: Span,
    aggregate: Aggregate,
) -> Cell<'static> {
    let number = |value: Option<f64>| value.map_or(Cell::Null, Cell::Float);
    let kept = |metric: MetricIndex| layout.place(metric).and_then(|place| value.metrics.get(place));
    let distribution = |metric| layout.place(metric).and_then(|place| value.distribution(place));
    match aggregate {
        Aggregate::Count => int(value.count),
        Aggregate::Rate => number(per_second(value.count as f64, duration)),
        Aggregate::MetricCount(metric) => match kept(metric) {
            Some(Accumulator::Distribution(distribution)) => int(distribution.sketch.count()),
            Some(Accumulator::Counter(count)) => int(*count),
            Some(Accumulator::Distinct(set)) => int(set.estimate().round() as u64),
            None => Cell::Null,
        },
        Aggregate::Sum(metric) => match kept(metric) {
            Some(Accumulator::Distribution(distribution)) => Cell::Float(distribution.sum.to_f64()),
            _ => Cell::Null,
        },
        Aggregate::Mean(metric) => number(distribution(metric).and_then(|distribution| distribution.mean())),
        Aggregate::Min(metric) => number(distribution(metric).and_then(|distribution| distribution.extremes.min())),
        Aggregate::Max(metric) => number(distribution(metric).and_then(|distribution| distribution.extremes.max())),
        Aggregate::Quantile(metric, q) => {
            number(distribution(metric).and_then(|distribution| distribution.quantile(q)))
        }
        Aggregate::Distinct(metric) => match kept(metric) {
            Some(Accumulator::Distinct(set)) => int(set.estimate().round() as u64),
            _ => Cell::Null,
        },
        Aggregate::Derived(metric) => number(derived(definition, layout, value, duration, metric)),
    }
}

fn per_second(count: f64, duration: Span) -> Option<f64> {
    (duration > Span::ZERO).then(|| count / duration.as_seconds())
}

/// The value of a ratio or a rate; nothing when it divides by zero.
fn derived(
    definition: &Definition,
    layout: &Layout,
    value: &Value,
    duration: Span,
    metric: MetricIndex,
) -> Option<f64> {
    let kept = |metric: MetricIndex| layout.place(metric).and_then(|place| value.metrics.get(place));
    match definition.metric(metric)?.kind {
        MetricKind::Ratio { of, over } => {
            let over = match over {
                Some(over) => amount(kept(over)?),
                None => value.count as f64,
            };
            let quotient = amount(kept(of)?) / over;
            quotient.is_finite().then_some(quotient)
        }
        MetricKind::Rate { of } => {
            let count = match of {
                Some(of) => number_of(kept(of)?),
                None => value.count as f64,
            };
            per_second(count, duration)
        }
        _ => None,
    }
}

/// What a ratio divides: the sum of a distribution, the count of a counter, the size of a set.
fn amount(accumulator: &Accumulator) -> f64 {
    match accumulator {
        Accumulator::Distribution(distribution) => distribution.sum.to_f64(),
        other => number_of(other),
    }
}

/// What a rate counts: values, events, members.
fn number_of(accumulator: &Accumulator) -> f64 {
    match accumulator {
        Accumulator::Distribution(distribution) => distribution.sketch.count() as f64,
        Accumulator::Counter(count) => *count as f64,
        Accumulator::Distinct(set) => set.estimate(),
    }
}

/// The cells of one expression.
pub(super) fn pick<'a>(bound: &Bound, cells: &[Cell<'a>]) -> Cells<'a> {
    bound.cells.iter().map(|place| cells.get(usize::from(*place)).copied().unwrap_or_default()).collect()
}

/// The condition for these cells; none when it has no value.
pub(super) fn condition(bound: &Bound, cells: &[Cell<'_>]) -> Option<bool> {
    bound.expression.expression.bool(&pick(bound, cells))
}

/// The value of an expression for these cells.
pub(super) fn evaluate(bound: &Bound, cells: &[Cell<'_>]) -> Scalar {
    let row = pick(bound, cells);
    let value = bound.expression.expression.value(&row);
    match value.cell() {
        Cell::Int(number) => match bound.expression.expression.names().and_then(|names| names.name(number)) {
            Some(name) => Scalar::Text(name.to_owned()),
            None => Scalar::Int(number),
        },
        cell => scalar(cell),
    }
}

/// A cell as a value of a record.
pub(super) fn scalar(cell: Cell<'_>) -> Scalar {
    match cell {
        Cell::Null => Scalar::Null,
        Cell::Bool(value) => Scalar::Bool(value),
        Cell::Int(value) => Scalar::Int(value),
        Cell::Float(value) => Scalar::Float(value),
        Cell::Bytes(bytes) => Scalar::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// The sketch of a distribution.
pub(super) fn sketch<'a>(layout: &Layout, value: &'a Value, metric: MetricIndex) -> Option<&'a DdSketch> {
    value.distribution(layout.place(metric)?).map(|distribution| &distribution.sketch)
}
