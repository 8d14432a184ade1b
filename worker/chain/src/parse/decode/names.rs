//! The names of one step: which of the wanted names it may fill, and which names it can give at all.

use prost_reflect::MessageDescriptor;

use super::keys::KeyTable;
use super::protobuf::ProtobufDecoder;
use crate::parse::fields::{Slot, SlotTable};

/// The wanted names that a step may fill: those that begin with its prefix, without the prefix.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'t> {
    names: Vec<(&'t str, Slot)>,
}

impl<'t> Wanted<'t> {
    /// The names of `table` that begin with `prefix`.
    pub fn new(table: &'t SlotTable, prefix: &str) -> Self {
        let local = |(name, slot): (&'t str, Slot)| {
            let name = name.strip_prefix(prefix)?;
            (!name.is_empty()).then_some((name, slot))
        };
        Self { names: table.iter().filter_map(local).collect() }
    }

    /// The names with their slots, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (&'t str, Slot)> {
        self.names.iter().copied()
    }

    /// The slot of a name that the step gives.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.names.iter().find(|(wanted, _)| *wanted == name).map(|(_, slot)| *slot)
    }
}

/// The names that a step can give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gives {
    /// Whatever the line holds.
    Anything,
    /// The paths into this message.
    Message(MessageDescriptor),
    /// These names, and whatever begins with one of the prefixes (`sd.`).
    Names {
        /// Whole names.
        names: Vec<String>,
        /// Beginnings.
        prefixes: Vec<&'static str>,
    },
}

impl Gives {
    /// A closed list of names.
    pub fn names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::Names { names: names.into_iter().map(Into::into).collect(), prefixes: Vec::new() }
    }

    /// True when a line may give `name`.
    pub fn may_give(&self, name: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Message(message) => ProtobufDecoder::may_give(message, name),
            Self::Names { names, prefixes } => {
                names.iter().any(|known| known == name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
            }
        }
    }
}

/// The slots of a step whose names are plain keys.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySlots {
    keys: KeyTable,
    slots: Vec<Slot>,
}

impl KeySlots {
    /// The wanted names as keys.
    pub fn new(wanted: &Wanted<'_>) -> Self {
        Self {
            keys: KeyTable::new(wanted.iter().map(|(name, _)| name.as_bytes())),
            slots: wanted.iter().map(|(_, slot)| slot).collect(),
        }
    }

    /// The slot of a key, when it is wanted.
    #[inline]
    pub fn slot(&self, key: &[u8]) -> Option<Slot> {
        self.slots.get(self.keys.get(key)?).copied()
    }
}
