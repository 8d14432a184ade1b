//! The correlate stage: the fold over one partition of the joins link (rules R2 to R7).
//!
//! ```text
//!  rows ─► assemble lines (R6) ─► dedupe ─┬─► observe ─► panes ──────────────► panes link
//!                                         ├─► join ─► joined events ─► augment ► events link
//!                                         └─► behind every window ───────────► late link
//!  fates ─► ledger link                        closed values ◄─────────────── feedback from analyze
//! ```
//!
//! Where ingest folds the panes (R25), all that is left to do here is the ledger and, if somebody reads them, the events.
//!
//! Rows are observed when they are folded; rows of inner, left and outer joins when they are joined. Panes leave only
//! inside a step, when task time passes their end (R7). The state is a function of the log below its position.

mod assembly;
mod augment;
mod dedupe;
mod ledger;
mod output;

use crate::compile::program::{Join, JoinMode, Program};
use crate::join::{Arrival, JoinState, Taken};
use crate::log::ledger::{Count, TileKey};
use crate::log::{
    FateRun, Fold, Frame, Minute, Offset, Outputs, Position, Reason, Received, Receiver, Rules, Stage, Upstream,
};
use crate::row::RowBuf;
use crate::stage::events::{EventKind, EventRecord, LateRecord, Member};
use crate::stage::ingest::key_bytes;
use crate::stage::joins::{JoinsRecord, RowRecord};
use crate::stage::plan::{Plan, correlate_link};
use crate::time::EventTime;
use crate::window::records::{NewTemplate, Scalar};
use crate::window::{PanePlan, PaneTable, Placed};
use crate::wire::{Reader, WireError, Writer};
use assembly::Assemblies;
use augment::ClosedValues;
use dedupe::Dedupe;
use ledger::CorrelateLedger;
use std::sync::Arc;

pub use ledger::StageTally;

/// State of a correlate task.
pub struct CorrelateTask {
    receiver: Receiver,
    body: Body,
}

/// Everything behind the receiver.
struct Body {
    program: Arc<Program>,
    plan: Arc<Plan>,
    /// Task time of the last step.
    now: EventTime,
    assemblies: Assemblies,
    dedupe: Dedupe,
    join: Option<JoinState>,
    /// A row on its way into the join; empty memory that is used again.
    packed: Writer,
    panes: PaneTable,
    /// Least event time per source: how long a source has been running, for new templates.
    started: Vec<EventTime>,
    closed: ClosedValues,
    ledger: CorrelateLedger,
}

/// A row of which everything is known.
#[derive(Clone, Copy)]
struct FullRow<'a> {
    upstream: Upstream,
    offset: Offset,
    member: Member<'a>,
    /// Text of its template, on the template's first row.
    new_template: Option<&'a [u8]>,
}

impl CorrelateTask {
    /// A task before its first frame.
    pub fn new(program: Arc<Program>, plan: Arc<Plan>, panes: Arc<PanePlan>, rules: Rules) -> Self {
        let receiver = Receiver::new(plan.joins_upstreams(&program), rules);
        let body = Body {
            now: EventTime::MIN,
            assemblies: Assemblies::default(),
            dedupe: Dedupe::new(&program),
            join: program.join.as_ref().map(JoinState::new),
            packed: Writer::new(),
            panes: PaneTable::new(panes),
            started: vec![EventTime::MAX; program.sources.len()],
            closed: ClosedValues::default(),
            ledger: CorrelateLedger::default(),
            program,
            plan,
        };
        Self { receiver, body }
    }

    /// A task from what [`Stage::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(
        program: Arc<Program>,
        plan: Arc<Plan>,
        panes: Arc<PanePlan>,
        rules: Rules,
        input: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        let receiver = Receiver::load(input, rules)?;
        let body = Body {
            now: receiver.time(),
            assemblies: Assemblies::load(&plan, input)?,
            dedupe: Dedupe::load(&program, input)?,
            join: program.join.as_ref().map(|join| JoinState::load(join, input)).transpose()?,
            packed: Writer::new(),
            panes: PaneTable::load(panes, input)?,
            started: program.sources.iter().map(|_| input.signed().map(EventTime)).collect::<Result<_, _>>()?,
            closed: ClosedValues::load(input)?,
            ledger: CorrelateLedger::load(input)?,
            program,
            plan,
        };
        Ok(Self { receiver, body })
    }

    /// What has been counted and not sent on the ledger link.
    pub fn tallies(&self) -> impl Iterator<Item = StageTally<'_>> {
        self.body.ledger.tallies()
    }

    /// Rows that wait for partners, and their logical bytes.
    pub fn held(&self) -> (u64, u64) {
        self.body.join.as_ref().map_or((0, 0), |join| (join.rows(), join.bytes()))
    }

    /// Lines that are inside: open assemblies and rows that wait for partners.
    pub fn held_lines(&self) -> Vec<(TileKey, Count)> {
        let mut held = self.body.assemblies.held();
        if let Some(join) = &self.body.join {
            held.extend(output::held(join));
        }
        held
    }

    /// The open panes.
    pub fn panes(&self) -> &PaneTable {
        &self.body.panes
    }
}

impl Stage for CorrelateTask {
    fn step(&mut self, _at: Offset, frame: &Frame<'_>, out: &mut Outputs) -> Received {
        let received = self.receiver.step(frame, &mut self.body, out);
        self.body.ledger.settle(received.upstream, received.next.offset, out);
        received
    }

    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn mark(&self) -> EventTime {
        self.body.settled()
    }

    fn save(&self, out: &mut Writer) {
        let body = &self.body;
        self.receiver.save(out);
        body.assemblies.save(out);
        body.dedupe.save(out);
        if let Some(join) = &body.join {
            join.save(out);
        }
        body.panes.save(out);
        body.started.iter().for_each(|started| out.signed(started.0));
        body.closed.save(out);
        body.ledger.save(out);
    }
}

impl Fold for Body {
    fn record(&mut self, upstream: Upstream, at: Position, payload: &[u8], out: &mut Outputs) {
        if Plan::is_feedback(upstream) {
            self.closed.record(&self.program, payload);
            return;
        }
        let Some(partition) = self.plan.partition(upstream).copied() else { return };
        let id = partition.origin.event(at.offset.0, 0);
        match JoinsRecord::read(payload) {
            Ok(JoinsRecord::Row(row)) => {
                self.ledger.received(upstream, at.offset, Minute::of(row.time), id);
                self.row(upstream, at.offset, id, partition.source.0, row, out);
            }
            Ok(JoinsRecord::Continuation { time, text }) => {
                self.ledger.received(upstream, at.offset, Minute::of(time), id);
                let parse = &self.program.sources[usize::from(partition.source.0)].parse;
                let reason = match self.assemblies.push(upstream, parse, text) {
                    assembly::Pushed::Added => return self.ledger.passed(upstream, at.offset, time, id),
                    assembly::Pushed::Full => Reason::AssemblyOverflow,
                    assembly::Pushed::NoStart => Reason::OrphanContinuation,
                };
                self.ledger.dropped(upstream, at.offset, time, id, reason);
            }
            // A frame is checked when it is decoded, so this is a sender of another version: counted, never folded.
            Err(_) => {
                self.ledger.received(upstream, at.offset, Minute::UNKNOWN, id);
                self.ledger.dropped(upstream, at.offset, EventTime::MIN, id, Reason::SchemaMismatch);
            }
        }
    }

    fn fate(&mut self, upstream: Upstream, run: FateRun, _out: &mut Outputs) {
        if let Some(partition) = self.plan.partition(upstream) {
            let origin = partition.origin;
            self.ledger.fate(upstream, run, |offset| origin.event(offset.0, 0));
        }
    }

    fn marked(&mut self, upstream: Upstream, mark: EventTime, out: &mut Outputs) {
        if let Some(done) = self.assemblies.due(&self.program, upstream, mark) {
            self.assembled(done, out);
        }
    }

    fn hold(&self, upstream: Upstream) -> Option<EventTime> {
        self.assemblies.open_since(upstream)
    }

    fn time(&mut self, now: EventTime, out: &mut Outputs) {
        self.now = now;
        self.with_join(out, |join, definition, emit| join.advance(definition, now, emit));
        if self.plan.panes_in_ingest {
            return;
        }
        let settled = self.settled();
        self.panes.flush(settled, &mut |partition: u32, _time: EventTime, record: &[u8]| {
            out.emit(out.outlet(correlate_link::PANES, partition as u16), record);
        });
    }
}

impl Body {
    /// Up to where every observation has been made: task time, less what the join holds back.
    fn settled(&self) -> EventTime {
        match (&self.join, &self.program.join) {
            (Some(state), Some(join)) => match join.mode {
                JoinMode::Assemble => self.now,
                JoinMode::Inner => state.frontier().min(self.now),
                JoinMode::Left | JoinMode::Outer => state.frontier().min(self.now).minus(join.within),
            },
            _ => self.now,
        }
    }

    /// A start line closes the assembly before it.
    fn row(
        &mut self,
        upstream: Upstream,
        offset: Offset,
        id: crate::id::Id,
        source: u16,
        record: RowRecord<'_>,
        out: &mut Outputs,
    ) {
        let template = record.template.map(|template| template.id);
        let member = Member { source, id, time: record.time, template, row: record.row };
        let new_template = record.template.and_then(|template| template.new);
        let row = FullRow { upstream, offset, member, new_template };
        if !record.opens {
            return self.event(row, out);
        }
        if let Some(before) = self.assemblies.open(&row) {
            self.assembled(before, out);
        }
    }

    fn assembled(&mut self, done: assembly::Open, out: &mut Outputs) {
        let program = Arc::clone(&self.program);
        let finished = done.finish(&program);
        self.event(finished.full(), out);
    }

    /// A whole event: one line, or an assembled one.
    fn event(&mut self, row: FullRow<'_>, out: &mut Outputs) {
        if self.plan.panes_in_ingest {
            return self.counted(row, out);
        }
        let program = Arc::clone(&self.program);
        let member = row.member;
        let source = &program.sources[usize::from(member.source)];
        let started = &mut self.started[usize::from(member.source)];
        *started = (*started).min(member.time);
        let mut cells = RowBuf::new();
        if source.parse.decode(member.row, &mut cells).is_err() {
            return self.ledger.dropped(row.upstream, row.offset, member.time, member.id, Reason::SchemaMismatch);
        }
        if self.dedupe.is_repeat(&program, row.upstream, &member, &cells) {
            return self.ledger.dropped(row.upstream, row.offset, member.time, member.id, Reason::Duplicate);
        }
        self.new_template(&row, out);
        let stream = program.join.as_ref().and_then(|join| {
            let place = join.streams.iter().position(|stream| stream.source.0 == member.source)?;
            Some((join, place))
        });
        let mut buffer = [0; 8];
        let keyed = stream.and_then(|(join, place)| {
            let key = key_bytes(cells.get(join.streams[place].key.index())?, &mut buffer)?;
            Some((join, place, key))
        });
        let Some((join, place, key)) = keyed else {
            return self.single(row, &cells, out);
        };
        if join.mode == JoinMode::Assemble && !self.observe_row(&row, &cells, out) {
            return;
        }
        let completes = join.complete.get(place).and_then(Option::as_ref);
        let completes = completes.is_some_and(|complete| complete.bool(&cells) == Some(true));
        self.join_row(join, place as u8, key, completes, &row, out);
    }

    /// A row that ingest has counted in its panes: it is an event, and nothing more.
    fn counted(&mut self, row: FullRow<'_>, out: &mut Outputs) {
        let member = row.member;
        self.ledger.passed(row.upstream, row.offset, member.time, member.id);
        if self.plan.events {
            self.send_event(member, Vec::new(), out);
        }
    }

    fn new_template(&mut self, row: &FullRow<'_>, out: &mut Outputs) {
        let (Some(text), Some(template)) = (row.new_template, row.member.template) else { return };
        let text = String::from_utf8_lossy(text);
        let sighting = NewTemplate {
            source: row.member.source,
            template: crate::id::Id(u128::from(template)),
            first_seen: row.member.time,
            started: self.started[usize::from(row.member.source)],
            text: &text,
        };
        let outlet = out.outlet(correlate_link::PANES, sighting.partition(u32::from(self.plan.panes)) as u16);
        out.emit_with(outlet, |out| sighting.save(out));
    }

    /// An event that no join takes: observed and sent on as it is.
    fn single(&mut self, row: FullRow<'_>, cells: &RowBuf<'_>, out: &mut Outputs) {
        if !self.observe_row(&row, cells, out) {
            return;
        }
        let member = row.member;
        self.ledger.passed(row.upstream, row.offset, member.time, member.id);
        if !self.plan.events {
            return;
        }
        let program = Arc::clone(&self.program);
        let observe = &program.sources[usize::from(member.source)].observe;
        let augment = self.closed.of(&program, observe, cells);
        self.send_event(member, augment, out);
    }

    fn send_event(&self, member: Member<'_>, augment: Vec<(u16, EventTime, Vec<Scalar>)>, out: &mut Outputs) {
        let event = EventRecord {
            id: member.id,
            time: member.time,
            kind: EventKind::Single,
            key: None,
            members: vec![member],
            augment,
        };
        out.emit_with(out.outlet(correlate_link::EVENTS, 0), |out| event.write(out));
    }

    /// Counts a row in the panes. False when it is too late for every window: then it has gone to the late output.
    fn observe_row(&mut self, row: &FullRow<'_>, cells: &RowBuf<'_>, out: &mut Outputs) -> bool {
        let program = Arc::clone(&self.program);
        let observe = &program.sources[usize::from(row.member.source)].observe;
        if self.panes.observe_row(row.member.time, row.member.id, observe, cells) == Placed::TooLate {
            self.late(row, out);
            return false;
        }
        true
    }

    fn late(&mut self, row: &FullRow<'_>, out: &mut Outputs) {
        self.ledger.dropped(row.upstream, row.offset, row.member.time, row.member.id, Reason::Late);
        let late = LateRecord { upstream: row.upstream.0, offset: row.offset, watermark: self.now, member: row.member };
        out.emit_with(out.outlet(correlate_link::LATE, 0), |out| late.write(out));
    }

    fn join_row(&mut self, join: &Join, stream: u8, key: &[u8], completes: bool, row: &FullRow<'_>, out: &mut Outputs) {
        let mut packed = std::mem::take(&mut self.packed);
        output::pack(row, &mut packed);
        let packed_row = packed.as_slice();
        let arrival = Arrival { time: row.member.time, id: row.member.id, stream, completes, key, row: packed_row };
        let mut taken = Taken::Held;
        self.with_join(out, |state, _, emit| taken = state.push(join, arrival, emit));
        self.packed = packed;
        if taken == Taken::Late {
            self.late(row, out);
        }
    }
}
