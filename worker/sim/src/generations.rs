//! Change of generation (R22): operators seal, cut, close and carry, any number of them, each of which may die at any
//! instant. All that they share is the logs and create-only objects.
//!
//! ```text
//!  Seal ──► Cut ──► Close: first what ingest feeds, at the cut; then, log by log, what has senders that are all finished
//!           max of     └──► when every stage is finished: final checkpoints become origins of new logs, new owners
//!           frozen
//! ```
//!
//! Every log is closed, also those that only lanes read: a sender that is finished sends nothing more, so nothing else would
//! show a reader that the last frames were lost.

use crate::config::{BEGIN, MS, NEVER, SECOND, Time};
use crate::stage::Body;
use crate::topology::{Input, Kind, LogId, TaskId};
use crate::world::{Event, World};
use logloom_chain::log::checkpoint::{Checkpoint, ObjectName, candidates};
use logloom_chain::log::frame::{Control, FrameBuilder};
use logloom_chain::log::generation::{Cut, Frozen, carried_state};
use logloom_chain::log::origin::origin_object;
use logloom_chain::log::{Fold, FrameBytes, Offset, Outputs, Receiver, Rule, Upstream};
use logloom_chain::time::EventTime;
use std::collections::BTreeMap;

/// Operators of one change at most.
const CROWD: usize = 6;

/// How long after the close an owner hears of the cut: one of these.
const LEARNS_AFTER: [Time; 4] = [0, 4 * SECOND, 20 * SECOND, 45 * SECOND];

/// What an operator does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Seal,
    Cut,
    Close,
    Done,
}

#[derive(Debug)]
struct Operator {
    alive: bool,
    phase: Phase,
    /// What it goes by: the object's, or (rule `cut-from-logs` off) its own.
    cut: Option<Cut>,
}

/// Where the change stands.
#[derive(Debug, Default)]
pub struct Change {
    planned: bool,
    operators: Vec<Operator>,
    /// The create-only object.
    cut: Option<Cut>,
    /// Per upstream, the least frozen cursor: from there on frames may have met sealed logs.
    least: BTreeMap<Upstream, Offset>,
    /// Some log is sealed.
    sealed: bool,
    /// When every log that was sealed was closed.
    closed: Option<Time>,
    /// The new generation has begun.
    carried: bool,
    /// Nothing is left to be done.
    complete: bool,
}

struct Nothing;

impl Fold for Nothing {
    fn record(&mut self, _: Upstream, _: logloom_chain::log::Position, _: &[u8], _: &mut Outputs) {}

    fn time(&mut self, _: EventTime, _: &mut Outputs) {}
}

impl World<'_> {
    /// Three runs in ten have a change of generation.
    pub(crate) fn plan_change(&mut self) {
        if self.rng.chance(300) {
            self.change.planned = true;
            let at = self.rng.range(BEGIN + 5 * SECOND, self.shape.until);
            self.new_operator(at);
        }
    }

    /// True while a change is not complete.
    pub(crate) fn is_changing(&self) -> bool {
        self.change.planned && !self.change.complete
    }

    fn new_operator(&mut self, at: i64) {
        if self.change.operators.len() < CROWD {
            self.figures.operators += 1;
            self.change.operators.push(Operator { alive: true, phase: Phase::Seal, cut: None });
            self.at(at, Event::Operate(self.change.operators.len() - 1));
        }
    }

    /// One turn of an operator's loop.
    pub(crate) fn operate(&mut self, number: usize) {
        if !self.change.operators[number].alive || self.change.complete {
            return;
        }
        if self.change.operators.len() < CROWD && self.is_faulty() && self.rng.chance(120) {
            let at = self.now + self.rng.range(100, 3_000) * MS;
            self.new_operator(at);
        }
        let dies = self.is_faulty() && self.change.operators.len() < CROWD && self.rng.chance(80);
        self.work(number, dies);
        if dies {
            self.trace(|| format!("operator {number} dies"));
            self.change.operators[number].alive = false;
            let at = self.now + self.rng.range(500, 4_000) * MS;
            return self.new_operator(at);
        }
        self.after((200, 1_500), Event::Operate(number));
    }

    fn work(&mut self, number: usize, dies: bool) {
        let next = match self.change.operators[number].phase {
            Phase::Seal if !self.has(Rule::Seal) => self.stop_and_take(number),
            Phase::Seal => {
                self.change.sealed = true;
                self.append_to(&self.first_logs(), &FrameBuilder::seal(), dies);
                Some(Phase::Cut)
            }
            Phase::Cut => self.compute_cut(number),
            Phase::Close if !self.has(Rule::TopUp) => self.stop_and_take(number),
            Phase::Close => self.close(number, dies),
            Phase::Done => None,
        };
        if let Some(next) = next.filter(|_| !dies) {
            self.trace(|| format!("operator {number}: {next:?}"));
            self.change.operators[number].phase = next;
        }
    }

    /// Logs of the first generation that have senders.
    fn old_logs(&self) -> impl Iterator<Item = LogId> {
        (0..self.logs.len())
            .filter(|log| self.log_specs[*log].generation == 0 && !self.log_specs[*log].senders.is_empty())
    }

    /// Logs that are sealed, and closed at the cut: all that ingest feeds. With joins alone, what ingest had sent beyond the
    /// cut on the others would stand there twice, once per generation.
    fn first_logs(&self) -> Vec<LogId> {
        self.old_logs().filter(|log| self.is_first(*log)).collect()
    }

    fn is_first(&self, log: LogId) -> bool {
        self.log_specs[log].senders.iter().any(|(_, _, task)| self.tasks[*task].kind == Kind::Ingest)
    }

    /// Appends a control entry to logs; who dies does so in the middle.
    fn append_to(&mut self, logs: &[LogId], entry: &FrameBytes, dies: bool) {
        let written = if dies { logs.len() / 2 } else { logs.len() };
        for log in &logs[..written] {
            self.logs[*log].entries.push(entry.clone());
        }
    }

    /// The fold of a log's receiver, as far as the log goes, and where it finished.
    fn follow(&self, log: LogId) -> (Receiver, Option<Offset>) {
        let fresh = self.log_specs[log].readers.first().map(|reader| self.fresh(*reader, 0));
        let receiver = fresh.as_ref().and_then(|fresh| fresh.receiver().cloned());
        let mut receiver = receiver.unwrap_or_else(|| Receiver::new(self.upstreams(log), self.config.rules));
        let mut out = Outputs::resume(Upstream(0), &[], Offset::ZERO, EventTime::MIN, self.config.rules);
        for (offset, bytes) in self.logs[log].entries.iter().enumerate() {
            if let Ok(frame) = bytes.decode() {
                receiver.step(&frame, &mut Nothing, &mut out);
            }
            if receiver.is_finished() {
                return (receiver, Some(Offset(offset as u64 + 1)));
            }
        }
        (receiver, None)
    }

    /// The cut, from the frozen cursors of every log; only the first that is stored counts.
    fn compute_cut(&mut self, number: usize) -> Option<Phase> {
        let mut frozen = Vec::new();
        for log in self.first_logs() {
            let (receiver, _) = self.follow(log);
            let Some(vector) = receiver.phase().frozen(receiver.cursors()) else {
                return Some(Phase::Seal);
            };
            frozen.push(vector);
        }
        let least = least(&frozen);
        if self.change.least.is_empty() {
            self.change.least = least.pairs().iter().copied().collect();
        }
        let cut = if self.has(Rule::CutIsMaximum) { Cut::of(&frozen) } else { least };
        let cut =
            if self.has(Rule::CutFromLogs) { self.change.cut.get_or_insert(cut).clone() } else { self.believed(&cut) };
        self.change.cut.get_or_insert(cut.clone());
        self.change.operators[number].cut = Some(cut);
        Some(Phase::Close)
    }

    /// What an operator without the logs believes: where the owners that it can see stand (rule `cut-from-logs` off).
    fn believed(&self, cut: &Cut) -> Cut {
        let stands = |upstream: Upstream, end: Offset| {
            let owners = self.owners.iter().filter(|owner| owner.alive && owner.task == upstream.0 as usize);
            owners.map(|owner| owner.position).max().unwrap_or_default().max(end)
        };
        let pairs = cut.pairs().iter().map(|(upstream, end)| (*upstream, stands(*upstream, *end))).collect();
        Cut::from_pairs(pairs).unwrap_or_default()
    }

    /// Closes what can be closed, and begins the new generation once all stages are finished.
    fn close(&mut self, number: usize, dies: bool) -> Option<Phase> {
        let cut = self.change.operators[number].cut.clone()?;
        let open: Vec<LogId> = self.old_logs().filter(|log| !self.is_closed(*log)).collect();
        let ready: Vec<_> = open.iter().filter_map(|log| Some((*log, self.cuts_of(*log, &cut)?))).collect();
        let written = if dies { ready.len() / 2 } else { ready.len() };
        for (log, cuts) in &ready[..written] {
            self.logs[*log].entries.push(FrameBuilder::close(cuts));
        }
        if dies {
            return None;
        }
        self.change.closed.get_or_insert(self.now);
        if !self.change.carried {
            self.carry(number, &cut);
        }
        self.change.complete = self.change.carried && open.len() == ready.len();
        self.change.complete.then_some(Phase::Done)
    }

    /// Where the senders of a log end, once that is known. Feedback has no end.
    fn cuts_of(&self, log: LogId, cut: &Cut) -> Option<Vec<(Upstream, Offset)>> {
        if self.is_first(log) {
            return Some(cut.pairs().to_vec());
        }
        let end = |(upstream, _, task): &(Upstream, bool, TaskId)| match self.tasks[*task].input {
            Input::Source(_) => None,
            Input::Log(input) => Some((*upstream, self.follow(input).1?)),
        };
        self.log_specs[log].senders.iter().map(end).collect()
    }

    fn is_closed(&self, log: LogId) -> bool {
        let closes =
            |bytes: &FrameBytes| bytes.decode().is_ok_and(|frame| matches!(frame.control(), Some(Control::Close(_))));
        self.logs[log].entries.iter().any(closes)
    }

    /// Final checkpoints become the origins of the new generation.
    fn carry(&mut self, number: usize, cut: &Cut) -> Option<()> {
        let mut states = BTreeMap::new();
        for task in self.stages() {
            let name = match self.tasks[task].input {
                // Nothing of it was taken: it begins in the new generation as it would have in this one.
                Input::Source(_) if cut.get(self.tasks[task].upstream) <= *self.sinks.origins.get(&task)? => {
                    ObjectName::Origin
                }
                Input::Source(_) => ObjectName::At(cut.get(self.tasks[task].upstream)),
                Input::Log(log) => ObjectName::At(self.follow(log).1?),
            };
            let Some(state) = self.state_at(task, name) else {
                self.trace(|| format!("operator {number} waits for task {task}: {name:?}"));
                return None;
            };
            states.insert(task, state);
        }
        self.begin_next(cut, states);
        Some(())
    }

    fn state_at(&self, task: TaskId, name: ObjectName) -> Option<Vec<u8>> {
        let bytes = self.store.get(task, name)?;
        Checkpoint::decode(bytes).ok().map(|checkpoint| checkpoint.state.to_vec())
    }

    /// The naive way: take what the stores hold, and go on from there (rules `seal` and `top-up` off).
    fn stop_and_take(&mut self, number: usize) -> Option<Phase> {
        let mut pairs = Vec::new();
        let mut states = BTreeMap::new();
        for task in self.stages() {
            let names = candidates(&self.store.list(task), Offset::ZERO, None);
            let newest = names.iter().find_map(|name| Some((*name, self.state_at(task, *name)?)))?;
            if let (Input::Source(_), ObjectName::At(at)) = (self.tasks[task].input, newest.0) {
                pairs.push((self.tasks[task].upstream, at));
            }
            states.insert(task, newest.1);
        }
        let taken = Cut::from_pairs(pairs).filter(|cut| cut.pairs().len() == self.sources.len())?;
        let cut = self.change.operators[number].cut.clone().unwrap_or(taken);
        self.change.cut.get_or_insert(cut.clone());
        self.begin_next(&cut, states);
        self.change.complete = true;
        Some(Phase::Done)
    }

    /// Tasks of the first generation whose state is carried.
    fn stages(&self) -> Vec<TaskId> {
        let carried = |task: &TaskId| {
            matches!(self.tasks[*task].kind, Kind::Ingest | Kind::Correlate | Kind::Analyze | Kind::Alert)
        };
        (0..self.tasks.len()).filter(|task| self.tasks[*task].generation == 0).filter(carried).collect()
    }

    fn begin_next(&mut self, cut: &Cut, states: BTreeMap<TaskId, Vec<u8>>) {
        if self.change.carried {
            return;
        }
        let first = self.tasks.len();
        self.add_generation();
        for (old, state) in states {
            let new = first + old;
            let (at, state) = match self.tasks[new].input {
                Input::Source(_) => {
                    let origin = self.sinks.origins.get(&old).copied().unwrap_or_default();
                    (cut.get(self.tasks[new].upstream).max(origin), state)
                }
                Input::Log(_) => (Offset::ZERO, carried_state(&state).unwrap_or_default()),
            };
            let logic = self.programs.main.generation;
            let bytes = origin_object(self.name_of(new), at, logic, self.identity_of(new), &state);
            self.store.put_if_absent(new, ObjectName::Origin, bytes);
            self.sinks.note_origin(new, at);
        }
        self.change.carried = true;
        self.figures.generations += 1;
        self.trace(|| format!("the new generation begins at {:?}", cut.pairs()));
    }

    /// What sealed logs that nobody reads in here have of an ingest task. Whoever reads them elsewhere holds up the trim
    /// of their sender's checkpoints (R13); else nothing is left from which to fill them up to the cut.
    pub(crate) fn taken_of_sealed(&self, task: TaskId) -> Option<Offset> {
        let spec = &self.tasks[task];
        if !self.change.sealed || spec.generation > 0 || spec.kind != Kind::Ingest {
            return None;
        }
        let unread = spec.outlets.iter().filter(|log| self.log_specs[**log].readers.is_empty());
        unread.filter_map(|log| Some(self.follow(*log).0.cursor(spec.upstream)?.next.offset)).min()
    }

    /// Whether owners of a task are started.
    pub(crate) fn may_start(&self, task: TaskId) -> bool {
        let spec = &self.tasks[task];
        let first =
            spec.generation == 0 || !spec.kind.has_checkpoints() || matches!(spec.kind, Kind::Infer | Kind::ById);
        first || !self.store.list(task).is_empty()
    }

    /// Where an ingest task ends in its generation.
    pub(crate) fn ends(&self, task: TaskId) -> Option<Offset> {
        let spec = &self.tasks[task];
        let cut = self.change.cut.as_ref().filter(|_| spec.generation == 0 && spec.kind == Kind::Ingest)?;
        Some(cut.get(spec.upstream))
    }

    /// An ingest owner learns of the cut, and goes back to where frames may have met a sealed log. Superseded owners
    /// learn nothing; some of the others learn so late that logs have asked for repair, and frames lie across the cut.
    pub(crate) fn learn_cut(&mut self, number: usize) {
        let task = self.owners[number].task;
        let owner = &self.owners[number];
        let learns_after = LEARNS_AFTER[(owner.variant >> 8) as usize % LEARNS_AFTER.len()];
        let knows = self.change.closed.is_some_and(|closed| self.now >= closed + learns_after);
        if owner.ends_at.is_some() || !knows || owner.zombie_until != NEVER {
            return;
        }
        let (Some(end), Input::Source(source)) = (self.ends(task), self.tasks[task].input) else { return };
        let least = self.change.least.get(&self.tasks[task].upstream).copied().unwrap_or_default().min(end);
        let (listing, start) = (self.store.list(task), self.sources[source].start);
        let mut names = candidates(&listing, start, Some(least));
        // Nothing is left so far back once every receiver has more than that: then the oldest is far enough.
        names.extend(candidates(&listing, start, Some(end)).into_iter().rev());
        self.end_session(number);
        self.load(number, &names);
        self.owners[number].ends_at = Some(end);
    }

    /// True when the owner's task has nothing more to do in its generation.
    pub(crate) fn is_finished(&self, number: usize) -> bool {
        let owner = &self.owners[number];
        let receiver = owner.body.as_ref().and_then(Body::receiver);
        receiver.is_some_and(Receiver::is_finished) || owner.ends_at.is_some_and(|end| owner.position >= end)
    }
}

/// The least cursor per upstream (rule `cut-is-maximum` off).
fn least(frozen: &[Frozen]) -> Cut {
    let mut least = BTreeMap::<Upstream, Offset>::new();
    for (upstream, next) in frozen.iter().flat_map(Frozen::iter) {
        let entry = least.entry(upstream).or_insert(next.offset);
        *entry = (*entry).min(next.offset);
    }
    Cut::from_pairs(least.into_iter().collect()).unwrap_or_default()
}
