//! Records of the outlets that leave the chain as lines: events, late rows, dead letters, templates.
//!
//! They are compact on the link; [`super::json`] gives the JSON objects that people
//! and stores read.

use crate::id::Id;
use crate::join::{Emission, JoinedKind};
use crate::log::{Offset, Reason};
use crate::time::EventTime;
use crate::window::records::Scalar;
use crate::wire::{Reader, WireError, Writer};

/// How an event came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// One row, not joined.
    Single,
    /// Made by a join.
    Joined(JoinedKind, Emission),
}

/// One row of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member<'a> {
    /// Index of its source.
    pub source: u16,
    /// Its id.
    pub id: Id,
    /// Its time.
    pub time: EventTime,
    /// Its template.
    pub template: Option<u64>,
    /// The row as a message of the source's schema.
    pub row: &'a [u8],
}

/// An augmented event.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRecord<'a> {
    /// Its id.
    pub id: Id,
    /// Its time.
    pub time: EventTime,
    /// How it came to be.
    pub kind: EventKind,
    /// The correlation key, if it was joined.
    pub key: Option<&'a [u8]>,
    /// Rows in order of (time, id), or of streams for pairs.
    pub members: Vec<Member<'a>>,
    /// For each augmentation of the program whose scope has a closed window: its index, the window's end, and the
    /// values in order.
    pub augment: Vec<(u16, EventTime, Vec<Scalar>)>,
}

/// A row that came too late for every window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LateRecord<'a> {
    /// Source partition, as an upstream of the joins link.
    pub upstream: u32,
    /// Where the row stands in it.
    pub offset: Offset,
    /// Task time when it came.
    pub watermark: EventTime,
    /// The row.
    pub member: Member<'a>,
}

/// A line that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter<'a> {
    /// Where the line stands in its partition.
    pub offset: Offset,
    /// Why.
    pub reason: Reason,
    /// What exactly, for people.
    pub detail: String,
    /// Event time, when it could be read.
    pub time: Option<EventTime>,
    /// Length of the whole line in bytes; more than `raw` when it was cut.
    pub full_length: u64,
    /// Where the whole line is kept, when it is.
    pub reference: Option<&'a str>,
    /// The line, redacted.
    pub raw: &'a [u8],
}

/// A template and how many lines it has had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRecord {
    /// Its id.
    pub id: u64,
    /// Rises with each record of the same id.
    pub revision: u32,
    /// Its text, variables as `<*>`.
    pub text: String,
    /// Lines so far, exact.
    pub count: u64,
    /// Event time of its first line.
    pub first: EventTime,
    /// Event time of its last line.
    pub last: EventTime,
    /// True when it left the miner because of the bound; a later line of it begins anew.
    pub evicted: bool,
    /// The template that has taken over its lines and count, when it turned out to be a case of that one.
    pub merged_into: Option<u64>,
}

fn write_kind(kind: EventKind, out: &mut Writer) {
    match kind {
        EventKind::Single => out.u8(0),
        EventKind::Joined(kind, emission) => {
            let kind = match kind {
                JoinedKind::Pair => 1,
                JoinedKind::Alone => 2,
                JoinedKind::Complete => 3,
                JoinedKind::Incomplete => 4,
            };
            let emission = match emission {
                Emission::Regular => 0,
                Emission::Evicted => 0x10,
                Emission::Late => 0x20,
            };
            out.u8(kind | emission);
        }
    }
}

fn read_kind(input: &mut Reader<'_>) -> Result<EventKind, WireError> {
    let tag = input.u8()?;
    let emission = match tag & 0xf0 {
        0 => Emission::Regular,
        0x10 => Emission::Evicted,
        0x20 => Emission::Late,
        _ => return Err(input.invalid("emission", u64::from(tag))),
    };
    let kind = match tag & 0x0f {
        0 if tag == 0 => return Ok(EventKind::Single),
        1 => JoinedKind::Pair,
        2 => JoinedKind::Alone,
        3 => JoinedKind::Complete,
        4 => JoinedKind::Incomplete,
        _ => return Err(input.invalid("kind of event", u64::from(tag))),
    };
    Ok(EventKind::Joined(kind, emission))
}

fn write_member(member: &Member<'_>, out: &mut Writer) {
    out.varint(u64::from(member.source));
    out.fixed128(member.id.0);
    out.signed(member.time.0);
    out.option(member.template, |out, id| out.fixed64(id));
    out.bytes(member.row);
}

fn read_member<'a>(input: &mut Reader<'a>) -> Result<Member<'a>, WireError> {
    let source = input.varint()?;
    let source = u16::try_from(source).map_err(|_| input.invalid("source", source))?;
    let id = Id(input.fixed128()?);
    let time = EventTime(input.signed()?);
    let template = input.option(|input| input.fixed64())?;
    Ok(Member { source, id, time, template, row: input.bytes()? })
}

impl<'a> EventRecord<'a> {
    /// Appends the record.
    pub fn write(&self, out: &mut Writer) {
        out.fixed128(self.id.0);
        out.signed(self.time.0);
        write_kind(self.kind, out);
        out.option(self.key, |out, key| out.bytes(key));
        out.varint(self.augment.len() as u64);
        for (index, end, values) in &self.augment {
            out.varint(u64::from(*index));
            out.signed(end.0);
            out.varint(values.len() as u64);
            for value in values {
                value.save(out);
            }
        }
        out.varint(self.members.len() as u64);
        self.members.iter().for_each(|member| write_member(member, out));
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not one.
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let id = Id(input.fixed128()?);
        let time = EventTime(input.signed()?);
        let kind = read_kind(&mut input)?;
        let key = input.option(|input| input.bytes())?;
        let mut augment = Vec::new();
        for _ in 0..input.count()? {
            let index = input.varint32()? as u16;
            let end = EventTime(input.signed()?);
            let count = input.count()?;
            let values = (0..count).map(|_| Scalar::load(&mut input)).collect::<Result<_, _>>()?;
            augment.push((index, end, values));
        }
        let count = input.count()?;
        let members = (0..count).map(|_| read_member(&mut input)).collect::<Result<_, _>>()?;
        input.finish()?;
        Ok(Self { id, time, kind, key, members, augment })
    }
}

impl<'a> LateRecord<'a> {
    /// Appends the record.
    pub fn write(&self, out: &mut Writer) {
        out.varint(u64::from(self.upstream));
        out.varint(self.offset.0);
        out.signed(self.watermark.0);
        write_member(&self.member, out);
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not one.
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let upstream = input.varint32()?;
        let offset = Offset(input.varint()?);
        let watermark = EventTime(input.signed()?);
        let member = read_member(&mut input)?;
        input.finish()?;
        Ok(Self { upstream, offset, watermark, member })
    }
}

impl<'a> DeadLetter<'a> {
    /// Appends the record.
    pub fn write(&self, out: &mut Writer) {
        out.varint(self.offset.0);
        out.u8(self.reason.code());
        out.str(&self.detail);
        out.option(self.time, |out, time| out.signed(time.0));
        out.varint(self.full_length);
        out.option(self.reference, |out, reference| out.str(reference));
        out.bytes(self.raw);
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not one.
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let offset = Offset(input.varint()?);
        let code = input.u8()?;
        let reason = Reason::from_code(code).ok_or_else(|| input.invalid("reason", u64::from(code)))?;
        let detail = input.str()?.to_owned();
        let time = input.option(|input| input.signed().map(EventTime))?;
        let full_length = input.varint()?;
        let reference = input.option(|input| input.str())?;
        let raw = input.bytes()?;
        input.finish()?;
        Ok(Self { offset, reason, detail, time, full_length, reference, raw })
    }
}

impl TemplateRecord {
    /// Appends the record.
    pub fn write(&self, out: &mut Writer) {
        out.fixed64(self.id);
        out.varint(u64::from(self.revision));
        out.str(&self.text);
        out.varint(self.count);
        out.signed(self.first.0);
        out.signed(self.last.0);
        out.bool(self.evicted);
        out.option(self.merged_into, |out, id| out.fixed64(id));
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not one.
    pub fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let id = input.fixed64()?;
        let revision = input.varint32()?;
        let text = input.str()?.to_owned();
        let count = input.varint()?;
        let (first, last) = (EventTime(input.signed()?), EventTime(input.signed()?));
        let evicted = input.bool()?;
        let merged_into = input.option(|input| input.fixed64())?;
        input.finish()?;
        Ok(Self { id, revision, text, count, first, last, evicted, merged_into })
    }
}
