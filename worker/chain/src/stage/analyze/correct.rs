//! Windows of raw events, and corrections of windows that are closed.

use super::history::Past;
use super::inputs::{Subject, compute, dimensions};
use super::rules::{self, CloseInfo, Evaluation, Seen};
use super::{AnalyzePlan, AnalyzeSink, SAMPLE_SILENCE, State};
use crate::compile::shape::WindowIndex;
use crate::time::EventTime;
use crate::window::plan::is_of_panes;
use crate::window::samples::SampleClose;
use crate::window::scope::{ScopeId, Tag};
use crate::window::value::Value;
use crate::wire::Writer;

impl State {
    /// Emits again what panes and raw events of this step have changed.
    pub(super) fn correct(&mut self, plan: &AnalyzePlan, sink: &mut dyn AnalyzeSink) {
        let mut dirty = std::mem::take(&mut self.dirty);
        let key = |scope: ScopeId| self.scopes.key(scope);
        dirty.sort_unstable_by(|left, right| {
            let keys = || key(left.scope).cmp(key(right.scope));
            (left.end, left.window).cmp(&(right.end, right.window)).then_with(keys)
        });
        dirty.dedup();
        for changed in &dirty {
            self.correct_one(plan, changed.end, changed.window, changed.scope, sink);
        }
        dirty.clear();
        self.dirty = dirty;
        let changed = std::mem::take(&mut self.changed);
        self.sample_closes(plan, changed, sink);
    }

    fn correct_one(
        &mut self,
        plan: &AnalyzePlan,
        end: EventTime,
        window: WindowIndex,
        scope: ScopeId,
        sink: &mut dyn AnalyzeSink,
    ) {
        let Tag::Scope(level) = Tag::of(self.scopes.key(scope)) else { return };
        let Some(position) = self.slices.windows().iter().position(|other| other.index == window) else { return };
        let Some(index) = plan.work(window, level) else { return };
        let (work, size) = (&plan.works[index], self.slices.windows()[position].size);
        let cover = self.slices.cover(position, end);
        let mut value = Value::new(&plan.layout);
        let mut parent = Value::new(&plan.layout);
        let merged = cover.merge(scope, &mut value).and_then(|()| match work.reads_parent {
            true => cover.merge(self.live[scope.index()].cohort, &mut parent),
            false => Ok(()),
        });
        if merged.is_err() {
            self.corrupt += 1;
            return;
        }
        let retained = self.retained.entry((end, window)).or_default();
        let revision = retained.revisions.entry(scope).or_default();
        *revision += 1;
        let close = CloseInfo { window, start: end.minus(size), end, ordinal: 0, revision: *revision };
        let key = self.scopes.key(scope);
        let subject = Subject {
            value: &value,
            duration: size,
            dimensions: &dimensions(&plan.definition, work, key),
            past: Past::NONE,
            parent: work.reads_parent.then_some(&parent),
            regimes: &[],
            standing: None,
        };
        let cells = compute(&plan.definition, &plan.layout, work, &subject);
        let seen = Seen { scope, key, value: &value, cells: &cells };
        let emitted = &retained.emitted;
        let was_emitted = |rule: u16| emitted.get(&rule).is_some_and(|scopes| scopes.contains(&scope));
        let mut newly = Vec::new();
        rules::aggregates(work, close, &seen, was_emitted, |rule| newly.push(rule), sink);
        rules::feedback(work, close, &seen, sink);
        for rule in newly {
            let scopes = retained.emitted.entry(rule).or_default();
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
    }

    /// Emits closed session and count windows, and corrections of sessions.
    pub(super) fn sample_closes(
        &mut self,
        plan: &AnalyzePlan,
        mut closes: Vec<SampleClose>,
        sink: &mut dyn AnalyzeSink,
    ) {
        closes.sort_by(|left, right| left.emission(right, |scope| self.scopes.key(scope)));
        for close in &closes {
            self.sample_close(plan, close, sink);
        }
    }

    fn sample_close(&mut self, plan: &AnalyzePlan, closed: &SampleClose, sink: &mut dyn AnalyzeSink) {
        let Tag::Scope(level) = Tag::of(self.scopes.key(closed.scope)) else { return };
        let Some(index) = plan.work(closed.window, level) else { return };
        if let Some(past) = self.apply_sample_close(plan, index, closed, sink) {
            self.works[index].past.put(closed.scope, past.as_slice());
        }
    }

    /// Gives the scope's past behind this close, where any is kept.
    fn apply_sample_close(
        &mut self,
        plan: &AnalyzePlan,
        index: usize,
        closed: &SampleClose,
        sink: &mut dyn AnalyzeSink,
    ) -> Option<Writer> {
        let scope = closed.scope;
        let (definition, work) = (&plan.definition, &plan.works[index]);
        let key = self.scopes.key(scope);
        let past = match closed.correction {
            true => Past::NONE,
            false => Past::of(&work.past, &self.works[index].past, scope),
        };
        let duration = closed.end - closed.start;
        let subject = Subject {
            value: &closed.value,
            duration,
            dimensions: &dimensions(definition, work, key),
            past,
            parent: None,
            regimes: &[],
            standing: None,
        };
        let cells = compute(definition, &plan.layout, work, &subject);
        let seen = Seen { scope, key, value: &closed.value, cells: &cells };
        let info = CloseInfo {
            window: closed.window,
            start: closed.start,
            end: closed.end,
            ordinal: closed.ordinal,
            revision: closed.revision,
        };
        // A corrected session goes out whether or not it was above the threshold before: nobody has kept that.
        rules::aggregates(work, info, &seen, |_| closed.correction, |_| {}, sink);
        rules::feedback(work, info, &seen, sink);
        if closed.correction {
            return None;
        }
        for alert in &work.alerts {
            let evaluation = Evaluation {
                definition,
                work: alert,
                inputs: &work.inputs,
                close: info,
                stands_in: false,
                can_tell: true,
            };
            evaluation.step(&mut self.alerts, &seen, sink);
        }
        (!work.past.is_empty()).then(|| {
            let mut out = Writer::new();
            let current =
                |aggregate| super::inputs::aggregate(definition, &plan.layout, &closed.value, duration, aggregate);
            super::history::next(subject.past, &work.past, current, &mut out);
            out
        })
    }

    /// Ends alerts on session and count windows of scopes that have been silent for [`SAMPLE_SILENCE`]: nothing closes
    /// for them any more.
    pub(super) fn silent_samples(&mut self, plan: &AnalyzePlan, now: EventTime, sink: &mut dyn AnalyzeSink) {
        if self.samples.is_empty() || now == EventTime::MAX {
            return;
        }
        let of_samples = |rule: u16| {
            let window =
                plan.definition.alerts.get(usize::from(rule)).and_then(|rule| plan.definition.window(rule.window));
            window.is_some_and(|window| !is_of_panes(window.kind))
        };
        let silent =
            self.alerts.iter().filter(|((rule, _), state)| of_samples(*rule) && state.last + SAMPLE_SILENCE <= now);
        let mut silent: Vec<(EventTime, u16, ScopeId)> =
            silent.map(|((rule, scope), state)| (state.last + SAMPLE_SILENCE, *rule, *scope)).collect();
        silent.sort_by(|left, right| {
            let keys = || self.scopes.key(left.2).cmp(self.scopes.key(right.2));
            (left.0, left.1).cmp(&(right.0, right.1)).then_with(keys)
        });
        for (end, rule, scope) in silent {
            rules::forget(&plan.definition, &mut self.alerts, rule, scope, self.scopes.key(scope), end, sink);
        }
    }
}
