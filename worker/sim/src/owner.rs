//! An owner: one process's hold on one task. It loads, reads, folds, cuts frames, stores checkpoints.
//!
//! ```text
//!  Tick ─► serve repair requests ─► read and fold ─► cut frames ─► checkpoint ─► ask for repair
//!            (back to a checkpoint)     [read]          [send]        [save]
//! ```
//!
//! Any number of owners of one task may live at once. What an owner does by its clock is in here; what a task does is in
//! the chain's stages.

mod load;
mod read;
mod save;
mod send;

use crate::config::{MS, NEVER, SECOND, Time};
use crate::lanes::LaneOwner;
use crate::stage::Body;
use crate::topology::{Input, TaskId};
use crate::world::World;
use logloom_chain::log::mark::LogEndClaims;
use logloom_chain::log::range::SourceCursor;
use logloom_chain::log::repair::{Answer, GapTimer, RepairInbox};
use logloom_chain::log::{Offset, Outputs, OwnerClock, Position, Receiver, Rule};
use logloom_chain::time::{EventTime, Span};

/// How long a gap may stay: above retries and a rebalance.
const GAP_PATIENCE: Span = Span::seconds(11);
/// Frames in flight per outlet before an owner stops reading.
const QUEUE: usize = 24;

/// A copy of the state, on its way to the store.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Where it stands.
    pub position: Offset,
    /// The encoded checkpoint.
    pub bytes: Vec<u8>,
}

/// One process's hold on a task.
pub struct Owner {
    pub(crate) task: TaskId,
    pub(crate) alive: bool,
    /// Which owner of the task this is, from 1.
    pub(crate) incarnation: u32,
    /// Its producer session.
    pub(crate) session: usize,
    /// Until when frames of earlier sessions land.
    pub(crate) lands_until: Vec<Time>,
    /// `None`: it holds nothing (not begun, or halted).
    pub(crate) body: Option<Body>,
    pub(crate) out: Outputs,
    /// Everything before this offset of its input is folded.
    pub(crate) position: Offset,
    pub(crate) cursor: SourceCursor,
    /// Fingerprint of the entry before `position`.
    pub(crate) last: Option<u64>,
    pub(crate) claims: Option<LogEndClaims>,
    /// A request for the log's end is on its way.
    pub(crate) asking: bool,
    pub(crate) gaps: GapTimer,
    pub(crate) inbox: RepairInbox,
    pub(crate) requests_seen: usize,
    pub(crate) skew: Time,
    pub(crate) paused_until: Time,
    pub(crate) cut_off_until: Time,
    pub(crate) zombie_until: Time,
    pub(crate) linger: Time,
    pub(crate) last_cut: Time,
    pub(crate) save_every: Time,
    pub(crate) last_saved: Time,
    pub(crate) copy: Option<Copy>,
    pub(crate) putting: bool,
    pub(crate) lines_per_tick: u64,
    pub(crate) frame_bytes: usize,
    pub(crate) variant: u64,
    /// Which of the world's programs it runs.
    pub(crate) parts: usize,
    pub(crate) logic: u64,
    /// What it does about a delivery error: send again in a new session, or go back to its checkpoint.
    pub(crate) resends: bool,
    /// When the last frame of each outlet arrives: a channel keeps its order.
    pub(crate) channels: Vec<Time>,
    pub(crate) lane: LaneOwner,
    /// Where its task ends in this generation, once it knows.
    pub(crate) ends_at: Option<Offset>,
    /// A start line that waits for its continuation lines (rule `assemble-behind-log` off): index of its line, since.
    pub(crate) held: Option<(usize, Time)>,
    pub(crate) last_flush: Time,
    /// Second of its clock, and lines in it (rule `fate-by-source` off).
    pub(crate) quota: (Time, u32),
}

impl Owner {
    /// An owner that holds nothing yet.
    pub fn new(world: &mut World<'_>, number: usize, task: TaskId, variant: u64, parts: usize, logic: u64) -> Self {
        let rules = world.config.rules;
        let spec = &world.tasks[task];
        let rng = &mut world.rng;
        Self {
            task,
            alive: true,
            incarnation: world.incarnations[task],
            session: 0,
            lands_until: Vec::new(),
            body: None,
            out: Outputs::resume(spec.upstream, &spec.links, Offset::ZERO, EventTime::MIN, rules),
            position: Offset::ZERO,
            cursor: SourceCursor::new(Offset::ZERO, rules),
            last: None,
            claims: None,
            asking: false,
            gaps: GapTimer::new(task as u32, GAP_PATIENCE, world.now as u64 + number as u64, rules),
            inbox: RepairInbox::default(),
            requests_seen: world.requests[task].len(),
            skew: rng.range(-600, 600) * MS,
            paused_until: 0,
            cut_off_until: 0,
            zombie_until: NEVER,
            linger: rng.range(250, 1_500) * MS,
            last_cut: 0,
            save_every: rng.range(2_000, 8_000) * MS,
            last_saved: world.now,
            copy: None,
            putting: false,
            lines_per_tick: 2 + rng.below(12),
            frame_bytes: rng.range(150, 420) as usize,
            variant,
            parts,
            logic,
            resends: rng.chance(400),
            channels: vec![0; spec.outlets.len()],
            lane: LaneOwner::default(),
            ends_at: None,
            held: None,
            last_flush: world.now,
            quota: (0, 0),
        }
    }

    /// Its clock.
    pub(crate) fn clock(&self, now: Time) -> OwnerClock {
        OwnerClock(now + self.skew)
    }
}

impl World<'_> {
    /// One turn of an owner's loop.
    pub(crate) fn tick(&mut self, number: usize) {
        let owner = &self.owners[number];
        if !owner.alive {
            return;
        }
        if owner.paused_until > self.now {
            return self.at(owner.paused_until, crate::world::Event::Tick(number));
        }
        if owner.zombie_until <= self.now {
            return self.kill(number);
        }
        self.after((100, 450), crate::world::Event::Tick(number));
        if self.owners[number].body.is_none() {
            if self.rng.chance(100) {
                self.begin(number);
            }
            return;
        }
        self.serve_repair(number);
        if self.owners[number].body.is_some() {
            self.learn_cut(number);
        }
        if self.owners[number].body.is_some() && self.owners[number].out.unacked() <= QUEUE {
            self.read(number);
        }
        if !self.owners[number].alive || self.owners[number].body.is_none() {
            return;
        }
        self.cut_frames(number);
        self.keep_place(number);
        self.ask_for_repair(number);
    }

    /// R14, the sender's side.
    fn serve_repair(&mut self, number: usize) {
        let task = self.owners[number].task;
        while let Some((_, request)) = self.requests[task].get(self.owners[number].requests_seen).copied() {
            let owner = &mut self.owners[number];
            owner.requests_seen += 1;
            let listing = self.store.list(task);
            let start = match self.tasks[task].input {
                Input::Source(source) => self.sources[source].start,
                Input::Log(log) => self.logs[log].start,
            };
            if request.needed >= owner.out_position() {
                continue;
            }
            if let Answer::Reload(names) = owner.inbox.request(&request, &listing, start) {
                self.figures.repairs += 1;
                self.trace(|| format!("owner {number} goes back for {} at {}", request.upstream, request.needed));
                self.end_session(number);
                self.load(number, &names);
                if self.owners[number].body.is_none() {
                    return;
                }
            }
        }
    }

    /// R14, the receiver's side.
    fn ask_for_repair(&mut self, number: usize) {
        if self.is_finished(number) {
            return;
        }
        let owner = &mut self.owners[number];
        let (task, clock) = (owner.task, owner.clock(self.now));
        let Input::Log(log) = self.tasks[task].input else { return };
        for gap in owner.body.as_ref().and_then(Body::receiver).map(Receiver::lacking).unwrap_or_default() {
            owner.gaps.observe(&gap, clock);
        }
        for request in owner.gaps.due(clock) {
            self.figures.repair_requests += 1;
            self.trace(|| format!("owner {number} of task {task} misses {} from {}", request.upstream, request.needed));
            if let Some(sender) = self.sender(log, request.upstream) {
                self.requests[sender].push((self.now, request));
            }
        }
    }

    /// What the broker says about the end of a source: the question reached it.
    pub(crate) fn look(&mut self, number: usize, session: usize, sent: Time) {
        let task = self.owners[number].task;
        let Input::Source(source) = self.tasks[task].input else { return };
        let end = self.sources[source].end;
        let mut delay = self.rng.range(5, 120) * MS;
        if self.strikes(30) {
            delay += self.rng.range(2_000, 12_000) * MS;
        }
        let at = (self.now + delay).max(self.owners[number].cut_off_until);
        self.at(at, crate::world::Event::Answer { owner: number, session, sent, end });
    }

    /// The answer is there. A paused owner looks at it when it goes on.
    pub(crate) fn answered(&mut self, number: usize, session: usize, sent: Time, end: Offset) {
        let now = self.now;
        let Some(owner) = self.current(number, session) else { return };
        if owner.paused_until > now {
            let at = owner.paused_until;
            return self.at(at, crate::world::Event::Answer { owner: number, session, sent, end });
        }
        owner.asking = false;
        let clock = owner.clock(now);
        if let Some(claims) = &mut owner.claims {
            claims.answered(OwnerClock(sent), clock, end);
        }
    }

    /// An ingest owner asks where its source ends, now and then.
    fn ask_end(&mut self, number: usize) {
        let owner = &self.owners[number];
        let (session, sent) = (owner.session, owner.clock(self.now).0);
        if !owner.asking && self.rng.chance(500) {
            self.owners[number].asking = true;
            self.after((2, 60), crate::world::Event::Look { owner: number, session, sent });
        }
    }
}

impl Owner {
    /// Where its next frames would begin at the earliest.
    fn out_position(&self) -> Position {
        Position::at(self.position)
    }
}

/// How long an owner's timers are, where a rule that is off needs one.
pub(crate) fn flush_every(variant: u64) -> Time {
    (1 + (variant % 3) as Time) * SECOND
}

/// True when an owner drops what is above its quota (rule `fate-by-source` off).
pub(crate) fn above_quota(owner: &mut Owner, clock: Time) -> bool {
    let second = clock.div_euclid(SECOND);
    if owner.quota.0 != second {
        owner.quota = (second, 0);
    }
    owner.quota.1 += 1;
    owner.quota.1 > 4 + (owner.variant % 3) as u32
}

/// Rules that need an owner which no longer listens to delivery errors.
pub(crate) fn ignores_errors(world: &World<'_>) -> bool {
    !world.has(Rule::CoverageContiguous)
}
