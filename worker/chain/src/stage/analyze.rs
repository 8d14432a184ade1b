//! The analyze stage: windows close, detectors look, rules decide (rules R2 to R7).
//!
//! ```text
//!  panes   ─► slices ──┐
//!                      ├─ time passes an end ─► close: every scope in order ─► regimes, siblings ─► cells ─┬─► objects
//!  samples ─► sessions,┘                                                                                   ├─► alerts
//!             counts                                                                                       └─► feedback
//!  templates, coarsened rows ─────────────────────────────────────────────────────────────────────────────► findings
//! ```
//!
//! Windows close in the order of their ends, those of one end in the order of the pipeline, and in a window scopes go by
//! level and key. A close sees everything that time has passed and nothing else, so what is emitted does not depend on
//! how the input was cut or in which order its parts came. What comes later corrects: objects and feedback go out again
//! with a higher revision; in a correction comparisons (`previous`, `usual`, `baseline`, `regime`) have no value, for they
//! belonged to the close. Alerts are never taken back.
//!
//! Where ingest folds the panes (R25), the panes of idle upstreams come as provisionals with a claim. A close takes what
//! stands as it takes what has come; what comes for good later and says the same corrects nothing.
//!
//! A scope without events is evaluated with a count of zero for ten closes, where a rule may want to know; then it is
//! forgotten. When the input has ended for good, windows that reach beyond its last pane go out, but nothing is judged by
//! them: they were cut short by the end, not by a fault.
//!
//! [`Analyze`] is the fold behind the receiver, on plain records and times; [`AnalyzeTask`] is the stage.

mod close;
mod correct;
mod history;
mod inputs;
mod news;
mod plan;
mod regimes;
mod rules;
mod siblings;
mod snapshot;
mod task;

pub use news::WARM_UP;
pub use plan::{AnalyzePlan, SAMPLE_SILENCE, pane_plan};
pub use task::AnalyzeTask;

use crate::compile::definition::Definition;
use crate::compile::shape::WindowIndex;
use crate::log::{Position, Rules, Upstream};
use crate::stage::insight::save_finding;
use crate::time::{EventTime, Span};
use crate::window::records::{Panes, Record, Samples};
use crate::window::samples::{SampleClose, SampleWindows};
use crate::window::scope::{ScopeId, ScopeTable, Tag, key_hash};
use crate::window::spans::{Dirty, Slices, TakenPane, level_of, next_multiple};
use crate::window::store::Store;
use crate::wire::{WireError, Writer};
use close::{Closing, WorkState, judged_until};
use news::News;
use rules::{Alerts, CloseInfo};
use siblings::Episodes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes what analyze emits.
pub trait AnalyzeSink {
    /// Sends the record that `write` encodes to the alert stage ([`crate::stage::insight`]).
    fn insight(&mut self, write: &mut dyn FnMut(&mut Writer));

    /// Sends a record to every correlate task ([`crate::window::records::Feedback`]).
    fn feedback(&mut self, record: &[u8]);
}

/// What is known of a live scope.
#[derive(Debug, Clone, Copy)]
struct Live {
    /// End of the last pane in which it had events.
    last: EventTime,
    /// The scope number of its cohort; its own where nobody asks for cohorts.
    cohort: ScopeId,
}

/// What is kept of a closed window while it takes corrections.
#[derive(Debug, Clone, Default, PartialEq)]
struct Retained {
    /// Corrections so far, by scope.
    revisions: BTreeMap<ScopeId, u32>,
    /// Per rule with a threshold: the scopes whose objects were emitted.
    emitted: BTreeMap<u16, Vec<ScopeId>>,
}

/// Counts of an analyze task since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnalyzeCounts {
    /// Records and values that could not be read: never, from a sender of this version.
    pub corrupt: u64,
    /// Per window of the program: panes, or raw events, that came too late for it.
    pub too_late: Vec<u64>,
    /// Raw events that were applied early, at the bound.
    pub early: u64,
    /// Templates that were not told as findings, at the bound.
    pub untold_templates: u64,
}

#[derive(Debug, Clone)]
struct State {
    now: EventTime,
    scopes: ScopeTable,
    live: Vec<Live>,
    slices: Slices,
    samples: SampleWindows,
    /// By work of the plan.
    works: Vec<WorkState>,
    /// By regime detector.
    regimes: Vec<Store>,
    episodes: Episodes,
    alerts: Alerts,
    retained: BTreeMap<(EventTime, WindowIndex), Retained>,
    news: News,
    /// Closed windows that panes of this step have changed.
    dirty: Vec<Dirty>,
    /// Closed sessions that raw events of this step have changed.
    changed: Vec<SampleClose>,
    /// When scopes were last looked through for forgotten ones.
    swept: EventTime,
    corrupt: u64,
}

/// The fold of an analyze task, behind its receiver.
#[derive(Debug, Clone)]
pub struct Analyze {
    plan: Arc<AnalyzePlan>,
    state: State,
}

impl Analyze {
    /// A task before its first record.
    pub fn new(plan: Arc<AnalyzePlan>, rules: Rules) -> Self {
        Self { state: State::new(&plan, rules), plan }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<AnalyzePlan> {
        &self.plan
    }

    /// Task time: windows are closed up to here.
    pub fn now(&self) -> EventTime {
        self.state.now
    }

    /// Takes a record of the panes link.
    ///
    /// # Errors
    /// [`WireError`] when it is none of this logic version; what of it could be read has been taken, and it is counted.
    pub fn take(&mut self, upstream: Upstream, record: &[u8]) -> Result<(), WireError> {
        let taken = self.state.take(&self.plan, upstream, record);
        self.state.corrupt += u64::from(taken.is_err());
        taken
    }

    /// A claim of an upstream was accepted at its position `as_of`: the provisionals follow.
    pub fn claim(&mut self, upstream: Upstream, as_of: Position, time: EventTime) {
        self.state.slices.claim(upstream, as_of, time);
    }

    /// Time of the last accepted claim of an upstream, if it stood at exactly `as_of`.
    pub fn claimed(&self, upstream: Upstream, as_of: Position) -> Option<EventTime> {
        self.state.slices.standing().claimed(upstream, as_of)
    }

    /// Takes a provisional: a record of panes as of a position of its upstream.
    ///
    /// # Errors
    /// As [`Analyze::take`].
    pub fn provisional(&mut self, upstream: Upstream, as_of: Position, record: &[u8]) -> Result<(), WireError> {
        let taken = self.state.provisional(&self.plan, upstream, as_of, record);
        self.state.corrupt += u64::from(taken.is_err());
        taken
    }

    /// Ends a step: corrections go out, then everything that `now` has passed. Time never goes back.
    pub fn advance(&mut self, now: EventTime, sink: &mut dyn AnalyzeSink) {
        self.state.advance(&self.plan, now, sink);
    }

    /// Counts so far.
    pub fn counts(&self) -> AnalyzeCounts {
        let mut counts = AnalyzeCounts {
            corrupt: self.state.corrupt,
            too_late: vec![0; self.plan.definition.windows.len()],
            early: 0,
            untold_templates: self.state.news.untold(),
        };
        let slices = &self.state.slices;
        for (window, too_late) in slices.windows().iter().zip(slices.too_late()) {
            counts.too_late[usize::from(window.index.0)] += too_late;
        }
        for (window, too_late, early) in self.state.samples.counts() {
            counts.too_late[usize::from(window.0)] += too_late;
            counts.early += early;
        }
        counts
    }

    /// Number of live scopes; cohorts count too.
    pub fn live_scopes(&self) -> usize {
        self.state.scopes.len()
    }

    /// Alerts that are pending or firing.
    pub fn alerts(&self) -> usize {
        self.state.alerts.len()
    }

    /// Bytes of memory, for reports; nothing that is emitted follows from it.
    pub fn memory(&self) -> usize {
        let State { scopes, live, slices, works, regimes, .. } = &self.state;
        let pasts: usize = works.iter().map(|work| work.past.memory()).sum();
        let regimes: usize = regimes.iter().map(Store::memory).sum();
        scopes.memory() + live.capacity() * size_of::<Live>() + slices.memory() + pasts + regimes
    }
}

impl State {
    fn new(plan: &AnalyzePlan, rules: Rules) -> Self {
        Self {
            now: EventTime::MIN,
            scopes: ScopeTable::new(),
            live: Vec::new(),
            slices: Slices::new(plan.classes.clone(), rules),
            samples: SampleWindows::new(&plan.definition.windows, plan.definition.live_scopes),
            works: plan.works.iter().map(|_| WorkState::default()).collect(),
            regimes: plan.regimes.iter().map(|_| Store::new()).collect(),
            episodes: Episodes::new(),
            alerts: Alerts::new(),
            retained: BTreeMap::new(),
            news: News::default(),
            dirty: Vec::new(),
            changed: Vec::new(),
            swept: EventTime::MIN,
            corrupt: 0,
        }
    }

    fn take(&mut self, plan: &AnalyzePlan, upstream: Upstream, record: &[u8]) -> Result<(), WireError> {
        match Record::read(record)? {
            Record::Panes(panes) => self.panes(plan, upstream, None, panes),
            Record::Samples(samples) => self.samples(plan, samples),
            Record::Template(template) => {
                let definition = &plan.definition;
                let bound = (definition.templates.max(1) as usize).saturating_mul(definition.sources.len().max(1));
                self.news.template(template, bound);
                Ok(())
            }
            Record::Coarsened(coarsened) => {
                self.news.coarsened(coarsened);
                Ok(())
            }
        }
    }

    fn provisional(
        &mut self,
        plan: &AnalyzePlan,
        upstream: Upstream,
        as_of: Position,
        record: &[u8],
    ) -> Result<(), WireError> {
        match Record::read(record)? {
            Record::Panes(panes) => self.panes(plan, upstream, Some(as_of), panes),
            _ => Err(WireError::Invalid {
                at: 0,
                what: "provisional",
                found: record.first().copied().map_or(0, u64::from),
            }),
        }
    }

    /// Takes finals, or provisionals as of a position.
    fn panes(
        &mut self,
        plan: &AnalyzePlan,
        upstream: Upstream,
        as_of: Option<Position>,
        panes: Panes<'_>,
    ) -> Result<(), WireError> {
        let start = panes.start;
        let end = start + plan.definition.pane;
        panes.for_each(|key, bytes| {
            let scope = self.scope(plan, key, end)?;
            let pane = TakenPane { upstream, start, end, level: level_of(key), scope, bytes };
            match as_of {
                None => self.slices.take(&plan.layout, pane, self.now, &mut self.dirty),
                Some(as_of) => self.slices.stand(&plan.layout, pane, as_of, self.now, &mut self.dirty),
            }
        })
    }

    fn samples(&mut self, plan: &AnalyzePlan, samples: Samples<'_>) -> Result<(), WireError> {
        let mut failed = Ok(());
        samples.for_each(&plan.layout, |key, sample| match self.scope(plan, key, sample.time) {
            Ok(scope) => self.samples.take(level_of(key), scope, &sample, self.now, &plan.layout, &mut self.changed),
            Err(error) => failed = Err(error),
        })?;
        failed
    }

    /// The number of a scope; its cohort is made live with it.
    fn scope(&mut self, plan: &AnalyzePlan, key: &[u8], seen: EventTime) -> Result<ScopeId, WireError> {
        let hash = key_hash(key);
        let scope = match self.scopes.find(key, hash) {
            Some(scope) => scope,
            None => self.new_scope(plan, key, hash)?,
        };
        let live = &mut self.live[scope.index()];
        live.last = live.last.max(seen);
        let cohort = live.cohort;
        if cohort != scope {
            let cohort = &mut self.live[cohort.index()];
            cohort.last = cohort.last.max(seen);
        }
        Ok(scope)
    }

    #[cold]
    fn new_scope(&mut self, plan: &AnalyzePlan, key: &[u8], hash: u32) -> Result<ScopeId, WireError> {
        plan.check_key(key)?;
        let scope = self.insert(key, hash);
        let Tag::Scope(level) = Tag::of(key) else { return Ok(scope) };
        if plan.needs_cohorts(level) {
            let mut cohort = Vec::with_capacity(key.len());
            plan.panes.lineage().write_cohort(level, key, &mut cohort);
            let hash = key_hash(&cohort);
            let cohort = match self.scopes.find(&cohort, hash) {
                Some(cohort) => cohort,
                None => self.insert(&cohort, hash),
            };
            self.live[scope.index()].cohort = cohort;
        }
        Ok(scope)
    }

    fn insert(&mut self, key: &[u8], hash: u32) -> ScopeId {
        let scope = self.scopes.insert(key, hash);
        let live = Live { last: EventTime::MIN, cohort: scope };
        match self.live.get_mut(scope.index()) {
            Some(slot) => *slot = live,
            None => self.live.push(live),
        }
        scope
    }

    fn advance(&mut self, plan: &AnalyzePlan, now: EventTime, sink: &mut dyn AnalyzeSink) {
        let now = now.max(self.now);
        self.correct(plan, sink);
        let mut closes = Vec::new();
        self.samples.advance(now, &plan.layout, &mut closes);
        self.sample_closes(plan, closes, sink);
        if now > self.now {
            if self.slices.build(&plan.layout, self.now, now).is_err() {
                self.corrupt += 1;
            }
            self.close_windows(plan, now, sink);
            self.silent_samples(plan, now, sink);
            self.slices.forget(now);
            self.slices.closed(now);
            let lateness =
                |window: &WindowIndex| plan.definition.window(*window).map_or(Span::ZERO, |window| window.lateness);
            self.retained.retain(|(end, window), _| *end + lateness(window) > now);
            self.now = now;
        }
        let definition: &Definition = &plan.definition;
        self.news.advance(definition, now, |finding| sink.insight(&mut |out| save_finding(finding, out)));
        self.sweep(plan, now);
    }

    /// Closes time windows in the order of their ends, up to `now`.
    fn close_windows(&mut self, plan: &AnalyzePlan, now: EventTime, sink: &mut dyn AnalyzeSink) {
        let mut closed: Vec<EventTime> = vec![self.now; self.slices.windows().len()];
        loop {
            let next = (0..closed.len()).filter_map(|position| {
                let end = self.next_end(plan, position, closed[position], now)?;
                Some((end, position))
            });
            let Some((end, position)) = next.filter(|(end, _)| *end <= now).min() else { return };
            closed[position] = end;
            let window = &self.slices.windows()[position];
            let judged = now < EventTime::MAX || end <= judged_until(self.slices.horizon(), window.slide);
            let info = CloseInfo { window: window.index, start: end.minus(window.size), end, ordinal: 0, revision: 0 };
            let closing = Closing { info, lateness: window.lateness, judged };
            self.close(plan, position, closing, sink);
        }
    }

    /// The end of the next window behind `after` that anybody wants closed: it holds events, or scopes without events are
    /// still evaluated.
    fn next_end(&self, plan: &AnalyzePlan, position: usize, after: EventTime, now: EventTime) -> Option<EventTime> {
        let window = &self.slices.windows()[position];
        let with_data = self.slices.next_with_data(position, after);
        let tracks = plan.works_of(window.index).any(|work| self.works[work].tracks());
        if !tracks || after == EventTime::MIN {
            return with_data;
        }
        let silent = Some(next_multiple(after, window)).filter(|end| *end > after);
        // The end of the input silences nobody.
        let silent =
            silent.filter(|end| now < EventTime::MAX || *end <= judged_until(self.slices.horizon(), window.slide));
        [with_data, silent].into_iter().flatten().min()
    }

    /// Forgets scopes that nothing remembers. When it happens is of no consequence for what is emitted: whatever a scope
    /// leaves behind has been forgotten by event time before.
    fn sweep(&mut self, plan: &AnalyzePlan, now: EventTime) {
        let keep = Span(plan.keep.0.saturating_mul(2));
        if now == EventTime::MAX || now.minus(Span(keep.0 / 8 + 1)) < self.swept {
            return;
        }
        self.swept = now;
        let horizon = now.minus(keep);
        let alive: std::collections::BTreeSet<ScopeId> = self.alerts.keys().map(|(_, scope)| *scope).collect();
        let old = |scope: &ScopeId| {
            let idle =
                self.live[scope.index()].last < horizon && self.samples.is_idle(*scope) && !alive.contains(scope);
            idle && !self.slices.standing().has(*scope)
        };
        let old: Vec<ScopeId> = self.scopes.current_order().into_iter().map(ScopeId).filter(old).collect();
        for scope in old {
            self.scopes.remove(scope);
            self.slices.remove(scope);
            self.samples.remove(scope);
            self.works.iter_mut().for_each(|work| work.remove(scope));
            self.regimes.iter_mut().for_each(|regime| regime.remove(scope));
            self.episodes.retain(|(_, other), _| *other != scope);
        }
        self.scopes.settle();
    }
}
