//! The plan of a generation: which tasks there are, which links between them, and who sends on them.
//!
//! ```text
//!  source partition u ─► ingest u ──joins (J)──► correlate j ──panes (Q)──► analyze q ──insights (1)──► alert
//!                          │                        │  ▲                       │
//!                          ├─ deadletter (1)        │  └──── feedback (J) ◄────┘
//!                          ├─ templates (1)         ├─ events (1)
//!                          └─ ledger (1)            ├─ late (1)
//!                                                   └─ ledger (1)       alert feeds aggregates, alerts, findings (1 each)
//! ```
//!
//! Where ingest folds the panes (R25), they come on a link of its own, and correlate only makes events:
//!
//! ```text
//!  source partition u ─► ingest u ──panes (Q)──────────────────────────────────────► analyze q ──insights (1)──► alert
//!                          ├─ late (1)
//!                          └─ joins (J) ─► correlate j ─► events (1), ledger (1)
//! ```
//!
//! A link that a shape does not have has no partitions, so links keep their indices.
//! Numbers in brackets are partitions. On the `joins` link a source partition's upstream number is its index in
//! [`Plan::partitions`]; feedback comes from upstreams of their own, which do not count for time.

use crate::compile::program::{Program, SourceIndex};
use crate::id::Origin;
use crate::log::{LinkSpec, Upstream};

/// One partition of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourcePartition {
    /// Whose.
    pub source: SourceIndex,
    /// Its number in the source.
    pub number: u32,
    /// Where the ids of its events come from.
    pub origin: Origin,
}

/// Tasks and links of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// All source partitions; the index is the upstream number.
    pub partitions: Vec<SourcePartition>,
    /// Partitions of the joins link: correlate tasks.
    pub joins: u16,
    /// Partitions of the panes link: analyze tasks.
    pub panes: u16,
    /// Whether anybody reads events. Without, correlate does not make them.
    pub events: bool,
    /// Ingest folds the panes: what the program says ([`Program::panes_in_ingest`]), or false to have the hop all the same.
    pub panes_in_ingest: bool,
}

/// Links that the alert stage feeds, by index.
pub mod alert_link {
    /// Multi-dimensional objects of the aggregation rules.
    pub const AGGREGATES: usize = 0;
    /// Alerts.
    pub const ALERTS: usize = 1;
    /// Findings of the detectors.
    pub const FINDINGS: usize = 2;
}

/// Whose lines a ledger entry counts. On the ledger link a record is this code and the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerStage {
    /// Lines of the source; out is what correlate received, or was told of as folded in ingest.
    Ingest,
    /// Lines that correlate received.
    Correlate,
}

impl LedgerStage {
    /// Its code on the ledger link.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ingest => 0,
            Self::Correlate => 1,
        }
    }

    /// The stage of a code.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Ingest),
            1 => Some(Self::Correlate),
            _ => None,
        }
    }

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Correlate => "correlate",
        }
    }
}

/// First upstream number of feedback senders.
const FEEDBACK: u32 = 1 << 30;

/// Links that ingest feeds, by index.
pub mod ingest_link {
    /// Parsed rows and continuation lines.
    pub const JOINS: usize = 0;
    /// Lines that do not parse.
    pub const DEAD_LETTER: usize = 1;
    /// Templates and their counts.
    pub const TEMPLATES: usize = 2;
    /// Ledger entries.
    pub const LEDGER: usize = 3;
    /// Where ingest folds them: panes, and templates that are new.
    pub const PANES: usize = 4;
    /// Where ingest folds panes: rows behind every window's allowed lateness.
    pub const LATE: usize = 5;
}

/// Links that correlate feeds, by index.
pub mod correlate_link {
    /// Partial windows and samples, unless ingest folds them.
    pub const PANES: usize = 0;
    /// Augmented events.
    pub const EVENTS: usize = 1;
    /// Events behind every window's allowed lateness.
    pub const LATE: usize = 2;
    /// Ledger entries.
    pub const LEDGER: usize = 3;
}

/// Links that analyze feeds, by index.
pub mod analyze_link {
    /// Aggregates, findings and alert transitions.
    pub const INSIGHTS: usize = 0;
    /// Closed values that events take along, to every correlate task.
    pub const FEEDBACK: usize = 1;
}

fn link(name: &'static str, partitions: u16, fates: bool) -> LinkSpec {
    LinkSpec { name, partitions, fates, provisionals: false }
}

impl Plan {
    /// The links of an ingest task.
    pub fn ingest_links(&self) -> Vec<LinkSpec> {
        let panes = LinkSpec { provisionals: true, ..link("panes", self.if_ingest(self.panes), false) };
        vec![
            link("joins", self.joins, true),
            link("deadletter", 1, false),
            link("templates", 1, false),
            link("ledger", 1, false),
            panes,
            link("late", self.if_ingest(1), false),
        ]
    }

    /// The links of a correlate task.
    pub fn correlate_links(&self) -> Vec<LinkSpec> {
        vec![
            link("panes", self.panes - self.if_ingest(self.panes), true),
            link("events", 1, false),
            link("late", 1 - self.if_ingest(1), false),
            link("ledger", 1, false),
        ]
    }

    /// The links of an analyze task. Nothing goes back where no event takes values along: correlate would wait for the mark of
    /// a sender that its plan does not know.
    pub fn analyze_links(&self, program: &Program) -> Vec<LinkSpec> {
        let back = if program.definition.augment.is_empty() { 0 } else { self.joins };
        vec![link("insights", 1, true), link("feedback", back, false)]
    }

    /// The links of the alert task.
    pub fn alert_links(&self) -> Vec<LinkSpec> {
        vec![link("aggregates", 1, true), link("alerts", 1, false), link("findings", 1, false)]
    }

    /// So many partitions where ingest folds the panes, none where correlate does.
    fn if_ingest(&self, partitions: u16) -> u16 {
        if self.panes_in_ingest { partitions } else { 0 }
    }

    /// How many tasks send panes and late rows: ingest tasks, or correlate tasks.
    pub fn pane_senders(&self) -> u32 {
        if self.panes_in_ingest { self.partitions.len() as u32 } else { u32::from(self.joins) }
    }

    /// Upstreams of a correlate task, and whether their marks count for time.
    pub fn joins_upstreams(&self, program: &Program) -> Vec<(Upstream, bool)> {
        let sources = (0..self.partitions.len() as u32).map(|number| (Upstream(number), true));
        let feedback = if program.definition.augment.is_empty() { 0 } else { u32::from(self.panes) };
        sources.chain((0..feedback).map(|number| (Upstream(FEEDBACK + number), false))).collect()
    }

    /// Upstreams of an analyze task.
    pub fn panes_upstreams(&self) -> Vec<(Upstream, bool)> {
        (0..self.pane_senders()).map(|number| (Upstream(number), true)).collect()
    }

    /// Upstreams of the alert task.
    pub fn insights_upstreams(&self) -> Vec<(Upstream, bool)> {
        (0..u32::from(self.panes)).map(|number| (Upstream(number), true)).collect()
    }

    /// The number under which an analyze task sends feedback.
    pub fn feedback_upstream(partition: u16) -> Upstream {
        Upstream(FEEDBACK + u32::from(partition))
    }

    /// Whether a sender on the joins link is an analyze task.
    pub fn is_feedback(upstream: Upstream) -> bool {
        upstream.0 >= FEEDBACK
    }

    /// The source partition of an upstream of the joins link.
    pub fn partition(&self, upstream: Upstream) -> Option<&SourcePartition> {
        self.partitions.get(upstream.0 as usize)
    }
}
