//! aggregate: rules that build multi-dimensional objects out of closed windows.
//!
//! ```text
//!  closed window ─► emitWhen? ─► values ─► { id, revision, rule, window, start, end, scope, count, values }
//! ```
//!
//! The id is made of tenant, pipeline, rule, scope and window end; a correction has the same id and a higher
//! revision, so a store that keeps the highest revision keeps the truth. An object that was emitted is corrected also
//! when its new values no longer fulfil the threshold.
//!
//! Without `values` an object has the usual ones of every metric ([`default_values`]). Without `emitWhen` it goes out
//! for every window with events.

mod json;

pub use json::AggregateJson;

use crate::compile::definition::Definition;
use crate::compile::shape::{Aggregate, MetricIndex, MetricKind, Reference, WindowInput};
use crate::id::Id;
use crate::time::EventTime;
use crate::window::records::Scalar;
use crate::wire::{Reader, WireError, Writer};
use smallvec::SmallVec;
use std::borrow::Cow;

/// The name space of their ids.
const KIND: &str = "aggregate";

/// The values of a rule that names none: for a distribution `NAME_count`, `_sum`, `_min`, `_max`, `_avg`, `_p50`,
/// `_p90`, `_p99`; for all other metrics one value under the metric's name.
pub fn default_values(definition: &Definition) -> Vec<(String, WindowInput)> {
    let mut values = Vec::new();
    for (index, metric) in definition.metrics.iter().enumerate() {
        let at = MetricIndex(index as u16);
        let window = |value| WindowInput::Aggregate { of: Reference::Window, value };
        match metric.kind {
            MetricKind::Distribution => {
                let parts = [
                    ("count", Aggregate::MetricCount(at)),
                    ("sum", Aggregate::Sum(at)),
                    ("min", Aggregate::Min(at)),
                    ("max", Aggregate::Max(at)),
                    ("avg", Aggregate::Mean(at)),
                    ("p50", Aggregate::Quantile(at, 0.5)),
                    ("p90", Aggregate::Quantile(at, 0.9)),
                    ("p99", Aggregate::Quantile(at, 0.99)),
                ];
                values.extend(parts.map(|(part, value)| (format!("{}_{part}", metric.name), window(value))));
            }
            MetricKind::Counter => values.push((metric.name.clone(), window(Aggregate::MetricCount(at)))),
            MetricKind::Distinct => values.push((metric.name.clone(), window(Aggregate::Distinct(at)))),
            MetricKind::Ratio { .. } | MetricKind::Rate { .. } => {
                values.push((metric.name.clone(), window(Aggregate::Derived(at))));
            }
        }
    }
    values
}

/// An object of an aggregation rule: the payload of the aggregates outlet.
#[derive(Debug, Clone, PartialEq)]
pub struct AggregateRecord<'a> {
    /// End of the window, exclusive.
    pub end: EventTime,
    /// Index of the rule.
    pub rule: u16,
    /// Key of the scope ([`crate::window::scope`]).
    pub scope: Cow<'a, [u8]>,
    /// Numbers the windows of one scope that end at one instant (count windows).
    pub ordinal: u32,
    /// Zero at the close, higher for corrections.
    pub revision: u32,
    /// Start of the window.
    pub start: EventTime,
    /// Events in the window.
    pub count: u64,
    /// In the order of the rule's values.
    pub values: SmallVec<[Scalar; 6]>,
}

impl<'a> AggregateRecord<'a> {
    /// Appends the record.
    pub fn save(&self, out: &mut Writer) {
        out.signed(self.end.0);
        out.varint(u64::from(self.rule));
        out.bytes(&self.scope);
        out.varint(u64::from(self.ordinal));
        out.varint(u64::from(self.revision));
        out.signed(self.start.0);
        out.varint(self.count);
        out.varint(self.values.len() as u64);
        self.values.iter().for_each(|value| value.save(out));
    }

    /// Reads what [`AggregateRecord::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a record.
    pub fn load(input: &mut Reader<'a>) -> Result<Self, WireError> {
        let end = EventTime(input.signed()?);
        let rule = input.varint()?;
        let rule = u16::try_from(rule).map_err(|_| input.invalid("aggregation rule", rule))?;
        Ok(Self {
            end,
            rule,
            scope: Cow::Borrowed(input.bytes()?),
            ordinal: input.varint32()?,
            revision: input.varint32()?,
            start: EventTime(input.signed()?),
            count: input.varint()?,
            values: (0..input.count()?).map(|_| Scalar::load(input)).collect::<Result<_, _>>()?,
        })
    }

    /// The id: the same for all revisions.
    pub fn id(&self, definition: &Definition) -> Id {
        let rule = definition.aggregates.get(usize::from(self.rule)).map_or("", |rule| rule.name.as_str());
        definition.id(KIND, rule, &self.scope).number(self.end.0).number(i64::from(self.ordinal)).finish()
    }
}
