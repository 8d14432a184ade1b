//! Events per second and core of the chain, beside a bare loop of the same job in the same run, and its memory.
//!
//! Every job gets the same lines, in blocks that are made before the clock starts. Jobs take turns, block by block, so that
//! whatever else the machine does meets all of them. Rates are over the thread's time on a core.

mod bare;
mod data;
mod jobs;

use super::{CpuClock, Figures};
use bare::Fields;
use data::{Block, Generator, Spread};
use jobs::{BareLoop, Chain, Job, Parse, Windows, program};
use std::fmt::Write as _;
use std::time::Duration;

pub use jobs::JobError;

/// Large, so that a job finds its state in the caches for most of its turn.
const BLOCK: usize = 262_144;
const SCOPES: u64 = 100_000;
/// Lines between two checkpoints: at 700,000 a second one every three seconds (a worker writes one every ten).
const CHECKPOINT_EVERY: u64 = 2_000_000;

/// One row of the table.
struct Measured {
    name: &'static str,
    text: &'static str,
    /// What has to be reached, in events per second and core.
    least: Option<f64>,
    job: Box<dyn Job>,
    pair: bool,
    lines: u64,
    time: Duration,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.lines as f64 / self.time.as_secs_f64().max(1e-9)
    }

    fn run(&mut self, blocks: &Blocks) -> Result<(), JobError> {
        let (first, second) = if self.pair { (&blocks.app, &blocks.spans) } else { (&blocks.single, &blocks.none) };
        let clock = CpuClock::start();
        self.job.block(first, second)?;
        self.time += clock.elapsed();
        self.lines += BLOCK as u64;
        Ok(())
    }
}

#[derive(Default)]
struct Blocks {
    single: Block,
    app: Block,
    spans: Block,
    none: Block,
}

/// Measures rates over `lines` lines per job.
///
/// # Errors
/// [`JobError`].
pub fn rates(lines: u64, only: Option<&str>) -> Result<(String, Figures), JobError> {
    let mut measured = table()?;
    measured.retain(|row| only.is_none_or(|only| row.name.contains(only)));
    let mut blocks = Blocks::default();
    let mut single = Generator::new(SCOPES, Spread::Zipf);
    let mut pair = Generator::new(SCOPES, Spread::Zipf);
    for _ in 0..lines.div_ceil(BLOCK as u64) {
        single.fill(&mut blocks.single, BLOCK);
        pair.fill_pair(&mut blocks.app, &mut blocks.spans, BLOCK / 2);
        for row in &mut measured {
            row.run(&blocks)?;
        }
    }
    Ok(report(&measured))
}

fn table() -> Result<Vec<Measured>, JobError> {
    let windows = program("windows")?;
    let join = program("join")?;
    let row = |name, text, least, job: Box<dyn Job>| Measured {
        name,
        text,
        least,
        job,
        pair: false,
        lines: 0,
        time: Duration::ZERO,
    };
    let mut rows = vec![
        row("bare_parse_by_hand", "bare loop: fields by hand", None, Box::new(BareLoop::new(Fields::ByHand, false))),
        row("bare_parse", "bare loop: fields by serde_json", None, Box::new(BareLoop::new(Fields::Json, false))),
        row("parse", "parse to typed rows", Some(1.2e6), Box::new(Parse::new(windows.clone()))),
        row("parse_whole", "parse to typed rows, all nine fields", None, Box::new(Parse::new(program("whole")?))),
        row(
            "bare_panes_by_hand",
            "bare loop: by hand + 10 s panes",
            None,
            Box::new(BareLoop::new(Fields::ByHand, true)),
        ),
        row("bare_panes", "bare loop: serde_json + 10 s panes", None, Box::new(BareLoop::new(Fields::Json, true))),
        row(
            "windows",
            "+ 3 windows x 100k scopes with p99, objects as JSON",
            Some(0.9e6),
            Box::new(Windows::new(windows.clone())),
        ),
        row(
            "chain",
            "+ frames, positions, ledger, checkpoints",
            Some(0.7e6),
            Box::new(Chain::new(windows, false, Some(CHECKPOINT_EVERY))),
        ),
    ];
    let mut joined = row(
        "join",
        "the same with an inner join by trace id",
        Some(0.45e6),
        Box::new(Chain::new(join.clone(), false, Some(CHECKPOINT_EVERY))),
    );
    joined.pair = true;
    rows.push(joined);
    let mut events = row(
        "join_events",
        "the same, joined events written as JSON too",
        None,
        Box::new(Chain::new(join, true, Some(CHECKPOINT_EVERY))),
    );
    events.pair = true;
    rows.push(events);
    Ok(rows)
}

fn report(measured: &[Measured]) -> (String, Figures) {
    let mut text = String::new();
    let mut figures = Figures::default();
    let rate = |name: &str| measured.iter().find(|row| row.name == name).map(Measured::rate);
    let _ = writeln!(
        text,
        "{:<54} {:>10} {:>9} {:>10} {:>9} {:>10}",
        "job, 294 B JSON lines", "events/s", "ns/event", "at least", "of bare", "records"
    );
    for row in measured {
        let peer = match row.name {
            name if name.starts_with("bare") => None,
            "parse" | "parse_whole" => rate("bare_parse"),
            _ => rate("bare_panes"),
        };
        let ratio = peer.map(|peer| row.rate() / peer);
        let shown = |value: Option<String>| value.unwrap_or_default();
        let _ = writeln!(
            text,
            "{:<54} {:>10.0} {:>9.0} {:>10} {:>9} {:>10}",
            row.text,
            row.rate(),
            1e9 / row.rate(),
            shown(row.least.map(|least| format!("{least:.0}"))),
            shown(ratio.map(|ratio| format!("{ratio:.2}"))),
            row.job.records(),
        );
        figures.add(format!("{}_per_second", row.name), row.rate());
        if let Some(ratio) = ratio {
            figures.add(format!("{}_of_bare", row.name), ratio);
        }
    }
    (text, figures)
}

/// Peak memory of the whole chain with this many live scopes: in a process of its own, which prints two numbers.
///
/// # Errors
/// [`JobError`].
pub fn memory(scopes: u64) -> Result<Memory, JobError> {
    let before = resident();
    let mut chain = Chain::new(program("windows")?, false, None);
    let mut block = Block::default();
    let mut generator = Generator::new(scopes, Spread::Even);
    // Every scope twice, and at least 100 s of event time.
    let lines = (scopes * 2).max(1_700_000);
    for _ in 0..lines.div_ceil(1024) {
        generator.fill(&mut block, 1024);
        chain.block(&block, &Block::default())?;
    }
    let running = peak();
    chain.save();
    Ok(Memory { before, running, saving: peak(), checkpoint: chain.checkpoint_bytes as u64 })
}

/// Resident memory in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Before the chain was made.
    pub before: u64,
    /// Peak while it ran.
    pub running: u64,
    /// Peak with a checkpoint made in memory.
    pub saving: u64,
    /// Size of that checkpoint.
    pub checkpoint: u64,
}

fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn peak() -> u64 {
    status("VmHWM:")
}

fn resident() -> u64 {
    status("VmRSS:")
}
