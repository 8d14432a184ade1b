//! Checkpoints: copied at a position, stored when covered, never overwritten; and what they let go (R9, R12, R13).

use super::Copy;

use crate::stage::Body;
use crate::topology::{Input, TaskId};
use crate::world::{Event, Violation, World};
use logloom_chain::id::hash64;
use logloom_chain::log::checkpoint::{Checkpoint, ObjectName, trim};
use logloom_chain::log::{Offset, Rule};

impl World<'_> {
    /// Takes a copy now and then, and stores it once every outlet is covered.
    pub(crate) fn keep_place(&mut self, number: usize) {
        let task = self.owners[number].task;
        if !self.tasks[task].kind.has_checkpoints() {
            return self.lane_tick(number);
        }
        let owner = &self.owners[number];
        let due = owner.copy.is_none() && !owner.putting && owner.held.is_none();
        if due && self.now - owner.last_saved >= owner.save_every {
            self.owners[number].copy = self.copy(number);
        }
        let owner = &self.owners[number];
        let Some(copy) =
            owner.copy.as_ref().filter(|copy| !self.has(Rule::Coverage) || owner.out.is_covered(copy.position))
        else {
            return;
        };
        let position = copy.position;
        let bytes = if self.has(Rule::StateAtPosition) { copy.bytes.clone() } else { self.encode(number, position) };
        let owner = &mut self.owners[number];
        owner.copy = None;
        owner.putting = true;
        owner.last_saved = self.now;
        let session = owner.session;
        let slow = self.strikes(60);
        if self.strikes(20) {
            // It never arrives; the owner believes that it did, and stores its next one in time.
            self.figures.lost_checkpoints += 1;
            self.owners[number].putting = false;
            return;
        }
        let range = if slow { (6_000, 40_000) } else { (60, 900) };
        self.after(range, Event::PutCheckpoint { owner: number, session, position, bytes });
    }

    fn copy(&self, number: usize) -> Option<Copy> {
        let position = self.owners[number].position;
        self.owners[number].body.as_ref()?;
        Some(Copy { position, bytes: self.encode(number, position) })
    }

    /// The checkpoint of the state of now.
    fn encode(&self, number: usize, position: Offset) -> Vec<u8> {
        let owner = &self.owners[number];
        let state = owner.body.as_ref().map(Body::save).unwrap_or_default();
        let cursors = owner.body.as_ref().map(Body::cursors).unwrap_or_default();
        let (task, log) = (self.name_of(owner.task), self.identity_of(owner.task));
        Checkpoint { task, origin: false, position, logic: owner.logic, log, last: owner.last, cursors, state: &state }
            .encode()
    }

    /// A checkpoint reaches the store, whoever sent it and whatever has become of it.
    pub(crate) fn put_checkpoint(&mut self, number: usize, session: usize, position: Offset, bytes: Vec<u8>) {
        let task = self.owners[number].task;
        self.figures.checkpoints += 1;
        self.figures.zombie_checkpoints += u64::from(!self.is_rightful(number));
        if let Ok(checkpoint) = Checkpoint::decode(&bytes)
            && let Err(before) = self.sinks.note_state(task, position, hash64(checkpoint.state))
        {
            let detail =
                format!("two owners of {} hold different states at {position} ({before:016x})", self.name_of(task));
            self.violation = Some(Violation::new("DIVERGE", detail));
            return;
        }
        self.trace(|| format!("checkpoint of task {task} at {position} by owner {number}"));
        if self.has(Rule::CreateOnly) {
            self.store.put_if_absent(task, ObjectName::At(position), bytes);
        } else {
            self.store.clear(task);
            self.store.put(task, ObjectName::At(position), bytes);
        }
        if let Some(owner) = self.current(number, session) {
            owner.putting = false;
        }
        self.trim(task);
        if let Input::Log(log) = self.tasks[task].input {
            let senders: Vec<TaskId> = self.log_specs[log].senders.iter().map(|(_, _, sender)| *sender).collect();
            senders.into_iter().for_each(|sender| self.trim(sender));
        }
    }

    /// R13: lets go what neither recovery nor repair can need.
    pub(crate) fn trim(&mut self, task: TaskId) {
        if !self.tasks[task].kind.has_checkpoints() {
            return;
        }
        let (checkpoints, origin) = self.store.positions(task);
        let start = match self.tasks[task].input {
            Input::Source(source) => self.sources[source].start,
            Input::Log(log) => self.logs[log].start,
        };
        let mut receivers: Option<Offset> = None;
        for log in &self.tasks[task].outlets {
            for reader in &self.log_specs[*log].readers {
                let next = self.durable_next(*reader, *log, task);
                receivers = Some(receivers.map_or(next, |least| least.min(next)));
            }
        }
        if let Some(next) = self.taken_of_sealed(task) {
            receivers = Some(receivers.map_or(next, |least| least.min(next)));
        }
        // Nobody reads what it feeds, or it feeds nothing: then nobody can ask for repair.
        let receivers = receivers.or(Some(Offset(u64::MAX)));
        let origin = origin.filter(|position| *position >= start);
        let trim = trim(&checkpoints, origin, start, receivers, self.config.rules);
        for position in trim.delete {
            self.store.remove(task, position);
        }
        if let Some(below) = trim.below {
            self.trim_input(task, below);
        }
    }

    /// Everything below an offset may go, as far as this reader is concerned.
    pub(crate) fn trim_input(&mut self, task: TaskId, below: Offset) {
        match self.tasks[task].input {
            Input::Source(source) => {
                if below > self.sources[source].start {
                    self.sources[source].start = below;
                    self.figures.trims += 1;
                }
            }
            Input::Log(log) => {
                let least = self.sinks.note_trim(log, task, below, &self.log_specs[log].readers);
                if least > self.logs[log].start {
                    self.logs[log].start = least;
                    self.figures.trims += 1;
                }
            }
        }
    }

    /// The newest checkpoint of some task rots.
    pub(crate) fn rot(&mut self) {
        let task = self.rng.index(self.tasks.len());
        if self.store.rot_newest(task) {
            self.figures.rotten_checkpoints += 1;
            self.trace(|| format!("the newest checkpoint of task {task} rots"));
        }
    }
}
