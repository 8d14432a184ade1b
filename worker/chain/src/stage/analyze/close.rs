//! Closing a time window: every scope of every level that somebody asks for, in key order.

use super::history;
use super::inputs::{self, RegimeSaid, Subject, compute, dimensions};
use super::plan::{AlertWork, SILENT, Work};
use super::regimes::{self, Closed};
use super::rules::{self, CloseInfo, Evaluation, Seen, too_few};
use super::siblings::{Place, Siblings};
use super::{AnalyzePlan, AnalyzeSink, Retained, State};
use crate::stage::insight::save_finding;
use crate::time::{EventTime, Span};
use crate::window::scope::{ScopeId, Tag};
use crate::window::spans::Cover;
use crate::window::store::Store;
use crate::window::value::Value;
use crate::wire::Writer;
use std::collections::BTreeSet;

/// A scope that is not evaluated without events.
const UNTRACKED: u8 = u8::MAX;

/// What a work remembers of scopes.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkState {
    /// By scope number: closes since the last events, or [`UNTRACKED`].
    silent: Vec<u8>,
    tracked: usize,
    /// Earlier closes.
    pub(super) past: Store,
}

impl WorkState {
    pub(super) fn tracks(&self) -> bool {
        self.tracked > 0
    }

    fn silent(&self, scope: ScopeId) -> u8 {
        self.silent.get(scope.index()).copied().unwrap_or(UNTRACKED)
    }

    fn set_silent(&mut self, scope: ScopeId, silent: u8) {
        if self.silent.len() <= scope.index() {
            self.silent.resize(scope.index() + 1, UNTRACKED);
        }
        let before = std::mem::replace(&mut self.silent[scope.index()], silent);
        self.tracked += usize::from(silent != UNTRACKED);
        self.tracked -= usize::from(before != UNTRACKED);
    }

    /// Scopes that are tracked, with their silent closes.
    pub(super) fn tracked_scopes(&self) -> impl Iterator<Item = (ScopeId, u8)> {
        let tracked = self.silent.iter().enumerate().filter(|(_, silent)| **silent != UNTRACKED);
        tracked.map(|(scope, silent)| (ScopeId(scope as u32), *silent))
    }

    pub(super) fn track(&mut self, scope: ScopeId, silent: u8) {
        self.set_silent(scope, silent.min(SILENT));
    }

    pub(super) fn remove(&mut self, scope: ScopeId) {
        if self.silent(scope) != UNTRACKED {
            self.set_silent(scope, UNTRACKED);
        }
        self.past.remove(scope);
    }
}

/// The window that closes.
#[derive(Clone, Copy)]
pub(super) struct Closing {
    pub(super) info: CloseInfo,
    pub(super) lateness: Span,
    /// Rules with states and detectors look at it. They do not look at windows that the end of the input has cut short.
    pub(super) judged: bool,
}

/// Everything that changes while a level is closed; the slices, which are read, stand beside it.
struct Level<'a> {
    plan: &'a AnalyzePlan,
    work: &'a Work,
    closing: Closing,
    cover: &'a Cover<'a>,
    siblings: &'a Siblings,
    value: Value,
    parent: Value,
    parent_of: Option<ScopeId>,
    /// Rules to lift, by place in the work, and the cohorts that ask for it.
    lifted: BTreeSet<(usize, ScopeId)>,
    /// Cohorts of all evaluated scopes.
    cohorts: BTreeSet<ScopeId>,
}

/// What the state lends to a level.
struct Lent<'a> {
    scopes: &'a crate::window::scope::ScopeTable,
    live: &'a [super::Live],
    alerts: &'a mut rules::Alerts,
    regimes: &'a mut [Store],
    state: &'a mut WorkState,
    retained: Option<&'a mut Retained>,
    corrupt: &'a mut u64,
    sink: &'a mut dyn AnalyzeSink,
}

impl State {
    /// Closes the time window at `position` of the slices' windows that ends at `closing.info.end`.
    pub(super) fn close(&mut self, plan: &AnalyzePlan, position: usize, closing: Closing, sink: &mut dyn AnalyzeSink) {
        let works: Vec<usize> = plan.works_of(closing.info.window).collect();
        if works.is_empty() {
            return;
        }
        self.scopes.settle();
        for index in works {
            self.close_level(plan, position, index, closing, sink);
        }
    }

    fn close_level(
        &mut self,
        plan: &AnalyzePlan,
        position: usize,
        index: usize,
        closing: Closing,
        sink: &mut dyn AnalyzeSink,
    ) {
        let work = &plan.works[index];
        let cover = self.slices.cover(position, closing.info.end);
        let members: Vec<ScopeId> = level_range(&self.scopes, work).collect();
        let siblings = match closing.judged && !work.baselines.is_empty() {
            true => find_siblings(plan, work, &cover, &members, &self.live),
            false => Siblings::default(),
        };
        if closing.judged {
            self.episodes_of(plan, work, &siblings, closing, sink);
        }
        let cover = self.slices.cover(position, closing.info.end);
        let retained = (closing.lateness > Span::ZERO)
            .then(|| self.retained.entry((closing.info.end, closing.info.window)).or_default());
        let mut level = Level {
            plan,
            work,
            closing,
            cover: &cover,
            siblings: &siblings,
            value: Value::new(&plan.layout),
            parent: Value::new(&plan.layout),
            parent_of: None,
            lifted: BTreeSet::new(),
            cohorts: BTreeSet::new(),
        };
        let mut lent = Lent {
            scopes: &self.scopes,
            live: &self.live,
            alerts: &mut self.alerts,
            regimes: &mut self.regimes,
            state: &mut self.works[index],
            retained,
            corrupt: &mut self.corrupt,
            sink,
        };
        for scope in members {
            level.scope(&mut lent, scope);
        }
        if closing.judged && !work.lifts.is_empty() {
            level.lift(&mut lent);
        }
    }

    fn episodes_of(
        &mut self,
        plan: &AnalyzePlan,
        work: &Work,
        siblings: &Siblings,
        closing: Closing,
        sink: &mut dyn AnalyzeSink,
    ) {
        let Self { scopes, episodes, .. } = self;
        let place = Place { definition: &plan.definition, work, end: closing.info.end };
        for detector in &work.baselines {
            place.episodes(
                episodes,
                siblings,
                *detector,
                |scope| scopes.key(scope),
                |finding| {
                    sink.insight(&mut |out| save_finding(finding, out));
                },
            );
        }
    }
}

/// The live scopes of a work's level, in key order.
fn level_range<'a>(
    scopes: &'a crate::window::scope::ScopeTable,
    work: &Work,
) -> impl Iterator<Item = ScopeId> + use<'a> {
    let order = scopes.order();
    let level = work.level.0;
    let tag = |id: &u32| scopes.key(ScopeId(*id)).first().copied().unwrap_or(0);
    let from = order.partition_point(|id| tag(id) < level);
    let to = order.partition_point(|id| tag(id) <= level);
    order[from..to].iter().map(|id| ScopeId(*id))
}

fn find_siblings(
    plan: &AnalyzePlan,
    work: &Work,
    cover: &Cover<'_>,
    members: &[ScopeId],
    live: &[super::Live],
) -> Siblings {
    let mut value = Value::new(&plan.layout);
    Siblings::find(plan, work, |take| {
        for scope in members {
            value.clear(&plan.layout);
            if cover.merge(*scope, &mut value).is_ok() && value.count > 0 {
                take(*scope, live[scope.index()].cohort, &value);
            }
        }
    })
}

impl Level<'_> {
    fn info(&self) -> CloseInfo {
        self.closing.info
    }

    fn duration(&self) -> Span {
        self.closing.info.end - self.closing.info.start
    }

    /// One scope at the close.
    fn scope(&mut self, lent: &mut Lent<'_>, scope: ScopeId) {
        let has_events = self.cover.has(scope);
        if !has_events && !self.goes_on_silently(lent, scope) {
            return;
        }
        self.value.clear(&self.plan.layout);
        if self.cover.merge(scope, &mut self.value).is_err() {
            *lent.corrupt += 1;
            return;
        }
        if has_events && self.work.tracked && self.closing.judged {
            lent.state.set_silent(scope, 0);
        }
        let cohort = lent.live[scope.index()].cohort;
        if self.work.reads_parent {
            self.read_parent(lent, cohort);
        }
        let said = self.fold_regimes(lent, scope, has_events);
        self.rules(lent, scope, cohort, &said, has_events);
    }

    /// A scope without events: true while it is to be evaluated all the same.
    fn goes_on_silently(&self, lent: &mut Lent<'_>, scope: ScopeId) -> bool {
        let silent = lent.state.silent(scope);
        if silent == UNTRACKED || !self.closing.judged {
            return false;
        }
        if silent < SILENT {
            lent.state.set_silent(scope, silent + 1);
            return true;
        }
        lent.state.remove(scope);
        for alert in &self.work.alerts {
            let (definition, key) = (&self.plan.definition, lent.scopes.key(scope));
            rules::forget(definition, lent.alerts, alert.rule, scope, key, self.info().end, lent.sink);
        }
        false
    }

    fn read_parent(&mut self, lent: &mut Lent<'_>, cohort: ScopeId) {
        if self.parent_of == Some(cohort) {
            return;
        }
        self.parent.clear(&self.plan.layout);
        if self.cover.merge(cohort, &mut self.parent).is_err() {
            *lent.corrupt += 1;
        }
        self.parent_of = Some(cohort);
    }

    fn fold_regimes(
        &self,
        lent: &mut Lent<'_>,
        scope: ScopeId,
        has_events: bool,
    ) -> smallvec::SmallVec<[RegimeSaid; 2]> {
        if !has_events || !self.closing.judged || self.work.regimes.is_empty() {
            return smallvec::SmallVec::new();
        }
        let (start, end) = (self.info().start, self.info().end);
        let closed = Closed { scope, key: lent.scopes.key(scope), start, end, value: &self.value };
        let sink = &mut *lent.sink;
        regimes::fold(self.plan, self.work, lent.regimes, &closed, |finding| {
            sink.insight(&mut |out| save_finding(finding, out));
        })
    }

    fn rules(&mut self, lent: &mut Lent<'_>, scope: ScopeId, cohort: ScopeId, said: &[RegimeSaid], has_events: bool) {
        if let Some(past) = self.apply_rules(lent, scope, cohort, said, has_events) {
            lent.state.past.put(scope, past.as_slice());
        }
    }

    /// Gives the scope's past behind this close, where any is kept.
    fn apply_rules(
        &mut self,
        lent: &mut Lent<'_>,
        scope: ScopeId,
        cohort: ScopeId,
        said: &[RegimeSaid],
        has_events: bool,
    ) -> Option<Writer> {
        let (definition, layout, work) = (&self.plan.definition, &self.plan.layout, self.work);
        let key = lent.scopes.key(scope);
        let standing = self.siblings.standing(scope, cohort);
        let subject = Subject {
            value: &self.value,
            duration: self.duration(),
            dimensions: &dimensions(definition, work, key),
            past: history::Past::of(&work.past, &lent.state.past, scope),
            parent: work.reads_parent.then_some(&self.parent),
            regimes: said,
            standing: (!work.baselines.is_empty()).then_some(&standing),
        };
        let cells = compute(definition, layout, work, &subject);
        let seen = Seen { scope, key, value: &self.value, cells: &cells };
        let retained = &mut lent.retained;
        let note = |rule| {
            if let Some(retained) = retained.as_mut() {
                retained.emitted.entry(rule).or_default().push(scope);
            }
        };
        rules::aggregates(work, self.closing.info, &seen, |_| false, note, lent.sink);
        if has_events {
            rules::feedback(work, self.closing.info, &seen, lent.sink);
        }
        if self.closing.judged {
            for alert in &work.alerts {
                let can_tell = !is_liftable(work, alert) || !too_few(alert.needs.as_ref(), &self.value);
                let evaluation = Evaluation {
                    definition,
                    work: alert,
                    inputs: &work.inputs,
                    close: self.closing.info,
                    stands_in: false,
                    can_tell,
                };
                evaluation.step(lent.alerts, &seen, lent.sink);
            }
            self.cohorts.extend((!work.lifts.is_empty()).then_some(cohort));
            let small = |(place, lift): (usize, &AlertWork)| {
                too_few(lift.needs.as_ref(), &self.value).then_some((place, cohort))
            };
            self.lifted.extend(work.lifts.iter().enumerate().filter_map(small));
        }
        (self.closing.judged && !work.past.is_empty()).then(|| {
            let mut out = Writer::new();
            let current = |aggregate| inputs::aggregate(definition, layout, &self.value, self.duration(), aggregate);
            history::next(subject.past, &work.past, current, &mut out);
            out
        })
    }

    /// Evaluates the parents that stand in for members with too few samples.
    fn lift(&mut self, lent: &mut Lent<'_>) {
        let cohorts: Vec<ScopeId> = std::mem::take(&mut self.cohorts).into_iter().collect();
        for cohort in &cohorts {
            self.lift_cohort(lent, *cohort);
        }
        // Stand-ins whose cohorts had nothing to say at this close.
        for (place, lift) in self.work.lifts.iter().enumerate() {
            let range = (lift.rule, ScopeId(0))..=(lift.rule, ScopeId(u32::MAX));
            let asleep = |cohort: &ScopeId| {
                Tag::of(lent.scopes.key(*cohort)) == Tag::Cohort(self.work.level)
                    && !self.lifted.contains(&(place, *cohort))
            };
            let mut asleep: Vec<ScopeId> =
                lent.alerts.range(range).map(|((_, scope), _)| *scope).filter(asleep).collect();
            asleep.sort_by(|left, right| lent.scopes.key(*left).cmp(lent.scopes.key(*right)));
            for cohort in asleep {
                let key = parent_key(self.plan, self.work, lent.scopes.key(cohort));
                rules::cannot_tell(&self.plan.definition, lent.alerts, lift, cohort, &key, self.info().end, lent.sink);
            }
        }
    }

    fn lift_cohort(&mut self, lent: &mut Lent<'_>, cohort: ScopeId) {
        if let Some(past) = self.apply_lifts(lent, cohort) {
            lent.state.past.put(cohort, past.as_slice());
        }
    }

    fn apply_lifts(&mut self, lent: &mut Lent<'_>, cohort: ScopeId) -> Option<Writer> {
        let (definition, layout, work) = (&self.plan.definition, &self.plan.layout, self.work);
        self.parent_of = None;
        self.read_parent(lent, cohort);
        let key = parent_key(self.plan, work, lent.scopes.key(cohort));
        let subject = Subject {
            value: &self.parent,
            duration: self.duration(),
            dimensions: &dimensions(definition, work, &key),
            past: history::Past::of(&work.past, &lent.state.past, cohort),
            parent: None,
            regimes: &[],
            standing: None,
        };
        let cells = compute(definition, layout, work, &subject);
        let seen = Seen { scope: cohort, key: &key, value: &self.parent, cells: &cells };
        let at_root = self.plan.definition.level(work.level).and_then(|level| level.parent);
        let at_root = at_root.and_then(|parent| definition.level(parent)).is_none_or(|parent| parent.parent.is_none());
        for (place, lift) in work.lifts.iter().enumerate() {
            if self.lifted.contains(&(place, cohort)) {
                // The coarsest level speaks in any case: there is nobody else.
                let can_tell = at_root || !too_few(lift.needs.as_ref(), &self.parent);
                let evaluation = Evaluation {
                    definition,
                    work: lift,
                    inputs: &work.inputs,
                    close: self.closing.info,
                    stands_in: true,
                    can_tell,
                };
                evaluation.step(lent.alerts, &seen, lent.sink);
            }
        }
        (!work.past.is_empty()).then(|| {
            let mut out = Writer::new();
            let current = |aggregate| inputs::aggregate(definition, layout, &self.parent, self.duration(), aggregate);
            history::next(subject.past, &work.past, current, &mut out);
            out
        })
    }
}

/// True when another scope speaks for one with too few samples.
fn is_liftable(work: &Work, alert: &AlertWork) -> bool {
    work.lifts.iter().any(|lift| lift.rule == alert.rule)
}

/// The key of the parent of a cohort, as a scope of its own.
fn parent_key(plan: &AnalyzePlan, work: &Work, cohort: &[u8]) -> Vec<u8> {
    let parent = plan.definition.level(work.level).and_then(|level| level.parent);
    let mut key = cohort.to_vec();
    if let (Some(first), Some(parent)) = (key.first_mut(), parent) {
        *first = parent.0;
    }
    key
}

/// The end behind which nothing is judged when the input has ended: that of the first window that holds the last pane.
pub(super) fn judged_until(horizon: EventTime, slide: Span) -> EventTime {
    horizon.minus(Span(1)).floor(slide) + slide
}
