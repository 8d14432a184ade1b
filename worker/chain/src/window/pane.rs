//! The pane table: partial windows of a correlate task, per scope and pane start.
//!
//! ```text
//!  observe ─► key of the finest scope ─► number ─► slot in the pane of this start ─► count, accumulators
//!             (bound reached: parent)
//!  flush   ─► for each pane that the watermark has passed, by start:
//!               roll up, finest level first ─► entries in (level, scope) order ─► records per partition
//! ```
//!
//! What leaves, leaves in [`PaneTable::flush`], which the stage calls last in every step (rules R2, R7). A pane may
//! leave in several parts (late rows, the bound of entries); parts add up. A row is late when its pane has left,
//! and too late when every window that it belongs to has been given up: then it changes nothing here.
//!
//! At the bound of live scopes a new scope is counted in its parent, and a new scope without a parent in its
//! level's `(other)` scope (rule R18). The bound is a number of scopes, as the fold has seen them.

use super::columns::Columns;
use super::intake::{Pending, Waiting};
use super::plan::PanePlan;
use super::records::{Batch, Coarsened, PaneSink, panes_header, samples_header};
use super::scope::{Lineage, ScopeId, ScopeTable, Tag, key_hash};
use super::value::Measure;
use crate::compile::shape::LevelIndex;
use crate::id::Id;
use crate::time::EventTime;
use crate::wire::Writer;
use std::cmp::Ordering;
use std::sync::Arc;

/// The value that stands for all scopes of a level that found no place.
pub const OTHER: &[u8] = b"(other)";

/// Entries in open panes, per live scope allowed, beyond which the oldest pane leaves early.
const ENTRIES_PER_SCOPE: usize = 8;
/// And at least so many.
const ENTRIES_MIN: usize = 1 << 16;

const NONE: u32 = u32::MAX;

/// Where a row went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// Into open panes.
    OnTime,
    /// Its pane has left: windows that still take it are corrected.
    Late,
    /// Nowhere: no window takes it any more. The line goes to the late output.
    TooLate,
    /// Nowhere: it has the dimensions of no level that a window is kept for.
    Unscoped,
}

/// A row, as windows see it.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// Its event time.
    pub time: EventTime,
    /// Its id; used by session and count windows only.
    pub id: Id,
    /// Per dimension of the program: its value, if the row has one.
    pub dimensions: &'a [Option<&'a [u8]>],
    /// Per kept metric ([`super::value::Layout`]): what the row says about it.
    pub measures: &'a [Measure],
}

/// Counts of a pane table since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaneCounts {
    /// Rows taken.
    pub rows: u64,
    /// Rows whose pane had left.
    pub late: u64,
    /// Rows that no window took.
    pub too_late: u64,
    /// Per window: rows that came too late for it, by this task's watermark. (Analyze lags behind a little, and may
    /// still take them.)
    pub late_for: Vec<u64>,
    /// Rows without the dimensions of any level.
    pub unscoped: u64,
    /// Per level: rows that were counted coarser.
    pub coarsened: Vec<u64>,
    /// Values outside the range of the sketches; they keep their rank.
    pub clamped: u64,
    /// Values that are not numbers.
    pub refused: u64,
    /// Panes that left early at the bound of entries.
    pub early: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Pane {
    pub(super) start: EventTime,
    /// Per scope number: its slot, or [`NONE`].
    pub(super) slot_of: Vec<u32>,
    /// Per slot: the scope number.
    pub(super) scopes: Vec<u32>,
    pub(super) columns: Columns,
}

impl Pane {
    #[inline]
    pub(super) fn slot(&mut self, scope: ScopeId, slots: usize) -> usize {
        if self.slot_of.len() <= scope.index() {
            self.slot_of.resize(slots.max(scope.index() + 1), NONE);
        }
        let slot = &mut self.slot_of[scope.index()];
        if *slot == NONE {
            *slot = self.scopes.len() as u32;
            self.scopes.push(scope.0);
            self.columns.push();
        }
        *slot as usize
    }
}

/// What is known of a live scope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    /// The scope that it rolls up to, once known.
    parent: u32,
    /// Hash of its cohort's key.
    cohort: u32,
    /// The latest pane start in which it had rows.
    pub(super) last: EventTime,
}

/// Partial windows of one correlate task.
#[derive(Debug, Clone)]
pub struct PaneTable {
    plan: Arc<PanePlan>,
    pub(super) state: State,
}

/// Everything but the plan, which is borrowed while rows go in.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) watermark: EventTime,
    pub(super) scopes: ScopeTable,
    pub(super) live: Vec<Live>,
    /// By start.
    pub(super) open: Vec<Pane>,
    /// Index into `open` of the pane that took the last row.
    pub(super) recent: usize,
    pub(super) counts: PaneCounts,
    /// Per level: rows coarsened since the last flush.
    pub(super) newly_coarsened: Vec<u64>,
    /// Raw events of this step.
    pub(super) samples: Vec<Pending>,
    pub(super) sample_bytes: Writer,
    /// Rows that were admitted and not yet counted.
    pub(super) waiting: Waiting,
    pub(super) key: Vec<u8>,
    batches: Vec<Batch>,
    spare: Vec<Pane>,
}

impl PaneTable {
    /// An empty table.
    pub fn new(plan: Arc<PanePlan>) -> Self {
        Self { state: State::new(&plan), plan }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<PanePlan> {
        &self.plan
    }

    /// Counts so far.
    pub fn counts(&self) -> &PaneCounts {
        &self.state.counts
    }

    /// Number of live scopes.
    pub fn live_scopes(&self) -> usize {
        self.state.scopes.len()
    }

    /// Takes a row in.
    #[inline]
    pub fn observe(&mut self, row: Observed<'_>) -> Placed {
        self.state.observe(&self.plan, row)
    }

    /// Counts the rows that wait for their look-ups. Changes nothing that is emitted.
    pub fn settle(&mut self) {
        self.state.settle(&self.plan);
    }

    /// Ends a step: sends its raw events, then every pane that ends at or before `watermark`, then the oldest panes
    /// while the open ones hold too many entries.
    ///
    /// `watermark` is the time below which no row within the allowed disorder will be observed any more: the task
    /// watermark, held back by whatever the stage itself delays (assemblies, joins). It never goes back.
    pub fn flush(&mut self, watermark: EventTime, sink: &mut dyn PaneSink) {
        self.state.flush(&self.plan, watermark, sink);
    }

    /// Bytes of memory, for reports; nothing that is emitted follows from it.
    pub fn memory(&self) -> usize {
        let State { open, spare, scopes, live, .. } = &self.state;
        let numbers = |pane: &Pane| (pane.slot_of.capacity() + pane.scopes.capacity()) * size_of::<u32>();
        let panes: usize = open.iter().chain(spare).map(|pane| numbers(pane) + pane.columns.memory()).sum();
        panes + scopes.memory() + live.capacity() * size_of::<Live>()
    }
}

impl State {
    pub(super) fn new(plan: &PanePlan) -> Self {
        let levels = plan.dimensions.len();
        let counts =
            PaneCounts { late_for: vec![0; plan.windows.len()], coarsened: vec![0; levels], ..PaneCounts::default() };
        Self {
            watermark: EventTime::MIN,
            scopes: ScopeTable::new(),
            live: Vec::new(),
            open: Vec::new(),
            recent: 0,
            counts,
            newly_coarsened: vec![0; levels],
            samples: Vec::new(),
            sample_bytes: Writer::new(),
            waiting: Waiting::default(),
            key: Vec::new(),
            batches: vec![Batch::default(); plan.partitions as usize],
            spare: Vec::new(),
        }
    }

    pub(super) fn find_pane(&mut self, plan: &PanePlan, start: EventTime) -> usize {
        match self.open.binary_search_by_key(&start, |pane| pane.start) {
            Ok(index) => index,
            Err(index) => {
                let mut pane = self.spare.pop().unwrap_or_else(|| Pane {
                    start,
                    slot_of: Vec::new(),
                    scopes: Vec::new(),
                    columns: Columns::new(plan.layout()),
                });
                pane.start = start;
                self.open.insert(index, pane);
                index
            }
        }
    }

    /// Puts a key where [`State::insert_scope`] takes it from.
    pub(super) fn set_key(&mut self, key: &[u8]) {
        self.key.clear();
        self.key.extend_from_slice(key);
    }

    /// Makes the scope of `self.key` live.
    pub(super) fn insert_scope(&mut self, plan: &PanePlan, level: LevelIndex, hash: u32) -> ScopeId {
        let scope = self.scopes.insert(&self.key, hash);
        let mut cohort = Vec::with_capacity(self.key.len());
        plan.lineage.write_cohort(level, &self.key, &mut cohort);
        let live = Live { parent: NONE, cohort: key_hash(&cohort), last: EventTime::MIN };
        match self.live.get_mut(scope.index()) {
            Some(slot) => *slot = live,
            None => self.live.push(live),
        }
        scope
    }

    fn flush(&mut self, plan: &PanePlan, watermark: EventTime, sink: &mut dyn PaneSink) {
        self.settle(plan);
        self.send_samples(plan, sink);
        let watermark = watermark.max(self.watermark);
        let due = self.open.partition_point(|pane| pane.start + plan.pane <= watermark);
        // A pane without rows (all were refused at the bound) is in no checkpoint: it must not set anything off.
        let left = self.open[..due].iter().any(|pane| !pane.scopes.is_empty());
        for _ in 0..due {
            self.send_first(plan, sink);
        }
        let bound = plan.live_scopes.saturating_mul(ENTRIES_PER_SCOPE).max(ENTRIES_MIN);
        while self.open.iter().map(|pane| pane.scopes.len()).sum::<usize>() > bound {
            self.counts.early += 1;
            self.send_first(plan, sink);
        }
        self.send_coarsened(watermark, sink);
        self.recent = 0;
        if watermark > self.watermark {
            self.watermark = watermark;
            if left {
                self.forget(plan);
            }
        }
    }

    /// Sends the oldest open pane.
    fn send_first(&mut self, plan: &PanePlan, sink: &mut dyn PaneSink) {
        let mut pane = self.open.remove(0);
        for level in &plan.feeders {
            self.roll_up(plan, &mut pane, *level);
        }
        self.send_scopes(plan, &pane, sink);
        self.send_copies(plan, &pane, sink);
        for scope in &pane.scopes {
            pane.slot_of[*scope as usize] = NONE;
            let live = &mut self.live[*scope as usize];
            live.last = live.last.max(pane.start);
        }
        pane.scopes.clear();
        pane.columns.clear();
        if self.spare.is_empty() {
            self.spare.push(pane);
        }
    }

    /// Adds all scopes of `level` in a pane to their parents.
    fn roll_up(&mut self, plan: &PanePlan, pane: &mut Pane, level: LevelIndex) {
        for slot in 0..pane.scopes.len() {
            let scope = ScopeId(pane.scopes[slot]);
            if Tag::of(self.scopes.key(scope)) != Tag::Scope(level) {
                continue;
            }
            let mut parent = self.live[scope.index()].parent;
            if parent == NONE {
                parent = self.parent_of(plan, level, scope).0;
                self.live[scope.index()].parent = parent;
            }
            let target = pane.slot(ScopeId(parent), self.scopes.slots());
            pane.columns.merge(slot, target);
        }
    }

    fn parent_of(&mut self, plan: &PanePlan, level: LevelIndex, scope: ScopeId) -> ScopeId {
        self.key.clear();
        plan.rollup.write_parent(level, self.scopes.key(scope), &mut self.key);
        let hash = key_hash(&self.key);
        match self.scopes.find(&self.key, hash) {
            Some(parent) => parent,
            // Beyond the bound too: there are no more parents than children.
            None => self.insert_scope(plan, plan.rollup.parent(level).unwrap_or(level), hash),
        }
    }

    /// The scopes of a pane in key order.
    fn in_order(&mut self, pane: &Pane) -> Vec<u32> {
        if pane.scopes.len() * 16 < self.scopes.len() {
            let mut scopes = pane.scopes.clone();
            let key = |scope: &u32| self.scopes.key(ScopeId(*scope));
            scopes.sort_unstable_by(|left, right| key(left).cmp(key(right)));
            return scopes;
        }
        self.scopes.settle();
        let in_pane = |scope: &&u32| pane.slot_of.get(**scope as usize).is_some_and(|slot| *slot != NONE);
        self.scopes.order().iter().filter(in_pane).copied().collect()
    }

    fn send_scopes(&mut self, plan: &PanePlan, pane: &Pane, sink: &mut dyn PaneSink) {
        let mut value = Writer::new();
        for scope in self.in_order(pane) {
            let scope = ScopeId(scope);
            let partition = plan.partition(self.live[scope.index()].cohort);
            value.clear();
            pane.columns.save(pane.slot_of[scope.index()] as usize, &mut value);
            let batch = &mut self.batches[partition as usize];
            batch.entry(pane.start, self.scopes.key(scope), panes_header(pane.start)).bytes(value.as_slice());
            if batch.is_full() {
                batch.send(partition, sink);
            }
        }
        self.send_batches(sink);
    }

    /// Sends the panes of parents to the partitions of their children, where asked for.
    fn send_copies(&mut self, plan: &PanePlan, pane: &Pane, sink: &mut dyn PaneSink) {
        let mut value = Writer::new();
        let mut key = Vec::new();
        for child in &plan.copies {
            let Some(parent) = plan.lineage.parent(*child) else { continue };
            for scope in self.in_order(pane) {
                let scope = ScopeId(scope);
                if Tag::of(self.scopes.key(scope)) != Tag::Scope(parent) {
                    continue;
                }
                key.clear();
                Lineage::write_own_cohort(*child, self.scopes.key(scope), &mut key);
                let partition = plan.partition(key_hash(&key));
                value.clear();
                pane.columns.save(pane.slot_of[scope.index()] as usize, &mut value);
                let batch = &mut self.batches[partition as usize];
                batch.entry(pane.start, &key, panes_header(pane.start)).bytes(value.as_slice());
                if batch.is_full() {
                    batch.send(partition, sink);
                }
            }
        }
        self.send_batches(sink);
    }

    fn send_batches(&mut self, sink: &mut dyn PaneSink) {
        for (partition, batch) in self.batches.iter_mut().enumerate() {
            batch.send(partition as u32, sink);
        }
    }

    /// Sends the raw events of this step in (scope, time, id) order.
    fn send_samples(&mut self, plan: &PanePlan, sink: &mut dyn PaneSink) {
        let mut samples = std::mem::take(&mut self.samples);
        let bytes = self.sample_bytes.as_slice();
        let order = |left: &Pending, right: &Pending| -> Ordering {
            let keys = bytes[left.key.clone()].cmp(&bytes[right.key.clone()]);
            keys.then(left.time.cmp(&right.time)).then(left.id.cmp(&right.id))
        };
        samples.sort_unstable_by(order);
        for sample in &samples {
            let partition = plan.partition(sample.cohort);
            let batch = &mut self.batches[partition as usize];
            let out = batch.entry(sample.time, &bytes[sample.key.clone()], samples_header);
            out.raw(&bytes[sample.body.clone()]);
            if batch.is_full() {
                batch.send(partition, sink);
            }
        }
        samples.clear();
        self.samples = samples;
        self.sample_bytes.clear();
        self.send_batches(sink);
    }

    fn send_coarsened(&mut self, watermark: EventTime, sink: &mut dyn PaneSink) {
        for (level, rows) in self.newly_coarsened.iter_mut().enumerate().filter(|(_, rows)| **rows > 0) {
            let mut out = Writer::new();
            Coarsened { level: LevelIndex(level as u8), time: watermark, rows: *rows }.save(&mut out);
            sink.record(0, watermark, out.as_slice());
            *rows = 0;
        }
    }

    /// Forgets scopes that no open pane holds and that had no row for so long that no window remembers them.
    fn forget(&mut self, plan: &PanePlan) {
        let horizon = self.watermark.minus(plan.keep);
        self.scopes.settle();
        let open = &self.open;
        let is_open = |scope: u32| open.iter().any(|pane| pane.slot_of.get(scope as usize).is_some_and(|s| *s != NONE));
        let live = &self.live;
        let is_old = |scope: &u32| live[*scope as usize].last < horizon && !is_open(*scope);
        let old: Vec<u32> = self.scopes.order().iter().copied().filter(is_old).collect();
        if old.is_empty() {
            return;
        }
        old.iter().for_each(|scope| self.scopes.remove(ScopeId(*scope)));
        self.scopes.settle();
        for scope in self.scopes.order() {
            let live = &mut self.live[*scope as usize];
            if live.parent != NONE && !self.scopes.is_live(ScopeId(live.parent)) {
                live.parent = NONE;
            }
        }
    }
}
