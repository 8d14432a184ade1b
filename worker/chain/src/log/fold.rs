//! The stage seam: what a stage is, and what the receive rule tells it.
//!
//! A stage is a pure fold over one totally ordered log of frames: no clock, no randomness, no input or output, no
//! hash order in what it emits. It emits only inside a step, at points given by the log: task time passes a
//! boundary, a *logical* bound is exceeded, an upstream closes or seals (R7); never by a timer, by memory in use,
//! or at shutdown. It never refuses a frame because its state is full (R18).
//!
//! ```text
//!  Stage::step(at, frame, out)                       driver: fold_frame(stage, at, frame, out)
//!    └─ receiver.step(frame, &mut rest, out)
//!         ├─ Fold::record  ×n   in order of position
//!         ├─ Fold::fate    ×n
//!         ├─ Fold::marked       the upstream's mark (close assemblies, R6)
//!         ├─ Fold::hold    ×u   an open assembly holds its upstream's time
//!         └─ Fold::time         last: timers, pane flushes, window closes
//! ```
//!
//! `save` is canonical and begins with the receiver (R11); `load` is a constructor of the concrete type, which is
//! given the program and the rules as well.

use crate::log::fate::{FateRun, Reason};
use crate::log::frame::{Frame, Provisionals};
use crate::log::outlet::Outputs;
use crate::log::position::{Offset, Position, Upstream};
use crate::log::receive::{Received, Receiver};
use crate::time::EventTime;
use crate::wire::Writer;
use std::ops::Range;

/// A stage: a pure fold over one totally ordered log of frames.
pub trait Stage {
    /// Folds the frame at offset `at`. Everything it emits has a position in step `at`. The driver brackets the call
    /// with [`Outputs::begin`] and [`Outputs::end`] ([`fold_frame`] does).
    fn step(&mut self, at: Offset, frame: &Frame<'_>, out: &mut Outputs) -> Received;

    /// Cursors and time.
    fn receiver(&self) -> &Receiver;

    /// What its frames may say about what follows: task time, less what the stage itself delays (a join that
    /// observes rows when they are joined).
    fn mark(&self) -> EventTime {
        self.receiver().time()
    }

    /// Appends the whole state, canonical, the receiver first ([`Receiver::save`]).
    fn save(&self, out: &mut Writer);
}

/// Ingest: the fold over one source partition. What it emits at an offset is a function of the source partition up
/// to that offset and of the logic version (R5).
pub trait Ingest {
    /// Folds the line at `offset`. `received` is when the source got the line (Kafka's timestamp), if it says so:
    /// far-future times are judged against it, never against a clock.
    fn line(&mut self, offset: Offset, line: RawLine<'_>, received: Option<EventTime>, out: &mut Outputs);

    /// The offsets in `range` bring no line, for a reason whose kind is
    /// [`Covered`](crate::log::fate::ReasonKind::Covered). Emits the fate and nothing else.
    fn covered(&mut self, range: Range<Offset>, reason: Reason, out: &mut Outputs) {
        out.covered(range, reason);
    }

    /// The source watermark: greatest event time so far minus the allowed disorder.
    fn mark(&self) -> EventTime;

    /// Appends the whole state, canonical.
    fn save(&self, out: &mut Writer);
}

/// A line as the source gives it, without its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawLine<'a> {
    /// The line, or its beginning when it is above the bound.
    pub bytes: &'a [u8],
    /// Set for a superlog.
    pub superlog: Option<Superlog<'a>>,
}

/// What is known of a line that is longer than the bound, of which only the beginning is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superlog<'a> {
    /// Length of the whole line in bytes.
    pub full_length: u64,
    /// XXH3-128 of the whole line.
    pub digest: u128,
    /// Where the whole line is kept (claim check), if it is kept. A failing upload blocks; it does not truncate
    /// instead (R5).
    pub reference: Option<&'a str>,
}

impl<'a> RawLine<'a> {
    /// A line within the bound.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, superlog: None }
    }
}

/// What the receive rule tells the part of a stage behind its receiver, in this order for each frame.
pub trait Fold {
    /// One record, taken for the first time.
    fn record(&mut self, upstream: Upstream, at: Position, payload: &[u8], out: &mut Outputs);

    /// Offsets that bring no record, counted for the first time (R20).
    fn fate(&mut self, upstream: Upstream, run: FateRun, out: &mut Outputs) {
        let _ = (upstream, run, out);
    }

    /// The upstream's mark, merged. Assemblies that it passes close here (R6).
    fn marked(&mut self, upstream: Upstream, mark: EventTime, out: &mut Outputs) {
        let _ = (upstream, mark, out);
    }

    /// The event time of the oldest open assembly of an upstream: holds its mark at that time (R6).
    fn hold(&self, upstream: Upstream) -> Option<EventTime> {
        let _ = upstream;
        None
    }

    /// Last in each step: task time, which never falls. Called for every frame that is not a gap, also when time
    /// has not moved (logical bounds are looked at here).
    fn time(&mut self, now: EventTime, out: &mut Outputs);

    /// A claim was accepted together with its provisionals, as of position `as_of` (R25). They replace what stands
    /// for the same pane, and never add.
    fn provisionals(
        &mut self,
        upstream: Upstream,
        as_of: Position,
        claim: EventTime,
        provisionals: Provisionals<'_>,
        out: &mut Outputs,
    ) {
        let _ = (upstream, as_of, claim, provisionals, out);
    }

    /// The time of the last accepted claim with provisionals of an upstream, if it stood at exactly `as_of`: what a
    /// claim that names a base is checked against (R25.3).
    fn claimed(&self, upstream: Upstream, as_of: Position) -> Option<EventTime> {
        let _ = (upstream, as_of);
        None
    }
}

/// Folds the log entry at `at` into a stage: the one way to call [`Stage::step`].
pub fn fold_frame<S: Stage + ?Sized>(stage: &mut S, at: Offset, frame: &Frame<'_>, out: &mut Outputs) -> Received {
    out.begin(at);
    let received = stage.step(at, frame, out);
    out.end(at.next(), stage.mark());
    received
}

/// Folds a source line into ingest: the one way to call [`Ingest::line`].
pub fn fold_line<I: Ingest + ?Sized>(
    ingest: &mut I,
    offset: Offset,
    line: RawLine<'_>,
    received: Option<EventTime>,
    out: &mut Outputs,
) {
    out.begin(offset);
    ingest.line(offset, line, received, out);
    out.end(offset.next(), ingest.mark());
}
