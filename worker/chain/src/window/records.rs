//! What travels on the panes link, and on the way back from analyze to correlate.
//!
//! ```text
//!  Panes      = 1, start, { key, value }*               many scopes of one pane start
//!  Samples    = 2, { key, time, id, measures }*         raw events for session and count windows
//!  Template   = 3, source, template, first seen, source started, text
//!  Coarsened  = 4, level, time, rows
//! ```
//!
//! Keys come in ascending order and share their beginnings ([`Keys`]); a record is at most a little larger than
//! [`RECORD_BYTES`], unless one entry is. Everything is canonical.

use super::value::{Kept, Layout, Measure, Presence, save_presence};
use crate::compile::shape::LevelIndex;
use crate::id::Id;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};

/// A record that has grown beyond this is sent.
pub const RECORD_BYTES: usize = 16 * 1024;

const PANES: u8 = 1;
const SAMPLES: u8 = 2;
const TEMPLATE: u8 = 3;
const COARSENED: u8 = 4;

/// Writes a sequence of keys, each as what it shares with the one before it and the rest.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    last: Vec<u8>,
}

impl Keys {
    /// At the start of a record.
    pub fn restart(&mut self) {
        self.last.clear();
    }

    /// Appends a key.
    pub fn write(&mut self, key: &[u8], out: &mut Writer) {
        let shared = self.last.iter().zip(key).take_while(|(last, new)| last == new).count();
        out.varint(shared as u64);
        out.bytes(&key[shared..]);
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
    }

    /// Reads a key; it stands in the reader until the next one.
    ///
    /// # Errors
    /// [`WireError`] when the input does not hold a key.
    pub fn read(&mut self, input: &mut Reader<'_>) -> Result<&[u8], WireError> {
        let shared = input.varint()?;
        let kept = usize::try_from(shared).ok().filter(|shared| *shared <= self.last.len());
        let kept = kept.ok_or_else(|| input.invalid("length of a shared key", shared))?;
        let rest = input.bytes()?;
        self.last.truncate(kept);
        self.last.extend_from_slice(rest);
        if self.last.is_empty() {
            return Err(input.invalid("key of a scope", 0));
        }
        Ok(&self.last)
    }
}

fn save_time(time: EventTime, out: &mut Writer) {
    out.signed(time.0);
}

fn load_time(input: &mut Reader<'_>) -> Result<EventTime, WireError> {
    input.signed().map(EventTime)
}

/// Takes records of the panes link, each with its partition.
pub trait PaneSink {
    /// Sends `record` to `partition`. `time` is the event time of what it holds: a pane's start, a sample's time.
    fn record(&mut self, partition: u32, time: EventTime, record: &[u8]);
}

impl<F: FnMut(u32, EventTime, &[u8])> PaneSink for F {
    fn record(&mut self, partition: u32, time: EventTime, record: &[u8]) {
        self(partition, time, record);
    }
}

/// Collects entries of one kind for one partition into records of bounded size.
#[derive(Debug, Clone, Default)]
pub(super) struct Batch {
    out: Writer,
    keys: Keys,
    time: EventTime,
}

impl Batch {
    /// The record to append an entry to; a new one begins with `header`.
    pub(super) fn entry(&mut self, time: EventTime, key: &[u8], header: impl FnOnce(&mut Writer)) -> &mut Writer {
        if self.out.is_empty() {
            self.time = time;
            self.keys.restart();
            header(&mut self.out);
        }
        self.keys.write(key, &mut self.out);
        &mut self.out
    }

    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= RECORD_BYTES
    }

    /// Sends what is there.
    pub(super) fn send(&mut self, partition: u32, sink: &mut dyn PaneSink) {
        if !self.out.is_empty() {
            sink.record(partition, self.time, self.out.as_slice());
            self.out.clear();
        }
    }
}

pub(super) fn panes_header(start: EventTime) -> impl FnOnce(&mut Writer) {
    move |out| {
        out.u8(PANES);
        save_time(start, out);
    }
}

pub(super) fn samples_header(out: &mut Writer) {
    out.u8(SAMPLES);
}

/// One event for session and count windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its event time.
    pub time: EventTime,
    /// Its id: orders events of one time.
    pub id: Id,
    /// By place in the layout.
    pub measures: Vec<Measure>,
}

impl Sample {
    /// Appends the sample.
    pub fn save(time: EventTime, id: Id, measures: impl Iterator<Item = Measure> + Clone, out: &mut Writer) {
        save_time(time, out);
        out.fixed128(id.0);
        save_presence(measures.clone().map(|measure| measure != Measure::None), out);
        for measure in measures {
            match measure {
                Measure::None | Measure::Event => {}
                Measure::Number(value) => out.f64(value),
                Measure::Member(hash) => out.fixed64(hash),
            }
        }
    }

    /// Reads what [`Sample::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a sample of this layout.
    pub fn load(layout: &Layout, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let time = load_time(input)?;
        let id = Id(input.fixed128()?);
        let mut present = Presence::load(input, layout.kept().len())?;
        let mut measures = Vec::with_capacity(layout.kept().len());
        for kept in layout.kept() {
            measures.push(match (present.next(), kept) {
                (false, _) => Measure::None,
                (true, Kept::Distribution) => Measure::Number(input.f64()?),
                (true, Kept::Counter) => Measure::Event,
                (true, Kept::Distinct) => Measure::Member(input.fixed64()?),
            });
        }
        Ok(Self { time, id, measures })
    }
}

/// A template that a source has not shown before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewTemplate<'a> {
    /// Index of the source.
    pub source: u16,
    /// Content hash of the template.
    pub template: Id,
    /// Event time of the first line of it.
    pub first_seen: EventTime,
    /// Least event time of this source partition so far: before it has run for some time, all templates are new.
    pub started: EventTime,
    /// The template with its wildcards.
    pub text: &'a str,
}

impl NewTemplate<'_> {
    /// Appends the record.
    pub fn save(&self, out: &mut Writer) {
        out.u8(TEMPLATE);
        out.varint(u64::from(self.source));
        out.fixed128(self.template.0);
        save_time(self.first_seen, out);
        save_time(self.started, out);
        out.str(self.text);
    }

    /// The partition that the record goes to: all sightings of one template meet.
    pub fn partition(&self, partitions: u32) -> u32 {
        (self.template.0 % u128::from(partitions.max(1))) as u32
    }
}

/// Rows that were counted at a coarser level, because the bound of live scopes was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coarsened {
    /// The level whose scope was refused.
    pub level: LevelIndex,
    /// Watermark at which they were counted.
    pub time: EventTime,
    /// How many rows since the last record.
    pub rows: u64,
}

impl Coarsened {
    /// Appends the record.
    pub fn save(&self, out: &mut Writer) {
        out.u8(COARSENED);
        out.u8(self.level.0);
        save_time(self.time, out);
        out.varint(self.rows);
    }
}

/// A record of the panes link.
#[derive(Debug, Clone)]
pub enum Record<'a> {
    /// Panes.
    Panes(Panes<'a>),
    /// Raw events.
    Samples(Samples<'a>),
    /// A new template.
    Template(NewTemplate<'a>),
    /// Coarsened rows.
    Coarsened(Coarsened),
}

impl<'a> Record<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// [`WireError`] when it is none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let tag = input.u8()?;
        let record = match tag {
            PANES => {
                let start = load_time(&mut input)?;
                return Ok(Self::Panes(Panes { start, input }));
            }
            SAMPLES => return Ok(Self::Samples(Samples { input })),
            TEMPLATE => {
                let source = input.varint()?;
                let source = u16::try_from(source).map_err(|_| input.invalid("source", source))?;
                Self::Template(NewTemplate {
                    source,
                    template: Id(input.fixed128()?),
                    first_seen: load_time(&mut input)?,
                    started: load_time(&mut input)?,
                    text: input.str()?,
                })
            }
            COARSENED => Self::Coarsened(Coarsened {
                level: LevelIndex(input.u8()?),
                time: load_time(&mut input)?,
                rows: input.varint()?,
            }),
            other => return Err(input.invalid("record of the panes link", u64::from(other))),
        };
        input.finish()?;
        Ok(record)
    }
}

/// Panes of one start.
#[derive(Debug, Clone)]
pub struct Panes<'a> {
    /// Where they begin.
    pub start: EventTime,
    input: Reader<'a>,
}

impl<'a> Panes<'a> {
    /// Calls `take` with each key and the bytes of its value ([`super::value::Value::merge_bytes`]).
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not panes, or that of `take`.
    pub fn for_each(self, mut take: impl FnMut(&[u8], &'a [u8]) -> Result<(), WireError>) -> Result<(), WireError> {
        let Self { mut input, .. } = self;
        let mut keys = Keys::default();
        while !input.is_empty() {
            let key = keys.read(&mut input)?;
            take(key, input.bytes()?)?;
        }
        Ok(())
    }
}

/// Raw events.
#[derive(Debug, Clone)]
pub struct Samples<'a> {
    input: Reader<'a>,
}

impl Samples<'_> {
    /// Calls `take` with each key and each of its samples.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not samples of this layout.
    pub fn for_each(self, layout: &Layout, mut take: impl FnMut(&[u8], Sample)) -> Result<(), WireError> {
        let Self { mut input, .. } = self;
        let mut keys = Keys::default();
        while !input.is_empty() {
            let key = keys.read(&mut input)?;
            take(key, Sample::load(layout, &mut input)?);
        }
        Ok(())
    }
}

/// A value of an expression over a closed window.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Scalar {
    /// There is none.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
}

impl Scalar {
    /// Appends the value.
    pub fn save(&self, out: &mut Writer) {
        match self {
            Self::Null => out.u8(0),
            Self::Bool(value) => out.u8(1 + u8::from(*value)),
            Self::Int(value) => {
                out.u8(3);
                out.signed(*value);
            }
            Self::Float(value) => {
                out.u8(4);
                out.f64(*value);
            }
            Self::Text(value) => {
                out.u8(5);
                out.str(value);
            }
        }
    }

    /// Reads what [`Scalar::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a value.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match input.u8()? {
            0 => Self::Null,
            1 => Self::Bool(false),
            2 => Self::Bool(true),
            3 => Self::Int(input.signed()?),
            4 => Self::Float(input.f64()?),
            5 => Self::Text(input.str()?.to_owned()),
            other => return Err(input.invalid("value", u64::from(other))),
        })
    }
}

/// The feedback link: values of a closed window, for events to take along. Goes to every correlate task.
#[derive(Debug, Clone, PartialEq)]
pub struct Feedback {
    /// Index of the augmentation in the program.
    pub augment: u16,
    /// Key of the scope ([`super::scope`]).
    pub scope: Vec<u8>,
    /// End of the window.
    pub end: EventTime,
    /// Zero at the close, higher for corrections.
    pub revision: u32,
    /// In the order of the augmentation's values.
    pub values: Vec<Scalar>,
}

impl Feedback {
    /// Appends the record.
    pub fn save(&self, out: &mut Writer) {
        out.varint(u64::from(self.augment));
        out.bytes(&self.scope);
        save_time(self.end, out);
        out.varint(u64::from(self.revision));
        out.varint(self.values.len() as u64);
        self.values.iter().for_each(|value| value.save(out));
    }

    /// Reads what [`Feedback::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are no such record.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let augment = input.varint()?;
        let augment = u16::try_from(augment).map_err(|_| input.invalid("augmentation", augment))?;
        let scope = input.bytes()?.to_vec();
        let (end, revision) = (load_time(input)?, input.varint32()?);
        let values = (0..input.count()?).map(|_| Scalar::load(input)).collect::<Result<_, _>>()?;
        Ok(Self { augment, scope, end, revision, values })
    }
}
