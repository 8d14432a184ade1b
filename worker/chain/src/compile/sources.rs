//! Sources and joins: which manifest reads a source, and what its rows contribute to windows.

use super::Input;
use super::findings::{Findings, list};
use super::program::{Dedupe, Mining, Source};
use super::shape::{Join, JoinMode, JoinStream, MetricInput, MetricKind, Observation, SourceIndex};
use super::windows::{Feed, Metrics, Scopes, span};
use crate::expr::{Environment, ExprError, RowEnvironment, Type, Wanted, compile as compile_expression};
use crate::parse::program::ParseProgram;
use crate::parse::template;
use crate::row::{Column, ColumnType};
use logloom_crds::finding::Reason;
use logloom_crds::pipeline as api;
use regex::bytes::RegexSetBuilder;
use std::sync::Arc;

/// The program of each source's manifest, where there is one.
pub(super) type Parses = Vec<Option<Arc<ParseProgram>>>;

/// Finds the manifest of each source.
pub(super) fn resolve(input: &Input<'_>, findings: &mut Findings) -> Parses {
    let known: Vec<&str> = input.manifests.keys().map(String::as_str).collect();
    let mut names: Vec<&str> = Vec::new();
    let mut parses = Vec::new();
    for (index, source) in input.pipeline.sources.iter().enumerate() {
        let path = format!("spec.sources[{index}]");
        if names.contains(&source.name.as_str()) {
            findings.error(
                Reason::DuplicateName,
                &format!("{path}.name"),
                format!("two sources are named `{}`", source.name.as_str()),
                "rename one",
            );
        }
        names.push(source.name.as_str());
        let found = findings.find(&format!("{path}.manifest"), "ParsingManifest", source.manifest.as_str(), &known);
        let parse = found.and_then(|_| input.manifests.get(source.manifest.as_str()).cloned().flatten());
        if found.is_some() && parse.is_none() {
            let message = format!("manifest `{}` has findings of its own", source.manifest.as_str());
            findings.error(Reason::UnknownReference, &format!("{path}.manifest"), message, "mend the manifest first");
        }
        parses.push(parse);
    }
    parses
}

/// Builds all sources; nothing when one has no manifest.
pub(super) fn build(
    input: &Input<'_>,
    parses: &Parses,
    scopes: &Scopes,
    metrics: &Metrics,
    join: Option<&Join>,
    findings: &mut Findings,
) -> Option<Vec<Source>> {
    let assembled = join.is_none_or(|join| join.mode == JoinMode::Assemble);
    let mut used = vec![false; metrics.metrics.len()];
    let mut errors: Vec<Vec<(String, ExprError)>> = vec![Vec::new(); metrics.metrics.len()];
    let mut sources = Vec::new();
    for (index, source) in input.pipeline.sources.iter().enumerate() {
        let Some(Some(parse)) = parses.get(index) else { continue };
        let mut observe = dimensions(scopes, |name| parse.dimension(name));
        observe.names = enum_names(parse, &observe);
        for (metric, feed) in metrics.feeds.iter().enumerate() {
            let fed =
                feed.as_ref().filter(|feed| feed.source.as_deref().is_none_or(|only| only == source.name.as_str()));
            let input =
                fed.map(|feed| metric_input(feed, &metrics.metrics[metric].kind, parse, &mut parse.environment()));
            observe.metrics.push(match input {
                Some(Ok(input)) => {
                    used[metric] = true;
                    Some(input)
                }
                Some(Err(error)) => {
                    errors[metric].push((source.name.as_str().to_owned(), error));
                    None
                }
                None => None,
            });
        }
        sources.push(Source {
            name: source.name.as_str().to_owned(),
            parse: Arc::clone(parse),
            disorder: parse.disorder(),
            claims: source.idle == api::Idle::Claim,
            dedupe: dedupe(source, index, parse, findings),
            mining: mining(source, index, parse, findings),
            observe,
        });
    }
    if assembled && sources.len() == input.pipeline.sources.len() {
        report_unfed(metrics, &used, &errors, findings);
    }
    check_join_streams(input, findings);
    (sources.len() == input.pipeline.sources.len()).then_some(sources)
}

fn dedupe(source: &api::Source, index: usize, parse: &ParseProgram, findings: &mut Findings) -> Option<Dedupe> {
    let dedupe = source.dedupe.as_ref()?;
    let host = dedupe.host.as_ref().and_then(|name| {
        let column = parse.schema().column(name.as_str());
        if column.is_none() {
            unknown_column(findings, &format!("spec.sources[{index}].dedupe.host"), name.as_str(), parse);
        }
        column
    });
    Some(Dedupe { window: span(dedupe.window), host })
}

/// Bytes of memory that the compiled `exclude` patterns of a manifest may take.
const EXCLUDE_BYTES: usize = 1 << 20;

fn mining(source: &api::Source, index: usize, parse: &ParseProgram, findings: &mut Findings) -> Option<Mining> {
    let (column, spec) = parse.templates()?;
    let settings = template::Settings::from(spec);
    let path = format!("spec.sources[{index}].manifest");
    let in_manifest = format!("mend `spec.templates` of manifest `{}`", source.manifest.as_str());
    let rules = template::Rules::compile(&settings)
        .map_err(|error| findings.error(Reason::BadPattern, &path, error.to_string(), &in_manifest))
        .ok()?;
    let patterns = spec.exclude.iter().map(|pattern| pattern.as_str());
    let exclude = RegexSetBuilder::new(patterns).size_limit(EXCLUDE_BYTES).build();
    let exclude =
        exclude.map_err(|error| findings.error(Reason::BadPattern, &path, error.to_string(), &in_manifest)).ok()?;
    Some(Mining { column, rules: Arc::new(rules), exclude })
}

fn unknown_column(findings: &mut Findings, path: &str, name: &str, parse: &ParseProgram) {
    let known: Vec<&str> = parse.schema().columns().iter().map(|column| column.name.as_str()).collect();
    findings.error(
        Reason::UnknownColumn,
        path,
        format!("the message has no column `{name}`"),
        format!("use one of {}", list(&known)),
    );
}

/// A metric that no source feeds is a finding that says why, for each source.
fn report_unfed(metrics: &Metrics, used: &[bool], errors: &[Vec<(String, ExprError)>], findings: &mut Findings) {
    for (index, feed) in metrics.feeds.iter().enumerate() {
        let Some(feed) = feed.as_ref().filter(|feed| !feed.implied && !used[index]) else { continue };
        match errors[index].as_slice() {
            [(_, error)] => findings.expression(&feed.path, &feed.text, error),
            many => {
                let why: Vec<String> =
                    many.iter().map(|(source, error)| format!("{source}: {}", error.message)).collect();
                let message = format!("no source can compute `{}` ({})", feed.text, why.join("; "));
                findings.error(
                    Reason::BadExpression,
                    &feed.path,
                    message,
                    "use columns that one of the sources has, or name the `source`",
                );
            }
        }
    }
}

/// Where the dimensions stand.
fn dimensions(scopes: &Scopes, column: impl Fn(&str) -> Option<Column>) -> Observation {
    let dimensions = scopes.dimensions.iter().map(|name| column(name)).collect();
    Observation { dimensions, metrics: Vec::new(), names: Vec::new() }
}

fn enum_names(parse: &ParseProgram, observe: &Observation) -> Vec<Option<Arc<crate::expr::EnumNames>>> {
    let names = |column: &Option<Column>| {
        let names = parse.message().enum_names((*column)?)?;
        Some(Arc::new(names.as_ref().into()))
    };
    observe.dimensions.iter().map(names).collect()
}

/// How a row with these names feeds a metric.
fn metric_input(
    feed: &Feed,
    kind: &MetricKind,
    parse: &ParseProgram,
    environment: &mut dyn Environment,
) -> Result<MetricInput, ExprError> {
    let compiled = compile_expression(&feed.text, environment, feed.wanted)?;
    let plain = feed.text.trim().trim_matches('`');
    Ok(match kind {
        MetricKind::Counter => MetricInput::CountWhere(compiled),
        MetricKind::Distinct => MetricInput::Distinct(compiled),
        _ => match parse.schema().column(plain) {
            Some(column) if is_number(parse, column) => MetricInput::Column(column),
            _ => MetricInput::Value(compiled),
        },
    })
}

fn is_number(parse: &ParseProgram, column: Column) -> bool {
    parse.schema().info(column).is_some_and(|info| matches!(info.kind, ColumnType::Int | ColumnType::Float))
}

/// Reads `join`.
pub(super) fn join(
    input: &Input<'_>,
    parses: &Parses,
    scopes: &Scopes,
    metrics: &Metrics,
    findings: &mut Findings,
) -> Option<Join> {
    let spec = input.pipeline.join.as_ref()?;
    let mode = match spec.mode {
        api::JoinMode::Inner => JoinMode::Inner,
        api::JoinMode::Left => JoinMode::Left,
        api::JoinMode::Outer => JoinMode::Outer,
        api::JoinMode::Assemble => JoinMode::Assemble,
    };
    if mode != JoinMode::Assemble && spec.streams.len() != 2 {
        findings.error(
            Reason::CannotWork,
            "spec.join.streams",
            format!("a join of pairs needs two streams, {} are given", spec.streams.len()),
            "name two streams, or use `mode: assemble`",
        );
    }
    if spec.within.as_micros() == 0 {
        findings.error(
            Reason::OutOfBounds,
            "spec.join.within",
            "the bound is zero",
            "give how far apart partners may be, for example `30s`",
        );
    }
    let streams = streams(input, spec, parses, findings)?;
    let observe = if mode == JoinMode::Assemble {
        Observation::default()
    } else {
        side_by_side(input, parses, &streams, scopes, metrics, findings)
    };
    let complete = streams.iter().map(|stream| complete(spec, parses, stream)).collect();
    Some(Join {
        mode,
        within: span(spec.within),
        streams,
        observe,
        max_events: spec.max_events.max(1),
        group_bytes: spec.max_bytes.as_bytes().max(1),
        // Offsets inside a slot are 32 bits wide.
        max_bytes: input.pipeline.limits.join_bytes.as_bytes().min(2 << 30),
        late_updates: spec.late_updates,
        complete,
    })
}

fn streams(input: &Input<'_>, spec: &api::Join, parses: &Parses, findings: &mut Findings) -> Option<Vec<JoinStream>> {
    let names: Vec<&str> = input.pipeline.sources.iter().map(|source| source.name.as_str()).collect();
    let mut streams: Vec<JoinStream> = Vec::new();
    let mut offset = 0u16;
    let mut kind: Option<(ColumnType, &str)> = None;
    for (index, stream) in spec.streams.iter().enumerate() {
        let path = format!("spec.join.streams[{index}]");
        let Some(source) = findings.find(&format!("{path}.source"), "source", stream.source.as_str(), &names) else {
            continue;
        };
        if streams.iter().any(|known| usize::from(known.source.0) == source) {
            findings.error(
                Reason::DuplicateName,
                &format!("{path}.source"),
                "the source is a stream already",
                "name each source once",
            );
            continue;
        }
        let Some(parse) = parses[source].as_ref() else { continue };
        let Some(key) = parse.schema().column(spec.key.as_str()) else {
            unknown_column(findings, "spec.join.key", spec.key.as_str(), parse);
            continue;
        };
        if let Some(info) = parse.schema().info(key) {
            match kind {
                Some((known, first)) if known != info.kind => {
                    let message = format!(
                        "the key is {:?} in `{first}` and {:?} in `{}`",
                        known,
                        info.kind,
                        stream.source.as_str()
                    );
                    findings.error(
                        Reason::TypeMismatch,
                        "spec.join.key",
                        message,
                        "give the key the same type in both messages",
                    );
                }
                _ => kind = Some((info.kind, stream.source.as_str())),
            }
        }
        streams.push(JoinStream { source: SourceIndex(source as u16), key, required: stream.required, offset });
        offset = offset.saturating_add(parse.schema().len() as u16);
    }
    (streams.len() == spec.streams.len()).then_some(streams)
}

/// Every other source of a pipeline with a join is observed on its own; that is rarely meant.
fn check_join_streams(input: &Input<'_>, findings: &mut Findings) {
    let Some(join) = &input.pipeline.join else { return };
    for (index, source) in input.pipeline.sources.iter().enumerate() {
        if !join.streams.iter().any(|stream| stream.source == source.name) {
            findings.warning(
                Reason::Unused,
                &format!("spec.sources[{index}]"),
                format!("source `{}` is no stream of the join: its events pass it by", source.name.as_str()),
                "add it to `spec.join.streams`, or leave it out",
            );
        }
    }
}

/// The names of joined rows: columns of both streams, `source.column`, or the bare name where only one has it.
fn joined_environment<'p>(input: &Input<'_>, parses: &'p Parses, streams: &[JoinStream]) -> RowEnvironment<'p> {
    let mut environment = RowEnvironment::empty();
    for stream in streams {
        let source = usize::from(stream.source.0);
        if let Some(parse) = &parses[source] {
            environment =
                environment.with_message(input.pipeline.sources[source].name.as_str(), stream.offset, parse.message());
        }
    }
    environment
}

/// What joined rows contribute: dimensions of the first stream that has them, metrics over both.
fn side_by_side(
    input: &Input<'_>,
    parses: &Parses,
    streams: &[JoinStream],
    scopes: &Scopes,
    metrics: &Metrics,
    findings: &mut Findings,
) -> Observation {
    let column = |name: &str| {
        streams.iter().find_map(|stream| {
            let column = parses[usize::from(stream.source.0)].as_ref()?.dimension(name)?;
            Some(Column(stream.offset + column.0))
        })
    };
    let mut observe = dimensions(scopes, column);
    for (metric, feed) in metrics.metrics.iter().zip(&metrics.feeds) {
        let input = feed.as_ref().and_then(|feed| {
            let mut environment = joined_environment(input, parses, streams);
            let compiled = match compile_expression(&feed.text, &mut environment, feed.wanted) {
                Ok(compiled) => compiled,
                Err(_) if feed.implied => return None,
                Err(error) => {
                    findings.expression(&feed.path, &feed.text, &error);
                    return None;
                }
            };
            Some(match (metric.kind, environment.variable(feed.text.trim().trim_matches('`'))) {
                (MetricKind::Counter, _) => MetricInput::CountWhere(compiled),
                (MetricKind::Distinct, _) => MetricInput::Distinct(compiled),
                (_, Some(variable)) if matches!(variable.kind, Type::Int | Type::Float) => {
                    MetricInput::Column(Column(variable.index))
                }
                _ => MetricInput::Value(compiled),
            })
        });
        observe.metrics.push(input);
    }
    observe
}

/// `complete`, for the streams whose rows can answer it.
fn complete(spec: &api::Join, parses: &Parses, stream: &JoinStream) -> Option<crate::expr::Compiled> {
    let text = spec.complete.as_ref()?.as_str();
    let parse = parses[usize::from(stream.source.0)].as_ref()?;
    compile_expression(text, &mut parse.environment(), Wanted::Bool).ok()
}

#[cfg(test)]
mod tests {
    use crate::compile::{Input, compile};
    use crate::parse::program::ParseProgram;
    use crate::parse::redact::NoSecrets;
    use crate::parse::template::Miner;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    /// The template of a line in a pipeline whose manifest has these `templates`.
    fn template(templates: serde_json::Value, line: &str) -> String {
        let manifest = json!({
            "schema": { "message": "M", "proto": "syntax = \"proto3\"; message M { string text = 1; string ts = 2; }" },
            "decode": [{ "json": {} }],
            "timestamp": { "from": "ts" },
            "templates": templates,
        });
        let manifest = serde_json::from_value(manifest).unwrap();
        let parse = Arc::new(ParseProgram::compile(&manifest, &NoSecrets).unwrap());
        let pipeline = json!({ "sources": [{ "name": "s", "external": {}, "manifest": "m" }] });
        let pipeline = serde_json::from_value(pipeline).unwrap();
        let manifests = BTreeMap::from([("m".to_owned(), Some(parse))]);
        let input = Input { tenant: "t", grants: None, name: "p", pipeline: &pipeline, manifests: &manifests };
        let program = compile(&input).unwrap().program;
        let mut miner = Miner::new(Arc::clone(&program.sources[0].mining.as_ref().unwrap().rules));
        let found = miner.observe(line.as_bytes());
        String::from_utf8(miner.template(found).unwrap().text().to_vec()).unwrap()
    }

    #[test]
    fn template_mining_follows_the_manifest() {
        assert_eq!(template(json!({ "field": "text" }), "took 17 ms"), "took <*>");
        let drain = json!({ "field": "text", "grouping": "drain", "builtinMasks": false });
        assert_eq!(template(drain, "took 17 ms"), "took 17 ms");
    }
}
