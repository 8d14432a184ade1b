//! From joined rows to events: ids, observation of pairs, and the event record.

use super::{Body, FullRow};
use crate::compile::program::{Join, JoinMode, JoinStream, Program};
use crate::id::{Id, IdBuilder};
use crate::join::{Arrival, JoinOutput, JoinState, Joined, JoinedKind};
use crate::log::ledger::{Count, TileKey};
use crate::log::{Minute, Offset, Outputs, Reason, Upstream};
use crate::row::{Cell, RowBuf};
use crate::stage::events::{EventKind, EventRecord, Member};
use crate::stage::plan::correlate_link;
use crate::time::EventTime;
use crate::window::records::Scalar;
use crate::wire::{Reader, WireError, Writer};
use smallvec::SmallVec;
use std::sync::Arc;

/// A row in the join's buffer: where it came from and its template in front.
pub(super) fn pack(row: &FullRow<'_>, out: &mut Writer) {
    out.clear();
    out.varint(u64::from(row.upstream.0));
    out.varint(row.offset.0);
    out.option(row.member.template, |out, id| out.fixed64(id));
    out.raw(row.member.row);
}

/// What [`pack`] wrote, with what the join knows of the row.
fn unpack<'a>(join: &Join, arrival: &Arrival<'a>) -> Result<FullRow<'a>, WireError> {
    let mut input = Reader::new(arrival.row);
    let upstream = Upstream(input.varint32()?);
    let offset = Offset(input.varint()?);
    let template = input.option(|input| input.fixed64())?;
    let source = join.streams.get(usize::from(arrival.stream)).map_or(0, |stream| stream.source.0);
    let member = Member { source, id: arrival.id, time: arrival.time, template, row: input.rest() };
    Ok(FullRow { upstream, offset, member, new_template: None })
}

/// The lines of the rows that a join holds.
pub(super) fn held(join: &JoinState) -> impl Iterator<Item = (TileKey, Count)> {
    join.held().filter_map(|row| {
        let mut input = Reader::new(row.row);
        let (upstream, offset) = (Upstream(input.varint32().ok()?), Offset(input.varint().ok()?));
        let key = TileKey::of(upstream, offset, Minute::of(row.time));
        Some((key, Count { lines: 1, ids: row.id.0 }))
    })
}

/// The id of a joined event: of its key and members for pairs, of its key and first member for groups (a group may
/// still grow by late members and keeps its id).
fn event_id(program: &Program, joined: &Joined<'_>) -> Id {
    let mut id = IdBuilder::new("joined").str(&program.definition.pipeline).bytes(joined.key);
    let fixed = if joined.kind == JoinedKind::Pair { 2 } else { 1 };
    for member in joined.members.iter().take(fixed) {
        id = id.bytes(&member.id.0.to_le_bytes());
    }
    id.finish()
}

impl Body {
    /// Runs something on the join, and sends what comes out of it.
    pub(super) fn with_join(
        &mut self,
        out: &mut Outputs,
        run: impl FnOnce(&mut JoinState, &Join, &mut dyn FnMut(JoinOutput<'_>)),
    ) {
        let program = Arc::clone(&self.program);
        let (Some(mut state), Some(join)) = (self.join.take(), program.join.as_ref()) else { return };
        run(&mut state, join, &mut |output| match output {
            JoinOutput::Event(joined) => self.joined(&program, join, &joined, out),
            JoinOutput::Done { row, joined } => self.done(join, &row, joined),
        });
        self.join = Some(state);
    }

    /// A row has left the join: it went on, or it is an inner join's row without a partner.
    fn done(&mut self, join: &Join, row: &Arrival<'_>, joined: bool) {
        let Ok(row) = unpack(join, row) else { return };
        if joined {
            self.ledger.passed(row.upstream, row.offset, row.member.time, row.member.id);
        } else {
            self.ledger.dropped(row.upstream, row.offset, row.member.time, row.member.id, Reason::Unjoined);
        }
    }

    /// A joined event: observed, unless its rows were when they came, and sent on.
    fn joined(&mut self, program: &Program, join: &Join, joined: &Joined<'_>, out: &mut Outputs) {
        let rows = joined.members.iter().filter_map(|arrival| unpack(join, arrival).ok());
        let members: Vec<Member<'_>> = rows.map(|row| row.member).collect();
        let id = event_id(program, joined);
        let augment = if join.mode == JoinMode::Assemble {
            self.augment_of_group(program, &members)
        } else {
            let cells = side_by_side(program, join, joined, &members);
            // Too late for every window: counted by the pane table; the event itself still goes out.
            self.panes.observe_row(joined.time, id, &join.observe, &cells);
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
    fn augment_of_group(&self, program: &Program, members: &[Member<'_>]) -> Vec<(u16, EventTime, Vec<Scalar>)> {
        if program.definition.augment.is_empty() || !self.plan.events {
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
    let width = |stream: &JoinStream| program.sources[usize::from(stream.source.0)].parse.schema().len();
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
