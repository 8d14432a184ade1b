//! Reading the output folder of a run.
//!
//! A folder may be read while the run goes on: a last line without its end is left for later.

use crate::demo::truth::Scope;
use logloom_chain::parse::timestamp::instant;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a folder cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The system refused.
    #[error("cannot read {path}: {error}; name the output folder of a `logloom run`")]
    Io {
        /// Which file.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// A line is not what the program writes.
    #[error("{path}, line {line}: {error}; the file was changed, run the pipeline again")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        error: serde_json::Error,
    },
}

/// An alert from firing to resolved, or a finding of a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// True for an alert.
    pub is_alert: bool,
    /// Name of the rule, or kind of the finding.
    pub name: String,
    /// Severity of an alert.
    pub severity: String,
    /// Its scope; empty when it is about none.
    pub scope: Scope,
    /// When it fired or was found, in microseconds since 1970: the end of the window that showed it.
    pub at: i64,
    /// When it was resolved or over.
    pub until: Option<i64>,
    /// True when another alert silences it.
    pub inhibited: bool,
    /// One sentence.
    pub summary: String,
    /// Why, with the numbers.
    pub explanation: String,
    /// The metric of a finding.
    pub metric: String,
    /// The numbers that made it.
    pub numbers: Vec<(String, String)>,
}

impl Signal {
    /// True when it is about this metric: a finding's own, or one that the alert's condition reads.
    pub fn speaks_of(&self, metric: &str) -> bool {
        match self.is_alert {
            _ if metric.is_empty() => false,
            // Every alert carries the number of events; it is about it only when its condition reads it.
            true if metric == "count" => self.numbers.iter().any(|(name, _)| name.ends_with(".count")),
            true => self.numbers.iter().any(|(name, _)| name.split(['(', ')', '.']).any(|part| part == metric)),
            false => self.metric == metric,
        }
    }
}

/// Values of one window of one scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Start of the window.
    pub start: i64,
    /// Events.
    pub count: f64,
    /// By name; what is not a number is left out.
    pub values: BTreeMap<String, f64>,
}

/// The objects of one aggregation rule for one scope, by window end.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name of the rule.
    pub rule: String,
    /// Its scope.
    pub scope: Scope,
    /// By end of the window.
    pub points: BTreeMap<i64, Point>,
}

/// A template with its count.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// Its source.
    pub source: String,
    /// Its text, variables as `<*>`.
    pub text: String,
    /// Lines.
    pub count: u64,
    /// First line, in microseconds since 1970.
    pub first: i64,
}

/// Everything that a report needs of a run.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// Alerts and findings, by time.
    pub signals: Vec<Signal>,
    /// Incidents that were opened.
    pub incidents: usize,
    /// By rule and scope.
    pub series: Vec<Series>,
    /// By first line.
    pub templates: Vec<Template>,
    /// A dead letter per reason: what was wrong, and its line.
    pub dead: BTreeMap<String, (String, String)>,
    /// The ledger; null while the run goes on.
    pub ledger: Value,
}

impl Outputs {
    /// Reads a folder.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        let mut outputs = Self { ledger: ledger(&folder.join("ledger.json"))?, ..Self::default() };
        let mut alerts = BTreeMap::new();
        each(&folder.join("alerts.jsonl"), |record| match text(&record, "kind").as_str() {
            "incident" => outputs.incidents += usize::from(integer(&record["revision"]) == 0),
            _ => signal(&record, true, &mut alerts),
        })?;
        let mut findings = BTreeMap::new();
        each(&folder.join("findings.jsonl"), |record| signal(&record, false, &mut findings))?;
        outputs.signals = alerts.into_values().chain(findings.into_values()).collect();
        outputs.signals.sort_by(|left, right| {
            (left.at, !left.is_alert, &left.name, &left.scope).cmp(&(
                right.at,
                !right.is_alert,
                &right.name,
                &right.scope,
            ))
        });
        outputs.series = series(&folder.join("aggregates.jsonl"))?;
        outputs.templates = templates(&folder.join("templates.jsonl"))?;
        each(&folder.join("deadletter.jsonl"), |record| {
            let sample = (text(&record, "detail"), text(&record, "raw"));
            outputs.dead.entry(text(&record, "reason")).or_insert(sample);
        })?;
        Ok(outputs)
    }

    /// First start and last end of the windows that were closed.
    pub fn span(&self) -> Option<(i64, i64)> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        Some((points().map(|(_, point)| point.start).min()?, points().map(|(end, _)| *end).max()?))
    }
}

fn ledger(path: &Path) -> Result<Value, ReadError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| ReadError::Line {
            path: path.to_owned(),
            line: error.line(),
            error,
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(ReadError::Io { path: path.to_owned(), error }),
    }
}

/// Hands over each whole line of a file.
fn each(path: &Path, mut take: impl FnMut(Value)) -> Result<(), ReadError> {
    let bytes = std::fs::read(path).map_err(|error| ReadError::Io { path: path.to_owned(), error })?;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        let record = serde_json::from_slice(line);
        take(record.map_err(|error| ReadError::Line { path: path.to_owned(), line: index + 1, error })?);
    }
    Ok(())
}

fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}

fn integer(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn time(record: &Value, name: &str) -> i64 {
    record[name].as_str().and_then(instant).map_or(0, |time| time.0)
}

fn scope(record: &Value) -> Scope {
    let pairs = record["scope"].as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// A number or word as people read it.
fn shown(value: &Value) -> String {
    use logloom_chain::alert::explain::number;
    match value {
        Value::String(text) => text.clone(),
        Value::Number(value) => value.as_f64().map_or_else(String::new, number),
        Value::Null => "not known".to_owned(),
        other => other.to_string(),
    }
}

/// Takes a record of an alert or finding into the signal with its id. Its first record says why, a later one when it ended.
fn signal(record: &Value, is_alert: bool, signals: &mut BTreeMap<String, Signal>) {
    let at = time(record, "at");
    let is_over = if is_alert { record["state"] == "resolved" } else { record["numbers"]["over"] == true };
    if let Some(known) = signals.get_mut(&text(record, "id")) {
        known.until = is_over.then_some(at).or(known.until);
        known.inhibited |= record["inhibited"] == true;
        return;
    }
    let numbers = record["numbers"].as_object().into_iter().flatten();
    let signal = Signal {
        is_alert,
        name: text(record, if is_alert { "rule" } else { "kind" }),
        severity: text(record, "severity"),
        scope: scope(record),
        at,
        until: is_over.then_some(at),
        inhibited: record["inhibited"] == true,
        summary: text(record, if is_alert { "summary" } else { "text" }),
        explanation: text(record, if is_alert { "explanation" } else { "text" }),
        metric: text(record, "metric"),
        numbers: numbers.map(|(name, value)| (name.clone(), shown(value))).collect(),
    };
    signals.insert(text(record, "id"), signal);
}

fn series(path: &Path) -> Result<Vec<Series>, ReadError> {
    let mut all: BTreeMap<(String, Scope), BTreeMap<i64, Point>> = BTreeMap::new();
    each(path, |record| {
        let values = record["values"].as_object().into_iter().flatten();
        let values = values.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
        let point = Point { start: time(&record, "start"), count: record["count"].as_f64().unwrap_or(0.0), values };
        // A correction comes later and replaces.
        all.entry((text(&record, "rule"), scope(&record))).or_default().insert(time(&record, "end"), point);
    })?;
    Ok(all.into_iter().map(|((rule, scope), points)| Series { rule, scope, points }).collect())
}

fn templates(path: &Path) -> Result<Vec<Template>, ReadError> {
    let mut all: BTreeMap<(String, i64, String), Template> = BTreeMap::new();
    each(path, |record| {
        let key = (text(&record, "source"), integer(&record["partition"]), text(&record, "id"));
        if record["merged_into"].is_string() {
            all.remove(&key);
            return;
        }
        let template = Template {
            id: key.2.clone(),
            source: key.0.clone(),
            text: text(&record, "template"),
            count: record["count"].as_u64().unwrap_or(0),
            first: time(&record, "first"),
        };
        all.insert(key, template);
    })?;
    let mut all: Vec<Template> = all.into_values().collect();
    all.sort_by(|left, right| (left.first, &left.id).cmp(&(right.first, &right.id)));
    Ok(all)
}
