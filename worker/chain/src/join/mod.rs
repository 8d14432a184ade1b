//! Joining: the events of one correlation key across streams, within a bound of event time.
//!
//! Rows are first put in order of event time, then folded in that order, so what comes out is a
//! function of the rows alone and not of how their sources were interleaved:
//!
//! ```text
//!  rows in log order ─► TimeOrder (slots of 100 ms) ─watermark passes a slot─► fold in (time, id) order ─► Joined
//!                                                                               └ deadlines in the same order
//! ```
//!
//! - *inner*, *left*, *outer* (two streams): every pair of rows with equal keys at most `within` apart, once, at the
//!   time of the later one; a row of the kept side without partner, alone, `within` after its own time.
//! - *assemble* (any number of streams): everything with the key from the first member to `within` after it, as one
//!   group; earlier, at the time of a member that fulfils `complete`.
//!
//! A row that comes after its slot was folded is late. If its partners are still held, it joins them, marked as late;
//! else it goes out alone as a late update where `lateUpdates` asks for it, and to the late output otherwise.
//!
//! Bounds (rule R18): rows are held for `within` at most; at `max_bytes` the oldest are completed early and counted as
//! evicted. This room never stops taking input, and never looks at a clock.

mod assemble;
mod order;
mod pairs;
#[cfg(test)]
mod tests;

pub use order::{Held, RowRef, SLOT, TimeOrder};

use crate::compile::shape::{Join, JoinMode};
use crate::id::Id;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};

/// A row on its way into the join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// Event time.
    pub time: EventTime,
    /// Identity of the event.
    pub id: Id,
    /// Index of its stream in [`Join::streams`].
    pub stream: u8,
    /// Whether it fulfils its stream's `complete`.
    pub completes: bool,
    /// Value of the key.
    pub key: &'a [u8],
    /// The row, encoded.
    pub row: &'a [u8],
}

/// What a joined event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinedKind {
    /// Two partners.
    Pair,
    /// One row without a partner.
    Alone,
    /// An assembled group with every required stream.
    Complete,
    /// An assembled group that lacks a required stream.
    Incomplete,
}

/// Why a joined event went out when it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emission {
    /// At its time.
    Regular,
    /// Early, because the buffer was full.
    Evicted,
    /// A late partner brought it.
    Late,
}

/// A joined event.
#[derive(Debug)]
pub struct Joined<'a> {
    /// Pair, row alone, or group.
    pub kind: JoinedKind,
    /// Why now.
    pub emission: Emission,
    /// Event time of completion: of the later partner, of the row alone, of the group's last member.
    pub time: EventTime,
    /// The key.
    pub key: &'a [u8],
    /// Members in order of (time, id); for pairs in order of streams.
    pub members: &'a [Arrival<'a>],
}

/// What a join says of its rows.
#[derive(Debug)]
pub enum JoinOutput<'a> {
    /// A joined event.
    Event(Joined<'a>),
    /// A row that is done: it went out in an event at least once, or (inner joins) never found a partner.
    Done {
        /// The row.
        row: Arrival<'a>,
        /// Whether it went out.
        joined: bool,
    },
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Held, in order.
    Held,
    /// Came late and joined partners that were still held, or went out as a late update.
    LateJoined,
    /// Came late, and nobody asked for late updates: belongs to the late output. It is not done, it was never taken.
    Late,
}

/// The state of a join.
#[derive(Debug)]
pub struct JoinState {
    order: TimeOrder,
    fold: Fold,
    /// Rows completed early so far.
    evicted: u64,
}

#[derive(Debug)]
enum Fold {
    Pairs(pairs::Pairs),
    Assemble(assemble::Assemble),
}

/// Who takes what a join says. Every row that was taken is done exactly once.
pub type Emit<'e> = dyn FnMut(JoinOutput<'_>) + 'e;

impl JoinState {
    /// An empty state for this join.
    pub fn new(join: &Join) -> Self {
        let fold = match join.mode {
            JoinMode::Assemble => Fold::Assemble(assemble::Assemble::default()),
            JoinMode::Inner | JoinMode::Left | JoinMode::Outer => Fold::Pairs(pairs::Pairs::default()),
        };
        Self { order: TimeOrder::default(), fold, evicted: 0 }
    }

    /// Takes a row. In order it is only held; a late one may go out at once.
    pub fn push(&mut self, join: &Join, row: Arrival<'_>, emit: &mut Emit<'_>) -> Taken {
        let taken = if self.order.is_late(row.time) {
            match &mut self.fold {
                Fold::Pairs(pairs) => pairs.late(join, &mut self.order, row, emit),
                Fold::Assemble(groups) => groups.late(join, &mut self.order, row, emit),
            }
        } else {
            self.order.push(row);
            Taken::Held
        };
        self.evict(join, emit);
        taken
    }

    /// Folds all slots that the watermark has passed and completes what is due.
    pub fn advance(&mut self, join: &Join, watermark: EventTime, emit: &mut Emit<'_>) {
        while let Some(slot) = self.order.next_slot(watermark) {
            self.fold_slot(join, slot, emit);
        }
        let frontier = self.order.pass(watermark);
        match &mut self.fold {
            Fold::Pairs(pairs) => pairs.expire(join, &mut self.order, frontier, emit),
            Fold::Assemble(groups) => groups.expire(join, &mut self.order, frontier, emit),
        }
    }

    /// Up to where everything has been folded: no regular joined event is still to come whose
    /// time is before this, less `within` for rows that go out alone.
    pub fn frontier(&self) -> EventTime {
        self.order.frontier()
    }

    /// Logical bytes held.
    pub fn bytes(&self) -> u64 {
        self.order.bytes()
    }

    /// Rows held.
    pub fn rows(&self) -> u64 {
        self.order.rows()
    }

    /// The rows that are held, in order of (time, id).
    pub fn held(&self) -> impl Iterator<Item = Arrival<'_>> {
        self.order.all().into_iter().map(|row| self.order.arrival(row))
    }

    /// Rows completed early because of `max_bytes`.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Folds the rows of a slot in order.
    fn fold_slot(&mut self, join: &Join, slot: i64, emit: &mut Emit<'_>) {
        let rows = self.order.sorted(slot);
        match &mut self.fold {
            Fold::Pairs(pairs) => pairs.fold(join, &mut self.order, &rows, emit),
            Fold::Assemble(groups) => rows.iter().for_each(|row| groups.fold(join, &mut self.order, *row, emit)),
        }
    }

    /// At the bound the oldest slot is folded and completed as if its time were up.
    fn evict(&mut self, join: &Join, emit: &mut Emit<'_>) {
        while self.order.bytes() > join.max_bytes {
            let before = self.order.rows();
            match &mut self.fold {
                Fold::Pairs(pairs) => pairs.evict(join, &mut self.order, emit),
                Fold::Assemble(groups) => groups.evict(join, &mut self.order, emit),
            }
            if self.order.rows() == before {
                let Some(slot) = self.order.first_waiting() else { return };
                self.fold_slot(join, slot, emit);
                continue;
            }
            self.evicted += before - self.order.rows();
        }
    }

    /// Appends the state: rows in the order of (time, id), nothing else. What was made of them follows from their order.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.evicted);
        out.signed(self.order.frontier().0);
        out.varint(self.order.rows());
        for row in self.order.all() {
            let (held, arrival) = (self.order.held(row), self.order.arrival(row));
            out.signed(arrival.time.0);
            out.fixed128(arrival.id.0);
            out.u8(arrival.stream);
            out.u8(u8::from(arrival.completes) | u8::from(held.matched) << 1);
            if let Fold::Assemble(groups) = &self.fold {
                let opened = groups.opened(&self.order, row).filter(|_| self.order.is_late(arrival.time));
                out.option(opened, |out, opened| out.signed(opened.0));
            }
            out.bytes(arrival.key);
            out.bytes(arrival.row);
        }
    }

    /// Reads what [`JoinState::save`] wrote for the same join.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(join: &Join, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::new(join);
        state.evicted = input.varint()?;
        let frontier = EventTime(input.signed()?);
        let rows = input.count()?;
        for _ in 0..rows {
            let time = EventTime(input.signed()?);
            let id = Id(input.fixed128()?);
            let stream = input.u8()?;
            let flags = input.u8()?;
            let opened = match &state.fold {
                Fold::Assemble(_) => input.option(|input| input.signed().map(EventTime))?,
                Fold::Pairs(_) => None,
            };
            let (key, row) = (input.bytes()?, input.bytes()?);
            let held = state.order.push(Arrival { time, id, stream, completes: flags & 1 != 0, key, row });
            if flags & 2 != 0 {
                state.order.set_matched(held);
            }
            if time >= frontier {
                continue;
            }
            match &mut state.fold {
                Fold::Pairs(pairs) => pairs.restore(&state.order, held),
                Fold::Assemble(groups) => groups.restore(join, &state.order, held, opened.unwrap_or(time)),
            }
        }
        state.order.set_frontier(frontier);
        Ok(state)
    }
}
