//! The stages behind one face: the chain's own four, and the simulator's small sinks.

use crate::config::Config;
use crate::program::Programs;
use crate::topology::{Kind, TaskSpec};
use logloom_chain::compile::program::Program;
use logloom_chain::log::mark::LogEndClaims;
use logloom_chain::log::{
    Fold, Frame, Ingest, Offset, OutletIndex, Outputs, Position, Received, Receiver, Rule, Rules, Stage, Upstream,
};
use logloom_chain::stage::alert::AlertTask;
use logloom_chain::stage::analyze::AnalyzeTask;
use logloom_chain::stage::correlate::CorrelateTask;
use logloom_chain::stage::ingest::IngestTask;
use logloom_chain::stage::plan::{Plan, analyze_link};
use logloom_chain::time::{EventTime, Span};
use logloom_chain::window::PanePlan;
use logloom_chain::wire::{Reader, WireError, Writer};
use std::sync::Arc;

/// Clock skew and usual delay that a claim allows for.
pub const CLAIM_MARGIN: Span = Span::millis(700);

/// A row that a sink has taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Who sent it.
    pub upstream: Upstream,
    /// Where it stands.
    pub at: Position,
    /// What it says.
    pub payload: Vec<u8>,
}

/// Inference, in small: passes each record on with an answer that no other owner would give.
#[derive(Debug)]
pub struct InferTask {
    receiver: Receiver,
    answer: Answer,
}

#[derive(Debug)]
struct Answer {
    coin: u64,
}

/// A sink: its cursors, and the rows taken since its place was last kept.
#[derive(Debug)]
pub struct LaneTask {
    /// Its cursors.
    pub receiver: Receiver,
    /// Rows since then.
    pub rows: Rows,
}

/// Rows that a lane has taken.
#[derive(Debug, Default)]
pub struct Rows(pub Vec<Row>);

impl Fold for Rows {
    fn record(&mut self, upstream: Upstream, at: Position, payload: &[u8], _out: &mut Outputs) {
        self.0.push(Row { upstream, at, payload: payload.to_vec() });
    }

    fn time(&mut self, _now: EventTime, _out: &mut Outputs) {}
}

impl Fold for Answer {
    fn record(&mut self, _upstream: Upstream, _at: Position, payload: &[u8], out: &mut Outputs) {
        let answered = [payload, &self.coin.to_le_bytes()].concat();
        for outlet in out.indices() {
            out.emit(outlet, &answered);
        }
    }

    fn time(&mut self, _now: EventTime, _out: &mut Outputs) {}
}

/// What an owner runs.
pub enum Body {
    /// A source partition's fold.
    Ingest(Box<IngestTask>),
    /// The chain's stages that read frames.
    Correlate(Box<CorrelateTask>),
    /// The same.
    Analyze(Box<AnalyzeTask>),
    /// The same.
    Alert(Box<AlertTask>),
    /// Inference.
    Infer(InferTask),
    /// A sink.
    Lane(LaneTask),
}

/// What a stage is made of, besides its state.
#[derive(Clone)]
pub struct Parts {
    /// The program that this owner runs.
    pub program: Arc<Program>,
    /// Tasks and links.
    pub plan: Arc<Plan>,
    /// How windows are cut.
    pub panes: Arc<PanePlan>,
    /// Rules in force.
    pub rules: Rules,
}

impl Parts {
    /// For a program.
    pub fn new(program: &Arc<Program>, programs: &Programs, rules: Rules) -> Self {
        let panes = Arc::new(PanePlan::of(program, u32::from(programs.plan.panes)));
        Self { program: Arc::clone(program), plan: Arc::clone(&programs.plan), panes, rules }
    }

    /// Log-end claims of a source partition.
    pub fn claims(&self, number: u16) -> LogEndClaims {
        let source = self.plan.partitions[usize::from(number)].source;
        LogEndClaims::new(self.program.sources[usize::from(source.0)].disorder, CLAIM_MARGIN, self.rules)
    }
}

impl Body {
    /// A task before its first step; `senders` are those of the log that it reads.
    pub fn new(task: &TaskSpec, parts: &Parts, senders: &[(Upstream, bool)]) -> Self {
        let Parts { program, plan, panes, rules } = parts.clone();
        match task.kind {
            Kind::Ingest => Self::Ingest(Box::new(IngestTask::new(program, plan, panes, task.upstream, rules))),
            Kind::Correlate => Self::Correlate(Box::new(CorrelateTask::new(program, plan, panes, rules))),
            Kind::Analyze => Self::Analyze(Box::new(AnalyzeTask::new(program, plan, panes, task.number, rules))),
            Kind::Alert => Self::Alert(Box::new(AlertTask::new(program, plan, rules))),
            kind => Self::small(kind, Receiver::new(senders.iter().copied(), rules)),
        }
    }

    fn small(kind: Kind, receiver: Receiver) -> Self {
        match kind {
            Kind::Infer => Self::Infer(InferTask { receiver, answer: Answer { coin: 0 } }),
            _ => Self::Lane(LaneTask { receiver, rows: Rows::default() }),
        }
    }

    /// A task from its state.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not one.
    pub fn load(task: &TaskSpec, parts: &Parts, state: &[u8]) -> Result<Self, WireError> {
        let Parts { program, plan, panes, mut rules } = parts.clone();
        let input = &mut Reader::new(state);
        let body = match task.kind {
            Kind::Ingest => {
                Self::Ingest(Box::new(IngestTask::load(program, plan, panes, task.upstream, rules, input)?))
            }
            Kind::Correlate => Self::Correlate(Box::new(CorrelateTask::load(program, plan, panes, rules, input)?)),
            Kind::Analyze => {
                Self::Analyze(Box::new(AnalyzeTask::load(program, plan, panes, task.number, rules, input)?))
            }
            Kind::Alert => Self::Alert(Box::new(AlertTask::load(program, plan, rules, input)?)),
            kind => {
                // What an object or a commit without cursors gives back: a lane that takes what comes.
                let forgets = kind == Kind::Objects && !rules.has(Rule::ObjectCursors)
                    || kind == Kind::Transaction && !rules.has(Rule::TransactionCursors);
                if forgets {
                    rules = rules.without(Rule::CursorsAreState);
                }
                Self::small(kind, Receiver::load(input, rules)?)
            }
        };
        input.finish()?;
        Ok(body)
    }

    /// Its state.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Self::Ingest(task) => task.save(&mut out),
            Self::Correlate(task) => task.save(&mut out),
            Self::Analyze(task) => task.save(&mut out),
            Self::Alert(task) => task.save(&mut out),
            Self::Infer(task) => task.receiver.save(&mut out),
            Self::Lane(task) => task.receiver.save(&mut out),
        }
        out.into_vec()
    }

    /// What its frames may say about what follows.
    pub fn mark(&self) -> EventTime {
        match self {
            Self::Ingest(task) => task.mark(),
            Self::Correlate(task) => task.mark(),
            Self::Analyze(task) => task.mark(),
            Self::Alert(task) => task.mark(),
            Self::Infer(task) => task.receiver.time(),
            Self::Lane(task) => task.receiver.time(),
        }
    }

    /// Its cursors; none for ingest.
    pub fn receiver(&self) -> Option<&Receiver> {
        match self {
            Self::Ingest(_) => None,
            Self::Correlate(task) => Some(task.receiver()),
            Self::Analyze(task) => Some(task.receiver()),
            Self::Alert(task) => Some(task.receiver()),
            Self::Infer(task) => Some(&task.receiver),
            Self::Lane(task) => Some(&task.receiver),
        }
    }

    /// The cursors that a checkpoint shows.
    pub fn cursors(&self) -> Vec<(Upstream, Position)> {
        let cursors = self.receiver().map(Receiver::cursors).unwrap_or_default();
        cursors.iter().map(|cursor| (cursor.upstream, cursor.next)).collect()
    }

    /// Folds a frame inside a step that the caller has begun.
    pub fn step(&mut self, at: Offset, frame: &Frame<'_>, coin: u64, out: &mut Outputs) -> Option<Received> {
        Some(match self {
            Self::Ingest(_) => return None,
            Self::Correlate(task) => task.step(at, frame, out),
            Self::Analyze(task) => task.step(at, frame, out),
            Self::Alert(task) => task.step(at, frame, out),
            Self::Infer(task) => {
                task.answer.coin = coin;
                task.receiver.step(frame, &mut task.answer, out)
            }
            Self::Lane(task) => task.receiver.step(frame, &mut task.rows, out),
        })
    }

    /// Folds a frame as one step.
    pub fn fold(&mut self, at: Offset, frame: &Frame<'_>, coin: u64, out: &mut Outputs) -> Option<Received> {
        out.begin(at);
        let received = self.step(at, frame, coin, out);
        out.end(at.next(), self.mark());
        received
    }
}

/// Outputs of a task that goes on at a position, or begins there.
pub fn outputs(task: &TaskSpec, at: Offset, origin: bool, mark: EventTime, rules: Rules) -> Outputs {
    let out = match origin {
        true => Outputs::begin_at(task.upstream, &task.links, at, rules),
        false => Outputs::resume(task.upstream, &task.links, at, mark, rules),
    };
    match task.kind {
        Kind::Analyze => out.sending_as(analyze_link::FEEDBACK, Plan::feedback_upstream(task.number)),
        _ => out,
    }
}

/// The link of an outlet.
pub fn link_of(task: &TaskSpec, outlet: OutletIndex) -> usize {
    let mut first = 0;
    for (index, link) in task.links.iter().enumerate() {
        first += link.partitions;
        if outlet.0 < first {
            return index;
        }
    }
    task.links.len()
}

/// The program that an owner with this variant runs, and its logic version.
pub fn choose(config: &Config, programs: &Programs, variant: u64) -> (Arc<Program>, u64) {
    match variant % 4 {
        0 if !config.rules.has(Rule::LogicalBounds) => (Arc::clone(&programs.tight), programs.main.generation),
        _ => (Arc::clone(&programs.main), programs.main.generation),
    }
}
