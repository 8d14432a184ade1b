//! The bins of a [`DdSketch`](super::DdSketch) in memory.
//!
//! Three forms, chosen by what is smallest. They are a matter of memory alone: two stores with the
//! same bins are the same sketch, whatever their forms.
//!
//! ```text
//!  Inline   up to 16 keys as they came, no heap
//!    │ 17th value
//!    ├──────────► Sparse   sorted u32: 13 bits key, 19 bits count    few bins far apart
//!    │               ⇅    whichever takes fewer bytes, looked at when the memory has to grow
//!    └──────────► Dense    one cell per key of a range, u8 to u64    many bins side by side
//! ```
//!
//! A store never takes more than one cell of the needed width for each of the 6,515 keys, plus an
//! eighth of slack.

use super::cells::{Cells, Dense, add_cells, width, with_cells};
use super::key::Key;
use smallvec::SmallVec;

/// Values kept inline.
pub(super) const INLINE: usize = 16;

/// Bits of a sparse entry that hold the count.
const COUNT_BITS: u32 = 19;
/// The greatest count of a sparse entry.
const COUNT_MAX: u32 = (1 << COUNT_BITS) - 1;
/// Added to a key to make it a sparse entry's high bits.
const KEY_OFFSET: i32 = 4096;

/// Keys and their counts, ascending, no count zero.
pub(crate) type BinList = SmallVec<[(i16, u64); 32]>;

#[derive(Debug, Clone)]
pub(super) enum Store {
    /// The first keys, in the order in which they came.
    Inline { len: u8, keys: [i16; INLINE] },
    /// Packed entries, ascending by key.
    Sparse(Vec<u32>),
    /// A cell for each key from `base` on.
    Dense(Dense),
}

#[inline]
fn pack(key: i16, count: u32) -> u32 {
    (((i32::from(key) + KEY_OFFSET) as u32) << COUNT_BITS) | count
}

/// The key and the count of a sparse entry.
#[inline]
pub(super) fn unpack(entry: u32) -> (i16, u64) {
    (((entry >> COUNT_BITS) as i32 - KEY_OFFSET) as i16, u64::from(entry & COUNT_MAX))
}

impl Store {
    pub(super) const EMPTY: Store = Store::Inline { len: 0, keys: [0; INLINE] };

    /// The smallest store of these bins.
    pub(super) fn from_bins(bins: &[(i16, u64)]) -> Self {
        let total = bins.iter().fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
        if total > INLINE as u64 {
            return layout(bins, false);
        }
        let mut store = Store::EMPTY;
        for (key, count) in bins {
            store.add(*key, *count);
        }
        store
    }

    /// Adds `n` values of one key.
    #[inline]
    pub(super) fn add(&mut self, key: i16, n: u64) {
        let done = match self {
            Store::Inline { len, keys } => add_inline(len, keys, key, n),
            Store::Sparse(entries) => add_sparse(entries, key, n),
            Store::Dense(dense) => dense.add(key, n),
        };
        if !done {
            self.reshape_with(key, n);
        }
    }

    /// Adds what the present form has no room for, in the form that fits the result.
    #[cold]
    fn reshape_with(&mut self, key: i16, n: u64) {
        if n == 0 {
            return;
        }
        let mut bins = self.bins();
        match bins.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(at) => bins[at].1 = bins[at].1.saturating_add(n),
            Err(at) => bins.insert(at, (key, n)),
        }
        *self = layout(&bins, matches!(self, Store::Dense(_)));
    }

    /// Number of bins.
    pub(super) fn bin_count(&self) -> usize {
        match self {
            Store::Inline { .. } => self.bins().len(),
            Store::Sparse(entries) => entries.len(),
            Store::Dense(dense) => with_cells!(&dense.cells, cells => {
                cells.iter().filter(|cell| **cell != 0).count()
            }),
        }
    }

    /// The bins, ascending.
    pub(super) fn bins(&self) -> BinList {
        let mut bins = BinList::new();
        match self {
            Store::Inline { len, keys } => {
                for key in sorted(*len, keys).into_iter().take(usize::from(*len)) {
                    match bins.last_mut() {
                        Some((last, count)) if *last == key => *count += 1,
                        _ => bins.push((key, 1)),
                    }
                }
            }
            Store::Sparse(entries) => bins.extend(entries.iter().map(|entry| unpack(*entry))),
            Store::Dense(dense) => {
                bins.reserve(self.bin_count());
                dense.for_each(|key, count| bins.push((key, count)));
            }
        }
        bins
    }

    /// Adds all of `other`.
    pub(super) fn merge(&mut self, other: &Store) {
        match (&mut *self, other) {
            (_, Store::Inline { len, keys }) => {
                for key in keys.iter().take(usize::from(*len)) {
                    self.add(*key, 1);
                }
            }
            (Store::Inline { .. }, _) | (Store::Sparse(_), Store::Dense(_)) => {
                let mine = std::mem::replace(self, other.clone());
                mine.pour_into(self);
            }
            (Store::Sparse(_), Store::Sparse(_)) => {
                *self = layout(&merge_bins(&self.bins(), &other.bins()), false);
            }
            (Store::Dense(mine), Store::Dense(theirs)) => {
                if !add_cells(mine, theirs) {
                    *self = layout(&merge_bins(&self.bins(), &other.bins()), true);
                }
            }
            (Store::Dense(_), Store::Sparse(_)) => other.pour_into(self),
        }
    }

    fn pour_into(&self, target: &mut Store) {
        match self {
            Store::Inline { .. } => target.merge(self),
            Store::Sparse(entries) => {
                for (key, count) in entries.iter().map(|entry| unpack(*entry)) {
                    target.add(key, count);
                }
            }
            Store::Dense(dense) => dense.for_each(|key, count| target.add(key, count)),
        }
    }

    /// Bytes on the heap now. Depends on how the store came about.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Store::Inline { .. } => 0,
            Store::Sparse(entries) => entries.capacity() * size_of::<u32>(),
            Store::Dense(dense) => with_cells!(&dense.cells, cells => size_of_val(&**cells)),
        }
    }
}

/// The first `len` keys in order; what is behind them is of no meaning.
#[inline]
pub(super) fn sorted(len: u8, keys: &[i16; INLINE]) -> [i16; INLINE] {
    let mut keys = *keys;
    keys[..usize::from(len)].sort_unstable();
    keys
}

#[inline]
fn add_inline(len: &mut u8, keys: &mut [i16; INLINE], key: i16, n: u64) -> bool {
    if n > INLINE as u64 - u64::from(*len) {
        return false;
    }
    let start = usize::from(*len);
    keys[start..start + n as usize].fill(key);
    *len += n as u8;
    true
}

fn add_sparse(entries: &mut Vec<u32>, key: i16, n: u64) -> bool {
    let at = entries.partition_point(|entry| *entry < pack(key, 0));
    let has_room = entries.len() < entries.capacity();
    if let Some(entry) = entries.get_mut(at)
        && unpack(*entry).0 == key
    {
        let fits = n <= u64::from(COUNT_MAX - (*entry & COUNT_MAX));
        if fits {
            *entry += n as u32;
        }
        return fits;
    }
    if n == 0 {
        return true;
    }
    let fits = n <= u64::from(COUNT_MAX) && (has_room || reserve_sparse(entries, key));
    if fits {
        entries.insert(at, pack(key, n as u32));
    }
    fits
}

/// Makes room for one more entry, unless cells of one byte would take less.
fn reserve_sparse(entries: &mut Vec<u32>, key: i16) -> bool {
    let ends = entries.first().zip(entries.last());
    let (low, high) = ends.map_or((key, key), |(low, high)| (unpack(*low).0, unpack(*high).0));
    let (_, cells) = cells_for(low.min(key), high.max(key));
    let capacity = sparse_capacity(entries.len() + 1);
    let stays = capacity * size_of::<u32>() < cells;
    if stays {
        entries.reserve_exact(capacity - entries.len());
    }
    stays
}

/// Room for this many entries and some more.
fn sparse_capacity(entries: usize) -> usize {
    entries + (entries / 4).max(8)
}

/// The first key and the number of cells for keys from `low` to `high`, with slack on both sides.
fn cells_for(low: i16, high: i16) -> (i16, usize) {
    let (low, high) = (i32::from(low), i32::from(high));
    let slack = ((high - low + 1) / 16).clamp(2, 32);
    let base = (low - slack).max(i32::from(Key::MIN.raw()));
    let end = (high + slack).min(i32::from(Key::MAX.raw())) + 1;
    (base as i16, (end - base) as usize)
}

/// The union of two ascending lists.
pub(super) fn merge_bins(left: &[(i16, u64)], right: &[(i16, u64)]) -> BinList {
    let mut merged = BinList::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    while let (Some(a), Some(b)) = (left.peek().copied(), right.peek().copied()) {
        if a.0 <= b.0 {
            left.next();
        }
        if b.0 <= a.0 {
            right.next();
        }
        merged.push(match a.0.cmp(&b.0) {
            std::cmp::Ordering::Less => a,
            std::cmp::Ordering::Greater => b,
            std::cmp::Ordering::Equal => (a.0, a.1.saturating_add(b.1)),
        });
    }
    merged.extend(left.chain(right));
    merged
}

/// The form for these bins that takes the fewest bytes, with room to grow. A store that is dense
/// already stays so up to twice the bytes, so that it does not go to and fro.
fn layout(bins: &[(i16, u64)], was_dense: bool) -> Store {
    let (Some((low, _)), Some((high, _))) = (bins.first(), bins.last()) else {
        return Store::EMPTY;
    };
    let max = bins.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let (base, cells) = cells_for(*low, *high);
    let capacity = sparse_capacity(bins.len());
    let sparse_bytes = capacity * size_of::<u32>() * if was_dense { 2 } else { 1 };
    if max <= u64::from(COUNT_MAX) && sparse_bytes < cells * width(max) {
        let mut entries = Vec::with_capacity(capacity);
        entries.extend(bins.iter().map(|(key, count)| pack(*key, *count as u32)));
        return Store::Sparse(entries);
    }
    let mut dense = Dense { base, cells: Cells::zeros(cells, max) };
    for (key, count) in bins {
        dense.add(*key, *count);
    }
    Store::Dense(dense)
}
