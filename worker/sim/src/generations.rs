//! Change of generation (R22): operators seal, cut, close and carry, any number of them, each of which may die at any
//! instant.

use crate::stage::Body;
use crate::topology::TaskId;
use crate::world::World;
use logloom_chain::log::Offset;

/// Where the change stands.
#[derive(Debug, Default)]
pub struct Change {
}

impl World<'_> {
    pub(crate) fn plan_change(&mut self) {}

    pub(crate) fn operate(&mut self, _operator: usize) {}

    /// Whether owners of a task are started.
    pub(crate) fn may_start(&self, _task: TaskId) -> bool {
        true
    }

    /// Where an ingest task ends in its generation, as the logs say.
    pub(crate) fn ends(&self, _task: TaskId) -> Option<Offset> {
        None
    }

    /// True when the owner's task has nothing more to do in its generation.
    pub(crate) fn is_finished(&self, number: usize) -> bool {
        let owner = &self.owners[number];
        let receiver = owner.body.as_ref().and_then(Body::receiver);
        receiver.is_some_and(|receiver| receiver.is_finished()) || owner.ends_at.is_some_and(|end| owner.position >= end)
    }
}
