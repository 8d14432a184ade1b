//! One outlet: what is pending, and what was sent and is not acknowledged yet.

use super::CutFrame;
use crate::log::fate::FateRuns;
use crate::log::frame::{
    FrameBytes, Header, MAX_FATE_BYTES, OwnedClaim, begin_frame, finish_frame, read_record, write_record,
};
use crate::log::position::{Offset, Position, Upstream};
use crate::time::EventTime;
use crate::wire::{Reader, Writer};
use std::collections::VecDeque;

/// Bytes of memory for pending records that an outlet keeps when it has none.
const KEEP_PENDING: usize = 1 << 20;

#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) frame: CutFrame,
    pub(super) acked: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Outlet {
    pub(super) upstream: Upstream,
    /// Encoded pending records from `start` on, each relative to the one before it, the first to `base`.
    pub(super) pending: Writer,
    pub(super) start: usize,
    pub(super) count: usize,
    pub(super) base: u64,
    /// Position of the last record emitted.
    pub(super) last_offset: u64,
    pub(super) next_sub: u32,
    pub(super) last_pending: u64,
    pub(super) fates: FateRuns,
    pub(super) sent: Position,
    pub(super) sent_mark: EventTime,
    pub(super) sent_claim: EventTime,
    /// The link's claims rely on provisionals; and the next such claim with the position that it is as of.
    pub(super) relies: bool,
    pub(super) reliant: Option<(Offset, OwnedClaim)>,
    pub(super) sequence: u64,
    pub(super) unacked: VecDeque<Sent>,
    pub(super) acked: Position,
}

/// What the next frame takes of what is pending.
pub(super) struct Part {
    /// The position behind it.
    pub(super) to: Position,
    /// Records.
    pub(super) count: usize,
    /// Their bytes in the pending buffer.
    pub(super) bytes: usize,
    /// Position of the last record or fate.
    pub(super) last: Position,
    /// Offset of the last record: what the next one is relative to.
    pub(super) base: u64,
}

impl Outlet {
    pub(super) fn new(upstream: Upstream, sent: Position, relies: bool) -> Self {
        Self {
            upstream,
            pending: Writer::new(),
            start: 0,
            count: 0,
            base: 0,
            last_offset: u64::MAX,
            next_sub: 0,
            last_pending: 0,
            fates: FateRuns::default(),
            sent,
            sent_mark: EventTime::MIN,
            sent_claim: EventTime::MIN,
            relies,
            reliant: None,
            sequence: 0,
            unacked: VecDeque::new(),
            acked: sent,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, step: u64, payload: &[u8]) -> Position {
        if self.last_offset != step {
            self.last_offset = step;
            self.next_sub = 0;
        }
        let sub = self.next_sub;
        self.next_sub += 1;
        if self.count == 0 {
            self.base = step;
            self.last_pending = step;
        }
        write_record(&mut self.pending, step - self.last_pending, sub, payload);
        self.last_pending = step;
        self.count += 1;
        Position::new(Offset(step), sub)
    }

    /// Everything, if it fits; else a walk in order of position up to the budget.
    pub(super) fn part(&self, budget: usize, here: Position) -> Part {
        let bytes = self.pending.len() - self.start;
        if bytes + self.fates.len() * MAX_FATE_BYTES <= budget {
            return Part { to: here, count: self.count, bytes, last: here, base: self.last_pending };
        }
        self.walk(budget, here)
    }

    pub(super) fn walk(&self, budget: usize, here: Position) -> Part {
        let pending = &self.pending.as_slice()[self.start..];
        let mut part = Part { to: here, count: 0, bytes: 0, last: Position::START, base: self.base };
        let mut fates = self.fates.iter().peekable();
        let mut fate_bytes = 0;
        let mut any = false;
        loop {
            let mut input = Reader::new(&pending[part.bytes..]);
            let record = match part.count < self.count {
                true => read_record(&mut input, part.base).ok(),
                false => None,
            };
            let record = record.map(|(record, offset)| (record.position, offset, input.position()));
            let fate = fates.peek().map(|run| Position::at(run.offset));
            let (position, is_fate, bytes) = match (record, fate) {
                (None, None) => return part,
                (Some((position, _, bytes)), None) => (position, false, bytes),
                (Some((position, _, bytes)), Some(fate)) if position < fate => (position, false, bytes),
                (_, Some(fate)) => (fate, true, MAX_FATE_BYTES),
            };
            // A fate at the position of a record goes with it: no `to` stands between them.
            if any && position > part.last && part.bytes + fate_bytes + bytes > budget {
                part.to = position;
                return part;
            }
            any = true;
            part.last = position;
            match record {
                Some((_, offset, bytes)) if !is_fate => {
                    part.count += 1;
                    part.bytes += bytes;
                    part.base = offset;
                }
                _ => {
                    fate_bytes += MAX_FATE_BYTES;
                    fates.next();
                }
            }
        }
    }

    /// Writes the frame and takes its part out of what is pending.
    pub(super) fn encode(&mut self, header: Header, claim: Option<&OwnedClaim>, part: &Part) -> FrameBytes {
        let fates = self.fates.take_before(part.to);
        let mut out = begin_frame(header, claim, &fates, part.bytes);
        out.varint(part.count as u64);
        let taken = &self.pending.as_slice()[self.start..self.start + part.bytes];
        if part.count > 0 {
            // The first record's offset is relative to the frame; all others are relative to their neighbours.
            let mut input = Reader::new(taken);
            if let Ok((first, offset)) = read_record(&mut input, self.base) {
                write_record(&mut out, offset - header.from.offset.0, first.position.sub, first.payload);
            }
            out.raw(input.rest());
        }
        self.consume(part);
        finish_frame(out)
    }

    pub(super) fn consume(&mut self, part: &Part) {
        self.start += part.bytes;
        self.count -= part.count;
        if self.count == 0 {
            // What one large step needed is given back.
            if self.pending.capacity() > KEEP_PENDING {
                self.pending = Writer::new();
            }
            self.pending.clear();
            self.start = 0;
            return;
        }
        self.base = part.base;
        if self.start > self.pending.len() / 2 {
            self.pending.buffer().drain(..self.start);
            self.start = 0;
        }
    }

    pub(super) fn send(&mut self, to: Position, bytes: FrameBytes) -> CutFrame {
        let frame = CutFrame { sequence: self.sequence, to, bytes };
        self.sequence += 1;
        self.unacked.push_back(Sent { frame: frame.clone(), acked: false });
        frame
    }

    pub(super) fn acked(&mut self, sequence: u64, contiguous: bool) {
        let Some(sent) = self.unacked.iter_mut().find(|sent| sent.frame.sequence == sequence) else { return };
        sent.acked = true;
        if !contiguous {
            self.acked = self.acked.max(sent.frame.to);
        }
        while let Some(sent) = self.unacked.front().filter(|sent| sent.acked) {
            self.acked = self.acked.max(sent.frame.to);
            self.unacked.pop_front();
        }
    }
}
