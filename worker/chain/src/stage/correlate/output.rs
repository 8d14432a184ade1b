//! From joined rows to events: ids, observation of pairs, and the event record.

use super::Body;
use crate::compile::program::{Join, JoinMode, Program};
use crate::id::{Id, IdBuilder};
use crate::join::{Arrival, Joined, JoinedKind};
use crate::log::Outputs;
use crate::row::{Cell, RowBuf};
use crate::stage::events::{EventKind, EventRecord, Member};
use crate::stage::plan::correlate_link;
use smallvec::SmallVec;

/// A row in the join's buffer: its template in front, if it has one.
pub(super) fn pack(template: Option<u64>, row: &[u8]) -> SmallVec<[u8; 256]> {
    let mut packed = SmallVec::with_capacity(row.len() + 9);
    packed.push(u8::from(template.is_some()));
    if let Some(id) = template {
        packed.extend_from_slice(&id.to_le_bytes());
    }
    packed.extend_from_slice(row);
    packed
}

/// Template and row of a packed row.
fn unpack(packed: &[u8]) -> (Option<u64>, &[u8]) {
    match packed.split_first() {
        Some((1, rest)) => match rest.split_first_chunk::<8>() {
            Some((id, row)) => (Some(u64::from_le_bytes(*id)), row),
            None => (None, rest),
        },
        Some((_, row)) => (None, row),
        None => (None, packed),
    }
}

fn member<'a>(join: &Join, arrival: &Arrival<'a>) -> Member<'a> {
    let (template, row) = unpack(arrival.row);
    let source = join.streams.get(usize::from(arrival.stream)).map_or(0, |stream| stream.source.0);
    Member { source, id: arrival.id, time: arrival.time, template, row }
}

/// The id of a joined event: of its key and members for pairs, of its key and first member for groups (a group may
/// still grow by late members and keeps its id).
fn event_id(program: &Program, joined: &Joined<'_>) -> Id {
    let mut id = IdBuilder::new("joined").str(&program.pipeline).bytes(joined.key);
    let fixed = if joined.kind == JoinedKind::Pair { 2 } else { 1 };
    for member in joined.members.iter().take(fixed) {
        id = id.bytes(&member.id.0.to_le_bytes());
    }
    id.finish()
}

impl Body {
    /// A joined event: observed, unless its rows were when they came, and sent on.
    pub(super) fn joined(&mut self, program: &Program, join: &Join, joined: &Joined<'_>, out: &mut Outputs) {
        let members: Vec<Member<'_>> = joined.members.iter().map(|arrival| member(join, arrival)).collect();
        let id = event_id(program, joined);
        let augment = if join.mode == JoinMode::Assemble {
            self.augment_of_group(program, &members)
        } else {
            let cells = side_by_side(program, join, joined, &members);
            if self.panes.is_too_late(joined.time, self.settled(self.now)) {
                self.panes.count_late();
            } else {
                self.panes.observe(joined.time, id, &join.observe, &cells, out);
            }
            if self.plan.events { self.closed.of(program, &join.observe, &cells) } else { Vec::new() }
        };
        if !self.plan.events {
            return;
        }
        let kind = EventKind::Joined(joined.kind, joined.emission);
        let event = EventRecord { id, time: joined.time, kind, key: Some(joined.key), members, augment };
        out.emit_with(out.outlet(correlate_link::EVENTS, 0), |out| event.write(out));
    }

    /// A group takes the values of the scope of its first member that has one.
    fn augment_of_group(&self, program: &Program, members: &[Member<'_>]) -> Vec<(u8, crate::time::EventTime, Vec<Option<f64>>)> {
        if program.augment.is_empty() || !self.plan.events {
            return Vec::new();
        }
        for member in members {
            let source = &program.sources[usize::from(member.source)];
            let mut cells = RowBuf::new();
            if source.parse.decode(member.row, &mut cells).is_err() {
                continue;
            }
            let values = self.closed.of(program, &source.observe, &cells);
            if !values.is_empty() {
                return values;
            }
        }
        Vec::new()
    }
}

/// The cells of a pair: the columns of both streams, each from its own offset on; null for a partner that is missing.
fn side_by_side<'a>(program: &Program, join: &Join, joined: &Joined<'_>, members: &[Member<'a>]) -> RowBuf<'a> {
    let width = |stream: &crate::compile::program::JoinStream| program.sources[usize::from(stream.source.0)].parse.schema().len();
    let total = join.streams.iter().map(|stream| usize::from(stream.offset) + width(stream)).max().unwrap_or(0);
    let mut cells: RowBuf<'a> = SmallVec::from_elem(Cell::Null, total);
    for (arrival, member) in joined.members.iter().zip(members) {
        let Some(stream) = join.streams.get(usize::from(arrival.stream)) else { continue };
        let mut part = RowBuf::new();
        if program.sources[usize::from(stream.source.0)].parse.decode(member.row, &mut part).is_ok() {
            let from = usize::from(stream.offset);
            cells[from..from + part.len()].copy_from_slice(&part);
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_row_keeps_its_template() {
        assert_eq!(unpack(&pack(Some(7), b"row")), (Some(7), &b"row"[..]));
        assert_eq!(unpack(&pack(None, b"row")), (None, &b"row"[..]));
        assert_eq!(unpack(&pack(None, b"")), (None, &b""[..]));
    }
}
