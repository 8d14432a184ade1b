//! The two shapes of a pipeline give the same windows: panes folded in correlate, and panes folded in ingest (R25).

use super::*;
use crate::aggregate::AggregateRecord;
use crate::compile::program::SourceIndex;
use crate::compile::{Input, compile};
use crate::id::Origin;
use crate::parse::program::ParseProgram;
use crate::parse::redact::NoSecrets;
use crate::stage::plan::SourcePartition;
use crate::window::records::Scalar;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

const PARTITIONS: usize = 3;
/// Milliseconds, as all times of the tests: when they begin, a multiple of every window.
const BEGIN: i64 = 1_700_000_010_000;
/// Allowed disorder.
const DISORDER: i64 = 2_000;

fn program(lateness: &str, change: impl FnOnce(&mut Value)) -> Program {
    let manifest = json!({
        "schema": {
            "message": "Call",
            "proto": "syntax = \"proto3\"; message Call { string service = 1; string host = 2; double ms = 3; string message = 4; }",
        },
        "decode": [{ "json": {} }],
        "timestamp": { "from": "ts", "formats": ["unix_ms"], "disorder": "2s" },
        "dimensions": ["service", "host"],
        "templates": { "field": "message" },
    });
    let mut pipeline = json!({
        "sources": [{ "name": "calls", "external": {}, "manifest": "calls" }],
        "scopes": [["service"], ["service", "host"]],
        "metrics": [{ "name": "latency", "value": "ms" }, { "name": "slow", "countWhere": "ms > 500.0" }],
        "windows": [
            { "name": "w5", "tumbling": "5s", "lateness": lateness },
            { "name": "s15", "sliding": { "size": "15s", "slide": "5s" }, "lateness": lateness },
        ],
        "detect": { "regime": { "metric": "latency", "windows": ["w5", "s15"] } },
        "aggregate": [
            { "name": "services", "by": ["service"], "window": "w5", "values": { "p90": "p90(latency)", "sum": "sum(latency)" } },
            { "name": "hosts", "by": ["service", "host"], "window": "s15", "values": { "most": "max(latency)", "share": "count / parent.count" } },
        ],
        "alerts": [{ "name": "slow", "when": "slow >= 2", "on": { "window": "w5", "scope": ["service"] }, "for": 1, "severity": "warning" }],
    });
    change(&mut pipeline);
    let manifest = ParseProgram::compile(&serde_json::from_value(manifest).unwrap(), &NoSecrets);
    let manifest = Arc::new(manifest.unwrap_or_else(|findings| panic!("{findings:#?}")));
    let manifests = BTreeMap::from([("calls".to_owned(), Some(manifest))]);
    let pipeline = serde_json::from_value(pipeline).unwrap();
    let input = Input { tenant: "test", grants: None, name: "calls", pipeline: &pipeline, manifests: &manifests };
    compile(&input).unwrap_or_else(|findings| panic!("{findings:#?}")).program
}

fn plan(panes_in_ingest: bool, events: bool) -> Plan {
    let partition =
        |number| SourcePartition { source: SourceIndex(0), number, origin: Origin::new("test", "calls", 1, number) };
    Plan { partitions: (0..PARTITIONS as u32).map(partition).collect(), joins: 2, panes: 2, events, panes_in_ingest }
}

/// What happens to a machine.
#[derive(Debug, Clone)]
enum Act {
    Line {
        partition: usize,
        time: i64,
        scope: u8,
        ms: u16,
    },
    Garbage {
        partition: usize,
    },
    Flush(usize),
    /// A claim of this time.
    Claim {
        partition: usize,
        time: i64,
    },
}

/// Count and values by end, rule and scope.
type Last = BTreeMap<(EventTime, u16, Vec<u8>), (u64, Vec<Scalar>)>;

#[derive(Default)]
struct Records(Vec<(Stream, Vec<u8>)>);

impl Sink for Records {
    type Error = MachineError;

    fn record(
        &mut self,
        stream: Stream,
        _upstream: Upstream,
        _at: Position,
        payload: &[u8],
    ) -> Result<(), MachineError> {
        self.0.push((stream, payload.to_vec()));
        Ok(())
    }
}

impl Records {
    fn of(&self, stream: Stream) -> Vec<&[u8]> {
        self.0.iter().filter(|(other, _)| *other == stream).map(|(_, payload)| payload.as_slice()).collect()
    }

    /// The last revision of every object.
    fn last(&self) -> Last {
        let mut last: BTreeMap<_, (u32, u64, Vec<Scalar>)> = BTreeMap::new();
        for payload in self.of(Stream::Aggregates) {
            let record = AggregateRecord::load(&mut Reader::new(payload)).unwrap();
            let entry = last.entry((record.end, record.rule, record.scope.into_owned())).or_default();
            assert!(record.revision == 0 || entry.2.is_empty() || record.revision > entry.0, "revisions rise");
            *entry = (record.revision, record.count, record.values.into_vec());
        }
        last.into_iter().map(|(key, (_, count, values))| (key, (count, values))).collect()
    }
}

fn act(machine: &mut Machine, act: &Act, records: &mut Records) {
    match act {
        Act::Line { partition, time, scope, ms } => {
            let (service, host) = (scope % 3, scope % 7);
            let line = format!(
                r#"{{"ts":{time},"service":"s{service}","host":"h{host}","ms":{ms},"message":"took {ms} ms at {host}"}}"#
            );
            machine.line(*partition, RawLine::new(line.as_bytes()), None);
        }
        Act::Garbage { partition } => machine.line(*partition, RawLine::new(b"garbage"), None),
        Act::Flush(partition) => machine.flush(*partition, records).unwrap(),
        Act::Claim { partition, time } => {
            let claim = LogEndClaim { end: machine.next_offset(*partition), time: EventTime(time * 1_000) };
            machine.claim(*partition, claim, records).unwrap();
        }
    }
}

fn finish(machine: &mut Machine, records: &mut Records) {
    (0..PARTITIONS).for_each(|partition| machine.close(partition, records).unwrap());
    let books = machine.books();
    for stage in [LedgerStage::Ingest, LedgerStage::Correlate] {
        let book = books.book(stage);
        assert!(book.short().is_empty(), "{stage:?}: {:?}", book.short());
    }
}

fn run(program: &Arc<Program>, plan: Plan, acts: &[Act]) -> (Records, Machine) {
    let mut machine = Machine::new(Arc::clone(program), plan);
    let mut records = Records::default();
    acts.iter().for_each(|step| act(&mut machine, step, &mut records));
    finish(&mut machine, &mut records);
    (records, machine)
}

/// Lines of which none is out of bounds, with claims that all later lines keep. Times jump now and then: a source was quiet.
fn lawful() -> impl Strategy<Value = Vec<Act>> {
    let step = (
        0..PARTITIONS,
        prop_oneof![6 => 0i64..800, 1 => 5_000i64..40_000],
        0..DISORDER,
        any::<u8>(),
        1u16..1_000,
        0u8..12,
    );
    prop::collection::vec(step, 1..120).prop_map(|steps| {
        let mut clocks = [BEGIN; PARTITIONS];
        let mut acts = Vec::new();
        for (partition, gap, back, scope, ms, then) in steps {
            clocks[partition] += gap;
            acts.push(Act::Line { partition, time: clocks[partition] - back, scope, ms });
            match then {
                0 | 1 => acts.push(Act::Flush(partition)),
                2 => acts.push(Act::Garbage { partition }),
                3..=5 => acts.push(Act::Claim { partition, time: i64::MAX / 1_000 }),
                _ => {}
            }
        }
        let mut least = clocks.map(|clock| clock + 60_000);
        for act in acts.iter_mut().rev() {
            match act {
                Act::Line { partition, time, .. } => least[*partition] = least[*partition].min(*time),
                Act::Claim { partition, time } => *time = least[*partition],
                _ => {}
            }
        }
        acts
    })
}

/// Lines and claims at any time.
fn lawless() -> impl Strategy<Value = Vec<Act>> {
    let time = BEGIN..BEGIN + 60_000;
    let step = (0..PARTITIONS, time.clone(), time, any::<u8>(), 1u16..1_000, 0u8..8);
    prop::collection::vec(step, 1..80).prop_map(|steps| {
        let mut acts = Vec::new();
        for (partition, time, claim, scope, ms, then) in steps {
            acts.push(Act::Line { partition, time, scope, ms });
            match then {
                0 | 1 => acts.push(Act::Flush(partition)),
                2 | 3 => acts.push(Act::Claim { partition, time: claim }),
                _ => {}
            }
        }
        acts
    })
}

#[test]
fn the_compiler_says_where_panes_are_folded() {
    assert!(program("0s", |_| {}).panes_in_ingest);
    let with = |window: Value| program("0s", |pipeline| pipeline["windows"].as_array_mut().unwrap().push(window));
    assert!(!with(json!({ "name": "k", "count": { "size": 10, "slide": 5 } })).panes_in_ingest);
    assert!(!with(json!({ "name": "q", "session": { "gap": "5s", "maxLength": "1m" } })).panes_in_ingest);
    let augmented = |pipeline: &mut Value| {
        pipeline["augment"] = json!([{ "window": "w5", "scope": ["service"], "values": ["count"], "as": "recent" }]);
    };
    assert!(!program("0s", augmented).panes_in_ingest);
    assert!(!program("0s", |pipeline| pipeline["sources"][0]["dedupe"] = json!({ "window": "1m" })).panes_in_ingest);
}

#[test]
fn an_idle_source_closes_its_windows_by_claims_and_corrects_nothing_later() {
    let program = Arc::new(program("0s", |_| {}));
    let line = |partition, time| Act::Line { partition, time, scope: 1, ms: 7 };
    let mut machine = Machine::new(Arc::clone(&program), plan(true, false));
    let mut records = Records::default();
    for step in [line(0, BEGIN + 1_000), line(1, BEGIN + 2_000), line(2, BEGIN + 3_000)] {
        act(&mut machine, &step, &mut records);
    }
    for partition in 0..PARTITIONS {
        act(&mut machine, &Act::Claim { partition, time: BEGIN + 12_000 }, &mut records);
    }
    let closed: u64 = records.last().values().map(|(count, _)| *count).max().unwrap_or(0);
    assert_eq!(closed, 3, "provisionals of all three sources are in the window");
    act(&mut machine, &line(0, BEGIN + 31_000), &mut records);
    finish(&mut machine, &mut records);
    let revised = records
        .of(Stream::Aggregates)
        .into_iter()
        .map(|payload| AggregateRecord::load(&mut Reader::new(payload)).unwrap());
    assert_eq!(revised.filter(|record| record.revision > 0).count(), 0, "the finals say the same");
    assert!(records.of(Stream::Events).is_empty(), "nobody reads events");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn in_bounds_both_shapes_emit_the_same(acts in lawful(), events: bool) {
        let program = Arc::new(program("0s", |_| {}));
        let (joins, _) = run(&program, plan(false, true), &acts);
        let (ingest, _) = run(&program, plan(true, events), &acts);
        for stream in [Stream::Aggregates, Stream::Alerts, Stream::DeadLetter, Stream::Late] {
            prop_assert_eq!(joins.of(stream), ingest.of(stream), "{:?}", stream);
        }
        for stream in [Stream::Findings, Stream::Templates] {
            prop_assert_eq!(joins.of(stream).len(), ingest.of(stream).len(), "{:?}", stream);
        }
        prop_assert!(!joins.of(Stream::Aggregates).is_empty() && joins.of(Stream::Late).is_empty());
        prop_assert_eq!(joins.of(Stream::Events).len() * usize::from(events), ingest.of(Stream::Events).len());
    }

    #[test]
    fn neither_interleaving_nor_frame_cuts_change_what_leaves(
        acts in lawful(),
        order in prop::collection::vec((0..PARTITIONS, any::<bool>()), 200),
        frame_bytes in prop_oneof![Just(1usize), 100usize..2_000, Just(FRAME_BYTES)],
        panes_in_ingest: bool,
    ) {
        let program = Arc::new(program("0s", |_| {}));
        let mut lines: [VecDeque<Act>; PARTITIONS] = Default::default();
        for act in &acts {
            if let Act::Line { partition, .. } | Act::Garbage { partition } = act {
                lines[*partition].push_back(act.clone());
            }
        }
        let (mut first, mut second) = (lines.clone(), lines);
        // One partition after the other in whole batches, against any order with any batches and any frames.
        let plain: Vec<Act> = first.iter_mut().flat_map(|lines| lines.drain(..)).collect();
        let mut mixed = Vec::new();
        for (partition, flush) in order {
            mixed.extend(second[partition].pop_front());
            mixed.extend(flush.then_some(Act::Flush(partition)));
        }
        mixed.extend(second.iter_mut().flat_map(|lines| lines.drain(..)));
        let (plain, _) = run(&program, plan(panes_in_ingest, true), &plain);
        let mut machine = Machine::new(Arc::clone(&program), plan(panes_in_ingest, true)).with_frames_of(frame_bytes);
        let mut records = Records::default();
        mixed.iter().for_each(|step| act(&mut machine, step, &mut records));
        finish(&mut machine, &mut records);
        for stream in [Stream::Aggregates, Stream::Alerts] {
            prop_assert_eq!(plain.of(stream), records.of(stream), "{:?}", stream);
        }
        // Where every source partition has its own place in the order, the order may differ, and nothing else.
        for stream in [Stream::Events, Stream::Late, Stream::DeadLetter, Stream::Templates, Stream::Findings] {
            let (mut plain, mut mixed) = (plain.of(stream), records.of(stream));
            plain.sort_unstable();
            mixed.sort_unstable();
            prop_assert_eq!(plain, mixed, "{:?}", stream);
        }
    }

    #[test]
    fn whatever_comes_late_both_shapes_end_at_the_same_values(acts in lawless()) {
        // A correction does not go out again when only its parent is corrected later: shares depend on the order.
        let program = Arc::new(program("1h", |pipeline| pipeline["aggregate"][1]["values"] = json!({ "most": "max(latency)" })));
        let (joins, _) = run(&program, plan(false, true), &acts);
        let (ingest, _) = run(&program, plan(true, false), &acts);
        prop_assert!(!joins.last().is_empty());
        prop_assert_eq!(joins.last(), ingest.last());
    }

    #[test]
    fn a_machine_that_was_saved_and_loaded_goes_on_as_if_not(acts in lawful(), at in 0usize..80) {
        let program = Arc::new(program("4s", |_| {}));
        let at = at.min(acts.len());
        let flushes = (0..PARTITIONS).map(Act::Flush);
        let before: Vec<Act> = acts[..at].iter().cloned().chain(flushes).collect();
        let (mut machine, mut straight) = (Machine::new(Arc::clone(&program), plan(true, true)), Records::default());
        before.iter().for_each(|step| act(&mut machine, step, &mut straight));
        let (mut saved, mut again) = (Writer::new(), Writer::new());
        machine.save(&mut saved);
        let mut loaded = Machine::load(Arc::clone(&program), plan(true, true), &mut Reader::new(saved.as_slice())).unwrap();
        loaded.save(&mut again);
        prop_assert_eq!(saved.as_slice(), again.as_slice());
        let mut records = Records(straight.0.clone());
        for (machine, records) in [(&mut machine, &mut straight), (&mut loaded, &mut records)] {
            acts[at..].iter().for_each(|step| act(machine, step, records));
            finish(machine, records);
        }
        // The states may differ by frames that say only what is known already; nothing that leaves may.
        for stream in Stream::ALL {
            prop_assert_eq!(straight.of(stream), records.of(stream), "{:?}", stream);
        }
    }
}
