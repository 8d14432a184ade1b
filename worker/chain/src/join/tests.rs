//! Joins against a naive model, in any interleaving, with any watermark steps, and across a checkpoint.

use super::*;
use crate::compile::shape::{JoinStream, Observation, SourceIndex};
use crate::row::Column;
use crate::time::Span;
use proptest::prelude::*;
use std::collections::BTreeMap;

const WITHIN: i64 = 3_000_000;

fn join(mode: JoinMode) -> Join {
    let stream = |source| JoinStream { source: SourceIndex(source), key: Column(0), required: true, offset: 0 };
    Join {
        mode,
        within: Span(WITHIN),
        streams: vec![stream(0), stream(1)],
        observe: Observation::default(),
        max_events: 1000,
        group_bytes: 1 << 20,
        max_bytes: 1 << 30,
        late_updates: false,
        complete: vec![None, None],
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Input {
    time: i64,
    id: u128,
    stream: u8,
    key: u8,
}

fn arrival<'a>(input: &Input, key: &'a [u8; 1]) -> Arrival<'a> {
    Arrival { time: EventTime(input.time), id: Id(input.id), stream: input.stream, completes: false, key, row: b"row" }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Output {
    kind: String,
    emission: String,
    time: i64,
    members: Vec<u128>,
}

/// What came out: events, and the rows that are done.
#[derive(Debug, Default)]
struct Seen {
    events: Vec<Output>,
    done: Vec<(u128, bool)>,
}

impl Seen {
    fn take(&mut self, output: JoinOutput<'_>) {
        match output {
            JoinOutput::Event(joined) => self.events.push(Output {
                kind: format!("{:?}", joined.kind),
                emission: format!("{:?}", joined.emission),
                time: joined.time.0,
                members: joined.members.iter().map(|member| member.id.0).collect(),
            }),
            JoinOutput::Done { row, joined } => self.done.push((row.id.0, joined)),
        }
    }
}

/// Pushes `inputs` in their order; before each one the watermark goes to the least time still to come.
fn run(join: &Join, inputs: &[Input], save_at: Option<usize>, advance: impl Fn(usize) -> bool) -> Vec<Output> {
    let mut state = JoinState::new(join);
    let mut outputs = Seen::default();
    for (index, input) in inputs.iter().enumerate() {
        if advance(index) {
            let watermark = inputs[index..].iter().map(|later| later.time).min().unwrap_or(i64::MAX);
            state.advance(join, EventTime(watermark), &mut |output| outputs.take(output));
        }
        if save_at == Some(index) {
            let mut out = Writer::new();
            state.save(&mut out);
            let mut input = Reader::new(out.as_slice());
            state = JoinState::load(join, &mut input).unwrap();
            assert!(input.finish().is_ok());
            let mut again = Writer::new();
            state.save(&mut again);
            assert_eq!(out.as_slice(), again.as_slice());
        }
        let key = [input.key];
        let taken = state.push(join, arrival(input, &key), &mut |output| outputs.take(output));
        assert_eq!(taken, Taken::Held);
    }
    state.advance(join, EventTime::MAX, &mut |output| outputs.take(output));
    assert_eq!((state.rows(), state.bytes()), (0, 0));
    // Every row is done exactly once, and is said to have gone out when it has.
    outputs.done.sort_unstable();
    let went_out = |id: u128| outputs.events.iter().any(|event| event.members.contains(&id));
    let expected: Vec<(u128, bool)> = (0..inputs.len() as u128).map(|id| (id, went_out(id))).collect();
    assert_eq!(outputs.done, expected);
    outputs.events
}

/// All pairs and lone rows by definition, without order.
fn naive_pairs(mode: JoinMode, inputs: &[Input]) -> Vec<Output> {
    let mut all = Vec::new();
    let meets = |left: &Input, right: &Input| left.key == right.key && (left.time - right.time).abs() <= WITHIN;
    for left in inputs.iter().filter(|input| input.stream == 0) {
        for right in inputs.iter().filter(|input| input.stream == 1 && meets(left, input)) {
            let members = vec![left.id, right.id];
            all.push(Output {
                kind: "Pair".into(),
                emission: "Regular".into(),
                time: left.time.max(right.time),
                members,
            });
        }
    }
    for input in inputs {
        let alone = !inputs.iter().any(|other| other.stream != input.stream && meets(input, other));
        let kept = mode == JoinMode::Outer || (mode == JoinMode::Left && input.stream == 0);
        if alone && kept {
            all.push(Output {
                kind: "Alone".into(),
                emission: "Regular".into(),
                time: input.time,
                members: vec![input.id],
            });
        }
    }
    all.sort();
    all
}

/// Groups by definition: rows of a key in order; a row beyond the deadline of the first begins the next.
fn naive_groups(inputs: &[Input]) -> Vec<Output> {
    let mut keys: BTreeMap<u8, Vec<&Input>> = BTreeMap::new();
    for input in inputs {
        keys.entry(input.key).or_default().push(input);
    }
    let mut all = Vec::new();
    for (_, mut rows) in keys {
        rows.sort_by_key(|row| (row.time, row.id));
        while !rows.is_empty() {
            let first = rows[0].time;
            let split = rows.partition_point(|row| row.time <= first + WITHIN);
            let members: Vec<&Input> = rows.drain(..split).collect();
            let whole = [0, 1].iter().all(|stream| members.iter().any(|member| member.stream == *stream));
            let kind = if whole { "Complete" } else { "Incomplete" };
            let members = members.iter().map(|member| member.id).collect();
            all.push(Output { kind: kind.into(), emission: "Regular".into(), time: first, members });
        }
    }
    all.sort_by_key(|group| (group.time, group.members[0]));
    all
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    prop::collection::vec((0i64..20_000_000, 0u8..2, 0u8..4), 0..60).prop_map(|rows| {
        rows.into_iter()
            .enumerate()
            .map(|(id, (time, stream, key))| Input { time, id: id as u128, stream, key })
            .collect()
    })
}

proptest! {
    #[test]
    fn pairs_equal_the_definition(rows in inputs(), mode in 0usize..3, mask: u64, save in prop::option::of(0usize..60)) {
        let mode = [JoinMode::Inner, JoinMode::Left, JoinMode::Outer][mode];
        let mut found = run(&join(mode), &rows, save, |index| mask >> (index % 64) & 1 == 1);
        found.sort();
        prop_assert_eq!(found, naive_pairs(mode, &rows));
    }

    #[test]
    fn groups_equal_the_definition_and_come_in_order(rows in inputs(), mask: u64, save in prop::option::of(0usize..60)) {
        let found = run(&join(JoinMode::Assemble), &rows, save, |index| mask >> (index % 64) & 1 == 1);
        prop_assert_eq!(found, naive_groups(&rows));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(rows in inputs(), order in prop::collection::vec(any::<u32>(), 60), mode in 0usize..4) {
        let mode = [JoinMode::Inner, JoinMode::Left, JoinMode::Outer, JoinMode::Assemble][mode];
        let mut shuffled: Vec<(u32, Input)> = order.into_iter().zip(rows.clone()).collect();
        shuffled.sort_by_key(|(rank, input)| (*rank, input.id));
        let shuffled: Vec<Input> = shuffled.into_iter().map(|(_, input)| input).collect();
        prop_assert_eq!(run(&join(mode), &rows, None, |_| true), run(&join(mode), &shuffled, None, |_| true));
    }
}

#[test]
fn a_late_row_joins_the_group_that_is_still_open() {
    let join = join(JoinMode::Assemble);
    let mut state = JoinState::new(&join);
    let mut outputs = Seen::default();
    let row = |time, id, stream| Input { time, id, stream, key: 7 };
    state.push(&join, arrival(&row(1_000_000, 1, 0), &[7]), &mut |_| panic!("too early"));
    state.advance(&join, EventTime(2_000_000), &mut |_| panic!("too early"));
    let taken = state.push(&join, arrival(&row(1_500_000, 2, 1), &[7]), &mut |_| panic!("too early"));
    assert_eq!(taken, Taken::LateJoined);
    state.advance(&join, EventTime(5_000_000), &mut |output| outputs.take(output));
    let outputs = outputs.events;
    assert_eq!(outputs.len(), 1);
    assert_eq!((outputs[0].kind.as_str(), outputs[0].members.clone()), ("Complete", vec![1, 2]));
    let taken = state.push(&join, arrival(&row(1_600_000, 3, 1), &[7]), &mut |_| panic!("nobody asked"));
    assert_eq!(taken, Taken::Late);
}

#[test]
fn late_updates_go_out_marked() {
    let join = Join { late_updates: true, ..join(JoinMode::Assemble) };
    let mut state = JoinState::new(&join);
    let mut outputs = Seen::default();
    state.advance(&join, EventTime(50_000_000), &mut |_| {});
    let late = Input { time: 1_000_000, id: 9, stream: 0, key: 1 };
    let taken = state.push(&join, arrival(&late, &[1]), &mut |output| outputs.take(output));
    assert_eq!(taken, Taken::LateJoined);
    assert_eq!(outputs.events[0].emission, "Late");
}

#[test]
fn a_group_that_has_grown_too_large_goes_out_early_and_loses_nobody() {
    for join in
        [Join { max_events: 10, ..join(JoinMode::Assemble) }, Join { group_bytes: 30, ..join(JoinMode::Assemble) }]
    {
        let mut state = JoinState::new(&join);
        let mut outputs = Seen::default();
        for index in 0..25u8 {
            let input = Input { time: i64::from(index) * 1_000, id: u128::from(index), stream: 0, key: 1 };
            state.push(&join, arrival(&input, &[1]), &mut |output| outputs.take(output));
        }
        state.advance(&join, EventTime::MAX, &mut |output| outputs.take(output));
        let sizes: Vec<usize> = outputs.events.iter().map(|output| output.members.len()).collect();
        assert_eq!(sizes, [10, 10, 5]);
        assert_eq!(outputs.events.iter().filter(|output| output.emission == "Evicted").count(), 2);
    }
}

#[test]
fn a_full_buffer_completes_the_oldest_and_counts_it() {
    let join = Join { max_bytes: 1_000, ..join(JoinMode::Assemble) };
    let mut state = JoinState::new(&join);
    let mut outputs = Seen::default();
    for index in 0..100u8 {
        let input = Input { time: i64::from(index) * 1_000, id: u128::from(index), stream: 0, key: index };
        state.push(&join, arrival(&input, &[index]), &mut |output| outputs.take(output));
        assert!(state.bytes() <= 1_000);
    }
    state.advance(&join, EventTime::MAX, &mut |output| outputs.take(output));
    let outputs = outputs.events;
    let mut members: Vec<u128> = outputs.iter().flat_map(|output| output.members.clone()).collect();
    members.sort_unstable();
    assert_eq!(members, (0..100).collect::<Vec<u128>>());
    assert!(state.evicted() > 0);
    assert!(outputs.iter().any(|output| output.emission == "Evicted"));
}
