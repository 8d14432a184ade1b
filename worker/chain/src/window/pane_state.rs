//! The pane table in a checkpoint.
//!
//! Scopes go in key order and panes name them by their place in that order, so the bytes do not depend on numbers
//! that were given, or on what was removed. Between steps there are no raw events.

use super::pane::{PaneCounts, PaneTable, State};
use super::plan::PanePlan;
use super::records::Keys;
use super::scope::{ScopeId, Tag, key_hash};
use crate::compile::shape::LevelIndex;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};
use std::sync::Arc;

impl PaneTable {
    /// Appends the state. Behind [`PaneTable::flush`] or [`PaneTable::settle`] it costs no copy.
    pub fn save(&self, out: &mut Writer) {
        if !self.state.waiting.is_empty() {
            let mut settled = self.clone();
            settled.settle();
            return settled.save(out);
        }
        let state = &self.state;
        out.signed(state.watermark.0);
        save_counts(&state.counts, out);
        let (_, place) = state.scopes.save(|scope| state.live[scope.index()].last, out);
        let open = state.open.iter().filter(|pane| !pane.scopes.is_empty());
        out.varint(open.clone().count() as u64);
        for pane in open {
            out.signed(pane.start.0);
            let mut slots: Vec<(u32, usize)> =
                pane.scopes.iter().enumerate().map(|(slot, scope)| (place[*scope as usize], slot)).collect();
            slots.sort_unstable();
            out.varint(slots.len() as u64);
            let mut next = 0;
            for (place, slot) in slots {
                out.varint(u64::from(place - next));
                next = place + 1;
                pane.columns.save(slot, out);
            }
        }
    }

    /// Reads what [`PaneTable::save`] wrote for the same plan.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(plan: Arc<PanePlan>, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut table = Self::new(Arc::clone(&plan));
        let state = &mut table.state;
        state.watermark = EventTime(input.signed()?);
        state.counts = load_counts(&plan, input)?;
        let scopes = input.count()?;
        let mut keys = Keys::default();
        for _ in 0..scopes {
            let key = keys.read(input)?;
            let level = match Tag::of(key) {
                Tag::Scope(level) if usize::from(level.0) < plan.dimensions.len() => level,
                _ => return Err(input.invalid("level of a scope", u64::from(key[0]))),
            };
            if state.scopes.find(key, key_hash(key)).is_some() {
                return Err(input.invalid("scope, for it is there twice", 0));
            }
            let scope = state.insert_key(&plan, level, key);
            state.live[scope.index()].last = EventTime(input.signed()?);
        }
        for _ in 0..input.count()? {
            load_pane(&plan, state, scopes, input)?;
        }
        state.scopes.settle();
        Ok(table)
    }
}

fn load_pane(plan: &PanePlan, state: &mut State, scopes: usize, input: &mut Reader<'_>) -> Result<(), WireError> {
    let start = EventTime(input.signed()?);
    let slots = input.count()?;
    let index = state.find_pane(plan, start);
    let mut next = 0u64;
    for _ in 0..slots {
        let place = next.saturating_add(input.varint()?);
        if place >= scopes as u64 {
            return Err(input.invalid("place of a scope", place));
        }
        next = place + 1;
        let pane = &mut state.open[index];
        let slot = pane.slot(ScopeId(place as u32), scopes);
        pane.columns.merge_bytes(slot, input)?;
    }
    Ok(())
}

fn save_counts(counts: &PaneCounts, out: &mut Writer) {
    let PaneCounts { rows, late, too_late, late_for, unscoped, coarsened, clamped, refused, early } = counts;
    for count in [rows, late, too_late, unscoped, clamped, refused, early] {
        out.varint(*count);
    }
    late_for.iter().chain(coarsened).for_each(|count| out.varint(*count));
}

fn load_counts(plan: &PanePlan, input: &mut Reader<'_>) -> Result<PaneCounts, WireError> {
    let mut counts = PaneCounts::default();
    let PaneCounts { rows, late, too_late, late_for, unscoped, coarsened, clamped, refused, early } = &mut counts;
    for count in [rows, late, too_late, unscoped, clamped, refused, early] {
        *count = input.varint()?;
    }
    for (list, length) in [(late_for, plan.windows.len()), (coarsened, plan.dimensions.len())] {
        for _ in 0..length {
            list.push(input.varint()?);
        }
    }
    Ok(counts)
}

impl State {
    fn insert_key(&mut self, plan: &PanePlan, level: LevelIndex, key: &[u8]) -> ScopeId {
        self.set_key(key);
        self.insert_scope(plan, level, key_hash(key))
    }
}
