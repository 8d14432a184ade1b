//! One source: what its manifest makes of a line.

use super::words::{counted, span, step};
use super::{Block, Room};
use logloom_chain::compile::program::Source;
use logloom_crds::ParsingManifestSpec;
use logloom_crds::manifest::SuperlogAction;
use logloom_crds::pipeline::{self as api, SourceKind};

/// The block of a source.
pub(super) fn block(source: &Source, spec: &api::Source, manifest: &ParsingManifestSpec) -> Block {
    let mut block = Block::new(id(&source.name), Room::Source, format!("source {}", source.name));
    block.fact("lines", lines(spec));
    block.fact(
        "manifest",
        format!(
            "{}: {} of {}",
            spec.manifest,
            manifest.schema.message,
            counted(source.parse.schema().columns().len(), "column")
        ),
    );
    block.fact("decode", manifest.decode.iter().map(step).collect::<Vec<_>>().join(" → "));
    block.fact("time", time(source, manifest));
    if let Some(rule) = &manifest.multiline {
        let text = format!(
            "an event begins at /{}/; at most {} lines, {} and {}",
            rule.start, rule.max_lines, rule.max_bytes, rule.max_wait
        );
        block.fact("multi-line", text);
    }
    block.fact(
        "filter",
        manifest.filter.as_ref().map_or_else(String::new, |filter| format!("keeps what fulfils {filter}")),
    );
    block.fact("redaction", redaction(manifest));
    let superlog = &manifest.superlog;
    let action = match superlog.action {
        SuperlogAction::Truncate => "are cut there, and say so",
        SuperlogAction::ClaimCheck => "are kept whole in the store; the event has their beginning",
    };
    block.fact("size", format!("lines above {} {action}", superlog.max_bytes));
    if let Some(dedupe) = &source.dedupe {
        let host = spec.dedupe.as_ref().and_then(|dedupe| dedupe.host.as_ref());
        let host = host.map_or_else(String::new, |host| format!(", by {host}"));
        block.fact("dedupe", format!("lines shipped twice are dropped within {}{host}", span(dedupe.window)));
    }
    block
}

/// The id of a source's block.
pub(super) fn id(source: &str) -> String {
    format!("source_{source}")
}

fn lines(spec: &api::Source) -> String {
    match spec.kind() {
        Some(SourceKind::Kafka(kafka)) => {
            let topics: Vec<&str> = kafka.topics.iter().map(|topic| topic.as_str()).collect();
            format!("Kafka {}: {}", kafka.cluster, topics.join(", "))
        }
        _ => format!("given by --input {}=…", spec.name),
    }
}

fn time(source: &Source, manifest: &ParsingManifestSpec) -> String {
    let rule = &manifest.timestamp;
    let formats: Vec<&str> = rule.formats.iter().map(|format| format.as_str()).collect();
    let idle = if source.claims { "an idle source lets time go on" } else { "an idle source holds time" };
    let mut text = format!(
        "{} ({}), zone {}; up to {} out of order",
        rule.from,
        formats.join(" or "),
        rule.zone,
        span(source.disorder)
    );
    text += &format!("; more than {} ahead is clamped", rule.max_future);
    if let Some(age) = rule.max_age {
        text += &format!("; older than {age} is dropped");
    }
    format!("{text}; {idle}")
}

fn redaction(manifest: &ParsingManifestSpec) -> String {
    let rules = &manifest.redact;
    let patterns = rules.iter().filter(|rule| rule.pattern.is_some()).count();
    let columns = |wanted: fn(&&logloom_crds::manifest::Redaction) -> bool| -> Vec<&str> {
        rules.iter().filter(wanted).flat_map(|rule| rule.fields.iter().map(|field| field.as_str())).collect()
    };
    let (hashed, dropped) = (columns(|rule| rule.hash.is_some()), columns(|rule| rule.drop == Some(true)));
    let mut parts = Vec::new();
    if patterns > 0 {
        parts.push(counted(patterns, "pattern"));
    }
    for (what, columns) in [("hashed", hashed), ("dropped", dropped)] {
        if !columns.is_empty() {
            parts.push(format!("{what}: {}", columns.join(", ")));
        }
    }
    parts.join("; ")
}
