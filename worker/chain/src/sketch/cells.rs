//! Counts of neighbouring keys, in the narrowest cells that hold them: the dense form of a
//! [`Store`](super::store::Store).

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
    /// The sum of the counts, saturating.
    fn total(cells: &[Self]) -> u64;
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
            #[inline]
            fn total(cells: &[Self]) -> u64 {
                // Cannot overflow: 6,515 keys and slack, 32 bits each.
                cells.iter().map(|cell| u64::from(*cell)).sum()
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
    fn total(cells: &[Self]) -> u64 {
        cells.iter().copied().fold(0, u64::saturating_add)
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
    pub(super) fn zeros(len: usize, max: u64) -> Self {
        match width(max) {
            1 => Cells::U8(vec![0; len].into()),
            2 => Cells::U16(vec![0; len].into()),
            4 => Cells::U32(vec![0; len].into()),
            _ => Cells::U64(vec![0; len].into()),
        }
    }
}

/// Bytes of the narrowest cell that holds `max`.
pub(super) fn width(max: u64) -> usize {
    match max {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
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
    pub(super) fn add(&mut self, key: i16, n: u64) -> bool {
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

/// Adds cell by cell; false when `mine` lacks a cell or a width, with nothing done.
pub(super) fn add_cells(mine: &mut Dense, theirs: &Dense) -> bool {
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
        ($kind:ty, $mine:expr, $theirs:expr) => {{
            let theirs = &$theirs[first..=last];
            let Some(mine) = $mine.get_mut(start..end) else {
                return false;
            };
            // Two passes without an early exit: both become vector instructions.
            let mut full = false;
            for (a, b) in mine.iter().zip(theirs) {
                full |= a.wrapping_add(<$kind>::from(*b)) < *a;
            }
            if !full {
                for (a, b) in mine.iter_mut().zip(theirs) {
                    *a = a.wrapping_add(<$kind>::from(*b));
                }
            }
            !full
        }};
    }
    match (&mut mine.cells, &theirs.cells) {
        (Cells::U8(mine), Cells::U8(theirs)) => add!(u8, mine, theirs),
        (Cells::U16(mine), Cells::U8(theirs)) => add!(u16, mine, theirs),
        (Cells::U16(mine), Cells::U16(theirs)) => add!(u16, mine, theirs),
        (Cells::U32(mine), Cells::U8(theirs)) => add!(u32, mine, theirs),
        (Cells::U32(mine), Cells::U16(theirs)) => add!(u32, mine, theirs),
        (Cells::U32(mine), Cells::U32(theirs)) => add!(u32, mine, theirs),
        (cells, theirs) => add_one_by_one(cells, theirs, start, first..last + 1),
    }
}

/// As [`add_cells`], where `theirs` may be wider, and for 64-bit cells, which saturate.
fn add_one_by_one(mine: &mut Cells, theirs: &Cells, start: usize, range: std::ops::Range<usize>) -> bool {
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
