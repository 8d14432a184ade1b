//! Inner, left and outer joins of two streams: every pair of rows with equal keys at most `within` apart.

use super::order::{RowRef, TimeOrder};
use super::{Arrival, Emission, Emit, JoinOutput, Joined, JoinedKind, Taken};
use crate::compile::shape::{Join, JoinMode};
use crate::time::EventTime;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Rows that are looked up together.
const AHEAD: usize = 16;

/// The rows of one key, per stream, in order of (time, id).
#[derive(Debug)]
struct Key {
    hash: u64,
    sides: [SmallVec<[RowRef; 2]>; 2],
}

/// Rows that wait for partners.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    keys: HashTable<Key>,
    /// All held and folded rows in order of (time, id): the order in which they give up waiting.
    waiting: VecDeque<RowRef>,
}

impl Pairs {
    /// The rows of a slot, in order.
    pub(super) fn fold(&mut self, join: &Join, order: &mut TimeOrder, rows: &[RowRef], emit: &mut Emit<'_>) {
        for rows in rows.chunks(AHEAD) {
            self.expire(join, order, order.held(rows[0]).time, emit);
            self.look_ahead(order, rows);
            for row in rows {
                self.meet(join, order, *row, Emission::Regular, emit);
                self.waiting.push_back(*row);
            }
        }
    }

    /// A row whose slot has been folded already.
    pub(super) fn late(&mut self, join: &Join, order: &mut TimeOrder, row: Arrival<'_>, emit: &mut Emit<'_>) -> Taken {
        if row.time.plus(join.within) >= order.frontier() {
            let held = order.push(row);
            self.meet(join, order, held, Emission::Late, emit);
            let at = self.waiting.partition_point(|other| {
                let other = order.held(*other);
                (other.time, other.id) <= (row.time, row.id)
            });
            self.waiting.insert(at, held);
            return Taken::LateJoined;
        }
        if !(join.late_updates && keeps(join, row.stream)) {
            return Taken::Late;
        }
        emit_alone(row, Emission::Late, emit);
        Taken::LateJoined
    }

    /// Gives up rows that no row at or after `now` can reach.
    pub(super) fn expire(&mut self, join: &Join, order: &mut TimeOrder, now: EventTime, emit: &mut Emit<'_>) {
        let is_due =
            |order: &TimeOrder, row: RowRef| order.held(row).time.plus(join.within) < now || now == EventTime::MAX;
        loop {
            let ahead: SmallVec<[RowRef; AHEAD]> =
                self.waiting.iter().take(AHEAD).copied().take_while(|row| is_due(order, *row)).collect();
            if ahead.is_empty() {
                return;
            }
            self.look_ahead(order, &ahead);
            self.waiting.drain(..ahead.len());
            for row in ahead {
                self.give_up(join, order, row, Emission::Regular, emit);
            }
        }
    }

    /// Looks a few rows up, so that what their turns need has come out of memory by then, all of it at once: the table is
    /// larger than the caches, and one row would wait for it after the other.
    fn look_ahead(&self, order: &TimeOrder, rows: &[RowRef]) {
        for row in rows {
            let held = order.held(*row);
            std::hint::black_box(self.keys.find(held.hash, |key| key.hash == held.hash).is_some());
            std::hint::black_box(order.key(*row).first().copied());
        }
    }

    /// Gives up the oldest row.
    pub(super) fn evict(&mut self, join: &Join, order: &mut TimeOrder, emit: &mut Emit<'_>) {
        if let Some(row) = self.waiting.pop_front() {
            self.give_up(join, order, row, Emission::Evicted, emit);
        }
    }

    /// Puts a row of a checkpoint back; rows come in order of (time, id).
    pub(super) fn restore(&mut self, order: &TimeOrder, row: RowRef) {
        let side = usize::from(order.held(row).stream & 1);
        self.key(order, row).sides[side].push(row);
        self.waiting.push_back(row);
    }

    fn key(&mut self, order: &TimeOrder, row: RowRef) -> &mut Key {
        let (bytes, hash) = (order.key(row), order.held(row).hash);
        let same = |key: &Key| {
            key.hash == hash && key.sides.iter().flatten().next().is_some_and(|other| order.key(*other) == bytes)
        };
        self.keys
            .entry(hash, same, |key| key.hash)
            .or_insert_with(|| Key { hash, sides: Default::default() })
            .into_mut()
    }

    /// Emits the row's pairs with all rows that are held, and holds it.
    fn meet(&mut self, join: &Join, order: &mut TimeOrder, row: RowRef, emission: Emission, emit: &mut Emit<'_>) {
        let held = *order.held(row);
        let side = usize::from(held.stream & 1);
        let key = self.key(order, row);
        let mut partners: SmallVec<[RowRef; 8]> = SmallVec::new();
        for other in &key.sides[1 - side] {
            let distance = order.held(*other).time.0.abs_diff(held.time.0);
            if distance <= join.within.0.unsigned_abs() && partners.len() < join.max_events as usize {
                partners.push(*other);
            }
        }
        let place = key.sides[side].partition_point(|other| {
            let other = order.held(*other);
            (other.time, other.id) <= (held.time, held.id)
        });
        key.sides[side].insert(place, row);
        for other in &partners {
            order.set_matched(*other);
            order.set_matched(row);
            let (mine, theirs) = (order.arrival(row), order.arrival(*other));
            let members = if side == 0 { [mine, theirs] } else { [theirs, mine] };
            let time = mine.time.max(theirs.time);
            emit(JoinOutput::Event(Joined {
                kind: JoinedKind::Pair,
                emission,
                time,
                key: mine.key,
                members: &members,
            }));
        }
    }

    fn give_up(&mut self, join: &Join, order: &mut TimeOrder, row: RowRef, emission: Emission, emit: &mut Emit<'_>) {
        let held = *order.held(row);
        if !held.matched && keeps(join, held.stream) {
            emit_alone(order.arrival(row), emission, emit);
        } else {
            emit(JoinOutput::Done { row: order.arrival(row), joined: held.matched });
        }
        let (hash, side) = (held.hash, usize::from(held.stream & 1));
        let holds = |key: &Key| key.hash == hash && key.sides[side].contains(&row);
        if let Ok(mut entry) = self.keys.find_entry(hash, holds) {
            entry.get_mut().sides[side].retain(|other| *other != row);
            if entry.get().sides.iter().all(|rows| rows.is_empty()) {
                entry.remove();
            }
        }
        order.done(row);
    }
}

/// A row without partner as an event of its own.
fn emit_alone(row: Arrival<'_>, emission: Emission, emit: &mut Emit<'_>) {
    let members = [row];
    emit(JoinOutput::Event(Joined {
        kind: JoinedKind::Alone,
        emission,
        time: row.time,
        key: row.key,
        members: &members,
    }));
    emit(JoinOutput::Done { row, joined: true });
}

/// Whether a row of this stream goes out without a partner.
fn keeps(join: &Join, stream: u8) -> bool {
    match join.mode {
        JoinMode::Inner | JoinMode::Assemble => false,
        JoinMode::Left => stream == 0,
        JoinMode::Outer => true,
    }
}
