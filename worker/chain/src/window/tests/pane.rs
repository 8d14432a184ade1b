use super::world::{Event, events, level, level_sets, metrics, naive, settings, window};
use crate::compile::shape::{LevelIndex, WindowKind};
use crate::id::Id;
use crate::time::{EventTime, Span};
use crate::window::records::{RECORD_BYTES, Record};
use crate::window::scope::{Tag, key_hash, values};
use crate::window::value::{Layout, Measure, Value};
use crate::window::{PanePlan, PaneTable, Placed};
use crate::wire::{Reader, WireError, Writer};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

type Sums = BTreeMap<(EventTime, Vec<u8>), Value>;

/// Adds up what is flushed, and checks the order and the partition of every entry.
struct Collector<'a> {
    plan: &'a PanePlan,
    sums: Sums,
    copies: Sums,
    coarsened: u64,
}

impl<'a> Collector<'a> {
    fn new(plan: &'a PanePlan) -> Self {
        Self { plan, sums: Sums::new(), copies: Sums::new(), coarsened: 0 }
    }

    fn take(&mut self, partition: u32, bytes: &[u8]) {
        let panes = match Record::read(bytes).unwrap() {
            Record::Panes(panes) => panes,
            Record::Coarsened(coarsened) => {
                self.coarsened += coarsened.rows;
                return;
            }
            other => panic!("{other:?}"),
        };
        let (plan, start) = (self.plan, panes.start);
        let mut last = Vec::new();
        let (sums, copies) = (&mut self.sums, &mut self.copies);
        let read = panes.for_each(|key, value| {
            assert!(last.as_slice() < key, "entries of a record rise");
            last = key.to_vec();
            let (sums, cohort) = match Tag::of(key) {
                Tag::Scope(level) => {
                    let mut cohort = Vec::new();
                    plan.lineage().write_cohort(level, key, &mut cohort);
                    (&mut *sums, cohort)
                }
                Tag::Cohort(_) => (&mut *copies, key.to_vec()),
            };
            assert_eq!(plan.partition(key_hash(&cohort)), partition);
            let sum = sums.entry((start, key.to_vec())).or_insert_with(|| Value::new(plan.layout()));
            let mut input = Reader::new(value);
            sum.merge_bytes(&mut input)?;
            input.finish()
        });
        read.unwrap();
    }
}

fn feed(table: &mut PaneTable, collector: &mut Collector<'_>, events: &[Event], steps: &[(usize, i64)]) -> Vec<Placed> {
    let mut placed = Vec::new();
    let mut rest = events;
    for (count, watermark) in steps {
        let (now, later) = rest.split_at((*count).min(rest.len()));
        placed.extend(now.iter().map(|event| event.observe(|row| table.observe(row))));
        table.flush(EventTime(*watermark), &mut |partition, _: EventTime, bytes: &[u8]| {
            collector.take(partition, bytes)
        });
        rest = later;
    }
    placed.extend(rest.iter().map(|event| event.observe(|row| table.observe(row))));
    table.flush(EventTime::MAX, &mut |partition, _: EventTime, bytes: &[u8]| collector.take(partition, bytes));
    placed
}

fn steps() -> impl Strategy<Value = Vec<(usize, i64)>> {
    proptest::collection::vec((0usize..40, 0i64..1200), 0..12)
}

proptest! {
    /// Whatever is flushed when, the parts add up to the naive sums at every level.
    #[test]
    fn panes_add_up_to_the_naive_sums(events in events(1000, 200), set in 0usize..5, steps in steps()) {
        let (levels, metrics) = (level_sets()[set].clone(), metrics());
        let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 1_000_000, levels.len())];
        let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
        let mut table = PaneTable::new(Arc::clone(&plan));
        let mut collector = Collector::new(&plan);
        feed(&mut table, &mut collector, &events, &steps);
        prop_assert_eq!(collector.sums, naive(&levels, plan.layout(), &events, 100));
    }

    /// At the bound of scopes nothing is lost: every root level still counts every row that it can.
    #[test]
    fn beyond_the_bound_rows_are_counted_coarser(events in events(1000, 200), set in 0usize..5, steps in steps(), bound in 1u32..12) {
        let (levels, metrics) = (level_sets()[set].clone(), metrics());
        let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 1_000_000, levels.len())];
        let settings = crate::window::PaneSettings { live_scopes: bound, ..settings(&levels, &metrics, &windows, 100) };
        let plan = Arc::new(PanePlan::new(settings));
        let mut table = PaneTable::new(Arc::clone(&plan));
        let mut collector = Collector::new(&plan);
        feed(&mut table, &mut collector, &events, &steps);
        let totals = |sums: &Sums| {
            let mut totals: BTreeMap<(EventTime, u8), Value> = BTreeMap::new();
            for ((start, key), value) in sums {
                if levels[usize::from(key[0])].parent.is_none() {
                    totals.entry((*start, key[0])).or_insert_with(|| Value::new(plan.layout())).merge(value);
                }
            }
            totals
        };
        prop_assert_eq!(totals(&collector.sums), totals(&naive(&levels, plan.layout(), &events, 100)));
        prop_assert_eq!(collector.coarsened, table.counts().coarsened.iter().sum::<u64>());
    }

    /// Saved in the middle and loaded again, a table sends the same bytes and saves the same bytes.
    #[test]
    fn a_restored_table_goes_on_as_if_nothing_had_happened(
        events in events(1000, 200), set in 0usize..5, steps in steps(), cut in 0usize..12, bound in 2u32..60,
    ) {
        let (levels, metrics) = (level_sets()[set].clone(), metrics());
        let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 150, levels.len())];
        let settings = crate::window::PaneSettings { live_scopes: bound, ..settings(&levels, &metrics, &windows, 100) };
        let plan = Arc::new(PanePlan::new(settings));
        let run = |restore_at: Option<usize>| {
            let mut table = PaneTable::new(Arc::clone(&plan));
            let mut sent: Vec<(u32, Vec<u8>)> = Vec::new();
            let mut rest = &events[..];
            for (index, (count, watermark)) in steps.iter().enumerate() {
                let (now, later) = rest.split_at((*count).min(rest.len()));
                now.iter().for_each(|event| { event.observe(|row| table.observe(row)); });
                table.flush(EventTime(*watermark), &mut |p, _: EventTime, b: &[u8]| sent.push((p, b.to_vec())));
                rest = later;
                if restore_at == Some(index) {
                    let mut out = Writer::new();
                    table.save(&mut out);
                    let mut input = Reader::new(out.as_slice());
                    table = PaneTable::load(Arc::clone(&plan), &mut input).unwrap();
                    assert!(input.is_empty());
                    let mut again = Writer::new();
                    table.save(&mut again);
                    assert_eq!(out.as_slice(), again.as_slice());
                }
            }
            table.flush(EventTime::MAX, &mut |p, _: EventTime, b: &[u8]| sent.push((p, b.to_vec())));
            let mut out = Writer::new();
            table.save(&mut out);
            (sent, out.into_vec(), table.counts().clone())
        };
        prop_assert_eq!(run(None), run(Some(cut)));
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
        let layout = Layout::new(&metrics());
        let levels = level_sets()[1].clone();
        match Record::read(&bytes) {
            Ok(Record::Panes(panes)) => {
                let _: Result<(), WireError> =
                    panes.for_each(|_, value| Value::load(&layout, &mut Reader::new(value)).map(|_| ()));
            }
            Ok(Record::Samples(samples)) => {
                let _: Result<(), WireError> = samples.for_each(&layout, |_, _| {});
            }
            _ => {}
        }
        let metrics = metrics();
        let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 150, levels.len())];
        let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
        let _: Result<PaneTable, WireError> = PaneTable::load(plan, &mut Reader::new(&bytes));
    }
}

fn event(time: i64, dimensions: [Option<&str>; 3]) -> Event {
    Event {
        time: EventTime(time),
        id: Id(time as u128),
        dimensions: dimensions.iter().map(|d| d.map(str::to_owned)).collect(),
        measures: vec![Measure::Number(1.0), Measure::None, Measure::None],
    }
}

#[test]
fn a_row_is_late_behind_its_pane_and_too_late_behind_every_window() {
    let (levels, metrics) = (vec![level(&[0], None)], metrics());
    let windows = [
        window("short", WindowKind::Tumbling { size: Span(100) }, 50, 1),
        window("long", WindowKind::Sliding { size: Span(300), slide: Span(100) }, 0, 1),
    ];
    let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
    let mut table = PaneTable::new(plan);
    let mut observe = |time, watermark: i64| {
        table.flush(EventTime(watermark), &mut |_, _: EventTime, _: &[u8]| {});
        event(time, [Some("a"), None, None]).observe(|row| table.observe(row))
    };
    assert_eq!(observe(90, 50), Placed::OnTime);
    assert_eq!(observe(40, 99), Placed::OnTime, "behind the watermark, but the pane is still open");
    assert_eq!(observe(90, 149), Placed::Late);
    assert_eq!(observe(90, 150), Placed::Late, "the short window is given up, the long one is not");
    assert_eq!(observe(90, 299), Placed::Late);
    assert_eq!(observe(90, 300), Placed::TooLate);
    assert_eq!(table.counts().late_for, [3, 1]);
    assert_eq!((table.counts().late, table.counts().too_late, table.counts().rows), (3, 1, 5));
}

#[test]
fn late_rows_leave_in_the_step_that_takes_them() {
    let (levels, metrics) = (vec![level(&[0], None)], metrics());
    let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 500, 1)];
    let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
    let mut table = PaneTable::new(plan);
    table.flush(EventTime(250), &mut |_, _: EventTime, _: &[u8]| {});
    event(90, [Some("a"), None, None]).observe(|row| table.observe(row));
    event(290, [Some("a"), None, None]).observe(|row| table.observe(row));
    let mut sent = Vec::new();
    table.flush(EventTime(250), &mut |_, _: EventTime, bytes: &[u8]| {
        let Ok(Record::Panes(panes)) = Record::read(bytes) else { panic!("not panes") };
        sent.push(panes.start);
    });
    assert_eq!(sent, [EventTime(0)]);
}

#[test]
fn a_row_without_the_dimensions_of_any_level_is_unscoped() {
    let (levels, metrics) = (vec![level(&[0], None), level(&[0, 1], Some(0))], metrics());
    let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 0, 2)];
    let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
    let mut table = PaneTable::new(plan);
    let placed = event(5, [None, Some("b"), None]).observe(|row| table.observe(row));
    assert_eq!((placed, table.counts().unscoped, table.live_scopes()), (Placed::Unscoped, 1, 0));
}

#[test]
fn a_scope_that_no_window_remembers_is_forgotten() {
    let (levels, metrics) = (vec![level(&[0], None), level(&[0, 1], Some(0))], metrics());
    let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 0, 2)];
    let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
    let mut table = PaneTable::new(plan);
    event(5, [Some("a"), Some("b"), None]).observe(|row| table.observe(row));
    let at = |table: &mut PaneTable, time: i64| {
        event(time, [Some("a"), None, None]).observe(|row| table.observe(row));
        table.flush(EventTime(time + 100), &mut |_, _: EventTime, _: &[u8]| {});
        table.live_scopes()
    };
    assert_eq!(at(&mut table, 100), 2);
    assert_eq!(at(&mut table, 900), 2);
    assert_eq!(at(&mut table, 1100), 1, "a window of 100 and ten silent closes later");
}

#[test]
fn parents_are_copied_to_the_partitions_of_their_children() {
    let (levels, metrics) = (vec![level(&[0], None), level(&[0, 1], Some(0))], metrics());
    let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 0, 2)];
    let wanted = [LevelIndex(1)];
    let settings =
        crate::window::PaneSettings { parents_wanted: &wanted, ..settings(&levels, &metrics, &windows, 100) };
    let plan = Arc::new(PanePlan::new(settings));
    let mut table = PaneTable::new(Arc::clone(&plan));
    let mut collector = Collector::new(&plan);
    let events =
        [event(5, [Some("a"), Some("b"), None]), event(6, [Some("a"), None, None]), event(7, [Some("c"), None, None])];
    feed(&mut table, &mut collector, &events, &[]);
    let counts = |sums: &Sums| -> Vec<(String, u64)> {
        let text =
            |key: &[u8]| values(key).map(|v| String::from_utf8_lossy(&v).into_owned()).collect::<Vec<_>>().join("/");
        sums.iter().map(|((_, key), value)| (text(key), value.count)).collect()
    };
    assert_eq!(counts(&collector.sums), [("a".to_owned(), 2), ("c".to_owned(), 1), ("a/b".to_owned(), 1)]);
    assert_eq!(counts(&collector.copies), [("a".to_owned(), 2), ("c".to_owned(), 1)]);
}

#[test]
fn many_scopes_go_in_records_of_bounded_size() {
    let (levels, metrics) = (vec![level(&[0], None)], metrics());
    let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 0, 1)];
    let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
    let mut table = PaneTable::new(Arc::clone(&plan));
    for scope in 0..5000 {
        event(5, [Some(&format!("scope-{scope}")), None, None]).observe(|row| table.observe(row));
    }
    let mut records = 0;
    let mut collector = Collector::new(&plan);
    table.flush(EventTime(100), &mut |partition, _: EventTime, bytes: &[u8]| {
        assert!(bytes.len() < RECORD_BYTES + 100);
        records += 1;
        collector.take(partition, bytes);
    });
    assert_eq!(collector.sums.len(), 5000);
    assert!((5..30).contains(&records), "{records}");
}

#[test]
fn raw_events_leave_in_the_step_that_takes_them_in_order() {
    let (levels, metrics) = (vec![level(&[0], None), level(&[0, 1], Some(0))], metrics());
    let windows = [window("k1", WindowKind::Count { size: 10, slide: 5 }, 0, 2)];
    let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 0)));
    let mut table = PaneTable::new(Arc::clone(&plan));
    for time in [30, 10, 20] {
        event(time, [Some("a"), Some("b"), None]).observe(|row| table.observe(row));
    }
    event(5, [Some("a"), None, None]).observe(|row| table.observe(row));
    let mut got = Vec::new();
    table.flush(EventTime(0), &mut |_, _: EventTime, bytes: &[u8]| {
        let Ok(Record::Samples(samples)) = Record::read(bytes) else { panic!("not samples") };
        samples
            .for_each(plan.layout(), |key, sample| got.push((key[0], sample.time.0, sample.measures.clone())))
            .unwrap();
    });
    got.sort_by_key(|(level, time, _)| (*level, *time));
    let times: Vec<(u8, i64)> = got.iter().map(|(level, time, _)| (*level, *time)).collect();
    assert_eq!(times, [(0, 5), (0, 10), (0, 20), (0, 30), (1, 10), (1, 20), (1, 30)]);
    assert!(got.iter().all(|(_, _, measures)| *measures == [Measure::Number(1.0), Measure::None, Measure::None]));
    assert_eq!(table.live_scopes(), 0, "raw events need no memory between steps");
}

mod rows {
    use super::super::world::{level, metrics, settings, window};
    use super::*;
    use crate::compile::shape::{MetricInput, Observation};
    use crate::expr::{EnumNames, RowEnvironment, Wanted, compile};
    use crate::row::{Cell, Column, ColumnInfo, ColumnType, RowSchema};
    use crate::window::row_key;

    fn observation() -> Observation {
        let column = |name: &str, kind| ColumnInfo { name: name.to_owned(), kind };
        let schema = RowSchema::new(vec![
            column("service", ColumnType::String),
            column("status", ColumnType::Int),
            column("level", ColumnType::Enum),
            column("ms", ColumnType::Float),
            column("user", ColumnType::String),
        ]);
        let expression = |text: &str, wanted| compile(text, &mut RowEnvironment::new(&schema), wanted).unwrap();
        let names = EnumNames::new([("INFO".to_owned(), 1), ("ERROR".to_owned(), 2)]);
        Observation {
            dimensions: vec![Some(Column(0)), Some(Column(1)), Some(Column(2)), None],
            metrics: vec![
                Some(MetricInput::Column(Column(3))),
                Some(MetricInput::CountWhere(expression("status >= 500", Wanted::Bool))),
                None,
                Some(MetricInput::Distinct(expression("user", Wanted::Any))),
            ],
            names: vec![None, None, Some(Arc::new(names))],
        }
    }

    #[test]
    fn a_row_gives_text_dimensions_and_measures() {
        let levels = vec![level(&[0], None), level(&[0, 1, 2], Some(0)), level(&[3], None)];
        let metrics = metrics();
        let windows = [window("m1", WindowKind::Tumbling { size: Span(100) }, 0, 3)];
        let plan = Arc::new(PanePlan::new(settings(&levels, &metrics, &windows, 100)));
        let mut table = PaneTable::new(Arc::clone(&plan));
        let observation = observation();
        let row = [Cell::Bytes(b"cart"), Cell::Int(503), Cell::Int(2), Cell::Float(12.5), Cell::Bytes(b"ann")];
        assert_eq!(table.observe_row(EventTime(5), Id(1), &observation, &row), Placed::OnTime);
        let quiet = [Cell::Bytes(b"cart"), Cell::Int(200), Cell::Int(7), Cell::Null, Cell::Null];
        table.observe_row(EventTime(6), Id(2), &observation, &quiet);
        let mut collector = Collector::new(&plan);
        table.flush(EventTime::MAX, &mut |partition, _: EventTime, bytes: &[u8]| collector.take(partition, bytes));
        let text =
            |key: &[u8]| values(key).map(|v| String::from_utf8_lossy(&v).into_owned()).collect::<Vec<_>>().join("/");
        let scopes: Vec<String> = collector.sums.keys().map(|(_, key)| text(key)).collect();
        assert_eq!(scopes, ["cart", "cart/200/7", "cart/503/ERROR"]);
        let mut expected = Value::new(plan.layout());
        let ann = Measure::Member(crate::id::hash64(b"ann"));
        expected.add([Measure::Number(12.5), Measure::Event, ann]);
        expected.add([Measure::None; 3]);
        assert_eq!(collector.sums.values().next(), Some(&expected));
        let key = row_key(LevelIndex(1), &levels, &observation, &row).unwrap();
        assert_eq!(Some(&key), collector.sums.keys().map(|(_, key)| key).find(|key| text(key) == "cart/503/ERROR"));
        assert_eq!(row_key(LevelIndex(2), &levels, &observation, &row), None);
    }
}
