//! program: a compiled manifest, and the way of a line through it.
//!
//! [`ParseProgram::compile`] turns a `ParsingManifest` into a program or into findings, all at once. The program is
//! immutable and shared; what a line needs in memory is a [`Scratch`], one per task, reset before each line.
//!
//! ```text
//!  raw line ─► size rule ─► envelope ─► pieces joined ─► start line? ─► decode ─► time ─► columns ─► filter ─► redact
//!                              │             │               │            │        │        │          │         │
//!                              │           Held        Continuation     Dead     Dead,    Dead       Drop      Event
//!                           Dead, Drop (blank, header)                           Drop (too old)
//! ```
//!
//! What a line becomes is a function of the line, of the time the source took it, of the source's greatest event time so far
//! (year rule) and of the pieces held: of nothing else (rule R5).

mod columns;
mod compile;
mod line;
#[cfg(test)]
mod tests;

use crate::expr::{self, RowEnvironment};
use crate::log::Reason;
use crate::parse::decode::{self, Chain};
use crate::parse::fields::Slot;
use crate::parse::multiline::{Assembly, Multiline};
use crate::parse::redact::{Known, Redactor};
use crate::parse::schema::{RowError, Schema};
use crate::parse::superlog::{Facts, SizeRule};
use crate::parse::timestamp::TimeRule;
use crate::row::{Column, Row, RowBuf, RowSchema};
use crate::time::{EventTime, Span};
use bumpalo::Bump;
use columns::ColumnPlan;
use logloom_crds::finding::Finding;
use logloom_crds::manifest::Templates;
use regex::bytes::CaptureLocations;
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

/// What a line became.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// An event, or the start line of one. The row is redacted.
    Event {
        /// Its time.
        time: EventTime,
        /// One cell per column.
        row: RowBuf<'a>,
        /// What was done to it on the way.
        notes: Notes<'a>,
    },
    /// A line that belongs to the start line before it.
    Continuation {
        /// Its text, redacted.
        text: &'a [u8],
    },
    /// A piece of a longer line: it is held until the line is complete. Its fate is [`Reason::Joined`].
    Held,
    /// No event, on purpose.
    Drop {
        /// Why.
        reason: Reason,
        /// Its time, if it has one.
        time: Option<EventTime>,
    },
    /// A line that cannot be read: for the dead letters.
    Dead {
        /// Why.
        reason: Reason,
        /// What exactly. Holds no value of the line.
        detail: String,
        /// Its time, if it has one.
        time: Option<EventTime>,
        /// The line, redacted; of a superlog the beginning, of a joined line all pieces.
        raw: Cow<'a, [u8]>,
    },
}

/// What was done to an event on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes<'a> {
    /// Its time was beyond `maxFuture` and is the time of receipt instead.
    pub clamped: bool,
    /// A text had bytes that are not UTF-8; they are U+FFFD now.
    pub replaced: bool,
    /// It is a superlog.
    pub superlog: Option<Facts<'a>>,
}

/// Memory for [`ParseProgram::parse`], reused from line to line. It holds nothing that changes a result.
#[derive(Debug, Default)]
pub struct Scratch {
    arena: Bump,
    memory: RefCell<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Of which program it is.
    program: u64,
    decode: decode::Scratch,
    /// By place in `ParseProgram::extracts`.
    extract: Vec<CaptureLocations>,
}

impl Scratch {
    /// Empty memory, for any program.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the line before. To be called before each line.
    #[inline]
    pub fn reset(&mut self) {
        self.arena.reset();
    }
}

/// A number that every event carries, by the manifest's `metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Name by which pipelines use it.
    pub name: String,
    /// Its column.
    pub column: Column,
    /// Unit for people, may be empty.
    pub unit: String,
}

/// A compiled manifest.
#[derive(Debug, Clone)]
pub struct ParseProgram {
    /// Of the specification; tells scratch memories apart.
    fingerprint: u64,
    schema: Schema,
    chain: Chain,
    slots: usize,
    size: SizeRule,
    time_slot: Slot,
    time: TimeRule,
    disorder: Span,
    well_known: WellKnown,
    /// One per column, in order.
    columns: Vec<ColumnPlan>,
    extracts: Vec<regex::bytes::Regex>,
    filter: Option<expr::Compiled>,
    redactor: Redactor,
    /// The slots that fill protected columns.
    protected: Vec<Slot>,
    multiline: Option<Multiline>,
    key: Option<Column>,
    dimensions: Vec<Column>,
    metrics: Vec<Metric>,
    templates: Option<(Column, Templates)>,
    warnings: Vec<Finding>,
}

/// Slots of the names that Logloom itself gives, where the manifest wants them.
#[derive(Debug, Clone, Copy, Default)]
struct WellKnown {
    original_bytes: Option<Slot>,
    kept_bytes: Option<Slot>,
    reference: Option<Slot>,
    digest: Option<Slot>,
    received: Option<Slot>,
}

/// Extracted name of the time at which the source took the line, in microseconds since 1970; absent where the
/// source gives none. With `timestamp: {from: logloom.received, formats: [unix_us]}` it is the event time of logs that have
/// no time of their own.
pub const RECEIVED: &str = "logloom.received";

impl ParseProgram {
    /// Hash of the specification that it was compiled from.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// The columns.
    pub fn schema(&self) -> &Arc<RowSchema> {
        self.schema.rows()
    }

    /// The message: columns, codec and JSON form.
    pub fn message(&self) -> &Schema {
        &self.schema
    }

    /// The columns as names of expressions, with the names of enum values.
    pub fn environment(&self) -> RowEnvironment<'_> {
        compile::environment(&self.schema)
    }

    /// Appends a row as Protobuf.
    #[inline]
    pub fn encode(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        self.schema.encode(row, out);
    }

    /// Reads what [`ParseProgram::encode`] wrote.
    ///
    /// # Errors
    /// [`RowError`] when the bytes are no message of the schema.
    #[inline]
    pub fn decode<'a>(&self, bytes: &'a [u8], row: &mut RowBuf<'a>) -> Result<(), RowError> {
        self.schema.decode(bytes, row)
    }

    /// Column of the correlation key.
    pub fn key(&self) -> Option<Column> {
        self.key
    }

    /// Columns that scopes may use.
    pub fn dimensions(&self) -> &[Column] {
        &self.dimensions
    }

    /// The column of this name, if scopes may use it.
    pub fn dimension(&self, name: &str) -> Option<Column> {
        self.schema().column(name).filter(|column| self.dimensions.contains(column))
    }

    /// Numbers that every event carries.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// Allowed disorder D of rule R3.
    pub fn disorder(&self) -> Span {
        self.disorder
    }

    /// The rule of multi-line events.
    pub fn multiline(&self) -> Option<&Multiline> {
        self.multiline.as_ref()
    }

    /// The column that templates are mined from, and how.
    pub fn templates(&self) -> Option<(Column, &Templates)> {
        self.templates.as_ref().map(|(column, templates)| (*column, templates))
    }

    /// The size rule; says how much of a line a reader has to keep.
    pub fn size_rule(&self) -> SizeRule {
        self.size
    }

    /// True when times have no year, and only the time of receipt or an earlier event can tell it. A source that
    /// gives no time of receipt then needs `timestamp.defaultYear`.
    pub fn needs_year(&self) -> bool {
        self.time.needs_reference()
    }

    /// What is probably not meant, in a manifest that compiles.
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// The row of an assembly that is closed, encoded.
    pub fn assemble(&self, assembly: &Assembly) -> Vec<u8> {
        let column = self.multiline.as_ref().map_or(Column(u16::MAX), Multiline::column);
        // The bytes are those of `encode`, so they do decode; were they damaged, the start row would stand.
        assembly.close(column, &self.schema).unwrap_or_else(|_| assembly.start_row().to_vec())
    }

    /// Redacts a raw line that was not parsed: the patterns, or nothing of the line where the manifest drops or
    /// hashes columns.
    pub fn redact_raw<'a>(&self, raw: &'a [u8]) -> Cow<'a, [u8]> {
        if self.redactor.is_empty() {
            return Cow::Borrowed(raw);
        }
        let arena = Bump::new();
        Cow::Owned(self.redactor.line(raw, Known::Nothing, &arena).to_vec())
    }
}
