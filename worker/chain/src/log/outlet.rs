//! Outlets: what a step emits, and how it leaves in frames (rules R1, R3, R9, R10, R20, R24).
//!
//! [`Outputs`] is everything that a task's steps emit into; each outlet of it is one partition of one link.
//!
//! ```text
//!  step o: emit ─► (o, 0) (o, 1) (o, 2) …  pending ──cut──► frame [sent, to) ──producer──► log
//!                                             │                  unacknowledged ◄──acked──┘
//!                                             └ to = (position, 0) with the mark of now, or
//!                                               to = (o, k) with the mark of before step o
//! ```
//!
//! The owner decides when to cut and how large, nothing else: records and positions are given by the fold (R5). A
//! cut never exceeds its bound, however much one step emits (R24). A frame in flight is never changed; after a
//! delivery error *every* frame from the first one not contiguously acknowledged goes out again, in order, also
//! those acknowledged after it (R10). A checkpoint at `x` may be stored only when every outlet is covered up to
//! `(x, 0)` (R9).

mod queue;

use crate::log::fate::{FateRun, Minute, Reason, ReasonKind};
use crate::log::frame::{FrameBytes, Header, MAX_HEADER_BYTES, OwnedClaim, OwnedProvisionals};
use crate::log::mark::LogEndClaim;
use crate::log::position::{Offset, Position, Upstream};
use crate::log::rules::{Rule, Rules};
use crate::time::EventTime;
use crate::wire::Writer;
use queue::Outlet;
use std::ops::Range;

/// Offsets that share one outlet for their fates: long runs stay short in the frame, and the load is spread.
const FATE_BLOCK: u64 = 64;

/// A link that a task feeds: so many partitions, each an outlet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSpec {
    /// The link's name in the generation plan.
    pub name: &'static str,
    /// How many partitions. None: this shape of the pipeline has no such link, and nothing may be emitted on it.
    pub partitions: u16,
    /// True for the one link whose receivers count the fates of this task.
    pub fates: bool,
    /// True for a link without the `joins` hop: claims go only together with provisionals (R25).
    pub provisionals: bool,
}

/// One partition of one link, as an index into [`Outputs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutletIndex(pub u16);

/// A frame that was cut, with the number by which its acknowledgement is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutFrame {
    /// Rises by one per frame sent on an outlet.
    pub sequence: u64,
    /// The position behind it.
    pub to: Position,
    /// Its bytes.
    pub bytes: FrameBytes,
}

/// What an outlet has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// Nothing that was not said before.
    Nothing,
    /// A newer mark or claim, or a position that is covered without records.
    Mark,
    /// Records or fates.
    Records,
}

/// What a task's steps emit into: one outlet per partition of each link that it feeds.
#[derive(Debug, Clone)]
pub struct Outputs {
    outlets: Vec<Outlet>,
    links: Vec<(LinkSpec, u16)>,
    fate_outlets: Range<u16>,
    step: Offset,
    in_step: bool,
    position: Offset,
    mark: EventTime,
    claim: Option<LogEndClaim>,
    rules: Rules,
    scratch: Writer,
}

impl Outputs {
    /// Outlets of a task that resumes at a checkpoint at `at`, where everything before was acknowledged. `upstream`
    /// is the task's number on the links that it feeds; `mark` the mark that the state at `at` gives.
    pub fn resume(upstream: Upstream, links: &[LinkSpec], at: Offset, mark: EventTime, rules: Rules) -> Self {
        Self::new(upstream, links, Position::at(at), at, mark, rules)
    }

    /// Outlets of a task that begins: `origin` is the position of its initial checkpoint. Its first frames cover
    /// `[0, origin)` with reason `before_start` (R15).
    pub fn begin_at(upstream: Upstream, links: &[LinkSpec], origin: Offset, rules: Rules) -> Self {
        let mut outputs = Self::new(upstream, links, Position::START, Offset::ZERO, EventTime::MIN, rules);
        outputs.covered(Offset::ZERO..origin, Reason::BeforeStart);
        outputs
    }

    fn new(
        upstream: Upstream,
        links: &[LinkSpec],
        sent: Position,
        position: Offset,
        mark: EventTime,
        rules: Rules,
    ) -> Self {
        let mut outputs = Self {
            outlets: Vec::new(),
            links: Vec::new(),
            fate_outlets: 0..0,
            step: position,
            in_step: false,
            position,
            mark,
            claim: None,
            rules,
            scratch: Writer::new(),
        };
        for link in links {
            let first = outputs.outlets.len() as u16;
            for _ in 0..link.partitions {
                outputs.outlets.push(Outlet::new(upstream, sent, link.provisionals));
            }
            if link.fates {
                outputs.fate_outlets = first..first + link.partitions;
            }
            outputs.links.push((link.clone(), first));
        }
        outputs
    }

    /// On the link with this index the task sends under another number than its own (a feedback link, which ends in a
    /// log that has other senders).
    #[must_use]
    pub fn sending_as(mut self, link: usize, upstream: Upstream) -> Self {
        let (spec, first) = &self.links[link];
        for index in *first..first + spec.partitions {
            self.outlets[usize::from(index)].upstream = upstream;
        }
        self
    }

    /// What the one receiver of an outlet already has: frames of it begin there, not where the task resumes. For owners that
    /// send frames of this outlet only when it has records, and whose checkpoint holds the receiver too.
    pub fn resume_outlet(&mut self, outlet: OutletIndex, has: Position) {
        let outlet = &mut self.outlets[usize::from(outlet.0)];
        outlet.sent = has;
        outlet.acked = has;
    }

    /// The outlet of a partition of the link with this index in the list of links; a partition beyond the link is
    /// taken modulo its partitions.
    #[inline]
    pub fn outlet(&self, link: usize, partition: u16) -> OutletIndex {
        let (spec, first) = &self.links[link];
        OutletIndex(first + partition % spec.partitions)
    }

    /// The outlet of a key's hash on the link with this index.
    #[inline]
    pub fn outlet_for(&self, link: usize, hash: u64) -> OutletIndex {
        let (spec, first) = &self.links[link];
        OutletIndex(first + (hash % u64::from(spec.partitions)) as u16)
    }

    /// Number of links.
    #[inline]
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// Number of partitions of the link with this index.
    #[inline]
    pub fn partitions(&self, link: usize) -> u16 {
        self.links[link].0.partitions
    }

    /// The links, in the order given.
    pub fn links(&self) -> impl Iterator<Item = &LinkSpec> {
        self.links.iter().map(|(spec, _)| spec)
    }

    /// All outlets in order.
    pub fn indices(&self) -> impl Iterator<Item = OutletIndex> + use<> {
        (0..self.outlets.len() as u16).map(OutletIndex)
    }

    /// A step begins. Drivers call it ([`crate::log::fold_frame`], [`crate::log::fold_line`]), stages do not.
    #[inline]
    pub fn begin(&mut self, step: Offset) {
        debug_assert!(step >= self.position && !self.in_step);
        self.step = step;
        self.in_step = true;
    }

    /// The step is complete: everything before `next` is folded, and `mark` holds for what follows.
    #[inline]
    pub fn end(&mut self, next: Offset, mark: EventTime) {
        self.in_step = false;
        self.position = next;
        self.mark = self.mark.max(mark);
    }

    /// The offset of the step that runs, or of the last one.
    #[inline]
    pub fn step(&self) -> Offset {
        self.step
    }

    /// Everything before this offset is folded.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// Emits a record; returns its position.
    #[inline]
    pub fn emit(&mut self, outlet: OutletIndex, payload: &[u8]) -> Position {
        debug_assert!(self.in_step, "records are emitted inside steps only");
        self.outlets[usize::from(outlet.0)].push(self.step.0, payload)
    }

    /// Emits a record that `write` encodes.
    #[inline]
    pub fn emit_with(&mut self, outlet: OutletIndex, write: impl FnOnce(&mut Writer)) -> Position {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        write(&mut scratch);
        let position = self.emit(outlet, scratch.as_slice());
        self.scratch = scratch;
        position
    }

    /// The line at the step's offset brings no record: what became of it here (R20). The outlet is a function
    /// of the offset, so that the fate is counted once whoever sends it.
    #[inline]
    pub fn fate(&mut self, reason: Reason, minute: Minute) {
        self.push_fate(FateRun { offset: self.step, count: 1, reason, minute });
    }

    /// Offsets that bring no line; moves the position behind them. Outside of steps. The whole range goes to one
    /// outlet: two owners may cut a covered range differently, and the sums must not depend on it.
    pub fn covered(&mut self, range: Range<Offset>, reason: Reason) {
        debug_assert!(!self.in_step && reason.kind() == ReasonKind::Covered);
        let count = range.end.0.saturating_sub(range.start.0);
        self.push_fate(FateRun { offset: range.start, count, reason, minute: Minute::UNKNOWN });
        self.position = self.position.max(range.end);
    }

    fn push_fate(&mut self, run: FateRun) {
        let outlets = u64::from(self.fate_outlets.end - self.fate_outlets.start);
        if outlets == 0 {
            return;
        }
        let chosen = match run.reason.kind() {
            ReasonKind::Dropped | ReasonKind::Passed => (run.offset.0 / FATE_BLOCK) % outlets,
            ReasonKind::Covered => 0,
        };
        let index = usize::from(self.fate_outlets.start) + chosen as usize;
        self.outlets[index].fates.push(run);
    }

    /// The owner earned a log-end claim; it rides on every frame whose `to` is at or behind the claim's end.
    pub fn claim(&mut self, claim: LogEndClaim) {
        if self.claim.is_none_or(|last| last.time < claim.time) {
            self.claim = Some(claim);
        }
    }

    /// A claim with the values that it relies on, on this outlet: all open panes that it passes, as of exactly the
    /// current position (R25.3). It goes with the frame that ends here, if one does; else it is forgotten.
    pub fn claim_with(&mut self, outlet: OutletIndex, time: EventTime, provisionals: OwnedProvisionals) {
        let claim = OwnedClaim { time, provisionals: Some(provisionals) };
        self.outlets[usize::from(outlet.0)].reliant = Some((self.position, claim));
    }

    /// What an outlet has to say.
    pub fn due(&self, outlet: OutletIndex) -> Due {
        let outlet = &self.outlets[usize::from(outlet.0)];
        if outlet.count > 0 || !outlet.fates.is_empty() {
            return Due::Records;
        }
        let claim = self.claim_time(outlet).is_some_and(|time| time > outlet.sent_claim);
        if claim || self.mark > outlet.sent_mark || Position::at(self.position) > outlet.sent {
            return Due::Mark;
        }
        Due::Nothing
    }

    fn claim_time(&self, outlet: &Outlet) -> Option<EventTime> {
        match outlet.relies {
            true => outlet.reliant.as_ref().filter(|(as_of, _)| *as_of == self.position).map(|(_, claim)| claim.time),
            false => self.claim.filter(|claim| claim.end <= self.position).map(|claim| claim.time),
        }
    }

    /// The claim that a frame of this outlet may carry, if it ends at the current position.
    fn claim_for(&self, outlet: &Outlet) -> Option<OwnedClaim> {
        if outlet.relies {
            return outlet.reliant.clone().filter(|(as_of, _)| *as_of == self.position).map(|(_, claim)| claim);
        }
        let claim = self.claim.filter(|claim| claim.end <= self.position)?;
        Some(OwnedClaim { time: claim.time, provisionals: None })
    }

    /// Bytes of pending records of an outlet.
    #[inline]
    pub fn pending_bytes(&self, outlet: OutletIndex) -> usize {
        let outlet = &self.outlets[usize::from(outlet.0)];
        outlet.pending.len() - outlet.start
    }

    /// Cuts the next frame of an outlet: what is pending, up to `max_bytes` in all (one record may exceed it, and is
    /// then alone; single records are bounded by the size rule). It always makes a frame, if need be an empty one with
    /// marks; ask [`Outputs::due`] first, or cut anyway as a heartbeat. Between steps only.
    pub fn cut(&mut self, outlet: OutletIndex, max_bytes: usize) -> CutFrame {
        debug_assert!(!self.in_step);
        let here = Position::at(self.position);
        let max_bytes = if self.rules.has(Rule::BoundedFrames) { max_bytes } else { usize::MAX };
        let claim = self.claim_for(&self.outlets[usize::from(outlet.0)]);
        let (mark, rules) = (self.mark, self.rules);
        let outlet = &mut self.outlets[usize::from(outlet.0)];
        let claim_bytes = claim.as_ref().map_or(0, OwnedClaim::encoded_bound);
        let part = outlet.part(max_bytes.saturating_sub(MAX_HEADER_BYTES + claim_bytes), here);
        let whole = part.to == here;
        let mark = if whole || !rules.has(Rule::MarksBeforeStep) { mark } else { outlet.sent_mark };
        if whole {
            outlet.reliant = None;
        }
        let claim = claim.filter(|_| whole);
        let to = if whole || rules.has(Rule::SubPositions) { part.to } else { Position::at(part.last.offset.next()) };
        let header = Header { upstream: outlet.upstream, from: outlet.sent, to, mark };
        let bytes = outlet.encode(header, claim.as_ref(), &part);
        outlet.sent = if rules.has(Rule::SubPositions) { to } else { Position::at(part.to.offset) };
        outlet.sent_mark = mark;
        outlet.sent_claim = claim.map_or(outlet.sent_claim, |claim| claim.time);
        outlet.send(to, bytes)
    }

    /// A frame was acknowledged. Coverage is the contiguous prefix (R9): an acknowledgement behind a failed frame
    /// covers nothing.
    pub fn acked(&mut self, outlet: OutletIndex, sequence: u64) {
        let contiguous = self.rules.has(Rule::CoverageContiguous);
        self.outlets[usize::from(outlet.0)].acked(sequence, contiguous);
    }

    /// Frames that are not contiguously acknowledged yet, over all outlets: what bounds a producer's queue (R18:
    /// back-pressure is only for full output queues).
    pub fn unacked(&self) -> usize {
        self.outlets.iter().map(|outlet| outlet.unacked.len()).max().unwrap_or(0)
    }

    /// True when every outlet is acknowledged up to `(at, 0)`: a checkpoint at `at` may be stored (R9).
    pub fn is_covered(&self, at: Offset) -> bool {
        self.outlets.iter().all(|outlet| outlet.acked >= Position::at(at))
    }

    /// After a delivery error, in a new producer session: every frame of an outlet from the first one not contiguously
    /// acknowledged, in order, also those acknowledged after it (R10), with new sequence numbers.
    pub fn resend(&mut self, outlet: OutletIndex) -> Vec<CutFrame> {
        let all = self.rules.has(Rule::ResendAcked);
        let outlet = &mut self.outlets[usize::from(outlet.0)];
        let mut again = Vec::new();
        for sent in &mut outlet.unacked {
            if sent.acked && !all {
                continue;
            }
            sent.acked = false;
            sent.frame.sequence = outlet.sequence;
            outlet.sequence += 1;
            again.push(sent.frame.clone());
        }
        again
    }
}

#[cfg(test)]
mod tests;
