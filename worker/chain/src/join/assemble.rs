//! Assemble: all events of one key as one group.
//!
//! Rows come in order of (time, id), so deadlines are monotone and a queue is enough. A key has at most one open
//! group: a row behind the deadline opens the next one, after the first has gone out.

use super::order::{RowRef, TimeOrder};
use super::{Arrival, Emission, Emit, JoinOutput, Joined, JoinedKind, Taken};
use crate::compile::shape::{Join, JoinStream};
use crate::id::hash64;
use crate::time::EventTime;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::collections::VecDeque;

#[derive(Debug)]
struct Group {
    hash: u64,
    first: EventTime,
    deadline: EventTime,
    members: SmallVec<[RowRef; 4]>,
    /// Bytes of the members' rows.
    bytes: u64,
}

impl Group {
    fn push(&mut self, order: &TimeOrder, row: RowRef) {
        self.members.push(row);
        self.bytes += order.arrival(row).row.len() as u64;
    }

    fn is_full(&self, join: &Join) -> bool {
        self.members.len() >= join.max_events as usize || self.bytes >= join.group_bytes
    }
}

/// Open groups.
#[derive(Debug, Default)]
pub(super) struct Assemble {
    groups: HashTable<Group>,
    /// Deadline, key hash and first member of every group in the order in which they fall due. An entry whose group
    /// has gone out early stays until its turn and is passed over.
    due: VecDeque<Due>,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    deadline: EventTime,
    hash: u64,
    first: EventTime,
}

impl Assemble {
    /// A row in order.
    pub(super) fn fold(&mut self, join: &Join, order: &mut TimeOrder, row: RowRef, emit: &mut Emit<'_>) {
        let held = *order.held(row);
        self.expire(join, order, held.time, emit);
        let hash = held.hash;
        match self.find(order, hash, row) {
            Some(group) => group.push(order, row),
            None => self.open(order, hash, row, held.time, held.time.plus(join.within)),
        }
        let full = self.find(order, hash, row).is_some_and(|group| group.is_full(join));
        if held.completes {
            self.complete(join, order, hash, row, Emission::Regular, emit);
        } else if full {
            self.complete(join, order, hash, row, Emission::Evicted, emit);
        }
    }

    /// A row whose slot has been folded already.
    pub(super) fn late(&mut self, join: &Join, order: &mut TimeOrder, row: Arrival<'_>, emit: &mut Emit<'_>) -> Taken {
        let hash = hash64(row.key);
        let open = self.groups.find_mut(hash, |group| group.hash == hash && order.key(group.members[0]) == row.key);
        if let Some(group) = open
            && row.time.plus(join.within) >= group.first
            && row.time <= group.deadline
        {
            let held = order.push(row);
            group.push(order, held);
            return Taken::LateJoined;
        }
        if row.time.plus(join.within) >= order.frontier() && !self.is_open(order, hash, row.key) {
            let held = order.push(row);
            self.open(order, hash, held, row.time, row.time.plus(join.within));
            return Taken::LateJoined;
        }
        if !join.late_updates {
            return Taken::Late;
        }
        emit_group(join, &[row], Emission::Late, emit);
        Taken::LateJoined
    }

    /// Sends out all groups whose deadline is before `now`.
    pub(super) fn expire(&mut self, join: &Join, order: &mut TimeOrder, now: EventTime, emit: &mut Emit<'_>) {
        while let Some(due) = self.due.front().copied().filter(|due| due.deadline < now || now == EventTime::MAX) {
            self.due.pop_front();
            self.send_due(join, order, due, Emission::Regular, emit);
        }
    }

    /// Sends out the oldest group, whatever its deadline.
    pub(super) fn evict(&mut self, join: &Join, order: &mut TimeOrder, emit: &mut Emit<'_>) {
        while let Some(due) = self.due.pop_front() {
            if self.send_due(join, order, due, Emission::Evicted, emit) {
                return;
            }
        }
    }

    /// Puts a row of a checkpoint back; rows come in order of (time, id).
    pub(super) fn restore(&mut self, join: &Join, order: &TimeOrder, row: RowRef, opened: EventTime) {
        let hash = order.held(row).hash;
        match self.find(order, hash, row) {
            Some(group) => group.push(order, row),
            None => self.open(order, hash, row, opened, opened.plus(join.within)),
        }
    }

    /// When the group of a held row was opened.
    pub(super) fn opened(&self, order: &TimeOrder, row: RowRef) -> Option<EventTime> {
        let hash = order.held(row).hash;
        self.groups
            .find(hash, |group| group.hash == hash && order.key(group.members[0]) == order.key(row))
            .map(|group| group.first)
    }

    fn find(&mut self, order: &TimeOrder, hash: u64, row: RowRef) -> Option<&mut Group> {
        self.groups.find_mut(hash, |group| group.hash == hash && order.key(group.members[0]) == order.key(row))
    }

    fn is_open(&self, order: &TimeOrder, hash: u64, key: &[u8]) -> bool {
        self.groups.find(hash, |group| group.hash == hash && order.key(group.members[0]) == key).is_some()
    }

    fn open(&mut self, order: &TimeOrder, hash: u64, row: RowRef, first: EventTime, deadline: EventTime) {
        let mut group = Group { hash, first, deadline, members: SmallVec::new(), bytes: 0 };
        group.push(order, row);
        self.groups.insert_unique(hash, group, |group| group.hash);
        // In order this is the back of the queue; a late row goes to its place.
        let at = match self.due.back() {
            Some(last) if last.deadline > deadline => self.due.partition_point(|due| due.deadline <= deadline),
            _ => self.due.len(),
        };
        self.due.insert(at, Due { deadline, hash, first });
    }

    fn send_due(
        &mut self,
        join: &Join,
        order: &mut TimeOrder,
        due: Due,
        emission: Emission,
        emit: &mut Emit<'_>,
    ) -> bool {
        let found = self.groups.find_entry(due.hash, |group| {
            group.hash == due.hash && group.first == due.first && group.deadline == due.deadline
        });
        let Ok(entry) = found else { return false };
        let (group, _) = entry.remove();
        send(join, order, &group, emission, emit);
        true
    }

    fn complete(
        &mut self,
        join: &Join,
        order: &mut TimeOrder,
        hash: u64,
        row: RowRef,
        emission: Emission,
        emit: &mut Emit<'_>,
    ) {
        let found =
            self.groups.find_entry(hash, |group| group.hash == hash && order.key(group.members[0]) == order.key(row));
        let Ok(entry) = found else { return };
        let (group, _) = entry.remove();
        send(join, order, &group, emission, emit);
    }
}

fn send(join: &Join, order: &mut TimeOrder, group: &Group, emission: Emission, emit: &mut Emit<'_>) {
    let mut members: SmallVec<[Arrival<'_>; 8]> = group.members.iter().map(|row| order.arrival(*row)).collect();
    members.sort_unstable_by_key(|member| (member.time, member.id));
    emit_group(join, &members, emission, emit);
    drop(members);
    for row in &group.members {
        order.done(*row);
    }
}

/// A group as an event; all its members are done. A group has at least one.
fn emit_group(join: &Join, members: &[Arrival<'_>], emission: Emission, emit: &mut Emit<'_>) {
    let Some(first) = members.first() else { return };
    let kind = kind(join, members);
    emit(JoinOutput::Event(Joined { kind, emission, time: first.time, key: first.key, members }));
    for row in members {
        emit(JoinOutput::Done { row: *row, joined: true });
    }
}

fn kind(join: &Join, members: &[Arrival<'_>]) -> JoinedKind {
    let lacks = |(index, stream): (usize, &JoinStream)| {
        stream.required && !members.iter().any(|member| usize::from(member.stream) == index)
    };
    if join.streams.iter().enumerate().any(lacks) { JoinedKind::Incomplete } else { JoinedKind::Complete }
}
