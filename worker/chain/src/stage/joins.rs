//! Records of the joins link: what ingest says to correlate.
//!
//! ```text
//!  event         tag · time · [template] · row (Protobuf)
//!  start         as an event, opens an assembly that continuation lines may follow (R6)
//!  continuation  tag · time of its start · text
//! ```
//!
//! The event's id is not sent: it follows from the sender and the position.

use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};

const EVENT: u8 = 0;
const START: u8 = 1;
const CONTINUATION: u8 = 2;
const KIND: u8 = 0b0011;
const TEMPLATE: u8 = 0b0100;
const NEW_TEMPLATE: u8 = 0b1000;

/// A record of the joins link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinsRecord<'a> {
    /// A parsed line.
    Row(RowRecord<'a>),
    /// A line that belongs to the row before it of the same upstream.
    Continuation {
        /// Event time of that row.
        time: EventTime,
        /// Its text.
        text: &'a [u8],
    },
}

/// A parsed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRecord<'a> {
    /// Event time.
    pub time: EventTime,
    /// Whether continuation lines may follow.
    pub opens: bool,
    /// Template of its text, if the source mines templates.
    pub template: Option<TemplateMark<'a>>,
    /// The row, as a message of the source's schema.
    pub row: &'a [u8],
}

/// The template of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateMark<'a> {
    /// Its id.
    pub id: u64,
    /// Its text, on its first row only.
    pub new: Option<&'a [u8]>,
}

impl JoinsRecord<'_> {
    /// Appends the record.
    #[inline]
    pub fn write(&self, out: &mut Writer) {
        match self {
            Self::Row(row) => {
                let mut tag = if row.opens { START } else { EVENT };
                if let Some(template) = row.template {
                    tag |= TEMPLATE | if template.new.is_some() { NEW_TEMPLATE } else { 0 };
                }
                out.u8(tag);
                out.signed(row.time.0);
                if let Some(template) = row.template {
                    out.fixed64(template.id);
                    if let Some(text) = template.new {
                        out.bytes(text);
                    }
                }
                out.raw(row.row);
            }
            Self::Continuation { time, text } => {
                out.u8(CONTINUATION);
                out.signed(time.0);
                out.raw(text);
            }
        }
    }
}

impl<'a> JoinsRecord<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not one.
    #[inline]
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let tag = input.u8()?;
        match tag & KIND {
            CONTINUATION => Ok(Self::Continuation { time: EventTime(input.signed()?), text: input.rest() }),
            kind @ (EVENT | START) => {
                let time = EventTime(input.signed()?);
                let template = match tag & TEMPLATE != 0 {
                    true => {
                        let id = input.fixed64()?;
                        let new = if tag & NEW_TEMPLATE != 0 { Some(input.bytes()?) } else { None };
                        Some(TemplateMark { id, new })
                    }
                    false => None,
                };
                Ok(Self::Row(RowRecord { time, opens: kind == START, template, row: input.rest() }))
            }
            other => Err(input.invalid("kind of joins record", u64::from(other))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_round_trip(time: i64, opens: bool, id in prop::option::of(any::<u64>()), new in prop::option::of(any::<Vec<u8>>()), row: Vec<u8>) {
            let template = id.map(|id| TemplateMark { id, new: new.as_deref() });
            let record = JoinsRecord::Row(RowRecord { time: EventTime(time), opens, template, row: &row });
            for record in [record, JoinsRecord::Continuation { time: EventTime(time), text: &row }] {
                let mut out = Writer::new();
                record.write(&mut out);
                prop_assert_eq!(JoinsRecord::read(out.as_slice()), Ok(record));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = JoinsRecord::read(&bytes);
        }
    }
}
