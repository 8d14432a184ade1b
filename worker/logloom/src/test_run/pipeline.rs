//! One test of a pipeline: its lines through a machine, and the records that leave it.
//!
//! Every source is one partition. The lines go in one by one in the order of the test, then all sources end. A source without
//! lines ends before the first line, so that time moves by those that have some.

use super::{Difference, compare::compare};
use crate::local::output::Encoder;
use logloom_chain::compile::definition::Definition;
use logloom_chain::compile::program::{AggregateRule, Program, SourceIndex};
use logloom_chain::id::Origin;
use logloom_chain::log::{Position, RawLine, Upstream};
use logloom_chain::parse::timestamp::instant;
use logloom_chain::stage::machine::{Machine, MachineError, Sink, Stream};
use logloom_chain::stage::plan::{Plan, SourcePartition};
use logloom_chain::wire::WireError;
use logloom_crds::pipeline::{PipelineTest, TestLine};
use logloom_crds::status::JsonMap;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// Why a test could not be run to its end. Neither happens with the machine's own records.
#[derive(Debug, Error)]
enum TestError {
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error("a record of {stream} cannot be read: {error}")]
    Record { stream: &'static str, error: WireError },
    #[error("a record of {stream} is no JSON: {error}")]
    Json { stream: &'static str, error: serde_json::Error },
}

/// Runs a test. Gives what differs, each with its path inside the test.
pub(super) fn run(program: &Arc<Program>, test: &PipelineTest) -> Vec<(String, Difference)> {
    let unknown = unknown_sources(program, test);
    if !unknown.is_empty() {
        return unknown;
    }
    let records = match records(program, test) {
        Ok(records) => records,
        Err(error) => {
            let difference = Difference {
                place: "input".to_owned(),
                position: None,
                expected: "a run to the end".to_owned(),
                found: error.to_string(),
            };
            return vec![("input".to_owned(), difference)];
        }
    };
    let expect = &test.expect;
    let streams: [(&str, &Option<Vec<JsonMap>>); 7] = [
        ("events", &expect.events),
        ("windows", &expect.windows),
        ("aggregates", &expect.aggregates),
        ("findings", &expect.findings),
        ("alerts", &expect.alerts),
        ("deadletter", &expect.deadletter),
        ("late", &expect.late),
    ];
    let mut differences = Vec::new();
    for (stream, expected) in streams {
        if let Some(expected) = expected {
            differences.extend(compare(stream, expected, records.get(stream).map_or(&[], Vec::as_slice)));
        }
    }
    differences
}

fn unknown_sources(program: &Program, test: &PipelineTest) -> Vec<(String, Difference)> {
    let names: Vec<&str> = program.sources.iter().map(|source| source.name.as_str()).collect();
    let mut differences = Vec::new();
    for (index, line) in test.input.iter().enumerate() {
        if !names.contains(&line.source.as_str()) {
            let place = format!("input[{index}].source");
            let expected = format!("one of {}", names.join(", "));
            differences.push((
                place.clone(),
                Difference { place, position: None, expected, found: format!("{:?}", line.source.as_str()) },
            ));
        }
    }
    differences
}

/// What leaves the machine, by stream.
type Records = BTreeMap<&'static str, Vec<Value>>;

fn records(program: &Arc<Program>, test: &PipelineTest) -> Result<Records, TestError> {
    let own_rules = program.definition.aggregates.len();
    let program = match test.expect.windows {
        Some(_) => Arc::new(with_window_rules(program)),
        None => Arc::clone(program),
    };
    let plan = plan(&program);
    let mut collector = Collector {
        encoder: Encoder::new(Arc::clone(&program), plan.clone()),
        own_rules: program.definition.aggregates.iter().take(own_rules).map(|rule| rule.name.clone()).collect(),
        records: Records::new(),
        line: Vec::new(),
    };
    let mut machine = Machine::new(Arc::clone(&program), plan);
    let partition = |line: &TestLine| program.sources.iter().position(|source| source.name == line.source.as_str());
    let used: BTreeSet<usize> = test.input.iter().filter_map(partition).collect();
    for idle in (0..program.sources.len()).filter(|index| !used.contains(index)) {
        machine.close(idle, &mut collector)?;
    }
    for line in &test.input {
        let Some(partition) = partition(line) else { continue };
        machine.line(partition, RawLine::new(line.line.as_bytes()), line.at.as_deref().and_then(instant));
        machine.flush(partition, &mut collector)?;
    }
    for partition in used {
        machine.close(partition, &mut collector)?;
    }
    Ok(collector.records)
}

/// Windows leave the chain as objects of aggregation rules. These rules, one per window and scope level, make every closed
/// window leave it.
fn with_window_rules(program: &Program) -> Program {
    let mut definition = Definition::clone(&program.definition);
    for (window, shape) in (0u8..).zip(&program.definition.windows) {
        definition.aggregates.extend(shape.levels.iter().map(|level| AggregateRule {
            // No rule of a pipeline has a name with a blank.
            name: format!("window {window} {}", level.0),
            level: *level,
            window: logloom_chain::compile::program::WindowIndex(window),
            emit_when: None,
            values: Vec::new(),
        }));
    }
    Program { definition: Arc::new(definition), ..program.clone() }
}

/// One partition per source.
fn plan(program: &Program) -> Plan {
    let partition = |(index, source): (u16, &logloom_chain::compile::program::Source)| SourcePartition {
        source: SourceIndex(index),
        number: 0,
        origin: Origin::new(&program.definition.tenant, &source.name, 0, 0),
    };
    Plan {
        partitions: (0u16..).zip(&program.sources).map(partition).collect(),
        joins: 1,
        panes: 1,
        events: true,
        panes_in_ingest: program.panes_in_ingest,
    }
}

struct Collector {
    encoder: Encoder,
    own_rules: BTreeSet<String>,
    records: Records,
    line: Vec<u8>,
}

impl Sink for Collector {
    type Error = TestError;

    fn record(&mut self, stream: Stream, upstream: Upstream, _at: Position, payload: &[u8]) -> Result<(), TestError> {
        self.line.clear();
        let name = stream.name();
        self.encoder
            .encode(stream, upstream, payload, &mut self.line)
            .map_err(|error| TestError::Record { stream: name, error })?;
        if self.line.is_empty() {
            return Ok(());
        }
        let mut record: Value =
            serde_json::from_slice(&self.line).map_err(|error| TestError::Json { stream: name, error })?;
        let is_window =
            stream == Stream::Aggregates && record["rule"].as_str().is_some_and(|rule| !self.own_rules.contains(rule));
        let name = if is_window { "windows" } else { name };
        if let (true, Some(window)) = (is_window, record.as_object_mut()) {
            window.remove("rule");
            window.remove("id");
        }
        self.records.entry(name).or_default().push(record);
        Ok(())
    }
}
