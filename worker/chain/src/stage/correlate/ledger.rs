//! What correlate counts: the receiving side of ingest, and its own stage (DESIGN 5).
//!
//! A line that ingest has folded into its panes comes either as a record, where somebody reads events, or as a fate
//! (`observed`): the first is out there and in here, the second only out there.
//!
//! Lines that are inside (open assemblies, rows that wait for partners) are in and neither out nor dropped; they are
//! what the balance calls held.

use crate::id::Id;
use crate::log::ledger::{Entry, Tally};
use crate::log::{FateRun, Minute, Offset, Outputs, Reason, Upstream};
use crate::stage::plan::{LedgerStage, correlate_link};
use crate::time::EventTime;
use crate::wire::{Reader, Snapshot, WireError, Writer};

/// Counts of one stage that have not left on the ledger link.
#[derive(Debug, Clone, Copy)]
pub struct StageTally<'a> {
    /// Which stage's lines.
    pub stage: LedgerStage,
    /// The counts.
    pub tally: &'a Tally,
}

/// The tallies of a correlate task.
#[derive(Debug, Default, PartialEq)]
pub(super) struct CorrelateLedger {
    ingest: Tally,
    correlate: Tally,
}

fn minute(time: EventTime) -> Minute {
    if time == EventTime::MIN { Minute::UNKNOWN } else { Minute::of(time) }
}

impl CorrelateLedger {
    /// A line came from ingest: out there, in here.
    #[inline]
    pub(super) fn received(&mut self, upstream: Upstream, offset: Offset, minute: Minute, id: Id) {
        self.ingest.passed(upstream, offset, minute, id);
        self.correlate.taken(upstream, offset, minute, id);
    }

    /// Ingest says what became of lines that did not come.
    pub(super) fn fate(&mut self, upstream: Upstream, run: FateRun, id_of: impl Fn(Offset) -> Id) {
        self.ingest.fate(upstream, &run, id_of);
    }

    /// A line went on: observed and sent, or joined.
    #[inline]
    pub(super) fn passed(&mut self, upstream: Upstream, offset: Offset, time: EventTime, id: Id) {
        self.correlate.passed(upstream, offset, minute(time), id);
    }

    /// A line ended here.
    pub(super) fn dropped(&mut self, upstream: Upstream, offset: Offset, time: EventTime, id: Id, reason: Reason) {
        self.correlate.dropped(upstream, offset, minute(time), id, reason);
    }

    /// Sends the entries of finished tiles.
    pub(super) fn settle(&mut self, upstream: Upstream, next: Offset, out: &mut Outputs) {
        for (stage, tally) in [(LedgerStage::Ingest, &mut self.ingest), (LedgerStage::Correlate, &mut self.correlate)] {
            for entry in tally.settle(upstream, next) {
                send(stage, &entry, out);
            }
        }
    }

    pub(super) fn tallies(&self) -> impl Iterator<Item = StageTally<'_>> {
        [
            StageTally { stage: LedgerStage::Ingest, tally: &self.ingest },
            StageTally { stage: LedgerStage::Correlate, tally: &self.correlate },
        ]
        .into_iter()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.ingest.save(out);
        self.correlate.save(out);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { ingest: Tally::load(input)?, correlate: Tally::load(input)? })
    }
}

fn send(stage: LedgerStage, entry: &Entry, out: &mut Outputs) {
    out.emit_with(out.outlet(correlate_link::LEDGER, 0), |out| {
        out.u8(stage.code());
        entry.save(out);
    });
}
