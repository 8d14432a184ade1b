//! The jobs that are measured, each over a block of lines.

use super::bare::{Bare, Fields};
use super::data::Block;
use crate::resources::{compile_all, from_text};
use logloom_chain::aggregate::AggregateJson;
use logloom_chain::compile::program::{Program, SourceIndex};
use logloom_chain::id::Origin;
use logloom_chain::log::mark::SourceMark;
use logloom_chain::log::{Position, RawLine, Rules, Upstream};
use logloom_chain::parse::multiline::PartialLines;
use logloom_chain::parse::program::{Outcome, Scratch};
use logloom_chain::parse::timestamp::TimeHint;
use logloom_chain::stage::analyze::{Analyze, AnalyzePlan, AnalyzeSink};
use logloom_chain::stage::insight::{Insight, InsightKind};
use logloom_chain::stage::machine::{Machine, MachineError, Sink, Stream};
use logloom_chain::stage::plan::{Plan, SourcePartition};
use logloom_chain::window::{PanePlan, PaneTable};
use logloom_chain::wire::{WireError, Writer};
use std::sync::Arc;
use thiserror::Error;

const RESOURCES: &str = include_str!("jobs.yaml");
/// Lines of a batch, as in a local run.
const BATCH: usize = 1024;

/// Why a job failed: the program and its own benchmark do not fit together.
#[derive(Debug, Error)]
pub enum JobError {
    /// The resources do not compile.
    #[error("the benchmark's resources do not compile: {0}")]
    Resources(String),
    /// A line was not taken.
    #[error("a line of the benchmark was not taken: {0}")]
    Line(String),
    /// A record cannot be read.
    #[error(transparent)]
    Record(#[from] WireError),
    /// The chain failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// Something that takes blocks of lines. `second` is the other stream, for joins.
pub trait Job {
    /// Takes a block; the time of this call is what is measured.
    ///
    /// # Errors
    /// [`JobError`].
    fn block(&mut self, first: &Block, second: &Block) -> Result<(), JobError>;

    /// Records that came out.
    fn records(&self) -> u64 {
        0
    }
}

/// Compiles a pipeline of the benchmark.
///
/// # Errors
/// [`JobError::Resources`].
pub fn program(name: &str) -> Result<Arc<Program>, JobError> {
    let compilation = compile_all(from_text("jobs.yaml", RESOURCES.as_bytes()));
    let pipeline = compilation.resources.pipelines.iter().find(|pipeline| pipeline.document.name == name);
    let pipeline = pipeline.ok_or_else(|| JobError::Resources(format!("no pipeline {name}")))?;
    let text = |findings: &[logloom_crds::finding::Finding]| JobError::Resources(format!("{findings:?}"));
    if compilation.has_errors() {
        return Err(text(&compilation.findings));
    }
    let compiled = compilation.compile(pipeline).map_err(|findings| text(&findings))?;
    Ok(Arc::new(compiled.program))
}

/// Parses lines to typed rows, and nothing else.
pub struct Parse {
    program: Arc<Program>,
    scratch: Scratch,
    partial: PartialLines,
    rows: u64,
}

impl Parse {
    /// With the source of this pipeline.
    pub fn new(program: Arc<Program>) -> Self {
        Self { program, scratch: Scratch::new(), partial: PartialLines::default(), rows: 0 }
    }
}

impl Job for Parse {
    fn block(&mut self, first: &Block, _second: &Block) -> Result<(), JobError> {
        let parse = &self.program.sources[0].parse;
        for line in first.lines() {
            self.scratch.reset();
            match parse.parse(RawLine::new(line), None, TimeHint(None), &mut self.partial, &self.scratch) {
                Outcome::Event { row, .. } => {
                    std::hint::black_box(&row);
                    self.rows += 1;
                }
                other => return Err(JobError::Line(format!("{other:?}"))),
            }
        }
        Ok(())
    }

    fn records(&self) -> u64 {
        self.rows
    }
}

/// Parses, keeps panes, closes windows, writes objects as JSON: the rooms without the log between them.
pub struct Windows {
    program: Arc<Program>,
    scratch: Scratch,
    partial: PartialLines,
    mark: SourceMark,
    panes: PaneTable,
    analyze: Analyze,
    origin: Origin,
    offset: u64,
    rows: Rows,
}

/// Writes objects as JSON and throws them away.
struct Rows {
    json: AggregateJson,
    record: Writer,
    line: Vec<u8>,
    records: u64,
    failed: Option<WireError>,
}

impl AnalyzeSink for Rows {
    fn insight(&mut self, write: &mut dyn FnMut(&mut Writer)) {
        self.record.clear();
        write(&mut self.record);
        self.failed = self.failed.take().or(self.write().err());
    }

    fn feedback(&mut self, _record: &[u8]) {}
}

impl Rows {
    fn write(&mut self) -> Result<(), WireError> {
        let insight = Insight::read(self.record.as_slice())?;
        if insight.kind == InsightKind::Aggregate {
            self.line.clear();
            self.json.write(insight.body, &mut self.line)?;
            std::hint::black_box(&self.line);
            self.records += 1;
        }
        Ok(())
    }
}

impl Windows {
    /// Of this pipeline.
    pub fn new(program: Arc<Program>) -> Self {
        let plan = Arc::new(PanePlan::of(&program, 1));
        let rows = Rows {
            json: AggregateJson::new(Arc::clone(&program.definition)),
            record: Writer::new(),
            line: Vec::new(),
            records: 0,
            failed: None,
        };
        let analyze =
            Analyze::new(Arc::new(AnalyzePlan::new(Arc::clone(&program.definition), Arc::clone(&plan))), Rules::ALL);
        Self {
            scratch: Scratch::new(),
            partial: PartialLines::default(),
            mark: SourceMark::new(program.sources[0].disorder),
            panes: PaneTable::new(plan),
            analyze,
            origin: Origin::new("bench", "app", 0, 0),
            offset: 0,
            rows,
            program,
        }
    }
}

impl Job for Windows {
    fn block(&mut self, first: &Block, _second: &Block) -> Result<(), JobError> {
        let source = &self.program.sources[0];
        let mut count = 0;
        for line in first.lines() {
            self.scratch.reset();
            let outcome =
                source.parse.parse(RawLine::new(line), None, TimeHint(None), &mut self.partial, &self.scratch);
            let Outcome::Event { time, row, .. } = outcome else { return Err(JobError::Line(format!("{outcome:?}"))) };
            self.mark.line(time);
            self.panes.observe_row(time, self.origin.event(self.offset, 0), &source.observe, &row);
            self.offset += 1;
            count += 1;
            if count % BATCH == 0 {
                let mark = self.mark.mark();
                let (analyze, failed) = (&mut self.analyze, &mut self.rows.failed);
                self.panes.flush(mark, &mut |_, _, record: &[u8]| {
                    *failed = failed.take().or(analyze.take(Upstream(0), record).err())
                });
                self.analyze.advance(mark, &mut self.rows);
                self.rows.failed.take().map_or(Ok(()), Err)?;
            }
        }
        Ok(())
    }

    fn records(&self) -> u64 {
        self.rows.records
    }
}

/// The whole chain: frames, positions, ledger, checkpoints.
pub struct Chain {
    machine: Machine,
    out: JsonOut,
    /// Lines between two checkpoints; none without.
    checkpoint_every: Option<u64>,
    since: u64,
    saved: Writer,
    /// Bytes of the last checkpoint.
    pub checkpoint_bytes: usize,
}

/// Writes records as JSON and throws them away.
struct JsonOut {
    json: AggregateJson,
    program: Arc<Program>,
    line: Vec<u8>,
    records: u64,
}

impl Sink for JsonOut {
    type Error = JobError;

    fn record(&mut self, stream: Stream, _upstream: Upstream, _at: Position, payload: &[u8]) -> Result<(), JobError> {
        self.line.clear();
        match stream {
            Stream::Aggregates => self.json.write(payload, &mut self.line)?,
            Stream::Events => {
                let event = logloom_chain::stage::events::EventRecord::read(payload)?;
                logloom_chain::stage::json::write_event(&self.program, &event, &mut self.line);
            }
            _ => {}
        }
        std::hint::black_box(&self.line);
        self.records += 1;
        Ok(())
    }
}

impl Chain {
    /// Of this pipeline; `events`: joined events are written too.
    pub fn new(program: Arc<Program>, events: bool, checkpoint_every: Option<u64>) -> Self {
        let partition = |index: usize| SourcePartition {
            source: SourceIndex(index as u16),
            number: 0,
            origin: Origin::new("bench", &program.sources[index].name, 0, 0),
        };
        let partitions = (0..program.sources.len()).map(partition).collect();
        let plan = Plan { partitions, joins: 1, panes: 1, events, panes_in_ingest: program.panes_in_ingest };
        let out = JsonOut {
            json: AggregateJson::new(Arc::clone(&program.definition)),
            program: Arc::clone(&program),
            line: Vec::new(),
            records: 0,
        };
        let machine = Machine::new(program, plan);
        Self { machine, out, checkpoint_every, since: 0, saved: Writer::new(), checkpoint_bytes: 0 }
    }

    fn batch<'l>(&mut self, partition: usize, lines: impl Iterator<Item = &'l [u8]>) -> Result<u64, JobError> {
        let mut count = 0;
        for line in lines.take(BATCH) {
            self.machine.line(partition, RawLine::new(line), None);
            count += 1;
        }
        self.machine.flush(partition, &mut self.out)?;
        Ok(count)
    }

    /// Writes a checkpoint to memory.
    pub fn save(&mut self) {
        self.saved.clear();
        self.machine.save(&mut self.saved);
        self.checkpoint_bytes = self.saved.len();
    }
}

impl Job for Chain {
    fn block(&mut self, first: &Block, second: &Block) -> Result<(), JobError> {
        let (mut first, mut second) = (first.lines(), second.lines());
        let both = self.machine.plan().partitions.len() > 1;
        loop {
            let mut count = self.batch(0, first.by_ref())?;
            if both {
                count += self.batch(1, second.by_ref())?;
            }
            self.since += count;
            if self.checkpoint_every.is_some_and(|every| self.since >= every) {
                self.since = 0;
                self.save();
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    fn records(&self) -> u64 {
        self.out.records
    }
}

/// The bare loop.
pub struct BareLoop {
    bare: Bare,
    fields: Fields,
    panes: bool,
}

impl BareLoop {
    /// With fields found this way, and panes or none.
    pub fn new(fields: Fields, panes: bool) -> Self {
        Self { bare: Bare::new(), fields, panes }
    }
}

impl Job for BareLoop {
    fn block(&mut self, first: &Block, _second: &Block) -> Result<(), JobError> {
        first.lines().for_each(|line| self.bare.line(line, self.fields, self.panes));
        std::hint::black_box(self.bare.sum);
        Ok(())
    }
}
