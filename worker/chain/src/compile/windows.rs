//! Scopes, metrics and windows: names to numbers, and what cannot work.

use super::findings::{Findings, list};
use super::shape::{Level, LevelIndex, Metric, MetricIndex, MetricKind, Window, WindowKind};
use super::sources::Parses;
use crate::expr::Wanted;
use crate::parse::program::ParseProgram;
use crate::row::Column;
use crate::time::Span;
use logloom_crds::finding::Reason;
use logloom_crds::pipeline::{self as api, TenantPipelineSpec};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Panes in one window beyond which the widths of windows do not fit each other.
const MAX_PANES: i64 = 1_000;

/// Dimensions and levels.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    pub(super) dimensions: Vec<String>,
    pub(super) levels: Vec<Level>,
}

impl Scopes {
    /// The level with exactly these dimensions, in any order.
    pub(super) fn level(&self, names: &[&str]) -> Option<LevelIndex> {
        let wanted: BTreeSet<&str> = names.iter().copied().collect();
        let same = |level: &Level| {
            level.dimensions.iter().map(|d| self.dimensions[usize::from(*d)].as_str()).collect::<BTreeSet<_>>()
                == wanted
        };
        self.levels.iter().position(same).map(|index| LevelIndex(index as u8))
    }

    /// Levels as people write them.
    pub(super) fn shown(&self) -> Vec<String> {
        let name = |level: &Level| {
            level.dimensions.iter().map(|d| self.dimensions[usize::from(*d)].clone()).collect::<Vec<_>>().join(", ")
        };
        self.levels.iter().map(|level| format!("[{}]", name(level))).collect()
    }

    pub(super) fn dimension(&self, name: &str) -> Option<u16> {
        self.dimensions.iter().position(|known| known == name).map(|index| index as u16)
    }
}

/// Reads `scopes`.
pub(super) fn scopes(spec: &TenantPipelineSpec, parses: &Parses, findings: &mut Findings) -> Scopes {
    let mut scopes = Scopes::default();
    for (index, level) in spec.scopes.iter().enumerate() {
        let path = format!("spec.scopes[{index}]");
        let mut dimensions = Vec::new();
        for (place, name) in level.0.iter().enumerate() {
            let name = name.as_str();
            let produced = parses.iter().flatten().any(|parse| parse.dimension(name).is_some());
            if !produced && parses.iter().all(Option::is_some) {
                let is_column = parses.iter().flatten().any(|parse| parse.schema().column(name).is_some());
                let message = match is_column {
                    true => format!("`{name}` is a column, but no manifest has it among its `dimensions`"),
                    false => format!("no source produces the dimension `{name}`"),
                };
                let remedy = match dimension_names(parses) {
                    known if known.is_empty() => format!("add `{name}` to a manifest's `dimensions`"),
                    known => format!("use a dimension of a source's manifest ({known}), or add `{name}` to one"),
                };
                findings.error(Reason::UnknownColumn, &format!("{path}[{place}]"), message, remedy);
            }
            let number = scopes.dimension(name).unwrap_or_else(|| {
                scopes.dimensions.push(name.to_owned());
                (scopes.dimensions.len() - 1) as u16
            });
            if dimensions.contains(&number) {
                findings.error(
                    Reason::DuplicateName,
                    &path,
                    format!("`{name}` stands twice"),
                    "name each dimension once",
                );
            }
            dimensions.push(number);
        }
        let same = |known: &Level| known.dimensions.iter().collect::<BTreeSet<_>>() == dimensions.iter().collect();
        if scopes.levels.iter().any(same) {
            findings.error(Reason::DuplicateName, &path, "this scope stands twice", "leave one out");
        }
        scopes.levels.push(Level { dimensions, parent: None });
    }
    if scopes.dimensions.len() > 128 {
        findings.error(
            Reason::OutOfBounds,
            "spec.scopes",
            format!("{} dimensions", scopes.dimensions.len()),
            "use 128 dimensions at most",
        );
    }
    link_parents(&mut scopes.levels);
    scopes
}

/// The parent is the largest level whose dimensions are all among ours.
fn link_parents(levels: &mut [Level]) {
    let sets: Vec<BTreeSet<u16>> = levels.iter().map(|level| level.dimensions.iter().copied().collect()).collect();
    for (index, level) in levels.iter_mut().enumerate() {
        let smaller =
            sets.iter().enumerate().filter(|(_, set)| set.len() < sets[index].len() && set.is_subset(&sets[index]));
        level.parent = smaller
            .max_by_key(|(other, set)| (set.len(), usize::MAX - other))
            .map(|(other, _)| LevelIndex(other as u8));
    }
}

/// The dimensions of all manifests, for people.
fn dimension_names(parses: &Parses) -> String {
    let columns = |parse: &Arc<ParseProgram>| {
        let name = |column: &Column| Some(parse.schema().columns().get(column.index())?.name.clone());
        parse.dimensions().iter().filter_map(name).collect::<Vec<_>>()
    };
    let names: BTreeSet<String> = parses.iter().flatten().flat_map(columns).collect();
    list(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// How a metric is fed: by which sources, and by which expression.
#[derive(Debug, Clone)]
pub(super) struct Feed {
    /// Path of the expression in the resource.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) wanted: Wanted,
    /// Only rows of this source.
    pub(super) source: Option<String>,
    /// It stands in the manifest: a column of this name, where a source has it.
    pub(super) implied: bool,
}

/// Metrics and their feeds; ratios and rates have none.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) metrics: Vec<Metric>,
    pub(super) feeds: Vec<Option<Feed>>,
}

/// Reads `metrics`, and takes the metrics of manifests that no entry names.
pub(super) fn metrics(spec: &TenantPipelineSpec, parses: &Parses, findings: &mut Findings) -> Metrics {
    let mut found = Metrics::default();
    for (index, metric) in spec.metrics.iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        if found.metrics.iter().any(|known| known.name == metric.name.as_str()) {
            findings.error(
                Reason::DuplicateName,
                &format!("{path}.name"),
                format!("two metrics are named `{}`", metric.name.as_str()),
                "rename one",
            );
        }
        if let Some(source) = &metric.source {
            let names: Vec<&str> = spec.sources.iter().map(|source| source.name.as_str()).collect();
            findings.find(&format!("{path}.source"), "source", source.as_str(), &names);
        }
        let source = metric.source.as_ref().map(|source| source.as_str().to_owned());
        let feed = |field: &str, text: &str, wanted| {
            Some(Feed {
                path: format!("{path}.{field}"),
                text: text.to_owned(),
                wanted,
                source: source.clone(),
                implied: false,
            })
        };
        let (kind, feed) = match metric.kind() {
            Some(api::MetricKind::Value(text)) => {
                (MetricKind::Distribution, feed("value", text.as_str(), Wanted::Number))
            }
            Some(api::MetricKind::CountWhere(text)) => {
                (MetricKind::Counter, feed("countWhere", text.as_str(), Wanted::Bool))
            }
            Some(api::MetricKind::Distinct(text)) => {
                (MetricKind::Distinct, feed("distinct", text.as_str(), Wanted::Any))
            }
            Some(api::MetricKind::Ratio(_) | api::MetricKind::Rate(_)) => (MetricKind::Rate { of: None }, None),
            None => {
                findings.error(
                    Reason::ExactlyOne,
                    &path,
                    "the metric does not say what it measures",
                    "give exactly one of `value`, `countWhere`, `distinct`, `ratio`, `rate`",
                );
                continue;
            }
        };
        let unit = metric.unit.as_ref().map(|unit| unit.as_str().to_owned()).unwrap_or_default();
        found.metrics.push(Metric { name: metric.name.as_str().to_owned(), kind, unit });
        found.feeds.push(feed);
    }
    take_manifest_metrics(parses, &mut found);
    derive(spec, &mut found, findings);
    found
}

fn take_manifest_metrics(parses: &Parses, found: &mut Metrics) {
    for parse in parses.iter().flatten() {
        for metric in parse.metrics() {
            if found.metrics.iter().any(|known| known.name == metric.name) {
                continue;
            }
            let Some(column) = parse.schema().info(metric.column) else { continue };
            found.metrics.push(Metric {
                name: metric.name.clone(),
                kind: MetricKind::Distribution,
                unit: metric.unit.clone(),
            });
            let text = format!("`{}`", column.name);
            found.feeds.push(Some(Feed {
                path: String::new(),
                text,
                wanted: Wanted::Number,
                source: None,
                implied: true,
            }));
        }
    }
}

/// Ratios and rates name other metrics.
fn derive(spec: &TenantPipelineSpec, found: &mut Metrics, findings: &mut Findings) {
    let names: Vec<String> = found.metrics.iter().map(|metric| metric.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (index, metric) in spec.metrics.iter().enumerate() {
        let path = format!("spec.metrics[{index}]");
        let counted = |field: &str, name: &str, findings: &mut Findings| -> Option<Option<MetricIndex>> {
            if name == "count" {
                return Some(None);
            }
            let place = findings.find(&format!("{path}.{field}"), "metric", name, &names)?;
            if matches!(found.metrics[place].kind, MetricKind::Ratio { .. } | MetricKind::Rate { .. }) {
                let message = format!("`{name}` is derived itself");
                findings.error(
                    Reason::CannotWork,
                    &format!("{path}.{field}"),
                    message,
                    "name `count` or a metric with `value`, `countWhere` or `distinct`",
                );
                return None;
            }
            Some(Some(MetricIndex(place as u16)))
        };
        let kind = match metric.kind() {
            Some(api::MetricKind::Ratio(ratio)) => {
                let of = counted("ratio.of", ratio.of.as_str(), findings);
                let over = counted("ratio.over", ratio.over.as_str(), findings);
                match (of, over) {
                    (Some(Some(of)), Some(over)) => MetricKind::Ratio { of, over },
                    (Some(None), Some(_)) => {
                        findings.error(
                            Reason::CannotWork,
                            &format!("{path}.ratio.of"),
                            "`count` can only be the divisor",
                            "name a metric",
                        );
                        continue;
                    }
                    _ => continue,
                }
            }
            Some(api::MetricKind::Rate(rate)) => match counted("rate.of", rate.of.as_str(), findings) {
                Some(of) => MetricKind::Rate { of },
                None => continue,
            },
            _ => continue,
        };
        if let Some(known) = found.metrics.iter_mut().find(|known| known.name == metric.name.as_str()) {
            known.kind = kind;
        }
    }
}

/// Reads `windows`.
pub(super) fn windows(spec: &TenantPipelineSpec, levels: usize, findings: &mut Findings) -> Vec<Window> {
    let mut all: Vec<Window> = Vec::new();
    for (index, window) in spec.windows.iter().enumerate() {
        let path = format!("spec.windows[{index}]");
        let name = window.name.as_str();
        if all.iter().any(|known| known.name == name) {
            findings.error(
                Reason::DuplicateName,
                &format!("{path}.name"),
                format!("two windows are named `{name}`"),
                "rename one",
            );
        }
        let Some(kind) = kind(window, &path, findings) else { continue };
        let kept = kept_levels(window, &path, spec, levels, findings);
        all.push(Window { name: name.to_owned(), kind, lateness: span(window.lateness), levels: kept });
    }
    if !all.is_empty() && spec.scopes.is_empty() {
        findings.error(
            Reason::CannotWork,
            "spec.windows",
            "windows need scopes",
            "name at least one scope, for example `scopes: [[service]]`",
        );
    }
    all
}

fn kept_levels(
    window: &api::Window,
    path: &str,
    spec: &TenantPipelineSpec,
    levels: usize,
    findings: &mut Findings,
) -> Vec<LevelIndex> {
    if window.scopes.is_empty() {
        return (0..levels).map(|level| LevelIndex(level as u8)).collect();
    }
    let mut kept = Vec::new();
    for depth in &window.scopes {
        let before = kept.len();
        let fits = spec.scopes.iter().enumerate().filter(|(_, level)| level.0.len() == *depth as usize);
        kept.extend(fits.map(|(level, _)| LevelIndex(level as u8)));
        if kept.len() == before {
            let message = format!("no scope has {depth} dimensions");
            findings.error(
                Reason::UnknownReference,
                &format!("{path}.scopes"),
                message,
                "name depths that `spec.scopes` has",
            );
        }
    }
    kept
}

/// A duration of the API in event time.
pub(super) fn span(duration: logloom_crds::units::Duration) -> Span {
    Span(duration.as_micros_i64())
}

fn kind(window: &api::Window, path: &str, findings: &mut Findings) -> Option<WindowKind> {
    let mut positive = |field: &str, value: Span| {
        if value.0 <= 0 {
            findings.error(
                Reason::OutOfBounds,
                &format!("{path}.{field}"),
                "the duration is zero",
                "give a duration above zero, for example `1m`",
            );
        }
        value
    };
    let kind = match window.kind() {
        Some(api::WindowKind::Tumbling(size)) => WindowKind::Tumbling { size: positive("tumbling", span(size)) },
        Some(api::WindowKind::Sliding(sliding)) => {
            let (size, slide) =
                (positive("sliding.size", span(sliding.size)), positive("sliding.slide", span(sliding.slide)));
            if slide.0 > 0 && size.0 % slide.0 != 0 {
                findings.error(
                    Reason::CannotWork,
                    &format!("{path}.sliding.size"),
                    "the size is not a multiple of the slide",
                    "choose a size that is a multiple of the slide",
                );
            }
            WindowKind::Sliding { size, slide }
        }
        Some(api::WindowKind::Session(session)) => {
            let (gap, max_length) =
                (positive("session.gap", span(session.gap)), positive("session.maxLength", span(session.max_length)));
            WindowKind::Session { gap, max_length }
        }
        Some(api::WindowKind::Count(count)) => {
            if count.slide == 0 || count.size == 0 || count.slide > count.size {
                findings.error(
                    Reason::CannotWork,
                    &format!("{path}.count"),
                    "the slide must be between 1 and the size",
                    "choose a slide of at most the size",
                );
            }
            WindowKind::Count { size: count.size.max(1), slide: count.slide.max(1) }
        }
        None => {
            findings.error(
                Reason::ExactlyOne,
                path,
                "the window has no shape",
                "give exactly one of `tumbling`, `sliding`, `session`, `count`",
            );
            return None;
        }
    };
    Some(kind)
}

/// A window of joined rows must not be given up before the join is.
pub(super) fn check_join_bound(spec: &TenantPipelineSpec, windows: &[Window], findings: &mut Findings) {
    let Some(join) = &spec.join else { return };
    let within = span(join.within);
    for (index, window) in windows.iter().enumerate() {
        if window.lateness > within {
            findings.error(
                Reason::CannotWork,
                &format!("spec.windows[{index}].lateness"),
                format!(
                    "window `{}` waits longer for late events than the join, which gives rows up after {}",
                    window.name, join.within
                ),
                format!("choose a lateness of at most {}, or raise `spec.join.within`", join.within),
            );
        }
    }
}

/// Width of panes: the greatest common divisor of all sizes and slides.
pub(super) fn pane(windows: &[Window], findings: &mut Findings) -> Span {
    let mut width = 0i64;
    let mut longest = 0i64;
    for window in windows {
        match window.kind {
            WindowKind::Tumbling { size } => {
                width = gcd(width, size.0);
                longest = longest.max(size.0);
            }
            WindowKind::Sliding { size, slide } => {
                width = gcd(width, slide.0);
                longest = longest.max(size.0);
            }
            WindowKind::Session { .. } | WindowKind::Count { .. } => {}
        }
    }
    if width > 0 && longest / width > MAX_PANES {
        findings.error(
            Reason::CannotWork,
            "spec.windows",
            format!("the windows share no width: the longest would be put together from {} parts", longest / width),
            "choose sizes and slides that are multiples of each other, for example 1m, 5m and 1h",
        );
    }
    Span(width)
}

fn gcd(left: i64, right: i64) -> i64 {
    if right == 0 { left } else { gcd(right, left % right) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_the_largest_level_inside() {
        let level = |dimensions: &[u16]| Level { dimensions: dimensions.to_vec(), parent: None };
        let mut levels = vec![level(&[0]), level(&[0, 1]), level(&[0, 1, 2]), level(&[2]), level(&[3, 0])];
        link_parents(&mut levels);
        let parents: Vec<Option<u8>> = levels.iter().map(|level| level.parent.map(|parent| parent.0)).collect();
        assert_eq!(parents, [None, Some(0), Some(1), None, Some(0)]);
    }

    #[test]
    fn panes_fit_all_windows() {
        let tumbling = |seconds| Window {
            name: String::new(),
            kind: WindowKind::Tumbling { size: Span::seconds(seconds) },
            lateness: Span::ZERO,
            levels: Vec::new(),
        };
        let mut findings = Findings::new("TenantPipeline", "x");
        assert_eq!(pane(&[tumbling(10), tumbling(60), tumbling(300)], &mut findings), Span::seconds(10));
        assert!(findings.all.is_empty());
        pane(&[tumbling(7), tumbling(3_600)], &mut findings);
        assert_eq!(findings.all.len(), 1);
    }
}
