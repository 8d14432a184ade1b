//! Open assemblies: a start line and the continuation lines that followed it (rule R6).
//!
//! One per upstream. It closes at the next start line of its upstream, or when the upstream's mark has passed
//! its start by the manifest's `maxWait`. While it is open it holds its upstream's time at its own.

use super::FullRow;
use crate::compile::program::Program;
use crate::id::Id;
use crate::log::{Minute, Offset, Upstream};
use crate::parse::multiline::Assembly;
use crate::parse::program::ParseProgram;
use crate::stage::events::Member;
use crate::stage::plan::Plan;
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An open or closed assembly.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Done {
    upstream: Upstream,
    offset: Offset,
    pub(super) source: u16,
    id: Id,
    time: EventTime,
    template: Option<u64>,
    new_template: Option<Vec<u8>>,
    lines: Assembly,
}

/// A closed assembly with its row.
pub(super) struct Finished {
    done: Done,
    row: Vec<u8>,
}

/// The open assemblies of a correlate task.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Assemblies {
    open: BTreeMap<Upstream, Done>,
}

impl Assemblies {
    /// A start line: opens an assembly, and gives back the one that it closes.
    pub(super) fn open(&mut self, upstream: Upstream, row: &FullRow<'_>) -> Option<Done> {
        let done = Done {
            upstream,
            offset: row.offset,
            source: row.member.source,
            id: row.member.id,
            time: row.member.time,
            template: row.member.template,
            new_template: row.new_template.map(<[u8]>::to_vec),
            lines: Assembly::start(row.member.row),
        };
        self.open.insert(upstream, done)
    }

    /// A continuation line: the minute of the event that it belongs to, if one is open.
    pub(super) fn push(&mut self, upstream: Upstream, parse: &ParseProgram, text: &[u8]) -> Option<Minute> {
        let open = self.open.get_mut(&upstream)?;
        if let Some(multiline) = parse.multiline() {
            open.lines.push(multiline, text);
        }
        Some(Minute::of(open.time))
    }

    /// The assembly that the upstream's mark closes.
    pub(super) fn due(&mut self, upstream: Upstream, mark: EventTime, wait: impl Fn(u16) -> Span) -> Option<Done> {
        let open = self.open.get(&upstream)?;
        if mark < open.time.plus(wait(open.source)) {
            return None;
        }
        self.open.remove(&upstream)
    }

    /// Time of the assembly that is open.
    pub(super) fn open_since(&self, upstream: Upstream) -> Option<EventTime> {
        self.open.get(&upstream).map(|open| open.time)
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

    pub(super) fn load(_program: &Arc<Program>, plan: &Plan, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut open = BTreeMap::new();
        for _ in 0..input.count()? {
            let upstream = Upstream(input.varint32()?);
            let partition = plan.partition(upstream).ok_or_else(|| input.invalid("upstream", u64::from(upstream.0)))?;
            let offset = Offset(input.varint()?);
            let done = Done {
                upstream,
                offset,
                source: partition.source.0,
                id: partition.origin.event(offset.0, 0),
                time: EventTime(input.signed()?),
                template: input.option(|input| input.fixed64())?,
                new_template: input.option(|input| input.bytes().map(<[u8]>::to_vec))?,
                lines: Assembly::load(input)?,
            };
            open.insert(upstream, done);
        }
        Ok(Self { open })
    }
}

impl Done {
    /// Puts the continuation lines into the row.
    pub(super) fn finish(self, parse: &ParseProgram) -> Finished {
        let row = parse.assemble(&self.lines);
        Finished { done: self, row }
    }
}

impl Finished {
    /// The event.
    pub(super) fn full(&self) -> FullRow<'_> {
        let done = &self.done;
        let member = Member { source: done.source, id: done.id, time: done.time, template: done.template, row: &self.row };
        FullRow { upstream: done.upstream, offset: done.offset, member, new_template: done.new_template.as_deref() }
    }
}
