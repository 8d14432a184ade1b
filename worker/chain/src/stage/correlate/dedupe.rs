//! Content dedupe: lines that were shipped twice, at another offset.
//!
//! A line is known by the hash of its row (which holds its time) and its host. Lines that an application really wrote
//! several times have the same hash too, so each has an *ordinal*: how often it has come in this *pass* of its host. A new
//! pass begins when a host's event time goes back, as it does when a shipper starts again. In a second pass the first
//! repetition has ordinal 1 again and is known; what has a higher ordinal than any pass before it is new.
//!
//! Lines are remembered for the window that the source names, in event time.

use crate::compile::program::Program;
use crate::id::{IdBuilder, hash64};
use crate::log::Upstream;
use crate::row::RowBuf;
use crate::stage::events::Member;
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;

/// What is known of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    /// Greatest ordinal that was let through.
    accepted: u32,
    /// Pass of the last occurrence, and its ordinal in it.
    pass: u32,
    ordinal: u32,
}

/// Progress of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Host {
    greatest: EventTime,
    pass: u32,
}

/// The state of dedupe, over all sources of a correlate task.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dedupe {
    windows: Vec<Option<Span>>,
    known: BTreeMap<(EventTime, u128), Known>,
    hosts: BTreeMap<u64, Host>,
    greatest: EventTime,
}

impl Dedupe {
    pub(super) fn new(program: &Program) -> Self {
        let windows = program.sources.iter().map(|source| source.dedupe.as_ref().map(|dedupe| dedupe.window)).collect();
        Self { windows, greatest: EventTime::MIN, ..Self::default() }
    }

    /// Takes note of a row; true when it was seen before.
    pub(super) fn is_repeat(
        &mut self,
        program: &Program,
        upstream: Upstream,
        member: &Member<'_>,
        cells: &RowBuf<'_>,
    ) -> bool {
        let Member { source, time, row, .. } = *member;
        let Some(window) = self.windows.get(usize::from(source)).copied().flatten() else { return false };
        let host_column = program.sources[usize::from(source)].dedupe.as_ref().and_then(|dedupe| dedupe.host);
        let host = host_column.and_then(|column| cells.get(column.index())).and_then(|cell| cell.as_bytes());
        let host = match host {
            Some(name) => hash64(name) ^ u64::from(source),
            None => u64::from(upstream.0) | 1 << 63,
        };
        let id = IdBuilder::new("line").number(i64::from(source)).number(host as i64).bytes(row).finish().0;
        let pass = self.pass(host, time);
        let known = self.known.entry((time, id)).or_insert(Known { accepted: 0, pass, ordinal: 0 });
        if known.pass != pass {
            *known = Known { pass, ordinal: 0, ..*known };
        }
        known.ordinal += 1;
        let repeat = known.ordinal <= known.accepted;
        known.accepted = known.accepted.max(known.ordinal);
        self.forget(time, window);
        repeat
    }

    fn pass(&mut self, host: u64, time: EventTime) -> u32 {
        let host = self.hosts.entry(host).or_insert(Host { greatest: time, pass: 0 });
        if time < host.greatest {
            host.pass += 1;
        }
        host.greatest = time;
        host.pass
    }

    /// Forgets lines that are older than the greatest window behind the greatest time.
    fn forget(&mut self, time: EventTime, window: Span) {
        if time <= self.greatest {
            return;
        }
        self.greatest = time;
        let widest = self.windows.iter().flatten().copied().max().unwrap_or(window);
        let horizon = time.minus(widest);
        while let Some(entry) = self.known.first_entry().filter(|entry| entry.key().0 < horizon) {
            entry.remove();
        }
        self.hosts.retain(|_, host| host.greatest >= horizon);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.signed(self.greatest.0);
        out.varint(self.known.len() as u64);
        for ((time, id), known) in &self.known {
            out.signed(time.0);
            out.fixed128(*id);
            out.varint(u64::from(known.accepted));
            out.varint(u64::from(known.pass));
            out.varint(u64::from(known.ordinal));
        }
        out.varint(self.hosts.len() as u64);
        for (id, host) in &self.hosts {
            out.fixed64(*id);
            out.signed(host.greatest.0);
            out.varint(u64::from(host.pass));
        }
    }

    pub(super) fn load(program: &Program, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut state = Self::new(program);
        state.greatest = EventTime(input.signed()?);
        for _ in 0..input.count()? {
            let key = (EventTime(input.signed()?), input.fixed128()?);
            let known = Known { accepted: input.varint32()?, pass: input.varint32()?, ordinal: input.varint32()? };
            state.known.insert(key, known);
        }
        for _ in 0..input.count()? {
            let id = input.fixed64()?;
            state.hosts.insert(id, Host { greatest: EventTime(input.signed()?), pass: input.varint32()? });
        }
        Ok(state)
    }
}
