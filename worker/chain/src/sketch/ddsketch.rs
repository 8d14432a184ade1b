//! DDSketch: quantiles with 1 % relative error, from bins that merge exactly.
//!
//! Source: Masson, Rim, Lee, VLDB 2019 (see [`Key`] for the map from values to bins). The sketch is
//! the multiset of the keys of its values and nothing else. It has no bound on the number of bins to
//! collapse at, because there are only 6,515 keys; so it keeps the bound at every quantile, and
//! merging is the addition of counts.
//!
//! Counts are 64-bit and saturate.

use super::Taken;
use super::cells::{Cell, Cells, Dense, with_cells};
use super::key::Key;
use super::store::{BinList, INLINE, Store, merge_bins, sorted, unpack};
use crate::wire::{Reader, Snapshot, WireError, Writer};

/// A quantile sketch: 40 bytes for up to 16 values, beyond them some heap.
///
/// Equality and the saved bytes are functions of the keys of the values alone.
#[derive(Debug, Clone)]
pub struct DdSketch {
    store: Store,
}

/// How many keys there are.
const KEYS: usize = 2 * Key::MAX.raw() as usize + 1;

const _: () = assert!(size_of::<DdSketch>() <= 40);

impl Default for DdSketch {
    fn default() -> Self {
        Self::new()
    }
}

impl DdSketch {
    /// The sketch of no values.
    pub const fn new() -> Self {
        Self { store: Store::EMPTY }
    }

    /// Adds a value. See [`Key`] for what is [`Taken::Clamped`].
    #[inline]
    pub fn add(&mut self, value: f64) -> Taken {
        let Some(key) = Key::of(value) else {
            return Taken::Rejected;
        };
        self.add_key(key);
        if key.is_clamped() { Taken::Clamped } else { Taken::Whole }
    }

    /// Adds the key of a value: for a value that goes to several sketches.
    #[inline]
    pub fn add_key(&mut self, key: Key) {
        let raw = key.raw();
        match &mut self.store {
            Store::Inline { len, keys } => {
                if let Some(free) = keys.get_mut(usize::from(*len)) {
                    *free = raw;
                    *len += 1;
                    return;
                }
            }
            Store::Dense(dense) => {
                let index = dense.index(raw);
                if let Cells::U8(cells) = &mut dense.cells
                    && let Some(cell) = cells.get_mut(index)
                    && *cell < u8::MAX
                {
                    *cell += 1;
                    return;
                }
            }
            Store::Sparse(_) => {}
        }
        self.store.add(raw, 1);
    }

    /// Adds `n` values of one key.
    pub fn add_keys(&mut self, key: Key, n: u64) {
        self.store.add(key.raw(), n);
    }

    /// Adds all values of `other`.
    pub fn merge(&mut self, other: &DdSketch) {
        self.store.merge(&other.store);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        match &self.store {
            Store::Inline { len, .. } => u64::from(*len),
            Store::Sparse(entries) => entries.iter().map(|entry| unpack(*entry).1).sum(),
            Store::Dense(dense) => with_cells!(&dense.cells, cells => Cell::total(cells)),
        }
    }

    /// True when there are no values.
    pub fn is_empty(&self) -> bool {
        match &self.store {
            Store::Inline { len, .. } => *len == 0,
            Store::Sparse(_) | Store::Dense(_) => false,
        }
    }

    /// Number of values outside the range of the bins (beyond 9.2e18 or within 9.3e-10 of zero, but
    /// not zero): they keep their rank and not the 1 % bound.
    pub fn clamped(&self) -> u64 {
        self.sum_where(Key::is_clamped)
    }

    /// The `q` quantile: a value within 1 % of the value at rank `floor(q (n - 1))`, counted from 0 in
    /// ascending order (the "lower" quantile of the DDSketch paper; `method='lower'` in numpy).
    /// `None` for the empty sketch. `q` is held within 0 and 1; NaN counts as 0.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.quantile_key(q).map(Key::value)
    }

    /// As [`DdSketch::quantile`], held within the exact extremes, where the caller knows them. A
    /// sketch of equal values then gives that very value.
    pub fn quantile_within(&self, q: f64, min: f64, max: f64) -> Option<f64> {
        self.quantile(q).map(|value| {
            if value < min {
                min
            } else if value > max {
                max
            } else {
                value
            }
        })
    }

    /// The bin of the `q` quantile.
    pub fn quantile_key(&self, q: f64) -> Option<Key> {
        let last = self.count().checked_sub(1)?;
        // A positive float becomes an integer by cutting off; NaN becomes 0.
        self.key_at((q.clamp(0.0, 1.0) * last as f64) as u64)
    }

    /// The bin of the value at `rank`, counted from 0 in ascending order; `None` beyond the last.
    pub fn key_at(&self, rank: u64) -> Option<Key> {
        let count = self.count();
        let from_end = count.checked_sub(rank)?.checked_sub(1)?;
        // From the nearer end; from the front when the count itself has saturated.
        let forward = rank <= from_end || count == u64::MAX;
        let raw = match &self.store {
            Store::Inline { len, keys } => sorted(*len, keys).get(rank as usize).copied(),
            Store::Sparse(entries) => {
                let bins = entries.iter().map(|entry| unpack(*entry));
                if forward { seek(bins, rank) } else { seek(bins.rev(), from_end) }
            }
            Store::Dense(Dense { base, cells }) => with_cells!(cells, cells => {
                let bins = cells.iter().enumerate().map(|(at, cell)| (base + at as i16, cell.get()));
                if forward { seek(bins, rank) } else { seek(bins.rev(), from_end) }
            }),
        };
        raw.map(Key::trusted)
    }

    /// Number of values in bins above `key`.
    pub fn count_above(&self, key: Key) -> u64 {
        self.sum_where(|bin| bin > key)
    }

    fn sum_where(&self, wanted: impl Fn(Key) -> bool) -> u64 {
        let counts = self.bins().filter(|(key, _)| wanted(*key)).map(|(_, count)| count);
        counts.fold(0, u64::saturating_add)
    }

    /// The bins that hold values, ascending, with the number of values in each.
    pub fn bins(&self) -> Bins<'_> {
        Bins(match &self.store {
            Store::Inline { len, keys } => Form::Inline { keys: sorted(*len, keys), at: 0, end: *len },
            Store::Sparse(entries) => Form::Sparse(entries.iter()),
            Store::Dense(dense) => Form::Dense { dense, at: 0 },
        })
    }

    /// [`DdSketch::bins`] as a list of raw keys and counts, which is faster to walk.
    pub(crate) fn bin_list(&self) -> BinList {
        self.store.bins()
    }

    /// The sketch of every second value in ascending order (the second, the fourth, ...). Its
    /// distribution differs from this one's by at most `1 / count` at any point.
    pub fn halved(&self) -> DdSketch {
        let mut bins = BinList::new();
        let mut below = 0u64;
        for (key, count) in self.bins() {
            let upto = below.saturating_add(count);
            let kept = upto / 2 - below / 2;
            if kept > 0 {
                bins.push((key.raw(), kept));
            }
            below = upto;
        }
        DdSketch { store: Store::from_bins(&bins) }
    }

    /// Bytes on the heap now, for reports. It depends on how the sketch came about, so nothing that is
    /// emitted may follow from it; [`DdSketch::logical_bytes`] is for that.
    pub fn heap_bytes(&self) -> usize {
        self.store.heap_bytes()
    }

    /// A size that is a function of the values alone: 40 bytes, and 4 for each bin beyond 16 values.
    pub fn logical_bytes(&self) -> usize {
        let bins = match &self.store {
            Store::Inline { .. } => 0,
            Store::Sparse(_) | Store::Dense(_) => self.store.bin_count(),
        };
        size_of::<Self>() + bins * size_of::<u32>()
    }
}

/// The key at which the running count passes `rank`.
fn seek(bins: impl Iterator<Item = (i16, u64)>, mut rank: u64) -> Option<i16> {
    for (key, count) in bins {
        if rank < count {
            return Some(key);
        }
        rank -= count;
    }
    None
}

impl PartialEq for DdSketch {
    fn eq(&self, other: &Self) -> bool {
        self.bins().eq(other.bins())
    }
}

impl Eq for DdSketch {}

impl Extend<f64> for DdSketch {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        for value in values {
            self.add(value);
        }
    }
}

impl FromIterator<f64> for DdSketch {
    /// The sketch of the values; those that are not finite are left out.
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut sketch = DdSketch::new();
        sketch.extend(values);
        sketch
    }
}

/// See [`DdSketch::bins`].
#[derive(Debug, Clone)]
pub struct Bins<'a>(Form<'a>);

#[derive(Debug, Clone)]
enum Form<'a> {
    Inline { keys: [i16; INLINE], at: u8, end: u8 },
    Sparse(std::slice::Iter<'a, u32>),
    Dense { dense: &'a Dense, at: usize },
}

impl Iterator for Bins<'_> {
    type Item = (Key, u64);

    fn next(&mut self) -> Option<Self::Item> {
        let (raw, count) = match &mut self.0 {
            Form::Inline { keys, at, end } => {
                let run = &keys[usize::from(*at)..usize::from(*end)];
                let first = *run.first()?;
                let count = run.iter().take_while(|key| **key == first).count();
                *at += count as u8;
                (first, count as u64)
            }
            Form::Sparse(entries) => unpack(*entries.next()?),
            Form::Dense { dense, at } => with_cells!(&dense.cells, cells => {
                let skipped = cells.get(*at..)?.iter().position(|cell| *cell != 0)?;
                let index = *at + skipped;
                *at = index + 1;
                (dense.base + index as i16, cells[index].get())
            }),
        };
        Some((Key::trusted(raw), count))
    }
}

/// Saved: number of bins, then for each bin its key (the first zigzag, the others as the gap to the
/// one before, less one) shifted left by one, the low bit telling that a count follows, and the count
/// less two. A lone value in a nearby bin takes one byte.
impl Snapshot for DdSketch {
    fn save(&self, out: &mut Writer) {
        let bins = self.store.bins();
        out.varint(bins.len() as u64);
        let mut previous: Option<i16> = None;
        for (raw, count) in bins {
            let step = match previous {
                None => u64::from((raw << 1 ^ raw >> 15) as u16),
                Some(previous) => (i32::from(raw) - i32::from(previous) - 1) as u64,
            };
            out.varint(step << 1 | u64::from(count > 1));
            if count > 1 {
                out.varint(count - 2);
            }
            previous = Some(raw);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let len = input.count()?;
        // At most as long as the input, and as there are keys.
        let mut bins = BinList::with_capacity(len.min(KEYS));
        for _ in 0..len {
            let token = input.varint()?;
            let step = token >> 1;
            let raw = match bins.last() {
                None => (step >> 1) as i64 ^ -((step & 1) as i64),
                Some((previous, _)) => (i64::from(*previous) + 1).saturating_add(step as i64),
            };
            let key = i16::try_from(raw).ok().and_then(Key::from_raw);
            let key = key.ok_or_else(|| input.invalid("bin of a quantile sketch", step))?;
            let count = if token & 1 == 1 { input.varint()?.checked_add(2) } else { Some(1) };
            let count = count.ok_or_else(|| input.invalid("count of a bin", u64::MAX))?;
            bins.push((key.raw(), count));
        }
        Ok(DdSketch { store: Store::from_bins(&bins) })
    }
}

/// The sketch of many sketches, without the cost of growing step by step.
impl<'a> FromIterator<&'a DdSketch> for DdSketch {
    fn from_iter<T: IntoIterator<Item = &'a DdSketch>>(sketches: T) -> Self {
        let mut sum = DdSketch::new();
        for sketch in sketches {
            sum.merge(sketch);
        }
        sum
    }
}

impl DdSketch {
    /// The sketch of both, leaving both as they are.
    pub fn merged(&self, other: &DdSketch) -> DdSketch {
        DdSketch { store: Store::from_bins(&merge_bins(&self.store.bins(), &other.store.bins())) }
    }
}
