//! The alert stage: one task that puts insights in order, groups alerts into incidents and applies inhibition.
//!
//! ```text
//!  analyze 0 ─┐
//!  analyze 1 ─┼─► wait until every mark has passed the end ─► in order of (end, rule, scope) ─┬─► aggregates
//!  analyze 2 ─┘                                                                               ├─► alerts, incidents
//!                                                                                             └─► findings
//! ```
//!
//! An analyze task's mark says that all its windows which end at or before it have been sent. When the least mark has
//! passed an end, everything about that end is here, and goes out in an order that does not depend on how it came.
//! Corrections of earlier ends go out in the step that brings them.

use crate::alert::AlertChange;
use crate::alert::incident::Book;
use crate::compile::definition::Definition;
use crate::compile::program::Program;
use crate::log::{Fold, Frame, Offset, Outputs, Position, Received, Receiver, Rules, Stage, Upstream};
use crate::stage::insight::{Insight, InsightKind};
use crate::stage::plan::{Plan, alert_link};
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Where the alert stage's output goes.
pub trait AlertSink {
    /// A payload of the aggregates outlet ([`crate::aggregate::AggregateRecord`]).
    fn aggregate(&mut self, record: &[u8]);
    /// A payload of the alerts outlet ([`crate::alert::record::AlertOutput`]).
    fn alert(&mut self, record: &[u8]);
    /// A payload of the findings outlet ([`crate::stage::finding::Finding`]).
    fn finding(&mut self, record: &[u8]);
}

/// An insight that waits for its time.
#[derive(Debug, Clone)]
struct Waiting {
    end: EventTime,
    kind: InsightKind,
    rule: u16,
    /// In the arena.
    scope: Range<usize>,
    body: Range<usize>,
}

/// The fold of the alert task, behind its receiver.
#[derive(Debug, Clone)]
pub struct Alerting {
    definition: Arc<Definition>,
    waiting: Vec<Waiting>,
    /// The least end of all that waits.
    first: EventTime,
    bytes: Vec<u8>,
    book: Book,
    now: EventTime,
    corrupt: u64,
}

/// An empty arena keeps this much memory.
const KEPT_BYTES: usize = 8 << 20;

impl Alerting {
    /// Before the first insight.
    pub fn new(definition: Arc<Definition>) -> Self {
        Self {
            definition,
            waiting: Vec::new(),
            first: EventTime::MAX,
            bytes: Vec::new(),
            book: Book::default(),
            now: EventTime::MIN,
            corrupt: 0,
        }
    }

    /// Task time: everything up to here has gone out.
    pub fn now(&self) -> EventTime {
        self.now
    }

    /// Number of firing alerts.
    pub fn firing(&self) -> usize {
        self.book.firing()
    }

    /// Records that could not be read: none, from senders of this version.
    pub fn corrupt(&self) -> u64 {
        self.corrupt
    }

    /// Takes a record of the insights link.
    ///
    /// # Errors
    /// [`WireError`] when it is none; it is counted.
    pub fn take(&mut self, record: &[u8]) -> Result<(), WireError> {
        let insight = Insight::read(record).inspect_err(|_| self.corrupt += 1)?;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(insight.body);
        let scope = start + insight.scope.start..start + insight.scope.end;
        self.first = self.first.min(insight.end);
        self.waiting.push(Waiting {
            end: insight.end,
            kind: insight.kind,
            rule: insight.rule,
            scope,
            body: start..self.bytes.len(),
        });
        Ok(())
    }

    /// Ends a step: sends everything whose time is at or before `now`.
    pub fn advance(&mut self, now: EventTime, sink: &mut dyn AlertSink) {
        self.now = self.now.max(now);
        if self.first <= self.now && !self.waiting.is_empty() {
            self.send_due(sink);
        }
        if self.now < EventTime::MAX {
            self.book.forget(self.now);
        }
    }

    fn send_due(&mut self, sink: &mut dyn AlertSink) {
        let (now, mut waiting, mut bytes) =
            (self.now, std::mem::take(&mut self.waiting), std::mem::take(&mut self.bytes));
        sort(&mut waiting, &bytes);
        let due = waiting.partition_point(|waiting| waiting.end <= now);
        for of_one_end in waiting[..due].chunk_by(|left, right| left.end == right.end) {
            self.send(of_one_end, &bytes, sink);
        }
        waiting.drain(..due);
        self.first = waiting.first().map_or(EventTime::MAX, |waiting| waiting.end);
        if waiting.is_empty() {
            bytes.clear();
            bytes.shrink_to(KEPT_BYTES);
            waiting.shrink_to(KEPT_BYTES / size_of::<Waiting>());
            (self.waiting, self.bytes) = (waiting, bytes);
        } else {
            self.keep(waiting, &bytes);
        }
    }

    fn send(&mut self, insights: &[Waiting], bytes: &[u8], sink: &mut dyn AlertSink) {
        let mut changes: Vec<AlertChange> = Vec::new();
        for insight in insights {
            let body = &bytes[insight.body.clone()];
            match insight.kind {
                InsightKind::Aggregate => sink.aggregate(body),
                InsightKind::Finding => sink.finding(body),
                InsightKind::Alert => match AlertChange::load(&mut Reader::new(body)) {
                    Ok(change) => changes.push(change),
                    Err(_) => self.corrupt += 1,
                },
            }
        }
        let Some(end) = insights.first().map(|insight| insight.end).filter(|_| !changes.is_empty()) else { return };
        for output in self.book.apply(&self.definition, end, changes) {
            let mut out = Writer::new();
            output.save(&mut out);
            sink.alert(out.as_slice());
        }
    }

    /// Puts what still waits into a new arena.
    fn keep(&mut self, later: Vec<Waiting>, bytes: &[u8]) {
        for waiting in later {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(&bytes[waiting.body.clone()]);
            let moved =
                |range: &Range<usize>| range.start - waiting.body.start + start..range.end - waiting.body.start + start;
            self.waiting.push(Waiting { scope: moved(&waiting.scope), body: moved(&waiting.body), ..waiting });
        }
    }

    /// Appends the state. Between steps only.
    pub fn save(&self, out: &mut Writer) {
        out.signed(self.now.0);
        out.varint(self.corrupt);
        let mut waiting = self.waiting.clone();
        sort(&mut waiting, &self.bytes);
        out.varint(waiting.len() as u64);
        for insight in &waiting {
            out.u8(insight.kind as u8);
            out.bytes(&self.bytes[insight.body.clone()]);
        }
        self.book.save(out);
    }

    /// Reads what [`Alerting::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(definition: Arc<Definition>, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut alerting = Self::new(definition);
        alerting.now = EventTime(input.signed()?);
        let corrupt = input.varint()?;
        for _ in 0..input.count()? {
            let mut record = vec![input.u8()?];
            record.extend_from_slice(input.bytes()?);
            alerting.take(&record)?;
        }
        alerting.corrupt = corrupt;
        alerting.book = Book::load(&alerting.definition, input)?;
        Ok(alerting)
    }
}

/// By time, kind, rule and scope. What is equal in all of them comes from one task, in its order; findings without a
/// scope come from several and go by their bytes. Each task sends almost in this order, which the sort makes use of.
fn sort(waiting: &mut [Waiting], bytes: &[u8]) {
    waiting.sort_by(|left, right| {
        let place = |waiting: &Waiting| (waiting.end, waiting.kind, waiting.rule);
        let scopes = || bytes[left.scope.clone()].cmp(&bytes[right.scope.clone()]);
        let bodies = || match left.kind {
            InsightKind::Finding => bytes[left.body.clone()].cmp(&bytes[right.body.clone()]),
            _ => Ordering::Equal,
        };
        place(left).cmp(&place(right)).then_with(scopes).then_with(bodies)
    });
}

/// State of the alert task.
#[derive(Debug, Clone)]
pub struct AlertTask {
    receiver: Receiver,
    alerting: Alerting,
}

impl AlertTask {
    /// A task before its first frame.
    pub fn new(program: Arc<Program>, plan: Arc<Plan>, rules: Rules) -> Self {
        let receiver = Receiver::new(plan.insights_upstreams(), rules);
        Self { receiver, alerting: Alerting::new(Arc::clone(&program.definition)) }
    }

    /// A task from what [`Stage::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(
        program: Arc<Program>,
        _plan: Arc<Plan>,
        rules: Rules,
        input: &mut Reader<'_>,
    ) -> Result<Self, WireError> {
        let receiver = Receiver::load(input, rules)?;
        let alerting = Alerting::load(Arc::clone(&program.definition), input)?;
        Ok(Self { receiver, alerting })
    }

    /// The fold, for reports.
    pub fn alerting(&self) -> &Alerting {
        &self.alerting
    }
}

impl Stage for AlertTask {
    fn step(&mut self, _at: Offset, frame: &Frame<'_>, out: &mut Outputs) -> Received {
        self.receiver.step(frame, &mut self.alerting, out)
    }

    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn mark(&self) -> EventTime {
        self.alerting.now
    }

    fn save(&self, out: &mut Writer) {
        self.receiver.save(out);
        self.alerting.save(out);
    }
}

struct Links<'a>(&'a mut Outputs);

impl Links<'_> {
    fn emit(&mut self, link: usize, record: &[u8]) {
        let outlet = self.0.outlet(link, 0);
        self.0.emit(outlet, record);
    }
}

impl AlertSink for Links<'_> {
    fn aggregate(&mut self, record: &[u8]) {
        self.emit(alert_link::AGGREGATES, record);
    }

    fn alert(&mut self, record: &[u8]) {
        self.emit(alert_link::ALERTS, record);
    }

    fn finding(&mut self, record: &[u8]) {
        self.emit(alert_link::FINDINGS, record);
    }
}

impl Fold for Alerting {
    fn record(&mut self, _upstream: Upstream, _at: Position, payload: &[u8], _out: &mut Outputs) {
        // Counted there; frames have checksums, so this is a sender of another version.
        let _ = self.take(payload);
    }

    fn time(&mut self, now: EventTime, out: &mut Outputs) {
        self.advance(now, &mut Links(out));
    }
}
