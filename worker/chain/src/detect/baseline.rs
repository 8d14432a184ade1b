//! Common baseline: what most siblings have in common, and who leaves it.
//!
//! For each sibling scope an interval that holds its true quantile with the chosen confidence; the
//! largest set of intervals with a common point is the baseline; who is outside, by enough and with
//! enough certainty, is anomalous.
//!
//! ```text
//!   a   ├───┤
//!   b    ├────┤              the point in most intervals (weighted by values): the baseline
//!   c  ├──┤
//!   d               ├─┤      outside: anomalous, above, if the test and the ratio agree
//!          ▲
//! ```
//!
//! 1. **Interval.** The ranks `n q ± z sqrt(n q (1 - q))`, rounded up, give two order statistics
//!    between which the quantile lies (Conover, Practical Nonparametric Statistics, 3.2), mapped to
//!    bins. Beyond the first or last value it is open. Each interval is widened by half of the ratio
//!    that matters, so that scopes within that ratio of each other count as equal however many values
//!    they have.
//! 2. **Largest common set.** Intervals with a common point pairwise have one in common together, so
//!    the largest set is found by a sweep over the ends. A sibling weighs as many values as it has, at
//!    most four times the median sibling, so that one busy scope does not outvote the others. It is a
//!    baseline when it has at least two members and more than half of the weight; else there is
//!    nothing in common, and nothing is anomalous.
//! 3. **Test.** On the side where a sibling's quantile lies, a share `p` of the baseline's values is
//!    beyond the baseline's quantile, and `x` of the sibling's `n` values are. The p-value is twice the
//!    probability of `x` or more in a binomial distribution (exact to a million values, then normal with
//!    continuity correction). `p` counts one value more than there is, so that a small baseline with
//!    none beyond does not make the first such value a certainty. All siblings' p-values are corrected
//!    together (Benjamini–Hochberg).
//!
//! With 84 % intervals two that do not touch differ at about .05.
//!
//! The result is in the order of the input and does not depend on it otherwise: a permutation of the
//! siblings gives the same verdict for each.

use crate::sketch::{DdSketch, Key};

use super::stats::{benjamini_hochberg, binomial_at_least, normal_half_width};
use super::{Side, ratio};

/// A sibling weighs at most this many times the median sibling.
const WEIGHT_CAP: u64 = 4;

/// Fewest members of a baseline.
const MEMBERS_MIN: usize = 2;

/// What siblings are judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct BaselineRule {
    quantile: f64,
    half_width: f64,
    false_discovery: f64,
    min_samples: u64,
    min_ratio: f64,
    /// Bins by which an interval is widened on each side.
    widening: i32,
}

impl BaselineRule {
    /// A rule for one quantile (0 to 1). `confidence` is that of each interval, e.g. .84;
    /// `false_discovery` the accepted share of false anomalies among all; siblings with fewer than
    /// `min_samples` values do not take part; ratios below `min_ratio` (at least 1) do not matter.
    pub fn new(quantile: f64, confidence: f64, false_discovery: f64, min_samples: u64, min_ratio: f64) -> Self {
        let min_ratio = min_ratio.max(1.0);
        // A bin is a factor of e^(1/50) at most, so this is half of the ratio or less.
        let widening = (25.0 * libm::log(min_ratio)).min(10_000.0) as i32;
        Self {
            quantile: quantile.clamp(0.0, 1.0),
            half_width: normal_half_width(confidence),
            false_discovery,
            min_samples: min_samples.max(1),
            min_ratio,
            widening,
        }
    }
}

/// What siblings have in common.
#[derive(Debug, Clone, PartialEq)]
pub enum Common {
    /// Fewer than two siblings have enough values.
    TooFew {
        /// Those that have.
        eligible: usize,
    },
    /// The largest common set is too small to be a baseline.
    Nothing {
        /// Siblings with enough values.
        eligible: usize,
        /// Members of the largest set.
        largest: usize,
    },
    /// There is a baseline.
    Found(Box<Baseline>),
}

/// The common baseline and where each sibling stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// All values of the members.
    pub sketch: DdSketch,
    /// Their number.
    pub n: u64,
    /// Number of members.
    pub members: usize,
    /// The quantile of the baseline.
    pub value: f64,
    /// Confidence interval of the quantile.
    pub interval: Interval,
    /// One for each sibling, in the order of the input.
    pub scopes: Vec<ScopeVerdict>,
}

impl Baseline {
    /// The anomalous siblings: index, side, numbers.
    pub fn anomalies(&self) -> impl Iterator<Item = (usize, Side, &ScopeNumbers)> {
        self.scopes.iter().enumerate().filter_map(|(index, verdict)| match verdict {
            ScopeVerdict::Anomalous(side, numbers) => Some((index, *side, numbers)),
            _ => None,
        })
    }
}

/// Where a sibling stands.
#[derive(Debug, Clone, PartialEq)]
pub enum ScopeVerdict {
    /// It has too few values to be judged.
    TooFew {
        /// Its values.
        n: u64,
    },
    /// It belongs to the baseline.
    Member(ScopeNumbers),
    /// It is not in the baseline, and not far or not certainly enough outside.
    Outside(ScopeNumbers),
    /// It is outside the baseline.
    Anomalous(Side, ScopeNumbers),
}

impl ScopeVerdict {
    /// The numbers, where there were enough values.
    pub fn numbers(&self) -> Option<&ScopeNumbers> {
        match self {
            Self::TooFew { .. } => None,
            Self::Member(numbers) | Self::Outside(numbers) | Self::Anomalous(_, numbers) => Some(numbers),
        }
    }
}

/// The numbers behind a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeNumbers {
    /// Values.
    pub n: u64,
    /// The quantile.
    pub value: f64,
    /// Its confidence interval.
    pub interval: Interval,
    /// The quantile by the baseline's; none when one is zero or their signs differ.
    pub ratio: Option<f64>,
    /// Values beyond the baseline's quantile, on the side where the scope's own quantile lies (above,
    /// when they are equal).
    pub beyond: u64,
    /// How many were to be expected, from the baseline's share.
    pub expected: f64,
    /// p-value of that number.
    pub p_value: f64,
    /// p-value corrected for the number of siblings.
    pub adjusted: f64,
}

/// A confidence interval of a quantile, in values. Open ends are none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// An interval in bins; open ends are the least and the greatest key.
#[derive(Debug, Clone, Copy)]
struct KeyInterval {
    low: Key,
    high: Key,
}

/// A sibling with enough values.
struct Eligible<'a> {
    index: usize,
    sketch: &'a DdSketch,
    n: u64,
    interval: KeyInterval,
}

/// Finds what the siblings have in common, and who leaves it.
pub fn find(rule: &BaselineRule, siblings: &[&DdSketch]) -> Common {
    let eligible = eligible(rule, siblings);
    if eligible.len() < MEMBERS_MIN {
        return Common::TooFew { eligible: eligible.len() };
    }
    let weights = weights(&eligible);
    let widened: Vec<KeyInterval> = eligible.iter().map(|scope| scope.interval.widened(rule.widening)).collect();
    let point = most_common_point(&widened, &weights);
    let is_member: Vec<bool> = widened.iter().map(|interval| interval.holds(point)).collect();

    let members = is_member.iter().filter(|member| **member).count();
    let weight_of_members: u64 =
        weights.iter().zip(&is_member).map(|(weight, member)| if *member { *weight } else { 0 }).sum();
    if members < MEMBERS_MIN || 2 * weight_of_members <= weights.iter().sum() {
        return Common::Nothing { eligible: eligible.len(), largest: members };
    }
    let of_members = eligible.iter().zip(&is_member).filter(|(_, member)| **member);
    let sketch: DdSketch = of_members.map(|(scope, _)| scope.sketch).collect();
    match judge(rule, siblings, &eligible, &is_member, sketch) {
        Some(baseline) => Common::Found(Box::new(baseline)),
        None => Common::Nothing { eligible: eligible.len(), largest: members },
    }
}

fn eligible<'a>(rule: &BaselineRule, siblings: &[&'a DdSketch]) -> Vec<Eligible<'a>> {
    let scopes = siblings.iter().enumerate().map(|(index, sketch)| {
        let n = sketch.count();
        Eligible { index, sketch, n, interval: rank_interval(rule, sketch, n) }
    });
    scopes.filter(|scope| scope.n >= rule.min_samples).collect()
}

/// The order statistics between which the quantile lies.
fn rank_interval(rule: &BaselineRule, sketch: &DdSketch, n: u64) -> KeyInterval {
    let (count, q) = (n as f64, rule.quantile);
    let reach = rule.half_width * (count * q * (1.0 - q)).sqrt();
    // Order statistics are counted from 1, ranks from 0.
    let at = |order: f64| {
        if order < 1.0 { None } else { sketch.key_at(order as u64 - 1) }
    };
    KeyInterval {
        low: at((count * q - reach).ceil()).unwrap_or(Key::MIN),
        high: at((count * q + reach).ceil().max(1.0)).unwrap_or(Key::MAX),
    }
}

/// Values, held below a multiple of the median, so that the sum stays small enough for 64 bits.
fn weights(eligible: &[Eligible<'_>]) -> Vec<u64> {
    let mut sizes: Vec<u64> = eligible.iter().map(|scope| scope.n.min(u64::from(u32::MAX))).collect();
    let middle = (sizes.len() - 1) / 2;
    let median = *sizes.clone().select_nth_unstable(middle).1;
    for size in &mut sizes {
        *size = (*size).min(WEIGHT_CAP * median);
    }
    sizes
}

/// The point in the intervals of greatest weight together; at equal weight in most intervals, then the
/// least such point.
fn most_common_point(intervals: &[KeyInterval], weights: &[u64]) -> Key {
    // Intervals are closed: at one point, those that begin come before those that end.
    let mut ends: Vec<(Key, bool, u64)> = Vec::with_capacity(2 * intervals.len());
    for (interval, weight) in intervals.iter().zip(weights) {
        ends.push((interval.low, false, *weight));
        ends.push((interval.high, true, *weight));
    }
    ends.sort_unstable();
    let (mut weight_here, mut count_here) = (0u64, 0usize);
    let (mut best, mut point) = ((0, 0), Key::MIN);
    for (key, is_end, weight) in ends {
        if is_end {
            weight_here -= weight;
            count_here -= 1;
            continue;
        }
        weight_here += weight;
        count_here += 1;
        if (weight_here, count_here) > best {
            best = (weight_here, count_here);
            point = key;
        }
    }
    point
}

/// Compares every sibling with the baseline; `None` when the baseline is empty.
fn judge(
    rule: &BaselineRule,
    siblings: &[&DdSketch],
    eligible: &[Eligible<'_>],
    is_member: &[bool],
    sketch: DdSketch,
) -> Option<Baseline> {
    let n = sketch.count();
    let key = sketch.quantile_key(rule.quantile)?;
    let value = key.value();
    let mut numbers = eligible.iter().map(|scope| test(rule, &sketch, key, scope)).collect::<Option<Vec<_>>>()?;
    let p_values: Vec<f64> = numbers.iter().map(|numbers| numbers.p_value).collect();
    for (numbers, adjusted) in numbers.iter_mut().zip(benjamini_hochberg(&p_values)) {
        numbers.adjusted = adjusted;
    }

    let mut scopes: Vec<ScopeVerdict> =
        siblings.iter().map(|sketch| ScopeVerdict::TooFew { n: sketch.count() }).collect();
    let judged = eligible.iter().zip(is_member).zip(numbers);
    for ((scope, is_member), numbers) in judged {
        scopes[scope.index] = verdict(rule, *is_member, value, numbers);
    }
    Some(Baseline {
        n,
        members: is_member.iter().filter(|member| **member).count(),
        value,
        interval: rank_interval(rule, &sketch, n).values(),
        scopes,
        sketch,
    })
}

/// The numbers of one sibling against the baseline, whose quantile is `base`. The adjusted p-value is
/// not yet adjusted.
fn test(rule: &BaselineRule, baseline: &DdSketch, base: Key, scope: &Eligible<'_>) -> Option<ScopeNumbers> {
    let own = scope.sketch.quantile_key(rule.quantile)?;
    let is_below = own < base;
    let beyond = |sketch: &DdSketch| {
        if is_below { sketch.count() - sketch.count_above(base.offset(-1)) } else { sketch.count_above(base) }
    };
    let (n, beyond_base, beyond_own) = (baseline.count() as f64, beyond(baseline) as f64, beyond(scope.sketch));
    let tail = binomial_at_least(scope.n, beyond_own, (beyond_base + 1.0) / (n + 1.0));
    let p_value = if own == base { 1.0 } else { (2.0 * tail).min(1.0) };
    Some(ScopeNumbers {
        n: scope.n,
        value: own.value(),
        interval: scope.interval.values(),
        ratio: ratio(own.value(), base.value()),
        beyond: beyond_own,
        expected: beyond_base / n * scope.n as f64,
        p_value,
        adjusted: p_value,
    })
}

fn verdict(rule: &BaselineRule, is_member: bool, base: f64, numbers: ScopeNumbers) -> ScopeVerdict {
    if is_member {
        return ScopeVerdict::Member(numbers);
    }
    // Where there is no ratio (zero on one side, or two signs), any difference matters.
    let matters = numbers.ratio.is_none_or(|ratio| ratio >= rule.min_ratio || ratio <= 1.0 / rule.min_ratio);
    if !matters || numbers.value == base || numbers.adjusted > rule.false_discovery {
        return ScopeVerdict::Outside(numbers);
    }
    let side = if numbers.value > base { Side::Above } else { Side::Below };
    ScopeVerdict::Anomalous(side, numbers)
}

impl KeyInterval {
    /// Open ends stay open.
    fn widened(self, bins: i32) -> Self {
        Self { low: self.low.offset(-bins), high: self.high.offset(bins) }
    }

    fn holds(self, point: Key) -> bool {
        self.low <= point && point <= self.high
    }

    fn values(self) -> Interval {
        Interval {
            low: (self.low > Key::MIN).then(|| self.low.value()),
            high: (self.high < Key::MAX).then(|| self.high.value()),
        }
    }
}

#[cfg(test)]
mod tests;
