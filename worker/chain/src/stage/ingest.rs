//! The ingest stage: the fold over one source partition (rules R5, R6).
//!
//! ```text
//!  line ─► parse ─► event ────────► joins, partition by key ┐ a continuation line goes where
//!             │     continuation ─► joins, same partition   ┘ its start line went
//!             ├─► drop ───────────► fate (counted by the receiver)
//!             └─► dead ───────────► fate + dead letter
//!          template miner ─────────► templates, whenever source time passes a minute
//! ```
//!
//! What a line becomes is a function of the source partition up to it, and of nothing else.

use crate::compile::program::{Program, Source};
use crate::id::hash64;
use crate::log::ledger::Tally;
use crate::log::mark::SourceMark;
use crate::log::{Ingest, Minute, Offset, Outputs, RawLine, Reason, Upstream};
use crate::parse::multiline::PartialLines;
use crate::parse::program::{Outcome, Scratch};
use crate::parse::timestamp::TimeHint;
use crate::row::{Cell, RowBuf};
use crate::stage::events::DeadLetter;
use crate::stage::joins::{JoinsRecord, RowRecord, TemplateMark};
use crate::stage::plan::{LedgerStage, SourcePartition, ingest_link};
use crate::stage::templates::Templates;
use crate::time::EventTime;
use crate::wire::{Reader, Snapshot, WireError, Writer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Offsets in a row that go to one partition when no key decides.
const SPREAD: u64 = 256;

/// State of an ingest task.
pub struct IngestTask {
    program: Arc<Program>,
    /// Its number on the joins link.
    upstream: Upstream,
    partition: SourcePartition,
    state: State,
    scratch: Scratch,
    encoded: Vec<u8>,
}

/// What is saved.
#[derive(Debug, Clone)]
struct State {
    mark: SourceMark,
    /// Where the last start line went: partition of the joins link, and its event time.
    follows: Option<(u16, EventTime)>,
    templates: Option<Templates>,
    /// Pieces of lines that the container runtime has cut.
    partial: PartialLines,
    /// Lines that came in.
    tally: Tally,
}

impl IngestTask {
    /// A task before its first line.
    pub fn new(program: Arc<Program>, upstream: Upstream, partition: &SourcePartition) -> Self {
        let this = &program.sources[usize::from(partition.source.0)];
        let mark = SourceMark::new(this.disorder);
        let templates = Templates::new(this);
        Self::with(program, upstream, partition, State { mark, follows: None, templates, partial: PartialLines::default(), tally: Tally::default() })
    }

    /// A task from what [`Ingest::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(program: Arc<Program>, upstream: Upstream, partition: &SourcePartition, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let this = &program.sources[usize::from(partition.source.0)];
        let mark = SourceMark::load(input, this.disorder)?;
        let follows = input.option(|input| Ok((input.varint32()? as u16, EventTime(input.signed()?))))?;
        let templates = Templates::load(this, input)?;
        let partial = PartialLines::load(input)?;
        let tally = Tally::load(input)?;
        Ok(Self::with(program, upstream, partition, State { mark, follows, templates, partial, tally }))
    }

    fn with(program: Arc<Program>, upstream: Upstream, partition: &SourcePartition, state: State) -> Self {
        Self { program, upstream, partition: *partition, state, scratch: Scratch::default(), encoded: Vec::new() }
    }

    /// Lines that came in and whose tiles are not finished.
    pub fn tally(&self) -> &Tally {
        &self.state.tally
    }

    /// The greatest event time so far.
    pub fn greatest(&self) -> EventTime {
        self.state.mark.greatest()
    }

    /// The end of the source: pieces of lines become dead letters, and what the miner knows of every template leaves.
    /// Called inside a step of its own.
    pub fn close(&mut self, offset: Offset, out: &mut Outputs) {
        let Self { program, partition, state, scratch, .. } = self;
        let source = &program.sources[usize::from(partition.source.0)];
        let hint = hint(state);
        loop {
            scratch.reset();
            let Some(Outcome::Dead { reason, detail, time, raw }) = source.parse.finish(None, hint, &mut state.partial, scratch) else {
                break;
            };
            // The pieces had their fates when they came; the letter only shows what they were.
            let line = RawLine::new(&raw);
            send_letter(offset, line, reason, detail, time, &raw, out);
        }
        if let Some(templates) = &mut state.templates {
            templates.flush(out);
        }
    }
}

impl Ingest for IngestTask {
    fn line(&mut self, offset: Offset, line: RawLine<'_>, received: Option<EventTime>, out: &mut Outputs) {
        let Self { program, upstream, partition, state, scratch, encoded } = self;
        let source = &program.sources[usize::from(partition.source.0)];
        scratch.reset();
        let hint = hint(state);
        let (partial, memory) = (&mut state.partial, &*scratch);
        let parsed = catch_unwind(AssertUnwindSafe(|| source.parse.parse(line, received, hint, partial, memory)));
        let outcome = parsed.unwrap_or_else(|_| Outcome::Dead {
            reason: Reason::Poison,
            detail: "the parser failed on this line".to_owned(),
            time: None,
            raw: source.parse.redact_raw(line.bytes),
        });
        let minute = match outcome {
            Outcome::Event { time, row, .. } => {
                state.mark.line(time);
                event(program, source, state, offset, time, &row, encoded, out);
                Minute::of(time)
            }
            Outcome::Continuation { text } => match state.follows {
                Some((partition, time)) => {
                    let outlet = out.outlet(ingest_link::JOINS, partition);
                    out.emit_with(outlet, |out| JoinsRecord::Continuation { time, text }.write(out));
                    Minute::of(time)
                }
                None => {
                    let detail = "a continuation line without a start line before it".to_owned();
                    let raw = source.parse.redact_raw(line.bytes);
                    dead(state, offset, line, Reason::OrphanContinuation, detail, None, &raw, out)
                }
            },
            Outcome::Held => {
                let minute = minute(state, None);
                out.fate(Reason::Joined, minute);
                minute
            }
            Outcome::Drop { reason, time } => {
                let minute = minute(state, time);
                out.fate(reason, minute);
                minute
            }
            Outcome::Dead { reason, detail, time, raw } => dead(state, offset, line, reason, detail, time, &raw, out),
        };
        state.tally.taken(*upstream, offset, minute, partition.origin.event(offset.0, 0));
        for entry in state.tally.settle(*upstream, offset) {
            out.emit_with(out.outlet(ingest_link::LEDGER, 0), |out| {
                out.u8(LedgerStage::Ingest.code());
                entry.save(out);
            });
        }
    }

    fn mark(&self) -> EventTime {
        self.state.mark.mark()
    }

    fn save(&self, out: &mut Writer) {
        self.state.mark.save(out);
        out.option(self.state.follows, |out, (partition, time)| {
            out.varint(u64::from(partition));
            out.signed(time.0);
        });
        Templates::save(self.state.templates.as_ref(), out);
        self.state.partial.save(out);
        self.state.tally.save(out);
    }
}

/// The source's progress, for timestamps without a year.
fn hint(state: &State) -> TimeHint {
    let greatest = state.mark.greatest();
    TimeHint((greatest != EventTime::MIN).then_some(greatest))
}

/// The minute that a line without a readable time is counted in: that of the source's progress.
fn minute(state: &State, time: Option<EventTime>) -> Minute {
    match time {
        Some(time) => Minute::of(time),
        None if state.mark.greatest() == EventTime::MIN => Minute::UNKNOWN,
        None => Minute::of(state.mark.greatest()),
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of a task, borrowed apart")]
fn event(
    program: &Program,
    source: &Source,
    state: &mut State,
    offset: Offset,
    time: EventTime,
    row: &RowBuf<'_>,
    encoded: &mut Vec<u8>,
    out: &mut Outputs,
) {
    let opens = source.parse.multiline().is_some();
    let mined = state.templates.as_mut().and_then(|templates| templates.line(time, row, out));
    let outlet = match partition_hash(program, source, row) {
        Some(hash) => out.outlet_for(ingest_link::JOINS, hash),
        None => out.outlet_for(ingest_link::JOINS, offset.0 / SPREAD),
    };
    if opens {
        state.follows = Some((outlet.0 - out.outlet(ingest_link::JOINS, 0).0, time));
    }
    encoded.clear();
    source.parse.encode(row, encoded);
    let template = mined.as_ref().map(|mined| TemplateMark { id: mined.id, new: mined.new.as_deref() });
    let record = JoinsRecord::Row(RowRecord { time, opens, template, row: encoded });
    out.emit_with(outlet, |out| record.write(out));
}

/// What decides the partition: the correlation key where there is a join.
fn partition_hash(program: &Program, source: &Source, row: &RowBuf<'_>) -> Option<u64> {
    let join = program.join.as_ref()?;
    let stream = join.streams.iter().find(|stream| std::ptr::eq(&program.sources[usize::from(stream.source.0)], source))?;
    key_bytes(row.get(stream.key.index())?, &mut [0; 8]).map(hash64)
}

/// A key as bytes: text as it is, integers in eight bytes.
pub(super) fn key_bytes<'k>(cell: &Cell<'k>, buffer: &'k mut [u8; 8]) -> Option<&'k [u8]> {
    match cell {
        Cell::Bytes(bytes) if !bytes.is_empty() => Some(bytes),
        Cell::Int(value) => {
            *buffer = value.to_be_bytes();
            Some(buffer)
        }
        _ => None,
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of a dead letter")]
fn dead(
    state: &State,
    offset: Offset,
    line: RawLine<'_>,
    reason: Reason,
    detail: String,
    time: Option<EventTime>,
    raw: &[u8],
    out: &mut Outputs,
) -> Minute {
    let minute = minute(state, time);
    out.fate(reason, minute);
    send_letter(offset, line, reason, detail, time, raw, out);
    minute
}

fn send_letter(
    offset: Offset,
    line: RawLine<'_>,
    reason: Reason,
    detail: String,
    time: Option<EventTime>,
    raw: &[u8],
    out: &mut Outputs,
) {
    let full_length = line.superlog.map_or(line.bytes.len() as u64, |superlog| superlog.full_length);
    let reference = line.superlog.and_then(|superlog| superlog.reference);
    let letter = DeadLetter { offset, reason, detail, time, full_length, reference, raw };
    let outlet = out.outlet(ingest_link::DEAD_LETTER, 0);
    out.emit_with(outlet, |out| letter.write(out));
}
