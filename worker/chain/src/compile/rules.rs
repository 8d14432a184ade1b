//! `augment`, `aggregate` and `alerts`: rules over closed windows.

use super::detect::Detectors;
use super::findings::Findings;
use super::shape::{AggregateRule, AlertRule, Augment, Severity, WindowExpression, WindowIndex};
use super::window_names::{About, Names};
use crate::expr::Wanted;
use logloom_crds::finding::Reason;
use logloom_crds::pipeline::{self as api, TenantPipelineSpec};

/// Resolves a window and a scope that a rule names; the window must be kept for the scope.
fn about<'n>(
    names: &Names<'n>,
    detectors: &'n Detectors,
    window: (&str, &str),
    scope: (&str, &[&str]),
    findings: &mut Findings,
) -> Option<About<'n>> {
    let found = findings.find(window.0, "window", window.1, &names.window_names());
    let level = names.scopes.level(scope.1);
    if level.is_none() {
        findings.error(
            Reason::UnknownReference,
            scope.0,
            format!("there is no scope [{}]", scope.1.join(", ")),
            format!("use one of {}, or add it to `spec.scopes`", names.scopes.shown().join(" ")),
        );
    }
    let (window_index, level) = (WindowIndex(found? as u8), level?);
    if !names.windows[usize::from(window_index.0)].levels.contains(&level) {
        findings.error(
            Reason::CannotWork,
            window.0,
            format!("window `{}` is not kept for scope [{}]", window.1, scope.1.join(", ")),
            format!("add {} to the window's `scopes`", scope.1.len()),
        );
        return None;
    }
    Some(About { names: *names, detectors, window: window_index, level })
}

/// Reads `augment`.
pub(super) fn augment(
    spec: &TenantPipelineSpec,
    names: &Names<'_>,
    detectors: &Detectors,
    findings: &mut Findings,
) -> Vec<Augment> {
    let mut all: Vec<Augment> = Vec::new();
    for (index, augment) in spec.augment.iter().enumerate() {
        let path = format!("spec.augment[{index}]");
        let name = augment.r#as.as_str();
        if all.iter().any(|known| known.name == name) {
            findings.error(
                Reason::DuplicateName,
                &format!("{path}.as"),
                format!("two augmentations are named `{name}`"),
                "rename one",
            );
        }
        let scope: Vec<&str> = augment.scope.0.iter().map(|column| column.as_str()).collect();
        let window = format!("{path}.window");
        let Some(about) =
            about(names, detectors, (&window, augment.window.as_str()), (&format!("{path}.scope"), &scope), findings)
        else {
            continue;
        };
        let values = augment.values.iter().enumerate();
        let values = values.filter_map(|(place, text)| {
            let compiled = about.compile(&format!("{path}.values[{place}]"), text.as_str(), Wanted::Any, findings)?;
            Some((text.as_str().to_owned(), compiled))
        });
        let values = values.collect();
        all.push(Augment { name: name.to_owned(), window: about.window, level: about.level, values });
    }
    all
}

/// Reads `aggregate`.
pub(super) fn aggregates(
    spec: &TenantPipelineSpec,
    names: &Names<'_>,
    detectors: &Detectors,
    findings: &mut Findings,
) -> Vec<AggregateRule> {
    let mut all: Vec<AggregateRule> = Vec::new();
    for (index, rule) in spec.aggregate.iter().enumerate() {
        let path = format!("spec.aggregate[{index}]");
        let name = rule.name.as_str();
        if all.iter().any(|known| known.name == name) {
            findings.error(
                Reason::DuplicateName,
                &format!("{path}.name"),
                format!("two aggregations are named `{name}`"),
                "rename one",
            );
        }
        let by: Vec<&str> = rule.by.iter().map(|column| column.as_str()).collect();
        let window = format!("{path}.window");
        let Some(about) =
            about(names, detectors, (&window, rule.window.as_str()), (&format!("{path}.by"), &by), findings)
        else {
            continue;
        };
        let emit_when = rule.emit_when.as_ref();
        let emit_when = emit_when
            .and_then(|text| about.compile(&format!("{path}.emitWhen"), text.as_str(), Wanted::Bool, findings));
        let mut values = Vec::new();
        for (value, text) in &rule.values {
            if let Some(compiled) =
                about.compile(&format!("{path}.values.{}", value.as_str()), text.as_str(), Wanted::Any, findings)
            {
                values.push((value.as_str().to_owned(), compiled));
            }
        }
        all.push(AggregateRule { name: name.to_owned(), level: about.level, window: about.window, emit_when, values });
    }
    all
}

/// Reads `alerts`.
pub(super) fn alerts(
    spec: &TenantPipelineSpec,
    names: &Names<'_>,
    detectors: &Detectors,
    findings: &mut Findings,
) -> Vec<AlertRule> {
    let known: Vec<&str> = spec.alerts.iter().map(|alert| alert.name.as_str()).collect();
    let mut all: Vec<AlertRule> = Vec::new();
    for (index, alert) in spec.alerts.iter().enumerate() {
        let path = format!("spec.alerts[{index}]");
        if known[..index].contains(&alert.name.as_str()) {
            findings.error(
                Reason::DuplicateName,
                &format!("{path}.name"),
                format!("two alerts are named `{}`", alert.name.as_str()),
                "rename one",
            );
        }
        let scope: Vec<&str> = alert.on.scope.0.iter().map(|column| column.as_str()).collect();
        let window = format!("{path}.on.window");
        let Some(about) = about(
            names,
            detectors,
            (&window, alert.on.window.as_str()),
            (&format!("{path}.on.scope"), &scope),
            findings,
        ) else {
            continue;
        };
        if let Some(rule) = one_alert(alert, &path, &known, &about, findings) {
            all.push(rule);
        }
    }
    all
}

fn one_alert(
    alert: &api::Alert,
    path: &str,
    known: &[&str],
    about: &About<'_>,
    findings: &mut Findings,
) -> Option<AlertRule> {
    let when = about.compile(&format!("{path}.when"), alert.when.as_str(), Wanted::Bool, findings);
    let resolve_when = alert.resolve_when.as_ref();
    let resolve_when = resolve_when
        .and_then(|text| about.compile(&format!("{path}.resolveWhen"), text.as_str(), Wanted::Bool, findings));
    let (summary, summary_values) = summary(alert, path, about, findings);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Some(AlertRule {
        name: alert.name.as_str().to_owned(),
        when: when?,
        resolve_when,
        window: about.window,
        level: about.level,
        for_closes: alert.r#for.max(1),
        resolve_after: alert.resolve_after.unwrap_or(alert.r#for).max(1),
        severity: match alert.severity {
            api::Severity::Info => Severity::Info,
            api::Severity::Warning => Severity::Warning,
            api::Severity::Critical => Severity::Critical,
            api::Severity::Page => Severity::Page,
        },
        group_by: group_by(alert, path, about, findings),
        inhibited_by: inhibited_by(alert, path, known, findings),
        summary,
        summary_values,
        runbook: text(alert.runbook.as_ref().map(|url| url.as_str())),
        labels: alert
            .labels
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()))
            .collect(),
    })
}

/// Without `groupBy`, alerts of one incident share the coarsest ancestor of their scope.
fn group_by(alert: &api::Alert, path: &str, about: &About<'_>, findings: &mut Findings) -> Vec<u16> {
    let scopes = about.names.scopes;
    let own = &scopes.levels[usize::from(about.level.0)].dimensions;
    if alert.group_by.is_empty() {
        let mut level = about.level;
        while let Some(parent) = scopes.levels[usize::from(level.0)].parent {
            level = parent;
        }
        return scopes.levels[usize::from(level.0)].dimensions.clone();
    }
    let mut dimensions = Vec::new();
    for (index, name) in alert.group_by.iter().enumerate() {
        match scopes.dimension(name.as_str()).filter(|dimension| own.contains(dimension)) {
            Some(dimension) => dimensions.push(dimension),
            None => {
                let shown = &scopes.shown()[usize::from(about.level.0)];
                findings.error(
                    Reason::UnknownReference,
                    &format!("{path}.groupBy[{index}]"),
                    format!("`{}` is no dimension of this alert's scope", name.as_str()),
                    format!("use dimensions of {shown}"),
                );
            }
        }
    }
    dimensions
}

fn inhibited_by(alert: &api::Alert, path: &str, known: &[&str], findings: &mut Findings) -> Vec<u16> {
    let mut rules = Vec::new();
    for (index, name) in alert.inhibited_by.iter().enumerate() {
        let place = format!("{path}.inhibitedBy[{index}]");
        match findings.find(&place, "alert", name.as_str(), known) {
            Some(_) if name == &alert.name => {
                findings.error(Reason::CannotWork, &place, "an alert cannot silence itself", "name another alert")
            }
            Some(rule) => rules.push(rule as u16),
            None => {}
        }
    }
    rules
}

/// A summary holds `{expression}` parts; they become values.
fn summary(
    alert: &api::Alert,
    path: &str,
    about: &About<'_>,
    findings: &mut Findings,
) -> (String, Vec<WindowExpression>) {
    let Some(text) = &alert.summary else { return (String::new(), Vec::new()) };
    let path = format!("{path}.summary");
    let (mut shown, mut values) = (String::new(), Vec::new());
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else {
            findings.error(Reason::BadFormat, &path, "a `{` is not closed", "close it, as in {p99(latency_ms)}");
            break;
        };
        shown.push_str(&rest[..open]);
        shown.push_str("{…}");
        if let Some(value) = about.compile(&path, &rest[open + 1..open + length], Wanted::Any, findings) {
            values.push(value);
        }
        rest = &rest[open + length + 1..];
    }
    shown.push_str(rest);
    (shown, values)
}
