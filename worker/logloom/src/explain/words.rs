//! How spans, scopes and lists are written.

use logloom_chain::compile::program::{Level, LevelIndex, Program, Window, WindowKind};
use logloom_chain::time::Span;
use logloom_crds::manifest::{DecodeStep, Decoder};
use logloom_crds::units::Duration;

/// `1m10s`, `250ms`.
pub(super) fn span(span: Span) -> String {
    Duration::from_micros(span.0.unsigned_abs()).to_string()
}

/// `one thing`, `7 things`.
pub(super) fn counted(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `[org, service]`; a level without dimensions is `[]`.
pub(super) fn level(program: &Program, level: LevelIndex) -> String {
    program
        .definition
        .levels
        .get(usize::from(level.0))
        .map_or_else(|| "[?]".to_owned(), |level| dimensions(program, level))
}

fn dimensions(program: &Program, level: &Level) -> String {
    let name = |index: &u16| program.definition.dimensions.get(usize::from(*index)).map_or("?", String::as_str);
    format!("[{}]", level.dimensions.iter().map(name).collect::<Vec<_>>().join(", "))
}

/// `tumbling 1m`, `5m every 30s`.
pub(super) fn shape(window: &Window) -> String {
    match window.kind {
        WindowKind::Tumbling { size } => format!("tumbling {}", span(size)),
        WindowKind::Sliding { size, slide } => format!("sliding {} every {}", span(size), span(slide)),
        WindowKind::Session { gap, max_length } => {
            format!("sessions {} apart, {} at most", span(gap), span(max_length))
        }
        WindowKind::Count { size, slide } => format!("the last {size} events, every {slide}"),
    }
}

/// How a decode step is called, with the order of its columns where it has one.
pub(super) fn step(step: &DecodeStep) -> String {
    let name = match step.decoder() {
        Some(Decoder::Json) => "json".to_owned(),
        Some(Decoder::Logfmt) => "logfmt".to_owned(),
        Some(Decoder::KeyValue(_)) => "keyValue".to_owned(),
        Some(Decoder::Cri) => "cri".to_owned(),
        Some(Decoder::Docker) => "docker".to_owned(),
        Some(Decoder::Syslog3164) => "syslog3164".to_owned(),
        Some(Decoder::Syslog5424) => "syslog5424".to_owned(),
        Some(Decoder::Syslog) => "syslog".to_owned(),
        Some(Decoder::Combined(_)) => "combined".to_owned(),
        Some(Decoder::Regex(_)) => "regex".to_owned(),
        Some(Decoder::Grok(_)) => "grok".to_owned(),
        Some(Decoder::Dissect(_)) => "dissect".to_owned(),
        Some(Decoder::Csv(csv)) => format!("csv of {}", counted(csv.columns.len(), "column")),
        Some(Decoder::Protobuf(_)) => "protobuf".to_owned(),
        None => "?".to_owned(),
    };
    let from = step.from.as_ref().map(|from| format!("of {from}"));
    let prefix = step.prefix.as_ref().map(|prefix| format!("as {prefix}…"));
    let optional = step.optional.then(|| "if it is one".to_owned());
    let parts: Vec<String> = std::iter::once(name).chain(from).chain(prefix).chain(optional).collect();
    parts.join(" ")
}
