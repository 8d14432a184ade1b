//! The correlate stage: the fold over one partition of the joins link (rules R2 to R7).
//!
//! ```text
//!  rows ─► assemble lines (R6) ─► dedupe ─┬─► observe ─► panes ──────────────► panes link
//!                                         ├─► join ─► joined events ─► augment ► events link
//!                                         └─► behind every window ───────────► late link
//!  fates ─► ledger                             closed values ◄─────────────── feedback from analyze
//! ```
//!
//! Rows are observed when they are folded; rows of inner, left and outer joins when they are joined. Panes leave only
//! inside a step, when task time passes their end (R7). The state is a function of the log below its position.

mod assembly;
mod augment;
mod dedupe;
mod output;

use crate::compile::program::{Join, JoinMode, Program};
use crate::join::{Arrival, JoinState, Joined, Taken};
use crate::log::ledger::Ledger;
use crate::log::{FateRun, Fold, Frame, Minute, Offset, Outputs, Position, Reason, Received, Receiver, Rules, Stage, Upstream};
use crate::row::RowBuf;
use crate::stage::events::{EventKind, EventRecord, LateRecord, Member};
use crate::stage::ingest::key_bytes;
use crate::stage::joins::{JoinsRecord, RowRecord, TemplateMark};
use crate::stage::plan::{Plan, correlate_link};
use crate::time::EventTime;
use crate::window::pane::PaneTable;
use crate::wire::{Reader, WireError, Writer};
use assembly::Assemblies;
use augment::ClosedValues;
use dedupe::Dedupe;
use std::sync::Arc;

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
    panes: PaneTable,
    closed: ClosedValues,
    ledger: Ledger,
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
    pub fn new(program: Arc<Program>, plan: Arc<Plan>, rules: Rules) -> Self {
        let receiver = Receiver::new(plan.joins_upstreams(&program), rules);
        let body = Body {
            now: EventTime::MIN,
            assemblies: Assemblies::default(),
            dedupe: Dedupe::new(&program),
            join: program.join.as_ref().map(JoinState::new),
            panes: PaneTable::new(&program, rules),
            closed: ClosedValues::default(),
            ledger: Ledger::default(),
            program,
            plan,
        };
        Self { receiver, body }
    }

    /// A task from what [`Stage::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(program: Arc<Program>, plan: Arc<Plan>, rules: Rules, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let receiver = Receiver::load(input, rules)?;
        let body = Body {
            now: receiver.time(),
            assemblies: Assemblies::load(&program, &plan, input)?,
            dedupe: Dedupe::load(&program, input)?,
            join: program.join.as_ref().map(|join| JoinState::load(join, input)).transpose()?,
            panes: PaneTable::load(&program, rules, input)?,
            closed: ClosedValues::load(input)?,
            ledger: Ledger::load(input)?,
            program,
            plan,
        };
        Ok(Self { receiver, body })
    }

    /// The ledger of what this task has received.
    pub fn ledger(&self) -> &Ledger {
        &self.body.ledger
    }

    /// Rows that wait for partners, and their logical bytes.
    pub fn held(&self) -> (u64, u64) {
        self.body.join.as_ref().map_or((0, 0), |join| (join.rows(), join.bytes()))
    }

    /// The open panes.
    pub fn panes(&self) -> &PaneTable {
        &self.body.panes
    }
}

impl Stage for CorrelateTask {
    fn step(&mut self, _at: Offset, frame: &Frame<'_>, out: &mut Outputs) -> Received {
        self.receiver.step(frame, &mut self.body, out)
    }

    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn mark(&self) -> EventTime {
        self.body.settled(self.receiver.time())
    }

    fn save(&self, out: &mut Writer) {
        self.receiver.save(out);
        self.body.assemblies.save(out);
        self.body.dedupe.save(out);
        if let Some(join) = &self.body.join {
            join.save(out);
        }
        self.body.panes.save(out);
        self.body.closed.save(out);
        self.body.ledger.save(out);
    }
}

impl Fold for Body {
    fn record(&mut self, upstream: Upstream, at: Position, payload: &[u8], out: &mut Outputs) {
        if Plan::is_feedback(upstream) {
            self.closed.record(payload);
            return;
        }
        match JoinsRecord::read(payload) {
            Ok(JoinsRecord::Row(row)) => self.row(upstream, at, row, out),
            Ok(JoinsRecord::Continuation { text }) => self.continuation(upstream, at, text),
            // A frame is checked when it is decoded, so this is a sender of another version: counted, never folded.
            Err(_) => self.ledger.dropped(upstream, Minute::UNKNOWN, Reason::SchemaMismatch, 1),
        }
    }

    fn fate(&mut self, upstream: Upstream, run: FateRun, _out: &mut Outputs) {
        if !Plan::is_feedback(upstream) {
            self.ledger.fate(upstream, run);
        }
    }

    fn marked(&mut self, upstream: Upstream, mark: EventTime, out: &mut Outputs) {
        if let Some(done) = self.assemblies.due(upstream, mark) {
            self.assembled(done, out);
        }
    }

    fn hold(&self, upstream: Upstream) -> Option<EventTime> {
        self.assemblies.open_since(upstream)
    }

    fn time(&mut self, now: EventTime, out: &mut Outputs) {
        self.now = now;
        self.with_join(out, |join, definition, emit| join.advance(definition, now, emit));
        self.panes.flush(self.settled(now), out);
        self.ledger.cut(out, correlate_link::LEDGER);
    }
}

impl Body {
    /// Up to where every observation has been made: task time, less what the join holds back.
    fn settled(&self, now: EventTime) -> EventTime {
        match (&self.join, &self.program.join) {
            (Some(state), Some(join)) => match join.mode {
                JoinMode::Assemble => now,
                JoinMode::Inner => state.frontier().min(now),
                JoinMode::Left | JoinMode::Outer => state.frontier().min(now).minus(join.within),
            },
            _ => now,
        }
    }

    fn row(&mut self, upstream: Upstream, at: Position, record: RowRecord<'_>, out: &mut Outputs) {
        let Some(partition) = self.plan.partition(upstream).copied() else { return };
        let id = partition.origin.event(at.offset.0, 0);
        self.ledger.passed(upstream, Minute::of(record.time), id);
        let member = Member {
            source: partition.source.0,
            id,
            time: record.time,
            template: record.template.map(|template| template.id),
            row: record.row,
        };
        let new_template = record.template.and_then(|template: TemplateMark<'_>| template.new);
        let row = FullRow { upstream, offset: at.offset, member, new_template };
        if !record.opens {
            return self.event(row, out);
        }
        if let Some(before) = self.assemblies.open(upstream, &row) {
            self.assembled(before, out);
        }
    }

    fn continuation(&mut self, upstream: Upstream, at: Position, text: &[u8]) {
        let Some(partition) = self.plan.partition(upstream) else { return };
        let id = partition.origin.event(at.offset.0, 0);
        let parse = &self.program.sources[usize::from(partition.source.0)].parse;
        match self.assemblies.push(upstream, parse, text) {
            Some(minute) => self.ledger.passed(upstream, minute, id),
            None => self.ledger.dropped_with_id(upstream, Minute::UNKNOWN, Reason::OrphanContinuation, id),
        }
    }

    fn assembled(&mut self, done: assembly::Done, out: &mut Outputs) {
        let parse = Arc::clone(&self.program.sources[usize::from(done.source)].parse);
        let row = done.finish(&parse);
        self.event(row.full(), out);
    }

    /// A whole event: one line, or an assembled one.
    fn event(&mut self, row: FullRow<'_>, out: &mut Outputs) {
        let program = Arc::clone(&self.program);
        let source = &program.sources[usize::from(row.member.source)];
        let mut cells = RowBuf::new();
        if source.parse.decode(row.member.row, &mut cells).is_err() {
            return self.ledger.move_to_dropped(row.upstream, Minute::of(row.member.time), Reason::SchemaMismatch, row.member.id);
        }
        if self.dedupe.is_repeat(&program, row.member.source, row.upstream, row.member.time, &cells, row.member.row) {
            return self.ledger.move_to_dropped(row.upstream, Minute::of(row.member.time), Reason::Duplicate, row.member.id);
        }
        if let Some(text) = row.new_template {
            self.panes.new_template(row.member.source, row.member.template.unwrap_or(0), text, row.member.time, &cells, out);
        }
        let stream = program.join.as_ref().and_then(|join| {
            let place = join.streams.iter().position(|stream| stream.source.0 == row.member.source)?;
            Some((join, place))
        });
        let Some((join, place)) = stream else {
            return self.single(row, &cells, out);
        };
        let assemble = join.mode == JoinMode::Assemble;
        let mut buffer = [0; 8];
        let key = cells.get(join.streams[place].key.index()).and_then(|cell| key_bytes(cell, &mut buffer));
        let Some(key) = key else {
            return self.single(row, &cells, out);
        };
        if assemble && !self.observe(&row, &cells, out) {
            return;
        }
        let completes = join.complete.get(place).and_then(Option::as_ref).is_some_and(|complete| complete.bool(&cells) == Some(true));
        self.join_row(join, place as u8, key, completes, &row, out);
    }

    /// An event that no join takes: observed and sent on as it is.
    fn single(&mut self, row: FullRow<'_>, cells: &RowBuf<'_>, out: &mut Outputs) {
        if !self.observe(&row, cells, out) || !self.plan.events {
            return;
        }
        let program = Arc::clone(&self.program);
        let observe = &program.sources[usize::from(row.member.source)].observe;
        let event = EventRecord {
            id: row.member.id,
            time: row.member.time,
            kind: EventKind::Single,
            key: None,
            members: vec![row.member],
            augment: self.closed.of(&program, observe, cells),
        };
        out.emit_with(out.outlet(correlate_link::EVENTS, 0), |out| event.write(out));
    }

    /// Counts a row in the panes. False when it is too late for every window: then it has gone to the late output.
    fn observe(&mut self, row: &FullRow<'_>, cells: &RowBuf<'_>, out: &mut Outputs) -> bool {
        let program = Arc::clone(&self.program);
        let observe = &program.sources[usize::from(row.member.source)].observe;
        if self.panes.is_too_late(row.member.time, self.settled(self.now)) {
            self.late(row, out);
            return false;
        }
        self.panes.observe(row.member.time, row.member.id, observe, cells, out);
        true
    }

    fn late(&mut self, row: &FullRow<'_>, out: &mut Outputs) {
        self.ledger.move_to_dropped(row.upstream, Minute::of(row.member.time), Reason::Late, row.member.id);
        let late = LateRecord { upstream: row.upstream.0, offset: row.offset, watermark: self.now, member: row.member };
        out.emit_with(out.outlet(correlate_link::LATE, 0), |out| late.write(out));
    }

    fn join_row(&mut self, join: &Join, stream: u8, key: &[u8], completes: bool, row: &FullRow<'_>, out: &mut Outputs) {
        let payload = output::pack(row.member.template, row.member.row);
        let arrival = Arrival { time: row.member.time, id: row.member.id, stream, completes, key, row: &payload };
        let mut taken = Taken::Held;
        self.with_join(out, |state, _, emit| taken = state.push(join, arrival, emit));
        if taken == Taken::Late {
            self.late(row, out);
        }
    }

    /// Runs something on the join, and sends what comes out of it.
    fn with_join(&mut self, out: &mut Outputs, run: impl FnOnce(&mut JoinState, &Join, &mut dyn FnMut(Joined<'_>))) {
        let program = Arc::clone(&self.program);
        let (Some(mut state), Some(join)) = (self.join.take(), program.join.as_ref()) else { return };
        run(&mut state, join, &mut |joined| self.joined(&program, join, &joined, out));
        self.join = Some(state);
    }
}
