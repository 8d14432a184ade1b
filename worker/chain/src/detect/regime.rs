//! Regime shift: when a scope's distribution stops being what it was.
//!
//! A regime is one distribution that holds for some time. Its *reference* is the sketch of everything
//! that the shortest window has closed with since the regime began. Each closed window is compared
//! with the reference and with the latest close of every longer window; when the same window is
//! beyond the bound and beyond the effect floor in several closes in a row, the regime has shifted:
//! the old sketches are discarded, and the closes that made the evidence start the new reference.
//!
//! ```text
//!   m1  ──┬── against the latest m5      D > c(alpha / pairs) sqrt((n1 + n2) / (n1 n2))
//!         └── against the reference  ┐   and D >= the effect floor,
//!   m5  ───── against the reference  ┘   in `consecutive` closes that do not overlap
//!
//!   reference ◄── closes of the shortest window, while no window of the scope is in doubt
//! ```
//!
//! - **False alarms.** `alpha` is divided by the number of pairs (n windows make n (n + 1) / 2, the
//!   reference counted as the longest), so one round of closes passes by chance with probability
//!   `alpha` at most, and `consecutive` independent rounds must agree.
//! - **Overlap.** A long window may hold the values of the short one. With a share `f` of common
//!   values the distance is `1 - f` times that of the separate parts, while the bound shrinks less, so
//!   overlap hides small shifts and never makes a false one. For closes of one sliding window that
//!   overlap, all must agree, and only those that do not overlap are counted and kept as evidence.
//! - **Few values.** Closes of the shortest window with fewer than `min_samples` values are pooled
//!   until they have as many, and then count as one close. Longer windows with fewer are not tested.
//! - **After a shift** a window that began before the new regime holds values of the old one. It is
//!   left out. The first close of the evidence may hold some too, when the change came in the middle of
//!   it: if it differs from the other evidence as two regimes do, the new reference starts without it.
//! - **Bounded memory.** When the reference has more than `reference_cap` values it keeps every second
//!   one in ascending order. Its distribution moves by less than one value, older values weigh half,
//!   and the result depends on the order of the closes only, which the log fixes. Beside it there is
//!   one sketch for each window but the shortest, and the evidence while a window is in doubt.
//!
//! Closes come in the order of their ends; one that does not (a correction of an earlier window) is
//! left out. Quiet stretches without closes neither confirm nor break a run.

use crate::sketch::DdSketch;
use crate::time::EventTime;

use super::{Side, ks, ratio};
use state::{Candidate, Sample, Track};

mod state;

/// Most windows of one detector; the API allows no more.
const WINDOWS_MAX: usize = 8;

/// Values below which a sample is not compared.
pub const DEFAULT_MIN_SAMPLES: u64 = 100;

/// Values above which the reference is thinned.
pub const DEFAULT_REFERENCE_CAP: u64 = 65_536;

/// What a regime is judged by. One for all scopes of a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct RegimeRule {
    windows: usize,
    critical: f64,
    min_effect: f64,
    consecutive: u32,
    min_samples: u64,
    reference_cap: u64,
}

impl RegimeRule {
    /// A rule for `windows` windows, the shortest first. `alpha` is the probability of a false alarm
    /// in one round of closes; `min_effect` the least distance that matters, from 0 to 1;
    /// `consecutive` the closes in a row that must agree, at least 1.
    pub fn new(windows: usize, alpha: f64, min_effect: f64, consecutive: u32) -> Self {
        let windows = windows.clamp(1, WINDOWS_MAX);
        let pairs = windows * (windows + 1) / 2;
        Self {
            windows,
            critical: ks::critical(ks::bonferroni(alpha, pairs)),
            min_effect,
            consecutive: consecutive.max(1),
            min_samples: DEFAULT_MIN_SAMPLES,
            reference_cap: DEFAULT_REFERENCE_CAP,
        }
    }

    /// With another least number of values (at least 1).
    pub fn with_min_samples(mut self, min_samples: u64) -> Self {
        self.min_samples = min_samples.max(1);
        self
    }

    /// With another cap of the reference (at least 1,000 values).
    pub fn with_reference_cap(mut self, reference_cap: u64) -> Self {
        self.reference_cap = reference_cap.max(1_000);
        self
    }
}

/// A closed window of one scope.
#[derive(Debug, Clone, Copy)]
pub struct Close<'a> {
    /// Which of the rule's windows, the shortest being 0.
    pub window: usize,
    /// Its start.
    pub start: EventTime,
    /// Its end.
    pub end: EventTime,
    /// Its values.
    pub sketch: &'a DdSketch,
}

/// What a close said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// Distance from the regime's reference; none when one of the two has too few values, and when
    /// the window began before the regime.
    pub distance: Option<f64>,
    /// Set when the regime shifted at this close.
    pub shift: Option<Box<Shift>>,
}

/// With what a close was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// With everything since the regime began.
    Reference,
    /// With the latest close of this longer window.
    Window(usize),
}

/// A regime shift, with the numbers that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// The window that saw it.
    pub window: usize,
    /// With what it was compared.
    pub against: Against,
    /// Distance at the last close, 0 to 1.
    pub distance: f64,
    /// The finite-sample bound that it exceeds.
    pub bound: f64,
    /// The effect floor that it reaches.
    pub min_effect: f64,
    /// Where the new values lie.
    pub side: Side,
    /// The value at which the distributions differ most.
    pub at: f64,
    /// Values of the old regime in the comparison.
    pub n_before: u64,
    /// Values of the last close.
    pub n_after: u64,
    /// Closes that agreed.
    pub closes: u32,
    /// Start of the first of them: the change came at or after this.
    pub since: EventTime,
    /// Values that the new regime starts with.
    pub n_evidence: u64,
    /// Quantiles of the old regime.
    pub before: Quantiles,
    /// Quantiles of the values that the new regime starts with.
    pub after: Quantiles,
    /// New median by old median; none when one is zero or their signs differ.
    pub median_ratio: Option<f64>,
}

/// What a person wants to see of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
}

impl Quantiles {
    /// Of a sketch; zeros of the empty one.
    pub fn of(sketch: &DdSketch) -> Self {
        let at = |q| sketch.quantile(q).unwrap_or(0.0);
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99) }
    }
}

/// The state of one scope and metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regime {
    /// When the regime began: start of the first close that counts.
    since: EventTime,
    /// End of the last close that the reference holds.
    fed_until: EventTime,
    reference: DdSketch,
    /// Small closes of the shortest window.
    pool: Option<Box<Sample>>,
    tracks: Box<[Track]>,
}

/// One comparison, and how far it is beyond its bound.
struct Comparison {
    against: Against,
    found: ks::Distance,
    bound: f64,
}

impl Comparison {
    fn margin(&self) -> f64 {
        self.found.distance - self.bound
    }
}

impl Regime {
    /// A scope that has not been seen.
    pub fn new(rule: &RegimeRule) -> Self {
        let track = Track { last_end: EventTime::MIN, latest: DdSketch::new(), candidate: None };
        Self {
            since: EventTime::MIN,
            fed_until: EventTime::MIN,
            reference: DdSketch::new(),
            pool: None,
            tracks: vec![track; rule.windows].into(),
        }
    }

    /// Takes in a closed window.
    pub fn fold(&mut self, rule: &RegimeRule, close: Close<'_>) -> Verdict {
        let Some(track) = self.tracks.get_mut(close.window) else {
            return Verdict::default();
        };
        if close.end <= track.last_end {
            return Verdict::default();
        }
        track.last_end = close.end;
        if close.start < self.since || close.sketch.is_empty() {
            return Verdict::default();
        }
        if close.window == 0 && (self.pool.is_some() || close.sketch.count() < rule.min_samples) {
            let Some(sample) = self.pool(rule, close) else {
                return Verdict::default();
            };
            let pooled = Close { start: sample.start, end: sample.end, sketch: &sample.sketch, ..close };
            return self.judge(rule, pooled);
        }
        self.judge(rule, close)
    }

    /// The values since the regime began, thinned.
    pub fn reference(&self) -> &DdSketch {
        &self.reference
    }

    /// From when on windows are compared with it; [`EventTime::MIN`] before the first shift.
    pub fn since(&self) -> EventTime {
        self.since
    }

    /// A size that is a function of the state alone.
    pub fn logical_bytes(&self) -> usize {
        let sample = |sample: &Sample| sample.sketch.logical_bytes() + 2 * size_of::<EventTime>();
        let tracks = self.tracks.iter().map(|track| {
            let evidence = track
                .candidate
                .as_ref()
                .map_or(0, |candidate| sample(&candidate.first) + candidate.rest.as_ref().map_or(0, sample));
            size_of::<EventTime>() + track.latest.logical_bytes() + evidence
        });
        let pool = self.pool.as_ref().map_or(0, |pool| sample(pool));
        size_of::<Self>() + self.reference.logical_bytes() + pool + tracks.sum::<usize>()
    }

    /// Adds a small close to the pool; gives the pool when it is large enough to be judged.
    fn pool(&mut self, rule: &RegimeRule, close: Close<'_>) -> Option<Box<Sample>> {
        match &mut self.pool {
            None => self.pool = Some(Box::new(Sample::of(close))),
            Some(pool) => {
                pool.extend(close);
            }
        }
        self.pool.take_if(|pool| pool.sketch.count() >= rule.min_samples)
    }

    fn judge(&mut self, rule: &RegimeRule, close: Close<'_>) -> Verdict {
        let compared = self.compare(rule, Against::Reference, close);
        let distance = compared.as_ref().map(|compared| compared.found.distance);
        let Some(excess) = self.worst_excess(rule, close, compared) else {
            self.calm(rule, close);
            return Verdict { distance, shift: None };
        };
        let Some(track) = self.tracks.get_mut(close.window) else {
            return Verdict::default();
        };
        match &mut track.candidate {
            None => track.candidate = Some(Box::new(Candidate::of(close))),
            Some(candidate) => candidate.add(close),
        }
        let full = track.candidate.take_if(|candidate| candidate.closes >= rule.consecutive);
        let shift = full.map(|candidate| self.shift(rule, close.window, &excess, *candidate));
        Verdict { distance, shift: shift.map(Box::new) }
    }

    /// The comparison that exceeds its bound by most, of those beyond the floor.
    fn worst_excess(
        &self,
        rule: &RegimeRule,
        close: Close<'_>,
        with_reference: Option<Comparison>,
    ) -> Option<Comparison> {
        let longer = (close.window + 1..self.tracks.len()).map(Against::Window);
        let with_longer = longer.filter_map(|against| self.compare(rule, against, close));
        let mut worst: Option<Comparison> = None;
        for compared in with_reference.into_iter().chain(with_longer) {
            let exceeds = compared.margin() > 0.0 && compared.found.distance >= rule.min_effect;
            let is_worse = worst.as_ref().is_none_or(|worst| compared.margin() > worst.margin());
            if exceeds && is_worse {
                worst = Some(compared);
            }
        }
        worst
    }

    /// `None` when either sample is too small.
    fn compare(&self, rule: &RegimeRule, against: Against, close: Close<'_>) -> Option<Comparison> {
        let old = self.side(against);
        if old.count().min(close.sketch.count()) < rule.min_samples {
            return None;
        }
        let found = ks::distance(old, close.sketch)?;
        let bound = ks::bound(rule.critical, found.n1, found.n2);
        Some(Comparison { against, found, bound })
    }

    fn side(&self, against: Against) -> &DdSketch {
        match against {
            Against::Reference => &self.reference,
            Against::Window(window) => self.tracks.get(window).map_or(&self.reference, |track| &track.latest),
        }
    }

    /// A close within the bounds: ends its window's run, and becomes what others are compared with,
    /// unless a window that compares with it is in doubt.
    fn calm(&mut self, rule: &RegimeRule, close: Close<'_>) {
        let in_doubt = |tracks: &[Track]| tracks.iter().any(|track| track.candidate.is_some());
        if close.window > 0 {
            let (shorter, rest) = self.tracks.split_at_mut(close.window);
            if let Some(track) = rest.first_mut() {
                track.candidate = None;
                if !in_doubt(shorter) {
                    track.latest = close.sketch.clone();
                }
            }
            return;
        }
        if let Some(track) = self.tracks.first_mut() {
            track.candidate = None;
        }
        if in_doubt(&self.tracks) || close.start < self.fed_until {
            return;
        }
        self.fed_until = close.end;
        self.reference.merge(close.sketch);
        if self.reference.count() > rule.reference_cap {
            self.reference = self.reference.halved();
        }
    }

    /// Discards the old regime and starts the new one with the evidence.
    fn shift(&mut self, rule: &RegimeRule, window: usize, excess: &Comparison, full: Candidate) -> Shift {
        let (closes, since) = (full.closes, full.first.start);
        let evidence = full.into_evidence(rule);
        let before = Quantiles::of(self.side(excess.against));
        let after = Quantiles::of(&evidence.sketch);
        let shift = Shift {
            window,
            against: excess.against,
            distance: excess.found.distance,
            bound: excess.bound,
            min_effect: rule.min_effect,
            side: excess.found.side,
            at: excess.found.at.value(),
            n_before: excess.found.n1,
            n_after: excess.found.n2,
            closes,
            since,
            n_evidence: evidence.sketch.count(),
            before,
            after,
            median_ratio: ratio(after.p50, before.p50),
        };
        self.since = evidence.start;
        self.fed_until = evidence.end;
        self.reference = evidence.sketch;
        self.pool = None;
        for track in &mut self.tracks {
            track.latest = DdSketch::new();
            track.candidate = None;
        }
        shift
    }
}

#[cfg(test)]
mod tests;
