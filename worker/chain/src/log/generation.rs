//! Change of generation: seal, cut, close, carry (rule R22).
//!
//! ```text
//!  seal   appended to every partition of the first link; the first one in each log counts. The fold stops taking
//!         frames; its `next` vector is frozen, and stored create-only
//!  cut    cut[u] = max over partitions of the frozen next[u], stored create-only: a function of the logs
//!  close  close(cut) appended to every partition; the fold goes on, clipped at the cut
//!  carry  a partition with next[u] = cut[u] for all u is finished: it takes nothing more, and its final state
//!         starts the new generation. Its own log position there is the cut of the next link's `close`
//! ```
//!
//! Every step may be repeated by any number of operators: the first object and the first entry count.

use crate::log::frame::Control;
use crate::log::position::{Offset, Position, Upstream};
use crate::log::receive::{Cursor, Receiver};
use crate::log::rules::Rules;
use crate::wire::{Reader, WireError, Writer};

/// Where a log stands in a change of generation: fold state of its receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Phase {
    /// Frames are taken.
    #[default]
    Open,
    /// A `seal` was folded: cursors are frozen.
    Sealed,
    /// A `close` was folded: frames are taken up to the cut.
    Closing {
        /// The cursors as they were when the log was sealed.
        frozen: Frozen,
        /// Where this generation ends.
        cut: Cut,
    },
}

/// The `next` vector of a sealed log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frozen(Vec<(Upstream, Position)>);

/// Per upstream, the offset behind its last step in this generation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cut(Vec<(Upstream, Offset)>);

impl Frozen {
    /// The vector of these cursors. Feedback is left out: its sender reads what this log's reader sends, so waiting for
    /// it could wait for ever.
    pub fn of(cursors: &[Cursor]) -> Self {
        let timed = cursors.iter().filter(|cursor| cursor.timed);
        Self(timed.map(|cursor| (cursor.upstream, cursor.next)).collect())
    }

    /// Upstreams and positions, in order of upstream.
    pub fn iter(&self) -> impl Iterator<Item = (Upstream, Position)> {
        self.0.iter().copied()
    }

    /// Appends the vector: also the content of its create-only object.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.0.len() as u64);
        for (upstream, next) in &self.0 {
            out.varint(u64::from(upstream.0));
            next.save(out);
        }
    }

    /// Reads what [`Frozen::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a vector in order of upstream.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        load_rising(input, Position::load).map(Self)
    }
}

impl Cut {
    /// The cut of a sealed generation: per upstream the maximum over all partitions of the first link. A cursor
    /// inside a step counts as behind it: that step was begun in this generation and ends in it.
    pub fn of(frozen: &[Frozen]) -> Self {
        let mut cut = std::collections::BTreeMap::<Upstream, Offset>::new();
        for (upstream, next) in frozen.iter().flat_map(Frozen::iter) {
            let end = if next.is_between_steps() { next.offset } else { next.offset.next() };
            let entry = cut.entry(upstream).or_default();
            *entry = end.max(*entry);
        }
        Self(cut.into_iter().collect())
    }

    /// From pairs in rising order of upstream; `None` when they are not.
    pub fn from_pairs(pairs: Vec<(Upstream, Offset)>) -> Option<Self> {
        pairs.is_sorted_by(|first, second| first.0 < second.0).then_some(Self(pairs))
    }

    /// The pairs, in order of upstream: the content of a `close`.
    pub fn pairs(&self) -> &[(Upstream, Offset)] {
        &self.0
    }

    /// Where an upstream ends; zero when it had not begun.
    pub fn get(&self, upstream: Upstream) -> Offset {
        let found = self.0.binary_search_by_key(&upstream, |(upstream, _)| *upstream);
        found.map_or(Offset::ZERO, |index| self.0[index].1)
    }

    /// Appends the cut: also the content of its create-only object.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.0.len() as u64);
        for (upstream, offset) in &self.0 {
            out.varint(u64::from(upstream.0));
            out.varint(offset.0);
        }
    }

    /// Reads what [`Cut::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a cut in order of upstream.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        load_rising(input, |input| input.varint().map(Offset)).map(Self)
    }
}

fn load_rising<T>(
    input: &mut Reader<'_>,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<Vec<(Upstream, T)>, WireError> {
    let count = input.count()?;
    let mut pairs: Vec<(Upstream, T)> = Vec::new();
    for _ in 0..count {
        let upstream = Upstream(input.varint32()?);
        if pairs.last().is_some_and(|(last, _)| *last >= upstream) {
            return Err(input.invalid("order of upstreams", u64::from(upstream.0)));
        }
        pairs.push((upstream, read(input)?));
    }
    Ok(pairs)
}

impl Phase {
    /// True between `seal` and `close`.
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed)
    }

    /// The cut that binds an upstream, once the log is closing.
    pub fn cut(&self, upstream: Upstream) -> Option<Offset> {
        match self {
            Self::Closing { cut, .. } => Some(cut.get(upstream)),
            Self::Open | Self::Sealed => None,
        }
    }

    /// The frozen vector of a sealed or closing log.
    pub fn frozen(&self, cursors: &[Cursor]) -> Option<Frozen> {
        match self {
            Self::Open => None,
            Self::Sealed => Some(Frozen::of(cursors)),
            Self::Closing { frozen, .. } => Some(frozen.clone()),
        }
    }

    /// Folds a control entry. Only the first `seal` counts, and only the first `close`. On the first link a `close`
    /// always stands behind a `seal`, since its cut is computed from sealed logs; later links need no seal, since
    /// their senders end where their own logs are finished.
    pub(crate) fn control(&mut self, control: Control<'_>, cursors: &[Cursor]) {
        match (&*self, control) {
            (Self::Open, Control::Seal) => *self = Self::Sealed,
            (Self::Open | Self::Sealed, Control::Close(cuts)) => {
                *self = Self::Closing { frozen: Frozen::of(cursors), cut: Cut(cuts.iter().collect()) };
            }
            _ => {}
        }
    }

    /// True when everything below the cut is taken.
    pub(crate) fn is_finished(&self, cursors: &[Cursor]) -> bool {
        let Self::Closing { cut, .. } = self else { return false };
        cut.pairs().iter().all(|(upstream, end)| {
            let found = cursors.binary_search_by_key(upstream, |cursor| cursor.upstream);
            let next = found.map_or(Position::START, |index| cursors[index].next);
            next >= Position::at(*end)
        })
    }

    /// Appends the phase.
    pub fn save(&self, out: &mut Writer) {
        match self {
            Self::Open => out.u8(0),
            Self::Sealed => out.u8(1),
            Self::Closing { frozen, cut } => {
                out.u8(2);
                frozen.save(out);
                cut.save(out);
            }
        }
    }

    /// Reads what [`Phase::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a phase.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        match input.u8()? {
            0 => Ok(Self::Open),
            1 => Ok(Self::Sealed),
            2 => Ok(Self::Closing { frozen: Frozen::load(input)?, cut: Cut::load(input)? }),
            other => Err(input.invalid("phase", u64::from(other))),
        }
    }
}

/// The state with which an unchanged stage starts in the new generation (R22.5), from the state of its final
/// checkpoint: the same, with the receiver at the start of new logs ([`Receiver::carried`]). A stage's state begins
/// with its receiver.
///
/// # Errors
/// [`WireError`] when the bytes do not begin with a receiver.
pub fn carried_state(state: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut input = Reader::new(state);
    let receiver = Receiver::load(&mut input, Rules::ALL)?;
    let mut out = Writer::new();
    receiver.carried().save(&mut out);
    out.raw(input.rest());
    Ok(out.into_vec())
}

#[cfg(test)]
mod tests;
