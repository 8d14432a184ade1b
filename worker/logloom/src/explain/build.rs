//! From a program and its resources to a chart.

use super::{Arrow, Block, Chart, Room, source, stages};
use crate::resources::Compilation;
use logloom_chain::compile::program::Program;
use logloom_crds::TenantPipeline;
use logloom_crds::pipeline::{Sink, TenantPipelineSpec};
use logloom_crds::read::Loaded;
use serde_json::Value;

/// The chart of a pipeline that compiled to `program`.
pub fn chart(compilation: &Compilation, pipeline: &Loaded<TenantPipeline>, program: &Program) -> Chart {
    let spec = &pipeline.resource.spec;
    let mut chart = Chart {
        title: format!("{}/{}", program.definition.tenant, program.definition.pipeline),
        description: spec.description.as_ref().map_or_else(String::new, |text| text.as_str().to_owned()),
        ..Chart::default()
    };
    let arrow =
        |from: &str, to: &str, label: &str| Arrow { from: from.to_owned(), to: to.to_owned(), label: label.to_owned() };
    for (source, resource) in program.sources.iter().zip(&spec.sources) {
        let manifest = compilation.resources.manifests.iter().find(|manifest| {
            manifest.document.name == resource.manifest.as_str()
                && manifest.document.namespace == pipeline.document.namespace
        });
        // A program is made of manifests that are there.
        let Some(manifest) = manifest else { continue };
        chart.blocks.push(source::block(source, resource, &manifest.resource.spec));
        chart.arrows.push(arrow(&source::id(&source.name), "ingest", "lines"));
    }
    chart.blocks.extend([
        stages::ingest(program, spec),
        stages::correlate(program, spec),
        stages::analyze(program, spec),
        stages::alert(program, spec),
    ]);
    chart.blocks.push(outputs(program, spec));
    let key = spec.join.as_ref().map_or_else(|| "rows".to_owned(), |join| format!("rows by {}", join.key));
    chart.arrows.push(arrow("ingest", "correlate", &key));
    chart.arrows.push(arrow(panes_from(program), "analyze", "panes by cohort"));
    chart.arrows.push(arrow("analyze", "alert", "insights"));
    if !program.definition.augment.is_empty() {
        chart.arrows.push(arrow("analyze", "correlate", "closed values"));
    }
    let mined = program.sources.iter().any(|source| source.mining.is_some());
    let streams = |names: &[(&str, bool)]| {
        names.iter().filter(|(_, sent)| *sent).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    let early = program.panes_in_ingest;
    let from_ingest = streams(&[("deadletter", true), ("templates", mined), ("late", early), ("ledger", true)]);
    chart.arrows.push(arrow("ingest", "outputs", &from_ingest));
    chart.arrows.push(arrow("correlate", "outputs", &streams(&[("events", true), ("late", !early), ("ledger", true)])));
    chart.arrows.push(arrow("alert", "outputs", "aggregates, alerts, findings"));
    chart
}

/// The stage that counts rows in panes, and knows which of them are late.
fn panes_from(program: &Program) -> &'static str {
    if program.panes_in_ingest { "ingest" } else { "correlate" }
}

/// What leaves the chain, and where to.
fn outputs(program: &Program, spec: &TenantPipelineSpec) -> Block {
    let mut block = Block::new("outputs", Room::Outputs, "outputs");
    let events = if program.join.is_some() {
        "joined events, with the values they take along"
    } else {
        "events, with the values they take along"
    };
    let made_of = [
        ("events", "correlate", events),
        ("aggregates", "alert", "objects of the aggregation rules"),
        ("alerts", "alert", "alerts and incidents, each change of state"),
        ("findings", "alert", "what detectors found, and new templates"),
        ("templates", "ingest", "templates with exact counts"),
        ("deadletter", "ingest", "lines that cannot be read, with reason and raw bytes"),
        ("late", panes_from(program), "rows behind every window's lateness"),
    ];
    for (stream, stage, what) in made_of {
        let sinks: Vec<String> = spec.sinks.iter().filter(|sink| stream_name(sink) == stream).map(sink_name).collect();
        let sinks = if sinks.is_empty() { String::new() } else { format!("; to {}", sinks.join(", ")) };
        block.fact(stream, format!("from {stage}: {what}{sinks}"));
    }
    block.fact(
        "ledger",
        "from ingest and correlate: per source, stage and minute: in = out + dropped by reason + inside",
    );
    block
}

fn stream_name(sink: &Sink) -> String {
    serde_json::to_value(sink.stream).ok().and_then(|name| name.as_str().map(str::to_lowercase)).unwrap_or_default()
}

fn sink_name(sink: &Sink) -> String {
    let value = serde_json::to_value(sink).unwrap_or(Value::Null);
    let target = Sink::TARGETS.iter().find(|target| value.get(**target).is_some_and(|target| !target.is_null()));
    format!("{} ({})", sink.name, target.copied().unwrap_or("?"))
}
