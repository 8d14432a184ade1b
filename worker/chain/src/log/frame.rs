//! The frame: one message of a link, with many records, marks and fates (rules R0, R1, R20, R22, R24, R25).
//!
//! ```text
//!  "LF" version kind
//!  data:  upstream · from · to · mark · claim [· base · provisionals]
//!         · fates: n × (offset delta, count, reason, minute)
//!         · records: n × (offset delta, sub, length, payload)
//!  seal:  nothing
//!  close: n × (upstream, cut offset)
//!  XXH3-64 of all that stands before
//! ```
//!
//! The checksum is the frame's *fingerprint*: a checkpoint carries that of the last frame folded, and an owner
//! compares it before every resumed fetch (R0). A frame decodes in place: records borrow from its bytes. Decoding
//! never panics and allocates nothing; what decodes has exactly one encoding. Every record and fate stands in
//! `[from, to)`, in rising order. `to = (o, k)` with `k > 0` ends inside step `o`.
//!
//! A frame must never be sent with other bytes at a position that it covered before; cuts and marks may differ
//! between owners, records and fates may not.

mod build;

pub use build::{FrameBuilder, OwnedClaim, OwnedProvisionals};
pub(crate) use build::{begin_frame, finish_frame, write_record};

use crate::log::fate::{FateRun, load_run};
use crate::log::position::{Offset, Position, Upstream};
use crate::time::EventTime;
use crate::wire::{Reader, WireError};
use std::sync::Arc;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: [u8; 2] = *b"LF";
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;

const DATA: u8 = 0;
const SEAL: u8 = 1;
const CLOSE: u8 = 2;

const NO_CLAIM: u8 = 0;
const PLAIN_CLAIM: u8 = 1;
const PROVISIONAL_CLAIM: u8 = 2;

/// The most bytes that one encoded fate takes.
pub(crate) const MAX_FATE_BYTES: usize = 10 + 10 + 1 + 5;
/// The most bytes that a frame without claim, fates and records takes.
pub(crate) const MAX_HEADER_BYTES: usize = 4 + 5 + 10 + 5 + 10 + 5 + 10 + 11 + 10 + 10 + CHECKSUM_BYTES;

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not a frame at all.
    #[error("not a frame: it starts with {found:02x?}")]
    Magic {
        /// The first bytes.
        found: [u8; 2],
    },
    /// A frame of another format version.
    #[error("frame of format version {found}, this program reads {VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// A record or a fate stands outside the frame or out of order.
    #[error("{what} at {position} is out of order or outside the frame")]
    Order {
        /// `record`, `fate` or `range`.
        what: &'static str,
        /// Where it stands.
        position: Position,
    },
    /// The bytes are damaged or end too early.
    #[error("damaged frame: {0}")]
    Wire(#[from] WireError),
}

/// The bytes of an encoded frame; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameBytes(Arc<Vec<u8>>);

impl FrameBytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// The frame, checked.
    ///
    /// # Errors
    /// [`FrameError`]; never for bytes that a [`FrameBuilder`] made.
    pub fn decode(&self) -> Result<Frame<'_>, FrameError> {
        Frame::decode(&self.0)
    }

    /// Its length in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The fingerprint: the checksum that stands at the end.
    pub fn fingerprint(&self) -> u64 {
        split_checksum(&self.0).map_or(0, |(_, checksum)| checksum)
    }
}

impl From<Vec<u8>> for FrameBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

/// What a frame says besides its fates and records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Who sent it.
    pub upstream: Upstream,
    /// First position that it covers.
    pub from: Position,
    /// The position behind it.
    pub to: Position,
    /// Watermark of the upstream, a function of its log below `to` ([`EventTime::MAX`] is `closed`, R4).
    pub mark: EventTime,
}

/// A log-end claim on a frame (R3), with or without provisionals (R25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Everything of the upstream at or behind the frame's `to` has at least this event time.
    pub time: EventTime,
    /// Values that the claim relies on, as of the frame's `to`. `None`: it relies on none.
    pub provisionals: Option<Provisionals<'a>>,
}

/// The provisional values that go with a claim: opaque payloads, complete above `base`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provisionals<'a> {
    /// An earlier claim at the same `to`: values that it already named may be missing.
    pub base: Option<EventTime>,
    count: usize,
    encoded: &'a [u8],
}

impl<'a> Provisionals<'a> {
    /// The payloads in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut input = Reader::new(self.encoded);
        (0..self.count).map_while(move |_| input.bytes().ok())
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// What else than data a log entry can be (R22).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control<'a> {
    /// The first of these in a log freezes its fold.
    Seal,
    /// From here the fold goes on, clipped at these offsets.
    Close(Cuts<'a>),
}

/// Cut offsets, one per upstream, in rising order of upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cuts<'a> {
    count: usize,
    encoded: &'a [u8],
}

impl<'a> Cuts<'a> {
    /// Upstream and the offset behind its last step in this generation.
    pub fn iter(&self) -> impl Iterator<Item = (Upstream, Offset)> + use<'a> {
        let mut input = Reader::new(self.encoded);
        (0..self.count).map_while(move |_| read_cut(&mut input).ok())
    }
}

fn read_cut(input: &mut Reader<'_>) -> Result<(Upstream, Offset), WireError> {
    Ok((Upstream(input.varint32()?), Offset(input.varint()?)))
}

/// One record of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Where it stands.
    pub position: Position,
    /// What it says; the stages know how to read it.
    pub payload: &'a [u8],
}

/// A decoded frame that borrows from its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    header: Header,
    claim: Option<Claim<'a>>,
    control: Option<Control<'a>>,
    fate_count: usize,
    fates: &'a [u8],
    record_count: usize,
    records: &'a [u8],
    fingerprint: u64,
}

impl<'a> Frame<'a> {
    /// Decodes and checks everything, the checksum too.
    ///
    /// # Errors
    /// [`FrameError`] when the bytes are not exactly one well-formed frame.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (body, found) = split_checksum(bytes)?;
        let computed = xxh3_64(body);
        if found != computed {
            if let Some(&[first, second]) = bytes.first_chunk::<2>()
                && [first, second] != MAGIC
            {
                return Err(FrameError::Magic { found: [first, second] });
            }
            return Err(WireError::Checksum { found, computed }.into());
        }
        Self::parse(body, found)
    }

    /// Decodes without computing the checksum: for bytes that never left this process's memory since a
    /// [`FrameBuilder`] or [`Frame::decode`] had them. Everything else is checked.
    ///
    /// # Errors
    /// As [`Frame::decode`].
    pub fn decode_trusted(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let (body, fingerprint) = split_checksum(bytes)?;
        Self::parse(body, fingerprint)
    }

    fn parse(body: &'a [u8], fingerprint: u64) -> Result<Self, FrameError> {
        let mut input = Reader::new(body);
        let magic = [input.u8()?, input.u8()?];
        if magic != MAGIC {
            return Err(FrameError::Magic { found: magic });
        }
        match input.u8()? {
            VERSION => {}
            found => return Err(FrameError::Version { found }),
        }
        match input.u8()? {
            DATA => Self::parse_data(input, body, fingerprint),
            SEAL => {
                input.finish()?;
                Ok(Self::control_frame(Control::Seal, fingerprint))
            }
            CLOSE => {
                let cuts = parse_cuts(&mut input, body)?;
                Ok(Self::control_frame(Control::Close(cuts), fingerprint))
            }
            other => Err(input.invalid("frame kind", u64::from(other)).into()),
        }
    }

    fn control_frame(control: Control<'a>, fingerprint: u64) -> Self {
        let start = Position::START;
        let header = Header { upstream: Upstream(0), from: start, to: start, mark: EventTime::MIN };
        Self {
            header,
            claim: None,
            control: Some(control),
            fate_count: 0,
            fates: &[],
            record_count: 0,
            records: &[],
            fingerprint,
        }
    }

    fn parse_data(mut input: Reader<'a>, body: &'a [u8], fingerprint: u64) -> Result<Self, FrameError> {
        let header = parse_header(&mut input)?;
        let claim = parse_claim(&mut input, body)?;
        let fate_count = input.count()?;
        let fates_start = input.position();
        check_fates(&mut input, &header, fate_count)?;
        let fates = &body[fates_start..input.position()];
        let record_count = input.count()?;
        let records = &body[input.position()..];
        check_records(&mut input, &header, record_count)?;
        input.finish()?;
        Ok(Self { header, claim, control: None, fate_count, fates, record_count, records, fingerprint })
    }

    /// Who sent it.
    pub fn upstream(&self) -> Upstream {
        self.header.upstream
    }

    /// First position that it covers.
    pub fn from(&self) -> Position {
        self.header.from
    }

    /// The position behind it.
    pub fn to(&self) -> Position {
        self.header.to
    }

    /// Watermark of the upstream.
    pub fn mark(&self) -> EventTime {
        self.header.mark
    }

    /// Upstream, range and mark.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The log-end claim, if it carries one.
    pub fn claim(&self) -> Option<Claim<'a>> {
        self.claim
    }

    /// Set when it is not data.
    pub fn control(&self) -> Option<Control<'a>> {
        self.control
    }

    /// Hash of the frame (R0).
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Number of records.
    pub fn record_count(&self) -> usize {
        self.record_count
    }

    /// Number of fate runs.
    pub fn fate_count(&self) -> usize {
        self.fate_count
    }

    /// The records in order.
    #[inline]
    pub fn records(&self) -> Records<'a> {
        Records { input: Reader::new(self.records), left: self.record_count, offset: self.header.from.offset.0 }
    }

    /// The fates in order.
    pub fn fates(&self) -> impl Iterator<Item = FateRun> + use<'a> {
        let mut input = Reader::new(self.fates);
        let mut base = self.header.from.offset;
        (0..self.fate_count).map_while(move |_| {
            let run = load_run(&mut input, base).ok()?;
            base = run.end();
            Some(run)
        })
    }
}

/// The records of a frame in order.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    input: Reader<'a>,
    left: usize,
    offset: u64,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        // The frame was checked when it was decoded: a failure here cannot happen, and would end the walk.
        let (record, offset) = read_record(&mut self.input, self.offset).ok()?;
        self.offset = offset;
        Some(record)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// Reads a record whose offset is given relative to `base`; returns its offset too.
#[inline]
pub(crate) fn read_record<'a>(input: &mut Reader<'a>, base: u64) -> Result<(Record<'a>, u64), WireError> {
    let delta = input.varint()?;
    let offset = base.checked_add(delta).ok_or_else(|| input.invalid("record offset", delta))?;
    let sub = input.varint32()?;
    let payload = input.bytes()?;
    Ok((Record { position: Position::new(Offset(offset), sub), payload }, offset))
}

fn split_checksum(bytes: &[u8]) -> Result<(&[u8], u64), WireError> {
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or(WireError::Truncated { at: 0 })?;
    Ok((body, u64::from_le_bytes(*checksum)))
}

fn parse_header(input: &mut Reader<'_>) -> Result<Header, FrameError> {
    let upstream = Upstream(input.varint32()?);
    let from = Position::load(input)?;
    let delta = input.varint()?;
    let offset = from.offset.0.checked_add(delta);
    let offset = offset.ok_or_else(|| input.invalid("end offset", delta))?;
    let to = Position::new(Offset(offset), input.varint32()?);
    if to < from {
        return Err(FrameError::Order { what: "range", position: to });
    }
    let mark = EventTime(input.signed()?);
    Ok(Header { upstream, from, to, mark })
}

fn parse_claim<'a>(input: &mut Reader<'a>, body: &'a [u8]) -> Result<Option<Claim<'a>>, FrameError> {
    match input.u8()? {
        NO_CLAIM => Ok(None),
        PLAIN_CLAIM => Ok(Some(Claim { time: EventTime(input.signed()?), provisionals: None })),
        PROVISIONAL_CLAIM => {
            let time = EventTime(input.signed()?);
            let base = input.option(Reader::signed)?.map(EventTime);
            let count = input.count()?;
            let start = input.position();
            for _ in 0..count {
                input.bytes()?;
            }
            let encoded = &body[start..input.position()];
            Ok(Some(Claim { time, provisionals: Some(Provisionals { base, count, encoded }) }))
        }
        other => Err(input.invalid("claim tag", u64::from(other)).into()),
    }
}

fn parse_cuts<'a>(input: &mut Reader<'a>, body: &'a [u8]) -> Result<Cuts<'a>, FrameError> {
    let count = input.count()?;
    let encoded = &body[input.position()..];
    let mut last: Option<Upstream> = None;
    for _ in 0..count {
        let (upstream, cut) = read_cut(input)?;
        if last.is_some_and(|last| last >= upstream) {
            return Err(FrameError::Order { what: "cut", position: Position::at(cut) });
        }
        last = Some(upstream);
    }
    input.finish()?;
    Ok(Cuts { count, encoded })
}

fn check_fates(input: &mut Reader<'_>, header: &Header, count: usize) -> Result<(), FrameError> {
    let mut last: Option<FateRun> = None;
    for _ in 0..count {
        let base = last.map_or(header.from.offset, |last| last.end());
        let run = load_run(input, base)?;
        let inside = Position::at(run.offset) >= header.from && Position::at(Offset(run.end().0 - 1)) < header.to;
        if !inside || last.is_some_and(|last| last.continues(&run)) {
            return Err(FrameError::Order { what: "fate", position: Position::at(run.offset) });
        }
        last = Some(run);
    }
    Ok(())
}

fn check_records(input: &mut Reader<'_>, header: &Header, count: usize) -> Result<(), FrameError> {
    let mut base = header.from.offset.0;
    let mut least = header.from;
    for _ in 0..count {
        let (record, offset) = read_record(input, base)?;
        let position = record.position;
        if position < least || position >= header.to {
            return Err(FrameError::Order { what: "record", position });
        }
        least = match position.sub.checked_add(1) {
            Some(sub) => Position::new(position.offset, sub),
            None => Position::at(position.offset.next()),
        };
        base = offset;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
