//! The world: logs, a store, owners, and a queue of what happens next. Time is the queue's; nothing else moves it.

use crate::config::{BEGIN, Config, MS, NEVER, SECOND, Time, Weather};
use crate::figures::Figures;
use crate::generations::Change;
use crate::lanes::{Piece, Sinks};
use crate::oracle::{self, Verdict};
use crate::owner::Owner;
use crate::program::{Pipelines, Programs};
use crate::rng::Rng;
use crate::source::{self, Shape, Source};
use crate::stage::{Parts, choose};
use crate::store::Store;
use crate::topology::{self, Kind, LogId, LogSpec, TaskId, TaskSpec};
use logloom_chain::log::repair::RepairRequest;
use logloom_chain::log::{FrameBytes, Offset, OutletIndex, Position, Rule, Upstream};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// An internal log.
#[derive(Debug, Default)]
pub struct Log {
    /// All entries, also trimmed ones: the oracle reads them.
    pub entries: Vec<FrameBytes>,
    /// First offset that an owner can still read.
    pub start: Offset,
}

/// How a frame fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In the log and acknowledged.
    Good,
    /// Not in the log, reported as failed.
    Lost,
    /// In the log, reported as failed.
    FalseError,
    /// Not in the log, reported as delivered.
    AckedLost,
}

/// A frame on its way.
#[derive(Debug)]
pub struct Sending {
    /// Where it goes.
    pub log: LogId,
    /// The frame.
    pub bytes: FrameBytes,
    /// Who sent it, in which producer session.
    pub owner: usize,
    /// Its session.
    pub session: usize,
    /// By which name its fate is reported.
    pub outlet: OutletIndex,
    /// The same.
    pub sequence: u64,
    /// What will become of it.
    pub delivery: Delivery,
}

/// What happens at an instant.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are who, in which producer session, and what")]
pub enum Event {
    /// A source partition gets lines.
    Arrive(usize),
    /// An owner's loop turns.
    Tick(usize),
    /// A frame reaches its log.
    Append(Box<Sending>),
    /// A delivery is reported as good.
    Ack { owner: usize, session: usize, outlet: OutletIndex, sequence: u64 },
    /// A delivery is reported as failed.
    Fail { owner: usize, session: usize },
    /// The broker looks where a source ends.
    Look { owner: usize, session: usize, sent: Time },
    /// Its answer reaches the owner.
    Answer { owner: usize, session: usize, sent: Time, end: Offset },
    /// An origin reaches the store.
    PutOrigin { owner: usize, candidate: Offset },
    /// A checkpoint reaches the store.
    PutCheckpoint { owner: usize, session: usize, position: Offset, bytes: Vec<u8> },
    /// An object of the object lane reaches the store.
    PutObject { owner: usize, session: usize, piece: Box<Piece> },
    /// A commit of the transactional lane reaches the broker.
    Commit { owner: usize, session: usize, piece: Box<Piece> },
    /// Tasks without an owner get one.
    Rebalance,
    /// Something breaks.
    Fault,
    /// An operator's loop turns.
    Operate(usize),
    /// The oracle looks.
    Check(usize),
}

/// What was found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// One word: LOSS, DUP, CONTENT, STALL, DIVERGE, …
    pub kind: &'static str,
    /// What exactly.
    pub detail: String,
}

impl Violation {
    /// A violation.
    pub fn new(kind: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// A run's result.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was found wrong, if anything.
    pub violation: Option<Violation>,
    /// What happened.
    pub figures: Figures,
}

/// A run.
pub struct World<'p> {
    pub(crate) config: Config,
    pub(crate) programs: &'p Programs,
    pub(crate) now: Time,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    events: BTreeMap<u64, Event>,
    next_event: u64,
    pub(crate) rng: Rng,
    pub(crate) figures: Figures,
    pub(crate) shape: Shape,
    pub(crate) faults_until: Time,
    /// Whether acknowledged frames may be lost, and how many more.
    pub(crate) acked_losses: u32,
    pub(crate) start_latest: bool,
    pub(crate) sources: Vec<Source>,
    pub(crate) tasks: Vec<TaskSpec>,
    pub(crate) log_specs: Vec<LogSpec>,
    pub(crate) logs: Vec<Log>,
    pub(crate) store: Store,
    pub(crate) owners: Vec<Owner>,
    /// Number of owners that a task has had: the newest is the rightful one.
    pub(crate) incarnations: Vec<u32>,
    /// Positions committed to the group, which nobody may trust.
    pub(crate) committed: Vec<Offset>,
    /// Requests for repair by task that sends, with the instant.
    pub(crate) requests: Vec<Vec<(Time, RepairRequest)>>,
    pub(crate) sinks: Sinks,
    pub(crate) change: Change,
    pub(crate) violation: Option<Violation>,
    pub(crate) parts: Vec<Parts>,
}

/// How long after the last fault, and the last line, the oracle looks at last.
pub const PATIENCE: [Time; 6] = [26 * SECOND, 14 * SECOND, 20 * SECOND, 40 * SECOND, 80 * SECOND, 160 * SECOND];
/// More events than this are a stall.
const MOST_EVENTS: u64 = 400_000;

/// Runs a seed to its end.
pub fn run(pipelines: &Pipelines, config: Config) -> Outcome {
    let mut world = World::new(pipelines.choose(&config), config);
    world.play();
    Outcome { violation: world.violation.take(), figures: world.figures }
}

impl<'p> World<'p> {
    fn new(programs: &'p Programs, config: Config) -> Self {
        let mut rng = Rng::new(config.seed);
        let until = BEGIN + rng.range(16, 34) * SECOND;
        let shape = Shape { strict: !rng.chance(250), until, pipeline: programs.pipeline };
        let faults_until = if config.weather == Weather::Calm { BEGIN } else { until + rng.range(-6, 9) * SECOND };
        let acked_losses = if rng.chance(350) && config.rules.has(Rule::Coverage) { 2 } else { 0 };
        let parts = [&programs.main, &programs.tight, &programs.other];
        let mut world = Self {
            now: BEGIN,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            figures: Figures::default(),
            shape,
            faults_until,
            acked_losses,
            start_latest: rng.chance(400),
            sources: source::generate(&mut rng, shape),
            tasks: Vec::new(),
            log_specs: Vec::new(),
            logs: Vec::new(),
            store: Store::default(),
            owners: Vec::new(),
            incarnations: Vec::new(),
            committed: Vec::new(),
            requests: Vec::new(),
            sinks: Sinks::default(),
            change: Change::default(),
            violation: None,
            parts: parts.map(|program| Parts::new(program, programs, config.rules)).to_vec(),
            rng,
            config,
            programs,
        };
        world.add_generation();
        world.plan_change();
        world.first_events();
        world
    }

    /// Adds tasks and logs of the next generation.
    pub(crate) fn add_generation(&mut self) {
        let number = self.tasks.last().map_or(0, |task| task.generation + 1);
        let two = !self.config.rules.has(Rule::OneOutlet);
        let made = topology::generation(self.programs, number, self.tasks.len(), self.log_specs.len(), two);
        self.logs.extend(made.logs.iter().map(|_| Log::default()));
        self.log_specs.extend(made.logs);
        for _ in &made.tasks {
            self.incarnations.push(0);
            self.committed.push(Offset::ZERO);
            self.requests.push(Vec::new());
            self.store.add_task();
        }
        self.tasks.extend(made.tasks);
    }

    fn first_events(&mut self) {
        for number in 0..self.sources.len() {
            if let Some(at) = self.sources[number].next_at() {
                self.at(at, Event::Arrive(number));
            }
        }
        let first = BEGIN + self.rng.range(200, 4_000) * MS;
        self.at(first, Event::Rebalance);
        if self.config.weather != Weather::Calm {
            let first = BEGIN + self.rng.range(2_000, 7_000) * MS;
            self.at(first, Event::Fault);
        }
        let last = self.faults_until.max(self.shape.until);
        self.at(last + PATIENCE[0], Event::Check(0));
    }

    fn play(&mut self) {
        let mut handled = 0;
        while let Some(Reverse((at, number))) = self.queue.pop() {
            let Some(event) = self.events.remove(&number) else { continue };
            self.now = at;
            handled += 1;
            if let Event::Check(count) = event {
                match oracle::check(self) {
                    Verdict::Clean => break,
                    Verdict::Wait(what) if count + 1 < PATIENCE.len() => {
                        self.trace(|| format!("the oracle waits: {}", what.detail));
                        self.at(at + PATIENCE[count + 1], Event::Check(count + 1));
                    }
                    Verdict::Wait(what) | Verdict::Wrong(what) => self.violation = Some(what),
                }
            } else {
                self.handle(event);
            }
            if self.violation.is_some() {
                break;
            }
            if handled > MOST_EVENTS {
                self.violation = Some(Violation::new("STALL", "too many events"));
                break;
            }
        }
        self.figures.events = handled;
        self.figures.seconds_simulated = ((self.now - BEGIN) / SECOND) as u64;
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Arrive(number) => {
                self.figures.lines += self.sources[number].append(self.now);
                if let Some(at) = self.sources[number].next_at() {
                    self.at(at, Event::Arrive(number));
                }
            }
            Event::Tick(owner) => self.tick(owner),
            Event::Append(sending) => self.append(*sending),
            Event::Ack { owner, session, outlet, sequence } => {
                if let Some(owner) = self.current(owner, session) {
                    owner.out.acked(outlet, sequence);
                }
            }
            Event::Fail { owner, session } => self.delivery_failed(owner, session),
            Event::Look { owner, session, sent } => self.look(owner, session, sent),
            Event::Answer { owner, session, sent, end } => self.answered(owner, session, sent, end),
            Event::PutOrigin { owner, candidate } => self.put_origin(owner, candidate),
            Event::PutCheckpoint { owner, session, position, bytes } => {
                self.put_checkpoint(owner, session, position, bytes)
            }
            Event::PutObject { owner, session, piece } => self.put_object(owner, session, *piece),
            Event::Commit { owner, session, piece } => self.commit(owner, session, *piece),
            Event::Rebalance => self.rebalance(),
            Event::Fault => self.fault(),
            Event::Operate(operator) => self.operate(operator),
            Event::Check(_) => {}
        }
    }

    /// Something happens at an instant; what was said first happens first.
    pub(crate) fn at(&mut self, at: Time, event: Event) {
        self.next_event += 1;
        self.queue.push(Reverse((at.max(self.now), self.next_event)));
        self.events.insert(self.next_event, event);
    }

    /// Something happens after some milliseconds, drawn from a range.
    pub(crate) fn after(&mut self, range: (i64, i64), event: Event) {
        let at = self.now + self.rng.range(range.0, range.1) * MS;
        self.at(at, event);
    }

    /// Faults still strike.
    pub(crate) fn is_faulty(&self) -> bool {
        self.now < self.faults_until
    }

    /// True when a fault of this rarity strikes now.
    pub(crate) fn strikes(&mut self, per_mille: u64) -> bool {
        let factor = if self.config.weather == Weather::Storm { 4 } else { 1 };
        self.is_faulty() && self.rng.chance(per_mille * factor)
    }

    pub(crate) fn has(&self, rule: Rule) -> bool {
        self.config.rules.has(rule)
    }

    pub(crate) fn trace(&self, line: impl FnOnce() -> String) {
        if self.config.trace {
            #[expect(clippy::print_stdout, reason = "that is what a trace is")]
            {
                println!("{:>9.3} {}", (self.now - BEGIN) as f64 / 1e6, line());
            }
        }
    }

    /// The owner, if it lives and still is in this session.
    pub(crate) fn current(&mut self, owner: usize, session: usize) -> Option<&mut Owner> {
        self.owners.get_mut(owner).filter(|owner| owner.alive && owner.session == session)
    }

    /// Tasks without a rightful owner get one.
    fn rebalance(&mut self) {
        for task in 0..self.tasks.len() {
            let mut owners = self.owners.iter().filter(|owner| owner.task == task && owner.alive);
            let rightful = owners.clone().any(|owner| owner.zombie_until == NEVER);
            if !rightful && owners.by_ref().count() < 4 && self.may_start(task) {
                self.spawn(task, None);
            }
        }
        self.after((500, 2_600), Event::Rebalance);
    }

    /// A new owner; `other_logic` for one of another logic version.
    pub(crate) fn spawn(&mut self, task: TaskId, other_logic: Option<()>) {
        let number = self.owners.len();
        self.incarnations[task] += 1;
        let variant = self.rng.next();
        let (mut parts, mut logic) = (0, self.programs.main.generation);
        if other_logic.is_some() {
            (parts, logic) = (2, self.programs.other.generation);
        } else if std::sync::Arc::ptr_eq(&choose(&self.config, self.programs, variant).0, &self.programs.tight) {
            parts = 1;
        }
        let owner = Owner::new(self, number, task, variant, parts, logic);
        self.owners.push(owner);
        self.figures.owners += 1;
        self.trace(|| format!("owner {number} of {} {} begins", self.tasks[task].kind.name(), self.tasks[task].number));
        self.begin(number);
        let at = self.now + MS;
        self.at(at, Event::Tick(number));
    }

    /// An owner dies without a word.
    pub(crate) fn kill(&mut self, number: usize) {
        if self.owners[number].alive {
            self.figures.kills += 1;
            self.trace(|| format!("owner {number} dies"));
            self.end_session(number);
            self.owners[number].alive = false;
            self.owners[number].body = None;
        }
    }

    /// The producer session of an owner ends; frames in flight may land for a while.
    pub(crate) fn end_session(&mut self, number: usize) {
        let until = if self.rng.chance(300) { self.now } else { self.now + self.rng.range(0, 28_000) * MS };
        let owner = &mut self.owners[number];
        owner.lands_until.push(until);
        owner.session += 1;
        owner.asking = false;
    }

    /// Who sends under a number in a log.
    pub(crate) fn sender(&self, log: LogId, upstream: Upstream) -> Option<TaskId> {
        self.log_specs[log].senders.iter().find(|(known, _, _)| *known == upstream).map(|(_, _, task)| *task)
    }

    /// Senders of a log as a receiver knows them.
    pub(crate) fn upstreams(&self, log: LogId) -> Vec<(Upstream, bool)> {
        self.log_specs[log].senders.iter().map(|(upstream, timed, _)| (*upstream, *timed)).collect()
    }

    /// What one reader of an outlet durably has of a task.
    pub(crate) fn durable_next(&self, reader: TaskId, log: LogId, task: TaskId) -> Offset {
        let number = self.log_specs[log].senders.iter().find(|(_, _, sender)| *sender == task);
        let Some((upstream, _, _)) = number else { return Offset::ZERO };
        let cursors = match self.tasks[reader].kind {
            Kind::Objects | Kind::Transaction => self.sinks.cursors(reader),
            _ => self.store.newest_cursors(reader),
        };
        let found = cursors.iter().find(|(known, _)| known == upstream);
        found.map_or(Offset::ZERO, |(_, next)| Position::at(next.offset).offset)
    }
}
