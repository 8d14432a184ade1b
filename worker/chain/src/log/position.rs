//! Offsets and positions (rule R1).
//!
//! A position is a pair (upstream offset, output number within that step, counted per outlet), compared
//! lexicographically. `(o, 0)` means everything before step `o` is complete; `(o, k)` stands inside step `o`,
//! behind its first `k` outputs on that outlet. Offsets alone do not do: one step's outputs may need several
//! frames, and the second frame would look like a repeat (counter-example H3).

use crate::wire::{Reader, WireError, Writer};
use std::fmt;

/// An offset of a log: of a source partition, or of a partition of an internal link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub u64);

impl Offset {
    /// The first offset of every log.
    pub const ZERO: Self = Self(0);

    /// The offset behind this one.
    #[inline]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where an output stands in what its sender emits on one outlet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// The upstream offset whose step emitted it.
    pub offset: Offset,
    /// Its number among the outputs of that step on that outlet.
    pub sub: u32,
}

impl Position {
    /// Before everything.
    pub const START: Self = Self { offset: Offset::ZERO, sub: 0 };

    /// A position inside the step at `offset`.
    #[inline]
    pub const fn new(offset: Offset, sub: u32) -> Self {
        Self { offset, sub }
    }

    /// `(offset, 0)`: every step before `offset` is complete.
    #[inline]
    pub const fn at(offset: Offset) -> Self {
        Self { offset, sub: 0 }
    }

    /// True for `(o, 0)`, where checkpoints may stand.
    #[inline]
    pub const fn is_between_steps(self) -> bool {
        self.sub == 0
    }

    /// Appends the position.
    pub fn save(self, out: &mut Writer) {
        out.varint(self.offset.0);
        out.varint(u64::from(self.sub));
    }

    /// Reads what [`Position::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a position.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { offset: Offset(input.varint()?), sub: input.varint32()? })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.offset, self.sub)
    }
}

/// A sender on a link: a source partition (for links that ingest feeds), else the sending task's partition.
/// The generation plan numbers them; new source partitions get new numbers (R4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Upstream(pub u32);

impl fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "u{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_compare_by_offset_then_output() {
        let ordered = [
            Position::START,
            Position::new(Offset(0), 1),
            Position::at(Offset(1)),
            Position::new(Offset(1), u32::MAX),
            Position::at(Offset(2)),
        ];
        assert!(ordered.is_sorted());
        assert!(ordered.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_position_round_trips() {
        let position = Position::new(Offset(u64::MAX), 7);
        let mut out = Writer::new();
        position.save(&mut out);
        assert_eq!(Position::load(&mut Reader::new(out.as_slice())), Ok(position));
    }
}
