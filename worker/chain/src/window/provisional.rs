//! The pane table in ingest (rule R25): what a log-end claim relies on, and what happens between rows.
//!
//! ```text
//!  row ─► observe ─► [`PaneTable::passed`]      time moves, nothing leaves
//!                 └► [`PaneTable::flush`]       when the source's own watermark passes the end of a pane: finals
//!  claim ─────────► [`PaneTable::provisionals`] copies of all open panes that the claim passes; changes nothing
//! ```
//!
//! A provisional is what the flush of its pane would send at this very position. It must never take anything out of the
//! table: the pane leaves later, as a final, with these rows in it.

use super::pane::{Pane, PaneTable};
use super::plan::PanePlan;
use super::records::{Batch, PaneSink, panes_header};
use super::scope::{Lineage, ScopeId, Tag, key_hash};
use super::value::Value;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a claim relies on, for one partition of the panes link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisionals {
    /// The claim: as asked for, or lower if not all panes fit.
    pub time: EventTime,
    /// Records of the panes link ([`super::records`]), by pane start.
    pub payloads: Vec<Vec<u8>>,
}

/// Bytes that a payload takes beside its own.
const PAYLOAD_OVERHEAD: usize = 10;

impl PaneTable {
    /// Time has moved and no pane leaves: rows that come are judged late by it.
    #[inline]
    pub fn passed(&mut self, watermark: EventTime) {
        self.state.watermark = self.state.watermark.max(watermark);
    }

    /// Rows below it are late: where time stood at the last [`PaneTable::flush`] or [`PaneTable::passed`].
    pub fn watermark(&self) -> EventTime {
        self.state.watermark
    }

    /// End of the first open pane; the end of time when there is none. Behind a flush.
    pub fn first_end(&self) -> EventTime {
        let first = self.state.open.iter().find(|pane| !pane.scopes.is_empty());
        first.map_or(EventTime::MAX, |pane| pane.start + self.plan().pane)
    }

    /// End of the pane that a time lies in.
    #[inline]
    pub fn end_of(&self, time: EventTime) -> EventTime {
        time.floor(self.plan().pane) + self.plan().pane
    }

    /// Appends the state where no flush came before: [`PaneTable::save`], and coarsened rows that were not told yet.
    pub fn save_unflushed(&self, out: &mut Writer) {
        if !self.state.waiting.is_empty() {
            let mut settled = self.clone();
            settled.settle();
            return settled.save_unflushed(out);
        }
        self.save(out);
        self.state.newly_coarsened.iter().for_each(|rows| out.varint(*rows));
    }

    /// Reads what [`PaneTable::save_unflushed`] wrote for the same plan.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load_unflushed(plan: Arc<PanePlan>, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut table = Self::load(plan, input)?;
        for rows in &mut table.state.newly_coarsened {
            *rows = input.varint()?;
        }
        Ok(table)
    }

    /// All open panes that end in `(base, claim]` by partition, as they would be sent now. What does not fit into
    /// `max_bytes` lowers the partition's claim to the start of the first pane that was left out. Nothing changes, but that
    /// rows which wait are looked up.
    pub fn provisionals(&mut self, base: &[EventTime], claim: EventTime, max_bytes: usize) -> Vec<Provisionals> {
        self.settle();
        let plan = self.plan();
        let mut collected = Collected::new(plan.partitions() as usize, claim, max_bytes);
        for pane in self.state.open.iter().filter(|pane| !pane.scopes.is_empty()) {
            let end = pane.start + plan.pane;
            if end > claim {
                break;
            }
            collected.skip = base.iter().map(|base| end <= *base).collect();
            if collected.skip.len() == collected.parts.len() && collected.skip.iter().all(|skip| *skip) {
                continue;
            }
            self.copy_pane(pane, &mut collected);
            collected.pane_done(pane.start);
        }
        collected.parts.into_iter().map(|part| Provisionals { time: part.time, payloads: part.payloads }).collect()
    }

    /// Takes the panes out that end at or before `claim`: what a provisional must never do
    /// ([`ProvisionalIsNoFlush`](crate::log::Rule::ProvisionalIsNoFlush) switched off).
    pub fn take_out(&mut self, claim: EventTime) {
        let width = self.plan().pane;
        self.state.open.retain(|pane| pane.start + width > claim);
    }

    /// Sends a pane as its flush would.
    fn copy_pane(&self, pane: &Pane, sink: &mut Collected) {
        let plan = self.plan();
        let values = self.rolled_up(pane);
        let mut batches = vec![Batch::default(); plan.partitions() as usize];
        let mut key = Vec::new();
        let mut put = |cohort: &[u8], key: &[u8], value: &Value, sink: &mut Collected| {
            let partition = plan.partition(key_hash(cohort));
            let batch = &mut batches[partition as usize];
            let mut bytes = Writer::new();
            value.save(&mut bytes);
            batch.entry(pane.start, key, panes_header(pane.start)).bytes(bytes.as_slice());
            if batch.is_full() {
                batch.send(partition, sink);
            }
        };
        for (scope, value) in &values {
            let Tag::Scope(level) = Tag::of(scope) else { continue };
            key.clear();
            plan.lineage.write_cohort(level, scope, &mut key);
            put(&key, scope, value, sink);
        }
        for child in &plan.copies {
            let Some(parent) = plan.lineage.parent(*child) else { continue };
            for (scope, value) in values.iter().filter(|(scope, _)| Tag::of(scope) == Tag::Scope(parent)) {
                key.clear();
                Lineage::write_own_cohort(*child, scope, &mut key);
                put(&key, &key, value, sink);
            }
        }
        for (partition, batch) in batches.iter_mut().enumerate() {
            batch.send(partition as u32, sink);
        }
    }

    /// The values of a pane by key, with those of coarser levels.
    fn rolled_up(&self, pane: &Pane) -> BTreeMap<Vec<u8>, Value> {
        let plan = self.plan();
        let mut values: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
        let mut bytes = Writer::new();
        for (slot, scope) in pane.scopes.iter().enumerate() {
            bytes.clear();
            pane.columns.save(slot, &mut bytes);
            let value = values.entry(self.state.scopes.key(ScopeId(*scope)).to_vec());
            let value = value.or_insert_with(|| Value::new(&plan.layout));
            // Written on the line before.
            let _ = value.merge_bytes(&mut Reader::new(bytes.as_slice()));
        }
        for level in &plan.feeders {
            let of_level = values.iter().filter(|(key, _)| Tag::of(key) == Tag::Scope(*level));
            let mut parents: BTreeMap<Vec<u8>, Value> = BTreeMap::new();
            for (key, value) in of_level {
                let mut parent = Vec::with_capacity(key.len());
                if plan.rollup.write_parent(*level, key, &mut parent) {
                    parents.entry(parent).or_insert_with(|| Value::new(&plan.layout)).merge(value);
                }
            }
            for (key, value) in parents {
                values.entry(key).or_insert_with(|| Value::new(&plan.layout)).merge(&value);
            }
        }
        values
    }
}

/// Payloads by partition, within their bound.
struct Collected {
    parts: Vec<Part>,
    /// Per partition: this pane is named by an earlier claim.
    skip: Vec<bool>,
    max_bytes: usize,
}

struct Part {
    time: EventTime,
    payloads: Vec<Vec<u8>>,
    /// Payloads and bytes of panes that are complete.
    whole: usize,
    bytes: usize,
    /// A pane did not fit: later ones are left out too.
    full: bool,
}

impl Collected {
    fn new(partitions: usize, claim: EventTime, max_bytes: usize) -> Self {
        let part = |_| Part { time: claim, payloads: Vec::new(), whole: 0, bytes: 0, full: false };
        Self { parts: (0..partitions).map(part).collect(), skip: Vec::new(), max_bytes }
    }

    /// Takes the pane back from partitions in which it does not fit.
    fn pane_done(&mut self, start: EventTime) {
        for part in &mut self.parts {
            if part.bytes > self.max_bytes && !part.full {
                part.full = true;
                part.time = part.time.min(start);
                part.payloads.truncate(part.whole);
            }
            part.whole = part.payloads.len();
        }
    }
}

impl PaneSink for Collected {
    fn record(&mut self, partition: u32, _time: EventTime, record: &[u8]) {
        let skip = self.skip.get(partition as usize).copied().unwrap_or(false);
        let Some(part) = self.parts.get_mut(partition as usize) else { return };
        if skip || part.full {
            return;
        }
        part.bytes += record.len() + PAYLOAD_OVERHEAD;
        part.payloads.push(record.to_vec());
    }
}
