//! Marks: claims about time that stay true (rules R3, R4, R17).
//!
//! A mark at position `to` says: every record of this upstream at or behind `to` that is not out of bounds has an
//! event time at or above it. There are two lawful sources. [`SourceMark`]: the greatest event time so far minus
//! the allowed disorder, a function of the source log. [`LogEndClaim`]: the owner asked where the log ends at its
//! clock `c` and stands at that end, hence everything that follows was appended after `c`. A claim dies with the
//! incarnation of the owner that made it and is part of no state.
//!
//! No upstream is ever left out because it is idle: it advances by claims. No claim, no advance: a dead ingest
//! task holds time still, it does not make its own backlog late (counter-example H5).

use crate::log::position::Offset;
use crate::log::rules::{Rule, Rules};
use crate::time::{EventTime, Span};
use crate::wire::{Reader, Snapshot, WireError, Writer};

/// The clock of an owner, in microseconds since the Unix epoch. It may decide where a frame ends, which claim it
/// carries and when to ask for repair; nothing else (R5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OwnerClock(pub i64);

impl OwnerClock {
    /// Time that has passed since `earlier`; zero when the clock was set back.
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0))
    }
}

/// The source watermark of one source partition: fold state of ingest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceMark {
    greatest: EventTime,
    disorder: Span,
}

impl SourceMark {
    /// Before the first line; `disorder` is the allowed disorder D.
    pub fn new(disorder: Span) -> Self {
        Self { greatest: EventTime::MIN, disorder }
    }

    /// A line of this event time (already judged against the far future, R5).
    #[inline]
    pub fn line(&mut self, time: EventTime) {
        self.greatest = self.greatest.max(time);
    }

    /// The greatest event time so far.
    pub fn greatest(&self) -> EventTime {
        self.greatest
    }

    /// What may be said about everything that follows.
    #[inline]
    pub fn mark(&self) -> EventTime {
        self.greatest.minus(self.disorder)
    }

    /// Appends the state; the disorder is part of the program, not of the state.
    pub fn save(&self, out: &mut Writer) {
        self.greatest.save(out);
    }

    /// Reads what [`SourceMark::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a mark.
    pub fn load(input: &mut Reader<'_>, disorder: Span) -> Result<Self, WireError> {
        Ok(Self { greatest: EventTime::load(input)?, disorder })
    }
}

/// What an owner may claim about the end of its source: it holds the last answer to "where does the log end".
///
/// ```text
///  sent at c ──request──► answer: the log ends at `end` ──► reader stands at `end`: claim c − D − margin
/// ```
///
/// `end` is the high watermark, not the last stable offset, and the reader's place is its *position*, not the
/// last record's offset plus one (R17).
#[derive(Debug, Clone)]
pub struct LogEndClaims {
    allowance: Span,
    answer: Option<Answer>,
    claim: Option<LogEndClaim>,
    rules: Rules,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    sent: OwnerClock,
    end: Offset,
}

/// A claim that may ride on frames whose `to` is at or behind `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEndClaim {
    /// The log end at which it was made.
    pub end: Offset,
    /// Everything from there on has at least this event time.
    pub time: EventTime,
}

impl LogEndClaims {
    /// `disorder` is the source's allowed disorder D; `margin` covers the skew of clocks (2 s is proposed) and the
    /// source's usual delay, if its events are usually old when they are appended.
    pub fn new(disorder: Span, margin: Span, rules: Rules) -> Self {
        Self { allowance: Span(disorder.0.saturating_add(margin.0)), answer: None, claim: None, rules }
    }

    /// An answer came: the log ended at `end`. `sent` is the clock of when the request was *sent*, `now` that of
    /// when the answer is looked at. An answer older than the one at hand is of no use and is left.
    pub fn answered(&mut self, sent: OwnerClock, now: OwnerClock, end: Offset) {
        let sent = if self.rules.has(Rule::ClaimAtRequest) { sent } else { now };
        if self.answer.is_none_or(|last| last.sent <= sent) {
            self.answer = Some(Answer { sent, end });
        }
    }

    /// The reader's position is `position`: the claim that may be made, if any was earned so far.
    pub fn at(&mut self, position: Offset) -> Option<LogEndClaim> {
        if let Some(Answer { sent, end }) = self.answer
            && position >= end
        {
            let time = EventTime(sent.0).minus(self.allowance);
            if self.claim.is_none_or(|claim| claim.time < time) {
                self.claim = Some(LogEndClaim { end, time });
            }
        }
        self.claim
    }

    /// The owner loads a checkpoint, also in the same process (R10, R14, R16): claims die, a position below the
    /// claim's end comes back.
    pub fn reload(&mut self) {
        if self.rules.has(Rule::ClaimsDie) {
            self.claim = None;
            self.answer = None;
        } else if let Some(claim) = &mut self.claim {
            claim.end = Offset::ZERO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(rules: Rules) -> LogEndClaims {
        LogEndClaims::new(Span(60), Span(20), rules)
    }

    #[test]
    fn the_source_mark_is_the_greatest_time_minus_disorder_and_never_falls() {
        let mut mark = SourceMark::new(Span(60));
        assert_eq!(mark.mark(), EventTime::MIN);
        mark.line(EventTime(1_000));
        mark.line(EventTime(950));
        assert_eq!(mark.mark(), EventTime(940));
        let mut out = Writer::new();
        mark.save(&mut out);
        assert_eq!(SourceMark::load(&mut Reader::new(out.as_slice()), Span(60)), Ok(mark));
    }

    #[test]
    fn a_claim_needs_a_reader_at_the_end_and_uses_the_clock_of_the_request() {
        let mut claims = claims(Rules::ALL);
        assert_eq!(claims.at(Offset(9)), None);
        claims.answered(OwnerClock(1_000), OwnerClock(5_000), Offset(10));
        assert_eq!(claims.at(Offset(9)), None);
        assert_eq!(claims.at(Offset(10)), Some(LogEndClaim { end: Offset(10), time: EventTime(920) }));
    }

    #[test]
    fn without_the_rule_a_stale_answer_claims_now() {
        let mut claims = claims(Rules::ALL.without(Rule::ClaimAtRequest));
        claims.answered(OwnerClock(1_000), OwnerClock(5_000), Offset(10));
        assert_eq!(claims.at(Offset(10)).map(|claim| claim.time), Some(EventTime(4_920)));
    }

    #[test]
    fn a_claim_dies_with_a_reload() {
        let mut claims = claims(Rules::ALL);
        claims.answered(OwnerClock(1_000), OwnerClock(1_001), Offset(10));
        assert!(claims.at(Offset(10)).is_some());
        claims.reload();
        assert_eq!(claims.at(Offset(7)), None);
        assert_eq!(claims.at(Offset(10)), None);
    }

    #[test]
    fn an_older_answer_never_lowers_a_claim() {
        let mut claims = claims(Rules::ALL);
        claims.answered(OwnerClock(2_000), OwnerClock(2_001), Offset(10));
        let first = claims.at(Offset(10));
        claims.answered(OwnerClock(1_000), OwnerClock(2_002), Offset(8));
        assert_eq!(claims.at(Offset(10)), first);
    }
}
