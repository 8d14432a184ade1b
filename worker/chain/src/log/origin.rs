//! Where a task begins (rule R15).
//!
//! Before its first frame a task without a checkpoint puts its origin if absent, and then loads what is there. Two
//! owners that evaluate "latest" at different instants thus begin at the same place; else the second would cover
//! what the first had begun with, and skip it silently (counter-example H10). The first frame covers
//! `[0, origin)` with reason `before_start`; receivers start at `(0, 0)`, and there is no special first frame.

use crate::log::checkpoint::{Checkpoint, LogIdentity, ObjectName, Task};
use crate::log::position::Offset;
use serde::{Deserialize, Serialize};

/// Where a source is read from when it is read for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartAt {
    /// The oldest offset that is there.
    #[default]
    Earliest,
    /// The end of the log, at the instant when the first owner looks.
    Latest,
}

impl StartAt {
    /// This owner's candidate, given where the log starts and ends now. Only the first one that is put counts.
    pub fn candidate(self, log_start: Offset, log_end: Offset) -> Offset {
        match self {
            Self::Earliest => log_start,
            Self::Latest => log_end,
        }
    }
}

/// What an owner does before its first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Nothing is there: put the origin if absent, list again, and load what is there then, whoever put it.
    PutOrigin,
    /// Load the best of what is there.
    Load,
}

/// What to do, given the objects of the task.
pub fn begin(listing: &[ObjectName]) -> Begin {
    if listing.is_empty() { Begin::PutOrigin } else { Begin::Load }
}

/// The origin object: an empty state at `position`. `state` is the fresh state of the stage.
pub fn origin_object(task: Task, position: Offset, logic: u64, log: LogIdentity, state: &[u8]) -> Vec<u8> {
    let cursors = Vec::new();
    Checkpoint { task, origin: true, position, logic, log, last: None, cursors, state }.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_puts_an_origin_only_when_nothing_is_there() {
        assert_eq!(begin(&[]), Begin::PutOrigin);
        assert_eq!(begin(&[ObjectName::Origin]), Begin::Load);
        assert_eq!(begin(&[ObjectName::At(Offset(7))]), Begin::Load);
    }

    #[test]
    fn owners_that_look_at_different_instants_have_different_candidates_but_one_name() {
        let task = Task { generation: 1, stage: "ingest".into(), partition: 0 };
        let first = StartAt::Latest.candidate(Offset(0), Offset(23));
        let second = StartAt::Latest.candidate(Offset(0), Offset(60));
        assert_ne!(first, second);
        assert_eq!(task.origin(), "0000000000000001/ingest/0/origin");
        let bytes = origin_object(task, first, 5, LogIdentity::default(), b"empty");
        let origin = Checkpoint::decode(&bytes).unwrap();
        assert!(origin.origin && origin.position == first && origin.state == b"empty");
    }
}
