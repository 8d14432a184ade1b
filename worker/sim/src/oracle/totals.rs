//! What windows hold, straight from the lines: an answer that none of the chain's folds had a part in.
//!
//! Where ingest folds the panes (R25), a window may close with provisionals, and be corrected. In bounds its first value is
//! already the whole one and nothing is corrected; late lines are in its last value, as long as it takes corrections.

use super::Records;
use crate::config::{MS, SECOND, Time};
use crate::program::Programs;
use crate::world::{Violation, World};
use logloom_chain::aggregate::AggregateRecord;
use logloom_chain::log::Upstream;
use logloom_chain::window::records::Scalar;
use logloom_chain::wire::Reader;
use std::collections::BTreeMap;

/// Rule, end of the window, scope.
type Key = (u16, Time, String);

/// Lines, the sum or maximum of their milliseconds, and the slow ones.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Total {
    count: u64,
    sum: f64,
    most: f64,
    slow: u64,
}

/// Times ahead of the source's by more are those of receipt (`maxFuture`).
const MOST_AHEAD: Time = 10 * SECOND;
/// What `slow` counts.
const SLOW: f64 = 3_000.0;

/// Compares the objects of a link with the lines; what is missing may still come.
///
/// # Errors
/// An object that no line gives, or a correction where no line is out of bounds.
pub fn compare(world: &World<'_>, objects: &[(Upstream, Records)]) -> Result<Option<String>, Violation> {
    let totals = totals(world);
    let mut last: BTreeMap<Key, (u32, Total)> = BTreeMap::new();
    for (_, payload) in objects.iter().flat_map(|(_, records)| records) {
        let Ok(record) = AggregateRecord::load(&mut Reader::new(payload)) else { continue };
        let key = (record.rule, record.end.0, world.programs.main.definition.scope_text(&record.scope));
        if world.shape.strict && record.revision > 0 {
            return Err(Violation::new("CORRECTED", format!("{key:?} is corrected, though no line is out of bounds")));
        }
        let got = seen(world.programs, &record);
        match last.get(&key) {
            Some((revision, _)) if *revision >= record.revision => {
                return Err(Violation::new(
                    "REVISION",
                    format!("{key:?} has revision {} after {revision}", record.revision),
                ));
            }
            _ => last.insert(key, (record.revision, got)),
        };
    }
    for (key, (revision, got)) in &last {
        let want = totals.get(key).map(|total| of_rule(world.programs, key.0, *total)).unwrap_or_default();
        if got.count > want.count || (world.shape.strict && *got != want) {
            return Err(Violation::new(
                "TOTAL",
                format!("{key:?} has {got:?} in revision {revision}, the lines give {want:?}"),
            ));
        }
        if *got != want {
            return Ok(Some(format!("{key:?} has {got:?} in revision {revision}, the lines give {want:?}")));
        }
    }
    let missing = totals.keys().find(|key| !last.contains_key(*key));
    Ok(missing.map(|key| format!("{key:?} has not closed")))
}

fn totals(world: &World<'_>) -> BTreeMap<Key, Total> {
    let mut totals: BTreeMap<Key, Total> = BTreeMap::new();
    for (number, source) in world.sources.iter().enumerate() {
        let origin = world.sinks.origins.get(&number).copied().unwrap_or_default();
        for line in source.lines.iter().filter(|line| line.offset >= origin) {
            let Ok(row) = serde_json::from_str::<serde_json::Value>(&line.text) else { continue };
            let (Some(ts), Some(ms)) = (row["ts"].as_i64(), row["ms"].as_f64()) else { continue };
            let time = if ts * MS > line.appended + MOST_AHEAD { line.appended } else { ts * MS };
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let service = format!("service={}", text("service"));
            let host = format!("{service}, host={}", text("host"));
            let slide = 5 * SECOND;
            let end = time.div_euclid(slide) * slide + slide;
            for key in [(0, end, service), (1, end, host.clone()), (1, end + slide, host)] {
                let total = totals.entry(key).or_default();
                total.count += 1;
                total.sum += ms;
                total.most = total.most.max(ms);
                total.slow += u64::from(ms > SLOW);
            }
        }
    }
    totals
}

/// What an object of the rule says of a total.
fn of_rule(programs: &Programs, rule: u16, total: Total) -> Total {
    let named = |name: &str| value_at(programs, rule, name).is_some();
    Total {
        count: total.count,
        sum: if named("sum") { total.sum } else { 0.0 },
        most: if named("most") { total.most } else { 0.0 },
        slow: if named("slow") { total.slow } else { 0 },
    }
}

fn seen(programs: &Programs, record: &AggregateRecord<'_>) -> Total {
    let number = |name: &str| match value_at(programs, record.rule, name).and_then(|at| record.values.get(at)) {
        Some(Scalar::Int(value)) => *value as f64,
        Some(Scalar::Float(value)) => *value,
        _ => 0.0,
    };
    Total { count: record.count, sum: number("sum"), most: number("most"), slow: number("slow") as u64 }
}

fn value_at(programs: &Programs, rule: u16, name: &str) -> Option<usize> {
    let rule = programs.main.definition.aggregates.get(usize::from(rule))?;
    rule.values.iter().position(|(other, _)| other == name)
}
