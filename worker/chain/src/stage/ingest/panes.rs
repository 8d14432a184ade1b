//! Panes in ingest (rule R25), for pipelines without anything to bring together first.
//!
//! ```text
//!  row ─► observed ─┬─► open panes: state of ingest
//!                   └─► behind every window ─► late link
//!  end of the step: the source's own mark passes the end of a pane, or it is the turn of the bound ─► finals, panes link
//!  claim, between steps: copies of all open panes that it passes ─► go with the claim, change nothing
//! ```
//!
//! A pane leaves as a final only inside the step of a source offset, at points given by the source log: its own mark passes
//! the end, or every [`LOOK_EVERY`] offsets the number of entries is looked at. Claims never flush anything: they are the
//! owner's, and two owners differ in them.

use crate::log::frame::OwnedProvisionals;
use crate::log::mark::LogEndClaim;
use crate::log::{Offset, Outputs, Rule, Rules};
use crate::stage::plan::ingest_link;
use crate::time::EventTime;
use crate::window::records::NewTemplate;
use crate::window::{PanePlan, PaneTable, Placed};
use crate::wire::{Reader, WireError, Writer};
use std::sync::Arc;

/// How often, in offsets, the bound of entries is looked at, and coarsened rows are told.
const LOOK_EVERY: u64 = 256;
/// Every so many claims at one position one names all panes again: the claim that was their base may have been lost.
const FULL_EVERY: u32 = 8;

/// The panes of one source partition.
#[derive(Debug, Clone)]
pub(super) struct IngestPanes {
    pub(super) table: PaneTable,
    /// Least event time so far: how long the source has been running, for new templates.
    started: EventTime,
    /// End of the first open pane.
    next_end: EventTime,
    /// What this owner has claimed. No part of the state.
    claimed: Claimed,
    rules: Rules,
}

/// The last claim of this owner.
#[derive(Debug, Clone, Default)]
struct Claimed {
    at: Offset,
    /// Per partition of the panes link; empty before the first claim at `at`.
    times: Vec<EventTime>,
    count: u32,
}

impl IngestPanes {
    pub(super) fn new(plan: Arc<PanePlan>, rules: Rules) -> Self {
        Self::with(PaneTable::new(plan), EventTime::MAX, EventTime::MAX, rules)
    }

    fn with(table: PaneTable, started: EventTime, next_end: EventTime, rules: Rules) -> Self {
        Self { table, started, next_end, claimed: Claimed::default(), rules }
    }

    /// A row's event time, before anything is made of the row.
    #[inline]
    pub(super) fn seen(&mut self, time: EventTime) {
        self.started = self.started.min(time);
    }

    /// Tells of a template that the source has not shown before.
    pub(super) fn new_template(&self, source: u16, time: EventTime, template: u64, text: &[u8], out: &mut Outputs) {
        let text = String::from_utf8_lossy(text);
        let template = crate::id::Id(u128::from(template));
        let sighting = NewTemplate { source, template, first_seen: time, started: self.started, text: &text };
        let partition = sighting.partition(self.table.plan().partitions()) as u16;
        out.emit_with(out.outlet(ingest_link::PANES, partition), |out| sighting.save(out));
    }

    /// A row went into the table.
    #[inline]
    pub(super) fn placed(&mut self, time: EventTime, placed: Placed) {
        if matches!(placed, Placed::OnTime | Placed::Late) {
            self.next_end = self.next_end.min(self.table.end_of(time));
        }
    }

    /// Ends the step of `offset`: what `mark` has passed leaves.
    #[inline]
    pub(super) fn end(&mut self, offset: Offset, mark: EventTime, out: &mut Outputs) {
        if self.next_end <= mark || offset.0 % LOOK_EVERY == LOOK_EVERY - 1 {
            self.flush(mark, out);
        } else {
            self.table.passed(mark);
        }
    }

    /// Inside a step: everything that `mark` has passed leaves.
    pub(super) fn flush(&mut self, mark: EventTime, out: &mut Outputs) {
        self.table.flush(mark, &mut |partition: u32, _time: EventTime, record: &[u8]| {
            out.emit(out.outlet(ingest_link::PANES, partition as u16), record);
        });
        self.next_end = self.table.first_end();
    }

    /// Between steps: hands a claim to every outlet of the panes link, with all open panes that it passes (R25.3). Those that
    /// the last claim at this position has named already are left out, and it is named as the base.
    pub(super) fn claim(&mut self, claim: LogEndClaim, max_bytes: usize, out: &mut Outputs) {
        let at = out.position();
        if claim.end > at {
            return;
        }
        let last = std::mem::take(&mut self.claimed);
        let again = last.at == at && last.count % FULL_EVERY != FULL_EVERY - 1;
        let base = if again { last.times } else { Vec::new() };
        let count = if last.at == at { last.count + 1 } else { 0 };
        let parts = self.table.provisionals(&base, claim.time, max_bytes);
        let mut times = Vec::with_capacity(parts.len());
        for (partition, part) in parts.into_iter().enumerate() {
            let named = base.get(partition).copied();
            let time = named.map_or(part.time, |base| part.time.max(base));
            times.push(time);
            let base = named.filter(|_| self.rules.has(Rule::ClaimIsComplete));
            let provisionals = OwnedProvisionals { base, payloads: part.payloads };
            out.claim_with(out.outlet(ingest_link::PANES, partition as u16), time, provisionals);
        }
        self.claimed = Claimed { at, times, count };
        if !self.rules.has(Rule::ProvisionalIsNoFlush) {
            self.table.take_out(claim.time);
            self.next_end = self.table.first_end();
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.table.save_unflushed(out);
        out.signed(self.started.0);
        out.signed(self.next_end.0);
    }

    pub(super) fn load(plan: Arc<PanePlan>, rules: Rules, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let table = PaneTable::load_unflushed(plan, input)?;
        Ok(Self::with(table, EventTime(input.signed()?), EventTime(input.signed()?), rules))
    }
}
