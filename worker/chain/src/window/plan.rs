//! What of a program the panes need: which levels a row updates, which roll up into which, and until when a
//! row still counts.
//!
//! Levels are a forest by [`Level::parent`]. A row is added at the finest levels that it has all dimensions
//! of; coarser ones come from those when a pane is flushed. Each parent takes the sums of one of its child
//! levels only, its *feeder*: several children would each bring the same row. So
//!
//! ```text
//!  a row updates level L directly  ⟺  it has L's dimensions, and not those of L's feeder
//!  L at the flush = what was added directly + all scopes of L's feeder with L's values
//! ```

use super::scope::Lineage;
use super::value::Layout;
use crate::compile::shape::{Level, LevelIndex, Metric, Window, WindowIndex, WindowKind};
use crate::time::{EventTime, Span};
use std::collections::HashMap;

/// Silent closes of a window after which a scope is forgotten.
pub const SILENT_CLOSES: i64 = 10;

/// What a [`PanePlan`] is made of.
#[derive(Debug, Clone, Copy)]
pub struct PaneSettings<'a> {
    /// Scope levels.
    pub levels: &'a [Level],
    /// Metrics.
    pub metrics: &'a [Metric],
    /// Windows.
    pub windows: &'a [Window],
    /// Width of panes; zero without a time window.
    pub pane: Span,
    /// Levels whose cohorts need the values of their parent (`parent.` in a rule, dynamic scoping).
    pub parents_wanted: &'a [LevelIndex],
    /// Bound of live scopes of one task.
    pub live_scopes: u32,
    /// Partitions of the panes link.
    pub partitions: u32,
}

/// What correlate knows of windows. Immutable.
#[derive(Debug, Clone)]
pub struct PanePlan {
    pub(super) layout: Layout,
    /// Dimensions per level.
    pub(super) dimensions: Vec<Vec<u16>>,
    /// True parents: cohorts.
    pub(super) lineage: Lineage,
    /// Parents among the levels that have panes: where sums roll up to.
    pub(super) rollup: Lineage,
    /// Levels that feed their roll-up parent, finest first.
    pub(super) feeders: Vec<LevelIndex>,
    /// Per level: true when it is the feeder of its parent.
    pub(super) is_feeder: Vec<bool>,
    /// Levels whose scopes take raw samples.
    pub(super) sample_levels: Vec<LevelIndex>,
    /// Levels whose cohorts get a copy of their parent's panes.
    pub(super) copies: Vec<LevelIndex>,
    pub(super) windows: Vec<Lateness>,
    pub(super) pane: Span,
    pub(super) live_scopes: usize,
    pub(super) partitions: u32,
    /// How long a scope without rows stays live.
    pub(super) keep: Span,
    updates: Updates,
}

/// Until when a window takes rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lateness {
    kind: WindowKind,
    lateness: Span,
}

impl Lateness {
    /// When the last window of this kind that a row at `time` belongs to is given up.
    pub(super) fn until(&self, time: EventTime) -> EventTime {
        let end = match self.kind {
            WindowKind::Tumbling { size } => time.floor(size) + size,
            WindowKind::Sliding { size, slide } => time.floor(slide) + size,
            // A session ends a gap after its last event at the earliest, and at the gap if it is alone.
            WindowKind::Session { gap, .. } => time + gap,
            // A row's place is settled when the watermark has passed it.
            WindowKind::Count { .. } => time + Span(1),
        };
        end + self.lateness
    }
}

/// Which levels a row updates, by the set of dimensions that it has.
#[derive(Debug, Clone)]
struct Updates {
    /// Bits of the dimensions of each level.
    masks: Vec<u128>,
    /// Per level with panes: its feeder.
    levels: Vec<(LevelIndex, Option<LevelIndex>)>,
    /// For few dimensions: the answer for every set.
    table: Vec<Vec<LevelIndex>>,
}

/// Up to so many dimensions the answers are kept in a table.
const TABLE_DIMENSIONS: u32 = 10;

impl Updates {
    fn new(masks: Vec<u128>, levels: Vec<(LevelIndex, Option<LevelIndex>)>) -> Self {
        let dimensions = masks.iter().map(|mask| u128::BITS - mask.leading_zeros()).max().unwrap_or(0);
        let mut updates = Self { masks, levels, table: Vec::new() };
        if dimensions <= TABLE_DIMENSIONS {
            updates.table = (0..1u128 << dimensions).map(|mask| updates.compute(mask).collect()).collect();
        }
        updates
    }

    fn has(&self, mask: u128, level: LevelIndex) -> bool {
        self.masks.get(usize::from(level.0)).is_some_and(|needs| needs & !mask == 0)
    }

    fn compute(&self, mask: u128) -> impl Iterator<Item = LevelIndex> {
        let direct = move |(level, feeder): &&(LevelIndex, Option<LevelIndex>)| {
            self.has(mask, *level) && !feeder.is_some_and(|feeder| self.has(mask, feeder))
        };
        self.levels.iter().filter(direct).map(|(level, _)| *level)
    }
}

impl PanePlan {
    /// Of these settings. Dimensions beyond the 128th are not seen: the compiler refuses them.
    pub fn new(settings: PaneSettings<'_>) -> Self {
        let PaneSettings { levels, windows, .. } = settings;
        let copies = settings.parents_wanted.iter().copied().filter(|level| parent_of(levels, *level).is_some());
        let mut copies: Vec<LevelIndex> = copies.collect();
        copies.sort_unstable();
        copies.dedup();

        let with_panes = levels_with_panes(levels, windows, &copies);
        let rollup_levels = rollup_levels(levels, &with_panes);
        let feeder_of = feeders(&rollup_levels, &with_panes);
        let masks = levels.iter().map(|level| level.dimensions.iter().map(|d| 1u128 << (d & 127)).sum()).collect();
        let with_feeder = with_panes.iter().map(|level| (*level, feeder_of.get(level).copied())).collect();

        let mut feeders: Vec<LevelIndex> = feeder_of.values().copied().collect();
        let depth = |level: &LevelIndex| levels.get(usize::from(level.0)).map_or(0, |level| level.dimensions.len());
        feeders.sort_unstable_by_key(|level| (std::cmp::Reverse(depth(level)), *level));
        let mut is_feeder = vec![false; levels.len()];
        feeders.iter().for_each(|level| is_feeder[usize::from(level.0)] = true);

        let mut sample_levels: Vec<LevelIndex> = windows
            .iter()
            .filter(|window| !is_of_panes(window.kind))
            .flat_map(|window| window.levels.clone())
            .collect();
        sample_levels.sort_unstable();
        sample_levels.dedup();

        Self {
            layout: Layout::new(settings.metrics),
            dimensions: levels.iter().map(|level| level.dimensions.clone()).collect(),
            lineage: Lineage::new(levels),
            rollup: Lineage::new(&rollup_levels),
            feeders,
            is_feeder,
            sample_levels,
            copies,
            windows: windows.iter().map(|w| Lateness { kind: w.kind, lateness: w.lateness }).collect(),
            pane: settings.pane,
            live_scopes: settings.live_scopes.max(1) as usize,
            partitions: settings.partitions.max(1),
            keep: windows.iter().filter(|window| is_of_panes(window.kind)).map(retention).max().unwrap_or(Span::ZERO),
            updates: Updates::new(masks, with_feeder),
        }
    }

    /// The layout of values.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How keys follow from each other.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Partitions of the panes link.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The partition of the cohort with this key hash.
    #[inline]
    pub fn partition(&self, cohort_hash: u32) -> u32 {
        cohort_hash % self.partitions
    }

    /// Calls `update` for each level that a row with these dimensions is added to.
    #[inline]
    pub(super) fn updates(&self, mask: u128, mut update: impl FnMut(LevelIndex)) {
        if self.updates.table.is_empty() {
            self.updates.compute(mask).for_each(update);
            return;
        }
        let known = mask & (self.updates.table.len() as u128 - 1);
        for level in &self.updates.table[known as usize] {
            update(*level);
        }
    }

    /// True when a row with these dimensions has those of the level.
    #[inline]
    pub(super) fn has_level(&self, mask: u128, level: LevelIndex) -> bool {
        self.updates.has(mask, level)
    }

    /// The windows that no longer take a row at `time` when `watermark` has passed, by index.
    pub(super) fn late_for(&self, time: EventTime, watermark: EventTime) -> impl Iterator<Item = WindowIndex> {
        let late = move |(_, window): &(usize, &Lateness)| window.until(time) <= watermark;
        self.windows.iter().enumerate().filter(late).map(|(index, _)| WindowIndex(index as u8))
    }
}

/// True for windows that are made of panes; the others take raw samples.
pub fn is_of_panes(kind: WindowKind) -> bool {
    matches!(kind, WindowKind::Tumbling { .. } | WindowKind::Sliding { .. })
}

fn parent_of(levels: &[Level], level: LevelIndex) -> Option<LevelIndex> {
    levels.get(usize::from(level.0))?.parent
}

/// The length of a window in event time, where it has one.
pub fn length(kind: WindowKind) -> Span {
    match kind {
        WindowKind::Tumbling { size } | WindowKind::Sliding { size, .. } => size,
        WindowKind::Session { max_length, .. } => max_length,
        WindowKind::Count { .. } => Span::ZERO,
    }
}

/// How long after its last row a scope can still matter to this window of panes.
pub fn retention(window: &Window) -> Span {
    let (size, step) = match window.kind {
        WindowKind::Tumbling { size } => (size, size),
        WindowKind::Sliding { size, slide } => (size, slide),
        WindowKind::Session { gap, .. } => (gap, Span::ZERO),
        WindowKind::Count { .. } => (Span::ZERO, Span::ZERO),
    };
    Span(size.0.saturating_add(window.lateness.0).saturating_add(step.0.saturating_mul(SILENT_CLOSES)))
}

/// The levels of time windows, and the parents that are copied to their children.
fn levels_with_panes(levels: &[Level], windows: &[Window], copies: &[LevelIndex]) -> Vec<LevelIndex> {
    let of_windows = windows.iter().filter(|window| is_of_panes(window.kind)).flat_map(|window| window.levels.clone());
    let mut wanted: Vec<LevelIndex> = of_windows.collect();
    let copied = copies.iter().filter(|level| wanted.contains(level)).filter_map(|level| parent_of(levels, *level));
    let copied: Vec<LevelIndex> = copied.collect();
    wanted.extend(copied);
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// The levels with the nearest ancestor that has panes for a parent; none for levels without panes.
fn rollup_levels(levels: &[Level], with_panes: &[LevelIndex]) -> Vec<Level> {
    let ancestor = |level: usize| {
        let mut at = with_panes.contains(&LevelIndex(level as u8)).then_some(LevelIndex(level as u8))?;
        // A chain of parents is shorter than the list, or it would be a circle.
        for _ in 0..levels.len() {
            at = parent_of(levels, at)?;
            if with_panes.contains(&at) {
                return Some(at);
            }
        }
        None
    };
    let restrict = |(index, level): (usize, &Level)| Level { parent: ancestor(index), ..level.clone() };
    levels.iter().enumerate().map(restrict).collect()
}

/// For each level with panes that is a parent: the first level that rolls up into it.
fn feeders(rollup: &[Level], with_panes: &[LevelIndex]) -> HashMap<LevelIndex, LevelIndex> {
    let mut feeders = HashMap::new();
    for level in with_panes {
        if let Some(parent) = parent_of(rollup, *level) {
            feeders.entry(parent).or_insert(*level);
        }
    }
    feeders
}
