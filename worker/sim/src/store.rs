//! The store of checkpoints: create-only objects, which may rot.

use crate::topology::TaskId;
use logloom_chain::log::checkpoint::{Checkpoint, ObjectName};
use logloom_chain::log::{Offset, Position, Upstream};
use std::collections::BTreeMap;

/// An object.
#[derive(Debug, Clone)]
struct Object {
    bytes: Vec<u8>,
    cursors: Vec<(Upstream, Position)>,
    /// Where an origin begins.
    position: Offset,
    rotten: bool,
}

/// All objects, per task by name.
#[derive(Debug, Default)]
pub struct Store {
    tasks: Vec<BTreeMap<ObjectName, Object>>,
}

impl Store {
    /// Room for one more task.
    pub fn add_task(&mut self) {
        self.tasks.push(BTreeMap::new());
    }

    /// Names of a task's objects.
    pub fn list(&self, task: TaskId) -> Vec<ObjectName> {
        self.tasks[task].keys().copied().collect()
    }

    /// Puts an object if absent; true when it was.
    pub fn put_if_absent(&mut self, task: TaskId, name: ObjectName, bytes: Vec<u8>) -> bool {
        if self.tasks[task].contains_key(&name) {
            return false;
        }
        self.put(task, name, bytes);
        true
    }

    /// Puts an object, whatever was there.
    pub fn put(&mut self, task: TaskId, name: ObjectName, bytes: Vec<u8>) {
        let (cursors, position) = match Checkpoint::decode(&bytes) {
            Ok(checkpoint) => (checkpoint.cursors, checkpoint.position),
            Err(_) => (Vec::new(), Offset::ZERO),
        };
        self.tasks[task].insert(name, Object { bytes, cursors, position, rotten: false });
    }

    /// An object's bytes.
    pub fn get(&self, task: TaskId, name: ObjectName) -> Option<&[u8]> {
        self.tasks[task].get(&name).map(|object| object.bytes.as_slice())
    }

    /// Removes everything of a task (rule `create-only` off).
    pub fn clear(&mut self, task: TaskId) {
        self.tasks[task].clear();
    }

    /// Removes a checkpoint.
    pub fn remove(&mut self, task: TaskId, position: Offset) {
        self.tasks[task].remove(&ObjectName::At(position));
    }

    /// Positions of a task's checkpoints, and that of its origin.
    pub fn positions(&self, task: TaskId) -> (Vec<Offset>, Option<Offset>) {
        let mut all = Vec::new();
        let mut origin = None;
        for (name, object) in &self.tasks[task] {
            match name {
                ObjectName::At(position) => all.push(*position),
                ObjectName::Origin => origin = Some(object.position),
            }
        }
        (all, origin)
    }

    /// The cursors in the newest checkpoint that can be read.
    pub fn newest_cursors(&self, task: TaskId) -> &[(Upstream, Position)] {
        let readable =
            self.tasks[task].iter().rev().find(|(name, object)| **name != ObjectName::Origin && !object.rotten);
        readable.map_or(&[], |(_, object)| object.cursors.as_slice())
    }

    /// The newest checkpoint rots, unless one of the task has rotted already: what three kept checkpoints can bear.
    /// True when it did.
    pub fn rot_newest(&mut self, task: TaskId) -> bool {
        let objects = &mut self.tasks[task];
        if objects.values().any(|object| object.rotten) {
            return false;
        }
        let newest = objects.iter_mut().rev().find(|(name, _)| **name != ObjectName::Origin);
        let Some((_, object)) = newest else { return false };
        let middle = object.bytes.len() / 2;
        object.bytes[middle] ^= 0x20;
        object.rotten = true;
        true
    }
}
