//! How rows come into the pane table.
//!
//! ```text
//!  observe ─► admitted? ─► key and hash of the scope, measures ─► waiting
//!                                                                    │ 64 of them, or the end of the step
//!  settle  ─► candidates by hash ─► keys compared ─► slots in the pane ─► accumulators
//! ```
//!
//! With a hundred thousand scopes every row misses the caches several times: in the table of scopes, at the key, in the
//! pane, at the accumulators. One row after the other these waits add up. So rows wait, and each stage of the look-up is
//! done for all of them in a short loop whose loads do not depend on each other: the processor waits for many at once.
//! Rows are applied in their order; nothing that is emitted depends on how many wait.

use super::pane::{OTHER, Observed, Placed, State};
use super::plan::PanePlan;
use super::records::Sample;
use super::scope::{ScopeId, Tag, key_hash, write_key};
use super::value::Measure;
use crate::compile::shape::LevelIndex;
use crate::id::Id;
use crate::time::{EventTime, Span};
use std::ops::Range;

/// Rows that wait at most.
const WAITING: usize = 64;

/// Rows that were admitted and not yet counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    rows: Vec<Row>,
    keys: Vec<u8>,
    measures: Vec<Measure>,
    /// Per row: the scope that its hash leads to.
    found: Vec<Option<ScopeId>>,
    /// Per row: its place.
    places: Vec<Option<Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    time: EventTime,
    level: LevelIndex,
    hash: u32,
    key: (u32, u32),
    measures: u32,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    pane: u32,
    slot: u32,
}

/// A raw event of this step: key and body lie in [`State::sample_bytes`].
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) key: Range<usize>,
    pub(super) cohort: u32,
    pub(super) time: EventTime,
    pub(super) id: Id,
    pub(super) body: Range<usize>,
}

impl Waiting {
    #[inline]
    fn key(&self, row: &Row) -> &[u8] {
        &self.keys[row.key.0 as usize..row.key.1 as usize]
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.keys.clear();
        self.measures.clear();
        self.found.clear();
        self.places.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl State {
    #[inline]
    pub(super) fn observe(&mut self, plan: &PanePlan, row: Observed<'_>) -> Placed {
        let late = row.time < self.watermark;
        if late && !self.admit_late(plan, row.time) {
            return Placed::TooLate;
        }
        let mask = dimension_mask(row.dimensions);
        let mut placed = false;
        if plan.pane > Span::ZERO {
            let measures = self.waiting.measures.len() as u32;
            plan.updates(mask, |level| {
                placed = true;
                self.wait(plan, level, measures, &row);
            });
            if placed {
                self.waiting.measures.extend_from_slice(row.measures);
            }
        }
        for level in &plan.sample_levels {
            if plan.has_level(mask, *level) {
                placed = true;
                self.sample(plan, *level, &row);
            }
        }
        self.counts.rows += 1;
        if self.waiting.rows.len() >= WAITING {
            self.settle(plan);
        }
        if !placed {
            self.counts.unscoped += 1;
            return Placed::Unscoped;
        }
        if late && (plan.pane == Span::ZERO || row.time.floor(plan.pane) + plan.pane <= self.watermark) {
            self.counts.late += 1;
            return Placed::Late;
        }
        Placed::OnTime
    }

    /// Counts the windows that a late row misses; false when it misses all.
    #[cold]
    fn admit_late(&mut self, plan: &PanePlan, time: EventTime) -> bool {
        let mut missed = 0;
        for window in plan.late_for(time, self.watermark) {
            missed += 1;
            self.counts.late_for[usize::from(window.0)] += 1;
        }
        let takes = missed < plan.windows.len();
        self.counts.too_late += u64::from(!takes);
        takes
    }

    #[inline]
    fn wait(&mut self, plan: &PanePlan, level: LevelIndex, measures: u32, row: &Observed<'_>) {
        let waiting = &mut self.waiting;
        let start = waiting.keys.len();
        let values = plan.dimensions[usize::from(level.0)].iter();
        let values = values.map(|d| row.dimensions.get(usize::from(*d)).copied().flatten().unwrap_or_default());
        write_key(&mut waiting.keys, Tag::Scope(level), values);
        let hash = key_hash(&waiting.keys[start..]);
        let key = (start as u32, waiting.keys.len() as u32);
        waiting.rows.push(Row { time: row.time, level, hash, key, measures });
    }

    /// Counts all rows that wait. What is read of the table afterwards holds them.
    pub(super) fn settle(&mut self, plan: &PanePlan) {
        if self.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let Waiting { rows, found, .. } = &mut waiting;
        found.extend(rows.iter().map(|row| self.scopes.candidate(row.hash)));
        for index in 0..waiting.rows.len() {
            let (row, candidate) = (waiting.rows[index], waiting.found[index]);
            let key = waiting.key(&row);
            let scope = match candidate {
                Some(scope) if self.scopes.key(scope) == key => Some(scope),
                _ => self.scope_of(plan, row.level, key, row.hash),
            };
            waiting.found[index] = scope;
        }
        // All panes are made before the first index is taken: a new one moves those behind it.
        for (row, _) in waiting.rows.iter().zip(&waiting.found).filter(|(_, scope)| scope.is_some()) {
            self.pane_of(plan, row.time);
        }
        let slots = self.scopes.slots();
        for (row, scope) in waiting.rows.iter().zip(&waiting.found) {
            let place = scope.map(|scope| {
                let pane = self.pane_of(plan, row.time);
                Place { pane: pane as u32, slot: self.open[pane].slot(scope, slots) as u32 }
            });
            waiting.places.push(place);
        }
        let width = plan.layout().kept().len();
        for (row, place) in waiting.rows.iter().zip(&waiting.places) {
            let Some(place) = place else { continue };
            let measures = &waiting.measures[row.measures as usize..][..width];
            let columns = &mut self.open[place.pane as usize].columns;
            let (clamped, refused) = columns.add(place.slot as usize, measures.iter().copied());
            if clamped + refused > 0 {
                self.counts.clamped += u64::from(clamped);
                self.counts.refused += u64::from(refused);
            }
        }
        waiting.clear();
        self.waiting = waiting;
    }

    /// Index of the open pane for a time; it is made if there is none.
    #[inline]
    fn pane_of(&mut self, plan: &PanePlan, time: EventTime) -> usize {
        if let Some(pane) = self.open.get(self.recent)
            && time >= pane.start
            && time < pane.start + plan.pane
        {
            return self.recent;
        }
        self.recent = self.find_pane(plan, time.floor(plan.pane));
        self.recent
    }

    /// The scope of a key at a level; at the bound, where it is counted instead, if anywhere.
    #[cold]
    fn scope_of(&mut self, plan: &PanePlan, level: LevelIndex, key: &[u8], hash: u32) -> Option<ScopeId> {
        if let Some(scope) = self.scopes.find(key, hash) {
            return Some(scope);
        }
        self.set_key(key);
        if self.scopes.len() < plan.live_scopes {
            return Some(self.insert_scope(plan, level, hash));
        }
        self.counts.coarsened[usize::from(level.0)] += 1;
        self.newly_coarsened[usize::from(level.0)] += 1;
        self.coarser(plan, level)
    }

    /// The nearest live ancestor of the scope of `self.key`, or its level's other scope.
    fn coarser(&mut self, plan: &PanePlan, level: LevelIndex) -> Option<ScopeId> {
        let mut level = level;
        loop {
            let mut parent = Vec::new();
            let Some(coarser) = plan.rollup.parent(level) else {
                return Some(self.other(plan, level));
            };
            // Another level brings the row to the parent.
            if !plan.is_feeder[usize::from(level.0)] {
                return None;
            }
            plan.rollup.write_parent(level, &self.key, &mut parent);
            self.key = parent;
            level = coarser;
            let hash = key_hash(&self.key);
            if let Some(scope) = self.scopes.find(&self.key, hash) {
                return Some(scope);
            }
        }
    }

    fn other(&mut self, plan: &PanePlan, level: LevelIndex) -> ScopeId {
        self.key.clear();
        let dimensions = plan.dimensions[usize::from(level.0)].len();
        write_key(&mut self.key, Tag::Scope(level), std::iter::repeat_n(OTHER, dimensions));
        let hash = key_hash(&self.key);
        match self.scopes.find(&self.key, hash) {
            Some(scope) => scope,
            None => self.insert_scope(plan, level, hash),
        }
    }

    /// Keeps a raw event for the end of the step.
    fn sample(&mut self, plan: &PanePlan, level: LevelIndex, row: &Observed<'_>) {
        let dimensions = &plan.dimensions[usize::from(level.0)];
        let values =
            dimensions.iter().map(|d| row.dimensions.get(usize::from(*d)).copied().flatten().unwrap_or_default());
        let start = self.sample_bytes.len();
        write_key(self.sample_bytes.buffer(), Tag::Scope(level), values);
        let end = self.sample_bytes.len();
        let mut cohort = Vec::new();
        plan.lineage.write_cohort(level, &self.sample_bytes.as_slice()[start..end], &mut cohort);
        Sample::save(row.time, row.id, row.measures.iter().copied(), &mut self.sample_bytes);
        let body = end..self.sample_bytes.len();
        let cohort = key_hash(&cohort);
        self.samples.push(Pending { key: start..end, cohort, time: row.time, id: row.id, body });
    }
}

#[inline]
fn dimension_mask(dimensions: &[Option<&[u8]>]) -> u128 {
    let mut mask = 0;
    for (index, value) in dimensions.iter().enumerate().take(128) {
        mask |= u128::from(value.is_some()) << index;
    }
    mask
}
