//! Reading a source: holes, ends, and offsets that are gone (rules R16, R17).
//!
//! Offsets of a Kafka partition have holes (control records, compaction, aborted transactions), also behind the last
//! record. The end of a source is the consumer's *position* at the partition's end, not the last record's offset
//! plus one: else an idle source with a control record at its tail is never at its end, and windows never close
//! (counter-example H2). Holes are covered with reason `gap`.

use crate::log::position::Offset;
use crate::log::rules::{Rule, Rules};
use std::ops::Range;

/// Where a reader of a source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceCursor {
    position: Offset,
    rules: Rules,
}

/// What to do with a record that the source delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// Seen before: leave it.
    Known,
    /// Cover the hole before it, if there is one, then fold it.
    New {
        /// Offsets without a record.
        hole: Option<Range<Offset>>,
    },
}

impl SourceCursor {
    /// A reader that goes on at `position`.
    pub fn new(position: Offset, rules: Rules) -> Self {
        Self { position, rules }
    }

    /// Everything before this offset is read.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// The source delivers the record at `offset`.
    pub fn record(&mut self, offset: Offset) -> Delivered {
        if offset < self.position {
            return Delivered::Known;
        }
        let hole = (self.position < offset).then_some(self.position..offset);
        self.position = offset.next();
        Delivered::New { hole }
    }

    /// The consumer is at the partition's end, at its position `end`: the hole to cover, if there is one.
    pub fn at_end(&mut self, end: Offset) -> Option<Range<Offset>> {
        if end <= self.position || !self.rules.has(Rule::EndByPosition) {
            return None;
        }
        let hole = self.position..end;
        self.position = end;
        Some(hole)
    }
}

/// What to do when the position to read lies below the start of the log (R16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutOfRange {
    /// It does not.
    InRange,
    /// Load the newest usable checkpoint: another owner went on, and the log was trimmed behind it.
    Reload,
    /// A tenant's source whose retention overtook us: cover this range with reason `source_trimmed`. It is loss, and
    /// counted.
    Trimmed(Range<Offset>),
    /// An internal log without a usable checkpoint: stop, and report this range.
    Halt(Range<Offset>),
    /// The rule is off: go on at the log's start and say nothing.
    Jump(Offset),
}

/// Decides R16. `newest` is the position of the newest usable checkpoint, if there is one that differs from what was
/// loaded; `tenant_source` is true for the tenant's own topics, whose retention we do not control.
pub fn out_of_range(
    position: Offset,
    log_start: Offset,
    newest: Option<Offset>,
    tenant_source: bool,
    rules: Rules,
) -> OutOfRange {
    if position >= log_start {
        return OutOfRange::InRange;
    }
    if !rules.has(Rule::OutOfRangeReloads) {
        return OutOfRange::Jump(log_start);
    }
    match newest {
        Some(newest) if newest >= log_start => OutOfRange::Reload,
        _ if tenant_source => OutOfRange::Trimmed(position..log_start),
        _ => OutOfRange::Halt(position..log_start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFF: Rules = Rules::ALL;

    #[test]
    fn holes_are_covered_and_repeats_are_known() {
        let mut cursor = SourceCursor::new(Offset(5), Rules::ALL);
        assert_eq!(cursor.record(Offset(4)), Delivered::Known);
        assert_eq!(cursor.record(Offset(5)), Delivered::New { hole: None });
        assert_eq!(cursor.record(Offset(9)), Delivered::New { hole: Some(Offset(6)..Offset(9)) });
        assert_eq!(cursor.position(), Offset(10));
    }

    /// H2: last record 21, control record 22, high watermark 23.
    #[test]
    fn the_end_is_the_consumers_position() {
        let mut cursor = SourceCursor::new(Offset(21), Rules::ALL);
        cursor.record(Offset(21));
        assert_eq!(cursor.at_end(Offset(23)), Some(Offset(22)..Offset(23)));
        assert_eq!(cursor.position(), Offset(23));
        let mut cursor = SourceCursor::new(Offset(22), OFF.without(Rule::EndByPosition));
        assert_eq!(cursor.at_end(Offset(23)), None);
        assert_eq!(cursor.position(), Offset(22));
    }

    #[test]
    fn out_of_range_reloads_covers_or_halts_but_never_jumps() {
        let decide = |newest, tenant| out_of_range(Offset(5), Offset(9), newest, tenant, Rules::ALL);
        assert_eq!(decide(Some(Offset(12)), false), OutOfRange::Reload);
        assert_eq!(decide(Some(Offset(12)), true), OutOfRange::Reload);
        assert_eq!(decide(None, true), OutOfRange::Trimmed(Offset(5)..Offset(9)));
        assert_eq!(decide(None, false), OutOfRange::Halt(Offset(5)..Offset(9)));
        assert_eq!(out_of_range(Offset(9), Offset(9), None, false, OFF), OutOfRange::InRange);
        let off = OFF.without(Rule::OutOfRangeReloads);
        assert_eq!(out_of_range(Offset(5), Offset(9), None, false, off), OutOfRange::Jump(Offset(9)));
    }
}
