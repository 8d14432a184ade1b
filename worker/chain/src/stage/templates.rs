//! Template mining in ingest: a template for each row, and its exact counts on the templates link.
//!
//! Counts leave when source time passes a minute, when a template dies (evicted or merged), and at the end of the
//! source: points given by the source log (R7). Each record of a template carries its count so far and a revision.

use crate::compile::program::Source;
use crate::log::{Minute, Outputs};
use crate::parse::template::{Fate, Miner, Template, TemplateId};
use crate::row::{Column, RowBuf};
use crate::stage::events::TemplateRecord;
use crate::stage::plan::ingest_link;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};
use regex::bytes::RegexSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the miner itself does not keep of a template.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seen {
    revision: u32,
    first: EventTime,
    last: EventTime,
    /// Had lines since its last record.
    changed: bool,
}

/// The miner of one source partition.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    column: Column,
    exclude: RegexSet,
    miner: Miner,
    seen: BTreeMap<TemplateId, Seen>,
    minute: Minute,
}

/// The template of a row.
pub(super) struct Mined {
    pub(super) id: u64,
    /// Its text when this is its first row.
    pub(super) new: Option<Vec<u8>>,
}

impl Templates {
    /// A miner for this source, if its manifest asks for one.
    pub(super) fn new(source: &Source) -> Option<Self> {
        let mining = source.mining.as_ref()?;
        let miner = Miner::new(Arc::clone(&mining.rules));
        Some(Self {
            column: mining.column,
            exclude: mining.exclude.clone(),
            miner,
            seen: BTreeMap::new(),
            minute: Minute::UNKNOWN,
        })
    }

    /// Counts a row.
    pub(super) fn line(&mut self, time: EventTime, row: &RowBuf<'_>, out: &mut Outputs) -> Option<Mined> {
        let text = row.get(self.column.index())?.as_bytes()?;
        if self.exclude.is_match(text) {
            return None;
        }
        let minute = Minute::of(time);
        if minute > self.minute {
            if self.minute != Minute::UNKNOWN {
                self.flush(out);
            }
            self.minute = minute;
        }
        let found = self.miner.observe(text);
        let seen = self.seen.entry(found.id).or_insert(Seen { revision: 0, first: time, last: time, changed: true });
        seen.first = seen.first.min(time);
        seen.last = seen.last.max(time);
        seen.changed = true;
        let new = found.is_new.then(|| self.miner.template(found).map(|template| template.text().to_vec())).flatten();
        self.retire(out);
        Some(Mined { id: found.id.0, new })
    }

    /// Sends a record of every template that has had lines since its last one.
    pub(super) fn flush(&mut self, out: &mut Outputs) {
        for (id, seen) in self.seen.iter_mut().filter(|(_, seen)| seen.changed) {
            let Some(template) = self.miner.find(*id) else { continue };
            seen.changed = false;
            send(template, seen, None, out);
        }
    }

    /// Templates that died send their last count.
    fn retire(&mut self, out: &mut Outputs) {
        for retired in self.miner.take_retired() {
            if let Some(mut seen) = self.seen.remove(&retired.template.id()) {
                if let Fate::MergedInto(survivor) = retired.fate
                    && let Some(survivor) = self.seen.get_mut(&survivor)
                {
                    survivor.first = survivor.first.min(seen.first);
                    survivor.last = survivor.last.max(seen.last);
                    survivor.changed = true;
                }
                send(&retired.template, &mut seen, Some(retired.fate), out);
            }
        }
    }

    pub(super) fn save(templates: Option<&Self>, out: &mut Writer) {
        let Some(this) = templates else { return };
        this.miner.save(out);
        out.signed(i64::from(this.minute.0));
        out.varint(this.seen.len() as u64);
        for (id, seen) in &this.seen {
            out.fixed64(id.0);
            out.varint(u64::from(seen.revision));
            out.signed(seen.first.0);
            out.signed(seen.last.0);
            out.bool(seen.changed);
        }
    }

    pub(super) fn load(source: &Source, input: &mut Reader<'_>) -> Result<Option<Self>, WireError> {
        let Some(mining) = &source.mining else { return Ok(None) };
        let miner = Miner::load(Arc::clone(&mining.rules), input)?;
        let minute = input.signed()?;
        let minute = Minute(i32::try_from(minute).map_err(|_| input.invalid("minute", minute as u64))?);
        let mut seen = BTreeMap::new();
        for _ in 0..input.count()? {
            let id = TemplateId(input.fixed64()?);
            let revision = input.varint32()?;
            let (first, last) = (EventTime(input.signed()?), EventTime(input.signed()?));
            seen.insert(id, Seen { revision, first, last, changed: input.bool()? });
        }
        Ok(Some(Self { column: mining.column, exclude: mining.exclude.clone(), miner, seen, minute }))
    }
}

fn send(template: &Template, seen: &mut Seen, fate: Option<Fate>, out: &mut Outputs) {
    seen.revision += 1;
    let record = TemplateRecord {
        id: template.id().0,
        revision: seen.revision,
        text: String::from_utf8_lossy(template.text()).into_owned(),
        count: template.count(),
        first: seen.first,
        last: seen.last,
        evicted: fate == Some(Fate::Evicted),
        merged_into: match fate {
            Some(Fate::MergedInto(survivor)) => Some(survivor.0),
            _ => None,
        },
    };
    out.emit_with(out.outlet(ingest_link::TEMPLATES, 0), |out| record.write(out));
}
