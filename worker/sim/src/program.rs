//! The pipelines that are simulated: resources in YAML, compiled by the chain's own compiler.
//!
//! ```text
//!  app (2 partitions, text, several lines per event) ─┐
//!  calls (1 partition, JSON)                         ─┴─► assemble by trace ─► w5, s10 ─► aggregates, alerts
//! ```

use logloom_chain::compile::program::{Program, SourceIndex};
use logloom_chain::compile::{Input, compile};
use logloom_chain::id::Origin;
use logloom_chain::parse::program::ParseProgram;
use logloom_chain::parse::redact::{Key, KeyRef, SecretSource};
use logloom_chain::stage::definition::Definition;
use logloom_chain::stage::plan::{Plan, SourcePartition};
use logloom_chain::time::Span;
use logloom_crds::finding::Finding;
use logloom_crds::read::Resources;
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

const MANIFESTS: &str = r#"
apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: app, namespace: tenant-sim }
spec:
  schema:
    message: Line
    proto: |
      syntax = "proto3";
      message Line { string level = 1; string service = 2; string host = 3; string trace_id = 4; string message = 5; }
  decode:
    - regex: { pattern: '^(?P<ts>\d{13}) (?P<level>[A-Z]+) (?P<service>[a-z]+) (?P<host>\S+) (?P<trace_id>\S+) (?P<message>.*)$' }
  timestamp: { from: ts, formats: [unix_ms], disorder: 2s, maxFuture: 10s }
  key: trace_id
  dimensions: [service, host]
  multiline: { start: '^\d{13} ', field: message, maxLines: 4, maxWait: 2s }
  templates: { field: message }
---
apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: calls, namespace: tenant-sim }
spec:
  schema:
    message: Call
    proto: |
      syntax = "proto3";
      message Call { string service = 1; string host = 2; string trace_id = 3; double ms = 4; }
  decode: [{ json: {} }]
  timestamp: { from: ts, formats: [unix_ms], disorder: 2s, maxFuture: 10s }
  key: trace_id
  dimensions: [service, host]
"#;

const PIPELINE: &str = r#"
apiVersion: logloom.io/v1alpha1
kind: TenantPipeline
metadata: { name: sim, namespace: tenant-sim }
spec:
  sources:
    - { name: app, external: {}, manifest: app }
    - { name: calls, external: {}, manifest: calls }
  join:
    key: trace_id
    mode: assemble
    within: 3s
    streams: [{ source: app }, { source: calls }]
  scopes: [[service], [service, host]]
  metrics:
    - { name: latency, source: calls, value: ms, unit: ms }
    - { name: errors, source: app, countWhere: "level == 'ERROR'" }
  windows:
    - { name: w5, tumbling: 5s, lateness: 2s }
    - { name: s10, sliding: { size: 10s, slide: 5s } }
  augment:
    - { window: w5, scope: [service], values: ["count(latency)"], as: recent }
  aggregate:
    - { name: health, by: [service], window: w5 }
    - { name: hosts, by: [service, host], window: s10, values: { most: max(latency), seen: count } }
  alerts:
    - name: errors
      when: "errors >= MANY"
      on: { window: w5, scope: [service] }
      for: 1
      severity: warning
  limits: { liveScopes: SCOPES }
"#;

/// The inlined resources do not compile: a fault of this crate.
#[derive(Debug, Error)]
#[error("the simulated pipeline does not compile: {findings}")]
pub struct SetupError {
    /// What the compiler says.
    pub findings: String,
}

/// The compiled pipelines.
#[derive(Clone)]
pub struct Programs {
    /// What everybody runs.
    pub main: Arc<Program>,
    /// The same with a tighter bound of live scopes: what a process with little memory would run if bounds depended on
    /// it (rule `logical-bounds` off).
    pub tight: Arc<Program>,
    /// Another logic version (rule `logic-version`): its alerts and dimensions differ.
    pub other: Arc<Program>,
    /// Tasks and links.
    pub plan: Arc<Plan>,
    /// Names, for ids of aggregates.
    pub definition: Arc<Definition>,
}

/// Partitions of the joins link.
pub const JOINS: u16 = 2;
/// Partitions of the panes link.
pub const PANES: u16 = 2;
/// Source partitions: (index of the source, number in it).
pub const PARTITIONS: [(u16, u32); 3] = [(0, 0), (0, 1), (1, 0)];
/// Allowed disorder D of both sources.
pub const DISORDER: Span = Span::seconds(2);

struct NoSecrets;

impl SecretSource for NoSecrets {
    fn key(&self, _reference: KeyRef<'_>) -> Key {
        Key::Missing
    }
}

impl Programs {
    /// Compiles everything.
    ///
    /// # Errors
    /// [`SetupError`], only when this crate's YAML is wrong.
    pub fn compile() -> Result<Self, SetupError> {
        let main = Arc::new(program("2", "1000")?);
        let origin = |(source, number): (u16, u32)| {
            let name = main.sources[usize::from(source)].name.as_str();
            let origin = Origin::new(&main.tenant, name, u128::from(source) + 1, number);
            SourcePartition { source: SourceIndex(source), number, origin }
        };
        let partitions = PARTITIONS.map(origin).to_vec();
        let plan = Arc::new(Plan { partitions, joins: JOINS, panes: PANES, events: true, panes_in_ingest: false });
        let definition = Arc::new(Definition::of(&main));
        Ok(Self { definition, main, tight: Arc::new(program("2", "3")?), other: Arc::new(program("1", "1000")?), plan })
    }
}

fn program(many: &str, scopes: &str) -> Result<Program, SetupError> {
    let mut resources = Resources::new();
    resources.add_file("manifests.yaml", MANIFESTS.as_bytes());
    let pipeline = PIPELINE.replace("MANY", many).replace("SCOPES", scopes);
    resources.add_file("pipeline.yaml", pipeline.as_bytes());
    let mut manifests = BTreeMap::new();
    for manifest in &resources.manifests {
        let parse = ParseProgram::compile(&manifest.resource.spec, &NoSecrets).map_err(|found| failed(&found))?;
        manifests.insert(manifest.document.name.clone(), Some(Arc::new(parse)));
    }
    let Some(loaded) = resources.pipelines.first() else { return Err(failed(&resources.findings)) };
    let input = Input { tenant: "sim", grants: None, name: "sim", pipeline: &loaded.resource.spec, manifests: &manifests };
    compile(&input).map(|compiled| compiled.program).map_err(|found| failed(&found))
}

fn failed(findings: &[Finding]) -> SetupError {
    SetupError { findings: findings.iter().map(|finding| format!("{finding:?}\n")).collect() }
}
