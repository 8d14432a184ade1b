//! Repair by request (rule R14).
//!
//! ```text
//!  receiver: gap at `next` stays for T_gap ──request(sender, needed, sequence)──► any owner of the sender
//!            … asks again until it heals                                          reloads its newest checkpoint
//!                                                                                 at or below `needed`, goes on
//! ```
//!
//! Most gaps heal by themselves: a restarted owner comes again. A frame that was acknowledged and is not in the log
//! never does (counter-example H8). Without a usable checkpoint the task reports the exact missing range; skipping
//! it is a person's create-only object, which the *sender* applies as a covered range with reason `skipped`, so
//! that it is in the log.
//!
//! The memory of gaps is the owner's, not the fold's: it needs a clock, and the next frame of any owner shows the gap
//! again.

use crate::log::checkpoint::{ObjectName, candidates};
use crate::log::mark::OwnerClock;
use crate::log::position::{Offset, Position, Upstream};
use crate::log::receive::{Outcome, Received};
use crate::log::rules::{Rule, Rules};
use crate::time::Span;
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;
use std::ops::Range;

/// How long a gap may stay before it is asked for. It must exceed the producers' retries and a rebalance.
pub const DEFAULT_PATIENCE: Span = Span::seconds(60);
/// From here on a gap is shown as a stall.
pub const SHOW_STALL_AFTER: Span = Span::seconds(5);

/// A gap at a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenGap {
    /// Whose frames are missing.
    pub upstream: Upstream,
    /// The first missing position.
    pub needed: Position,
    /// Where the first frame behind the gap begins.
    pub seen: Position,
    /// Since when, by this owner's clock.
    pub since: OwnerClock,
}

/// A request to whoever owns the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairRequest {
    /// Whose frames are missing: the sender's number on the link.
    pub upstream: Upstream,
    /// Which receiver asks: the link's partition.
    pub receiver: u32,
    /// The first missing position.
    pub needed: Position,
    /// Rises with every request of one receiver.
    pub sequence: u64,
}

impl RepairRequest {
    /// Appends the request.
    pub fn save(&self, out: &mut Writer) {
        out.varint(u64::from(self.upstream.0));
        out.varint(u64::from(self.receiver));
        self.needed.save(out);
        out.varint(self.sequence);
    }

    /// Reads what [`RepairRequest::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a request.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (upstream, receiver) = (Upstream(input.varint32()?), input.varint32()?);
        let needed = Position::load(input)?;
        Ok(Self { upstream, receiver, needed, sequence: input.varint()? })
    }
}

/// What a receiver's owner remembers of gaps.
#[derive(Debug, Clone)]
pub struct GapTimer {
    receiver: u32,
    patience: Span,
    open: BTreeMap<Upstream, OpenGap>,
    last_asked: BTreeMap<Upstream, OwnerClock>,
    sequence: u64,
    rules: Rules,
}

impl GapTimer {
    /// For the receiver of a link's partition. `first_sequence` must exceed that of earlier owners of the task; its
    /// clock in microseconds does.
    pub fn new(receiver: u32, patience: Span, first_sequence: u64, rules: Rules) -> Self {
        let (open, last_asked) = Default::default();
        Self { receiver, patience, open, last_asked, sequence: first_sequence, rules }
    }

    /// A frame was folded.
    pub fn observe(&mut self, received: &Received, now: OwnerClock) {
        let upstream = received.upstream;
        match received.outcome {
            Outcome::Gap { from } => {
                let gap = OpenGap { upstream, needed: received.next, seen: from, since: now };
                let entry = self.open.entry(upstream).or_insert(gap);
                if entry.needed != received.next {
                    *entry = gap;
                    self.last_asked.remove(&upstream);
                }
            }
            Outcome::Taken { .. } => {
                self.open.remove(&upstream);
                self.last_asked.remove(&upstream);
            }
            Outcome::Repeat | Outcome::Control | Outcome::Sealed => {}
        }
    }

    /// Requests that are due now: one per gap that has stayed for longer than the patience, and again each time that
    /// it passes.
    pub fn due(&mut self, now: OwnerClock) -> Vec<RepairRequest> {
        let mut requests = Vec::new();
        if !self.rules.has(Rule::Repair) {
            return requests;
        }
        for gap in self.open.values() {
            let waiting_since = self.last_asked.get(&gap.upstream).copied().unwrap_or(gap.since);
            if now.since(waiting_since) > self.patience {
                self.last_asked.insert(gap.upstream, now);
                self.sequence += 1;
                requests.push(RepairRequest {
                    upstream: gap.upstream,
                    receiver: self.receiver,
                    needed: gap.needed,
                    sequence: self.sequence,
                });
            }
        }
        requests
    }

    /// Gaps that are open: shown as a stall once they last for [`SHOW_STALL_AFTER`].
    pub fn open(&self) -> impl Iterator<Item = &OpenGap> {
        self.open.values()
    }
}

/// What a sender's owner remembers of requests: each is served once.
#[derive(Debug, Clone, Default)]
pub struct RepairInbox {
    served: BTreeMap<u32, u64>,
}

/// What a sender's owner does about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Served before.
    Known,
    /// Load the first of these that can be read, and go on from there.
    Reload(Vec<ObjectName>),
    /// None is left at or below the needed position: report what is missing. `until` is the oldest position that can
    /// still be sent, if there is any.
    Missing {
        /// First missing position.
        from: Position,
        /// Where the frames that can still be sent begin.
        until: Option<Offset>,
    },
}

impl RepairInbox {
    /// A request came; `listing` are the sender's objects.
    pub fn request(&mut self, request: &RepairRequest, listing: &[ObjectName], log_start: Offset) -> Answer {
        let served = self.served.entry(request.receiver).or_default();
        if request.sequence <= *served {
            return Answer::Known;
        }
        *served = request.sequence;
        let usable = candidates(listing, log_start, Some(request.needed.offset));
        if !usable.is_empty() {
            return Answer::Reload(usable);
        }
        let until = candidates(listing, log_start, None).into_iter().rev().find_map(|name| match name {
            ObjectName::At(position) => Some(position),
            ObjectName::Origin => None,
        });
        Answer::Missing { from: request.needed, until }
    }
}

/// A person's decision to skip a range of a task's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Offsets of the input that are not folded.
    pub range: Range<Offset>,
}

impl Skip {
    /// The part of the input to cover with reason `skipped`, for a sender that stands at `position`.
    pub fn applies_at(&self, position: Offset) -> Option<Range<Offset>> {
        let inside = self.range.start <= position && position < self.range.end;
        inside.then_some(position..self.range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Span = Span(100);

    fn gap(next: u64, from: u64) -> Received {
        let outcome = Outcome::Gap { from: Position::at(Offset(from)) };
        Received { upstream: Upstream(2), next: Position::at(Offset(next)), outcome }
    }

    fn taken(next: u64) -> Received {
        let outcome = Outcome::Taken { partial: false, records: 1 };
        Received { upstream: Upstream(2), next: Position::at(Offset(next)), outcome }
    }

    #[test]
    fn a_gap_that_heals_is_not_asked_for() {
        let mut timer = GapTimer::new(0, PATIENCE, 0, Rules::ALL);
        timer.observe(&gap(5, 9), OwnerClock(10));
        timer.observe(&taken(9), OwnerClock(20));
        assert_eq!(timer.due(OwnerClock(1_000)), []);
    }

    #[test]
    fn a_gap_that_stays_is_asked_for_again_and_again() {
        let mut timer = GapTimer::new(3, PATIENCE, 0, Rules::ALL);
        timer.observe(&gap(5, 9), OwnerClock(10));
        timer.observe(&gap(5, 12), OwnerClock(60));
        assert_eq!(timer.due(OwnerClock(110)), []);
        let first = timer.due(OwnerClock(111));
        assert_eq!(first.len(), 1);
        assert_eq!((first[0].needed, first[0].receiver), (Position::at(Offset(5)), 3));
        assert_eq!(timer.due(OwnerClock(150)), []);
        let second = timer.due(OwnerClock(212));
        assert!(second[0].sequence > first[0].sequence);
        timer.observe(&gap(7, 12), OwnerClock(220));
        assert_eq!(timer.due(OwnerClock(300)), [], "another gap waits anew");
    }

    #[test]
    fn without_the_rule_nobody_asks() {
        let mut timer = GapTimer::new(0, PATIENCE, 0, Rules::ALL.without(Rule::Repair));
        timer.observe(&gap(5, 9), OwnerClock(10));
        assert_eq!(timer.due(OwnerClock(1_000_000)), []);
    }

    #[test]
    fn a_request_is_served_once_from_the_newest_checkpoint_at_or_below() {
        let listing = [Offset(2), Offset(5), Offset(8)].map(ObjectName::At);
        let needed = Position::new(Offset(6), 1);
        let request = RepairRequest { upstream: Upstream(0), receiver: 1, needed, sequence: 4 };
        let mut inbox = RepairInbox::default();
        let reload = Answer::Reload(vec![ObjectName::At(Offset(5)), ObjectName::At(Offset(2))]);
        assert_eq!(inbox.request(&request, &listing, Offset(0)), reload);
        assert_eq!(inbox.request(&request, &listing, Offset(0)), Answer::Known);
        let again = RepairRequest { sequence: 5, ..request };
        let missing = Answer::Missing { from: needed, until: Some(Offset(8)) };
        assert_eq!(inbox.request(&again, &listing, Offset(7)), missing);
    }

    #[test]
    fn a_skip_covers_from_where_the_sender_stands() {
        let skip = Skip { range: Offset(5)..Offset(9) };
        assert_eq!(skip.applies_at(Offset(4)), None);
        assert_eq!(skip.applies_at(Offset(6)), Some(Offset(6)..Offset(9)));
        assert_eq!(skip.applies_at(Offset(9)), None);
    }
}
