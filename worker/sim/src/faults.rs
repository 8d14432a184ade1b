//! Faults, each in one place. Which ones strike, and when, is drawn from the seed.
//!
//! Faults of frames (lost, slow, false errors) strike where frames are sent ([`crate::owner`]), slow and lost checkpoints
//! where they are stored; everything else is here.

use crate::config::{MS, NEVER, SECOND};
use crate::topology::Kind;
use crate::world::{Event, World};
use logloom_chain::log::Rule;

/// Owners of one task at most.
const CROWD: usize = 3;

impl World<'_> {
    /// One fault, and the next one later.
    pub(crate) fn fault(&mut self) {
        if !self.is_faulty() {
            return;
        }
        let storm = self.config.weather == crate::config::Weather::Storm;
        self.after(if storm { (150, 1_400) } else { (500, 4_600) }, Event::Fault);
        let alive: Vec<usize> = (0..self.owners.len()).filter(|number| self.owners[*number].alive).collect();
        if alive.is_empty() {
            return;
        }
        let one = alive[self.rng.index(alive.len())];
        match self.rng.below(16) {
            0..=4 => self.kill(one),
            5 => self.power_cut(&alive),
            6..=8 => self.rebalance_away(one),
            9..=10 => self.pause(one),
            11 => self.cut_off(&alive),
            12 => self.jump_clock(one),
            13 if !self.is_changing() => self.rot(),
            14 => self.wrong_version(one),
            _ => self.truncate_a_log(),
        }
    }

    /// Many processes die at once.
    fn power_cut(&mut self, alive: &[usize]) {
        for number in alive {
            if self.rng.chance(300) {
                self.kill(*number);
            }
        }
    }

    fn is_crowded(&self, number: usize) -> bool {
        let task = self.owners[number].task;
        self.owners.iter().filter(|owner| owner.task == task && owner.alive).count() >= CROWD
    }

    /// Another process gets the task; the old one goes on as if nothing had happened, one in five for ever.
    fn rebalance_away(&mut self, number: usize) {
        if self.is_crowded(number) {
            return;
        }
        self.figures.zombies += 1;
        let until = if self.rng.chance(200) { NEVER - 1 } else { self.now + self.rng.range(1_600, 40_000) * MS };
        let task = self.owners[number].task;
        for owner in
            self.owners.iter_mut().filter(|owner| owner.task == task && owner.alive && owner.zombie_until == NEVER)
        {
            owner.zombie_until = until;
        }
        self.spawn(task, None);
    }

    /// A process stands still (a stopped machine, a long collection), loses its task meanwhile, and wakes up.
    fn pause(&mut self, number: usize) {
        if self.is_crowded(number) {
            return;
        }
        self.figures.pauses += 1;
        let until = self.now + self.rng.range(2_600, 30_000) * MS;
        let zombie_until = until + self.rng.range(0, 20_000) * MS;
        let owner = &mut self.owners[number];
        owner.paused_until = until;
        if owner.zombie_until == NEVER {
            owner.zombie_until = zombie_until;
        }
        let task = owner.task;
        self.spawn(task, None);
    }

    /// Ingest owners cannot reach the source's broker for a while.
    fn cut_off(&mut self, alive: &[usize]) {
        let until = self.now + self.rng.range(2_600, 20_000) * MS;
        for number in alive {
            if self.tasks[self.owners[*number].task].kind == Kind::Ingest && self.rng.chance(600) {
                self.figures.cut_off += 1;
                self.owners[*number].cut_off_until = until;
            }
        }
    }

    /// A clock is set, within the skew that claims allow for.
    fn jump_clock(&mut self, number: usize) {
        self.figures.clock_jumps += 1;
        self.owners[number].skew = self.rng.range(-600, 600) * MS;
    }

    /// A process of another logic version is started for the task (R8).
    fn wrong_version(&mut self, number: usize) {
        let task = self.owners[number].task;
        let kind = self.tasks[task].kind;
        if self.is_crowded(number) || !kind.has_checkpoints() || self.store.list(task).is_empty() {
            return;
        }
        let until = self.now + self.rng.range(1_600, 20_000) * MS;
        if !self.has(Rule::LogicVersion) {
            self.owners[number].zombie_until = self.owners[number].zombie_until.min(until);
        }
        self.spawn(task, Some(()));
    }

    /// R0 broken: the broker loses the tail of an internal log.
    fn truncate_a_log(&mut self) {
        if self.has(Rule::LogIsAppendOnly) || self.now > self.faults_until - 2 * SECOND {
            return;
        }
        let log = self.rng.index(self.logs.len());
        if self.log_specs[log].readers.is_empty() {
            return;
        }
        let keep =
            self.logs[log].entries.len().saturating_sub(1 + self.rng.index(6)).max(self.logs[log].start.0 as usize);
        self.trace(|| format!("log {log} loses its tail from {keep}"));
        self.logs[log].entries.truncate(keep);
    }
}
