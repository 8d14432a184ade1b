//! Open assemblies: a start line and the continuation lines that followed it (rule R6).
//!
//! One per upstream. It closes at the next start line of its upstream, or when the upstream's mark has passed
//! its start by the manifest's `maxWait`. While it is open it holds its upstream's time at its own.

use super::FullRow;
use crate::compile::program::Program;
use crate::id::Id;
use crate::log::ledger::{Count, TileKey};
use crate::log::{Minute, Offset, Upstream};
use crate::parse::multiline::{Assembly, Pushed as Appended};
use crate::parse::program::ParseProgram;
use crate::stage::events::Member;
use crate::stage::plan::Plan;
use crate::time::{EventTime, Span};
use crate::wire::{Reader, Snapshot, WireError, Writer};
use std::collections::BTreeMap;

/// An assembly.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Open {
    upstream: Upstream,
    offset: Offset,
    source: u16,
    id: Id,
    time: EventTime,
    template: Option<u64>,
    new_template: Option<Vec<u8>>,
    lines: Assembly,
}

/// What became of a continuation line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// All or a part of it is in the event.
    Added,
    /// The event has reached its bounds.
    Full,
    /// No event of its upstream is open.
    NoStart,
}

/// A closed assembly with its row.
pub(super) struct Finished {
    open: Open,
    row: Vec<u8>,
}

/// The open assemblies of a correlate task.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Assemblies {
    open: BTreeMap<Upstream, Open>,
}

impl Assemblies {
    /// A start line: opens an assembly, and gives back the one that it closes.
    pub(super) fn open(&mut self, row: &FullRow<'_>) -> Option<Open> {
        let member = row.member;
        let open = Open {
            upstream: row.upstream,
            offset: row.offset,
            source: member.source,
            id: member.id,
            time: member.time,
            template: member.template,
            new_template: row.new_template.map(<[u8]>::to_vec),
            lines: Assembly::start(member.row),
        };
        self.open.insert(row.upstream, open)
    }

    /// A continuation line.
    pub(super) fn push(&mut self, upstream: Upstream, parse: &ParseProgram, text: &[u8]) -> Pushed {
        let (Some(open), Some(multiline)) = (self.open.get_mut(&upstream), parse.multiline()) else {
            return Pushed::NoStart;
        };
        match open.lines.push(multiline, text) {
            Appended::Whole | Appended::Cut => Pushed::Added,
            Appended::Refused => Pushed::Full,
        }
    }

    /// The assembly that the upstream's mark closes.
    pub(super) fn due(&mut self, program: &Program, upstream: Upstream, mark: EventTime) -> Option<Open> {
        let open = self.open.get(&upstream)?;
        let parse = &program.sources.get(usize::from(open.source))?.parse;
        let wait = parse.multiline().map_or(Span::ZERO, |multiline| multiline.bounds().max_wait);
        if mark < open.time.plus(wait) {
            return None;
        }
        self.open.remove(&upstream)
    }

    /// Time of the assembly that is open.
    pub(super) fn open_since(&self, upstream: Upstream) -> Option<EventTime> {
        self.open.get(&upstream).map(|open| open.time)
    }

    /// The start lines of open assemblies: in, and not out yet.
    pub(super) fn held(&self) -> Vec<(TileKey, Count)> {
        let line = |open: &Open| {
            let key = TileKey::of(open.upstream, open.offset, Minute::of(open.time));
            (key, Count { lines: 1, ids: open.id.0 })
        };
        self.open.values().map(line).collect()
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.varint(self.open.len() as u64);
        for (upstream, open) in &self.open {
            out.varint(u64::from(upstream.0));
            out.varint(open.offset.0);
            out.signed(open.time.0);
            out.option(open.template, |out, id| out.fixed64(id));
            out.option(open.new_template.as_deref(), |out, text| out.bytes(text));
            open.lines.save(out);
        }
    }

    pub(super) fn load(plan: &Plan, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut all = BTreeMap::new();
        for _ in 0..input.count()? {
            let upstream = Upstream(input.varint32()?);
            let partition = plan.partition(upstream).ok_or_else(|| input.invalid("upstream", u64::from(upstream.0)))?;
            let offset = Offset(input.varint()?);
            let open = Open {
                upstream,
                offset,
                source: partition.source.0,
                id: partition.origin.event(offset.0, 0),
                time: EventTime(input.signed()?),
                template: input.option(|input| input.fixed64())?,
                new_template: input.option(|input| input.bytes().map(<[u8]>::to_vec))?,
                lines: Assembly::load(input)?,
            };
            all.insert(upstream, open);
        }
        Ok(Self { open: all })
    }
}

impl Open {
    /// Puts the continuation lines into the row.
    pub(super) fn finish(self, program: &Program) -> Finished {
        let row = program.sources[usize::from(self.source)].parse.assemble(&self.lines);
        Finished { open: self, row }
    }
}

impl Finished {
    /// The event.
    pub(super) fn full(&self) -> FullRow<'_> {
        let open = &self.open;
        let member =
            Member { source: open.source, id: open.id, time: open.time, template: open.template, row: &self.row };
        FullRow { upstream: open.upstream, offset: open.offset, member, new_template: open.new_template.as_deref() }
    }
}
