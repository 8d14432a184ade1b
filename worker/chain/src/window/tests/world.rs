//! Small pipelines and events for the tests of windows, and the naive answer.

use crate::compile::shape::{Level, LevelIndex, Metric, MetricKind, Window, WindowKind};
use crate::id::Id;
use crate::time::{EventTime, Span};
use crate::window::scope::{Tag, write_key};
use crate::window::value::{Layout, Measure, Value};
use crate::window::{Observed, PaneSettings};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// An event of the tests.
#[derive(Debug, Clone)]
pub struct Event {
    pub time: EventTime,
    pub id: Id,
    pub dimensions: Vec<Option<String>>,
    pub measures: Vec<Measure>,
}

impl Event {
    /// As the pane table takes it.
    pub fn observe<R>(&self, take: impl FnOnce(Observed<'_>) -> R) -> R {
        let dimensions: Vec<Option<&[u8]>> = self.dimensions.iter().map(|d| d.as_deref().map(str::as_bytes)).collect();
        take(Observed { time: self.time, id: self.id, dimensions: &dimensions, measures: &self.measures })
    }

    /// The key of the event's scope at a level, if it has all dimensions.
    pub fn key(&self, levels: &[Level], level: usize) -> Option<Vec<u8>> {
        let values: Option<Vec<&[u8]>> = levels[level]
            .dimensions
            .iter()
            .map(|d| self.dimensions[usize::from(*d)].as_deref().map(str::as_bytes))
            .collect();
        let mut key = Vec::new();
        write_key(&mut key, Tag::Scope(LevelIndex(level as u8)), values?);
        Some(key)
    }
}

pub fn level(dimensions: &[u16], parent: Option<u8>) -> Level {
    Level { dimensions: dimensions.to_vec(), parent: parent.map(LevelIndex) }
}

/// A chain, a chain with a branch, two roots, and levels whose parent is not a prefix.
pub fn level_sets() -> Vec<Vec<Level>> {
    vec![
        vec![level(&[0], None)],
        vec![level(&[0], None), level(&[0, 1], Some(0)), level(&[0, 1, 2], Some(1))],
        vec![level(&[0], None), level(&[0, 1], Some(0)), level(&[0, 2], Some(0)), level(&[0, 1, 2], Some(1))],
        vec![level(&[1], None), level(&[0], None), level(&[0, 1], Some(1)), level(&[2], None)],
        vec![level(&[2], None), level(&[0, 2], Some(0)), level(&[1, 0, 2], Some(1))],
    ]
}

pub fn metrics() -> Vec<Metric> {
    let metric = |name: &str, kind| Metric { name: name.to_owned(), kind, unit: String::new() };
    vec![
        metric("latency", MetricKind::Distribution),
        metric("errors", MetricKind::Counter),
        metric("error_rate", MetricKind::Ratio { of: crate::compile::shape::MetricIndex(1), over: None }),
        metric("users", MetricKind::Distinct),
    ]
}

pub fn window(name: &str, kind: WindowKind, lateness: i64, levels: usize) -> Window {
    let levels = (0..levels).map(|level| LevelIndex(level as u8)).collect();
    Window { name: name.to_owned(), kind, lateness: Span(lateness), levels }
}

pub fn settings<'a>(levels: &'a [Level], metrics: &'a [Metric], windows: &'a [Window], pane: i64) -> PaneSettings<'a> {
    PaneSettings { levels, metrics, windows, pane: Span(pane), parents_wanted: &[], live_scopes: 10_000, partitions: 4 }
}

/// Events with times in `0..span`, few values per dimension, some dimensions absent.
pub fn events(span: i64, max: usize) -> impl Strategy<Value = Vec<Event>> {
    let dimension = prop_oneof![4 => (0u8..4).prop_map(|v| Some(format!("v{v}"))), 1 => Just(None)];
    let measures = (
        prop_oneof![1 => Just(Measure::None), 6 => (1u32..50_000).prop_map(|v| Measure::Number(f64::from(v) / 7.0))],
        prop_oneof![3 => Just(Measure::None), 1 => Just(Measure::Event)],
        (0u64..40).prop_map(|member| Measure::Member(crate::id::hash64(&member.to_le_bytes()))),
    );
    let event = (0..span, any::<u16>(), proptest::collection::vec(dimension, 3), measures);
    let event = event.prop_map(|(time, id, dimensions, (number, error, user))| Event {
        time: EventTime(time),
        id: Id(u128::from(id)),
        dimensions,
        measures: vec![number, error, user],
    });
    proptest::collection::vec(event, 0..max)
}

/// Values by (span start, key), over all levels that each event has.
pub fn naive(levels: &[Level], layout: &Layout, events: &[Event], width: i64) -> BTreeMap<(EventTime, Vec<u8>), Value> {
    let mut values: BTreeMap<(EventTime, Vec<u8>), Value> = BTreeMap::new();
    for event in events {
        for key in (0..levels.len()).filter_map(|level| event.key(levels, level)) {
            let start = event.time.floor(Span(width));
            let value = values.entry((start, key)).or_insert_with(|| Value::new(layout));
            value.add(event.measures.iter().copied());
        }
    }
    values
}
