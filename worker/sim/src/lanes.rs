//! Sinks (R11, R21): a store by id and revision, objects cut by the clock, and a transactional topic.
//!
//! ```text
//!  events ─► Objects      an object named by its start alone, put if absent, is the commit: whoever loses goes on from
//!                         the winner's end and cursors
//!  scored ─► Transaction  rows, position and cursors in one commit; superseded owners are fenced
//!  aggregates ─► ById     id and external revision; an older revision changes nothing
//! ```

use crate::config::{MS, Time};
use crate::program::Programs;
use crate::stage::{Body, Row};
use crate::topology::{Input, LogId, TaskId};
use crate::world::{Event, World};
use logloom_chain::aggregate::AggregateRecord;
use logloom_chain::log::{Offset, Position, Rule, Upstream};
use logloom_chain::wire::Reader;
use std::collections::{BTreeMap, VecDeque};

/// An object, or a commit.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    /// First input offset that it covers.
    pub start: Offset,
    /// The offset behind it.
    pub end: Offset,
    /// Its rows.
    pub rows: Vec<Row>,
    /// The lane's state at `end`.
    pub state: Vec<u8>,
    /// The same cursors, readable.
    pub cursors: Vec<(Upstream, Position)>,
}

/// What a lane's owner has on its way.
#[derive(Debug, Default)]
pub struct LaneOwner {
    /// Where the next piece starts.
    start: Offset,
    waiting: VecDeque<Piece>,
    putting: bool,
    last: Time,
}

/// A document: its revision, and what it says.
pub type Document = (u32, Vec<u8>);

/// Everything that sinks hold, and what the world remembers for the oracle.
#[derive(Debug, Default)]
pub struct Sinks {
    /// Objects per lane by (start, end or 0).
    pub objects: BTreeMap<TaskId, BTreeMap<(Offset, Offset), Piece>>,
    /// The transactional topic per lane: rows in order.
    pub topic: BTreeMap<TaskId, Vec<Row>>,
    /// The last commit per lane.
    pub commits: BTreeMap<TaskId, Piece>,
    /// Documents by id.
    pub documents: BTreeMap<u128, Document>,
    /// Where tasks began.
    pub origins: BTreeMap<TaskId, Offset>,
    /// State hashes by task and position, of all owners.
    pub states: BTreeMap<(TaskId, Offset), u64>,
    trims: BTreeMap<(LogId, TaskId), Offset>,
}

impl Sinks {
    /// A task begins here; only the first counts.
    pub fn note_origin(&mut self, task: TaskId, at: Offset) {
        self.origins.entry(task).or_insert(at);
    }

    /// Some owner holds this state at a position.
    ///
    /// # Errors
    /// The hash that another owner had.
    pub fn note_state(&mut self, task: TaskId, at: Offset, hash: u64) -> Result<(), u64> {
        let known = *self.states.entry((task, at)).or_insert(hash);
        if known == hash { Ok(()) } else { Err(known) }
    }

    /// A reader needs nothing below; what no reader needs.
    pub fn note_trim(&mut self, log: LogId, task: TaskId, below: Offset, readers: &[TaskId]) -> Offset {
        self.trims.insert((log, task), below);
        let least = readers.iter().map(|reader| self.trims.get(&(log, *reader)).copied().unwrap_or_default());
        least.min().unwrap_or_default()
    }

    /// The durable cursors of a lane.
    pub fn cursors(&self, task: TaskId) -> &[(Upstream, Position)] {
        let piece = self.commits.get(&task).or_else(|| self.chain(task).last());
        piece.map_or(&[], |piece| &piece.cursors)
    }

    /// The objects of a lane that count, in order.
    pub fn chain(&self, task: TaskId) -> impl Iterator<Item = &Piece> {
        let objects = self.objects.get(&task);
        let at = move |start: Offset| {
            objects.and_then(|all| all.range((start, Offset::ZERO)..).next()).filter(|(name, _)| name.0 == start)
        };
        let first = at(Offset::ZERO).map(|(_, piece)| piece);
        std::iter::successors(first, move |piece| at(piece.end).map(|(_, piece)| piece))
    }
}

/// Id and revision of an aggregate.
pub fn id_and_revision(programs: &Programs, payload: &[u8]) -> Option<(u128, u32)> {
    let record = AggregateRecord::load(&mut Reader::new(payload)).ok()?;
    Some((record.id(&programs.main.definition).0, record.revision))
}

impl World<'_> {
    /// A lane begins where its newest object or commit ends (R21).
    pub(crate) fn load_lane(&mut self, number: usize) {
        let task = self.owners[number].task;
        let by_range = !self.has(Rule::ObjectsByStart);
        let piece = match self.sinks.commits.get(&task) {
            Some(commit) => Some(commit),
            None if by_range => {
                self.sinks.objects.get(&task).and_then(|all| all.values().max_by_key(|piece| piece.end))
            }
            None => self.sinks.chain(task).last(),
        };
        let parts = &self.parts[self.owners[number].parts];
        let loaded = piece.map(|piece| (Body::load(&self.tasks[task], parts, &piece.state), piece.end));
        let (body, at) = match loaded {
            Some((Ok(body), end)) => (body, end),
            _ => (self.fresh(task, 0), Offset::ZERO),
        };
        let out = crate::stage::outputs(&self.tasks[task], at, false, body.mark(), self.config.rules);
        self.trace(|| format!("owner {number} of lane {task} goes on at {at}"));
        self.hold(number, body, out, at, None);
        let now = self.now;
        self.owners[number].lane = LaneOwner { start: at, last: now, ..LaneOwner::default() };
    }

    /// What a sink does behind each step: documents leave at once, and may come twice.
    pub(crate) fn lane_after_step(&mut self, number: usize) {
        let task = self.owners[number].task;
        if !matches!(self.tasks[task].kind, crate::topology::Kind::ById) {
            return;
        }
        let Some(Body::Lane(lane)) = &mut self.owners[number].body else { return };
        for row in std::mem::take(&mut lane.rows.0) {
            let Some((id, revision)) = id_and_revision(self.programs, &row.payload) else { continue };
            let known = self.sinks.documents.get(&id).map(|(revision, _)| *revision);
            if known.is_none_or(|known| known < revision) {
                self.sinks.documents.insert(id, (revision, row.payload));
            }
        }
    }

    /// A lane's loop: cuts by its clock, and puts what is cut.
    pub(crate) fn lane_tick(&mut self, number: usize) {
        let now = self.now;
        let pause = self.rng.range(1_300, 5_000) * MS;
        let owner = &mut self.owners[number];
        let position = owner.position;
        if now - owner.lane.last >= pause && position > owner.lane.start {
            let Some(Body::Lane(lane)) = &mut owner.body else { return };
            let rows = std::mem::take(&mut lane.rows.0);
            let (start, body) = (owner.lane.start, owner.body.as_ref());
            let (state, cursors) = body.map(|body| (body.save(), body.cursors())).unwrap_or_default();
            owner.lane.waiting.push_back(Piece { start, end: position, rows, state, cursors });
            owner.lane.start = position;
            owner.lane.last = now;
        }
        let owner = &mut self.owners[number];
        if owner.lane.putting || owner.lane.waiting.is_empty() {
            return;
        }
        owner.lane.putting = true;
        let Some(piece) = owner.lane.waiting.pop_front().map(Box::new) else { return };
        let session = owner.session;
        let transaction = self.tasks[owner.task].kind == crate::topology::Kind::Transaction;
        let slow = self.strikes(60);
        let range = if slow { (6_000, 40_000) } else { (60, 900) };
        let event = match transaction {
            true => Event::Commit { owner: number, session, piece },
            false => Event::PutObject { owner: number, session, piece },
        };
        self.after(range, event);
    }

    /// An object reaches the store. A dead owner's may too.
    pub(crate) fn put_object(&mut self, number: usize, session: usize, piece: Piece) {
        let current = self.current(number, session).is_some();
        if !current && self.rng.chance(300) {
            return;
        }
        let task = self.owners[number].task;
        let by_start = self.config.rules.has(Rule::ObjectsByStart);
        let name = (piece.start, if by_start { Offset::ZERO } else { piece.end });
        let end = piece.end;
        let objects = self.sinks.objects.entry(task).or_default();
        if objects.contains_key(&name) && self.config.rules.has(Rule::ObjectsIfAbsent) {
            self.figures.adopted_objects += 1;
            if current {
                self.end_session(number);
                self.load_lane(number);
            }
            return;
        }
        objects.insert(name, piece);
        if let Some(owner) = self.current(number, session) {
            owner.lane.putting = false;
        }
        self.trim_lane(task, end);
    }

    /// A commit reaches the broker (R21): fenced unless it comes from the rightful owner's session.
    pub(crate) fn commit(&mut self, number: usize, session: usize, mut piece: Piece) {
        let current = self.current(number, session).is_some();
        let superseded = self.owners[number].incarnation != self.incarnations[self.owners[number].task] || !current;
        if superseded && self.has(Rule::TransactionFence) {
            self.figures.fenced_commits += 1;
            if current {
                self.kill(number);
            }
            return;
        }
        if !current && self.rng.chance(400) {
            return;
        }
        let task = self.owners[number].task;
        let rows = std::mem::take(&mut piece.rows);
        let end = piece.end;
        self.sinks.topic.entry(task).or_default().extend(rows);
        self.sinks.commits.insert(task, piece);
        let indeterminate = current && self.strikes(80);
        if indeterminate {
            // The answer is lost: the producer is dropped, and what was committed is read again.
            self.end_session(number);
            self.load_lane(number);
        } else if let Some(owner) = self.current(number, session) {
            owner.lane.putting = false;
        }
        self.trim_lane(task, end);
    }

    /// What is durable in a lane lets its input go, and its senders' checkpoints.
    fn trim_lane(&mut self, task: TaskId, end: Offset) {
        self.trim_input(task, end);
        if let Input::Log(log) = self.tasks[task].input {
            let senders: Vec<TaskId> = self.log_specs[log].senders.iter().map(|(_, _, sender)| *sender).collect();
            senders.into_iter().for_each(|sender| self.trim(sender));
        }
    }
}
