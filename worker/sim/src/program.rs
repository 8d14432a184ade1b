//! The pipelines that are simulated: resources in YAML, compiled by the chain's own compiler.
//!
//! ```text
//!  joins:   app (2 partitions, text, several lines per event) ─┐
//!           calls (1 partition, JSON)                         ─┴─► assemble by trace ─► w5, s10 ─► aggregates, alerts
//!  ingest:  calls (3 partitions, JSON), panes folded in ingest (R25) ──────────────────► w5, s10 ─► aggregates, alerts
//! ```

use crate::config::Config;
use crate::rng::Rng;
use clap::ValueEnum;
use logloom_chain::compile::program::{Program, SourceIndex};
use logloom_chain::compile::{Input, compile};
use logloom_chain::id::Origin;
use logloom_chain::parse::program::ParseProgram;
use logloom_chain::parse::redact::{Key, KeyRef, SecretSource};
use logloom_chain::stage::plan::{Plan, SourcePartition};
use logloom_chain::time::Span;
use logloom_crds::finding::Finding;
use logloom_crds::read::Resources;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

mod yaml;

/// The inlined resources do not compile: a fault of this crate.
#[derive(Debug, Error)]
#[error("the simulated pipeline does not compile: {findings}")]
pub struct SetupError {
    /// What the compiler says.
    pub findings: String,
}

/// The two shapes of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pipeline {
    /// Rows are brought together first; correlate folds the panes.
    Joins,
    /// Nothing has to be brought together; ingest folds the panes, and claims carry provisionals (R25).
    Ingest,
}

/// A compiled pipeline.
#[derive(Clone)]
pub struct Programs {
    /// Its shape.
    pub pipeline: Pipeline,
    /// What everybody runs.
    pub main: Arc<Program>,
    /// The same with a tighter bound of live scopes: what a process with little memory would run if bounds depended on
    /// it (rule `logical-bounds` off).
    pub tight: Arc<Program>,
    /// Another logic version (rule `logic-version`): its alerts and dimensions differ.
    pub other: Arc<Program>,
    /// Tasks and links.
    pub plan: Arc<Plan>,
}

/// Everything that a run may draw.
#[derive(Clone)]
pub struct Pipelines {
    joins: Programs,
    /// With and without allowed lateness, each with and without events.
    ingest: Vec<Programs>,
}

/// Partitions of the joins link.
const JOINS: u16 = 2;
/// Partitions of the panes link.
const PANES: u16 = 2;
/// Source partitions of a run.
pub const PARTITIONS: usize = 3;
/// Lateness of windows in pipelines whose panes are folded in ingest: none, some, and more than any line is late.
const LATENESS: [&str; 3] = ["0s", "4s", "1h"];

struct NoSecrets;

impl SecretSource for NoSecrets {
    fn key(&self, _reference: KeyRef<'_>) -> Key {
        Key::Missing
    }
}

impl Pipeline {
    /// Index of a source partition's source.
    pub const fn source(self, partition: usize) -> u16 {
        match self {
            Self::Joins if partition == 2 => 1,
            _ => 0,
        }
    }

    /// Whether lines of a source partition are plain text, with continuation lines.
    pub const fn is_text(self, partition: usize) -> bool {
        matches!(self, Self::Joins) && self.source(partition) == 0
    }
}

impl Pipelines {
    /// Compiles everything.
    ///
    /// # Errors
    /// [`SetupError`], only when this crate's YAML is wrong.
    pub fn compile() -> Result<Self, SetupError> {
        let joins = Programs::of(Pipeline::Joins, yaml::MANIFESTS, yaml::JOINS, true)?;
        let mut ingest = Vec::new();
        for lateness in LATENESS {
            for events in [false, true] {
                let pipeline = yaml::INGEST.replace("LATENESS", lateness);
                ingest.push(Programs::of(Pipeline::Ingest, yaml::MANIFESTS, &pipeline, events)?);
            }
        }
        Ok(Self { joins, ingest })
    }

    /// What a run runs: what it asks for, or one in three times panes in ingest.
    pub fn choose(&self, config: &Config) -> &Programs {
        let mut rng = Rng::new(config.seed ^ 0x70a1_e500);
        let drawn = if rng.below(3) == 0 { Pipeline::Ingest } else { Pipeline::Joins };
        match config.pipeline.unwrap_or(drawn) {
            Pipeline::Joins => &self.joins,
            Pipeline::Ingest => &self.ingest[rng.index(self.ingest.len())],
        }
    }
}

impl Programs {
    fn of(pipeline: Pipeline, manifests: &str, resource: &str, events: bool) -> Result<Self, SetupError> {
        let program = |many, scopes| program(manifests, &resource.replace("MANY", many).replace("SCOPES", scopes));
        let main = Arc::new(program("2", "1000")?);
        let origin = |partition: usize| {
            let source = pipeline.source(partition);
            let number = (0..partition).filter(|other| pipeline.source(*other) == source).count() as u32;
            let name = main.sources[usize::from(source)].name.as_str();
            let origin = Origin::new(&main.definition.tenant, name, u128::from(source) + 1, number);
            SourcePartition { source: SourceIndex(source), number, origin }
        };
        let partitions = (0..PARTITIONS).map(origin).collect();
        let panes_in_ingest = main.panes_in_ingest;
        if panes_in_ingest != (pipeline == Pipeline::Ingest) {
            return Err(SetupError { findings: format!("{pipeline:?}: panes in ingest: {panes_in_ingest}") });
        }
        let plan = Arc::new(Plan { partitions, joins: JOINS, panes: PANES, events, panes_in_ingest });
        let (tight, other) = (Arc::new(program("2", "3")?), Arc::new(program("1", "1000")?));
        Ok(Self { pipeline, main, tight, other, plan })
    }

    /// Whether windows take every correction: no line is later than they allow.
    pub fn corrects_all(&self) -> bool {
        self.main.definition.windows.iter().all(|window| window.lateness >= Span::seconds(3_600))
    }
}

fn program(manifests: &str, pipeline: &str) -> Result<Program, SetupError> {
    let mut resources = Resources::new();
    resources.add_file("manifests.yaml", manifests.as_bytes());
    resources.add_file("pipeline.yaml", pipeline.as_bytes());
    let mut manifests = BTreeMap::new();
    for manifest in &resources.manifests {
        let parse = ParseProgram::compile(&manifest.resource.spec, &NoSecrets).map_err(|found| failed(&found))?;
        manifests.insert(manifest.document.name.clone(), Some(Arc::new(parse)));
    }
    let Some(loaded) = resources.pipelines.first() else { return Err(failed(&resources.findings)) };
    let input =
        Input { tenant: "sim", grants: None, name: "sim", pipeline: &loaded.resource.spec, manifests: &manifests };
    compile(&input).map(|compiled| compiled.program).map_err(|found| failed(&found))
}

fn failed(findings: &[Finding]) -> SetupError {
    SetupError { findings: findings.iter().map(|finding| format!("{finding:?}\n")).collect() }
}
