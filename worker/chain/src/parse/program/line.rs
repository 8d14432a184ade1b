//! One line through the program. The hot path: no name is looked up, no heap memory is taken for a line without
//! surprises.

use super::columns::Lack;
use super::{Memory, Notes, Outcome, ParseProgram, Scratch};
use crate::log::{RawLine, Reason};
use crate::parse::convert;
use crate::parse::decode::{self, DecodeError, Envelope};
use crate::parse::fields::{Extracted, Slots};
use crate::parse::multiline::PartialLines;
use crate::parse::redact::Known;
use crate::parse::superlog::{Facts, Sized};
use crate::parse::timestamp::{TimeError, TimeHint};
use crate::row::{Column, RowBuf};
use crate::time::EventTime;
use bumpalo::Bump;
use smallvec::SmallVec;
use std::borrow::Cow;

/// A line after its decode steps.
enum Apart<'a> {
    /// The slots hold its values. The text is what a dead letter would show.
    Event(Sized<'a>),
    Continuation(&'a [u8]),
    Held,
    Drop(Reason),
    Dead(DecodeError, Sized<'a>),
}

/// What one line needs on its way.
struct Way<'p, 'a, 'm> {
    program: &'p ParseProgram,
    slots: Slots<'a>,
    memory: &'m mut Memory,
    partial: &'m mut PartialLines,
}

impl ParseProgram {
    /// What a line becomes. `received` is when the source took it, `hint` the source's greatest event time so far,
    /// `partial` the pieces that earlier lines left: state of the source, changed by nothing but lines. `scratch` was
    /// reset; the outcome borrows from it.
    pub fn parse<'a>(
        &'a self,
        line: RawLine<'a>,
        received: Option<EventTime>,
        hint: TimeHint,
        partial: &mut PartialLines,
        scratch: &'a Scratch,
    ) -> Outcome<'a> {
        let sized = self.size.apply(line);
        let arena = &scratch.arena;
        let mut memory = scratch.memory.borrow_mut();
        memory.prepare(self);
        let slots = Slots::new(arena, self.slots);
        let mut way = Way { program: self, slots, memory: &mut memory, partial };
        match way.take_apart(sized) {
            Apart::Event(sized) => way.event(self, sized, received, hint),
            Apart::Continuation(text) => Outcome::Continuation { text: self.continuation(text, arena) },
            Apart::Held => Outcome::Held,
            Apart::Drop(reason) => Outcome::Drop { reason, time: None },
            Apart::Dead(error, sized) => {
                let detail = with_facts(error.to_string(), sized.facts);
                let raw = Cow::Borrowed(self.redactor.line(sized.bytes, Known::Nothing, arena));
                Outcome::Dead { reason: Reason::DecodeFailed, detail, time: None, raw }
            }
        }
    }

    /// The end of a source: what the pieces of a stream are, as the line that they will never be. Gives nothing
    /// when none are held; to be called until it does.
    pub fn finish<'a>(
        &'a self,
        received: Option<EventTime>,
        hint: TimeHint,
        partial: &mut PartialLines,
        scratch: &'a Scratch,
    ) -> Option<Outcome<'a>> {
        let arena = &scratch.arena;
        let joined = partial.take_any(arena)?;
        let sized = self.size.apply_joined(joined.text, joined.full_length);
        let detail =
            with_facts("the last piece of the line did not come before the source ended".to_owned(), sized.facts);
        let raw = Cow::Borrowed(self.redactor.line(sized.bytes, Known::Nothing, arena));
        let time = received.or(hint.0);
        Some(Outcome::Dead { reason: Reason::DecodeFailed, detail, time, raw })
    }

    /// Text columns hold UTF-8 and nothing that must not leave; so must what is appended to them.
    fn continuation<'a>(&self, text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
        let text = convert::valid_text(text, arena, &mut false);
        let column = self.multiline.as_ref().map_or(Column(u16::MAX), |multiline| multiline.column());
        self.redactor.text(column, text, arena)
    }
}

impl Memory {
    /// Makes the memory that of this program.
    #[inline]
    fn prepare(&mut self, program: &ParseProgram) {
        if self.program != program.fingerprint || self.extract.len() != program.extracts.len() {
            self.program = program.fingerprint;
            self.decode = program.chain.scratch();
            self.extract = program.extracts.iter().map(|regex| regex.capture_locations()).collect();
        }
    }
}

impl<'a> Way<'_, 'a, '_> {
    fn take_apart(&mut self, sized: Sized<'a>) -> Apart<'a> {
        if let Some(envelope) = self.program.chain.envelope() {
            return self.take_out_of_envelope(envelope, sized);
        }
        match &self.program.multiline {
            // An empty line inside a stack trace belongs to it.
            Some(multiline) if !multiline.is_start(sized.bytes) => {
                return Apart::Continuation(sized.bytes);
            }
            None if is_blank(sized.bytes) => return Apart::Drop(Reason::Empty),
            _ => {}
        }
        let decoded = self.program.chain.decode(sized.bytes, &mut self.memory.decode, &mut self.slots);
        finish(decoded, sized)
    }

    fn take_out_of_envelope(&mut self, envelope: Envelope, sized: Sized<'a>) -> Apart<'a> {
        if is_blank(sized.bytes) {
            return Apart::Drop(Reason::Empty);
        }
        let chain = &self.program.chain;
        match chain.decode_envelope(sized.bytes, &mut self.memory.decode, &mut self.slots) {
            Ok(decode::Outcome::Header) => return Apart::Drop(Reason::Header),
            Err(error) => return Apart::Dead(error, sized),
            Ok(decode::Outcome::Event | decode::Outcome::Partial) => {}
        }
        let Some(payload) = self.slots.get(envelope.payload).as_bytes() else {
            return finish(chain.decode(sized.bytes, &mut self.memory.decode, &mut self.slots), sized);
        };
        let (payload, sized) = match self.join(envelope, payload, sized) {
            Some(joined) => joined,
            None => return Apart::Held,
        };
        match &self.program.multiline {
            Some(multiline) if !multiline.is_start(payload) => return Apart::Continuation(payload),
            None if is_blank(payload) => return Apart::Drop(Reason::Empty),
            _ => {}
        }
        finish(chain.decode_rest(payload, &mut self.memory.decode, &mut self.slots), sized)
    }

    /// The payload with the pieces before it; none when it is a piece itself, which is then held.
    ///
    /// Pieces are joined only where the envelope is the whole line. Inside another format (a CSV row) lines of many
    /// containers may stand in one source, and nothing says which pieces belong together: there each stays as it is.
    fn join(&mut self, envelope: Envelope, payload: &'a [u8], sized: Sized<'a>) -> Option<(&'a [u8], Sized<'a>)> {
        if envelope.step != 0 {
            return Some((payload, sized));
        }
        let stream = self.slots.get(envelope.stream).as_bytes().unwrap_or_default();
        // One byte more than is kept, so that the cut can see whether it is inside a character.
        let most = self.program.size.keep().saturating_add(1);
        if self.slots.get(envelope.partial) == Extracted::Bool(true) {
            self.partial.push(stream, payload, most);
            return None;
        }
        if !self.partial.holds(stream) {
            return Some((payload, sized));
        }
        let joined = self.partial.take(stream, payload, most, self.slots.arena());
        let joined = self.program.size.apply_joined(joined.text, joined.full_length);
        Some((joined.bytes, Sized { bytes: joined.bytes, facts: joined.facts.or(sized.facts) }))
    }

    /// Time, columns, filter, redaction. `program` is that of `self`, for as long as the outcome lives.
    fn event(
        mut self,
        program: &'a ParseProgram,
        sized: Sized<'a>,
        received: Option<EventTime>,
        hint: TimeHint,
    ) -> Outcome<'a> {
        self.give_well_known(sized.facts, received);
        let stamp = match program.time.read(self.slots.get(program.time_slot), received, hint) {
            Ok(stamp) => stamp,
            Err(TimeError::TooOld(time)) => {
                return Outcome::Drop { reason: Reason::TooOld, time: Some(time) };
            }
            Err(error) => return self.dead(time_reason(error), error.to_string(), None, sized),
        };
        let mut replaced = false;
        let mut row = RowBuf::new();
        for (index, plan) in program.columns.iter().enumerate() {
            match plan.cell(&self.slots, &program.extracts, self.memory, &mut replaced) {
                Ok(cell) => row.push(cell),
                Err(lack) => {
                    let detail = program.lack(index, lack);
                    return self.dead(Reason::SchemaMismatch, detail, Some(stamp.time), sized);
                }
            }
        }
        program.schema.settle_oneofs(&mut row);
        // Only a filter that says no drops a line; one that cannot say (a column is null) does not.
        if program.filter.as_ref().is_some_and(|filter| filter.try_bool(&row) == Ok(false)) {
            return Outcome::Drop { reason: Reason::Filtered, time: Some(stamp.time) };
        }
        program.redactor.row(&mut row, self.slots.arena());
        let notes = Notes { clamped: stamp.clamped, replaced, superlog: sized.facts };
        Outcome::Event { time: stamp.time, row, notes }
    }

    /// The names that Logloom gives. They are set last, so that no line can pretend them.
    fn give_well_known(&mut self, facts: Option<Facts<'a>>, received: Option<EventTime>) {
        let names = self.program.well_known;
        let number = |value: u64| Extracted::Int(i64::try_from(value).unwrap_or(i64::MAX));
        let arena = self.slots.arena();
        let values = [
            (names.original_bytes, facts.map(|facts| number(facts.original_bytes))),
            (names.kept_bytes, facts.map(|facts| number(facts.kept_bytes))),
            (names.reference, facts.and_then(|facts| facts.reference).map(|text| Extracted::Text(text.as_bytes()))),
            (names.digest, facts.and_then(|facts| facts.digest).map(|digest| digits(digest, arena))),
            (names.received, received.map(|time| Extracted::Int(time.0))),
        ];
        for (slot, value) in values {
            if let Some(slot) = slot {
                self.slots.set(slot, value.unwrap_or_default());
            }
        }
    }

    /// A dead letter of a line that was decoded: the values of protected columns are known.
    #[cold]
    fn dead(self, reason: Reason, detail: String, time: Option<EventTime>, sized: Sized<'a>) -> Outcome<'a> {
        let arena = self.slots.arena();
        let values: SmallVec<[&[u8]; 8]> =
            self.program.protected.iter().filter_map(|slot| self.slots.get(*slot).to_text(arena)).collect();
        let raw = Cow::Borrowed(self.program.redactor.line(sized.bytes, Known::Values(&values), arena));
        Outcome::Dead { reason, detail: with_facts(detail, sized.facts), time, raw }
    }
}

impl ParseProgram {
    #[cold]
    fn lack(&self, index: usize, lack: Lack) -> String {
        let name = self.schema.rows().columns().get(index).map_or("", |column| column.name.as_str());
        match lack {
            Lack::Missing => {
                format!("column `{name}` is required, and the line has no value for it")
            }
            Lack::Misfit(misfit) => format!("column `{name}`: {misfit}"),
        }
    }
}

fn digits(digest: u128, arena: &Bump) -> Extracted<'_> {
    Extracted::Text(bumpalo::format!(in arena, "{:032x}", digest).into_bump_str().as_bytes())
}

fn finish<'a>(decoded: Result<decode::Outcome, DecodeError>, sized: Sized<'a>) -> Apart<'a> {
    match decoded {
        Ok(decode::Outcome::Event | decode::Outcome::Partial) => Apart::Event(sized),
        Ok(decode::Outcome::Header) => Apart::Drop(Reason::Header),
        Err(error) => Apart::Dead(error, sized),
    }
}

#[inline]
fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

fn time_reason(error: TimeError) -> Reason {
    match error {
        TimeError::Missing => Reason::TimestampMissing,
        TimeError::Unreadable | TimeError::WithoutYear => Reason::TimestampInvalid,
        TimeError::OutOfRange => Reason::TimestampOutOfRange,
        TimeError::TooOld(_) => Reason::TooOld,
    }
}

fn with_facts(detail: String, facts: Option<Facts<'_>>) -> String {
    match facts {
        Some(facts) => {
            format!("{detail} (the line has {} bytes, of which {} were read)", facts.original_bytes, facts.kept_bytes)
        }
        None => detail,
    }
}
