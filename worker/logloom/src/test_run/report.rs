//! The report for people, and as JSON.

use super::{Case, Report};
use logloom_crds::finding::{Position, Style, render};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// One line per test; what differs stands below it, with its place. The last line counts.
pub fn human(report: &Report, style: Style) -> String {
    let mut text = render(&report.findings, &report.sources, style);
    let (green, red, reset) = match style {
        Style::Plain => ("", "", ""),
        Style::Colour => ("\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[0m"),
    };
    for case in &report.cases {
        if case.passed() {
            let _ = writeln!(text, "{green}ok  {reset} {} {}", case.resource, case.name);
        } else {
            let _ = writeln!(text, "{red}FAIL{reset} {} {}{}", case.resource, case.name, at(&case.position));
            for difference in &case.differences {
                let place = difference
                    .position
                    .as_ref()
                    .map_or_else(String::new, |position| format!("{}:{}: ", position.file, position.line));
                let _ = writeln!(
                    text,
                    "     {place}{}: expected {}, found {}",
                    difference.place, difference.expected, difference.found
                );
            }
        }
    }
    let failed = report.failed();
    let _ = write!(text, "{}: {} passed, {failed} failed", tests(report.cases.len()), report.cases.len() - failed);
    let _ = match report.findings.len() {
        0 => writeln!(text),
        1 => writeln!(text, "; 1 error keeps tests from running"),
        errors => writeln!(text, "; {errors} errors keep tests from running"),
    };
    text
}

fn tests(count: usize) -> String {
    if count == 1 { "1 test".to_owned() } else { format!("{count} tests") }
}

fn at(position: &Option<Position>) -> String {
    position.as_ref().map_or_else(String::new, |position| format!(" ({}:{})", position.file, position.line))
}

/// `{"passed","failed","findings","tests":[{"resource","name","position","passed","differences"}]}`
pub fn json(report: &Report) -> Value {
    let case = |case: &Case| {
        let difference = |difference: &super::Difference| {
            json!({
                "place": difference.place,
                "position": difference.position,
                "expected": difference.expected,
                "found": difference.found,
            })
        };
        json!({
            "resource": case.resource,
            "name": case.name,
            "position": case.position,
            "passed": case.passed(),
            "differences": case.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    };
    json!({
        "passed": report.cases.len() - report.failed(),
        "failed": report.failed(),
        "findings": report.findings,
        "tests": report.cases.iter().map(case).collect::<Vec<_>>(),
    })
}
