//! Identities: 128-bit ids that say where something comes from, the same at every replay.
//!
//! An event's id is a hash of (tenant, source, topic id, partition, offset, sub-index). Windows,
//! aggregates, alerts and findings have an id of (pipeline, rule, scope, window end); what is
//! emitted again carries the same id and a higher revision.

use std::fmt;
use xxhash_rust::xxh3::{Xxh3, xxh3_128, xxh3_128_with_seed};

/// A 128-bit identity, written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub u128);

impl Id {
    /// The 32 hexadecimal digits.
    pub fn digits(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

/// Where the lines of one source partition come from: the fixed part of an event's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin(u64);

impl Origin {
    /// `topic_id` is Kafka's topic id (or the file's identity in local mode): a topic that was
    /// deleted and made again starts at offset 0 and must not repeat ids.
    pub fn new(tenant: &str, source: &str, topic_id: u128, partition: u32) -> Self {
        let mut hash = Xxh3::new();
        for part in [tenant.as_bytes(), source.as_bytes()] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.update(&topic_id.to_le_bytes());
        hash.update(&partition.to_le_bytes());
        Self(hash.digest())
    }

    /// The seed that [`Origin::event`] uses; kept in plans and checkpoints.
    pub fn seed(self) -> u64 {
        self.0
    }

    /// An origin from its seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The id of the event at `offset`; `sub` numbers several events of one offset.
    #[inline]
    pub fn event(self, offset: u64, sub: u32) -> Id {
        let mut bytes = [0u8; 12];
        bytes[..8].copy_from_slice(&offset.to_le_bytes());
        bytes[8..].copy_from_slice(&sub.to_le_bytes());
        Id(xxh3_128_with_seed(&bytes, self.0))
    }
}

/// Builds an id out of parts, each with its length, so that no two lists of parts collide by
/// concatenation.
#[derive(Debug, Clone, Default)]
pub struct IdBuilder(Vec<u8>);

impl IdBuilder {
    /// `kind` separates the name spaces (`window`, `aggregate`, `alert`, `incident`, `group`).
    pub fn new(kind: &str) -> Self {
        Self(Vec::with_capacity(256)).bytes(kind.as_bytes())
    }

    /// Goes on behind parts that many ids begin with, in memory that is used again.
    pub fn behind(parts: &[u8], mut memory: Vec<u8>) -> Self {
        memory.clear();
        memory.extend_from_slice(parts);
        Self(memory)
    }

    /// The parts so far, for [`IdBuilder::behind`].
    pub fn into_parts(self) -> Vec<u8> {
        self.0
    }

    /// Adds a byte string.
    #[must_use]
    #[inline]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.0.extend_from_slice(&(part.len() as u64).to_le_bytes());
        self.0.extend_from_slice(part);
        self
    }

    /// Adds a text.
    #[must_use]
    #[inline]
    pub fn str(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Adds a number.
    #[must_use]
    #[inline]
    pub fn number(mut self, part: i64) -> Self {
        self.0.extend_from_slice(&part.to_le_bytes());
        self
    }

    /// The id.
    pub fn finish(self) -> Id {
        Id(xxh3_128(&self.0))
    }

    /// The id, and the memory for the next one.
    pub fn finish_and_reuse(self) -> (Id, Vec<u8>) {
        (Id(xxh3_128(&self.0)), self.0)
    }
}

/// The chain's hash for keys and partitions: XXH3 with a fixed seed, never a random state.
#[inline]
pub fn hash64(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_an_origin_counts() {
        let base = Origin::new("acme", "app", 7, 0);
        let others =
            [Origin::new("acm", "eapp", 7, 0), Origin::new("acme", "app", 8, 0), Origin::new("acme", "app", 7, 1)];
        for other in others {
            assert_ne!(base.event(1, 0), other.event(1, 0));
        }
        assert_ne!(base.event(1, 0), base.event(1, 1));
        assert_ne!(base.event(1, 0), base.event(2, 0));
    }

    #[test]
    fn ids_do_not_change_between_releases() {
        let id = Origin::new("acme", "app", 7, 0).event(42, 0);
        assert_eq!(id.to_string(), Origin::new("acme", "app", 7, 0).event(42, 0).to_string());
        assert_eq!(IdBuilder::new("window").str("m1").number(5).finish().to_string().len(), 32);
    }
}
