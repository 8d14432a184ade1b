//! All tasks of a pipeline in one process, with in-process links.
//!
//! ```text
//!  line ──► ingest u ──frame──► correlate j ──frame──► analyze q ──frame──► alert ──frame──► lanes ──► Sink
//!            (batch)              └────────── frames of events, late, ledger ─────────────────┘
//! ```
//!
//! The machine is itself a deterministic fold: what it emits is a function of the lines, of the batches that
//! [`Machine::flush`] ends, and of the claims. Its whole state is its tasks, their log ends and the lanes' cursors, for
//! between two calls every link is empty; [`Machine::save`] writes it as one checkpoint, which disturbs nothing.
//!
//! Frames are real: encoded, checked, received by position. What differs from Kafka is only that a frame, once cut, is
//! at once in the log and acknowledged.

mod lane;
mod ledger;
mod slot;

pub use lane::{Sink, Stream};
pub use ledger::Books;

use crate::compile::program::Program;
use crate::log::fold::fold_line;
use crate::log::mark::LogEndClaim;
use crate::log::{
    FrameBytes, FrameError, Ingest, Minute, Offset, Outputs, Position, RawLine, Reason, Rules, Stage, Upstream,
};
use crate::stage::alert::AlertTask;
use crate::stage::analyze::AnalyzeTask;
use crate::stage::correlate::CorrelateTask;
use crate::stage::ingest::IngestTask;
use crate::stage::plan::{LedgerStage, Plan, alert_link, analyze_link, correlate_link, ingest_link};
use crate::time::{EventTime, Span};
use crate::window::PanePlan;
use crate::wire::{Reader, WireError, Writer};
use lane::Lane;
use slot::Slot;
use std::sync::Arc;
use thiserror::Error;

/// Largest frame, unless another bound is set.
const FRAME_BYTES: usize = 256 * 1024;

/// Most bytes of provisionals that go with one claim (R25): frames in memory know no broker's bound.
const CLAIM_BYTES: usize = 64 * 1024 * 1024;

/// What can go wrong while frames are carried. Neither happens with the machine's own frames.
#[derive(Debug, Error)]
pub enum MachineError {
    /// A frame is damaged.
    #[error("a frame in memory is damaged: {0}")]
    Frame(#[from] FrameError),
    /// A frame did not fit what its receiver knows.
    #[error("a frame of {upstream} begins beyond what its receiver has: the state is damaged")]
    Gap {
        /// Who sent it.
        upstream: Upstream,
    },
}

/// Where a frame goes.
#[derive(Debug, Clone, Copy)]
enum Target {
    Correlate(u16),
    /// Correlate again, from analyze.
    Feedback(u16),
    Analyze(u16),
    Alert,
    Lane(Stream),
}

/// One source partition.
struct Inlet {
    task: IngestTask,
    out: Outputs,
    /// Offset of the next line.
    next: Offset,
    /// Lines since the last flush.
    waiting: u32,
    /// The source's watermark at the last flush.
    flushed: EventTime,
    closed: bool,
}

/// Everything behind ingest and the plan that all tasks share.
pub struct Machine {
    program: Arc<Program>,
    plan: Arc<Plan>,
    inlets: Vec<Inlet>,
    correlate: Vec<Slot<CorrelateTask>>,
    analyze: Vec<Slot<AnalyzeTask>>,
    alert: Slot<AlertTask>,
    lanes: Vec<Lane>,
    books: Books,
    frame_bytes: usize,
}

impl Machine {
    /// A machine before its first line.
    pub fn new(program: Arc<Program>, plan: Plan) -> Self {
        let rules = Rules::ALL;
        let plan = Arc::new(plan);
        let panes = Arc::new(PanePlan::of(&program, u32::from(plan.panes)));
        let inlet = |number: usize| {
            let upstream = Upstream(number as u32);
            Inlet {
                task: IngestTask::new(Arc::clone(&program), Arc::clone(&plan), Arc::clone(&panes), upstream, rules),
                out: Outputs::resume(upstream, &plan.ingest_links(), Offset::ZERO, EventTime::MIN, rules),
                next: Offset::ZERO,
                waiting: 0,
                flushed: EventTime::MIN,
                closed: false,
            }
        };
        let correlate = |_| CorrelateTask::new(Arc::clone(&program), Arc::clone(&plan), Arc::clone(&panes), rules);
        let analyze =
            |number| AnalyzeTask::new(Arc::clone(&program), Arc::clone(&plan), Arc::clone(&panes), number, rules);
        let alert = AlertTask::new(Arc::clone(&program), Arc::clone(&plan), rules);
        Self {
            inlets: (0..plan.partitions.len()).map(inlet).collect(),
            correlate: (0..plan.joins)
                .map(|number| Slot::new(correlate(number), Upstream(u32::from(number)), &plan.correlate_links(), rules))
                .collect(),
            analyze: (0..plan.panes)
                .map(|number| {
                    let mut slot =
                        Slot::new(analyze(number), Upstream(u32::from(number)), &plan.analyze_links(&program), rules);
                    slot.out = slot.out.sending_as(analyze_link::FEEDBACK, Plan::feedback_upstream(number));
                    slot
                })
                .collect(),
            alert: Slot::new(alert, Upstream(0), &plan.alert_links(), rules),
            lanes: Stream::ALL.iter().map(|stream| Lane::new(*stream, &plan, rules)).collect(),
            books: Books::default(),
            frame_bytes: FRAME_BYTES,
            program,
            plan,
        }
    }

    /// Sets the bound of frames in bytes. How frames are cut changes nothing that leaves.
    #[must_use]
    pub fn with_frames_of(self, frame_bytes: usize) -> Self {
        Self { frame_bytes, ..self }
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The partition whose turn it is: the one that is least far in event time, among those that `ready` says have
    /// lines and that are not closed. So sources advance together (R18), and the order is a function of the lines.
    pub fn turn(&self, ready: impl Fn(usize) -> bool) -> Option<usize> {
        let open = self.inlets.iter().enumerate().filter(|(index, inlet)| !inlet.closed && ready(*index));
        open.min_by_key(|(index, inlet)| (inlet.task.greatest(), *index)).map(|(index, _)| index)
    }

    /// Offset of the next line of a partition.
    pub fn next_offset(&self, partition: usize) -> Offset {
        self.inlets[partition].next
    }

    /// True when a partition was closed.
    pub fn is_closed(&self, partition: usize) -> bool {
        self.inlets[partition].closed
    }

    /// Takes a line into a partition's batch.
    #[inline]
    pub fn line(&mut self, partition: usize, line: RawLine<'_>, received: Option<EventTime>) {
        let inlet = &mut self.inlets[partition];
        fold_line(&mut inlet.task, inlet.next, line, received, &mut inlet.out);
        inlet.next = inlet.next.next();
        inlet.waiting += 1;
    }

    /// True when a batch is better ended here: its source has passed the end of a pane, and events behind it take along what
    /// windows closed with there.
    pub fn closes_pane(&self, partition: usize) -> bool {
        let definition = &self.program.definition;
        let inlet = &self.inlets[partition];
        !definition.augment.is_empty()
            && definition.pane > Span::ZERO
            && inlet.task.mark().floor(definition.pane) > inlet.flushed.floor(definition.pane)
    }

    /// Bytes that wait in a partition's batch, for correlate and analyze.
    pub fn waiting_bytes(&self, partition: usize) -> usize {
        let out = &self.inlets[partition].out;
        let of_link = |link, partitions| -> usize {
            (0..partitions).map(|number| out.pending_bytes(out.outlet(link, number))).sum()
        };
        let panes = if self.plan.panes_in_ingest { self.plan.panes } else { 0 };
        of_link(ingest_link::JOINS, self.plan.joins) + of_link(ingest_link::PANES, panes)
    }

    /// Ends a partition's batch: its frames go through the whole chain.
    ///
    /// # Errors
    /// [`MachineError`], or whatever the sink fails with.
    pub fn flush<E: From<MachineError>>(&mut self, partition: usize, sink: &mut dyn Sink<Error = E>) -> Result<(), E> {
        let inlet = &mut self.inlets[partition];
        inlet.waiting = 0;
        inlet.flushed = inlet.task.mark();
        inlet.task.rest();
        self.pump(partition, sink)
    }

    /// The owner has earned a log-end claim for a partition (R3): what an idle source needs to let time move.
    ///
    /// # Errors
    /// As [`Machine::flush`].
    pub fn claim<E: From<MachineError>>(
        &mut self,
        partition: usize,
        claim: LogEndClaim,
        sink: &mut dyn Sink<Error = E>,
    ) -> Result<(), E> {
        // What waits goes first, so that the whole frame is the claim's.
        self.flush(partition, sink)?;
        let inlet = &mut self.inlets[partition];
        inlet.task.claim(claim, CLAIM_BYTES, &mut inlet.out);
        self.flush(partition, sink)
    }

    /// A partition has ended for good: its mark goes to the end of time (R4).
    ///
    /// # Errors
    /// As [`Machine::flush`].
    pub fn close<E: From<MachineError>>(&mut self, partition: usize, sink: &mut dyn Sink<Error = E>) -> Result<(), E> {
        let inlet = &mut self.inlets[partition];
        if !inlet.closed {
            inlet.closed = true;
            inlet.out.begin(inlet.next);
            inlet.task.close(inlet.next, &mut inlet.out);
            inlet.out.fate(Reason::Gap, Minute::UNKNOWN);
            inlet.next = inlet.next.next();
            inlet.out.end(inlet.next, EventTime::MAX);
        }
        self.flush(partition, sink)
    }

    /// What has been counted so far, and what is inside.
    pub fn books(&self) -> Books {
        let mut books = self.books.clone();
        for inlet in &self.inlets {
            books.add_tally(LedgerStage::Ingest, inlet.task.tally());
        }
        for slot in &self.correlate {
            for tally in slot.stage.tallies() {
                books.add_tally(tally.stage, tally.tally);
            }
            for (key, held) in slot.stage.held_lines() {
                books.hold(LedgerStage::Correlate, key, held);
            }
        }
        books
    }

    /// Correlate tasks, for reports.
    pub fn correlate_tasks(&self) -> impl Iterator<Item = &CorrelateTask> {
        self.correlate.iter().map(|slot| &slot.stage)
    }

    /// Analyze tasks, for reports.
    pub fn analyze_tasks(&self) -> impl Iterator<Item = &AnalyzeTask> {
        self.analyze.iter().map(|slot| &slot.stage)
    }

    /// Carries what a partition's batch has set off until every link is empty. The frame that is furthest down the chain goes
    /// first, and the next one is cut when that is done: however much a step emits, few frames are in memory.
    fn pump<E: From<MachineError>>(&mut self, partition: usize, sink: &mut dyn Sink<Error = E>) -> Result<(), E> {
        while let Some((target, bytes)) = self.next_frame(partition) {
            match target {
                Target::Correlate(number) | Target::Feedback(number) => {
                    self.correlate[usize::from(number)].fold(&bytes)?
                }
                Target::Analyze(number) => self.analyze[usize::from(number)].fold(&bytes)?,
                Target::Alert => self.alert.fold(&bytes)?,
                Target::Lane(stream) => self.lanes[stream.index()].take(&bytes, &mut self.books, sink)?,
            }
        }
        Ok(())
    }

    fn next_frame(&mut self, partition: usize) -> Option<(Target, FrameBytes)> {
        let (bytes, joins) = (self.frame_bytes, self.plan.joins);
        let inlet = |link, number| inlet_target(link, number, joins);
        slot::cut_next(&mut self.alert.out, bytes, alert_target)
            .or_else(|| self.analyze.iter_mut().find_map(|slot| slot::cut_next(&mut slot.out, bytes, analyze_target)))
            .or_else(|| {
                self.correlate.iter_mut().find_map(|slot| slot::cut_next(&mut slot.out, bytes, correlate_target))
            })
            .or_else(|| slot::cut_next(&mut self.inlets[partition].out, bytes, inlet))
    }

    /// Appends the whole state. Every batch must have been flushed.
    pub fn save(&self, out: &mut Writer) {
        debug_assert!(self.inlets.iter().all(|inlet| inlet.waiting == 0));
        for inlet in &self.inlets {
            out.varint(inlet.next.0);
            out.bool(inlet.closed);
            inlet.task.save(out);
        }
        self.correlate.iter().for_each(|slot| slot.save(out));
        self.analyze.iter().for_each(|slot| slot.save(out));
        self.alert.save(out);
        self.lanes.iter().for_each(|lane| lane.save(out));
        self.books.save(out);
    }

    /// A machine from what [`Machine::save`] wrote for the same program and plan.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(program: Arc<Program>, plan: Plan, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let rules = Rules::ALL;
        let plan = Arc::new(plan);
        let panes = Arc::new(PanePlan::of(&program, u32::from(plan.panes)));
        let mut inlets = Vec::with_capacity(plan.partitions.len());
        for number in 0..plan.partitions.len() {
            let upstream = Upstream(number as u32);
            let next = Offset(input.varint()?);
            let closed = input.bool()?;
            let task =
                IngestTask::load(Arc::clone(&program), Arc::clone(&plan), Arc::clone(&panes), upstream, rules, input)?;
            let mark = if closed { EventTime::MAX } else { task.mark() };
            let out = Outputs::resume(upstream, &plan.ingest_links(), next, mark, rules);
            inlets.push(Inlet { flushed: task.mark(), task, out, next, waiting: 0, closed });
        }
        let mut correlate = Vec::new();
        for number in 0..plan.joins {
            let load = |input: &mut Reader<'_>| {
                CorrelateTask::load(Arc::clone(&program), Arc::clone(&plan), Arc::clone(&panes), rules, input)
            };
            correlate.push(Slot::load(load, Upstream(u32::from(number)), &plan.correlate_links(), rules, input)?);
        }
        let mut analyze = Vec::new();
        for number in 0..plan.panes {
            let load = |input: &mut Reader<'_>| {
                AnalyzeTask::load(Arc::clone(&program), Arc::clone(&plan), Arc::clone(&panes), number, rules, input)
            };
            let mut slot = Slot::load(load, Upstream(u32::from(number)), &plan.analyze_links(&program), rules, input)?;
            slot.out = slot.out.sending_as(analyze_link::FEEDBACK, Plan::feedback_upstream(number));
            let fed_back = if program.definition.augment.is_empty() { &[] } else { correlate.as_slice() };
            for (receiver, task) in fed_back.iter().enumerate() {
                let task: &Slot<CorrelateTask> = task;
                let has = task.stage.receiver().cursor(Plan::feedback_upstream(number)).map(|cursor| cursor.next);
                slot.out.resume_outlet(
                    slot.out.outlet(analyze_link::FEEDBACK, receiver as u16),
                    has.unwrap_or(Position::START),
                );
            }
            analyze.push(slot);
        }
        let load = |input: &mut Reader<'_>| AlertTask::load(Arc::clone(&program), Arc::clone(&plan), rules, input);
        let alert = Slot::load(load, Upstream(0), &plan.alert_links(), rules, input)?;
        let lanes = Stream::ALL.iter().map(|stream| Lane::load(*stream, rules, input)).collect::<Result<_, _>>()?;
        let books = Books::load(input)?;
        input.finish()?;
        Ok(Self { program, plan, inlets, correlate, analyze, alert, lanes, books, frame_bytes: FRAME_BYTES })
    }
}

fn inlet_target(link: usize, number: u16, joins: u16) -> Target {
    match link {
        ingest_link::JOINS => Target::Correlate(number % joins),
        ingest_link::DEAD_LETTER => Target::Lane(Stream::DeadLetter),
        ingest_link::TEMPLATES => Target::Lane(Stream::Templates),
        ingest_link::PANES => Target::Analyze(number),
        ingest_link::LATE => Target::Lane(Stream::Late),
        _ => Target::Lane(Stream::IngestLedger),
    }
}

fn correlate_target(link: usize, number: u16) -> Target {
    match link {
        correlate_link::PANES => Target::Analyze(number),
        correlate_link::EVENTS => Target::Lane(Stream::Events),
        correlate_link::LATE => Target::Lane(Stream::Late),
        _ => Target::Lane(Stream::CorrelateLedger),
    }
}

fn analyze_target(link: usize, number: u16) -> Target {
    match link {
        analyze_link::INSIGHTS => Target::Alert,
        _ => Target::Feedback(number),
    }
}

fn alert_target(link: usize, _number: u16) -> Target {
    match link {
        alert_link::AGGREGATES => Target::Lane(Stream::Aggregates),
        alert_link::ALERTS => Target::Lane(Stream::Alerts),
        _ => Target::Lane(Stream::Findings),
    }
}

#[cfg(test)]
mod tests;
