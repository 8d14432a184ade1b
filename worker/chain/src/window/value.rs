//! What a pane or a window holds of the events of one scope: their count, and per metric what its kind keeps.
//!
//! Everything merges exactly and in any order ([`crate::sketch`]), so a window is the same whichever panes it
//! came in. There are two forms: [`Value`], to add and merge into, and the canonical bytes that travel on links
//! and lie in slices and checkpoints. Merging reads the bytes straight into a value; nothing is allocated for
//! cold scopes.
//!
//! ```text
//!  value = count, bit per kept metric that is present, then each present one:
//!    distribution = form, sum, extremes, bins        counter = count        distinct = form, coupons or registers
//! ```

use crate::compile::shape::{Metric, MetricIndex, MetricKind};
use crate::sketch::{DdSketch, FixedSum, Hll, Key, MinMax, Taken};
use crate::wire::{Reader, Snapshot, WireError, Writer};

/// What is kept of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A [`Distribution`].
    Distribution,
    /// A number of events.
    Counter,
    /// A [`Hll`].
    Distinct,
}

/// Which metrics keep something, and where. Ratios and rates keep nothing.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    kept: Vec<Kept>,
    place: Vec<Option<u16>>,
}

impl Layout {
    /// For these metrics.
    pub fn new(metrics: &[Metric]) -> Self {
        let mut layout = Self::default();
        for metric in metrics {
            let kept = match metric.kind {
                MetricKind::Distribution => Some(Kept::Distribution),
                MetricKind::Counter => Some(Kept::Counter),
                MetricKind::Distinct => Some(Kept::Distinct),
                MetricKind::Ratio { .. } | MetricKind::Rate { .. } => None,
            };
            layout.place.push(kept.map(|_| layout.kept.len() as u16));
            layout.kept.extend(kept);
        }
        layout
    }

    /// The kinds, in the order in which they are kept.
    #[inline]
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// Places and the metrics that are kept there.
    pub fn metrics(&self) -> impl Iterator<Item = (usize, MetricIndex)> {
        let kept = self.place.iter().enumerate().filter_map(|(metric, place)| Some((usize::from((*place)?), metric)));
        kept.map(|(place, metric)| (place, MetricIndex(metric as u16)))
    }

    /// Where a metric is kept.
    #[inline]
    pub fn place(&self, metric: MetricIndex) -> Option<usize> {
        self.place.get(usize::from(metric.0)).copied().flatten().map(usize::from)
    }
}

/// What one event says about one metric.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Measure {
    /// Nothing.
    #[default]
    None,
    /// A value of a distribution.
    Number(f64),
    /// The counter's condition is true.
    Event,
    /// A member of a set, by a well mixed hash.
    Member(u64),
}

/// Count, sum, extremes and quantiles of a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Exact sum.
    pub sum: FixedSum,
    /// Exact extremes.
    pub extremes: MinMax,
    /// Quantiles and the number of values.
    pub sketch: DdSketch,
}

/// Forms of the extremes.
const EMPTY: u8 = 0;
const ONE_VALUE: u8 = 1;
const TWO_VALUES: u8 = 2;
/// Added when the sum is a whole number, which is then written in ones, not in units.
const WHOLE_SUM: u8 = 4;
const UNIT_BITS: u32 = 32;

impl Distribution {
    /// Adds a value; a number that is not finite is refused and changes nothing.
    #[inline]
    pub fn add(&mut self, value: f64) -> Taken {
        let taken = self.sketch.add(value);
        if taken != Taken::Rejected {
            self.sum.add(value);
            self.extremes.add(value);
        }
        taken
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.sum.merge(&other.sum);
        self.extremes.merge(&other.extremes);
        self.sketch.merge(&other.sketch);
    }

    /// The quantile, held within the exact extremes.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let (min, max) = (self.extremes.min()?, self.extremes.max()?);
        self.sketch.quantile_within(q, min, max)
    }

    /// The mean.
    pub fn mean(&self) -> Option<f64> {
        let count = self.sketch.count();
        (count > 0).then(|| self.sum.to_f64() / count as f64)
    }

    pub(super) fn save(&self, out: &mut Writer) {
        let units = self.sum.units();
        let whole = units.trailing_zeros() >= UNIT_BITS;
        let (min, max) = (self.extremes.min(), self.extremes.max());
        let form = match (min, max) {
            (Some(min), Some(max)) if min.to_bits() == max.to_bits() => ONE_VALUE,
            (Some(_), Some(_)) => TWO_VALUES,
            _ => EMPTY,
        };
        out.u8(form | if whole { WHOLE_SUM } else { 0 });
        match whole {
            true => FixedSum::from_units(units >> UNIT_BITS).save(out),
            false => self.sum.save(out),
        }
        if let Some(min) = min.filter(|_| form != EMPTY) {
            out.f64(min);
        }
        if let Some(max) = max.filter(|_| form == TWO_VALUES) {
            out.f64(max);
        }
        save_bins(&self.sketch, out);
    }

    pub(super) fn merge_bytes(&mut self, input: &mut Reader<'_>) -> Result<(), WireError> {
        let form = input.u8()?;
        let sum = FixedSum::load(input)?;
        let sum = if form & WHOLE_SUM != 0 { FixedSum::from_units(sum.units() << UNIT_BITS) } else { sum };
        self.sum.merge(&sum);
        let extremes = match form & !WHOLE_SUM {
            EMPTY => 0,
            ONE_VALUE => 1,
            TWO_VALUES => 2,
            other => return Err(input.invalid("form of a distribution", u64::from(other))),
        };
        for _ in 0..extremes {
            if self.extremes.add(input.f64()?) == Taken::Rejected {
                return Err(input.invalid("extreme of a distribution", 0));
            }
        }
        merge_bins(&mut self.sketch, input)
    }
}

/// Number of bins, then per bin the gap to the one before it and its count. As [`DdSketch`]'s own form, which
/// can only be read into a sketch of its own.
fn save_bins(sketch: &DdSketch, out: &mut Writer) {
    let bins = sketch.bins();
    out.varint(bins.clone().count() as u64);
    let mut next = i32::from(Key::MIN.raw());
    for (index, (key, count)) in bins.enumerate() {
        let raw = i32::from(key.raw());
        // The first bin is written from the middle of the keys: most values are positive.
        let gap = if index == 0 { zigzag(raw) } else { (raw - next) as u64 };
        out.varint(gap << 1 | u64::from(count > 1));
        if count > 1 {
            out.varint(count - 2);
        }
        next = raw + 1;
    }
}

fn merge_bins(sketch: &mut DdSketch, input: &mut Reader<'_>) -> Result<(), WireError> {
    let bins = input.count()?;
    let mut next = 0i64;
    for index in 0..bins {
        let token = input.varint()?;
        let gap = token >> 1;
        let raw = if index == 0 { unzigzag(gap) } else { next.saturating_add_unsigned(gap) };
        let key = i16::try_from(raw).ok().and_then(Key::from_raw);
        let key = key.ok_or_else(|| input.invalid("bin of a quantile sketch", gap))?;
        let count = if token & 1 == 1 { input.varint()?.saturating_add(2) } else { 1 };
        sketch.add_keys(key, count);
        next = raw + 1;
    }
    Ok(())
}

fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)) as u32)
}

fn unzigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

/// What is kept of one metric, to add to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accumulator {
    /// Of a distribution.
    Distribution(Distribution),
    /// Of a counter.
    Counter(u64),
    /// Of a set.
    Distinct(Hll),
}

impl Accumulator {
    fn new(kept: Kept) -> Self {
        match kept {
            Kept::Distribution => Self::Distribution(Distribution::default()),
            Kept::Counter => Self::Counter(0),
            Kept::Distinct => Self::Distinct(Hll::new()),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Distribution(distribution) => distribution.sketch.is_empty(),
            Self::Counter(count) => *count == 0,
            Self::Distinct(set) => set.is_empty(),
        }
    }

    /// Adds what an event says; a measure of another kind is refused.
    #[inline]
    pub fn add(&mut self, measure: Measure) -> Taken {
        match (self, measure) {
            (_, Measure::None) => Taken::Whole,
            (Self::Distribution(distribution), Measure::Number(value)) => distribution.add(value),
            (Self::Counter(count), Measure::Event) => {
                *count = count.saturating_add(1);
                Taken::Whole
            }
            (Self::Distinct(set), Measure::Member(hash)) => {
                set.add(hash);
                Taken::Whole
            }
            _ => Taken::Rejected,
        }
    }

    /// Adds all of `other`, which must be of the same kind.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Distribution(mine), Self::Distribution(theirs)) => mine.merge(theirs),
            (Self::Counter(mine), Self::Counter(theirs)) => *mine = mine.saturating_add(*theirs),
            (Self::Distinct(mine), Self::Distinct(theirs)) => mine.merge(theirs),
            _ => debug_assert!(false, "accumulators of different kinds"),
        }
    }

    fn save(&self, out: &mut Writer) {
        match self {
            Self::Distribution(distribution) => distribution.save(out),
            Self::Counter(count) => out.varint(*count),
            Self::Distinct(set) => set.save(out),
        }
    }

    fn merge_bytes(&mut self, input: &mut Reader<'_>) -> Result<(), WireError> {
        match self {
            Self::Distribution(distribution) => distribution.merge_bytes(input)?,
            Self::Counter(count) => *count = count.saturating_add(input.varint()?),
            Self::Distinct(set) => set.merge(&Hll::load(input)?),
        }
        Ok(())
    }
}

/// The events of one scope in a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Value {
    /// Number of events.
    pub count: u64,
    /// In the order of [`Layout::kept`].
    pub metrics: Vec<Accumulator>,
}

impl Value {
    /// Of no events.
    pub fn new(layout: &Layout) -> Self {
        Self { count: 0, metrics: layout.kept.iter().copied().map(Accumulator::new).collect() }
    }

    /// Back to no events, keeping the memory of the list.
    pub fn clear(&mut self, layout: &Layout) {
        self.count = 0;
        self.metrics.clear();
        self.metrics.extend(layout.kept.iter().copied().map(Accumulator::new));
    }

    /// Adds one event.
    pub fn add(&mut self, measures: impl IntoIterator<Item = Measure>) {
        self.count = self.count.saturating_add(1);
        for (metric, measure) in self.metrics.iter_mut().zip(measures) {
            metric.add(measure);
        }
    }

    /// Whether bytes are exactly a value of this layout. Its own content is lost.
    ///
    /// # Errors
    /// [`WireError`] when they are not.
    pub fn check(&mut self, layout: &Layout, bytes: &[u8]) -> Result<(), WireError> {
        self.clear(layout);
        let mut input = Reader::new(bytes);
        self.merge_bytes(&mut input)?;
        input.finish()
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        for (mine, theirs) in self.metrics.iter_mut().zip(&other.metrics) {
            mine.merge(theirs);
        }
    }

    /// Appends the canonical bytes.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.count);
        save_metrics(self.metrics.iter(), out);
    }

    /// Adds what [`Value::save`] wrote, straight from the bytes.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a value of this layout; the value is then of no use.
    #[inline]
    pub fn merge_bytes(&mut self, input: &mut Reader<'_>) -> Result<(), WireError> {
        self.count = self.count.saturating_add(input.varint()?);
        let mut present = Presence::load(input, self.metrics.len())?;
        for metric in &mut self.metrics {
            if present.next() {
                metric.merge_bytes(input)?;
            }
        }
        Ok(())
    }

    /// Reads what [`Value::save`] wrote.
    ///
    /// # Errors
    /// As [`Value::merge_bytes`].
    pub fn load(layout: &Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut value = Self::new(layout);
        value.merge_bytes(input)?;
        Ok(value)
    }

    /// The distribution of a metric.
    pub fn distribution(&self, place: usize) -> Option<&Distribution> {
        match self.metrics.get(place)? {
            Accumulator::Distribution(distribution) => Some(distribution),
            _ => None,
        }
    }
}

/// Appends which of the metrics hold something, and those.
fn save_metrics<'a>(metrics: impl Iterator<Item = &'a Accumulator> + Clone, out: &mut Writer) {
    save_presence(metrics.clone().map(|metric| !metric.is_empty()), out);
    for metric in metrics.filter(|metric| !metric.is_empty()) {
        metric.save(out);
    }
}

/// Appends a bit per metric, eight to a byte.
pub(crate) fn save_presence(present: impl Iterator<Item = bool>, out: &mut Writer) {
    let (mut byte, mut bits) = (0u8, 0);
    for present in present {
        byte |= u8::from(present) << bits;
        bits += 1;
        if bits == 8 {
            out.u8(byte);
            (byte, bits) = (0, 0);
        }
    }
    if bits > 0 {
        out.u8(byte);
    }
}

/// The bits of [`save_presence`].
pub(crate) struct Presence<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Presence<'a> {
    pub(crate) fn load(input: &mut Reader<'a>, metrics: usize) -> Result<Self, WireError> {
        Ok(Self { bytes: input.take(metrics.div_ceil(8))?, at: 0 })
    }

    #[inline]
    pub(crate) fn next(&mut self) -> bool {
        let bit = self.bytes.get(self.at / 8).is_some_and(|byte| byte >> (self.at % 8) & 1 == 1);
        self.at += 1;
        bit
    }
}
