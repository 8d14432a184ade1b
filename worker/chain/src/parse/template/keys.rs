//! Keys of token sequences that can be changed at one position in O(1).
//!
//! The key of a sequence is a sum over its positions, so the key of the same sequence with `<*>` at
//! one position is a subtraction and an addition away. Keys are 64-bit hashes: equal keys are
//! taken for equal sequences. They live in memory only and are never written.

use std::hash::{BuildHasher, Hasher};

use super::scan::WILD_HASH;

/// The share of token `hash` at `position` in a key.
#[inline]
pub(super) fn share(hash: u64, position: usize) -> u64 {
    let salt = (position as u64).wrapping_add(1).wrapping_mul(0xa076_1d64_78bd_642f);
    fold(hash ^ salt, 0xe703_7ed1_a0b4_28db)
}

/// What replacing token `hash` at `position` by `<*>` adds to a key.
#[inline]
pub(super) fn wildcard_step(hash: u64, position: usize) -> u64 {
    share(WILD_HASH, position).wrapping_sub(share(hash, position))
}

/// The key of a sequence.
#[inline]
pub(super) fn sequence(hashes: impl ExactSizeIterator<Item = u64>) -> u64 {
    let start = fold(hashes.len() as u64 ^ 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3);
    hashes.enumerate().fold(start, |key, (position, hash)| key.wrapping_add(share(hash, position)))
}

#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Passes keys through, which are hashes already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct KeyHasher;

impl BuildHasher for KeyHasher {
    type Hasher = PassThrough;

    fn build_hasher(&self) -> PassThrough {
        PassThrough(0)
    }
}

/// See [`KeyHasher`].
#[derive(Debug, Clone, Copy)]
pub(super) struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::id::hash64(bytes);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
