//! `ledger.json`: every line of every source, accounted for.

use logloom_chain::compile::program::Program;
use logloom_chain::log::ledger::{Balance, Counts};
use logloom_chain::log::{Minute, Upstream};
use logloom_chain::stage::machine::Books;
use logloom_chain::stage::plan::{LedgerStage, Plan};
use serde_json::{Map, Value, json};

/// The ledger as JSON: per source over all stages, per stage and minute, and the ranges of what is short.
pub fn ledger(program: &Program, plan: &Plan, books: &Books) -> Value {
    let source = |upstream: Upstream| plan.partition(upstream).map_or(u16::MAX, |partition| partition.source.0);
    let mut sources = Map::new();
    for (index, definition) in program.sources.iter().enumerate() {
        let of = |stage| total(&books.book(stage).balance(source), index as u16);
        sources.insert(definition.name.clone(), source_total(&of(LedgerStage::Ingest), &of(LedgerStage::Correlate)));
    }
    let mut minutes = Vec::new();
    let mut short = Vec::new();
    for stage in [LedgerStage::Ingest, LedgerStage::Correlate] {
        let book = books.book(stage);
        for ((index, minute), balance) in book.balance(source) {
            let name = program.sources.get(usize::from(index)).map_or("", |source| source.name.as_str());
            minutes.push(line(stage, name, minute, &balance));
        }
        for (key, balance) in book.short() {
            let range = key.range();
            short.push(json!({
                "stage": stage.name(),
                "partition": key.upstream.0,
                "minute": key.minute.to_string(),
                "from": range.start.0,
                "to": range.end.0,
                "unaccounted": balance.unaccounted as i64,
            }));
        }
    }
    json!({ "pipeline": program.definition.pipeline, "sources": sources, "minutes": minutes, "short": short })
}

/// Lines that no stage can account for, over all sources.
pub fn unaccounted(ledger: &Value) -> i64 {
    let sources = ledger["sources"].as_object();
    sources.map_or(0, |sources| sources.values().map(|source| source["unaccounted"].as_i64().unwrap_or(0)).sum())
}

fn total(balances: &std::collections::BTreeMap<(u16, Minute), Balance>, source: u16) -> (Counts, u64, i128) {
    let mut sum = (Counts::default(), 0, 0);
    for (_, balance) in balances.iter().filter(|((index, _), _)| *index == source) {
        sum.0.merge(&balance.counts);
        sum.1 += balance.held.lines;
        sum.2 += balance.unaccounted;
    }
    sum
}

fn dropped(counts: &Counts, into: &mut Map<String, Value>) {
    for (reason, count) in &counts.dropped {
        let before = into.get(reason.name()).and_then(Value::as_u64).unwrap_or(0);
        into.insert(reason.name().to_owned(), json!(before + count.lines));
    }
}

/// In at ingest, out of correlate; dropped at either.
fn source_total(ingest: &(Counts, u64, i128), correlate: &(Counts, u64, i128)) -> Value {
    let mut reasons = Map::new();
    dropped(&ingest.0, &mut reasons);
    dropped(&correlate.0, &mut reasons);
    json!({
        "in": ingest.0.taken.lines,
        "passed": correlate.0.passed.lines,
        "dropped": reasons,
        "held": correlate.1,
        "unaccounted": (ingest.2 + correlate.2) as i64,
    })
}

fn line(stage: LedgerStage, source: &str, minute: Minute, balance: &Balance) -> Value {
    let mut reasons = Map::new();
    dropped(&balance.counts, &mut reasons);
    json!({
        "stage": stage.name(),
        "source": source,
        "minute": minute.to_string(),
        "in": balance.counts.taken.lines,
        "out": balance.counts.passed.lines,
        "dropped": reasons,
        "held": balance.held.lines,
        "unaccounted": balance.unaccounted as i64,
        "ids_agree": balance.ids_agree,
    })
}
