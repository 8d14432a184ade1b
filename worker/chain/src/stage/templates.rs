//! Template mining in ingest: a template for each row, and its exact counts on the templates link.
//!
//! Counts leave when source time passes a minute, when the bound evicts a template, and at the end of the source: points
//! given by the source log (R7). Each record of a template carries its count so far and a revision.

use crate::compile::program::Source;
use crate::log::{Minute, Outputs};
use crate::parse::template::{Fate, Miner, TemplateId};
use crate::row::{Column, RowBuf};
use crate::stage::events::TemplateRecord;
use crate::stage::plan::ingest_link;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};
use std::collections::BTreeMap;

/// What the miner itself does not keep of a template.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    revision: u32,
    first: EventTime,
    last: EventTime,
    /// Had lines since its last record.
    changed: bool,
}

/// The miner of one source partition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Templates {
    column: Column,
    miner: Miner,
    seen: BTreeMap<TemplateId, Seen>,
    minute: Option<Minute>,
}

/// The template of a row.
pub(super) struct Mined {
    pub(super) id: u64,
    /// Its text when this is its first row.
    pub(super) new: Option<Vec<u8>>,
}
