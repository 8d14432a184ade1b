//! The tests of a manifest: sample lines, and what must come of them.
//!
//! A test is a source of its own: its lines go through the program in order, continuation lines are assembled and pieces
//! joined as in a run. What is compared is the event as it would leave: encoded, decoded, redacted.
//!
//! - `expect` and `expectTimestamp` look at the first event.
//! - `expectEvents` wants exactly these events, in order; columns that are not named may have any value.
//! - `expectReason` wants a line that was dropped or became a dead letter for this reason.

use super::multiline::{Assembly, PartialLines};
use super::program::{Outcome, ParseProgram, Scratch};
use super::timestamp::{self, TimeHint};
use crate::log::{RawLine, Reason};
use crate::row::{Cell, Column, RowBuf};
use crate::time::EventTime;
use logloom_crds::ParsingManifestSpec;
use logloom_crds::manifest::ManifestTest;
use logloom_crds::path;
use logloom_crds::status::JsonMap;
use serde_json::Value;
use std::fmt;

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// Its name.
    pub name: String,
    /// True when there is no difference.
    pub passed: bool,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: a column, `timestamp`, `reason`, `events`, or a column of one of several events (`events[1].level`).
    pub place: String,
    /// The expectation, as a path inside the test (`expect.level`, `expectEvents[1].level`).
    pub path: String,
    /// What the test says.
    pub expected: String,
    /// What came.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: expected {}, found {}", self.place, self.expected, self.found)
    }
}

/// Runs every test of the manifest that `program` was compiled from.
pub fn run_tests(spec: &ParsingManifestSpec, program: &ParseProgram) -> Vec<TestResult> {
    spec.tests
        .iter()
        .map(|test| {
            let came = Came::of(test, program);
            let differences = compare(test, program, &came);
            TestResult { name: test.name.to_string(), passed: differences.is_empty(), differences }
        })
        .collect()
}

/// What came of the lines of a test.
#[derive(Debug, Default)]
struct Came {
    events: Vec<(EventTime, Vec<u8>)>,
    others: Vec<Other>,
}

/// A line that is no event.
#[derive(Debug)]
struct Other {
    reason: Reason,
    detail: String,
    time: Option<EventTime>,
}

impl Came {
    fn of(test: &ManifestTest, program: &ParseProgram) -> Self {
        let received = test.received_at.as_deref().and_then(timestamp::instant);
        let mut came = Self::default();
        let mut partial = PartialLines::default();
        let mut scratch = Scratch::new();
        let mut greatest = None;
        let mut open: Option<(EventTime, Assembly)> = None;
        for line in test.line.iter().chain(&test.lines) {
            scratch.reset();
            let line = RawLine::new(line.as_bytes());
            let outcome = program.parse(line, received, TimeHint(greatest), &mut partial, &scratch);
            if let Outcome::Event { time, .. } = &outcome {
                greatest = greatest.max(Some(*time));
            }
            came.take(program, outcome, &mut open);
        }
        loop {
            scratch.reset();
            match program.finish(received, TimeHint(greatest), &mut partial, &scratch) {
                Some(outcome) => came.take(program, outcome, &mut open),
                None => break,
            }
        }
        came.close(program, &mut open);
        came
    }

    fn take(&mut self, program: &ParseProgram, outcome: Outcome<'_>, open: &mut Option<(EventTime, Assembly)>) {
        let mut other = |reason, detail, time| self.others.push(Other { reason, detail, time });
        match outcome {
            Outcome::Event { time, row, .. } => {
                self.close(program, open);
                let mut encoded = Vec::new();
                program.encode(&row, &mut encoded);
                *open = Some((time, Assembly::start(&encoded)));
            }
            Outcome::Continuation { text } => match (open, program.multiline()) {
                (Some((_, assembly)), Some(multiline)) => {
                    assembly.push(multiline, text);
                }
                _ => other(Reason::OrphanContinuation, String::new(), None),
            },
            Outcome::Held => other(Reason::Joined, String::new(), None),
            Outcome::Drop { reason, time } => other(reason, String::new(), time),
            Outcome::Dead { reason, detail, time, .. } => other(reason, detail, time),
        }
    }

    fn close(&mut self, program: &ParseProgram, open: &mut Option<(EventTime, Assembly)>) {
        if let Some((time, assembly)) = open.take() {
            self.events.push((time, program.assemble(&assembly)));
        }
    }

    /// What came, when it is not what was wanted.
    fn summary(&self) -> String {
        let mut parts = Vec::new();
        match self.events.len() {
            0 => {}
            1 => parts.push("an event".to_owned()),
            count => parts.push(format!("{count} events")),
        }
        parts.extend(self.others.iter().map(|other| match other.detail.as_str() {
            "" => format!("`{}`", other.reason),
            detail => format!("`{}` ({detail})", other.reason),
        }));
        if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
    }
}

fn compare(test: &ManifestTest, program: &ParseProgram, came: &Came) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differ = |place: &str, path: &str, expected: String, found: String| {
        differences.push(Difference { place: place.to_owned(), path: path.to_owned(), expected, found });
    };
    if let Some(reason) = &test.expect_reason
        && !came.others.iter().any(|other| other.reason.name() == reason.as_str())
    {
        differ("reason", "expectReason", format!("`{reason}`"), came.summary());
    }
    if let Some(expected) = &test.expect_timestamp {
        let found = came.events.first().map(|(time, _)| *time);
        let found = found.or_else(|| came.others.iter().find_map(|other| other.time));
        if found != timestamp::instant(expected) || found.is_none() {
            let found = found.map_or_else(|| came.summary(), |time| time.to_string());
            differ("timestamp", "expectTimestamp", expected.to_string(), found);
        }
    }
    let expected_events = test.expect_events.as_deref();
    if let Some(expected) = expected_events
        && expected.len() != came.events.len()
    {
        differ("events", "expectEvents", format!("{} events", expected.len()), came.summary());
    }
    if test.expect.is_some() && came.events.is_empty() {
        differ("events", "expect", "an event".to_owned(), came.summary());
    }
    for (expected, (_, encoded)) in test.expect.iter().zip(&came.events) {
        compare_event(program, "", "expect", expected, encoded, &mut differences);
    }
    let pairs = expected_events.unwrap_or_default().iter().zip(&came.events);
    for (index, (expected, (_, encoded))) in pairs.enumerate() {
        compare_event(
            program,
            &format!("events[{index}]."),
            &path::item("expectEvents", index),
            expected,
            encoded,
            &mut differences,
        );
    }
    differences
}

fn compare_event(
    program: &ParseProgram,
    prefix: &str,
    around: &str,
    expected: &JsonMap,
    encoded: &[u8],
    differences: &mut Vec<Difference>,
) {
    let mut row = RowBuf::new();
    // The bytes were encoded a moment ago; a row of nulls would show as differences.
    let _ = program.decode(encoded, &mut row);
    for (name, expected) in expected {
        let place = format!("{prefix}{name}");
        let Some(column) = program.schema().column(name) else {
            let found = "the message has no such column".to_owned();
            differences.push(Difference {
                place,
                path: path::member(around, name),
                expected: expected.to_string(),
                found,
            });
            continue;
        };
        let cell = row.get(column.index()).copied().unwrap_or_default();
        if !matches(program, column, &cell, expected) {
            let mut found = Vec::new();
            program.message().write_cell(column, &cell, &mut found);
            let found = String::from_utf8_lossy(&found).into_owned();
            differences.push(Difference {
                place,
                path: path::member(around, name),
                expected: expected.to_string(),
                found,
            });
        }
    }
}

/// Whether a cell has the value. Numbers compare by value (a float to one part in 10^9, the width of a
/// decimal in a test), enums by name or number, bytes as text or as base64.
fn matches(program: &ParseProgram, column: Column, cell: &Cell<'_>, expected: &Value) -> bool {
    let as_json = || {
        let mut json = Vec::new();
        program.message().write_cell(column, cell, &mut json);
        serde_json::from_slice::<Value>(&json).ok()
    };
    match (cell, expected) {
        (Cell::Null, _) | (_, Value::Null) => cell.is_null() && expected.is_null(),
        (Cell::Int(found), Value::Number(number)) => match number.as_i64() {
            Some(whole) => whole == *found,
            None => number.as_f64() == Some(*found as f64),
        },
        (Cell::Float(found), Value::Number(number)) => number.as_f64().is_some_and(|number| {
            let single = program.message().scalar(column) == Some(super::schema::Scalar::Float);
            (single && number as f32 == *found as f32) || (number - found).abs() <= number.abs() * 1e-9
        }),
        (Cell::Bytes(found), Value::String(text)) if *found == text.as_bytes() => true,
        _ => as_json().as_ref() == Some(expected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::redact::NoSecrets;
    use serde_json::json;

    fn results(tests: Value) -> Vec<String> {
        let spec: ParsingManifestSpec = serde_json::from_value(json!({
            "schema": { "message": "M", "proto": "syntax = \"proto3\"; enum L { NONE = 0; INFO = 1; } message M { L level = 1; string text = 2; double ms = 3; int64 n = 4; float f = 5; bytes b = 6; bool ok = 7; }" },
            "decode": [{ "regex": { "pattern": r"^(?<ts>\S+) (?<level>\w+) (?<text>\S*)(?: ms=(?<ms>\S+))?(?: n=(?<n>\S+))?(?: f=(?<f>\S+))?(?: b=(?<b>\S+))?(?: ok=(?<ok>\S+))?" } }],
            "timestamp": { "from": "ts" },
            "multiline": { "start": r"^\d{4}-", "field": "text", "maxLines": 3 },
            "filter": "text != 'skip'",
            "tests": tests,
        }))
        .unwrap();
        let program = ParseProgram::compile(&spec, &NoSecrets).unwrap();
        let show = |result: &TestResult| {
            let differences: Vec<String> = result.differences.iter().map(ToString::to_string).collect();
            assert_eq!(result.passed, differences.is_empty());
            format!("{}: {}", result.name, if result.passed { "passed".into() } else { differences.join("; ") })
        };
        run_tests(&spec, &program).iter().map(show).collect()
    }

    const LINE: &str = "2026-11-01T10:42:00.5Z INFO hello ms=0.25 n=7 f=0.1 b=abc ok=yes";

    #[test]
    fn a_subset_of_columns_is_compared_by_value() {
        let found = results(json!([
            { "name": "equal", "line": LINE, "expectTimestamp": "2026-11-01T11:42:00.5+01:00",
              "expect": { "level": "INFO", "text": "hello", "ms": 0.25, "n": 7, "f": 0.1, "b": "abc", "ok": true } },
            { "name": "by-number", "line": LINE, "expect": { "level": 1, "n": 7.0, "b": "YWJj" } },
            { "name": "nulls", "line": "2026-11-01T10:42:00Z INFO x", "expect": { "ms": null, "ok": null } },
        ]));
        assert_eq!(found, ["equal: passed", "by-number: passed", "nulls: passed"]);
    }

    #[test]
    fn a_difference_says_what_was_expected_and_what_came() {
        let found = results(json!([
            { "name": "values", "line": LINE, "expectTimestamp": "2026-11-01T10:42:00Z",
              "expect": { "level": "NONE", "text": "bye", "ms": 1, "n": "7", "ok": null } },
            { "name": "dead", "line": "2026-11-01T10:42:00Z FATAL x", "expect": { "text": "x" } },
            { "name": "no-time", "line": "2026-11-01 x", "expectTimestamp": "2026-11-01T10:42:00Z" },
            { "name": "alive", "line": LINE, "expectReason": "decode_failed" },
            { "name": "count", "lines": [LINE], "expectEvents": [{}, {}] },
            { "name": "second", "lines": [LINE, LINE], "expectEvents": [{}, { "n": 8 }] },
        ]));
        insta::assert_snapshot!(found.join("\n"));
    }

    #[test]
    fn reasons_and_several_lines() {
        let found = results(json!([
            { "name": "dead", "line": "2026-11-01T10:42:00Z FATAL x", "expectReason": "schema_mismatch" },
            { "name": "time-of-dead", "line": "2026-11-01T10:42:00Z FATAL x", "expectTimestamp": "2026-11-01T10:42:00Z" },
            { "name": "filtered", "line": "2026-11-01T10:42:00Z INFO skip", "expectReason": "filtered" },
            { "name": "clamped", "line": "9999-01-01T00:00:00Z INFO x", "receivedAt": "2026-11-01T10:42:00Z", "expectTimestamp": "2026-11-01T10:42:00Z" },
            { "name": "year-9999", "line": "9999-01-01T00:00:00Z INFO x", "expectReason": "timestamp_out_of_range" },
            { "name": "stack", "lines": [" orphan", LINE, "\tat a", "\tat b", "\tat c", LINE],
              "expectEvents": [{ "text": "hello\n\tat a\n\tat b" }, { "text": "hello" }], "expectReason": "orphan_continuation" },
        ]));
        for result in found {
            assert!(result.ends_with(": passed"), "{result}");
        }
    }
}
