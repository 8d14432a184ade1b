//! Count windows of one scope: the last `size` events, at every `slide`-th.
//!
//! Events come in order and are gathered in pieces of `slide`; a window is `size / slide` pieces. Pieces that are
//! complete are kept as bytes.
//!
//! A window's end is one microsecond behind its last event, so that it is exclusive as every end is.

use super::samples::SampleClose;
use super::scope::ScopeId;
use super::value::{Layout, Measure, Value};
use crate::compile::shape::WindowIndex;
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};
use std::collections::VecDeque;

#[derive(Debug, Clone, PartialEq)]
struct Piece {
    first: EventTime,
    bytes: Box<[u8]>,
}

/// What a count window keeps of a scope.
#[derive(Debug, Clone, PartialEq)]
pub struct CountScope {
    pieces: VecDeque<Piece>,
    first: EventTime,
    current: Value,
    /// End of the last window, and how many ended there.
    last_end: EventTime,
    at_last_end: u32,
}

/// A closed count window.
#[derive(Debug, Clone, PartialEq)]
pub struct CountClose {
    start: EventTime,
    end: EventTime,
    ordinal: u32,
    value: Value,
}

impl CountClose {
    /// As a close of this window and scope.
    pub fn into_sample(self, window: WindowIndex, scope: ScopeId) -> SampleClose {
        let Self { start, end, ordinal, value } = self;
        SampleClose { end, window, scope, start, ordinal, revision: 0, correction: false, value }
    }
}

impl CountScope {
    /// No events yet.
    pub fn new(layout: &Layout) -> Self {
        Self {
            pieces: VecDeque::new(),
            first: EventTime::MIN,
            current: Value::new(layout),
            last_end: EventTime::MIN,
            at_last_end: 0,
        }
    }

    /// Adds the next event; gives the window that ends with it, if one does.
    pub fn add(
        &mut self,
        size: u32,
        slide: u32,
        layout: &Layout,
        time: EventTime,
        measures: &[Measure],
    ) -> Option<CountClose> {
        if self.current.count == 0 {
            self.first = time;
        }
        self.current.add(measures.iter().copied());
        if self.current.count < u64::from(slide) {
            return None;
        }
        let mut out = Writer::new();
        self.current.save(&mut out);
        self.current.clear(layout);
        self.pieces.push_back(Piece { first: self.first, bytes: out.into_vec().into() });
        let wanted = (size / slide).max(1) as usize;
        if self.pieces.len() < wanted {
            return None;
        }
        let mut value = Value::new(layout);
        for piece in &self.pieces {
            // Written above, or checked when it was loaded.
            let _ = value.merge_bytes(&mut Reader::new(&piece.bytes));
        }
        let start = self.pieces.pop_front()?.first;
        let end = time + Span(1);
        self.at_last_end = if end == self.last_end { self.at_last_end + 1 } else { 0 };
        self.last_end = end;
        Some(CountClose { start, end, ordinal: self.at_last_end, value })
    }

    /// Appends the state.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.pieces.len() as u64);
        for piece in &self.pieces {
            out.signed(piece.first.0);
            out.bytes(&piece.bytes);
        }
        out.signed(self.first.0);
        self.current.save(out);
        out.signed(self.last_end.0);
        out.varint(u64::from(self.at_last_end));
    }

    /// Reads what [`CountScope::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(layout: &Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut pieces = VecDeque::new();
        for _ in 0..input.count()? {
            let first = EventTime(input.signed()?);
            let bytes = input.bytes()?;
            let mut piece = Reader::new(bytes);
            Value::load(layout, &mut piece)?;
            piece.finish()?;
            pieces.push_back(Piece { first, bytes: bytes.into() });
        }
        Ok(Self {
            pieces,
            first: EventTime(input.signed()?),
            current: Value::load(layout, input)?,
            last_end: EventTime(input.signed()?),
            at_last_end: input.varint32()?,
        })
    }
}
