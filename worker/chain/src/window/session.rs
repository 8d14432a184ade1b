//! Session windows of one scope: events less than a gap apart, cut at a greatest length.
//!
//! ```text
//!  events   x x  x          x x x x x x x x x x x
//!  sessions [start … last]  [start ........ max_length)[start …
//!           ends at last + gap, or at start + max_length if that is earlier; its window is [start, end)
//! ```
//!
//! Events come in order ([`super::samples`]). A late one joins the sessions that it is less than a gap from, as far
//! as the greatest length allows, and may make one of two. A session that was emitted and has changed is emitted
//! again with a higher revision; if its end has moved, what was emitted at the old end is emitted without events.

use super::samples::SampleClose;
use super::scope::ScopeId;
use super::value::{Layout, Measure, Value};
use crate::compile::shape::WindowIndex;
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};

/// The shape of a session window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRule {
    /// Silence that ends it.
    pub gap: Span,
    /// Greatest length.
    pub max_length: Span,
    /// How long after its end events still change it.
    pub lateness: Span,
}

#[derive(Debug, Clone, PartialEq)]
struct Session {
    start: EventTime,
    last: EventTime,
    /// Set once it was emitted.
    closed: bool,
    revision: u32,
    value: Value,
}

impl Session {
    fn end(&self, rule: &SessionRule) -> EventTime {
        (self.last + rule.gap).min(self.start + rule.max_length)
    }

    /// True when an event at `time` is less than a gap away and the session stays short enough with it.
    fn takes(&self, rule: &SessionRule, time: EventTime) -> bool {
        let near = time < self.last + rule.gap && time > self.start.minus(rule.gap);
        near && time.max(self.last) < time.min(self.start) + rule.max_length
    }
}

/// The sessions of a scope that are open or still take late events, by start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionScope {
    sessions: Vec<Session>,
}

/// A closed session, or what has become of one.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionClose {
    start: EventTime,
    end: EventTime,
    revision: u32,
    correction: bool,
    value: Value,
}

impl SessionClose {
    /// As a close of this window and scope.
    pub fn into_sample(self, window: WindowIndex, scope: ScopeId) -> SampleClose {
        let Self { start, end, revision, correction, value } = self;
        SampleClose { end, window, scope, start, ordinal: 0, revision, correction, value }
    }
}

impl SessionScope {
    /// True when nothing is open and nothing takes late events.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Adds the next event in order.
    pub fn add(&mut self, rule: &SessionRule, layout: &Layout, time: EventTime, measures: &[Measure]) {
        if let Some(last) = self.sessions.last_mut()
            && !last.closed
            && last.takes(rule, time)
        {
            last.last = last.last.max(time);
            last.value.add(measures.iter().copied());
            return;
        }
        self.insert(layout, time, measures);
    }

    fn insert(&mut self, layout: &Layout, time: EventTime, measures: &[Measure]) -> usize {
        let mut value = Value::new(layout);
        value.add(measures.iter().copied());
        let session = Session { start: time, last: time, closed: false, revision: 0, value };
        let at = self.sessions.partition_point(|other| other.start <= time);
        self.sessions.insert(at, session);
        at
    }

    /// Adds an event behind the time that was applied. False when it comes too late.
    pub fn add_late(
        &mut self,
        rule: &SessionRule,
        layout: &Layout,
        time: EventTime,
        measures: &[Measure],
        now: EventTime,
        mut emit: impl FnMut(SessionClose),
    ) -> bool {
        if time + rule.gap + rule.lateness <= now {
            return false;
        }
        let at = match self.sessions.iter().position(|session| session.takes(rule, time)) {
            Some(at) => {
                self.extend(rule, layout, at, time, measures, &mut emit);
                at
            }
            None => self.insert(layout, time, measures),
        };
        let session = &mut self.sessions[at];
        let end = session.end(rule);
        if end <= now {
            let correction = session.closed || session.revision > 0;
            session.closed = true;
            emit(SessionClose {
                start: session.start,
                end,
                revision: session.revision,
                correction,
                value: session.value.clone(),
            });
        }
        true
    }

    /// Adds an event to a session, and the next session if the event has closed the gap between them.
    fn extend(
        &mut self,
        rule: &SessionRule,
        layout: &Layout,
        at: usize,
        time: EventTime,
        measures: &[Measure],
        emit: &mut impl FnMut(SessionClose),
    ) {
        let mut emitted: Vec<(EventTime, EventTime, u32)> = Vec::new();
        let mut note = |session: &Session| {
            if session.closed {
                emitted.push((session.start, session.end(rule), session.revision));
            }
        };
        note(&self.sessions[at]);
        let session = &mut self.sessions[at];
        session.start = session.start.min(time);
        session.last = session.last.max(time);
        session.value.add(measures.iter().copied());
        let (start, last) = (session.start, session.last);
        if let Some(next) = self.sessions.get(at + 1)
            && next.start < last + rule.gap
            && next.last < start + rule.max_length
        {
            note(next);
            let next = self.sessions.remove(at + 1);
            let session = &mut self.sessions[at];
            session.last = session.last.max(next.last);
            session.value.merge(&next.value);
        }
        let Some(highest) = emitted.iter().map(|(_, _, revision)| *revision).max() else { return };
        let session = &mut self.sessions[at];
        session.revision = highest + 1;
        session.closed = false;
        let end = session.end(rule);
        for (start, old_end, _) in emitted.into_iter().filter(|(_, old_end, _)| *old_end != end) {
            emit(SessionClose {
                start,
                end: old_end,
                revision: highest + 1,
                correction: true,
                value: Value::new(layout),
            });
        }
    }

    /// Emits the sessions that `now` has passed, and forgets those that take no more late events.
    pub fn close(&mut self, rule: &SessionRule, now: EventTime, mut emit: impl FnMut(SessionClose)) {
        for session in self.sessions.iter_mut().filter(|session| !session.closed) {
            let end = session.end(rule);
            if end <= now {
                session.closed = true;
                let (start, revision) = (session.start, session.revision);
                emit(SessionClose { start, end, revision, correction: revision > 0, value: session.value.clone() });
            }
        }
        self.sessions.retain(|session| session.end(rule) + rule.lateness > now);
    }

    /// Appends the state.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.sessions.len() as u64);
        for session in &self.sessions {
            out.signed(session.start.0);
            out.signed(session.last.0);
            out.bool(session.closed);
            out.varint(u64::from(session.revision));
            session.value.save(out);
        }
    }

    /// Reads what [`SessionScope::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(layout: &Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut sessions = Vec::new();
        for _ in 0..input.count()? {
            sessions.push(Session {
                start: EventTime(input.signed()?),
                last: EventTime(input.signed()?),
                closed: input.bool()?,
                revision: input.varint32()?,
                value: Value::load(layout, input)?,
            });
        }
        Ok(Self { sessions })
    }
}
