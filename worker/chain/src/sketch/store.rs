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
pub(super) type BinList = SmallVec<[(i16, u64); 32]>;

#[derive(Debug, Clone)]
pub(super) enum Store {
    /// The first keys, in the order in which they came.
    Inline { len: u8, keys: [i16; INLINE] },
    /// Packed entries, ascending by key.
    Sparse(Vec<u32>),
    /// A cell for each key from `base` on.
    Dense(Dense),
}

#[derive(Debug, Clone)]
pub(super) struct Dense {
    pub(super) base: i16,
    pub(super) cells: Cells,
}

/// Counts of neighbouring keys, all of one width.
#[derive(Debug, Clone)]
pub(super) enum Cells {
    U8(Box<[u8]>),
    U16(Box<[u16]>),
    U32(Box<[u32]>),
    U64(Box<[u64]>),
}

/// A count of some width.
pub(super) trait Cell: Copy {
    fn get(self) -> u64;
    /// Adds `n`; false, and nothing done, when the sum does not fit.
    fn grow(&mut self, n: u64) -> bool;
}

macro_rules! cell {
    ($($kind:ty),*) => { $(
        impl Cell for $kind {
            #[inline]
            fn get(self) -> u64 {
                u64::from(self)
            }
            #[inline]
            fn grow(&mut self, n: u64) -> bool {
                match <$kind>::try_from(n).ok().and_then(|n| self.checked_add(n)) {
                    Some(sum) => {
                        *self = sum;
                        true
                    }
                    None => false,
                }
            }
        }
    )* };
}
cell!(u8, u16, u32);

impl Cell for u64 {
    #[inline]
    fn get(self) -> u64 {
        self
    }
    /// Saturates, which is as free of order as adding is.
    #[inline]
    fn grow(&mut self, n: u64) -> bool {
        *self = self.saturating_add(n);
        true
    }
}

/// Runs the same expression on the cells, whatever their width.
macro_rules! with_cells {
    ($cells:expr, $slice:ident => $body:expr) => {
        match $cells {
            Cells::U8($slice) => $body,
            Cells::U16($slice) => $body,
            Cells::U32($slice) => $body,
            Cells::U64($slice) => $body,
        }
    };
}
pub(super) use with_cells;

impl Cells {
    /// Zeros, wide enough for counts up to `max`.
    fn zeros(len: usize, max: u64) -> Self {
        match width(max) {
            1 => Cells::U8(vec![0; len].into()),
            2 => Cells::U16(vec![0; len].into()),
            4 => Cells::U32(vec![0; len].into()),
            _ => Cells::U64(vec![0; len].into()),
        }
    }
}

/// Bytes of the narrowest cell that holds `max`.
fn width(max: u64) -> usize {
    match max {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

#[inline]
fn pack(key: i16, count: u32) -> u32 {
    (((i32::from(key) + KEY_OFFSET) as u32) << COUNT_BITS) | count
}

/// The key and the count of a sparse entry.
#[inline]
pub(super) fn unpack(entry: u32) -> (i16, u64) {
    (
        ((entry >> COUNT_BITS) as i32 - KEY_OFFSET) as i16,
        u64::from(entry & COUNT_MAX),
    )
}

impl Dense {
    /// Where the cell of `key` is; beyond the cells when there is none.
    #[inline]
    pub(super) fn index(&self, key: i16) -> usize {
        // A key below the base wraps to 32,768 or more, behind any cells.
        usize::from(key.wrapping_sub(self.base) as u16)
    }

    /// False, and nothing done, when the key has no cell or the cell is too narrow.
    #[inline]
    fn add(&mut self, key: i16, n: u64) -> bool {
        let index = self.index(key);
        with_cells!(&mut self.cells, cells => cells.get_mut(index).is_some_and(|cell| cell.grow(n)))
    }

    /// The non-zero cells, ascending.
    pub(super) fn for_each(&self, mut visit: impl FnMut(i16, u64)) {
        let base = self.base;
        with_cells!(&self.cells, cells => for (index, cell) in cells.iter().enumerate() {
            if cell.get() != 0 {
                visit(base + index as i16, cell.get());
            }
        });
    }
}

impl Store {
    pub(super) const EMPTY: Store = Store::Inline {
        len: 0,
        keys: [0; INLINE],
    };

    /// The smallest store of these bins.
    pub(super) fn from_bins(bins: &[(i16, u64)]) -> Self {
        let total = bins
            .iter()
            .fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
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
            Store::Dense(dense) => dense.for_each(|key, count| bins.push((key, count))),
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
    let fits = n <= u64::from(COUNT_MAX) && has_room;
    if fits {
        entries.insert(at, pack(key, n as u32));
    }
    fits
}

/// Adds cell by cell; false when `mine` lacks a cell or a width, with nothing done.
fn add_cells(mine: &mut Dense, theirs: &Dense) -> bool {
    let ends = with_cells!(&theirs.cells, cells => {
        let last = cells.iter().rposition(|cell| *cell != 0);
        cells.iter().position(|cell| *cell != 0).zip(last)
    });
    let Some((first, last)) = ends else {
        return true;
    };
    let start = mine.index(theirs.base + first as i16);
    let end = start + (last - first) + 1;
    macro_rules! add {
        ($mine:expr, $theirs:expr) => {{
            let theirs = &$theirs[first..=last];
            let Some(mine) = $mine.get_mut(start..end) else {
                return false;
            };
            // Two passes without an early exit: both become vector instructions.
            let full = mine
                .iter()
                .zip(theirs)
                .fold(false, |full, (a, b)| full | (a.wrapping_add(*b) < *a));
            if !full {
                mine.iter_mut()
                    .zip(theirs)
                    .for_each(|(a, b)| *a = a.wrapping_add(*b));
            }
            !full
        }};
    }
    match (&mut mine.cells, &theirs.cells) {
        (Cells::U8(mine), Cells::U8(theirs)) => add!(mine, theirs),
        (Cells::U16(mine), Cells::U16(theirs)) => add!(mine, theirs),
        (Cells::U32(mine), Cells::U32(theirs)) => add!(mine, theirs),
        (cells, theirs) => add_cells_of_other_width(cells, theirs, start, first..last + 1),
    }
}

/// As [`add_cells`], for cells of unequal width, and for 64-bit cells, which saturate.
fn add_cells_of_other_width(
    mine: &mut Cells,
    theirs: &Cells,
    start: usize,
    range: std::ops::Range<usize>,
) -> bool {
    let end = start + range.len();
    with_cells!(mine, mine => with_cells!(theirs, theirs => {
        let Some(mine) = mine.get_mut(start..end) else { return false };
        let theirs = &theirs[range];
        let fits = mine.iter().zip(theirs).all(|(a, b)| { let mut sum = *a; sum.grow(b.get()) });
        if fits {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| { a.grow(b.get()); });
        }
        fits
    }))
}

/// The union of two ascending lists.
pub(super) fn merge_bins(left: &[(i16, u64)], right: &[(i16, u64)]) -> BinList {
    let mut merged = BinList::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (
        left.iter().copied().peekable(),
        right.iter().copied().peekable(),
    );
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
    let span = i32::from(*high) - i32::from(*low) + 1;
    let slack = (span / 16).clamp(2, 32);
    let base = (i32::from(*low) - slack).max(i32::from(Key::MIN.raw()));
    let end = (i32::from(*high) + slack).min(i32::from(Key::MAX.raw())) + 1;
    let cells = (end - base) as usize;

    let capacity = bins.len() + (bins.len() / 4).max(8);
    let sparse_bytes = capacity * size_of::<u32>() * if was_dense { 2 } else { 1 };
    if max <= u64::from(COUNT_MAX) && sparse_bytes < cells * width(max) {
        let mut entries = Vec::with_capacity(capacity);
        entries.extend(bins.iter().map(|(key, count)| pack(*key, *count as u32)));
        return Store::Sparse(entries);
    }
    let mut dense = Dense {
        base: base as i16,
        cells: Cells::zeros(cells, max),
    };
    for (key, count) in bins {
        dense.add(*key, *count);
    }
    Store::Dense(dense)
}
