//! The receive rule (R2), known upstreams (R4), cursors (R11), counting (R20), and clipping (R22).
//!
//! For each frame, in this order:
//!
//! 1. `from > next`: take nothing, neither records nor marks; the owner remembers the gap ([`super::repair`]).
//! 2. `to > next`: take, in order, records and fates at positions ≥ `next`; then `next = to`.
//! 3. Also when `to <= next`: the upstream's mark is merged by maximum. Only records are ever repeats.
//! 4. Last: task time = max(itself, minimum over all known upstreams of mark and hold); timers fire.
//!
//! A claim that relies on provisionals is accepted only when `to == next` behind step 2, with all of them, or not
//! at all (R25.4). A clipped frame's marks are left alone: they speak of records behind the cut.
//!
//! A receiver is fold state: it is saved with every checkpoint, in the same object as the position.

use crate::log::fold::Fold;
use crate::log::frame::{Claim, Control, Frame};
use crate::log::generation::Phase;
use crate::log::outlet::Outputs;
use crate::log::position::{Position, Upstream};
use crate::log::rules::{Rule, Rules};
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};

/// More upstreams than this make a frame of a new one a gap: a bound against damaged plans.
pub const MAX_UPSTREAMS: usize = 65_536;

/// What a receiver knows of one upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Which one.
    pub upstream: Upstream,
    /// The first position that it has not taken yet.
    pub next: Position,
    /// Everything at or behind `next` that is in bounds has at least this event time.
    pub mark: EventTime,
    /// False for feedback links: their marks do not hold task time.
    pub timed: bool,
}

/// What became of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Who sent it.
    pub upstream: Upstream,
    /// The receiver's `next` for that upstream, behind the frame.
    pub next: Position,
    /// What was taken.
    pub outcome: Outcome,
}

/// What was taken of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It begins beyond `next`: nothing was taken (R2.1).
    Gap {
        /// Where the frame begins.
        from: Position,
    },
    /// Its range was known already; marks were merged.
    Repeat,
    /// Records and fates were taken.
    Taken {
        /// True when its beginning was known already.
        partial: bool,
        /// How many records were taken.
        records: u32,
    },
    /// A `seal` or `close` was folded.
    Control,
    /// The log is sealed and not closed yet, or finished, or has all of this upstream: nothing was taken (R22).
    Sealed,
}

/// Cursors and time of a task that reads a link.
#[derive(Debug, Clone)]
pub struct Receiver {
    cursors: Vec<Cursor>,
    time: EventTime,
    phase: Phase,
    rules: Rules,
    /// Upstreams at their log's end and their claims; used only with [`Rule::IdleStays`] switched off.
    idle: Vec<(Upstream, EventTime)>,
    /// Upstreams of which the next frame is taken wherever it begins; used only with [`Rule::CursorsAreState`]
    /// switched off.
    forgotten: Vec<Upstream>,
}

impl PartialEq for Receiver {
    fn eq(&self, other: &Self) -> bool {
        (&self.cursors, self.time, &self.phase) == (&other.cursors, other.time, &other.phase)
    }
}

impl Receiver {
    /// A receiver before its first frame. `known` is the generation plan's list of upstreams (R4), each with
    /// whether its marks count for time (feedback links do not).
    pub fn new(known: impl IntoIterator<Item = (Upstream, bool)>, rules: Rules) -> Self {
        let fresh = |(upstream, timed)| Cursor { upstream, next: Position::START, mark: EventTime::MIN, timed };
        let mut cursors: Vec<Cursor> = known.into_iter().map(fresh).collect();
        cursors.sort_by_key(|cursor| cursor.upstream);
        cursors.dedup_by_key(|cursor| cursor.upstream);
        Self { cursors, time: EventTime::MIN, phase: Phase::Open, rules, idle: Vec::new(), forgotten: Vec::new() }
    }

    /// Task time: everything in bounds that is still to come has at least this event time.
    #[inline]
    pub fn time(&self) -> EventTime {
        self.time
    }

    /// Cursors in order of upstream.
    pub fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }

    /// The cursor of one upstream.
    pub fn cursor(&self, upstream: Upstream) -> Option<&Cursor> {
        self.index(upstream).ok().map(|index| &self.cursors[index])
    }

    /// Where the generation stands for this log (R22).
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// True once a closing log has everything below its cut: the state may be carried (R22.4).
    pub fn is_finished(&self) -> bool {
        self.phase.is_finished(&self.cursors)
    }

    /// What a closing log still lacks, as gaps that end at the cut. No later frame need show them: an upstream that has
    /// reached its cut sends nothing more (R14, R22).
    pub fn lacking(&self) -> Vec<Received> {
        let lacks = |cursor: &Cursor| {
            let from = self.cut(cursor.upstream).filter(|cut| cursor.next < *cut)?;
            Some(Received { upstream: cursor.upstream, next: cursor.next, outcome: Outcome::Gap { from } })
        };
        self.cursors.iter().filter_map(lacks).collect()
    }

    /// Folds one frame: the receive rule, with `fold` told of everything that is taken, in order.
    pub fn step<F: Fold>(&mut self, frame: &Frame<'_>, fold: &mut F, out: &mut Outputs) -> Received {
        if let Some(control) = frame.control() {
            return self.control(control);
        }
        let upstream = frame.upstream();
        let frozen = self.phase.is_sealed() && self.rules.has(Rule::SealFreezes);
        if frozen || self.is_finished() || self.is_behind_cut(frame) {
            let next = self.cursor(upstream).map_or(Position::START, |cursor| cursor.next);
            return Received { upstream, next, outcome: Outcome::Sealed };
        }
        let Some(index) = self.admit(frame) else {
            let next = self.cursor(upstream).map_or(Position::START, |cursor| cursor.next);
            return Received { upstream, next, outcome: Outcome::Gap { from: frame.from() } };
        };
        let (to, clipped) = self.clip(frame);
        let behind = self.is_behind(to, self.cursors[index].next);
        if !self.rules.has(Rule::TimeLast) && behind {
            self.merge_mark(index, frame, fold, out);
            self.advance(fold, out);
        }
        let outcome = if behind { self.take(index, frame, to, fold, out) } else { Outcome::Repeat };
        let next = self.cursors[index].next;
        let received = Received { upstream, next, outcome };
        if !behind && !self.rules.has(Rule::MarksFromRepeats) {
            return received;
        }
        if !clipped || !self.rules.has(Rule::ClipMarks) {
            self.merge_claim(index, frame, fold, out);
            self.merge_mark(index, frame, fold, out);
        }
        self.advance(fold, out);
        received
    }

    /// R2.1 and R4: the cursor of the frame's upstream, unless the frame begins beyond it.
    fn admit(&mut self, frame: &Frame<'_>) -> Option<usize> {
        let index = match self.index(frame.upstream()) {
            Ok(index) => index,
            Err(place) => {
                let first =
                    Cursor { upstream: frame.upstream(), next: Position::START, mark: EventTime::MIN, timed: true };
                if frame.from() > first.next || self.cursors.len() >= MAX_UPSTREAMS {
                    return None;
                }
                self.cursors.insert(place, first);
                place
            }
        };
        if let Some(place) = self.forgotten.iter().position(|upstream| *upstream == frame.upstream()) {
            self.forgotten.swap_remove(place);
            self.cursors[index].next = frame.from();
        }
        let next = self.cursors[index].next;
        if self.is_behind(frame.from(), next) {
            if self.rules.has(Rule::GapTakesNothing) {
                return None;
            }
            self.cursors[index].next = frame.from();
        }
        Some(index)
    }

    /// R22: true when this generation has everything of the upstream, and the frame begins behind that. It is no gap:
    /// nobody has to send anything again.
    fn is_behind_cut(&self, frame: &Frame<'_>) -> bool {
        let Some(cut) = self.cut(frame.upstream()) else { return false };
        let next = self.cursor(frame.upstream()).map_or(Position::START, |cursor| cursor.next);
        self.rules.has(Rule::Clip) && frame.from() > cut && next >= cut
    }

    /// R22: the end of the frame, at most the cut; and whether anything was cut off.
    fn clip(&self, frame: &Frame<'_>) -> (Position, bool) {
        let to = frame.to();
        match self.cut(frame.upstream()) {
            Some(cut) if to > cut && self.rules.has(Rule::Clip) => (cut, true),
            _ => (to, false),
        }
    }

    /// Where a closing log ends for an upstream. Feedback has no cut: it is taken until the log is finished.
    fn cut(&self, upstream: Upstream) -> Option<Position> {
        let feedback = self.cursor(upstream).is_some_and(|cursor| !cursor.timed);
        self.phase.cut(upstream).filter(|_| !feedback).map(Position::at)
    }

    /// R2.2: records, then fates, from `next` on.
    fn take<F: Fold>(
        &mut self,
        index: usize,
        frame: &Frame<'_>,
        to: Position,
        fold: &mut F,
        out: &mut Outputs,
    ) -> Outcome {
        let upstream = frame.upstream();
        let next = std::mem::replace(&mut self.cursors[index].next, to);
        let least = if self.rules.has(Rule::SubPositions) { next } else { Position::at(next.offset) };
        let mut taken = 0;
        for record in frame.records() {
            if record.position < least {
                continue;
            }
            if record.position >= to {
                break;
            }
            taken += 1;
            fold.record(upstream, record.position, record.payload, out);
        }
        for run in frame.fates() {
            if !self.rules.has(Rule::CountAfterReceive) {
                fold.fate(upstream, run, out);
            } else if let Some(run) = run.from_position(next).and_then(|run| run.before_position(to)) {
                fold.fate(upstream, run, out);
            }
        }
        Outcome::Taken { partial: next > frame.from(), records: taken }
    }

    /// R2.3 for the part of a mark that is a claim, and R25.4 when it relies on provisionals.
    fn merge_claim<F: Fold>(&mut self, index: usize, frame: &Frame<'_>, fold: &mut F, out: &mut Outputs) {
        let Some(Claim { time, provisionals }) = frame.claim() else { return };
        let cursor = self.cursors[index];
        if let Some(provisionals) = provisionals {
            let accepted = frame.to() == cursor.next
                && provisionals.base.is_none_or(|base| fold.claimed(cursor.upstream, cursor.next) >= Some(base));
            if accepted {
                fold.provisionals(cursor.upstream, cursor.next, time, provisionals, out);
            } else if self.rules.has(Rule::ClaimAtNext) {
                return;
            }
        }
        self.cursors[index].mark = cursor.mark.max(time);
    }

    /// R2.3 for the source watermark.
    fn merge_mark<F: Fold>(&mut self, index: usize, frame: &Frame<'_>, fold: &mut F, out: &mut Outputs) {
        let cursor = &mut self.cursors[index];
        cursor.mark = cursor.mark.max(frame.mark());
        let (upstream, mark) = (cursor.upstream, cursor.mark);
        if !self.rules.has(Rule::IdleStays) {
            self.note_idle(frame);
        }
        fold.marked(upstream, mark, out);
    }

    /// R2.4: task time, and what it sets off.
    fn advance<F: Fold>(&mut self, fold: &mut F, out: &mut Outputs) {
        let mut least = EventTime::MAX;
        let mut any = false;
        for cursor in self.cursors.iter().filter(|cursor| cursor.timed) {
            if cursor.mark == EventTime::MIN && !self.rules.has(Rule::KnownUpstreams) {
                continue;
            }
            if self.idle.iter().any(|(upstream, _)| *upstream == cursor.upstream) {
                continue;
            }
            any = true;
            least = least.min(cursor.mark);
            if let Some(hold) = fold.hold(cursor.upstream)
                && self.rules.has(Rule::AssemblyHolds)
            {
                least = least.min(hold);
            }
        }
        if !any {
            least = self.idle.iter().map(|(_, claim)| *claim).min().unwrap_or(EventTime::MIN);
        }
        self.time = self.time.max(least);
        fold.time(self.time, out);
    }

    /// Rule [`Rule::IdleStays`] off: what the first version of the protocol did.
    fn note_idle(&mut self, frame: &Frame<'_>) {
        self.idle.retain(|(upstream, _)| *upstream != frame.upstream());
        if let Some(claim) = frame.claim() {
            self.idle.push((frame.upstream(), claim.time));
        }
    }

    fn control(&mut self, control: Control<'_>) -> Received {
        self.phase.control(control, &self.cursors);
        Received { upstream: Upstream(0), next: Position::START, outcome: Outcome::Control }
    }

    fn is_behind(&self, position: Position, other: Position) -> bool {
        if self.rules.has(Rule::SubPositions) { position > other } else { position.offset > other.offset }
    }

    fn index(&self, upstream: Upstream) -> Result<usize, usize> {
        // Upstreams are mostly numbered 0, 1, 2, …: then the number is the place.
        let guess = upstream.0 as usize;
        match self.cursors.get(guess) {
            Some(cursor) if cursor.upstream == upstream => Ok(guess),
            _ => self.cursors.binary_search_by_key(&upstream, |cursor| cursor.upstream),
        }
    }

    /// The receiver with which this state goes on in a new generation (R22.5): new logs start at position zero,
    /// marks and time stay.
    #[must_use]
    pub fn carried(&self) -> Self {
        let mut carried = self.clone();
        carried.phase = Phase::Open;
        for cursor in &mut carried.cursors {
            cursor.next = Position::START;
        }
        carried
    }

    /// Appends cursors, time and phase.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.cursors.len() as u64);
        for cursor in &self.cursors {
            out.varint(u64::from(cursor.upstream.0));
            cursor.next.save(out);
            out.signed(cursor.mark.0);
            out.bool(cursor.timed);
        }
        out.signed(self.time.0);
        self.phase.save(out);
    }

    /// Reads what [`Receiver::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a receiver.
    pub fn load(input: &mut Reader<'_>, rules: Rules) -> Result<Self, WireError> {
        let count = input.count()?;
        let mut cursors: Vec<Cursor> = Vec::with_capacity(count.min(MAX_UPSTREAMS));
        for _ in 0..count {
            let upstream = Upstream(input.varint32()?);
            if cursors.last().is_some_and(|last| last.upstream >= upstream) {
                return Err(input.invalid("order of upstreams", u64::from(upstream.0)));
            }
            let next = Position::load(input)?;
            let mark = EventTime(input.signed()?);
            cursors.push(Cursor { upstream, next, mark, timed: input.bool()? });
        }
        let time = EventTime(input.signed()?);
        let phase = Phase::load(input)?;
        let forgotten = match rules.has(Rule::CursorsAreState) {
            true => Vec::new(),
            false => cursors.iter().map(|cursor| cursor.upstream).collect(),
        };
        Ok(Self { cursors, time, phase, rules, idle: Vec::new(), forgotten })
    }
}

#[cfg(test)]
mod tests;
