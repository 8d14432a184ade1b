//! The oracle: looks at the logs as they are, trimmed parts included, and at the sources; never at what an owner believes.
//!
//! ```text
//!  1. per log: what a receiver takes over the whole log            = accepted  [refold]
//!  2. per task: its fold over its whole input, undisturbed         = expected; accepted is a prefix of it, and in the end all
//!  3. per task and position: every stored state                    = the refold's state there
//!  4. the ledger of the refolds is even, and counts every line of the sources
//!  5. strict runs: one undisturbed pass over the sources           = aggregates, alerts, events, dead letters  [reference]
//!  6. panes in ingest: windows hold what the lines give, in bounds at once and without corrections [totals]
//!  7. sinks hold what was accepted, each row once
//! ```
//!
//! What differs is wrong for good; what is missing may still come, until patience ends: then it is a stall.

mod reference;
mod refold;
mod totals;

use crate::program::Pipeline;
use crate::stage::{Body, Row, link_of};
use crate::topology::{Input, Kind, TaskId};
use crate::world::{Violation, World};
use logloom_chain::log::ledger::Book;
use logloom_chain::log::{Offset, OutletIndex, Position, Rule, Upstream};
use logloom_chain::stage::events::EventRecord;
use logloom_chain::stage::plan::{LedgerStage, ingest_link};
use logloom_chain::wire::Writer;
use refold::{Accepted, Refold};
use std::collections::BTreeMap;

/// What the oracle says.
pub enum Verdict {
    /// All is as it must be.
    Clean,
    /// Something is missing that may still come.
    Wait(Violation),
    /// Something is wrong.
    Wrong(Violation),
}

type Records = Vec<(Position, Vec<u8>)>;

/// Looks at a run.
pub fn check(world: &mut World<'_>) -> Verdict {
    world.figures.checks += 1;
    match look(world) {
        Err(wrong) => Verdict::Wrong(wrong),
        Ok(Some(missing)) => Verdict::Wait(missing),
        Ok(None) => Verdict::Clean,
    }
}

fn look(world: &mut World<'_>) -> Result<Option<Violation>, Violation> {
    let accepted: Vec<Accepted> = (0..world.logs.len()).map(|log| refold::accepted(world, log)).collect();
    let mut missing = None;
    if world.is_changing() {
        wait(&mut missing, "the change of generation is not complete".to_owned());
    }
    let mut refolds: Vec<Option<Refold>> = Vec::new();
    for task in 0..world.tasks.len() {
        let refold = refold::refold(world, task)?;
        if let Some(refold) = &refold {
            compare_links(world, task, refold, &accepted, &mut missing)?;
        }
        refolds.push(refold);
    }
    let late = check_ledger(world, &refolds, &mut missing)?;
    check_open(world, &refolds, &mut missing);
    world.figures.late += late;
    if world.shape.strict && late > 0 {
        return Err(Violation::new("LATE", format!("{late} lines are late, though no source line is out of bounds")));
    }
    if missing.is_none() && world.shape.strict {
        compare_with_reference(world, &accepted, &mut missing)?;
    }
    if missing.is_none()
        && world.programs.pipeline == Pipeline::Ingest
        && (world.shape.strict || world.programs.corrects_all())
    {
        let short = totals::compare(world, &of_link(world, &accepted, "aggregates"))?;
        world.figures.compared_with_lines += u64::from(short.is_none());
        short.into_iter().for_each(|short| wait(&mut missing, short));
    }
    check_sinks(world, &accepted, &mut missing)?;
    if missing.is_none() {
        count(world, &accepted);
    }
    Ok(missing)
}

fn wait(missing: &mut Option<Violation>, detail: String) {
    missing.get_or_insert_with(|| Violation::new("STALL", detail));
}

/// Steps 1 and 2.
fn compare_links(
    world: &World<'_>,
    task: TaskId,
    refold: &Refold,
    accepted: &[Accepted],
    missing: &mut Option<Violation>,
) -> Result<(), Violation> {
    let spec = &world.tasks[task];
    for (index, log) in spec.outlets.iter().enumerate() {
        let sender = world.log_specs[*log].senders.iter().find(|(_, _, sender)| *sender == task);
        let Some((upstream, _, _)) = sender else { continue };
        let name = format!("{} {} → {} (log {log})", spec.kind.name(), spec.number, world.log_specs[*log].name);
        let (got, next) = accepted[*log].of(*upstream);
        let strip = |payload: &[u8]| match spec.kind {
            Kind::Infer => payload[..payload.len().saturating_sub(8)].to_vec(),
            _ => payload.to_vec(),
        };
        let expected = &refold.outlets[index];
        let below: Vec<&(Position, Vec<u8>)> = expected.iter().filter(|(at, _)| *at < next).collect();
        let differs = got.iter().zip(&below).position(|(got, want)| got.0 != want.0 || strip(&got.1) != strip(&want.1));
        if let Some(place) = differs.or((got.len() != below.len()).then_some(got.len().min(below.len()))) {
            let kind = match got.len().cmp(&below.len()) {
                std::cmp::Ordering::Less => "LOSS",
                std::cmp::Ordering::Greater => "DUP",
                std::cmp::Ordering::Equal => "CONTENT",
            };
            let (first, want) = (got.get(place).map(|got| got.0), below.get(place).map(|want| want.0));
            let detail = format!(
                "{name}: accepted {} records, its fold emits {} up to {next}; they differ at {place}: {first:?} against {want:?}",
                got.len(),
                below.len()
            );
            return Err(Violation::new(kind, detail));
        }
        // What analyze fed back behind the cut is not taken any more: events are augmented by the next close.
        let goes_back = spec.kind == Kind::Analyze && index > 0 && spec.generation < world.newest_generation();
        if below.len() < expected.len() && !goes_back {
            wait(
                missing,
                format!("{name}: accepted up to {next}, {} records are still to come", expected.len() - below.len()),
            );
        }
        if let Input::Source(source) = spec.input
            && matches!(link_of(spec, OutletIndex(index as u16)), ingest_link::JOINS | ingest_link::PANES)
            && next.offset < world.end_of(task, source)
        {
            wait(missing, format!("{name}: accepted up to {next} of {}", world.end_of(task, source)));
        }
    }
    Ok(())
}

/// Step 4; gives back the number of late lines.
fn check_ledger(
    world: &World<'_>,
    refolds: &[Option<Refold>],
    missing: &mut Option<Violation>,
) -> Result<u64, Violation> {
    let generation = world.newest_generation();
    let mut books: BTreeMap<LedgerStage, Book> = BTreeMap::new();
    for (task, refold) in refolds.iter().enumerate() {
        if world.tasks[task].generation != generation {
            continue;
        }
        match refold.as_ref().map(|refold| &refold.body) {
            Some(Body::Ingest(ingest)) => {
                let book = books.entry(LedgerStage::Ingest).or_default();
                ingest.tally().entries().iter().for_each(|entry| book.add(entry));
            }
            Some(Body::Correlate(correlate)) => {
                for tally in correlate.tallies() {
                    let book = books.entry(tally.stage).or_default();
                    tally.tally.entries().iter().for_each(|entry| book.add(entry));
                }
                let book = books.entry(LedgerStage::Correlate).or_default();
                correlate.held_lines().into_iter().for_each(|(key, held)| book.held(key, held));
            }
            _ => {}
        }
    }
    let mut late = 0;
    for (stage, book) in &books {
        let balance = book.balance(|upstream| upstream);
        for ((upstream, _), balance) in &balance {
            let dropped = balance.counts.dropped.iter();
            late += dropped
                .filter(|(reason, _)| *reason == logloom_chain::log::Reason::Late)
                .map(|(_, count)| count.lines)
                .sum::<u64>();
            if balance.unaccounted < 0 || (missing.is_none() && !balance.is_even()) {
                let detail = format!(
                    "{}: {upstream}: {} lines unaccounted, ids agree: {}",
                    stage.name(),
                    balance.unaccounted,
                    balance.ids_agree
                );
                return Err(Violation::new("LEDGER", detail));
            }
        }
        if *stage == LedgerStage::Ingest {
            compare_with_sources(world, &balance, missing)?;
        }
    }
    Ok(late)
}

fn compare_with_sources(
    world: &World<'_>,
    balance: &BTreeMap<(Upstream, logloom_chain::log::Minute), logloom_chain::log::ledger::Balance>,
    missing: &mut Option<Violation>,
) -> Result<(), Violation> {
    for (number, source) in world.sources.iter().enumerate() {
        let origin = world.sinks.origins.get(&number).copied().unwrap_or_default();
        let there = source.lines.iter().filter(|line| line.offset >= origin).count() as u64;
        let of_source = balance.iter().filter(|((upstream, _), _)| upstream.0 as usize == number);
        let taken: u64 = of_source.map(|(_, balance)| balance.counts.taken.lines).sum();
        if taken > there || (missing.is_none() && taken < there) {
            return Err(Violation::new("LEDGER", format!("source {number} has {there} lines, the ledger {taken}")));
        }
    }
    Ok(())
}

/// Every window is closed in the end.
fn check_open(world: &World<'_>, refolds: &[Option<Refold>], missing: &mut Option<Violation>) {
    for (task, refold) in refolds.iter().enumerate() {
        if let Some(Body::Correlate(correlate)) = refold.as_ref().map(|refold| &refold.body)
            && world.tasks[task].generation == world.newest_generation()
            && !correlate.held_lines().is_empty()
        {
            wait(
                missing,
                format!(
                    "task {task}: lines wait inside, task time is {}",
                    refold.as_ref().map_or(0, |refold| refold.body.mark().0)
                ),
            );
        }
    }
}

/// All records of a link, over all generations.
fn of_link(world: &World<'_>, accepted: &[Accepted], name: &str) -> Vec<(Upstream, Records)> {
    let logs = (0..world.logs.len()).filter(|log| world.log_specs[*log].name == name);
    let mut all: BTreeMap<Upstream, Records> = BTreeMap::new();
    for log in logs {
        for (upstream, _, _) in &world.log_specs[log].senders {
            all.entry(*upstream).or_default().extend_from_slice(accepted[log].of(*upstream).0);
        }
    }
    all.into_iter().collect()
}

/// An event without what depends on the order of feedback.
fn plain_event(payload: &[u8]) -> Vec<u8> {
    let Ok(mut event) = EventRecord::read(payload) else { return payload.to_vec() };
    event.augment.clear();
    let mut out = Writer::new();
    event.write(&mut out);
    out.into_vec()
}

/// Step 5.
fn compare_with_reference(
    world: &World<'_>,
    accepted: &[Accepted],
    missing: &mut Option<Violation>,
) -> Result<(), Violation> {
    let reference = reference::run(world);
    for name in ["aggregates", "alerts", "deadletter", "events"] {
        let payloads = |all: Vec<(Upstream, Records)>| -> Vec<Vec<u8>> {
            let records = all.into_iter().flat_map(|(_, records)| records);
            let mut payloads: Vec<Vec<u8>> = match name {
                "events" => records.map(|(_, payload)| plain_event(&payload)).collect(),
                _ => records.map(|(_, payload)| payload).collect(),
            };
            if name == "events" {
                payloads.sort();
            }
            payloads
        };
        let got = payloads(of_link(world, accepted, name));
        let want = payloads(reference.of_link(name));
        if got.len() < want.len() {
            wait(missing, format!("{name}: {} records, an undisturbed pass gives {}", got.len(), want.len()));
        } else if got != want {
            let place = got.iter().zip(&want).position(|(got, want)| got != want).unwrap_or(got.len().min(want.len()));
            let detail = format!(
                "{name}: {} records, an undisturbed pass gives {}; they differ at {place}",
                got.len(),
                want.len()
            );
            return Err(Violation::new("ANSWER", detail));
        }
    }
    Ok(())
}

/// Step 7.
fn check_sinks(world: &World<'_>, accepted: &[Accepted], missing: &mut Option<Violation>) -> Result<(), Violation> {
    for (task, spec) in world.tasks.iter().enumerate() {
        let Input::Log(log) = spec.input else { continue };
        let rows: Vec<Row> = match spec.kind {
            Kind::Objects => world
                .sinks
                .objects
                .get(&task)
                .into_iter()
                .flat_map(|all| all.values())
                .flat_map(|piece| piece.rows.clone())
                .collect(),
            Kind::Transaction => world.sinks.topic.get(&task).cloned().unwrap_or_default(),
            _ => continue,
        };
        check_rows(spec.kind.name(), rows, &accepted[log], missing)?;
    }
    check_documents(world, accepted, missing)?;
    check_answers(world, accepted)
}

fn check_rows(
    name: &str,
    mut rows: Vec<Row>,
    accepted: &Accepted,
    missing: &mut Option<Violation>,
) -> Result<(), Violation> {
    rows.sort();
    let mut want: Vec<Row> = accepted.rows().collect();
    want.sort();
    for pair in rows.windows(2) {
        if (pair[0].upstream, pair[0].at) == (pair[1].upstream, pair[1].at) {
            return Err(Violation::new("DUP", format!("sink {name} has {} of {} twice", pair[0].at, pair[0].upstream)));
        }
    }
    for row in &rows {
        if want.binary_search(row).is_err() {
            return Err(Violation::new(
                "SPURIOUS",
                format!("sink {name} has a row {} of {} that was not accepted", row.at, row.upstream),
            ));
        }
    }
    if rows.len() < want.len() {
        wait(missing, format!("sink {name} holds {} rows of {}", rows.len(), want.len()));
    }
    Ok(())
}

/// Documents hold the newest revision of each aggregate.
fn check_documents(world: &World<'_>, accepted: &[Accepted], missing: &mut Option<Violation>) -> Result<(), Violation> {
    let mut want = BTreeMap::new();
    for (_, records) in of_link(world, accepted, "aggregates") {
        for (_, payload) in records {
            if let Some((id, revision)) = crate::lanes::id_and_revision(world.programs, &payload) {
                let newest = want.entry(id).or_insert((revision, payload.clone()));
                if newest.0 < revision {
                    *newest = (revision, payload);
                }
            }
        }
    }
    if want == world.sinks.documents {
        return Ok(());
    }
    let strange = world
        .sinks
        .documents
        .iter()
        .find(|(id, (revision, _))| want.get(id).is_none_or(|(newest, _)| newest < revision));
    if let Some((id, (revision, _))) = strange {
        return Err(Violation::new(
            "SPURIOUS",
            format!("document {id:032x} has revision {revision}, which was not accepted"),
        ));
    }
    wait(missing, format!("{} documents of {}", world.sinks.documents.len(), want.len()));
    Ok(())
}

/// R19: who reads inference's outlets must read the same answers.
fn check_answers(world: &World<'_>, accepted: &[Accepted]) -> Result<(), Violation> {
    if world.has(Rule::OneOutlet) {
        return Ok(());
    }
    for spec in world.tasks.iter().filter(|spec| spec.kind == Kind::Infer) {
        let both: Vec<&Records> = spec.outlets.iter().map(|log| accepted[*log].of(spec.upstream).0).collect();
        if let [first, second] = both.as_slice()
            && let Some((one, _)) =
                first.iter().zip(second.iter()).find(|(one, other)| one.0 == other.0 && one.1 != other.1)
        {
            return Err(Violation::new("CONTENT", format!("two outlets disagree about {}", one.0)));
        }
    }
    Ok(())
}

fn count(world: &mut World<'_>, accepted: &[Accepted]) {
    let count = |name| of_link(world, accepted, name).iter().map(|(_, records)| records.len() as u64).sum::<u64>();
    let (aggregates, alerts) = (count("aggregates"), count("alerts"));
    let objects = of_link(world, accepted, "aggregates");
    let revisions = objects
        .iter()
        .flat_map(|(_, records)| records)
        .filter_map(|(_, payload)| crate::lanes::id_and_revision(world.programs, payload));
    let corrections = revisions.filter(|(_, revision)| *revision > 0).count() as u64;
    world.figures.corrections += corrections;
    world.figures.aggregates += aggregates;
    world.figures.alerts += alerts;
}

impl World<'_> {
    /// Where a source ends for a task.
    fn end_of(&self, task: TaskId, source: usize) -> Offset {
        self.ends(task).unwrap_or(self.sources[source].end)
    }

    fn newest_generation(&self) -> usize {
        self.tasks.last().map_or(0, |task| task.generation)
    }
}
