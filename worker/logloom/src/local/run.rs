//! The local runner: reads batches, feeds the machine, saves checkpoints, stops.
//!
//! Which partition is read next, and how many lines a batch has, is a function of the lines alone. So a run that is killed
//! and started again on the same folder ends with the same bytes, wherever it was killed and whenever it had saved.

use super::checkpoint::{CheckpointError, Edge, Store};
use super::feed::{Fed, Feed, Keep};
use super::input::{Binding, InputError, Partition, Place};
use super::ledger::{ledger, unaccounted};
use super::output::{FILES, OutputError, Outputs, Written, lock, refuse_foreign};
use super::resume::{inputs, later, stay_complete};
use logloom_chain::compile::program::{Program, SourceIndex};
use logloom_chain::id::{Origin, hash64};
use logloom_chain::log::fold::Superlog;
use logloom_chain::log::mark::LogEndClaims;
use logloom_chain::log::{Offset, OwnerClock, RawLine, Rules};
use logloom_chain::stage::machine::{Machine, MachineError};
use logloom_chain::stage::plan::{Plan, SourcePartition};
use logloom_chain::time::{EventTime, Span};
use logloom_chain::wire::{Reader, WireError, Writer};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use thiserror::Error;

/// Lines of one batch at most.
const BATCH_LINES: u32 = 1_024;
/// Bytes of one batch at most.
const BATCH_BYTES: usize = 256 * 1024;
/// Batches between two looks at the clock.
const LOOK_EVERY: u32 = 8;
/// How long a followed input rests when it has nothing.
const REST: Duration = Duration::from_millis(50);
/// Skew of clocks that a log-end claim allows for.
const CLAIM_MARGIN: Span = Span::seconds(2);

/// How to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Output folder.
    pub out: PathBuf,
    /// Checkpoint folder.
    pub checkpoints: PathBuf,
    /// The globs among the inputs: a run that goes on leaves out what they match only now.
    pub globs: Vec<Binding>,
    /// Whether files are followed.
    pub follow: bool,
    /// Time between two checkpoints.
    pub checkpoint_every: Duration,
}

/// Why a run stopped.
#[derive(Debug, Error)]
pub enum RunError {
    /// Reading failed.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Writing failed.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Checkpoints failed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint cannot be loaded by this program.
    #[error("the checkpoint in {path} cannot be loaded ({error}); begin with a new output folder")]
    State {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        error: WireError,
    },
    /// The inputs are not those of the checkpoint.
    #[error(
        "the checkpoint was made with the inputs {before}, now they are {now}; give the same inputs, or begin with a new output folder"
    )]
    OtherInputs {
        /// Then.
        before: String,
        /// Now.
        now: String,
    },
    /// An input of the checkpoint is not there any more.
    #[error("{path} is an input of the checkpoint and is gone; bring it back, or begin with a new output folder")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A complete run cannot take more lines.
    #[error(
        "the run is complete, and {path} holds {bytes} bytes behind the end that was read; all windows are closed, so they cannot \
         be added: begin with a new output folder, and use --follow from the start for files that grow"
    )]
    Grown {
        /// The file.
        path: PathBuf,
        /// Bytes (of the decompressed file) behind the end.
        bytes: u64,
    },
    /// A complete run cannot be followed.
    #[error(
        "the run is complete: all windows were closed at the end of the inputs, so that nothing can be added by --follow; \
         begin with a new output folder, and use --follow from the start"
    )]
    CompleteFollow,
    /// Standard input cannot be read twice.
    #[error("a run over standard input cannot be continued: what was piped is gone; begin with a new output folder")]
    Stdin,
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Lines read by this process.
    pub lines: u64,
    /// Time it took.
    pub elapsed: Duration,
    /// Per file of the output folder: what it holds now.
    pub written: Vec<Written>,
    /// The ledger.
    pub ledger: Value,
    /// Lines that nothing accounts for.
    pub unaccounted: i64,
    /// Peak memory of the process in bytes, where the system tells it.
    pub peak_memory: Option<u64>,
    /// Line at which it went on from a checkpoint.
    pub continued_at: Option<u64>,
    /// True when all inputs were read to their end.
    pub complete: bool,
    /// False when an input is standard input: what was piped is gone.
    pub can_go_on: bool,
    /// Things worth knowing.
    pub notes: Vec<String>,
}

/// Told now and then how far a run is.
pub trait Progress {
    /// Lines read so far.
    fn lines(&mut self, lines: u64);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn lines(&mut self, _lines: u64) {}
}

/// The plan of a local run: one task per stage, one ingest task per file.
pub fn plan(program: &Program, partitions: &[Partition]) -> Plan {
    let partition = |partition: &Partition| {
        let source = program.sources.iter().position(|source| source.name == partition.source).unwrap_or(0) as u16;
        let place = hash64(file_name(&partition.place).as_bytes());
        let origin = Origin::new(&program.definition.tenant, &partition.source, u128::from(place), partition.number);
        SourcePartition { source: SourceIndex(source), number: partition.number, origin }
    };
    Plan {
        partitions: partitions.iter().map(partition).collect(),
        joins: 1,
        panes: 1,
        events: true,
        panes_in_ingest: program.panes_in_ingest,
    }
}

/// The name without its folders: ids do not change when a folder moves.
fn file_name(place: &Place) -> String {
    match place {
        Place::Stdin => "-".to_owned(),
        Place::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
    }
}

/// A run between two batches.
struct Run<'r> {
    settings: &'r Settings,
    machine: Machine,
    outputs: Outputs,
    feeds: Vec<Feed>,
    quiet: Vec<bool>,
    claims: Vec<Option<LogEndClaims>>,
    store: Store,
    saved: Instant,
    position: u64,
    lines: u64,
}

/// Runs a pipeline over files.
///
/// # Errors
/// [`RunError`] says what stopped it; everything up to the last checkpoint is safe.
pub fn run(
    program: &Arc<Program>,
    partitions: &[Partition],
    settings: &Settings,
    stop: &AtomicBool,
    progress: &mut dyn Progress,
) -> Result<Summary, RunError> {
    let started = Instant::now();
    let _lock = lock(&settings.out)?;
    let (store, was_there) = Store::open(&settings.checkpoints, program.generation)?;
    if !was_there {
        refuse_foreign(&settings.out)?;
    }
    let loaded = store.newest()?;
    let mut notes = Vec::new();
    let partitions = match &loaded {
        Some(loaded) => inputs(&loaded.edge, partitions, &settings.globs)?,
        None => partitions.to_vec(),
    };
    let plan = plan(program, &partitions);
    let (machine, edge, position) = match loaded {
        None => (Machine::new(Arc::clone(program), plan.clone()), None, 0),
        Some(loaded) => {
            notes.extend(loaded.damaged.iter().map(|damaged| format!("passed over a damaged checkpoint: {damaged}")));
            let machine = Machine::load(Arc::clone(program), plan.clone(), &mut Reader::new(&loaded.machine))
                .map_err(|error| RunError::State { path: settings.checkpoints.clone(), error })?;
            (machine, Some(loaded.edge), loaded.position.0)
        }
    };
    let outputs =
        Outputs::open(&settings.out, Arc::clone(program), plan, edge.as_ref().map(|edge| edge.written.as_slice()))?;
    let feeds = open_feeds(program, &partitions, settings, edge.as_ref())?;
    let claims = claims(program, &partitions, settings);
    let quiet = vec![false; feeds.len()];
    let mut run = Run { settings, machine, outputs, feeds, quiet, claims, store, saved: started, position, lines: 0 };
    let complete = match &edge {
        Some(edge) if edge.complete => {
            stay_complete(edge, &partitions, settings.follow)?;
            notes.push("the run is complete already, and its inputs have not changed: nothing was read".to_owned());
            true
        }
        _ => run.go(stop, progress)?,
    };
    let ledger = run.finish(complete)?;
    notes.extend(late_notes(&ledger));
    notes.extend(later_note(&partitions, settings, edge.is_some()));
    Ok(Summary {
        lines: run.lines,
        elapsed: started.elapsed(),
        written: run.outputs.written(),
        unaccounted: unaccounted(&ledger),
        ledger,
        peak_memory: peak_memory(),
        continued_at: edge.map(|_| position),
        complete,
        can_go_on: partitions.iter().all(|partition| partition.place != Place::Stdin),
        notes,
    })
}

/// What to look at when a large part of a source was late: one line with a clock far ahead makes everything behind it late.
fn late_notes(ledger: &Value) -> Vec<String> {
    let sources = ledger["sources"].as_object();
    let note = |(name, source): (&String, &Value)| {
        let (lines, late) = (source["in"].as_u64()?, source["dropped"]["late"].as_u64()?);
        (late >= 10 && late * 20 >= lines).then(|| {
            format!(
                "{late} of {lines} lines of {name} were late. late.jsonl has them, with the watermark that they came behind: \
                 look for a line whose time is far ahead, or raise the manifest's timestamp.disorder"
            )
        })
    };
    sources.into_iter().flatten().filter_map(note).collect()
}

/// Files that a glob matches now and that the run does not read.
fn later_note(partitions: &[Partition], settings: &Settings, continued: bool) -> Option<String> {
    if !settings.follow && !continued {
        return None;
    }
    let inputs: Vec<String> = partitions.iter().map(|partition| partition.place.to_string()).collect();
    let later = later(&settings.globs, &inputs.iter().map(String::as_str).collect::<Vec<_>>());
    (!later.is_empty()).then(|| {
        format!(
            "left out, because they were not there when the run began: {}. The inputs of an output folder are fixed; \
             these files need a new output folder",
            later.join(", ")
        )
    })
}

fn open_feeds(
    program: &Program,
    partitions: &[Partition],
    settings: &Settings,
    edge: Option<&Edge>,
) -> Result<Vec<Feed>, RunError> {
    let mut feeds = Vec::with_capacity(partitions.len());
    for (index, partition) in partitions.iter().enumerate() {
        let source = program.sources.iter().find(|source| source.name == partition.source);
        let rule = source.map(|source| source.parse.size_rule());
        let bound = rule.as_ref().map_or(256 * 1024, |rule| rule.keep());
        let keep =
            rule.filter(|rule| rule.wants_claim_check()).map(|_| Keep::new(&settings.out.join("superlogs"), partition));
        let state = edge.and_then(|edge| edge.inputs.get(index));
        feeds.push(Feed::open(partition, bound, settings.follow, keep, state)?);
    }
    Ok(feeds)
}

/// Followed files may claim that nothing is behind; files that are read to their end close instead.
fn claims(program: &Program, partitions: &[Partition], settings: &Settings) -> Vec<Option<LogEndClaims>> {
    let claims = |partition: &Partition| {
        let source = program.sources.iter().find(|source| source.name == partition.source)?;
        (settings.follow && source.claims).then(|| LogEndClaims::new(source.disorder, CLAIM_MARGIN, Rules::ALL))
    };
    partitions.iter().map(claims).collect()
}

impl Run<'_> {
    /// Batches until the inputs end (true) or somebody says stop (false).
    fn go(&mut self, stop: &AtomicBool, progress: &mut dyn Progress) -> Result<bool, RunError> {
        let mut batches = 0u32;
        loop {
            let quiet = &self.quiet;
            match self.machine.turn(|partition| !quiet[partition]) {
                Some(partition) => match self.batch(partition) {
                    Ok(()) => {}
                    Err(error) => return Err(self.broken(partition, error)?),
                },
                None if !self.settings.follow || self.all_closed() => return Ok(true),
                None => self.rest()?,
            }
            batches = batches.wrapping_add(1);
            if batches.is_multiple_of(LOOK_EVERY) || self.settings.follow {
                if stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                progress.lines(self.lines);
                if self.saved.elapsed() >= self.settings.checkpoint_every {
                    self.save(false)?;
                }
            }
        }
    }

    fn all_closed(&self) -> bool {
        (0..self.feeds.len()).all(|partition| self.machine.is_closed(partition))
    }

    /// What was taken in front of an input's error is written. No checkpoint is saved: the batch has ended where batches do not
    /// end, so the next run reads it again from the checkpoint before and writes the same bytes.
    fn broken(&mut self, partition: usize, error: RunError) -> Result<RunError, RunError> {
        if matches!(error, RunError::Input(_)) {
            self.machine.flush(partition, &mut self.outputs)?;
            self.outputs.flush(true)?;
            self.write_ledger()?;
        }
        Ok(error)
    }

    /// Reads one batch of a partition and carries it through the chain.
    fn batch(&mut self, partition: usize) -> Result<(), RunError> {
        let mut count = 0;
        // The clock is read before the file is looked at: what the look does not find was written after it (R3).
        let asked = self.claims[partition].is_some().then(now);
        // A file says when it was written only while one watches: with lines from before nobody knows when they came.
        let received = self.settings.follow.then(|| EventTime(now().0));
        while count < BATCH_LINES && self.machine.waiting_bytes(partition) < BATCH_BYTES {
            match self.feeds[partition].read()? {
                Fed::Line(line, reference) => {
                    let superlog = line.digest.map(|digest| Superlog {
                        full_length: line.full_length,
                        digest,
                        reference: reference.as_deref(),
                    });
                    self.machine.line(partition, RawLine { bytes: line.bytes, superlog }, received);
                    count += 1;
                    if self.machine.closes_pane(partition) {
                        break;
                    }
                }
                Fed::Quiet => {
                    self.quiet[partition] = true;
                    let end = Offset(self.feeds[partition].line());
                    let complete = !self.feeds[partition].holds_part();
                    if let (Some(claims), Some(asked), true) = (&mut self.claims[partition], asked, complete) {
                        claims.answered(asked, asked, end);
                    }
                    break;
                }
                Fed::Ended => {
                    self.machine.close(partition, &mut self.outputs)?;
                    break;
                }
            }
        }
        self.lines += u64::from(count);
        self.position += u64::from(count) + 1;
        Ok(self.machine.flush(partition, &mut self.outputs)?)
    }

    /// All followed inputs are at their ends: they may say so, then rest.
    fn rest(&mut self) -> Result<(), RunError> {
        for partition in 0..self.feeds.len() {
            self.quiet[partition] = false;
            let Some(claims) = &mut self.claims[partition] else { continue };
            if let Some(claim) = claims.at(self.machine.next_offset(partition)) {
                self.machine.claim(partition, claim, &mut self.outputs)?;
            }
        }
        self.outputs.flush(false)?;
        std::thread::sleep(REST);
        Ok(())
    }

    /// Saves everything; files go to the disk first, so that a checkpoint never speaks of bytes that are not there.
    fn save(&mut self, complete: bool) -> Result<(), RunError> {
        self.outputs.flush(true)?;
        let mut inputs = Vec::with_capacity(self.feeds.len());
        for feed in &self.feeds {
            inputs.push(feed.state()?);
        }
        let edge = Edge { inputs, written: self.outputs.written(), complete };
        let mut machine = Writer::new();
        self.machine.save(&mut machine);
        self.position += 1;
        self.store.put(Offset(self.position), &edge, machine.as_slice())?;
        self.saved = Instant::now();
        Ok(())
    }

    /// The last checkpoint and the ledger.
    fn finish(&mut self, complete: bool) -> Result<Value, RunError> {
        self.save(complete)?;
        self.write_ledger()
    }

    fn write_ledger(&self) -> Result<Value, RunError> {
        let ledger = ledger(self.machine.program(), self.machine.plan(), &self.machine.books());
        let path = self.settings.out.join("ledger.json");
        let mut text = serde_json::to_vec_pretty(&ledger).unwrap_or_default();
        text.push(b'\n');
        std::fs::write(&path, text).map_err(|error| OutputError::Write { path, error })?;
        Ok(ledger)
    }
}

fn now() -> OwnerClock {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    OwnerClock(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Peak resident memory, as Linux tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Names of the output files with what they hold.
pub fn files(written: &[Written]) -> impl Iterator<Item = (&'static str, Written)> + '_ {
    FILES.iter().map(|stream| stream.name()).zip(written.iter().copied())
}

impl From<MachineError> for RunError {
    fn from(error: MachineError) -> Self {
        Self::Output(error.into())
    }
}
