//! The page: what was read and scored, as one HTML file.

use super::chart::{Mark, Row, clock, time_line};
use super::panels::{charts, table};
use super::read::{Outputs, Series, Signal};
use super::score::{Score, Verdict};
use crate::cli::VERSION;
use crate::demo::truth::{Fault, Truth, scope_text};
use logloom_chain::alert::explain::number;
use minijinja::{Environment, Value, context};
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("report.html");
/// What the shapes in the charts mean.
const KEY: &str = include_str!("key.html");
/// Scopes of one rule that are drawn at first sight.
const SHOWN: usize = 12;
/// Further scopes of one rule that can be opened.
const OTHERS: usize = 24;
/// Templates in the table.
const TEMPLATES: usize = 40;

/// One tenant's run.
pub struct Tenant<'a> {
    /// Its name.
    pub name: &'a str,
    /// What came out.
    pub outputs: &'a Outputs,
    /// Lines read and seconds taken, when the run has ended.
    pub pace: Option<(u64, f64)>,
    /// The command that runs it again.
    pub command: Option<String>,
}

/// What a report is about.
pub struct Report<'a> {
    /// Its title.
    pub title: &'a str,
    /// What is going on, while it goes on: the page then loads itself again.
    pub running: Option<String>,
    /// What was put in, where that is known.
    pub truth: Option<&'a Truth>,
    /// The tenants.
    pub tenants: Vec<Tenant<'a>>,
}

impl Report<'_> {
    /// The page.
    ///
    /// # Errors
    /// When the template is broken, which a test rules out.
    pub fn html(&self) -> Result<String, minijinja::Error> {
        let mut environment = Environment::new();
        environment.add_template("report.html", TEMPLATE)?;
        let scores: Vec<(&str, Score<'_>)> = match self.truth {
            Some(truth) => {
                self.tenants.iter().map(|tenant| (tenant.name, Score::of(tenant.name, truth, tenant.outputs))).collect()
            }
            None => Vec::new(),
        };
        let verdicts: Vec<&Verdict<'_>> = scores.iter().flat_map(|(_, score)| &score.verdicts).collect();
        let said = |pick: fn(&Score<'_>) -> Vec<String>| -> Vec<String> {
            scores
                .iter()
                .flat_map(|(name, score)| pick(score).into_iter().map(move |text| format!("{name}: {text}")))
                .collect()
        };
        let missed: Vec<String> = match self.running {
            Some(_) => Vec::new(),
            None => verdicts
                .iter()
                .filter(|verdict| verdict.by.is_none())
                .map(|verdict| verdict.fault.text.clone())
                .collect(),
        };
        let mut charts = 0;
        environment.get_template("report.html")?.render(context! {
            title => self.title,
            running => &self.running,
            key => Value::from_safe_string(KEY.to_owned()),
            subtitle => self.subtitle(),
            headline => self.headline(&scores),
            faults => verdicts.iter().map(|verdict| fault_row(verdict)).collect::<Vec<_>>(),
            time_line => Value::from_safe_string(self.time_line(&verdicts)),
            missed => missed,
            false_alerts => said(|score| score.false_alerts.iter().map(|signal| signal_line(signal)).collect()),
            others => said(|score| score.other_findings.iter().map(|signal| signal_line(signal)).collect()),
            tenants => self.tenants.iter().enumerate().map(|(index, tenant)| self.tenant(index, tenant, &mut charts)).collect::<Vec<_>>(),
            version => VERSION,
        })
    }

    fn span(&self) -> (i64, i64) {
        let truth = self.truth.map(|truth| (truth.start, truth.end));
        let seen = || {
            let spans = self.tenants.iter().filter_map(|tenant| tenant.outputs.span());
            spans.reduce(|left, right| (left.0.min(right.0), left.1.max(right.1)))
        };
        truth.or_else(seen).unwrap_or((0, 1))
    }

    fn subtitle(&self) -> String {
        use logloom_chain::time::EventTime;
        let (start, end) = self.span();
        let date = EventTime(start).to_string().get(..10).unwrap_or("").to_owned();
        let seed = self.truth.map_or(String::new(), |truth| format!("; seed {}", truth.seed));
        format!("{date}, {} to {} UTC{seed}", clock(start), clock(end))
    }

    fn headline(&self, scores: &[(&str, Score<'_>)]) -> Vec<Value> {
        let part = |good: bool, text: String| context! { class => if good { "good" } else { "bad" }, text => text };
        let unaccounted: i64 =
            self.tenants.iter().map(|tenant| crate::local::ledger::unaccounted(&tenant.outputs.ledger)).sum();
        let unaccounted = part(unaccounted == 0, format!("{unaccounted} lines unaccounted for"));
        if scores.is_empty() {
            let alerts =
                self.tenants.iter().flat_map(|tenant| &tenant.outputs.signals).filter(|signal| signal.is_alert).count();
            return vec![context! { class => "", text => format!("{alerts} alerts") }, unaccounted];
        }
        let all: usize = scores.iter().map(|(_, score)| score.verdicts.len()).sum();
        let found: usize = scores.iter().map(|(_, score)| score.found()).sum();
        let falses: usize = scores.iter().map(|(_, score)| score.false_alerts.len()).sum();
        vec![
            part(found == all, format!("{found} of {all} faults found")),
            part(falses == 0, format!("{falses} false alerts")),
            unaccounted,
        ]
    }

    fn time_line(&self, verdicts: &[&Verdict<'_>]) -> String {
        let row = |verdict: &&Verdict<'_>| Row {
            label: verdict.fault.kind.title().to_owned(),
            place: scope_text(&verdict.fault.scope),
            fault: (verdict.fault.start, verdict.fault.end),
            signals: verdict.signals.iter().map(|signal| (signal.at, signal.is_alert)).collect(),
        };
        time_line(&verdicts.iter().map(row).collect::<Vec<_>>(), self.span())
    }

    fn tenant(&self, index: usize, tenant: &Tenant<'_>, charts: &mut usize) -> Value {
        let outputs = tenant.outputs;
        let faults: Vec<&Fault> =
            self.truth.iter().flat_map(|truth| &truth.faults).filter(|fault| fault.tenant == tenant.name).collect();
        let (alerts, findings): (Vec<&Signal>, Vec<&Signal>) =
            outputs.signals.iter().partition(|signal| signal.is_alert);
        let fresh = outputs.signals.iter().filter(|signal| signal.name == "new_template");
        let fresh: Vec<Value> =
            fresh.map(|signal| context! { at => clock(signal.at), text => template_text(signal) }).collect();
        let mut templates: Vec<_> = outputs.templates.iter().collect();
        templates.sort_by_key(|template| std::cmp::Reverse(template.count));
        let templates: Vec<Value> = templates
            .iter()
            .take(TEMPLATES)
            .map(|template| context! { count => number(template.count as f64), first => clock(template.first), text => &template.text })
            .collect();
        let dead = outputs
            .dead
            .iter()
            .map(|(reason, (detail, raw))| context! { reason => reason, detail => detail, raw => raw });
        context! {
            id => format!("t{index}"),
            name => tenant.name,
            facts => facts(tenant, alerts.len(), findings.len()),
            command => &tenant.command,
            alert_parts => alert_parts(&alerts),
            findings => findings.iter().map(|signal| signal_value(signal)).collect::<Vec<_>>(),
            groups => self.groups(outputs, &faults, charts),
            template_count => outputs.templates.len(),
            templates => templates,
            fresh => fresh,
            ledger => ledger_rows(outputs),
            dead => dead.collect::<Vec<_>>(),
        }
    }

    /// The charts, by rule: scopes that have something to show first.
    fn groups(&self, outputs: &Outputs, faults: &[&Fault], charts_made: &mut usize) -> Vec<Value> {
        let mut rules: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
        for series in &outputs.series {
            rules.entry(&series.rule).or_default().push(series);
        }
        let mut rules: Vec<(&str, Vec<&Series>)> = rules.into_iter().collect();
        rules.sort_by_key(|(name, all)| (all.first().map_or(0, |series| series.scope.len()), *name));
        let mut groups = Vec::new();
        for (rule, all) in rules {
            let is_marked = |series: &&Series| {
                outputs.signals.iter().any(|signal| signal.scope == series.scope)
                    || faults.iter().any(|fault| fault.scope == series.scope)
            };
            let (mut shown, mut others): (Vec<&Series>, Vec<&Series>) =
                all.iter().partition(|series| is_marked(series));
            if shown.is_empty() {
                shown = others.drain(..others.len().min(SHOWN / 2)).collect();
            }
            others.splice(0..0, shown.drain(shown.len().min(SHOWN)..));
            let left_out = others.len().saturating_sub(OTHERS);
            others.truncate(OTHERS);
            let mut scope =
                |series: &&Series, with_table: bool| self.scope(series, outputs, faults, with_table, charts_made);
            let shown: Vec<Value> = shown.iter().map(|series| scope(series, true)).collect();
            let others: Vec<Value> = others.iter().map(|series| scope(series, false)).collect();
            let mut parts = vec![context! { scopes => shown }];
            if !others.is_empty() {
                parts.push(context! { summary => format!("{} more scopes", others.len()), scopes => others });
            }
            groups.push(context! { title => rule, parts => parts, left_out => left_out });
        }
        groups
    }

    fn scope(
        &self,
        series: &Series,
        outputs: &Outputs,
        faults: &[&Fault],
        with_table: bool,
        made: &mut usize,
    ) -> Value {
        let span = self.span();
        let here = outputs.signals.iter().filter(|signal| signal.scope == series.scope && !signal.scope.is_empty());
        let marks: Vec<(Option<&Signal>, Mark)> = faults
            .iter()
            .filter(|fault| touches(fault, series))
            .map(|fault| (None, Mark::Fault(fault.start, fault.end, fault.text.clone())))
            .chain(here.map(|signal| {
                let text = format!("{}: {}", signal.name, signal.summary);
                (
                    Some(signal),
                    if signal.is_alert { Mark::Alert(signal.at, text) } else { Mark::Finding(signal.at, text) },
                )
            }))
            .collect();
        let place = scope_text(&series.scope);
        let charts: Vec<Value> = charts(series, &place, span, &marks, made)
            .into_iter()
            .map(|(chart, caption)| context! { svg => Value::from_safe_string(chart.svg()), caption => caption })
            .collect();
        let (names, rows) = if with_table { table(series) } else { Default::default() };
        context! { place => place, charts => charts, names => names, rows => rows }
    }
}

/// True when a fault changes a scope: it is the fault's own, lies inside it, or waits for it.
fn touches(fault: &Fault, series: &Series) -> bool {
    let mut scopes = std::iter::once(&fault.scope).chain(&fault.also);
    scopes.any(|scope| scope.iter().all(|(name, value)| series.scope.get(name) == Some(value)))
}

fn fault_row(verdict: &Verdict<'_>) -> Value {
    let fault = verdict.fault;
    let by = verdict.by.map(|signal| format!("{} {}", if signal.is_alert { "alert" } else { "finding" }, signal.name));
    let others = verdict.signals.len().saturating_sub(1);
    context! {
        title => fault.kind.title(),
        text => &fault.text,
        place => scope_text(&fault.scope),
        from => clock(fault.start),
        to => clock(fault.end),
        by => by,
        by_place => verdict.by.map(|signal| scope_text(&signal.scope)),
        more => others,
        delay => verdict.delay().map_or("–".to_owned(), |seconds| format!("{seconds:.0} s")),
    }
}

fn signal_line(signal: &Signal) -> String {
    format!("{} of {} at {}: {}", signal.name, scope_text(&signal.scope), clock(signal.at), signal.summary)
}

fn signal_value(signal: &Signal) -> Value {
    let until = signal.until.map_or(String::new(), |until| format!("–{}", clock(until)));
    context! {
        span => format!("{}{until}", clock(signal.at)),
        severity => &signal.severity,
        name => &signal.name,
        place => scope_text(&signal.scope),
        summary => &signal.summary,
        explanation => &signal.explanation,
    }
}

/// Alerts that went out; behind them, closed, those that others silenced.
fn alert_parts(alerts: &[&Signal]) -> Vec<Value> {
    let (silenced, loud): (Vec<&Signal>, Vec<&Signal>) = alerts.iter().partition(|signal| signal.inhibited);
    let values = |signals: &[&Signal]| signals.iter().map(|signal| signal_value(signal)).collect::<Vec<_>>();
    let mut parts = Vec::new();
    if !loud.is_empty() {
        parts.push(context! { alerts => values(&loud) });
    }
    if !silenced.is_empty() {
        parts.push(context! { summary => format!("{} more, silenced by one of these", silenced.len()), alerts => values(&silenced) });
    }
    parts
}

fn template_text(signal: &Signal) -> &str {
    signal.numbers.iter().find(|(name, _)| name == "text").map_or(signal.summary.as_str(), |(_, text)| text)
}

fn facts(tenant: &Tenant<'_>, alerts: usize, findings: usize) -> String {
    let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let pace = tenant.pace.map_or(String::new(), |(lines, seconds)| {
        format!(
            " {} lines in {seconds:.1} s, {} events/s.",
            number(lines as f64),
            number((lines as f64 / seconds.max(1e-9)).round())
        )
    });
    let (alerts, incidents, findings) =
        (plural(alerts, "alert"), plural(tenant.outputs.incidents, "incident"), plural(findings, "finding"));
    format!("{alerts} in {incidents}, {findings} of detectors.{pace}")
}

fn ledger_rows(outputs: &Outputs) -> Vec<Value> {
    let sources = outputs.ledger["sources"].as_object().into_iter().flatten();
    let row = |(name, source): (&String, &serde_json::Value)| {
        let count = |field: &str| source[field].as_f64().map_or("?".to_owned(), number);
        let dropped = source["dropped"].as_object().into_iter().flatten();
        let dropped: Vec<String> = dropped
            .map(|(reason, count)| format!("{reason} {}", count.as_f64().map_or("?".to_owned(), number)))
            .collect();
        context! {
            name => name,
            in => count("in"),
            out => count("passed"),
            dropped => if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") },
            held => count("held"),
            unaccounted => count("unaccounted"),
        }
    };
    sources.map(row).collect()
}

#[cfg(test)]
mod tests;
