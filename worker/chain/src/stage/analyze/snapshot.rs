//! The analyze stage in a checkpoint.
//!
//! Scopes go in key order; everything else names them by their place in it. So the bytes do not depend on the numbers
//! that scopes were given, and a state that was loaded saves the same bytes again.

use super::history::is_past;
use super::news::News;
use super::rules::Alerts;
use super::siblings::{load_episodes, save_episodes};
use super::{Analyze, AnalyzePlan, Retained, State, regimes};
use crate::alert::AlertState;
use crate::compile::shape::{LevelIndex, WindowIndex};
use crate::log::Rules;
use crate::time::EventTime;
use crate::window::records::Keys;
use crate::window::scope::{ScopeId, Tag, key_hash, values};
use crate::window::spans::Slices;
use crate::window::store::Store;
use crate::wire::{Reader, WireError, Writer};
use std::sync::Arc;

impl AnalyzePlan {
    /// True when siblings of this level are compared, or its parent is looked at.
    pub(super) fn needs_cohorts(&self, level: LevelIndex) -> bool {
        self.works.iter().any(|work| work.level == level && work.needs_cohorts())
    }

    /// Refuses keys that no scope of this pipeline has.
    pub(super) fn check_key(&self, key: &[u8]) -> Result<(), WireError> {
        let invalid = |what| WireError::Invalid { at: 0, what, found: key.first().copied().map_or(0, u64::from) };
        let wanted = match Tag::of(key) {
            Tag::Scope(level) => self.definition.level(level),
            Tag::Cohort(level) => {
                let level = self.definition.level(level).ok_or_else(|| invalid("level of a cohort"))?;
                match level.parent {
                    Some(parent) => self.definition.level(parent),
                    None if key.len() == 1 => return Ok(()),
                    None => return Err(invalid("cohort without a parent")),
                }
            }
        };
        let dimensions = wanted.ok_or_else(|| invalid("level of a scope"))?.dimensions.len();
        let ends = dimensions == 0 || key.last() == Some(&0);
        if values(key).count() != dimensions || !ends || (dimensions == 0 && key.len() != 1) {
            return Err(invalid("number of dimensions of a scope"));
        }
        Ok(())
    }
}

impl Analyze {
    /// Appends the state. Between steps only, that is, behind [`Analyze::advance`].
    pub fn save(&self, out: &mut Writer) {
        let state = &self.state;
        debug_assert!(state.dirty.is_empty() && state.changed.is_empty(), "saved inside a step");
        out.signed(state.now.0);
        out.signed(state.swept.0);
        out.varint(state.corrupt);
        let (order, place) = state.scopes.save(|scope| state.live[scope.index()].last, out);
        state.slices.save(&order, out);
        state.samples.save(&place, out);
        for work in &state.works {
            let mut tracked: Vec<(u32, u8)> =
                work.tracked_scopes().map(|(scope, silent)| (place[scope.index()], silent)).collect();
            tracked.sort_unstable();
            out.varint(tracked.len() as u64);
            let mut next = 0;
            for (place, silent) in tracked {
                out.varint(u64::from(place - next));
                out.u8(silent);
                next = place + 1;
            }
            work.past.save(&order, out);
        }
        state.regimes.iter().for_each(|regime| regime.save(&order, out));
        save_episodes(&state.episodes, &place, out);
        save_alerts(&state.alerts, &place, out);
        save_retained(state, &place, out);
        state.news.save(out);
    }

    /// Reads what [`Analyze::save`] wrote for the same plan.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(plan: Arc<AnalyzePlan>, rules: Rules, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = State::new(&plan, rules);
        state.now = EventTime(input.signed()?);
        state.swept = EventTime(input.signed()?);
        state.corrupt = input.varint()?;
        let scopes = load_scopes(&plan, &mut state, input)?;
        state.slices = Slices::load(plan.classes.clone(), &plan.layout, &state.scopes, rules, input)?;
        state.samples.load(&plan.layout, scopes, input)?;
        for (work, plan) in state.works.iter_mut().zip(&plan.works) {
            let mut next = 0u64;
            for _ in 0..input.count()? {
                let place = next.saturating_add(input.varint()?);
                work.track(scope_at(place, scopes, input)?, input.u8()?);
                next = place + 1;
            }
            work.past = Store::load(input, scopes, |bytes| match is_past(&plan.past, bytes) {
                true => Ok(()),
                false => Err(WireError::Invalid { at: 0, what: "past of a scope", found: bytes.len() as u64 }),
            })?;
        }
        for regime in &mut state.regimes {
            *regime = Store::load(input, scopes, regimes::check)?;
        }
        state.episodes = load_episodes(plan.baselines.len(), scopes, input)?;
        state.alerts = load_alerts(&plan, scopes, input)?;
        load_retained(&mut state, scopes, input)?;
        state.news = News::load(input)?;
        Ok(Self { plan, state })
    }
}

fn scope_at(place: u64, scopes: usize, input: &Reader<'_>) -> Result<ScopeId, WireError> {
    match place < scopes as u64 {
        true => Ok(ScopeId(place as u32)),
        false => Err(input.invalid("place of a scope", place)),
    }
}

/// Scopes come in key order, so their numbers are their places. Cohorts stand behind all scopes.
fn load_scopes(plan: &AnalyzePlan, state: &mut State, input: &mut Reader<'_>) -> Result<usize, WireError> {
    let count = input.count()?;
    let mut keys = Keys::default();
    let mut last: Vec<u8> = Vec::new();
    for _ in 0..count {
        let key = keys.read(input)?;
        plan.check_key(key)?;
        if key <= last.as_slice() {
            return Err(input.invalid("order of scopes", 0));
        }
        last = key.to_vec();
        let scope = state.insert(key, key_hash(key));
        state.live[scope.index()].last = EventTime(input.signed()?);
    }
    for index in 0..count {
        let scope = ScopeId(index as u32);
        let key = state.scopes.key(scope);
        let Tag::Scope(level) = Tag::of(key) else { continue };
        if plan.needs_cohorts(level) {
            let mut cohort = Vec::with_capacity(key.len());
            plan.panes.lineage().write_cohort(level, key, &mut cohort);
            let cohort = state.scopes.find(&cohort, key_hash(&cohort));
            state.live[index].cohort = cohort.ok_or_else(|| input.invalid("scope without its cohort", index as u64))?;
        }
    }
    state.scopes.settle();
    Ok(count)
}

fn save_alerts(alerts: &Alerts, place: &[u32], out: &mut Writer) {
    let mut sorted: Vec<((u16, u32), &AlertState)> =
        alerts.iter().map(|((rule, scope), state)| ((*rule, place[scope.index()]), state)).collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    out.varint(sorted.len() as u64);
    for ((rule, place), state) in sorted {
        out.varint(u64::from(rule));
        out.varint(u64::from(place));
        state.save(out);
    }
}

fn load_alerts(plan: &AnalyzePlan, scopes: usize, input: &mut Reader<'_>) -> Result<Alerts, WireError> {
    let mut alerts = Alerts::new();
    for _ in 0..input.count()? {
        let rule = input.varint()?;
        if rule >= plan.definition.alerts.len() as u64 {
            return Err(input.invalid("alert rule", rule));
        }
        let place = input.varint()?;
        let scope = scope_at(place, scopes, input)?;
        alerts.insert((rule as u16, scope), AlertState::load(input)?);
    }
    Ok(alerts)
}

fn save_retained(state: &State, place: &[u32], out: &mut Writer) {
    let retained = state.retained.iter().filter(|(_, retained)| **retained != Retained::default());
    out.varint(retained.clone().count() as u64);
    for ((end, window), retained) in retained {
        out.signed(end.0);
        out.u8(window.0);
        let mut revisions: Vec<(u32, u32)> =
            retained.revisions.iter().map(|(scope, revision)| (place[scope.index()], *revision)).collect();
        revisions.sort_unstable();
        out.varint(revisions.len() as u64);
        for (place, revision) in revisions {
            out.varint(u64::from(place));
            out.varint(u64::from(revision));
        }
        out.varint(retained.emitted.len() as u64);
        for (rule, scopes) in &retained.emitted {
            let mut scopes: Vec<u32> = scopes.iter().map(|scope| place[scope.index()]).collect();
            scopes.sort_unstable();
            out.varint(u64::from(*rule));
            out.varint(scopes.len() as u64);
            let mut next = 0;
            for place in scopes {
                out.varint(u64::from(place - next));
                next = place + 1;
            }
        }
    }
}

fn load_retained(state: &mut State, scopes: usize, input: &mut Reader<'_>) -> Result<(), WireError> {
    for _ in 0..input.count()? {
        let key = (EventTime(input.signed()?), WindowIndex(input.u8()?));
        let mut retained = Retained::default();
        for _ in 0..input.count()? {
            let place = input.varint()?;
            retained.revisions.insert(scope_at(place, scopes, input)?, input.varint32()?);
        }
        for _ in 0..input.count()? {
            let rule = input.varint()?;
            let rule = u16::try_from(rule).map_err(|_| input.invalid("aggregation rule", rule))?;
            let emitted = retained.emitted.entry(rule).or_default();
            let mut next = 0u64;
            for _ in 0..input.count()? {
                let place = next.saturating_add(input.varint()?);
                emitted.push(scope_at(place, scopes, input)?);
                next = place + 1;
            }
        }
        state.retained.insert(key, retained);
    }
    Ok(())
}
