//! decode: the steps that take a line apart.
//!
//! A manifest's `decode` list is compiled into a [`Chain`]. A step reads the line, or a value that an earlier step
//! extracted, and fills [`Slots`]. Only names that somebody wants are extracted. Decoders are pure
//! functions of bytes: they keep no state from line to line and no input makes them panic.
//!
//! ```text
//!  line ─► csv ─► Log ─► docker ─► log ─► regex ─► level, message, …      values, by slot
//!          (from: the line)  (from: Log)   (from: docker's payload, log)
//! ```
//!
//! - Without `from` a step reads the payload of the step before it: `log` of docker, `message` of cri and syslog.
//! - A later step's value replaces an earlier one's of the same name.
//! - A step that fails fails the line, unless it is `optional`: then the line goes on as if the step were not there.
//! - Container runtimes cut long lines. Behind such an envelope the chain stops at a piece ([`Outcome::Partial`]);
//!   whoever joins the pieces goes on with [`Chain::decode_rest`].

mod combined;
mod compile;
mod cri;
mod csv;
mod dissect;
mod docker;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod grok;
mod json;
mod key_value;
mod keys;
mod logfmt;
mod names;
mod path;
mod pattern;
mod protobuf;
mod quoted;
mod regex;
mod syslog;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use ::regex::bytes::CaptureLocations;

pub use error::{ChainError, DecodeError, DecoderName, FaultKind};

use crate::parse::fields::{Extracted, Slot, Slots};
use combined::CombinedDecoder;
use cri::CriDecoder;
use csv::CsvDecoder;
use dissect::DissectDecoder;
use docker::DockerDecoder;
use error::Fault;
use json::JsonDecoder;
use key_value::KeyValueDecoder;
use logfmt::LogfmtDecoder;
use names::Gives;
use pattern::Pattern;
use protobuf::ProtobufDecoder;
use syslog::SyslogDecoder;

/// A compiled list of decode steps. Made by [`Chain::compile`].
#[derive(Debug, Clone)]
pub struct Chain {
    steps: Vec<Step>,
    envelope: Option<Envelope>,
}

/// One compiled step.
#[derive(Debug, Clone)]
struct Step {
    decoder: Decoder,
    name: DecoderName,
    /// The value that it reads; none for the line.
    from: Option<Reads>,
    optional: bool,
    prefix: String,
    gives: Gives,
}

/// Where a step reads.
#[derive(Debug, Clone)]
struct Reads {
    slot: Slot,
    name: Box<str>,
}

#[derive(Debug, Clone)]
enum Decoder {
    Json(JsonDecoder),
    Logfmt(LogfmtDecoder),
    KeyValue(KeyValueDecoder),
    Cri(CriDecoder),
    Docker(DockerDecoder),
    Syslog(SyslogDecoder),
    Combined(CombinedDecoder),
    Pattern(Pattern),
    Dissect(DissectDecoder),
    Csv(CsvDecoder),
    Protobuf(ProtobufDecoder),
}

/// The step of a chain whose payload may be a piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Index of the step.
    pub step: u16,
    /// Holds `Bool(true)` when more pieces follow.
    pub partial: Slot,
    /// Holds the piece.
    pub payload: Slot,
    /// Holds the name of the stream (`stdout`, `stderr`): pieces of different streams do not belong together.
    pub stream: Slot,
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps have been through it.
    Event,
    /// A piece of a longer line: the steps up to the envelope have been through it.
    Partial,
    /// The header of a CSV file, which is not an event.
    Header,
}

/// Memory that a chain reuses from line to line. It holds nothing of a line that changes a result.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    /// By step.
    locations: Vec<Option<CaptureLocations>>,
}

impl Chain {
    /// Memory for [`Chain::decode`], one per thread.
    pub fn scratch(&self) -> Scratch {
        let locations = |step: &Step| match &step.decoder {
            Decoder::Pattern(pattern) => Some(pattern.locations()),
            _ => None,
        };
        Scratch { locations: self.steps.iter().map(locations).collect() }
    }

    /// The step whose payload may be a piece of a line, if there is one.
    pub fn envelope(&self) -> Option<Envelope> {
        self.envelope
    }

    /// True when some step may extract `name`. A manifest that maps another name can never get a value.
    pub fn may_give(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.may_give(name))
    }

    /// The names that the steps give, for messages to people. Decoders of free-form keys add nothing.
    pub fn names(&self) -> Vec<String> {
        self.steps.iter().flat_map(Step::names).collect()
    }

    /// Takes a line apart. `slots` are those of the line, all absent.
    ///
    /// # Errors
    /// [`DecodeError`] of the first step that fails. The slots then hold a part of the line, which must not be used
    /// as an event.
    #[inline]
    pub fn decode<'a>(
        &self,
        line: &'a [u8],
        scratch: &mut Scratch,
        slots: &mut Slots<'a>,
    ) -> Result<Outcome, DecodeError> {
        let last_of_piece = self.envelope.map_or(usize::MAX, |envelope| usize::from(envelope.step));
        for (index, step) in self.steps.iter().enumerate() {
            if self.run(index, step, line, scratch, slots)? == Outcome::Header {
                return Ok(Outcome::Header);
            }
            if index == last_of_piece && self.is_piece(slots) {
                return Ok(Outcome::Partial);
            }
        }
        Ok(Outcome::Event)
    }

    /// Only the steps up to the envelope, whether it holds a piece or not: for the line behind a piece, which is the
    /// last piece itself. All steps when the chain has no envelope.
    ///
    /// # Errors
    /// As [`Chain::decode`].
    pub fn decode_envelope<'a>(
        &self,
        line: &'a [u8],
        scratch: &mut Scratch,
        slots: &mut Slots<'a>,
    ) -> Result<Outcome, DecodeError> {
        let Some(envelope) = self.envelope else {
            return self.decode(line, scratch, slots);
        };
        for (index, step) in self.steps.iter().enumerate().take(usize::from(envelope.step) + 1) {
            if self.run(index, step, line, scratch, slots)? == Outcome::Header {
                return Ok(Outcome::Header);
            }
        }
        Ok(if self.is_piece(slots) { Outcome::Partial } else { Outcome::Event })
    }

    /// The steps behind the envelope, with `payload` (the joined pieces) as its payload. `slots` hold what
    /// [`Chain::decode`] or [`Chain::decode_envelope`] made of the first piece. Does nothing without an envelope.
    ///
    /// # Errors
    /// As [`Chain::decode`].
    pub fn decode_rest<'a>(
        &self,
        payload: &'a [u8],
        scratch: &mut Scratch,
        slots: &mut Slots<'a>,
    ) -> Result<Outcome, DecodeError> {
        let Some(envelope) = self.envelope else {
            return Ok(Outcome::Event);
        };
        slots.set(envelope.payload, Extracted::Text(payload));
        slots.set(envelope.partial, Extracted::Bool(false));
        for (index, step) in self.steps.iter().enumerate().skip(usize::from(envelope.step) + 1) {
            if self.run(index, step, payload, scratch, slots)? == Outcome::Header {
                return Ok(Outcome::Header);
            }
        }
        Ok(Outcome::Event)
    }

    fn is_piece(&self, slots: &Slots<'_>) -> bool {
        self.envelope.is_some_and(|envelope| slots.get(envelope.partial) == Extracted::Bool(true))
    }

    /// One step on what it reads.
    #[inline]
    fn run<'a>(
        &self,
        index: usize,
        step: &Step,
        line: &'a [u8],
        scratch: &mut Scratch,
        slots: &mut Slots<'a>,
    ) -> Result<Outcome, DecodeError> {
        let input = match &step.from {
            None => line,
            Some(from) => match slots.get(from.slot).to_text(slots.arena()) {
                Some(input) => input,
                None if step.optional => return Ok(Outcome::Event),
                None => {
                    let kind = FaultKind::MissingValue { name: from.name.clone() };
                    return Err(step.error(index, Fault::new(0, kind)));
                }
            },
        };
        if let Decoder::Csv(csv) = &step.decoder
            && csv.is_header(input)
        {
            return Ok(Outcome::Header);
        }
        let locations = scratch.locations.get_mut(index).and_then(Option::as_mut);
        if !step.optional {
            step.decoder.decode(input, locations, slots).map_err(|fault| step.error(index, fault))?;
            return Ok(Outcome::Event);
        }
        let saved = slots.arena().alloc_slice_copy(slots.values());
        if step.decoder.decode(input, locations, slots).is_err() {
            slots.restore(saved);
        }
        Ok(Outcome::Event)
    }
}

impl Step {
    #[cold]
    fn error(&self, index: usize, fault: Fault) -> DecodeError {
        let step = u16::try_from(index).unwrap_or(u16::MAX);
        DecodeError { step, decoder: self.name, at: fault.at, kind: fault.kind }
    }

    fn may_give(&self, name: &str) -> bool {
        name.strip_prefix(self.prefix.as_str()).is_some_and(|name| self.gives.may_give(name))
    }

    fn names(&self) -> Vec<String> {
        match &self.gives {
            Gives::Anything => Vec::new(),
            Gives::Message(message) => {
                message.fields().map(|field| format!("{}{}", self.prefix, field.name())).collect()
            }
            Gives::Names { names, .. } => names.iter().map(|name| format!("{}{name}", self.prefix)).collect(),
        }
    }
}

impl Decoder {
    #[inline]
    fn decode<'a>(
        &self,
        input: &'a [u8],
        locations: Option<&mut CaptureLocations>,
        slots: &mut Slots<'a>,
    ) -> Result<(), Fault> {
        match self {
            Self::Json(decoder) => decoder.decode(input, slots),
            Self::Logfmt(decoder) => decoder.decode(input, slots),
            Self::KeyValue(decoder) => decoder.decode(input, slots),
            Self::Cri(decoder) => decoder.decode(input, slots),
            Self::Docker(decoder) => decoder.decode(input, slots),
            Self::Syslog(decoder) => decoder.decode(input, slots),
            Self::Combined(decoder) => decoder.decode(input, slots),
            Self::Dissect(decoder) => decoder.decode(input, slots),
            Self::Csv(decoder) => decoder.decode(input, slots),
            Self::Protobuf(decoder) => decoder.decode(input, slots),
            Self::Pattern(pattern) => match locations {
                Some(locations) => pattern.decode(input, locations, slots),
                // A scratch of another chain: slower, the same result.
                None => pattern.decode(input, &mut pattern.locations(), slots),
            },
        }
    }
}
