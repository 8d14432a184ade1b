//! The standing determinism alarm: what was accepted at a position is compared with what comes again.
//!
//! Repeats arrive after every restart anyway. A repeat that carries another payload at a known position says that two
//! owners disagree about the fold: a mix of logic versions (R8), a leak of clock or memory (R5, R7), or a log that
//! was replaced (R0). It is the owner's memory, not state, and it is off for the link behind a non-deterministic
//! stage (R19).

use crate::id::hash64;
use crate::log::frame::Frame;
use crate::log::position::{Position, Upstream};
use std::collections::{BTreeMap, VecDeque};
use thiserror::Error;

/// Accepted records that are remembered per upstream.
pub const DEFAULT_KEPT: usize = 1_000;

/// Two owners put different records at one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{upstream} sent two different records at {position}: the stage before is not deterministic")]
pub struct Divergence {
    /// Whose records differ.
    pub upstream: Upstream,
    /// Where.
    pub position: Position,
}

/// Digests of the records accepted last, per upstream.
#[derive(Debug, Clone)]
pub struct Digests {
    kept: usize,
    /// One record in `sample` is remembered, chosen by its position.
    sample: u64,
    rings: BTreeMap<Upstream, VecDeque<(Position, u64)>>,
}

impl Digests {
    /// Remembers `kept` records per upstream, one in `sample` (at least 1) of those accepted.
    pub fn new(kept: usize, sample: u64) -> Self {
        Self { kept, sample: sample.max(1), rings: BTreeMap::new() }
    }

    /// Looks at a frame before it is folded; `next` is the receiver's cursor for its upstream.
    ///
    /// # Errors
    /// [`Divergence`] at the first record that differs from what was accepted at its position.
    pub fn frame(&mut self, frame: &Frame<'_>, next: Position) -> Result<(), Divergence> {
        if frame.from() > next || frame.record_count() == 0 {
            return Ok(());
        }
        let upstream = frame.upstream();
        let ring = self.rings.entry(upstream).or_default();
        for record in frame.records() {
            let position = record.position;
            if !(position.offset.0 + u64::from(position.sub)).is_multiple_of(self.sample) {
                continue;
            }
            let digest = hash64(record.payload);
            if position >= next {
                if ring.len() == self.kept {
                    ring.pop_front();
                }
                ring.push_back((position, digest));
            } else if let Ok(index) = ring.binary_search_by_key(&position, |(position, _)| *position)
                && ring[index].1 != digest
            {
                return Err(Divergence { upstream, position });
            }
        }
        Ok(())
    }

    /// The owner loads a checkpoint: what it accepted behind it will be accepted again.
    pub fn reload(&mut self) {
        self.rings.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::frame::{FrameBuilder, FrameBytes, Header};
    use crate::log::position::Offset;
    use crate::time::EventTime;

    fn frame(range: std::ops::Range<u64>, payload: &[u8]) -> FrameBytes {
        let (from, to) = (Position::at(Offset(range.start)), Position::at(Offset(range.end)));
        let header = Header { upstream: Upstream(0), from, to, mark: EventTime(0) };
        let frame = FrameBuilder::new(header);
        range.fold(frame, |frame, offset| frame.record(Position::at(Offset(offset)), payload)).finish()
    }

    #[test]
    fn a_repeat_with_another_payload_is_an_alarm() {
        let mut digests = Digests::new(100, 1);
        let next = Position::at(Offset(4));
        assert_eq!(digests.frame(&frame(0..4, b"a").decode().unwrap(), Position::START), Ok(()));
        assert_eq!(digests.frame(&frame(2..6, b"a").decode().unwrap(), next), Ok(()));
        let next = Position::at(Offset(6));
        let divergence = Divergence { upstream: Upstream(0), position: Position::at(Offset(3)) };
        assert_eq!(digests.frame(&frame(3..6, b"b").decode().unwrap(), next), Err(divergence));
        assert_eq!(digests.frame(&frame(8..9, b"b").decode().unwrap(), next), Ok(()), "a gap takes nothing");
    }

    #[test]
    fn memory_is_bounded() {
        let mut digests = Digests::new(3, 1);
        digests.frame(&frame(0..10, b"a").decode().unwrap(), Position::START).unwrap();
        let next = Position::at(Offset(10));
        assert_eq!(digests.frame(&frame(0..7, b"b").decode().unwrap(), next), Ok(()), "forgotten");
        assert!(digests.frame(&frame(7..8, b"b").decode().unwrap(), next).is_err());
    }
}
