//! Writing frames.

use super::{
    CLOSE, DATA, FrameBytes, Header, MAGIC, MAX_FATE_BYTES, MAX_HEADER_BYTES, NO_CLAIM, PLAIN_CLAIM, PROVISIONAL_CLAIM,
    SEAL, VERSION,
};
use crate::log::fate::{FateRun, save_run};
use crate::log::position::{Offset, Position, Upstream};
use crate::time::EventTime;
use crate::wire::Writer;
use xxhash_rust::xxh3::xxh3_64;

/// Makes a frame: header, fates, records, each in rising order.
#[derive(Debug, Clone)]
pub struct FrameBuilder {
    pub(super) header: Header,
    pub(super) claim: Option<OwnedClaim>,
    pub(super) fates: Vec<FateRun>,
    record_count: usize,
    last: u64,
    records: Writer,
}

/// A claim to be encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedClaim {
    /// See [`super::Claim::time`].
    pub time: EventTime,
    /// See [`super::Claim::provisionals`].
    pub provisionals: Option<OwnedProvisionals>,
}

/// Provisionals to be encoded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnedProvisionals {
    /// See [`super::Provisionals::base`].
    pub base: Option<EventTime>,
    /// Payloads in an order that the content gives.
    pub payloads: Vec<Vec<u8>>,
}

impl OwnedClaim {
    /// The most bytes that it takes.
    pub(crate) fn encoded_bound(&self) -> usize {
        let payloads = self.provisionals.iter().flat_map(|provisionals| &provisionals.payloads);
        10 + payloads.map(|payload| payload.len() + 10).sum::<usize>()
    }
}

impl FrameBuilder {
    /// A frame without fates and records.
    pub fn new(header: Header) -> Self {
        let last = header.from.offset.0;
        Self { header, claim: None, fates: Vec::new(), record_count: 0, last, records: Writer::new() }
    }

    /// Adds the claim.
    #[must_use]
    pub fn claim(mut self, claim: OwnedClaim) -> Self {
        self.claim = Some(claim);
        self
    }

    /// Adds a fate; neighbours with one fate must be one run.
    #[must_use]
    pub fn fate(mut self, run: FateRun) -> Self {
        self.fates.push(run);
        self
    }

    /// Adds a record at a position behind the last one.
    #[must_use]
    pub fn record(mut self, position: Position, payload: &[u8]) -> Self {
        let delta = position.offset.0.saturating_sub(self.last);
        write_record(&mut self.records, delta, position.sub, payload);
        self.last = position.offset.0;
        self.record_count += 1;
        self
    }

    /// The bytes.
    pub fn finish(self) -> FrameBytes {
        let mut out = begin_frame(self.header, self.claim.as_ref(), &self.fates, self.records.len());
        out.varint(self.record_count as u64);
        out.raw(self.records.as_slice());
        finish_frame(out)
    }

    /// A `seal` (R22).
    pub fn seal() -> FrameBytes {
        finish_frame(start(SEAL, 0))
    }

    /// A `close` with its cuts (R22), in rising order of upstream.
    pub fn close(cuts: &[(Upstream, Offset)]) -> FrameBytes {
        let mut out = start(CLOSE, cuts.len() * 8);
        out.varint(cuts.len() as u64);
        for (upstream, cut) in cuts {
            out.varint(u64::from(upstream.0));
            out.varint(cut.0);
        }
        finish_frame(out)
    }
}

fn start(kind: u8, capacity: usize) -> Writer {
    let mut out = Writer::from_vec(Vec::with_capacity(capacity + 16));
    out.raw(&MAGIC);
    out.u8(VERSION);
    out.u8(kind);
    out
}

/// Writes everything before the record count.
pub(crate) fn begin_frame(
    header: Header,
    claim: Option<&OwnedClaim>,
    fates: &[FateRun],
    record_bytes: usize,
) -> Writer {
    let mut out = start(DATA, MAX_HEADER_BYTES + fates.len() * MAX_FATE_BYTES + record_bytes);
    out.varint(u64::from(header.upstream.0));
    header.from.save(&mut out);
    out.varint(header.to.offset.0.saturating_sub(header.from.offset.0));
    out.varint(u64::from(header.to.sub));
    out.signed(header.mark.0);
    write_claim(claim, &mut out);
    out.varint(fates.len() as u64);
    let mut base = header.from.offset;
    for run in fates {
        save_run(run, base, &mut out);
        base = run.end();
    }
    out
}

fn write_claim(claim: Option<&OwnedClaim>, out: &mut Writer) {
    let Some(claim) = claim else {
        out.u8(NO_CLAIM);
        return;
    };
    let Some(provisionals) = &claim.provisionals else {
        out.u8(PLAIN_CLAIM);
        out.signed(claim.time.0);
        return;
    };
    out.u8(PROVISIONAL_CLAIM);
    out.signed(claim.time.0);
    out.option(provisionals.base, |out, base| out.signed(base.0));
    out.varint(provisionals.payloads.len() as u64);
    for payload in &provisionals.payloads {
        out.bytes(payload);
    }
}

/// Adds the checksum.
pub(crate) fn finish_frame(mut out: Writer) -> FrameBytes {
    let checksum = xxh3_64(out.as_slice());
    out.fixed64(checksum);
    out.into_vec().into()
}

/// Appends a record whose offset is `delta` behind the one before it.
#[inline]
pub(crate) fn write_record(out: &mut Writer, delta: u64, sub: u32, payload: &[u8]) {
    out.varint(delta);
    out.varint(u64::from(sub));
    out.bytes(payload);
}
