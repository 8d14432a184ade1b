//! The latest closed window values that events take along.
//!
//! Analyze sends them back on the feedback link; they are folded in the order of the joins log, so an event's
//! augmentation is a function of that log. Values are kept until their scope has been silent for ten windows.

use crate::compile::program::{Observation, Program, WindowKind};
use crate::row::RowBuf;
use crate::time::{EventTime, Span};
use crate::window::records::{Feedback, Scalar};
use crate::window::row_key;
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;

/// Windows for which a silent scope's values are kept.
const KEPT_WINDOWS: i64 = 10;

/// The end of a window and its values.
type Closed = (EventTime, Vec<Scalar>);

/// Closed values by augmentation and scope.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ClosedValues {
    values: BTreeMap<(u16, Box<[u8]>), Closed>,
    /// Greatest window end per augmentation, for forgetting.
    latest: BTreeMap<u16, EventTime>,
}

impl ClosedValues {
    /// Takes one record of the feedback link.
    pub(super) fn record(&mut self, program: &Program, payload: &[u8]) {
        let Ok(feedback) = Feedback::load(&mut Reader::new(payload)) else { return };
        let Some(augment) = program.definition.augment.get(usize::from(feedback.augment)) else { return };
        let key = (feedback.augment, feedback.scope.into_boxed_slice());
        match self.values.get(&key) {
            Some((end, _)) if *end > feedback.end => return,
            _ => self.values.insert(key, (feedback.end, feedback.values)),
        };
        let latest = self.latest.entry(feedback.augment).or_insert(EventTime::MIN);
        if feedback.end <= *latest {
            return;
        }
        *latest = feedback.end;
        let span = match program.definition.windows[usize::from(augment.window.0)].kind {
            WindowKind::Tumbling { size } | WindowKind::Sliding { size, .. } => size,
            WindowKind::Session { max_length, .. } => max_length,
            WindowKind::Count { .. } => return,
        };
        let horizon = latest.minus(Span(span.0.saturating_mul(KEPT_WINDOWS)));
        self.values.retain(|(index, _), (end, _)| *index != feedback.augment || *end >= horizon);
    }

    /// What an event with these cells takes along.
    pub(super) fn of(
        &self,
        program: &Program,
        observe: &Observation,
        cells: &RowBuf<'_>,
    ) -> Vec<(u16, EventTime, Vec<Scalar>)> {
        let mut taken = Vec::new();
        if self.values.is_empty() {
            return taken;
        }
        for (index, augment) in program.definition.augment.iter().enumerate() {
            let index = index as u16;
            let Some(key) = row_key(augment.level, &program.definition.levels, observe, cells) else { continue };
            if let Some((end, values)) = self.values.get(&(index, key.into_boxed_slice())) {
                taken.push((index, *end, values.clone()));
            }
        }
        taken
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.varint(self.values.len() as u64);
        for ((index, key), (end, values)) in &self.values {
            out.varint(u64::from(*index));
            out.bytes(key);
            out.signed(end.0);
            out.varint(values.len() as u64);
            for value in values {
                value.save(out);
            }
        }
        out.varint(self.latest.len() as u64);
        for (index, end) in &self.latest {
            out.varint(u64::from(*index));
            out.signed(end.0);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::default();
        for _ in 0..input.count()? {
            let index = input.varint32()? as u16;
            let key = Box::from(input.bytes()?);
            let end = EventTime(input.signed()?);
            let count = input.count()?;
            let values = (0..count).map(|_| Scalar::load(input)).collect::<Result<_, _>>()?;
            state.values.insert((index, key), (end, values));
        }
        for _ in 0..input.count()? {
            let index = input.varint32()? as u16;
            state.latest.insert(index, EventTime(input.signed()?));
        }
        Ok(state)
    }
}
