//! Where an owner begins, and begins again (R8, R11, R12, R15).

use crate::config::NEVER;
use crate::stage::{Body, outputs};
use crate::topology::{Input, Kind, TaskId};
use crate::world::{Event, Violation, World};
use logloom_chain::log::checkpoint::{Checkpoint, CheckpointError, LogIdentity, ObjectName, Task, candidates};
use logloom_chain::log::origin::{Begin, StartAt, begin, origin_object};
use logloom_chain::log::range::SourceCursor;
use logloom_chain::log::{Offset, Outputs, Rule};

impl World<'_> {
    /// The task as the store knows it.
    pub(crate) fn name_of(&self, task: TaskId) -> Task {
        let spec = &self.tasks[task];
        let generation = self.programs.main.generation.wrapping_add(spec.generation as u64);
        Task { generation, stage: spec.kind.name().to_owned(), partition: u32::from(spec.number) }
    }

    /// The log that a task reads.
    pub(crate) fn identity_of(&self, task: TaskId) -> LogIdentity {
        let topic = match self.tasks[task].input {
            Input::Source(source) => source as u128 + 1_000,
            Input::Log(log) => log as u128,
        };
        LogIdentity { cluster: "sim".to_owned(), topic }
    }

    fn input_start(&self, task: TaskId) -> Offset {
        match self.tasks[task].input {
            Input::Source(source) => self.sources[source].start,
            Input::Log(log) => self.logs[log].start,
        }
    }

    /// A task's fresh state.
    pub(crate) fn fresh(&self, task: TaskId, parts: usize) -> Body {
        let spec = &self.tasks[task];
        let senders = match spec.input {
            Input::Source(_) => Vec::new(),
            Input::Log(log) => self.upstreams(log),
        };
        Body::new(spec, &self.parts[parts], &senders)
    }

    /// An owner begins: puts the origin when nothing is there, else loads the best that is.
    pub(crate) fn begin(&mut self, number: usize) {
        let task = self.owners[number].task;
        if !self.tasks[task].kind.has_checkpoints() {
            return self.load_lane(number);
        }
        let listing = self.store.list(task);
        match begin(&listing) {
            Begin::Load => {
                let names = candidates(&listing, self.input_start(task), None);
                self.load(number, &names);
            }
            Begin::PutOrigin => {
                let (start, end) = match self.tasks[task].input {
                    Input::Source(source) => (self.sources[source].start, self.sources[source].end),
                    Input::Log(_) => (Offset::ZERO, Offset::ZERO),
                };
                let at = if self.start_latest { StartAt::Latest } else { StartAt::Earliest };
                self.after((5, 2_000), Event::PutOrigin { owner: number, candidate: at.candidate(start, end) });
            }
        }
    }

    /// The origin reaches the store (R15).
    pub(crate) fn put_origin(&mut self, number: usize, candidate: Offset) {
        let owner = &self.owners[number];
        let (task, parts) = (owner.task, owner.parts);
        if !self.has(Rule::OriginFixed) && matches!(self.tasks[task].input, Input::Source(_)) {
            if owner.alive && owner.body.is_none() && self.store.list(task).is_empty() {
                let body = self.fresh(task, parts);
                let out = outputs(&self.tasks[task], candidate, true, body.mark(), self.config.rules);
                self.sinks.note_origin(task, candidate);
                return self.hold(number, body, out, candidate, None);
            }
        } else {
            let state = self.fresh(task, parts).save();
            let logic = self.programs.main.generation;
            let bytes = origin_object(self.name_of(task), candidate, logic, self.identity_of(task), &state);
            if self.store.put_if_absent(task, ObjectName::Origin, bytes) {
                self.sinks.note_origin(task, candidate);
            }
        }
        if self.owners[number].alive && self.owners[number].body.is_none() {
            let names = candidates(&self.store.list(task), self.input_start(task), None);
            self.load(number, &names);
        }
    }

    /// Loads the first of these objects that can be used; without one the owner halts.
    pub(crate) fn load(&mut self, number: usize, names: &[ObjectName]) {
        let task = self.owners[number].task;
        self.owners[number].body = None;
        for name in names {
            match self.load_one(number, task, *name) {
                Ok(true) => return,
                Ok(false) => {}
                Err(CheckpointError::OtherLogic { .. }) => {
                    self.figures.refused += 1;
                    self.trace(|| format!("owner {number} is of another logic version, and goes"));
                    return self.kill(number);
                }
                Err(CheckpointError::LogReplaced { reason }) => {
                    self.violation = Some(Violation::new("DECLARED", reason.to_string()));
                    return;
                }
                Err(_) => {}
            }
        }
        self.trace(|| format!("owner {number} of task {task} finds no usable checkpoint"));
    }

    fn load_one(&mut self, number: usize, task: TaskId, name: ObjectName) -> Result<bool, CheckpointError> {
        let Some(bytes) = self.store.get(task, name) else { return Ok(false) };
        let checkpoint = Checkpoint::decode(bytes)?;
        let owner = &self.owners[number];
        checkpoint.check(&self.name_of(task), owner.logic, &self.identity_of(task), self.config.rules)?;
        if checkpoint.origin && checkpoint.position < self.input_start(task) {
            return Ok(false);
        }
        let spec = &self.tasks[task];
        let body = Body::load(spec, &self.parts[owner.parts], checkpoint.state)?;
        let mut at = checkpoint.position;
        if !self.has(Rule::PlacementIsHint) {
            at = at.max(self.committed[task]);
        }
        let out = outputs(spec, at, checkpoint.origin, body.mark(), self.config.rules);
        let last = checkpoint.last;
        self.trace(|| format!("owner {number} of task {task} loads {at}"));
        self.hold(number, body, out, at, last);
        Ok(true)
    }

    /// The owner holds a state now; whatever it held before is gone.
    pub(crate) fn hold(&mut self, number: usize, body: Body, out: Outputs, at: Offset, last: Option<u64>) {
        let (now, rules) = (self.now, self.config.rules);
        let task = self.owners[number].task;
        let owner = &mut self.owners[number];
        owner.out = out;
        owner.position = at;
        owner.cursor = SourceCursor::new(at, rules);
        owner.last = last;
        owner.copy = None;
        owner.putting = false;
        owner.last_saved = now;
        owner.held = None;
        owner.ends_at = None;
        owner.asking = false;
        if self.tasks[task].kind == Kind::Ingest {
            match &mut owner.claims {
                Some(claims) => claims.reload(),
                None => owner.claims = Some(self.parts[owner.parts].claims(self.tasks[task].number)),
            }
        }
        owner.body = Some(body);
    }

    /// A delivery error of the current session (R10).
    pub(crate) fn delivery_failed(&mut self, number: usize, session: usize) {
        if self.current(number, session).is_none() || super::ignores_errors(self) {
            return;
        }
        let owner = &self.owners[number];
        if owner.body.is_none() {
            return;
        }
        if owner.resends || !self.has(Rule::ResendAcked) {
            return self.resend(number);
        }
        self.trace(|| format!("owner {number} has a delivery error, and goes back to its checkpoint"));
        self.end_session(number);
        let task = self.owners[number].task;
        let names = candidates(&self.store.list(task), self.input_start(task), None);
        match names.is_empty() {
            true => self.kill(number),
            false => self.load(number, &names),
        }
    }

    /// The position lies below what can be read (R16): back to the newest checkpoint.
    pub(crate) fn reload(&mut self, number: usize) {
        self.end_session(number);
        let task = self.owners[number].task;
        if !self.tasks[task].kind.has_checkpoints() {
            return self.load_lane(number);
        }
        let names = candidates(&self.store.list(task), self.input_start(task), None);
        self.load(number, &names);
    }

    /// True when the owner is the rightful one.
    pub(crate) fn is_rightful(&self, number: usize) -> bool {
        let owner = &self.owners[number];
        owner.zombie_until == NEVER && owner.incarnation == self.incarnations[owner.task]
    }
}
