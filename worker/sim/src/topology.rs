//! Tasks and logs of one generation: who reads what and feeds what.

use crate::program::{PARTITIONS, Programs};
use logloom_chain::log::{LinkSpec, Upstream};
use logloom_chain::stage::plan::{Plan, alert_link, analyze_link, correlate_link, ingest_link};

/// Index of a log in the world.
pub type LogId = usize;
/// Index of a task in the world.
pub type TaskId = usize;

/// What a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reads a source partition.
    Ingest,
    /// Reads a partition of joins.
    Correlate,
    /// Reads a partition of panes.
    Analyze,
    /// Reads insights.
    Alert,
    /// A non-deterministic stage: adds an answer to every aggregate.
    Infer,
    /// Writes aggregates by id and revision.
    ById,
    /// Writes events into objects.
    Objects,
    /// Writes scored aggregates in transactions.
    Transaction,
}

impl Kind {
    /// Its name in object names and traces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Correlate => "correlate",
            Self::Analyze => "analyze",
            Self::Alert => "alert",
            Self::Infer => "infer",
            Self::ById => "by-id",
            Self::Objects => "objects",
            Self::Transaction => "transaction",
        }
    }

    /// Whether its place is kept by checkpoints (the others keep it in what they write).
    pub const fn has_checkpoints(self) -> bool {
        !matches!(self, Self::Objects | Self::Transaction)
    }
}

/// What a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A source partition.
    Source(usize),
    /// An internal log.
    Log(LogId),
}

/// A task.
#[derive(Debug, Clone)]
pub struct TaskSpec {
    /// What it is.
    pub kind: Kind,
    /// Its partition.
    pub number: u16,
    /// Its generation, from 0.
    pub generation: usize,
    /// What it reads.
    pub input: Input,
    /// Its number on the links that it feeds.
    pub upstream: Upstream,
    /// The links that it feeds.
    pub links: Vec<LinkSpec>,
    /// The log of each outlet, in order.
    pub outlets: Vec<LogId>,
}

/// A log.
#[derive(Debug, Clone)]
pub struct LogSpec {
    /// Its link.
    pub name: &'static str,
    /// Its generation.
    pub generation: usize,
    /// Who sends, by number, and whether its marks count for time.
    pub senders: Vec<(Upstream, bool, TaskId)>,
    /// Who reads.
    pub readers: Vec<TaskId>,
}

/// Everything of one generation.
#[derive(Debug, Default)]
pub struct Topology {
    /// Tasks; their indices begin where the world's end.
    pub tasks: Vec<TaskSpec>,
    /// Logs, likewise.
    pub logs: Vec<LogSpec>,
}

struct Builder<'p> {
    plan: &'p Plan,
    generation: usize,
    first_task: TaskId,
    first_log: LogId,
    made: Topology,
}

/// The tasks and logs of a generation; `two_outlets` gives inference a second outlet (rule `one-outlet` off).
pub fn generation(
    programs: &Programs,
    generation: usize,
    first_task: TaskId,
    first_log: LogId,
    two_outlets: bool,
) -> Topology {
    let mut builder = Builder { plan: &programs.plan, generation, first_task, first_log, made: Topology::default() };
    let joins = builder.logs("joins", programs.plan.joins);
    let panes = builder.logs("panes", programs.plan.panes);
    let late = builder.logs("late", 1);
    let in_ingest = programs.plan.panes_in_ingest;
    let insights = builder.logs("insights", 1);
    let events = builder.logs("events", 1);
    let aggregates = builder.logs("aggregates", 1);
    let scored = builder.logs("scored", if two_outlets { 2 } else { 1 });
    for number in 0..PARTITIONS {
        let mut outlets = joins.clone();
        outlets.extend(["deadletter", "templates", "ingest-ledger"].into_iter().flat_map(|name| builder.logs(name, 1)));
        if in_ingest {
            outlets.extend(panes.iter().chain(&late));
        }
        let upstream = Upstream(number as u32);
        builder.task(
            Kind::Ingest,
            number as u16,
            Input::Source(number),
            upstream,
            builder.plan.ingest_links(),
            outlets,
        );
    }
    for (number, log) in joins.iter().enumerate() {
        let mut outlets = if in_ingest { events.clone() } else { [panes.as_slice(), &events, &late].concat() };
        outlets.extend(builder.logs("correlate-ledger", 1));
        let upstream = Upstream(number as u32);
        builder.task(
            Kind::Correlate,
            number as u16,
            Input::Log(*log),
            upstream,
            builder.plan.correlate_links(),
            outlets,
        );
    }
    for (number, log) in panes.iter().enumerate() {
        let outlets = if in_ingest { insights.clone() } else { [insights.as_slice(), joins.as_slice()].concat() };
        let upstream = Upstream(number as u32);
        builder.task(
            Kind::Analyze,
            number as u16,
            Input::Log(*log),
            upstream,
            builder.plan.analyze_links(&programs.main),
            outlets,
        );
    }
    let mut outlets = aggregates.clone();
    outlets.extend(["alerts", "findings"].into_iter().flat_map(|name| builder.logs(name, 1)));
    builder.task(Kind::Alert, 0, Input::Log(insights[0]), Upstream(0), builder.plan.alert_links(), outlets);
    let links = vec![LinkSpec { name: "scored", partitions: scored.len() as u16, fates: true, provisionals: false }];
    builder.task(Kind::Infer, 0, Input::Log(aggregates[0]), Upstream(0), links, scored.clone());
    builder.task(Kind::ById, 0, Input::Log(aggregates[0]), Upstream(0), Vec::new(), Vec::new());
    builder.task(Kind::Objects, 0, Input::Log(events[0]), Upstream(0), Vec::new(), Vec::new());
    builder.task(Kind::Transaction, 0, Input::Log(scored[0]), Upstream(0), Vec::new(), Vec::new());
    builder.made
}

impl Builder<'_> {
    fn logs(&mut self, name: &'static str, partitions: u16) -> Vec<LogId> {
        let first = self.first_log + self.made.logs.len();
        let log = LogSpec { name, generation: self.generation, senders: Vec::new(), readers: Vec::new() };
        self.made.logs.extend((0..partitions).map(|_| log.clone()));
        (first..first + usize::from(partitions)).collect()
    }

    fn task(
        &mut self,
        kind: Kind,
        number: u16,
        input: Input,
        upstream: Upstream,
        links: Vec<LinkSpec>,
        outlets: Vec<LogId>,
    ) {
        let id = self.first_task + self.made.tasks.len();
        for (index, log) in outlets.iter().enumerate() {
            let feedback = kind == Kind::Analyze && index > 0;
            let sender = if feedback { Plan::feedback_upstream(number) } else { upstream };
            let senders = &mut self.made.logs[log - self.first_log].senders;
            if !senders.iter().any(|(known, _, _)| *known == sender) {
                senders.push((sender, !feedback, id));
            }
        }
        if let Input::Log(log) = input {
            self.made.logs[log - self.first_log].readers.push(id);
        }
        let generation = self.generation;
        self.made.tasks.push(TaskSpec { kind, number, generation, input, upstream, links, outlets });
    }
}

/// Links whose frames are a courtesy: nobody waits for their marks, so they go out with records, or when a
/// checkpoint needs them.
pub fn is_quiet(kind: Kind, link: usize) -> bool {
    match kind {
        Kind::Ingest => link != ingest_link::JOINS && link != ingest_link::PANES,
        Kind::Correlate => link != correlate_link::PANES && link != correlate_link::EVENTS,
        Kind::Analyze => link == analyze_link::FEEDBACK,
        Kind::Alert => link != alert_link::AGGREGATES,
        _ => false,
    }
}
