//! Fates: why an offset of the upstream brings no record (rule R20).
//!
//! A frame carries fates as a run-length list; passed records count themselves. A receiver counts after the
//! receive rule, so every suffix of a frame is countable. Each offset's fate belongs to exactly one outlet, chosen
//! by the offset ([`crate::log::Outputs::fate`]), and is a function of the source log alone (R5): else two
//! outlets would count one line differently.
//!
//! A fate stands at position `(offset, 0)`.

use crate::log::position::{Offset, Position};
use crate::time::{EventTime, Span};
use crate::wire::{Reader, WireError, Writer};
use std::collections::VecDeque;
use std::fmt;

/// A minute of event time since the epoch; [`Minute::UNKNOWN`] for lines whose time cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(pub i32);

impl Minute {
    /// For lines without a readable time.
    pub const UNKNOWN: Self = Self(i32::MIN);

    const WIDTH: Span = Span::seconds(60);

    /// The minute that holds this instant; clamped at the ends of the range.
    #[inline]
    pub fn of(time: EventTime) -> Self {
        let minute = time.0.div_euclid(Self::WIDTH.0);
        Self(minute.clamp(i64::from(i32::MIN) + 1, i64::from(i32::MAX)) as i32)
    }

    /// Where the minute starts; [`EventTime::MIN`] when unknown.
    pub fn start(self) -> EventTime {
        match self {
            Self::UNKNOWN => EventTime::MIN,
            Self(minute) => EventTime(i64::from(minute) * Self::WIDTH.0),
        }
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNKNOWN => formatter.write_str("unknown"),
            _ => self.start().fmt(formatter),
        }
    }
}

/// What a reason says about its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonKind {
    /// There was a line, and it ends here. Counts as `dropped`.
    Dropped,
    /// There was a line, it went on, and no record says so: it was folded where it was. Counts as `passed`.
    Passed,
    /// The offset is covered, and there was no line or none that could be had. Never counts as `in`.
    Covered,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $code:literal $variant:ident $name:literal $kind:ident,)*) => {
        /// Why an offset brings no record: a closed list. Codes are part of the frame format and never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[$doc])* $variant = $code,)*
        }

        impl Reason {
            /// Every reason, in the order of the codes.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its stable name, as in metrics and `ledger.json`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The reason of a code.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            /// Whether a line ended here or the offset is only covered.
            pub const fn kind(self) -> ReasonKind {
                match self { $(Self::$variant => ReasonKind::$kind,)* }
            }
        }
    };
}

reasons! {
    /// No decoder could read the line.
    1 DecodeFailed "decode_failed" Dropped,
    /// The decoded fields do not fit the schema.
    2 SchemaMismatch "schema_mismatch" Dropped,
    /// The line has no time.
    3 TimestampMissing "timestamp_missing" Dropped,
    /// The time cannot be read.
    4 TimestampInvalid "timestamp_invalid" Dropped,
    /// The time is outside the range that the manifest allows.
    5 TimestampOutOfRange "timestamp_out_of_range" Dropped,
    /// The manifest's filter took it out.
    8 Filtered "filtered" Dropped,
    /// Content seen before (dedupe).
    9 Duplicate "duplicate" Dropped,
    /// Nothing but white space.
    10 Empty "empty" Dropped,
    /// Its fold panics (R24).
    11 Poison "poison" Dropped,
    /// Behind the watermark and its allowed lateness.
    12 Late "late" Dropped,
    /// A continuation line without its start line.
    14 OrphanContinuation "orphan_continuation" Dropped,
    /// A partner that a join requires did not come.
    16 Unjoined "unjoined" Dropped,
    /// Part of an assembly beyond its bounds of lines or bytes.
    17 AssemblyOverflow "assembly_overflow" Dropped,
    /// A header or a comment of the file format.
    18 Header "header" Dropped,
    /// Further before the time at which the source received it than the manifest's `maxAge`.
    19 TooOld "too_old" Dropped,
    /// A piece of a line that a container runtime cut: its text is in the line that completes it.
    20 Joined "joined" Dropped,
    /// Counted in the panes of ingest, and nobody reads it as an event (R25).
    32 Observed "observed" Passed,
    /// No record at this offset (control record, compaction).
    64 Gap "gap" Covered,
    /// Before the origin of the task (R15).
    65 BeforeStart "before_start" Covered,
    /// The source's retention overtook us (R16): loss, and counted.
    66 SourceTrimmed "source_trimmed" Covered,
    /// A person's `skip` (R14): loss, and counted.
    67 Skipped "skipped" Covered,
}

impl Reason {
    /// Its code in frames.
    #[inline]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// True when offsets with this reason are lost to the tenant (R14, R16).
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::SourceTrimmed | Self::Skipped)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// `count` offsets from `offset` on that share one fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FateRun {
    /// The first offset.
    pub offset: Offset,
    /// How many offsets, at least 1.
    pub count: u64,
    /// Why they bring no record.
    pub reason: Reason,
    /// Event-time minute of the lines.
    pub minute: Minute,
}

impl FateRun {
    /// The offset behind the run.
    #[inline]
    pub fn end(&self) -> Offset {
        Offset(self.offset.0.saturating_add(self.count))
    }

    /// The part at positions from `from` on, if any.
    pub fn from_position(mut self, from: Position) -> Option<Self> {
        let first = if from.sub > 0 { from.offset.next() } else { from.offset };
        if first > self.offset {
            let skip = first.0 - self.offset.0;
            self.count = self.count.checked_sub(skip).filter(|left| *left > 0)?;
            self.offset = first;
        }
        Some(self)
    }

    /// The part at positions before `to`, if any.
    pub fn before_position(mut self, to: Position) -> Option<Self> {
        let end = if to.sub > 0 { to.offset.next() } else { to.offset };
        if end < self.end() {
            self.count = end.0.checked_sub(self.offset.0).filter(|left| *left > 0)?;
        }
        Some(self)
    }

    pub(crate) fn continues(&self, next: &Self) -> bool {
        self.end() == next.offset && self.reason == next.reason && self.minute == next.minute
    }
}

/// Runs in rising order of offset; neighbours that share a fate are one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FateRuns {
    runs: VecDeque<FateRun>,
}

impl FateRuns {
    /// Adds a run behind those that are there. Runs come in rising order; an empty run is nothing.
    #[inline]
    pub fn push(&mut self, run: FateRun) {
        if run.count == 0 {
            return;
        }
        debug_assert!(self.runs.back().is_none_or(|last| last.end() <= run.offset));
        match self.runs.back_mut() {
            Some(last) if last.continues(&run) => last.count += run.count,
            _ => self.runs.push_back(run),
        }
    }

    /// Takes out everything at positions before `to`.
    pub fn take_before(&mut self, to: Position) -> Vec<FateRun> {
        let mut taken = Vec::new();
        while let Some(&run) = self.runs.front() {
            let Some(head) = run.before_position(to) else { break };
            taken.push(head);
            match run.from_position(to) {
                Some(rest) => {
                    self.runs[0] = rest;
                    break;
                }
                None => {
                    self.runs.pop_front();
                }
            }
        }
        taken
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Number of runs.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.runs.clear();
    }

    /// The runs in order.
    pub fn iter(&self) -> impl Iterator<Item = &FateRun> {
        self.runs.iter()
    }
}

/// Appends one run; `base` is the end of the run before it (or the frame's `from`).
pub(crate) fn save_run(run: &FateRun, base: Offset, out: &mut Writer) {
    out.varint(run.offset.0 - base.0);
    out.varint(run.count);
    out.u8(run.reason.code());
    out.signed(i64::from(run.minute.0));
}

/// Reads one run behind `base`.
pub(crate) fn load_run(input: &mut Reader<'_>, base: Offset) -> Result<FateRun, WireError> {
    let delta = input.varint()?;
    let offset = base.0.checked_add(delta).ok_or_else(|| input.invalid("fate offset", delta))?;
    let count = input.varint()?;
    if count == 0 || offset.checked_add(count).is_none() {
        return Err(input.invalid("fate count", count));
    }
    let code = input.u8()?;
    let reason = Reason::from_code(code).ok_or_else(|| input.invalid("reason", u64::from(code)))?;
    let minute = input.signed()?;
    let minute = i32::try_from(minute).map_err(|_| input.invalid("minute", minute as u64))?;
    Ok(FateRun { offset: Offset(offset), count, reason, minute: Minute(minute) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(offset: u64, count: u64) -> FateRun {
        FateRun { offset: Offset(offset), count, reason: Reason::Filtered, minute: Minute(7) }
    }

    #[test]
    fn names_and_codes_are_stable_and_distinct() {
        let mut listing = String::new();
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            listing += &format!("{} {} {:?}\n", reason.code(), reason.name(), reason.kind());
        }
        insta::assert_snapshot!("reasons", listing);
    }

    #[test]
    fn neighbours_with_one_fate_are_one_run() {
        let mut runs = FateRuns::default();
        runs.push(run(3, 2));
        runs.push(run(5, 1));
        runs.push(FateRun { reason: Reason::Empty, ..run(6, 1) });
        runs.push(run(9, 1));
        assert_eq!(runs.iter().map(|run| (run.offset.0, run.count)).collect::<Vec<_>>(), [(3, 3), (6, 1), (9, 1)]);
    }

    #[test]
    fn a_run_splits_at_a_position_and_a_fate_stands_at_output_zero() {
        let mut runs = FateRuns::default();
        runs.push(run(3, 10));
        assert_eq!(runs.take_before(Position::at(Offset(5))), [run(3, 2)]);
        assert_eq!(runs.take_before(Position::new(Offset(5), 1)), [run(5, 1)]);
        assert_eq!(runs.take_before(Position::new(Offset(5), 2)), []);
        assert_eq!(runs.take_before(Position::at(Offset(99))), [run(6, 7)]);
        assert!(runs.is_empty());
        assert_eq!(run(3, 10).from_position(Position::new(Offset(5), 1)), Some(run(6, 7)));
        assert_eq!(run(3, 2).from_position(Position::at(Offset(5))), None);
    }

    #[test]
    fn minutes_of_the_ends_of_time_are_not_the_unknown_minute() {
        assert_ne!(Minute::of(EventTime::MIN), Minute::UNKNOWN);
        assert_eq!(Minute::of(EventTime(-1)), Minute(-1));
        assert_eq!(Minute::of(EventTime(60_000_000)), Minute(1));
    }
}
