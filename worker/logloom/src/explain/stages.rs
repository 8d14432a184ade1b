//! The stages: what each is keyed by, what its state is bounded by, and what it emits.

use super::words::{counted, level, shape, span};
use super::{Block, Room};
use logloom_chain::alert::incident::QUIET;
use logloom_chain::alert::record::severity_name;
use logloom_chain::compile::definition::quantile_name;
use logloom_chain::compile::program::{
    JoinMode, LevelIndex, MetricIndex, MetricKind, Program, Window, WindowIndex, WindowKind,
};
use logloom_chain::stage::analyze::SAMPLE_SILENCE;
use logloom_chain::time::Span;
use logloom_chain::window::plan::SILENT_CLOSES;
use logloom_crds::pipeline::{self as api, TenantPipelineSpec};

/// The ingest stage.
pub(super) fn ingest(program: &Program, spec: &TenantPipelineSpec) -> Block {
    let early = program.panes_in_ingest;
    let title = if early { "ingest: lines become rows and panes" } else { "ingest: lines become rows" };
    let mut block = Block::new("ingest", Room::Stage, title);
    block.fact("task", "one per source partition");
    let continued = program.sources.iter().any(|source| source.parse.multiline().is_some());
    let follows = if continued { "; continuation lines go where their start line went" } else { "" };
    let key = match &program.join {
        Some(_) => format!("rows go to a correlate task by the join's key{follows}"),
        None => format!("none: 256 lines in a row go to one correlate task{follows}"),
    };
    block.fact("key", key);
    let mut state = vec!["the source's greatest time".to_owned()];
    for source in program.sources.iter().filter(|source| source.mining.is_some()) {
        let bound = source.parse.templates().map_or(0, |(_, templates)| templates.max_templates);
        state.push(format!("at most {bound} templates of {}, the least used makes room", source.name));
    }
    state.push("pieces of cut lines up to the size bound".to_owned());
    if early {
        block.fact("measures", spec_metrics(program, spec));
        state.push(panes_bound(program));
    }
    block.fact("state", state.join("; "));
    let mined =
        if program.sources.iter().any(|source| source.mining.is_some()) { ", templates with counts" } else { "" };
    let panes = if early { ", panes (sums and sketches per scope), late rows" } else { "" };
    block.fact("emits", format!("rows{panes}, dead letters{mined}, ledger entries"));
    block
}

/// The correlate stage.
pub(super) fn correlate(program: &Program, spec: &TenantPipelineSpec) -> Block {
    let early = program.panes_in_ingest;
    let title = if early { "correlate: rows become events" } else { "correlate: rows become events and panes" };
    let mut block = Block::new("correlate", Room::Stage, title);
    block.fact("task", "one per partition of the rows");
    let mut state = Vec::new();
    match (&program.join, &spec.join) {
        (Some(join), Some(resource)) => {
            block.fact("key", format!("{}: all rows of one value meet in one task", resource.key));
            block.fact("join", join_text(program, resource));
            state.push(format!(
                "join: rows for {}, {} in all, {} events of one key; beyond, the oldest go out early",
                span(join.within),
                bytes(join.max_bytes),
                join.max_events
            ));
        }
        _ => block.fact("key", "none: rows go on one by one"),
    }
    for source in program.sources.iter().filter(|source| source.parse.multiline().is_some()) {
        state.push(format!("one open event of several lines per partition of {}", source.name));
    }
    for (source, dedupe) in program.sources.iter().filter_map(|source| Some((source, source.dedupe?))) {
        state.push(format!("hashes of {} for {}", source.name, span(dedupe.window)));
    }
    if early {
        block.fact("emits", "events, ledger entries");
        return block;
    }
    block.fact("measures", spec_metrics(program, spec));
    block.fact("takes along", augment(program, spec));
    state.push(panes_bound(program));
    block.fact("state", state.join("; "));
    let samples = if program.definition.windows.iter().any(takes_samples) {
        " and raw samples for session and count windows"
    } else {
        ", no events"
    };
    block.fact("emits", format!("panes (sums and sketches per scope{samples}), events, late rows, ledger entries"));
    block
}

/// What bounds the open panes of a task.
fn panes_bound(program: &Program) -> String {
    let panes = if program.definition.pane > Span::ZERO {
        format!("panes of {} for ", span(program.definition.pane))
    } else {
        String::new()
    };
    format!("{panes}at most {} live scopes; beyond, new ones count at their parent", program.definition.live_scopes)
}

/// Windows that panes cannot make: each needs the values one by one.
fn takes_samples(window: &Window) -> bool {
    matches!(window.kind, WindowKind::Session { .. } | WindowKind::Count { .. })
}

fn bytes(count: u64) -> String {
    logloom_crds::ByteSize::from_bytes(count).to_string()
}

fn join_text(program: &Program, join: &api::Join) -> String {
    let mode = match program.join.as_ref().map(|join| join.mode) {
        Some(JoinMode::Inner) => "inner: pairs",
        Some(JoinMode::Left) => "left: pairs, and rows of the first stream alone",
        Some(JoinMode::Outer) => "outer: pairs, and rows alone",
        Some(JoinMode::Assemble) | None => "assemble: everything with the key as one event",
    };
    let stream = |stream: &api::JoinStream| {
        if stream.required { format!("{} (required)", stream.source) } else { stream.source.to_string() }
    };
    let streams: Vec<String> = join.streams.iter().map(stream).collect();
    let complete = join.complete.as_ref().map_or_else(String::new, |complete| format!("; complete when {complete}"));
    let late = if join.late_updates { "; late partners go out as updates" } else { "" };
    format!("{mode}, within {}, of {}{complete}{late}", join.within, streams.join(" and "))
}

fn metric_name(program: &Program, metric: MetricIndex) -> &str {
    program.definition.metrics.get(usize::from(metric.0)).map_or("?", |metric| metric.name.as_str())
}

/// Every metric with what feeds it. Those of manifests have no entry in the pipeline.
fn spec_metrics(program: &Program, spec: &TenantPipelineSpec) -> String {
    let counted =
        |metric: &Option<MetricIndex>| metric.map_or("count", |metric| metric_name(program, metric)).to_owned();
    let text = |metric: &logloom_chain::compile::program::Metric| {
        let resource = spec.metrics.iter().find(|resource| resource.name.as_str() == metric.name);
        let source = resource
            .and_then(|resource| resource.source.as_ref())
            .map_or_else(String::new, |source| format!(" of {source}"));
        let unit = if metric.unit.is_empty() { String::new() } else { format!(" in {}", metric.unit) };
        let what = match (metric.kind, resource.and_then(api::Metric::kind)) {
            (MetricKind::Ratio { of, over }, _) => format!("{} per {}", metric_name(program, of), counted(&over)),
            (MetricKind::Rate { of }, _) => format!("{} per second", counted(&of)),
            (_, Some(api::MetricKind::Value(value))) => format!("sketch of {value}"),
            (_, Some(api::MetricKind::CountWhere(condition))) => format!("events with {condition}"),
            (_, Some(api::MetricKind::Distinct(value))) => format!("distinct {value}"),
            _ => "sketch of the manifest's column".to_owned(),
        };
        format!("{}: {what}{source}{unit}", metric.name)
    };
    program.definition.metrics.iter().map(text).collect::<Vec<_>>().join("; ")
}

fn augment(program: &Program, spec: &TenantPipelineSpec) -> String {
    let text = |(augment, resource): (&logloom_chain::compile::program::Augment, &api::Augment)| {
        let values: Vec<&str> = resource.values.iter().map(|value| value.as_str()).collect();
        format!(
            "{}: {} of the last closed {} at {}",
            augment.name,
            values.join(", "),
            resource.window,
            level(program, augment.level)
        )
    };
    program.definition.augment.iter().zip(&spec.augment).map(text).collect::<Vec<_>>().join("; ")
}

/// The analyze stage.
pub(super) fn analyze(program: &Program, spec: &TenantPipelineSpec) -> Block {
    let mut block = Block::new("analyze", Room::Stage, "analyze: windows close, detectors look, rules decide");
    block.fact("task", "one per partition of the panes");
    block.fact("key", cohorts(program));
    for window in &program.definition.windows {
        block.fact(format!("window {}", window.name), window_text(program, window));
    }
    detectors(program, &mut block);
    for (rule, resource) in program.definition.aggregates.iter().zip(&spec.aggregate) {
        let when = resource.emit_when.as_ref().map_or_else(String::new, |when| format!(", when {when}"));
        let values: Vec<&str> = resource.values.keys().map(|name| name.as_str()).collect();
        let values = if values.is_empty() { "every metric's usual values".to_owned() } else { values.join(", ") };
        block.fact(
            format!("aggregate {}", rule.name),
            format!("{}{when}: {values}", place(program, rule.window, rule.level)),
        );
    }
    for (rule, resource) in program.definition.alerts.iter().zip(&spec.alerts) {
        let resolve = resource.resolve_when.as_ref().map_or_else(String::new, |when| format!(" with {when}"));
        let text = format!(
            "{}, when {}; fires after {}, resolved after {}{resolve}",
            place(program, rule.window, rule.level),
            resource.when,
            counted(rule.for_closes as usize, "close"),
            counted(rule.resolve_after as usize, "close"),
        );
        block.fact(format!("alert {}", rule.name), text);
    }
    let mut state = format!(
        "panes of every window until its lateness has passed; at most {} live scopes; a scope without events is forgotten after {SILENT_CLOSES} closes",
        program.definition.live_scopes
    );
    if program.definition.windows.iter().any(takes_samples) {
        state += &format!(", in session and count windows after {}", span(SAMPLE_SILENCE));
    }
    block.fact("state", state);
    let feedback = if program.definition.augment.is_empty() { "" } else { "; closed values, back to correlate" };
    block.fact("emits", format!("objects, alert transitions and findings, in order of window end{feedback}"));
    block
}

/// Who meets whom: the scopes of a level by what their parent names.
fn cohorts(program: &Program) -> String {
    let text = |(index, shape): (u8, &logloom_chain::compile::program::Level)| {
        let own = level(program, LevelIndex(index));
        match shape.parent {
            Some(parent) => format!("{own} by {}", level(program, parent)),
            None => format!("all {own}"),
        }
    };
    let all: Vec<String> = (0u8..).zip(&program.definition.levels).map(text).collect();
    if all.is_empty() { "no scopes".to_owned() } else { format!("cohorts, so that siblings meet: {}", all.join("; ")) }
}

fn place(program: &Program, window: WindowIndex, scope: LevelIndex) -> String {
    let window = program.definition.windows.get(usize::from(window.0)).map_or("?", |window| window.name.as_str());
    format!("{window} at {}", level(program, scope))
}

fn window_text(program: &Program, window: &Window) -> String {
    let levels: Vec<String> = window.levels.iter().map(|scope| level(program, *scope)).collect();
    let (panes, size) = match window.kind {
        WindowKind::Tumbling { size } | WindowKind::Sliding { size, .. } => {
            let count = if program.definition.pane > Span::ZERO { size.0 / program.definition.pane.0 } else { 1 };
            (
                format!(
                    ", {} of {}",
                    counted(usize::try_from(count).unwrap_or(0), "pane"),
                    span(program.definition.pane)
                ),
                size,
            )
        }
        WindowKind::Session { gap, max_length } => (String::new(), Span(gap.0 + max_length.0)),
        WindowKind::Count { .. } => (", raw samples".to_owned(), Span::ZERO),
    };
    let lateness = match window.lateness {
        Span::ZERO => "no lateness".to_owned(),
        lateness => format!("corrected for {} after its end", span(lateness)),
    };
    let kept =
        if size > Span::ZERO { format!(", kept {}", span(Span(size.0 + window.lateness.0))) } else { String::new() };
    format!("{}{panes}; {lateness}{kept}; at {}", shape(window), levels.join(", "))
}

fn detectors(program: &Program, block: &mut Block) {
    for regime in &program.definition.regimes {
        let windows: Vec<&str> = regime
            .windows
            .iter()
            .filter_map(|index| Some(program.definition.windows.get(usize::from(index.0))?.name.as_str()))
            .collect();
        let text = format!(
            "{} of {}: Kolmogorov–Smirnov, alpha {}, distance at least {}, {} in a row",
            metric_name(program, regime.metric),
            windows.join(" and "),
            regime.alpha,
            regime.min_effect,
            counted(regime.consecutive as usize, "close"),
        );
        block.fact("regime", text);
    }
    for baseline in &program.definition.baselines {
        let quantile = quantile_name(baseline.quantile).unwrap_or_else(|| baseline.quantile.to_string());
        let text = format!(
            "{quantile}({}) in {}: siblings against their common set; confidence {}, false discoveries {}, at least {} values, ratio at least {}",
            metric_name(program, baseline.metric),
            place(program, baseline.window, baseline.level),
            baseline.confidence,
            baseline.false_discovery,
            baseline.min_samples,
            baseline.min_ratio,
        );
        block.fact("baseline", text);
    }
    if let Some(scoping) = program.definition.dynamic_scoping {
        block.fact(
            "scoping",
            format!("a scope with too few samples to see a change by {} reports at its parent", scoping.effect),
        );
    }
}

/// The alert stage.
pub(super) fn alert(program: &Program, spec: &TenantPipelineSpec) -> Block {
    let mut block = Block::new("alert", Room::Stage, "alert: alerts become incidents");
    block.fact("task", "one");
    block.fact(
        "key",
        "none: insights in order of window end, rule and scope, once every analyze task has passed that end",
    );
    for (rule, resource) in program.definition.alerts.iter().zip(&spec.alerts) {
        let group: Vec<&str> = rule
            .group_by
            .iter()
            .filter_map(|index| program.definition.dimensions.get(usize::from(*index)).map(String::as_str))
            .collect();
        let group = if group.is_empty() { String::new() } else { format!(", incidents by {}", group.join(", ")) };
        let silenced: Vec<&str> = rule
            .inhibited_by
            .iter()
            .filter_map(|index| program.definition.alerts.get(usize::from(*index)).map(|rule| rule.name.as_str()))
            .collect();
        let silenced =
            if silenced.is_empty() { String::new() } else { format!(", silenced by {}", silenced.join(", ")) };
        let summary = resource.summary.as_ref().map_or_else(String::new, |summary| format!("; “{summary}”"));
        block.fact(
            format!("alert {}", rule.name),
            format!("{}{group}{silenced}{summary}", severity_name(rule.severity)),
        );
    }
    block.fact(
        "state",
        format!(
            "what waits for its time, firing alerts, incidents; one that begins again within {} goes on",
            span(QUIET)
        ),
    );
    block.fact("emits", "aggregates, alerts and incidents, findings");
    block
}
