//! `detect`: detectors with their metrics, windows and levels.

use super::findings::{Findings, list};
use super::shape::{Baseline, DynamicScoping, LevelIndex, MetricIndex, MetricKind, Regime, WindowIndex, WindowKind};
use super::window_names::Names;
use logloom_crds::finding::Reason;
use logloom_crds::pipeline::{self as api, TenantPipelineSpec};

/// Least ratio to the baseline that is worth a finding.
const MIN_RATIO: f64 = 1.2;

/// The detectors of a pipeline.
#[derive(Debug, Default)]
pub(super) struct Detectors {
    pub(super) regimes: Vec<Regime>,
    pub(super) baselines: Vec<Baseline>,
    pub(super) dynamic_scoping: Option<DynamicScoping>,
}

/// Reads `detect`.
pub(super) fn detectors(spec: &TenantPipelineSpec, names: &Names<'_>, findings: &mut Findings) -> Detectors {
    let mut detectors = Detectors::default();
    if let Some(regime) = &spec.detect.regime {
        regimes(regime, names, &mut detectors, findings);
    }
    if let Some(baseline) = &spec.detect.baseline {
        baselines(baseline, names, &mut detectors, findings);
    }
    let scoping = &spec.detect.dynamic_scoping;
    detectors.dynamic_scoping = scoping.enabled.then_some(DynamicScoping { effect: scoping.effect });
    detectors
}

fn distributions<'a>(
    path: &str,
    wanted: impl Iterator<Item = &'a str>,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<MetricIndex> {
    let known = names.metric_names();
    let mut found = Vec::new();
    for name in wanted {
        let Some(index) = findings.find(path, "metric", name, &known) else { continue };
        let metric = MetricIndex(index as u16);
        if names.metric_kind(metric) == MetricKind::Distribution {
            found.push(metric);
        } else {
            findings.error(
                Reason::TypeMismatch,
                path,
                format!("`{name}` has no distribution"),
                "name a metric with `value`",
            );
        }
    }
    found
}

fn time_window(path: &str, name: &str, names: &Names<'_>, findings: &mut Findings) -> Option<WindowIndex> {
    let index = findings.find(path, "window", name, &names.window_names())?;
    match names.windows[index].kind {
        WindowKind::Tumbling { .. } | WindowKind::Sliding { .. } => Some(WindowIndex(index as u8)),
        WindowKind::Session { .. } | WindowKind::Count { .. } => {
            findings.error(
                Reason::CannotWork,
                path,
                format!("`{name}` has no fixed length"),
                "name a tumbling or sliding window",
            );
            None
        }
    }
}

fn regimes(regime: &api::Regime, names: &Names<'_>, detectors: &mut Detectors, findings: &mut Findings) {
    let path = "spec.detect.regime";
    let metrics =
        distributions(&format!("{path}.metric"), regime.metric_names().map(|name| name.as_str()), names, findings);
    let windows = regime.windows.iter().enumerate();
    let windows: Vec<WindowIndex> = windows
        .filter_map(|(index, name)| time_window(&format!("{path}.windows[{index}]"), name.as_str(), names, findings))
        .collect();
    for metric in metrics {
        detectors.regimes.push(Regime {
            metric,
            windows: windows.clone(),
            alpha: regime.alpha,
            min_effect: regime.min_effect,
            consecutive: regime.consecutive.max(1),
        });
    }
}

/// Sibling scopes differ in the `among` dimensions and agree in all others.
fn baselines(baseline: &api::Baseline, names: &Names<'_>, detectors: &mut Detectors, findings: &mut Findings) {
    let path = "spec.detect.baseline";
    let metrics =
        distributions(&format!("{path}.metric"), baseline.metric_names().map(|name| name.as_str()), names, findings);
    let windows: Vec<WindowIndex> = match &baseline.window {
        Some(name) => time_window(&format!("{path}.window"), name.as_str(), names, findings).into_iter().collect(),
        None => {
            let timed = |(_, window): &(usize, &super::shape::Window)| {
                matches!(window.kind, WindowKind::Tumbling { .. } | WindowKind::Sliding { .. })
            };
            names.windows.iter().enumerate().filter(timed).map(|(index, _)| WindowIndex(index as u8)).collect()
        }
    };
    if windows.is_empty() && baseline.window.is_none() {
        findings.error(
            Reason::CannotWork,
            path,
            "there is no tumbling or sliding window to compare",
            "add one to `spec.windows`",
        );
    }
    let among: Vec<&str> = baseline.among.iter().map(|name| name.as_str()).collect();
    let levels = compared_levels(&among, names);
    if levels.is_empty() {
        findings.error(
            Reason::UnknownReference,
            &format!("{path}.among"),
            format!("no scope adds {} to a coarser scope, so there are no siblings to compare", list(&among)),
            format!("add a scope that ends in these dimensions; the scopes are {}", names.scopes.shown().join(" ")),
        );
    }
    for metric in metrics {
        for window in &windows {
            for level in levels.iter().filter(|level| names.windows[usize::from(window.0)].levels.contains(level)) {
                detectors.baselines.push(Baseline {
                    metric,
                    window: *window,
                    level: *level,
                    quantile: baseline.quantile,
                    confidence: baseline.confidence,
                    false_discovery: baseline.fdr,
                    min_samples: u64::from(baseline.min_samples),
                    min_ratio: MIN_RATIO,
                });
            }
        }
    }
}

/// Levels whose dimensions beyond their parent's are exactly `among`.
fn compared_levels(among: &[&str], names: &Names<'_>) -> Vec<LevelIndex> {
    let scopes = names.scopes;
    let own = |level: &super::shape::Level| -> Vec<&str> {
        let parent =
            level.parent.map(|parent| scopes.levels[usize::from(parent.0)].dimensions.clone()).unwrap_or_default();
        let added = level.dimensions.iter().filter(|d| !parent.contains(d));
        added.map(|d| scopes.dimensions[usize::from(*d)].as_str()).collect()
    };
    let fits = |level: &super::shape::Level| {
        let own = own(level);
        own.len() == among.len() && own.iter().all(|name| among.contains(name))
    };
    let levels = scopes.levels.iter().enumerate().filter(|(_, level)| fits(level));
    levels.map(|(index, _)| LevelIndex(index as u8)).collect()
}
