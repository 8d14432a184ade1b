//! What an analyze task does at each close: the rules, detectors and values of every window and level.
//!
//! Everything that expressions read of a close is collected into one list of inputs per (window, level), each once, and
//! computed once per scope; a rule's own cells are picked from it.

use crate::aggregate::default_values;
use crate::compile::definition::Definition;
use crate::compile::program::Program;
use crate::compile::shape::{
    Aggregate, LevelIndex, MetricIndex, Reference, WindowExpression, WindowIndex, WindowInput,
};
use crate::detect::baseline::BaselineRule;
use crate::detect::power::needed_samples;
use crate::detect::regime::RegimeRule;
use crate::time::Span;
use crate::window::classes::Classes;
use crate::window::plan::{SILENT_CLOSES, is_of_panes};
use crate::window::value::{Kept, Layout};
use crate::window::{PanePlan, PaneSettings};
use std::sync::Arc;

/// How long count windows remember a silent scope, and rules on session and count windows a firing alert.
pub const SAMPLE_SILENCE: Span = Span::seconds(24 * 3600);

/// An expression with the places of its cells in the list of inputs.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) expression: WindowExpression,
    pub(super) cells: Vec<u16>,
}

/// An alert rule at a level of its own or, with dynamic scoping, at a parent's.
#[derive(Debug, Clone)]
pub(super) struct AlertWork {
    pub(super) rule: u16,
    pub(super) when: Bound,
    pub(super) resolve: Option<Bound>,
    pub(super) summary: Vec<Bound>,
    /// With dynamic scoping: how many samples it needs, and of what.
    pub(super) needs: Option<Needs>,
}

/// Samples that a rule needs before it says anything.
#[derive(Debug, Clone)]
pub(super) struct Needs {
    pub(super) samples: u64,
    /// Places of distributions, each of which must have as many; none means events.
    pub(super) distributions: Vec<usize>,
}

/// An aggregation rule.
#[derive(Debug, Clone)]
pub(super) struct AggregateWork {
    pub(super) rule: u16,
    pub(super) emit_when: Option<Bound>,
    pub(super) values: AggregateValues,
}

#[derive(Debug, Clone)]
pub(super) enum AggregateValues {
    /// Expressions.
    Named(Vec<Bound>),
    /// Inputs as they are.
    Default(Vec<u16>),
}

/// Values that events take along.
#[derive(Debug, Clone)]
pub(super) struct AugmentWork {
    pub(super) augment: u16,
    pub(super) values: Vec<Bound>,
}

/// A past value that expressions read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PastInput {
    pub(super) value: Aggregate,
    pub(super) usual: bool,
}

/// A regime detector at a window: which one, and which of its windows, the shortest being 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RegimeWork {
    pub(super) detector: usize,
    pub(super) position: usize,
}

/// What is done with one window at one level.
#[derive(Debug, Clone)]
pub(super) struct Work {
    pub(super) window: WindowIndex,
    pub(super) level: LevelIndex,
    pub(super) inputs: Vec<WindowInput>,
    pub(super) past: Vec<PastInput>,
    pub(super) alerts: Vec<AlertWork>,
    /// Rules that the cohort's parent stands in for, where a member has too few samples.
    pub(super) lifts: Vec<AlertWork>,
    pub(super) aggregates: Vec<AggregateWork>,
    pub(super) augments: Vec<AugmentWork>,
    pub(super) regimes: Vec<RegimeWork>,
    /// Indices of baseline detectors.
    pub(super) baselines: Vec<usize>,
    /// True when scopes without events are evaluated for a while.
    pub(super) tracked: bool,
    /// True when an input reads the parent's values.
    pub(super) reads_parent: bool,
}

impl Work {
    fn new(window: WindowIndex, level: LevelIndex) -> Self {
        Self {
            window,
            level,
            inputs: Vec::new(),
            past: Vec::new(),
            alerts: Vec::new(),
            lifts: Vec::new(),
            aggregates: Vec::new(),
            augments: Vec::new(),
            regimes: Vec::new(),
            baselines: Vec::new(),
            tracked: false,
            reads_parent: false,
        }
    }

    /// True when nobody asks for the window at this level.
    pub(super) fn is_idle(&self) -> bool {
        self.alerts.is_empty()
            && self.lifts.is_empty()
            && self.aggregates.is_empty()
            && self.augments.is_empty()
            && self.regimes.is_empty()
            && self.baselines.is_empty()
    }

    /// True when siblings or the parent are looked at.
    pub(super) fn needs_cohorts(&self) -> bool {
        self.reads_parent || !self.lifts.is_empty() || !self.baselines.is_empty()
    }

    fn input(&mut self, input: &WindowInput) -> u16 {
        let place = match self.inputs.iter().position(|known| known == input) {
            Some(place) => place,
            None => {
                self.inputs.push(input.clone());
                self.inputs.len() - 1
            }
        };
        place as u16
    }

    fn bind(&mut self, expression: &WindowExpression) -> Bound {
        let cells = expression.inputs.iter().map(|input| self.input(input)).collect();
        Bound { expression: expression.clone(), cells }
    }

    fn alert(&mut self, definition: &Definition, layout: &Layout, index: usize) -> AlertWork {
        let rule = &definition.alerts[index];
        AlertWork {
            rule: index as u16,
            when: self.bind(&rule.when),
            resolve: rule.resolve_when.as_ref().map(|resolve| self.bind(resolve)),
            summary: rule.summary_values.iter().map(|value| self.bind(value)).collect(),
            needs: needs(definition, layout, &rule.when),
        }
    }

    /// Last: what follows from the inputs.
    fn finish(&mut self) {
        for input in &self.inputs {
            let WindowInput::Aggregate { of, value } = input else { continue };
            match of {
                Reference::Previous => self.past.push(PastInput { value: *value, usual: false }),
                Reference::Usual => self.past.push(PastInput { value: *value, usual: true }),
                Reference::Parent => self.reads_parent = true,
                Reference::Window | Reference::Baseline => {}
            }
        }
        let thresholds = self.aggregates.iter().any(|aggregate| aggregate.emit_when.is_some());
        self.tracked = !self.alerts.is_empty() || !self.lifts.is_empty() || thresholds || !self.past.is_empty();
    }
}

/// The samples that a rule is about: the distributions that it reads, else the events of the counters that it reads;
/// none for a rule about the number of events, which says something exactly when there are few.
fn needs(definition: &Definition, layout: &Layout, when: &WindowExpression) -> Option<Needs> {
    let samples = needed_samples(definition.dynamic_scoping?.effect);
    let mut distributions = Vec::new();
    let mut of_events = false;
    for input in when.inputs.iter() {
        match input {
            WindowInput::Aggregate { value, .. } => match value {
                Aggregate::Sum(metric)
                | Aggregate::Mean(metric)
                | Aggregate::Min(metric)
                | Aggregate::Max(metric)
                | Aggregate::Quantile(metric, _) => distributions.extend(distribution(layout, *metric)),
                Aggregate::MetricCount(_) | Aggregate::Distinct(_) | Aggregate::Derived(_) => of_events = true,
                Aggregate::Count | Aggregate::Rate => {}
            },
            WindowInput::RegimeShifted(metric)
            | WindowInput::RegimeDistance(metric)
            | WindowInput::Anomalous(metric)
            | WindowInput::BaselineRatio(metric) => distributions.extend(distribution(layout, *metric)),
            WindowInput::Dimension(_) => {}
        }
    }
    distributions.sort_unstable();
    distributions.dedup();
    (of_events || !distributions.is_empty()).then_some(Needs { samples, distributions })
}

fn distribution(layout: &Layout, metric: MetricIndex) -> Option<usize> {
    layout.place(metric).filter(|place| layout.kept().get(*place) == Some(&Kept::Distribution))
}

/// The plan of all analyze tasks of a pipeline.
#[derive(Debug, Clone)]
pub struct AnalyzePlan {
    pub(super) definition: Arc<Definition>,
    pub(super) layout: Layout,
    pub(super) panes: Arc<PanePlan>,
    pub(super) classes: Classes,
    /// By window, then level.
    pub(super) works: Vec<Work>,
    /// Per regime detector: its rule and the windows in order of length.
    pub(super) regimes: Vec<(RegimeRule, Vec<WindowIndex>)>,
    /// Per baseline detector.
    pub(super) baselines: Vec<BaselineRule>,
    /// How long a scope without events is remembered.
    pub(super) keep: Span,
}

impl AnalyzePlan {
    /// Of a definition. `panes` must be of the same definition ([`pane_plan`]).
    pub fn new(definition: Arc<Definition>, panes: Arc<PanePlan>) -> Self {
        let layout = Layout::new(&definition.metrics);
        let works = works(&definition, &layout);
        let keep = definition.windows.iter().map(remembered).max().unwrap_or(Span::ZERO);
        Self {
            classes: Classes::new(&definition.windows),
            works,
            regimes: definition.regimes.iter().map(|regime| regime_rule(&definition, regime)).collect(),
            baselines: definition.baselines.iter().map(baseline_rule).collect(),
            keep,
            layout,
            panes,
            definition,
        }
    }

    /// The definition.
    pub fn definition(&self) -> &Arc<Definition> {
        &self.definition
    }

    /// The works of a window, by level.
    pub(super) fn works_of(&self, window: WindowIndex) -> impl Iterator<Item = usize> {
        let of_window = move |(_, work): &(usize, &Work)| work.window == window;
        self.works.iter().enumerate().filter(of_window).map(|(index, _)| index)
    }

    /// The work of a window at a level.
    pub(super) fn work(&self, window: WindowIndex, level: LevelIndex) -> Option<usize> {
        self.works.iter().position(|work| work.window == window && work.level == level)
    }
}

/// The plan of the panes of a definition, with what its rules want of parents.
pub fn pane_plan(definition: &Definition, partitions: u32) -> PanePlan {
    let layout = Layout::new(&definition.metrics);
    let works = works(definition, &layout);
    let wanted = works.iter().filter(|work| work.reads_parent || !work.lifts.is_empty());
    let wanted: Vec<LevelIndex> = wanted.map(|work| work.level).collect();
    PanePlan::new(PaneSettings {
        levels: &definition.levels,
        metrics: &definition.metrics,
        windows: &definition.windows,
        pane: definition.pane,
        parents_wanted: &wanted,
        live_scopes: definition.live_scopes,
        partitions,
    })
}

impl PanePlan {
    /// The plan of the panes of a program that are sent to so many partitions.
    pub fn of(program: &Program, partitions: u32) -> Self {
        pane_plan(&program.definition, partitions)
    }
}

/// How long a window remembers a silent scope.
fn remembered(window: &crate::compile::shape::Window) -> Span {
    match is_of_panes(window.kind) {
        true => crate::window::plan::retention(window),
        false => SAMPLE_SILENCE,
    }
}

fn works(definition: &Definition, layout: &Layout) -> Vec<Work> {
    let mut works = Vec::new();
    for (index, window) in definition.windows.iter().enumerate() {
        let window_index = WindowIndex(index as u8);
        let mut levels = window.levels.clone();
        levels.sort_unstable();
        levels.dedup();
        for level in levels {
            let mut work = Work::new(window_index, level);
            add_rules(&mut work, definition, layout);
            if is_of_panes(window.kind) {
                add_detectors(&mut work, definition);
                add_lifts(&mut work, definition, layout);
            }
            work.finish();
            if !work.is_idle() {
                works.push(work);
            }
        }
    }
    works
}

fn add_rules(work: &mut Work, definition: &Definition, layout: &Layout) {
    let here = |window: WindowIndex, level: LevelIndex| window == work.window && level == work.level;
    let aggregates: Vec<usize> = (0..definition.aggregates.len())
        .filter(|i| here(definition.aggregates[*i].window, definition.aggregates[*i].level))
        .collect();
    let alerts: Vec<usize> = (0..definition.alerts.len())
        .filter(|i| here(definition.alerts[*i].window, definition.alerts[*i].level))
        .collect();
    let augments: Vec<usize> = (0..definition.augment.len())
        .filter(|i| here(definition.augment[*i].window, definition.augment[*i].level))
        .collect();
    for index in aggregates {
        let rule = &definition.aggregates[index];
        let emit_when = rule.emit_when.as_ref().map(|when| work.bind(when));
        let values = match rule.values.is_empty() {
            true => AggregateValues::Default(
                default_values(definition).iter().map(|(_, input)| work.input(input)).collect(),
            ),
            false => AggregateValues::Named(rule.values.iter().map(|(_, value)| work.bind(value)).collect()),
        };
        work.aggregates.push(AggregateWork { rule: index as u16, emit_when, values });
    }
    for index in alerts {
        let alert = work.alert(definition, layout, index);
        work.alerts.push(alert);
    }
    for index in augments {
        let values = definition.augment[index].values.iter().map(|(_, value)| work.bind(value)).collect();
        work.augments.push(AugmentWork { augment: index as u16, values });
    }
}

fn add_detectors(work: &mut Work, definition: &Definition) {
    for (detector, regime) in definition.regimes.iter().enumerate() {
        let windows = by_length(definition, &regime.windows);
        if let Some(position) = windows.iter().position(|window| *window == work.window) {
            work.regimes.push(RegimeWork { detector, position });
        }
    }
    for (index, baseline) in definition.baselines.iter().enumerate() {
        if baseline.window == work.window && baseline.level == work.level {
            work.baselines.push(index);
        }
    }
}

/// With dynamic scoping a rule is also evaluated at the parents of its level, as far up as there are any: each step is
/// a work of its own, at the level whose members may have too few samples.
fn add_lifts(work: &mut Work, definition: &Definition, layout: &Layout) {
    if definition.dynamic_scoping.is_none() {
        return;
    }
    for index in 0..definition.alerts.len() {
        let rule = &definition.alerts[index];
        let has_parent = definition.level(work.level).is_some_and(|level| level.parent.is_some());
        if rule.window != work.window || !has_parent || !ancestors(definition, rule.level).contains(&work.level) {
            continue;
        }
        let lift = work.alert(definition, layout, index);
        if lift.needs.is_some() {
            work.lifts.push(lift);
        }
    }
}

/// A level and all that it rolls up to.
fn ancestors(definition: &Definition, level: LevelIndex) -> Vec<LevelIndex> {
    let mut levels = vec![level];
    while let Some(parent) = levels.last().and_then(|level| definition.level(*level)).and_then(|level| level.parent) {
        if levels.contains(&parent) {
            break;
        }
        levels.push(parent);
    }
    levels
}

fn by_length(definition: &Definition, windows: &[WindowIndex]) -> Vec<WindowIndex> {
    let mut windows = windows.to_vec();
    windows.sort_by_key(|window| {
        let kind = definition.window(*window).map(|window| window.kind);
        (kind.map_or(Span::ZERO, crate::window::plan::length), *window)
    });
    windows.dedup();
    windows
}

fn regime_rule(definition: &Definition, regime: &crate::compile::shape::Regime) -> (RegimeRule, Vec<WindowIndex>) {
    let windows = by_length(definition, &regime.windows);
    (RegimeRule::new(windows.len(), regime.alpha, regime.min_effect, regime.consecutive), windows)
}

fn baseline_rule(baseline: &crate::compile::shape::Baseline) -> BaselineRule {
    BaselineRule::new(
        baseline.quantile,
        baseline.confidence,
        baseline.false_discovery,
        baseline.min_samples,
        baseline.min_ratio,
    )
}

/// Closes for which a scope without events is evaluated.
pub(super) const SILENT: u8 = SILENT_CLOSES as u8;
