//! Rows put in order of event time before they are folded, and held for as long as they may find partners.
//!
//! Rows live in slots of 100 ms of event time, each with one byte arena: taking a row is one copy, and there is no
//! allocation per row. A slot is sorted by (time, id) when the watermark has passed its end; it is freed when the
//! last of its rows is done.

use super::Arrival;
use crate::id::{Id, hash64};
use crate::time::{EventTime, Span};
use std::collections::BTreeMap;

/// Width of a slot. What is emitted is delayed by at most this.
pub const SLOT: Span = Span::millis(100);

/// Logical bytes that a row costs besides its key and its encoding.
const ROW_OVERHEAD: u64 = 64;

/// A row that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRef {
    slab: u32,
    index: u32,
}

/// What is known of a held row without its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Event time.
    pub time: EventTime,
    /// Identity.
    pub id: Id,
    /// Hash of its key.
    pub hash: u64,
    /// Stream.
    pub stream: u8,
    /// Fulfils `complete`.
    pub completes: bool,
    /// Has found a partner.
    pub matched: bool,
    done: bool,
    start: u32,
    key_length: u32,
    row_length: u32,
}

#[derive(Debug, Default)]
struct Slot {
    number: i64,
    arena: Vec<u8>,
    rows: Vec<Held>,
    live: u32,
}

/// The buffer.
#[derive(Debug)]
pub struct TimeOrder {
    slabs: Vec<Slot>,
    free: Vec<u32>,
    by_time: BTreeMap<i64, u32>,
    latest: Option<(i64, u32)>,
    frontier: EventTime,
    bytes: u64,
    rows: u64,
}

impl Default for TimeOrder {
    fn default() -> Self {
        Self {
            slabs: Vec::new(),
            free: Vec::new(),
            by_time: BTreeMap::new(),
            latest: None,
            frontier: EventTime::MIN,
            bytes: 0,
            rows: 0,
        }
    }
}

fn slot_number(time: EventTime) -> i64 {
    time.0.div_euclid(SLOT.0)
}

fn slot_end(number: i64) -> EventTime {
    EventTime(number.saturating_add(1).saturating_mul(SLOT.0))
}

impl TimeOrder {
    /// Everything before this has been folded.
    pub fn frontier(&self) -> EventTime {
        self.frontier
    }

    /// Restores the frontier of a checkpoint.
    pub(super) fn set_frontier(&mut self, frontier: EventTime) {
        self.frontier = frontier;
    }

    /// Whether a row of this time comes after its slot was folded.
    pub fn is_late(&self, time: EventTime) -> bool {
        time < self.frontier
    }

    /// Logical bytes of the rows that are held.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Rows that are held.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Holds a row.
    pub fn push(&mut self, row: Arrival<'_>) -> RowRef {
        let number = slot_number(row.time);
        let slab = match self.latest {
            Some((latest, slab)) if latest == number => slab,
            _ => self.slot(number),
        };
        let slot = &mut self.slabs[slab as usize];
        let start = slot.arena.len() as u32;
        slot.arena.extend_from_slice(row.key);
        slot.arena.extend_from_slice(row.row);
        let index = slot.rows.len() as u32;
        slot.rows.push(Held {
            time: row.time,
            id: row.id,
            hash: hash64(row.key),
            stream: row.stream,
            completes: row.completes,
            matched: false,
            done: false,
            start,
            key_length: row.key.len() as u32,
            row_length: row.row.len() as u32,
        });
        slot.live += 1;
        self.rows += 1;
        self.bytes += cost(row.key.len() + row.row.len());
        RowRef { slab, index }
    }

    fn slot(&mut self, number: i64) -> u32 {
        let slab = match self.by_time.get(&number) {
            Some(slab) => *slab,
            None => {
                let slab = self.free.pop().unwrap_or_else(|| {
                    self.slabs.push(Slot::default());
                    (self.slabs.len() - 1) as u32
                });
                self.slabs[slab as usize].number = number;
                self.by_time.insert(number, slab);
                slab
            }
        };
        self.latest = Some((number, slab));
        slab
    }

    /// The next slot to fold: the earliest waiting one, if the watermark has passed its end.
    pub fn next_slot(&self, watermark: EventTime) -> Option<i64> {
        self.first_waiting().filter(|number| slot_end(*number) <= watermark)
    }

    /// The earliest slot that has not been folded.
    pub fn first_waiting(&self) -> Option<i64> {
        let first = if self.frontier == EventTime::MIN { i64::MIN } else { slot_number(self.frontier) };
        if self.frontier == EventTime::MAX {
            return None;
        }
        self.by_time.range(first..).next().map(|(number, _)| *number)
    }

    /// The rows of a slot in the order of (time, id); the slot counts as folded.
    pub fn sorted(&mut self, number: i64) -> Vec<RowRef> {
        self.pass_slot(number);
        let Some(slab) = self.by_time.get(&number).copied() else { return Vec::new() };
        let rows = &self.slabs[slab as usize].rows;
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_unstable_by_key(|index| {
            let row = &rows[*index as usize];
            (row.time, row.id)
        });
        order.into_iter().map(|index| RowRef { slab, index }).collect()
    }

    /// Counts a slot as folded.
    pub fn pass_slot(&mut self, number: i64) {
        self.frontier = self.frontier.max(slot_end(number));
    }

    /// Counts every slot that ends at or before the watermark as folded; gives the new frontier.
    pub fn pass(&mut self, watermark: EventTime) -> EventTime {
        let aligned = match watermark {
            EventTime::MIN | EventTime::MAX => watermark,
            inside => inside.floor(SLOT),
        };
        self.frontier = self.frontier.max(aligned);
        self.frontier
    }

    /// What is known of a held row.
    #[inline]
    pub fn held(&self, row: RowRef) -> &Held {
        &self.slabs[row.slab as usize].rows[row.index as usize]
    }

    /// Notes that a row has found a partner.
    pub fn set_matched(&mut self, row: RowRef) {
        self.slabs[row.slab as usize].rows[row.index as usize].matched = true;
    }

    /// The key of a held row.
    #[inline]
    pub fn key(&self, row: RowRef) -> &[u8] {
        let slot = &self.slabs[row.slab as usize];
        let held = &slot.rows[row.index as usize];
        let start = held.start as usize;
        &slot.arena[start..start + held.key_length as usize]
    }

    /// A held row with its bytes.
    pub fn arrival(&self, row: RowRef) -> Arrival<'_> {
        let slot = &self.slabs[row.slab as usize];
        let held = &slot.rows[row.index as usize];
        let start = held.start as usize;
        let split = start + held.key_length as usize;
        Arrival {
            time: held.time,
            id: held.id,
            stream: held.stream,
            completes: held.completes,
            key: &slot.arena[start..split],
            row: &slot.arena[split..split + held.row_length as usize],
        }
    }

    /// A row that nobody needs any more. Its slot is freed with its last row.
    pub fn done(&mut self, row: RowRef) {
        let slot = &mut self.slabs[row.slab as usize];
        let held = &mut slot.rows[row.index as usize];
        if held.done {
            return;
        }
        held.done = true;
        self.bytes -= cost(held.key_length as usize + held.row_length as usize);
        self.rows -= 1;
        slot.live -= 1;
        if slot.live > 0 {
            return;
        }
        let number = slot.number;
        // A slot that may still grow keeps its memory; it is freed when it is passed or empty again.
        slot.arena = Vec::new();
        slot.rows = Vec::new();
        self.by_time.remove(&number);
        self.free.push(row.slab);
        if self.latest.is_some_and(|(latest, _)| latest == number) {
            self.latest = None;
        }
    }

    /// All rows that are held, in the order of (time, id): the canonical content of a checkpoint.
    pub fn all(&self) -> Vec<RowRef> {
        let mut all = Vec::with_capacity(self.rows as usize);
        for slab in self.by_time.values() {
            let rows = &self.slabs[*slab as usize].rows;
            let from = all.len();
            let live = (0..rows.len() as u32).filter(|index| !rows[*index as usize].done);
            all.extend(live.map(|index| RowRef { slab: *slab, index }));
            all[from..].sort_unstable_by_key(|row: &RowRef| {
                let held = &rows[row.index as usize];
                (held.time, held.id)
            });
        }
        all
    }
}

fn cost(bytes: usize) -> u64 {
    bytes as u64 + ROW_OVERHEAD
}
