//! Lanes: the receivers of what leaves the chain. Each has its own cursors (R11), so a frame that came twice would
//! count once.

use super::{Books, MachineError};
use crate::log::{Fold, FrameBytes, Offset, Outcome, Outputs, Position, Receiver, Rules, Upstream};
use crate::stage::plan::Plan;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};

/// What leaves the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// [`crate::stage::events::EventRecord`]
    Events,
    /// Objects of the aggregation rules.
    Aggregates,
    /// Alerts.
    Alerts,
    /// Findings of the detectors.
    Findings,
    /// [`crate::stage::events::TemplateRecord`]
    Templates,
    /// [`crate::stage::events::DeadLetter`]
    DeadLetter,
    /// [`crate::stage::events::LateRecord`]
    Late,
    /// Ledger entries of ingest.
    IngestLedger,
    /// Ledger entries of correlate.
    CorrelateLedger,
}

impl Stream {
    /// All of them, in the order of their lanes.
    pub const ALL: [Self; 9] = [
        Self::Events,
        Self::Aggregates,
        Self::Alerts,
        Self::Findings,
        Self::Templates,
        Self::DeadLetter,
        Self::Late,
        Self::IngestLedger,
        Self::CorrelateLedger,
    ];

    /// Its place in [`Stream::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its name in file names and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Aggregates => "aggregates",
            Self::Alerts => "alerts",
            Self::Findings => "findings",
            Self::Templates => "templates",
            Self::DeadLetter => "deadletter",
            Self::Late => "late",
            Self::IngestLedger | Self::CorrelateLedger => "ledger",
        }
    }
}

/// Who takes what leaves the chain. Ledger entries stay in the machine ([`super::Machine::books`]).
pub trait Sink {
    /// Why it could not.
    type Error;

    /// Takes a record of a stream; `upstream` is the task that sent it (for dead letters and templates the source
    /// partition).
    ///
    /// # Errors
    /// An error stops the machine; what was taken before stays taken.
    fn record(&mut self, stream: Stream, upstream: Upstream, at: Position, payload: &[u8]) -> Result<(), Self::Error>;
}

/// One lane.
pub(super) struct Lane {
    stream: Stream,
    receiver: Receiver,
    /// What a lane's fold emits into: nothing.
    nowhere: Outputs,
}

impl Lane {
    pub(super) fn new(stream: Stream, plan: &Plan, rules: Rules) -> Self {
        let senders = match stream {
            Stream::Templates | Stream::DeadLetter | Stream::IngestLedger => plan.partitions.len() as u32,
            Stream::Late => plan.pane_senders(),
            Stream::Events | Stream::CorrelateLedger => u32::from(plan.joins),
            Stream::Aggregates | Stream::Alerts | Stream::Findings => 1,
        };
        Self::with(stream, Receiver::new((0..senders).map(|number| (Upstream(number), true)), rules), rules)
    }

    fn with(stream: Stream, receiver: Receiver, rules: Rules) -> Self {
        let nowhere = Outputs::resume(Upstream(0), &[], Offset::ZERO, EventTime::MIN, rules);
        Self { stream, receiver, nowhere }
    }

    /// Receives a frame and hands its records on.
    pub(super) fn take<E: From<MachineError>>(
        &mut self,
        bytes: &FrameBytes,
        books: &mut Books,
        sink: &mut dyn Sink<Error = E>,
    ) -> Result<(), E> {
        let frame = bytes.decode().map_err(MachineError::from)?;
        let mut fold = Hand { stream: self.stream, books, sink, failed: None };
        let received = self.receiver.step(&frame, &mut fold, &mut self.nowhere);
        if let Some(error) = fold.failed {
            return Err(error);
        }
        match received.outcome {
            Outcome::Gap { .. } => Err(MachineError::Gap { upstream: received.upstream }.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn save(&self, out: &mut Writer) {
        self.receiver.save(out);
    }

    pub(super) fn load(stream: Stream, rules: Rules, input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self::with(stream, Receiver::load(input, rules)?, rules))
    }
}

/// Hands records to the sink, and ledger entries to the books.
struct Hand<'h, E> {
    stream: Stream,
    books: &'h mut Books,
    sink: &'h mut dyn Sink<Error = E>,
    failed: Option<E>,
}

impl<E> Fold for Hand<'_, E> {
    fn record(&mut self, upstream: Upstream, at: Position, payload: &[u8], _out: &mut Outputs) {
        if self.failed.is_some() {
            return;
        }
        match self.stream {
            Stream::IngestLedger | Stream::CorrelateLedger => self.books.record(payload),
            stream => self.failed = self.sink.record(stream, upstream, at, payload).err(),
        }
    }

    fn time(&mut self, _now: EventTime, _out: &mut Outputs) {}
}
