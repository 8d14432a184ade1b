//! Summaries that merge: quantiles, distinct counts, sums, extremes.
//!
//! Every summary here is a function of the multiset of values alone. Adding in any order, and merging
//! in any order and any grouping, gives an equal state and the same saved bytes. That is what lets two
//! owners of a task, or a replay after a crash, write the same records at the same positions.
//!
//! ```text
//!  value ─► Key ─► DdSketch    quantiles, 1 % relative error      40 B + heap beyond 16 values
//!  hash  ────────► Hll         distinct count, 1.6 % (exact ≤ 512) 32 B + heap beyond 7 values
//!  value ────────► FixedSum    sum, exact to 2^-33 per value       16 B
//!  value ────────► MinMax      extremes, exact                     16 B
//! ```
//!
//! This room must never look at a clock, use randomness, or let a decision depend on how a state came
//! about (its capacity, its form in memory). Floats are used with plain multiplication and addition in
//! a written order; Rust does not fuse or reorder them, so the results are the same on every machine.

mod cells;
mod ddsketch;
mod fixed;
mod hll;
mod key;
mod minmax;
mod store;

pub use ddsketch::{Bins, DdSketch};
pub use fixed::FixedSum;
pub use hll::Hll;
pub use key::Key;
pub use minmax::MinMax;

/// What became of a value that was given to a summary. The caller counts the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Taken within the summary's guarantee.
    Whole,
    /// Taken at the edge of the summary's range, outside its guarantee.
    Clamped,
    /// Not taken: not a number, or infinite.
    Rejected,
}

#[cfg(test)]
pub(crate) mod tests;
