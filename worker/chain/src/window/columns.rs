//! The accumulators of one pane: one vector per metric, an element per scope.
//!
//! A value of a hundred thousand scopes is looked at one at a time and in no order, so each metric takes one
//! place in memory per scope and nothing else lies between them.

use super::value::{Distribution, Kept, Layout, Measure, Presence, save_presence};
use crate::sketch::{Hll, Taken};
use crate::wire::{Reader, Snapshot, WireError, Writer};

#[derive(Debug, Clone)]
enum Column {
    Distribution(Vec<Distribution>),
    Counter(Vec<u64>),
    Distinct(Vec<Hll>),
}

/// Counts of events and accumulators, by slot.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    counts: Vec<u64>,
    metrics: Vec<Column>,
}

impl Columns {
    pub(super) fn new(layout: &Layout) -> Self {
        let column = |kept: &Kept| match kept {
            Kept::Distribution => Column::Distribution(Vec::new()),
            Kept::Counter => Column::Counter(Vec::new()),
            Kept::Distinct => Column::Distinct(Vec::new()),
        };
        Self { counts: Vec::new(), metrics: layout.kept().iter().map(column).collect() }
    }

    /// Adds an empty slot behind the others.
    pub(super) fn push(&mut self) {
        self.counts.push(0);
        for column in &mut self.metrics {
            match column {
                Column::Distribution(values) => values.push(Distribution::default()),
                Column::Counter(values) => values.push(0),
                Column::Distinct(values) => values.push(Hll::new()),
            }
        }
    }

    /// Forgets all slots and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.counts.clear();
        for column in &mut self.metrics {
            match column {
                Column::Distribution(values) => values.clear(),
                Column::Counter(values) => values.clear(),
                Column::Distinct(values) => values.clear(),
            }
        }
    }

    /// Adds an event; `measures` by place in the layout. Gives the number of measures that were clamped, and of
    /// those that were refused.
    #[inline]
    pub(super) fn add(&mut self, slot: usize, measures: impl Iterator<Item = Measure>) -> (u32, u32) {
        self.counts[slot] += 1;
        let (mut clamped, mut refused) = (0, 0);
        for (column, measure) in self.metrics.iter_mut().zip(measures) {
            let taken = match (column, measure) {
                (_, Measure::None) => Taken::Whole,
                (Column::Distribution(values), Measure::Number(value)) => values[slot].add(value),
                (Column::Counter(values), Measure::Event) => {
                    values[slot] += 1;
                    Taken::Whole
                }
                (Column::Distinct(values), Measure::Member(hash)) => {
                    values[slot].add(hash);
                    Taken::Whole
                }
                _ => Taken::Rejected,
            };
            clamped += u32::from(taken == Taken::Clamped);
            refused += u32::from(taken == Taken::Rejected);
        }
        (clamped, refused)
    }

    /// Adds all of slot `from` to slot `to`.
    pub(super) fn merge(&mut self, from: usize, to: usize) {
        self.counts[to] = self.counts[to].saturating_add(self.counts[from]);
        for column in &mut self.metrics {
            match column {
                Column::Distribution(values) => {
                    if let Ok([from, to]) = values.get_disjoint_mut([from, to]) {
                        to.merge(from);
                    }
                }
                Column::Counter(values) => values[to] = values[to].saturating_add(values[from]),
                Column::Distinct(values) => {
                    if let Ok([from, to]) = values.get_disjoint_mut([from, to]) {
                        to.merge(from);
                    }
                }
            }
        }
    }

    /// Appends the bytes of a slot, as [`super::value::Value::save`] would.
    pub(super) fn save(&self, slot: usize, out: &mut Writer) {
        out.varint(self.counts[slot]);
        save_presence(self.metrics.iter().map(|column| !column.is_empty(slot)), out);
        for column in self.metrics.iter().filter(|column| !column.is_empty(slot)) {
            match column {
                Column::Distribution(values) => values[slot].save(out),
                Column::Counter(values) => out.varint(values[slot]),
                Column::Distinct(values) => values[slot].save(out),
            }
        }
    }

    /// Adds what [`Columns::save`] wrote to a slot.
    pub(super) fn merge_bytes(&mut self, slot: usize, input: &mut Reader<'_>) -> Result<(), WireError> {
        self.counts[slot] = self.counts[slot].saturating_add(input.varint()?);
        let mut present = Presence::load(input, self.metrics.len())?;
        for column in &mut self.metrics {
            if !present.next() {
                continue;
            }
            match column {
                Column::Distribution(values) => values[slot].merge_bytes(input)?,
                Column::Counter(values) => values[slot] = values[slot].saturating_add(input.varint()?),
                Column::Distinct(values) => values[slot].merge(&Hll::load(input)?),
            }
        }
        Ok(())
    }

    /// Bytes of memory, for reports.
    pub(super) fn memory(&self) -> usize {
        let column = |column: &Column| match column {
            Column::Distribution(values) => {
                let heap: usize = values.iter().map(|value| value.sketch.heap_bytes()).sum();
                heap + values.capacity() * size_of::<Distribution>()
            }
            Column::Counter(values) => values.capacity() * size_of::<u64>(),
            Column::Distinct(values) => {
                let heap: usize = values.iter().map(Hll::heap_bytes).sum();
                heap + values.capacity() * size_of::<Hll>()
            }
        };
        self.counts.capacity() * size_of::<u64>() + self.metrics.iter().map(column).sum::<usize>()
    }
}

impl Column {
    fn is_empty(&self, slot: usize) -> bool {
        match self {
            Self::Distribution(values) => values[slot].sketch.is_empty(),
            Self::Counter(values) => values[slot] == 0,
            Self::Distinct(values) => values[slot].is_empty(),
        }
    }
}
