//! Checkpoints: create-only objects named by position (rules R0, R8, R11, R12, R13, R15).
//!
//! ```text
//!  {generation}/{stage}/{partition}/{position:020}      put if absent; "already there" is success
//!  {generation}/{stage}/{partition}/origin              put if absent; the first one fixes where the task begins
//! ```
//!
//! An object holds, in one piece: whose it is, the logic version (R8), the log that it was folded from and the
//! fingerprint of the last frame (R0), the cursors (R11), the state exactly at its position (R9), and a checksum.
//! Nothing is ever overwritten, so a superseded owner, ahead or behind, can do no harm. Two states at one position
//! must be equal byte for byte; a difference is an alarm.
//!
//! The origin has a name of its own, without a position: two owners that look up different starts would else both
//! succeed under different names (R15). It is never deleted while its generation lives.

use crate::id::hash64;
use crate::log::position::{Offset, Position, Upstream};
use crate::log::rules::{Rule, Rules};
use crate::wire::{Reader, WireError, Writer};
use std::fmt;
use thiserror::Error;

const MAGIC: [u8; 2] = *b"LC";
const VERSION: u8 = 1;
const ORIGIN: &str = "origin";
const CHECKSUM_BYTES: usize = 8;

/// How many newest checkpoints are kept at least (R13).
pub const KEEP_NEWEST: usize = 3;
/// How many are kept at or below every receiver's durable cursor (R13).
pub const KEEP_BELOW_RECEIVERS: usize = 2;

/// A task: one partition of one stage, in one generation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    /// The generation (hash of definition and logic version).
    pub generation: u64,
    /// The stage's name: lower-case letters, digits, `-`.
    pub stage: String,
    /// The partition; for ingest, the number of its source partition.
    pub partition: u32,
}

impl Task {
    /// The folder of the task's objects, with a slash at the end.
    pub fn prefix(&self) -> String {
        format!("{:016x}/{}/{}/", self.generation, self.stage, self.partition)
    }

    /// The name of the checkpoint at a position.
    pub fn object(&self, position: Offset) -> String {
        format!("{}{:020}", self.prefix(), position.0)
    }

    /// The name of the origin.
    pub fn origin(&self) -> String {
        format!("{}{ORIGIN}", self.prefix())
    }

    /// What an object's last name part says; `None` for names that are none of ours.
    pub fn parse_name(name: &str) -> Option<ObjectName> {
        if name == ORIGIN {
            return Some(ObjectName::Origin);
        }
        let digits = name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| name.parse().ok()).flatten().map(|position| ObjectName::At(Offset(position)))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{} of generation {:016x}", self.stage, self.partition, self.generation)
    }
}

/// The last part of an object's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectName {
    /// Where the task begins.
    Origin,
    /// A checkpoint at this position.
    At(Offset),
}

/// Which log a task reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogIdentity {
    /// Cluster id as the cluster says it.
    pub cluster: String,
    /// Topic id; a topic that is deleted and made again gets another.
    pub topic: u128,
}

/// A checkpoint, borrowed from its bytes or about to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint<'a> {
    /// Whose it is.
    pub task: Task,
    /// True for the origin: nothing was sent yet, the first frame covers `[0, position)`.
    pub origin: bool,
    /// Everything before this offset is folded, nothing behind it.
    pub position: Offset,
    /// Hash of the definition and of the chain's semantic version (R8).
    pub logic: u64,
    /// The log that was folded.
    pub log: LogIdentity,
    /// Fingerprint of the log entry at `position − 1`, if there is one and it is known (R0).
    pub last: Option<u64>,
    /// `next` per upstream, in order of upstream (R11): the same as in the state, readable without it.
    pub cursors: Vec<(Upstream, Position)>,
    /// The state.
    pub state: &'a [u8],
}

/// Why an object cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CheckpointError {
    /// Not a checkpoint.
    #[error("not a checkpoint")]
    Magic,
    /// Written by another format version.
    #[error("checkpoint of format version {found}, this program reads {VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// Damaged.
    #[error("damaged checkpoint: {0}")]
    Wire(#[from] WireError),
    /// Another task's object.
    #[error("checkpoint of {found}, expected {expected}")]
    OtherTask {
        /// Who reads.
        expected: Box<Task>,
        /// Whose it is.
        found: Box<Task>,
    },
    /// Written by another logic version: that needs a new generation (R8, R22).
    #[error("checkpoint of logic version {found:016x}, this program is {expected:016x}: it needs a new generation")]
    OtherLogic {
        /// This program's.
        expected: u64,
        /// The checkpoint's.
        found: u64,
    },
    /// The log that was folded is not the log that is there (R0). The pipeline needs a new generation.
    #[error("log replaced: {reason}; the pipeline needs a new generation")]
    LogReplaced {
        /// What differs.
        reason: LogReplaced,
    },
}

/// How a log was found to be another one than that which was folded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogReplaced {
    /// Another cluster or topic.
    #[error("the checkpoint was folded from topic {} of cluster {:?}, this is topic {} of cluster {:?}",
        .folded.topic, .folded.cluster, .found.topic, .found.cluster)]
    Identity {
        /// What was folded.
        folded: Box<LogIdentity>,
        /// What is there.
        found: Box<LogIdentity>,
    },
    /// The entry before the position is another one, or gone.
    #[error("the entry at offset {at} has another fingerprint than the one that was folded")]
    Fingerprint {
        /// Offset of the entry.
        at: Offset,
    },
}

impl<'a> Checkpoint<'a> {
    /// The bytes of the object.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::from_vec(Vec::with_capacity(self.state.len() + 256));
        out.raw(&MAGIC);
        out.u8(VERSION);
        out.fixed64(self.task.generation);
        out.str(&self.task.stage);
        out.varint(u64::from(self.task.partition));
        out.bool(self.origin);
        out.varint(self.position.0);
        out.fixed64(self.logic);
        out.str(&self.log.cluster);
        out.fixed128(self.log.topic);
        out.option(self.last, Writer::fixed64);
        out.varint(self.cursors.len() as u64);
        for (upstream, next) in &self.cursors {
            out.varint(u64::from(upstream.0));
            next.save(&mut out);
        }
        out.bytes(self.state);
        let checksum = hash64(out.as_slice());
        out.fixed64(checksum);
        out.into_vec()
    }

    /// Reads an object.
    ///
    /// # Errors
    /// [`CheckpointError`] when it is damaged or of another version.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(WireError::Truncated { at: 0 })?;
        let mut input = Reader::new(body);
        if input.take(2)? != MAGIC {
            return Err(CheckpointError::Magic);
        }
        let (found, computed) = (u64::from_le_bytes(*checksum), hash64(body));
        if found != computed {
            return Err(WireError::Checksum { found, computed }.into());
        }
        match input.u8()? {
            VERSION => {}
            found => return Err(CheckpointError::Version { found }),
        }
        let generation = input.fixed64()?;
        let stage = input.str()?.to_owned();
        let task = Task { generation, stage, partition: input.varint32()? };
        let origin = input.bool()?;
        let position = Offset(input.varint()?);
        let logic = input.fixed64()?;
        let log = LogIdentity { cluster: input.str()?.to_owned(), topic: input.fixed128()? };
        let last = input.option(Reader::fixed64)?;
        let mut cursors = Vec::new();
        for _ in 0..input.count()? {
            cursors.push((Upstream(input.varint32()?), Position::load(&mut input)?));
        }
        let state = input.bytes()?;
        input.finish()?;
        Ok(Self { task, origin, position, logic, log, last, cursors, state })
    }

    /// Whether this owner may go on from here: same task, same logic, same log.
    ///
    /// # Errors
    /// [`CheckpointError`] names what differs.
    pub fn check(&self, task: &Task, logic: u64, log: &LogIdentity, rules: Rules) -> Result<(), CheckpointError> {
        if self.task != *task {
            let (expected, found) = (Box::new(task.clone()), Box::new(self.task.clone()));
            return Err(CheckpointError::OtherTask { expected, found });
        }
        if self.logic != logic && rules.has(Rule::LogicVersion) {
            return Err(CheckpointError::OtherLogic { expected: logic, found: self.logic });
        }
        if self.log != *log {
            let (folded, found) = (Box::new(self.log.clone()), Box::new(log.clone()));
            return Err(CheckpointError::LogReplaced { reason: LogReplaced::Identity { folded, found } });
        }
        Ok(())
    }

    /// The state's hash: equal for all owners that store this position (R12).
    pub fn state_hash(&self) -> u64 {
        hash64(self.state)
    }

    /// A receiver's durable cursor for one of its upstreams, as the trim rule needs it (R13).
    pub fn durable_next(&self, upstream: Upstream) -> Offset {
        let found = self.cursors.binary_search_by_key(&upstream, |(upstream, _)| *upstream);
        found.map_or(Offset::ZERO, |index| self.cursors[index].1.offset)
    }
}

/// Compares the entry before the position at which an owner resumes a fetch (R0): `folded` is the fingerprint of
/// the last entry folded, `found` that of the entry which the log now holds at `at`, if any.
///
/// # Errors
/// [`LogReplaced`]: the task stops, and the pipeline goes to a new generation. It is never papered over.
pub fn compare_last(at: Offset, folded: Option<u64>, found: Option<u64>, rules: Rules) -> Result<(), LogReplaced> {
    match folded {
        Some(folded) if found != Some(folded) && rules.has(Rule::Fingerprint) => Err(LogReplaced::Fingerprint { at }),
        _ => Ok(()),
    }
}

/// Which objects to try, best first, when an owner starts, or must go back (R12, R14, R16): usable ones stand at or
/// behind the log's start, and at or below `at_most` for a repair. The origin comes last. The owner takes the first
/// that it can read and [`check`](Checkpoint::check); an origin must still stand at or behind the log's start.
pub fn candidates(listing: &[ObjectName], log_start: Offset, at_most: Option<Offset>) -> Vec<ObjectName> {
    let usable = |name: &ObjectName| match name {
        ObjectName::Origin => true,
        ObjectName::At(position) => *position >= log_start && at_most.is_none_or(|most| *position <= most),
    };
    let mut names: Vec<ObjectName> = listing.iter().copied().filter(usable).collect();
    names.sort_unstable_by(|first, second| second.cmp(first));
    names.dedup();
    names
}

/// What may be deleted now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trim {
    /// Checkpoints to delete, first.
    pub delete: Vec<Offset>,
    /// Then: everything in the input below this offset may go.
    pub below: Option<Offset>,
}

/// R13: what neither recovery nor repair can need. `checkpoints` are the positions of this task's objects without
/// the origin; `origin` the origin's position, if it is still at or behind `log_start`; `receivers` the least
/// durable cursor of every receiver of every outlet (`None` while one has none: then it is zero).
pub fn trim(
    checkpoints: &[Offset],
    origin: Option<Offset>,
    log_start: Offset,
    receivers: Option<Offset>,
    rules: Rules,
) -> Trim {
    let mut usable: Vec<Offset> =
        checkpoints.iter().chain(&origin).copied().filter(|position| *position >= log_start).collect();
    usable.sort_unstable();
    usable.dedup();
    let keep = if rules.has(Rule::KeepThree) { KEEP_NEWEST } else { 1 };
    let durable = receivers.unwrap_or_default();
    let below_receivers = usable.partition_point(|position| *position <= durable);
    let newest = usable.len().saturating_sub(keep);
    let first_kept = if rules.has(Rule::TrimWaitsForReceivers) && rules.has(Rule::KeepThree) {
        newest.min(below_receivers.saturating_sub(KEEP_BELOW_RECEIVERS))
    } else {
        newest
    };
    let Some(oldest) = usable.get(first_kept).copied() else { return Trim::default() };
    if first_kept == 0 && origin == Some(oldest) {
        return Trim::default();
    }
    let delete = checkpoints.iter().copied().filter(|position| *position < oldest).collect();
    Trim { delete, below: Some(oldest) }
}

#[cfg(test)]
mod tests;
