//! How a scope stands among its siblings: common baselines at a close, and how long a scope has left them.
//!
//! A scope that is outside its siblings' baseline for [`CLOSES`] closes in a row is a finding; when it is back, or
//! silent, the finding is reported once more with what it has been.

use super::inputs::sketch;
use super::plan::{AnalyzePlan, Work};
use crate::alert::explain::number;
use crate::compile::definition::Definition;
use crate::compile::shape::MetricIndex;
use crate::detect::Side;
use crate::detect::baseline::{Baseline, Common, ScopeNumbers, ScopeVerdict, find};
use crate::sketch::DdSketch;
use crate::stage::finding::{Finding, FindingKind};
use crate::time::EventTime;
use crate::window::records::Scalar;
use crate::window::scope::ScopeId;
use crate::window::value::Value;
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;

/// Closes in a row after which an anomalous scope is a finding.
pub(super) const CLOSES: u32 = 2;

/// One baseline detector at one close.
struct Detected {
    metric: MetricIndex,
    detector: usize,
    /// By cohort.
    baselines: BTreeMap<ScopeId, Box<Baseline>>,
    /// By scope: its cohort, and its place in the cohort's verdicts.
    places: BTreeMap<ScopeId, (ScopeId, usize)>,
}

/// The baselines of all cohorts of a level at one close.
#[derive(Default)]
pub(super) struct Siblings {
    detected: Vec<Detected>,
}

/// A scope among its siblings, for one metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stand {
    pub(super) anomalous: bool,
    pub(super) ratio: Option<f64>,
}

/// A scope among its siblings.
pub(super) struct Standing<'a> {
    siblings: &'a Siblings,
    scope: ScopeId,
    cohort: ScopeId,
}

impl Standing<'_> {
    fn detected(&self, metric: MetricIndex) -> Option<&Detected> {
        self.siblings.detected.iter().find(|detected| detected.metric == metric)
    }

    /// Where the scope stands; none when it has too few values, or there is no baseline.
    pub(super) fn of(&self, metric: MetricIndex) -> Option<Stand> {
        let verdict = self.detected(metric)?.verdict(self.scope)?;
        let numbers = verdict.numbers()?;
        Some(Stand { anomalous: matches!(verdict, ScopeVerdict::Anomalous(..)), ratio: numbers.ratio })
    }

    /// The baseline of the scope's cohort.
    pub(super) fn baseline(&self, metric: MetricIndex) -> Option<&Baseline> {
        self.detected(metric)?.baselines.get(&self.cohort).map(Box::as_ref)
    }
}

impl Detected {
    fn verdict(&self, scope: ScopeId) -> Option<&ScopeVerdict> {
        let (cohort, place) = self.places.get(&scope)?;
        self.baselines.get(cohort)?.scopes.get(*place)
    }
}

impl Siblings {
    /// Compares all scopes with events of a level, by cohort. `values` calls back with each: scope, cohort, value.
    pub(super) fn find(
        plan: &AnalyzePlan,
        work: &Work,
        mut values: impl FnMut(&mut dyn FnMut(ScopeId, ScopeId, &Value)),
    ) -> Self {
        let metrics: Vec<(usize, MetricIndex)> =
            work.baselines.iter().map(|detector| (*detector, plan.definition.baselines[*detector].metric)).collect();
        if metrics.is_empty() {
            return Self::default();
        }
        let mut members: Vec<Vec<(ScopeId, ScopeId, DdSketch)>> = metrics.iter().map(|_| Vec::new()).collect();
        values(&mut |scope, cohort, value| {
            for ((_, metric), members) in metrics.iter().zip(&mut members) {
                if let Some(sketch) = sketch(&plan.layout, value, *metric).filter(|sketch| !sketch.is_empty()) {
                    members.push((cohort, scope, sketch.clone()));
                }
            }
        });
        let detected = metrics
            .into_iter()
            .zip(members)
            .map(|((detector, metric), members)| Detected::new(plan, detector, metric, members));
        Self { detected: detected.collect() }
    }

    /// A scope's place in it.
    pub(super) fn standing(&self, scope: ScopeId, cohort: ScopeId) -> Standing<'_> {
        Standing { siblings: self, scope, cohort }
    }

    /// The anomalous scopes of a detector, with their numbers.
    fn anomalies(&self, detector: usize) -> BTreeMap<ScopeId, (Side, &ScopeNumbers, &Baseline)> {
        let Some(detected) = self.detected.iter().find(|detected| detected.detector == detector) else {
            return BTreeMap::new();
        };
        let of_scope = |(scope, (cohort, place)): (&ScopeId, &(ScopeId, usize))| {
            let baseline = detected.baselines.get(cohort)?;
            match baseline.scopes.get(*place)? {
                ScopeVerdict::Anomalous(side, numbers) => Some((*scope, (*side, numbers, baseline.as_ref()))),
                _ => None,
            }
        };
        detected.places.iter().filter_map(of_scope).collect()
    }
}

impl Detected {
    fn new(
        plan: &AnalyzePlan,
        detector: usize,
        metric: MetricIndex,
        mut members: Vec<(ScopeId, ScopeId, DdSketch)>,
    ) -> Self {
        members.sort_by_key(|(cohort, scope, _)| (*cohort, *scope));
        let mut detected = Self { metric, detector, baselines: BTreeMap::new(), places: BTreeMap::new() };
        for siblings in members.chunk_by(|left, right| left.0 == right.0) {
            let sketches: Vec<&DdSketch> = siblings.iter().map(|(_, _, sketch)| sketch).collect();
            let Common::Found(baseline) = find(&plan.baselines[detector], &sketches) else { continue };
            for (place, (cohort, scope, _)) in siblings.iter().enumerate() {
                detected.places.insert(*scope, (*cohort, place));
            }
            if let Some((cohort, _, _)) = siblings.first() {
                detected.baselines.insert(*cohort, baseline);
            }
        }
        detected
    }
}

/// A scope that has left its baseline.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Episode {
    since: EventTime,
    closes: u32,
    revision: u32,
    /// The ratio that is farthest from one.
    worst: Option<f64>,
}

/// Scopes outside their baselines, by detector.
pub(super) type Episodes = BTreeMap<(u16, ScopeId), Episode>;

/// Where findings are about.
pub(super) struct Place<'a> {
    pub(super) definition: &'a Definition,
    pub(super) work: &'a Work,
    pub(super) end: EventTime,
}

impl Place<'_> {
    /// Begins, goes on with, and ends the episodes of a detector; findings go to `emit` in the order of `key`.
    pub(super) fn episodes<'k>(
        &self,
        episodes: &mut Episodes,
        siblings: &Siblings,
        detector: usize,
        key: impl Fn(ScopeId) -> &'k [u8],
        mut emit: impl FnMut(&Finding),
    ) {
        let anomalies = siblings.anomalies(detector);
        let index = detector as u16;
        let mut findings = Vec::new();
        let range = (index, ScopeId(0))..=(index, ScopeId(u32::MAX));
        let over: Vec<ScopeId> = episodes
            .range(range)
            .map(|((_, scope), _)| *scope)
            .filter(|scope| !anomalies.contains_key(scope))
            .collect();
        for scope in over {
            if let Some(episode) = episodes.remove(&(index, scope)).filter(|episode| episode.closes >= CLOSES) {
                findings.push(self.over(&episode, detector, key(scope)));
            }
        }
        for (scope, (side, numbers, baseline)) in &anomalies {
            let fresh = Episode { since: self.end, closes: 0, revision: 0, worst: None };
            let episode = episodes.entry((index, *scope)).or_insert(fresh);
            episode.closes = episode.closes.saturating_add(1);
            episode.worst = worse(episode.worst, numbers.ratio);
            if episode.closes == CLOSES {
                findings.push(self.anomalous(episode, detector, key(*scope), *side, numbers, baseline));
            }
        }
        findings.sort_by(|left, right| left.scope.cmp(&right.scope));
        findings.iter().for_each(&mut emit);
    }

    fn subject(&self, detector: usize) -> (MetricIndex, String) {
        let metric = self.definition.baselines[detector].metric;
        let window = self.definition.window(self.work.window).map_or("", |window| window.name.as_str());
        let name = self.definition.metric(metric).map_or("", |metric| metric.name.as_str());
        (metric, format!("{name}/{window}"))
    }

    fn finding(&self, episode: &Episode, detector: usize, scope: &[u8]) -> Finding {
        let (metric, subject) = self.subject(detector);
        Finding {
            at: self.end,
            kind: FindingKind::AnomalousScope,
            scope: scope.to_vec(),
            subject,
            revision: episode.revision,
            since: episode.since,
            window: Some(self.work.window),
            metric: Some(metric),
            numbers: Vec::new(),
            text: String::new(),
        }
    }

    fn anomalous(
        &self,
        episode: &Episode,
        detector: usize,
        scope: &[u8],
        side: Side,
        numbers: &ScopeNumbers,
        baseline: &Baseline,
    ) -> Finding {
        let mut finding = self.finding(episode, detector, scope);
        let rule = &self.definition.baselines[detector];
        let unit = self.definition.unit(rule.metric);
        let shown = |value: f64| if unit.is_empty() { number(value) } else { format!("{} {unit}", number(value)) };
        let quantile = crate::compile::definition::quantile_name(rule.quantile)
            .unwrap_or_else(|| format!("quantile {}", rule.quantile));
        let metric = self.definition.metric(rule.metric).map_or("", |metric| metric.name.as_str());
        let (word, times) = match side {
            Side::Above => ("above", numbers.ratio),
            Side::Below => ("below", numbers.ratio),
        };
        let times = times.map_or(String::new(), |ratio| format!(", {} times it", number(ratio)));
        finding.text = format!(
            "{quantile}({metric}) of {} is {word} what its siblings have in common: {} against {} of {} siblings{times}. \
             {} of its {} values are {word} the common {quantile}, {} were to be expected (corrected p {}).",
            self.definition.scope_text(scope),
            shown(numbers.value),
            shown(baseline.value),
            baseline.members,
            number(numbers.beyond as f64),
            number(numbers.n as f64),
            number(numbers.expected),
            number(numbers.adjusted),
        );
        let float = |value: Option<f64>| value.map_or(Scalar::Null, Scalar::Float);
        let count = |value: u64| Scalar::Int(i64::try_from(value).unwrap_or(i64::MAX));
        finding.numbers = [
            ("quantile", Scalar::Float(rule.quantile)),
            ("side", Scalar::Text(word.to_owned())),
            ("n", count(numbers.n)),
            ("value", Scalar::Float(numbers.value)),
            ("low", float(numbers.interval.low)),
            ("high", float(numbers.interval.high)),
            ("ratio", float(numbers.ratio)),
            ("beyond", count(numbers.beyond)),
            ("expected", Scalar::Float(numbers.expected)),
            ("p_value", Scalar::Float(numbers.p_value)),
            ("adjusted_p", Scalar::Float(numbers.adjusted)),
            ("baseline_n", count(baseline.n)),
            ("baseline_members", count(baseline.members as u64)),
            ("baseline_value", Scalar::Float(baseline.value)),
            ("baseline_low", float(baseline.interval.low)),
            ("baseline_high", float(baseline.interval.high)),
            ("closes", count(u64::from(episode.closes))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        finding
    }

    fn over(&self, episode: &Episode, detector: usize, scope: &[u8]) -> Finding {
        let mut finding = self.finding(episode, detector, scope);
        finding.revision = episode.revision + 1;
        let worst = episode.worst.map_or(String::new(), |ratio| format!(", at worst {} times it", number(ratio)));
        finding.text = format!(
            "{} is back with its siblings after {} closes{worst}.",
            self.definition.scope_text(scope),
            episode.closes,
        );
        finding.numbers = vec![
            ("over".to_owned(), Scalar::Bool(true)),
            ("closes".to_owned(), Scalar::Int(i64::from(episode.closes))),
            ("worst_ratio".to_owned(), episode.worst.map_or(Scalar::Null, Scalar::Float)),
        ];
        finding
    }
}

/// The ratio that is farther from one.
fn worse(worst: Option<f64>, ratio: Option<f64>) -> Option<f64> {
    let distance = |ratio: f64| if ratio < 1.0 { 1.0 / ratio } else { ratio };
    match (worst, ratio) {
        (Some(worst), Some(ratio)) if distance(ratio) > distance(worst) => Some(ratio),
        (None, ratio) => ratio,
        (worst, _) => worst,
    }
}

pub(super) fn save_episodes(episodes: &Episodes, place: &[u32], out: &mut Writer) {
    let at = |scope: &ScopeId| place.get(scope.index()).copied().unwrap_or(0);
    let mut sorted: Vec<((u16, u32), &Episode)> =
        episodes.iter().map(|((detector, scope), episode)| ((*detector, at(scope)), episode)).collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    out.varint(sorted.len() as u64);
    for ((detector, place), episode) in sorted {
        out.varint(u64::from(detector));
        out.varint(u64::from(place));
        out.signed(episode.since.0);
        out.varint(u64::from(episode.closes));
        out.varint(u64::from(episode.revision));
        out.option(episode.worst, |out, worst| out.f64(worst));
    }
}

pub(super) fn load_episodes(detectors: usize, scopes: usize, input: &mut Reader<'_>) -> Result<Episodes, WireError> {
    let mut episodes = Episodes::new();
    for _ in 0..input.count()? {
        let (detector, scope) = (input.varint()?, input.varint()?);
        if detector >= detectors as u64 || scope >= scopes as u64 {
            return Err(input.invalid("episode", detector));
        }
        let episode = Episode {
            since: EventTime(input.signed()?),
            closes: input.varint32()?,
            revision: input.varint32()?,
            worst: input.option(Reader::f64)?,
        };
        episodes.insert((detector as u16, ScopeId(scope as u32)), episode);
    }
    Ok(episodes)
}
