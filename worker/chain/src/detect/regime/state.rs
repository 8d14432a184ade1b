//! What a regime keeps for each window, and how it is saved.

use crate::sketch::DdSketch;
use crate::time::EventTime;
use crate::wire::{Reader, Snapshot, WireError, Writer};

use super::{Close, Regime, RegimeRule, WINDOWS_MAX};
use crate::detect::ks;

/// Values of a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) start: EventTime,
    pub(super) end: EventTime,
    pub(super) sketch: DdSketch,
}

/// What is kept for each window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Track {
    /// End of the latest close that was folded.
    pub(super) last_end: EventTime,
    /// That close, for shorter windows to compare with. Empty for the shortest window.
    pub(super) latest: DdSketch,
    /// The run of closes beyond the bounds that this window is in.
    pub(super) candidate: Option<Box<Candidate>>,
}

/// Closes in a row beyond the bounds, those that do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) closes: u32,
    /// The first, which may hold values from before the change.
    pub(super) first: Sample,
    /// All others together.
    pub(super) rest: Option<Sample>,
}

impl Candidate {
    pub(super) fn of(close: Close<'_>) -> Self {
        Self { closes: 1, first: Sample::of(close), rest: None }
    }

    /// Adds a close, unless it overlaps what is there.
    pub(super) fn add(&mut self, close: Close<'_>) {
        let added = match &mut self.rest {
            Some(rest) => rest.extend(close),
            None if close.start < self.first.end => false,
            None => {
                self.rest = Some(Sample::of(close));
                true
            }
        };
        self.closes += u32::from(added);
    }

    /// What the new regime starts with: all of it, or all but the first close when that one differs
    /// from the others as two regimes do.
    pub(super) fn into_evidence(self, rule: &RegimeRule) -> Sample {
        let Some(rest) = self.rest else {
            return self.first;
        };
        let straddles = ks::distance(&self.first.sketch, &rest.sketch).is_some_and(|found| {
            let bound = ks::bound(rule.critical, found.n1, found.n2);
            found.distance > bound && found.distance >= rule.min_effect
        });
        if straddles {
            return rest;
        }
        let mut all = self.first;
        all.end = rest.end;
        all.sketch.merge(&rest.sketch);
        all
    }
}

impl Sample {
    pub(super) fn of(close: Close<'_>) -> Self {
        Self { start: close.start, end: close.end, sketch: close.sketch.clone() }
    }

    /// Adds a close that does not overlap what is there; false when it does.
    pub(super) fn extend(&mut self, close: Close<'_>) -> bool {
        let apart = close.start >= self.end;
        if apart {
            self.end = close.end;
            self.sketch.merge(close.sketch);
        }
        apart
    }

    fn save(&self, out: &mut Writer) {
        out.signed(self.start.0);
        out.signed(self.end.0);
        self.sketch.save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (start, end) = (EventTime(input.signed()?), EventTime(input.signed()?));
        Ok(Self { start, end, sketch: DdSketch::load(input)? })
    }
}

impl Snapshot for Regime {
    fn save(&self, out: &mut Writer) {
        out.signed(self.since.0);
        out.signed(self.fed_until.0);
        self.reference.save(out);
        out.option(self.pool.as_ref(), |out, pool| pool.save(out));
        out.varint(self.tracks.len() as u64);
        for track in &self.tracks {
            out.signed(track.last_end.0);
            track.latest.save(out);
            out.option(track.candidate.as_ref(), |out, candidate| {
                out.varint(u64::from(candidate.closes));
                candidate.first.save(out);
                out.option(candidate.rest.as_ref(), |out, rest| rest.save(out));
            });
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (since, fed_until) = (EventTime(input.signed()?), EventTime(input.signed()?));
        let reference = DdSketch::load(input)?;
        let pool = input.option(Sample::load)?.map(Box::new);
        let windows = input.count()?;
        if !(1..=WINDOWS_MAX).contains(&windows) {
            return Err(input.invalid("number of windows of a regime", windows as u64));
        }
        let tracks = (0..windows).map(|_| load_track(input)).collect::<Result<_, _>>()?;
        Ok(Self { since, fed_until, reference, pool, tracks })
    }
}

fn load_track(input: &mut Reader<'_>) -> Result<Track, WireError> {
    let last_end = EventTime(input.signed()?);
    let latest = DdSketch::load(input)?;
    let candidate = input.option(|input| {
        let closes = input.varint32()?;
        let (first, rest) = (Sample::load(input)?, input.option(Sample::load)?);
        Ok(Box::new(Candidate { closes, first, rest }))
    })?;
    Ok(Track { last_end, latest, candidate })
}
