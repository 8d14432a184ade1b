//! What the summaries promise, as properties.

use super::*;
use crate::wire::{Reader, Snapshot, Writer};
use proptest::prelude::*;

mod ddsketch;
mod hll;
mod sums;

fn saved<T: Snapshot>(state: &T) -> Vec<u8> {
    let mut out = Writer::new();
    state.save(&mut out);
    out.into_vec()
}

fn loaded<T: Snapshot>(bytes: &[u8]) -> T {
    let mut input = Reader::new(bytes);
    let state = T::load(&mut input).unwrap();
    input.finish().unwrap();
    state
}

/// A seeded generator for the tests (SplitMix64).
pub(crate) struct Lcg(pub u64);

impl Lcg {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub(crate) fn lognormal(&mut self, sigma: f64) -> f64 {
        (sigma * self.normal()).exp()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.next() as usize % (at + 1));
        }
    }
}
