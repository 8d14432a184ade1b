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
//! Where nothing has to be brought together first ([`Program::panes_in_ingest`]), rows are counted in panes here ([`panes`],
//! R25), and go on to correlate only if somebody reads events:
//!
//! ```text
//!  event ─► panes ─┬─► finals, and with claims provisionals ─► panes link ─► analyze
//!                  ├─► too late ─► fate (late) + late link
//!                  └─► joins, if there are events; else fate (observed): the line went on, in a pane
//! ```
//!
//! The ledger stays a check of two parties. The fold counts every line as *in*, whatever becomes of it. What is *out* or
//! dropped is counted by the receiver of the joins link, behind the receive rule, from what this task said there: a record,
//! a fate that ends the line, or the fate `observed`, which is said at the one place where a row has gone into the pane
//! table. A line of which nothing was said, or said twice, a frame lost or taken twice, does not balance. So the joins link
//! carries fates and marks in this shape too, a few bytes per run of lines, and nothing else when nobody reads events.
//!
//! What a line becomes is a function of the source partition up to it, and of nothing else.

mod panes;

use crate::compile::program::{Program, Source};
use crate::id::hash64;
use crate::log::ledger::Tally;
use crate::log::mark::{LogEndClaim, SourceMark};
use crate::log::{Ingest, Minute, Offset, Outputs, RawLine, Reason, Rules, Upstream};
use crate::parse::multiline::PartialLines;
use crate::parse::program::{Outcome, Scratch};
use crate::parse::timestamp::TimeHint;
use crate::row::{Cell, RowBuf};
use crate::stage::events::{DeadLetter, LateRecord, Member};
use crate::stage::joins::{JoinsRecord, RowRecord, TemplateMark};
use crate::stage::plan::{LedgerStage, Plan, SourcePartition, ingest_link};
use crate::stage::templates::Templates;
use crate::time::EventTime;
use crate::window::{PanePlan, PaneTable, Placed};
use crate::wire::{Reader, Snapshot, WireError, Writer};
use panes::IngestPanes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Offsets in a row that go to one partition when no key decides.
const SPREAD: u64 = 256;

/// State of an ingest task.
pub struct IngestTask {
    scene: Scene,
    state: State,
    scratch: Scratch,
    encoded: Vec<u8>,
}

/// What stays the same.
struct Scene {
    program: Arc<Program>,
    plan: Arc<Plan>,
    /// Its number on the links that it feeds.
    upstream: Upstream,
    partition: SourcePartition,
}

impl Scene {
    #[inline]
    fn source(&self) -> &Source {
        &self.program.sources[usize::from(self.partition.source.0)]
    }
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
    /// Where ingest folds them.
    panes: Option<IngestPanes>,
}

/// A row and what is known of it.
struct Event<'a> {
    offset: Offset,
    time: EventTime,
    row: RowBuf<'a>,
}

impl IngestTask {
    /// A task before its first line. All tasks of a pipeline may share the plan of their panes. `upstream` is its number: its
    /// place in [`Plan::partitions`].
    pub fn new(program: Arc<Program>, plan: Arc<Plan>, panes: Arc<PanePlan>, upstream: Upstream, rules: Rules) -> Self {
        let scene = scene(program, plan, upstream);
        let state = State {
            mark: SourceMark::new(scene.source().disorder),
            follows: None,
            templates: Templates::new(scene.source()),
            partial: PartialLines::default(),
            tally: Tally::default(),
            panes: scene.plan.panes_in_ingest.then(|| IngestPanes::new(panes, rules)),
        };
        Self { scene, state, scratch: Scratch::default(), encoded: Vec::new() }
    }

    /// A task from what [`Ingest::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(
        program: Arc<Program>,
        plan: Arc<Plan>,
        panes: Arc<PanePlan>,
        upstream: Upstream,
        rules: Rules,
        input: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        let scene = scene(program, plan, upstream);
        let state = State {
            mark: SourceMark::load(input, scene.source().disorder)?,
            follows: input.option(|input| Ok((input.varint32()? as u16, EventTime(input.signed()?))))?,
            templates: Templates::load(scene.source(), input)?,
            partial: PartialLines::load(input)?,
            tally: Tally::load(input)?,
            panes: match scene.plan.panes_in_ingest {
                true => Some(IngestPanes::load(panes, rules, input)?),
                false => None,
            },
        };
        Ok(Self { scene, state, scratch: Scratch::default(), encoded: Vec::new() })
    }

    /// The open panes, where ingest folds them.
    pub fn panes(&self) -> Option<&PaneTable> {
        self.state.panes.as_ref().map(|panes| &panes.table)
    }

    /// The owner has earned a log-end claim, and its position is at or behind the claim's end. Between steps, before a frame
    /// is cut: the claim goes with the frames that end here. On the panes link it takes along the open panes that it passes,
    /// up to `max_bytes` per partition; what does not fit lowers it there.
    pub fn claim(&mut self, claim: LogEndClaim, max_bytes: usize, out: &mut Outputs) {
        out.claim(claim);
        if let Some(panes) = &mut self.state.panes {
            panes.claim(claim, max_bytes, out);
        }
    }

    /// Lines that came in and whose tiles are not finished.
    pub fn tally(&self) -> &Tally {
        &self.state.tally
    }

    /// The greatest event time so far.
    pub fn greatest(&self) -> EventTime {
        self.state.mark.greatest()
    }

    /// Between steps, before the state is saved: what was put off for speed is done. Changes nothing that is emitted or saved.
    pub fn rest(&mut self) {
        if let Some(panes) = &mut self.state.panes {
            panes.table.settle();
        }
    }

    /// The end of the source: pieces of lines become dead letters, and what the miner knows of every template leaves.
    /// Called inside a step of its own.
    pub fn close(&mut self, offset: Offset, out: &mut Outputs) {
        let Self { scene, state, scratch, .. } = self;
        let source = scene.source();
        let hint = hint(state);
        loop {
            scratch.reset();
            let Some(Outcome::Dead { reason, detail, time, raw }) =
                source.parse.finish(None, hint, &mut state.partial, scratch)
            else {
                break;
            };
            // The pieces had their fates when they came; the letter only shows what they were.
            let line = RawLine::new(&raw);
            send_letter(offset, line, reason, detail, time, &raw, out);
        }
        if let Some(templates) = &mut state.templates {
            templates.flush(out);
        }
        if let Some(panes) = &mut state.panes {
            panes.flush(EventTime::MAX, out);
        }
    }
}

fn scene(program: Arc<Program>, plan: Arc<Plan>, upstream: Upstream) -> Scene {
    let partition = plan.partitions[upstream.0 as usize];
    Scene { program, plan, upstream, partition }
}

impl Ingest for IngestTask {
    fn line(&mut self, offset: Offset, line: RawLine<'_>, received: Option<EventTime>, out: &mut Outputs) {
        let Self { scene, state, scratch, encoded } = self;
        let source = scene.source();
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
                event(scene, state, &Event { offset, time, row }, encoded, out);
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
        if let Some(panes) = &mut state.panes {
            panes.end(offset, state.mark.mark(), out);
        }
        state.tally.taken(scene.upstream, offset, minute, scene.partition.origin.event(offset.0, 0));
        for entry in state.tally.settle(scene.upstream, offset) {
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
        if let Some(panes) = &self.state.panes {
            panes.save(out);
        }
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

/// A parsed line: counted in panes, or sent on, or both.
fn event(scene: &Scene, state: &mut State, event: &Event<'_>, encoded: &mut Vec<u8>, out: &mut Outputs) {
    let source = scene.source();
    let mined = state.templates.as_mut().and_then(|templates| templates.line(event.time, &event.row, out));
    if let Some(panes) = &mut state.panes {
        let template = mined.as_ref().map(|mined| (mined.id, mined.new.as_deref()));
        if !observe(scene, panes, event, template, encoded, out) {
            return;
        }
        if !scene.plan.events {
            return out.fate(Reason::Observed, Minute::of(event.time));
        }
    }
    let opens = source.parse.multiline().is_some();
    let outlet = match partition_hash(&scene.program, source, &event.row) {
        Some(hash) => out.outlet_for(ingest_link::JOINS, hash),
        None => out.outlet_for(ingest_link::JOINS, event.offset.0 / SPREAD),
    };
    if opens {
        state.follows = Some((outlet.0 - out.outlet(ingest_link::JOINS, 0).0, event.time));
    }
    encoded.clear();
    source.parse.encode(&event.row, encoded);
    let template = mined.as_ref().map(|mined| TemplateMark { id: mined.id, new: mined.new.as_deref() });
    let record = JoinsRecord::Row(RowRecord { time: event.time, opens, template, row: encoded });
    out.emit_with(outlet, |out| record.write(out));
}

/// Counts a row in the panes. False when it is too late for every window: then it has gone to the late output.
fn observe(
    scene: &Scene,
    panes: &mut IngestPanes,
    event: &Event<'_>,
    template: Option<(u64, Option<&[u8]>)>,
    encoded: &mut Vec<u8>,
    out: &mut Outputs,
) -> bool {
    let (source, time) = (scene.source(), event.time);
    panes.seen(time);
    if let Some((id, Some(text))) = template {
        panes.new_template(scene.partition.source.0, time, id, text, out);
    }
    let id = scene.partition.origin.event(event.offset.0, 0);
    let placed = panes.table.observe_row(time, id, &source.observe, &event.row);
    panes.placed(time, placed);
    if placed != Placed::TooLate {
        return true;
    }
    out.fate(Reason::Late, Minute::of(time));
    encoded.clear();
    source.parse.encode(&event.row, encoded);
    let member =
        Member { source: scene.partition.source.0, id, time, template: template.map(|(id, _)| id), row: encoded };
    let watermark = panes.table.watermark();
    let late = LateRecord { upstream: scene.upstream.0, offset: event.offset, watermark, member };
    out.emit_with(out.outlet(ingest_link::LATE, 0), |out| late.write(out));
    false
}

/// What decides the partition: the correlation key where there is a join.
fn partition_hash(program: &Program, source: &Source, row: &RowBuf<'_>) -> Option<u64> {
    let join = program.join.as_ref()?;
    let stream =
        join.streams.iter().find(|stream| std::ptr::eq(&program.sources[usize::from(stream.source.0)], source))?;
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
