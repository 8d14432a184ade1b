//! What travels on the insights link, from ANALYZE to ALERT: objects, changes of alerts, findings.
//!
//! Each record begins with its kind; behind it are the bytes of the record itself, which ALERT sends on as they are
//! for objects and findings. All begin with the time, so that ALERT can put them in order.

use crate::aggregate::AggregateRecord;
use crate::alert::AlertChange;
use crate::stage::finding::Finding;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};
use std::ops::Range;

/// Kind of a record of the insights link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InsightKind {
    /// [`AggregateRecord`]
    Aggregate,
    /// [`AlertChange`]
    Alert,
    /// [`Finding`]
    Finding,
}

/// Appends an object.
pub fn save_aggregate(record: &AggregateRecord<'_>, out: &mut Writer) {
    out.u8(InsightKind::Aggregate as u8);
    record.save(out);
}

/// Appends a change of an alert.
pub fn save_alert(change: &AlertChange, out: &mut Writer) {
    out.u8(InsightKind::Alert as u8);
    change.save(out);
}

/// Appends a finding.
pub fn save_finding(finding: &Finding, out: &mut Writer) {
    out.u8(InsightKind::Finding as u8);
    finding.save(out);
}

/// A record of the insights link, as far as its place in the order.
#[derive(Debug, Clone)]
pub struct Insight<'a> {
    /// What it is.
    pub kind: InsightKind,
    /// Its time: the end of a window.
    pub end: EventTime,
    /// Rule of objects and alerts; kind of findings.
    pub rule: u16,
    /// Where the key of the scope stands in the record itself.
    pub scope: Range<usize>,
    /// The record itself.
    pub body: &'a [u8],
}

impl<'a> Insight<'a> {
    /// Reads the beginning of a record.
    ///
    /// # Errors
    /// [`WireError`] when it is none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut input = Reader::new(bytes);
        let kind = match input.u8()? {
            0 => InsightKind::Aggregate,
            1 => InsightKind::Alert,
            2 => InsightKind::Finding,
            other => return Err(input.invalid("record of the insights link", u64::from(other))),
        };
        let body = input.clone().rest();
        let begin = input.position();
        let end = EventTime(input.signed()?);
        let rule = input.varint()?;
        let rule = u16::try_from(rule).map_err(|_| input.invalid("rule", rule))?;
        let length = input.bytes()?.len();
        let behind = input.position() - begin;
        Ok(Self { kind, end, rule, scope: behind - length..behind, body })
    }
}
