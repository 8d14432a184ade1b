//! The ledger: every line accounted for (rule R20, DESIGN section 5).
//!
//! Per (stage, source, event-time minute): `in = out + dropped(reason) + held`; what is left is `unaccounted` and
//! must be zero. Order-free sums of ids (mod 2^128) ride along with every count, so that a loss and a duplicate
//! cannot cancel.
//!
//! ```text
//!  ingest fold     counts  in          per line
//!  its receivers   count   out         per record taken, and dropped per fate taken, behind the receive rule
//!  correlate fold  counts  in, out, dropped of its own stage, …
//! ```
//!
//! Counts are cut into *tiles*: fixed multiples of upstream offsets, so that entries are the same whoever writes
//! them, however frames were cut. A [`Tally`] is fold state; the entries of a finished tile leave it inside a step
//! and go on a link like everything else, so that they arrive once. A [`Book`] adds entries up and balances. A short
//! tile names the range of offsets to replay.

use crate::id::Id;
use crate::log::fate::{Minute, Reason, ReasonKind};
use crate::log::position::{Offset, Upstream};
use crate::wire::{Reader, Snapshot, WireError, Writer};
use std::collections::BTreeMap;
use std::ops::Range;

/// Offsets in one tile.
pub const TILE: u64 = 65_536;

/// How many, and the sum of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many.
    pub lines: u64,
    /// Sum of their ids mod 2^128.
    pub ids: u128,
}

impl Count {
    #[inline]
    fn add(&mut self, id: Id) {
        self.lines += 1;
        self.ids = self.ids.wrapping_add(id.0);
    }

    fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.ids = self.ids.wrapping_add(other.ids);
    }

    fn save(self, out: &mut Writer) {
        out.varint(self.lines);
        if self.lines > 0 {
            out.fixed128(self.ids);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let lines = input.varint()?;
        let ids = if lines > 0 { input.fixed128()? } else { 0 };
        Ok(Self { lines, ids })
    }
}

/// What was counted for one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Lines that came in.
    pub taken: Count,
    /// Lines that went on.
    pub passed: Count,
    /// Lines that ended here, per reason, in order of reason.
    pub dropped: Vec<(Reason, Count)>,
    /// Offsets that brought no line, per reason, in order of reason. Not part of the balance.
    pub covered: Vec<(Reason, u64)>,
}

impl Counts {
    fn dropped_mut(&mut self, reason: Reason) -> &mut Count {
        let index = match self.dropped.binary_search_by_key(&reason, |(reason, _)| *reason) {
            Ok(index) => index,
            Err(place) => {
                self.dropped.insert(place, (reason, Count::default()));
                place
            }
        };
        &mut self.dropped[index].1
    }

    fn add_covered(&mut self, reason: Reason, count: u64) {
        match self.covered.binary_search_by_key(&reason, |(reason, _)| *reason) {
            Ok(index) => self.covered[index].1 += count,
            Err(place) => self.covered.insert(place, (reason, count)),
        }
    }

    /// Adds what was counted elsewhere for the same key.
    pub fn merge(&mut self, other: &Self) {
        self.taken.merge(other.taken);
        self.passed.merge(other.passed);
        for (reason, count) in &other.dropped {
            self.dropped_mut(*reason).merge(*count);
        }
        for (reason, count) in &other.covered {
            self.add_covered(*reason, *count);
        }
    }

    /// All drops together.
    pub fn all_dropped(&self) -> Count {
        let mut all = Count::default();
        for (_, count) in &self.dropped {
            all.merge(*count);
        }
        all
    }

    fn save(&self, out: &mut Writer) {
        self.taken.save(out);
        self.passed.save(out);
        out.varint(self.dropped.len() as u64);
        for (reason, count) in &self.dropped {
            out.u8(reason.code());
            count.save(out);
        }
        out.varint(self.covered.len() as u64);
        for (reason, count) in &self.covered {
            out.u8(reason.code());
            out.varint(*count);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (taken, passed) = (Count::load(input)?, Count::load(input)?);
        let dropped = load_reasons(input, Count::load)?;
        let covered = load_reasons(input, |input| input.varint())?;
        Ok(Self { taken, passed, dropped, covered })
    }
}

fn load_reasons<T>(
    input: &mut Reader<'_>,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<Vec<(Reason, T)>, WireError> {
    let mut list: Vec<(Reason, T)> = Vec::new();
    for _ in 0..input.count()? {
        let code = input.u8()?;
        let reason = Reason::from_code(code).ok_or_else(|| input.invalid("reason", u64::from(code)))?;
        if list.last().is_some_and(|(last, _)| *last >= reason) {
            return Err(input.invalid("order of reasons", u64::from(code)));
        }
        list.push((reason, read(input)?));
    }
    Ok(list)
}

/// What an entry counts: lines of one minute, of one upstream, at offsets of one tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileKey {
    /// Whose offsets.
    pub upstream: Upstream,
    /// Number of the tile: offset / [`TILE`].
    pub tile: u64,
    /// Event-time minute.
    pub minute: Minute,
}

impl TileKey {
    /// The key of a line.
    #[inline]
    pub fn of(upstream: Upstream, offset: Offset, minute: Minute) -> Self {
        Self { upstream, tile: offset.0 / TILE, minute }
    }

    /// The offsets of the tile.
    pub fn range(&self) -> Range<Offset> {
        let start = self.tile * TILE;
        Offset(start)..Offset(start.saturating_add(TILE))
    }

    fn save(&self, out: &mut Writer) {
        out.varint(u64::from(self.upstream.0));
        out.varint(self.tile);
        out.signed(i64::from(self.minute.0));
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let (upstream, tile, minute) = (Upstream(input.varint32()?), input.varint()?, input.signed()?);
        let minute = i32::try_from(minute).map_err(|_| input.invalid("minute", minute as u64))?;
        Ok(Self { upstream, tile, minute: Minute(minute) })
    }
}

/// One entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What is counted.
    pub key: TileKey,
    /// The counts.
    pub counts: Counts,
}

impl Snapshot for Entry {
    fn save(&self, out: &mut Writer) {
        self.key.save(out);
        self.counts.save(out);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { key: TileKey::load(input)?, counts: Counts::load(input)? })
    }
}

/// What one task has counted of one stage and not handed on: fold state.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    tiles: BTreeMap<TileKey, Counts>,
    /// The key counted last and what was counted for it since: most lines share their neighbour's key.
    hot: Option<(TileKey, Counts)>,
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.merged() == other.merged()
    }
}

impl Tally {
    /// A line came in.
    #[inline]
    pub fn taken(&mut self, upstream: Upstream, offset: Offset, minute: Minute, id: Id) {
        self.counts(TileKey::of(upstream, offset, minute)).taken.add(id);
    }

    /// A line went on.
    #[inline]
    pub fn passed(&mut self, upstream: Upstream, offset: Offset, minute: Minute, id: Id) {
        self.counts(TileKey::of(upstream, offset, minute)).passed.add(id);
    }

    /// A line ended here.
    #[inline]
    pub fn dropped(&mut self, upstream: Upstream, offset: Offset, minute: Minute, id: Id, reason: Reason) {
        self.counts(TileKey::of(upstream, offset, minute)).dropped_mut(reason).add(id);
    }

    /// A fate came with a frame: `id_of` gives the id of the line at an offset.
    pub fn fate(&mut self, upstream: Upstream, run: &super::FateRun, id_of: impl Fn(Offset) -> Id) {
        let (mut start, end) = (run.offset.0, run.end().0);
        match run.reason.kind() {
            ReasonKind::Dropped => {
                for offset in (start..end).map(Offset) {
                    self.dropped(upstream, offset, run.minute, id_of(offset), run.reason);
                }
                return;
            }
            ReasonKind::Passed => {
                for offset in (start..end).map(Offset) {
                    self.passed(upstream, offset, run.minute, id_of(offset));
                }
                return;
            }
            ReasonKind::Covered => {}
        }
        while start < end {
            let tile_end = (start / TILE + 1).saturating_mul(TILE).min(end);
            let key = TileKey::of(upstream, Offset(start), run.minute);
            // A range of many tiles (before the start, say) is counted where it begins: tiles are for lines.
            let until = if end - start > TILE { end } else { tile_end };
            self.counts(key).add_covered(run.reason, until - start);
            start = until;
        }
    }

    #[inline]
    fn counts(&mut self, key: TileKey) -> &mut Counts {
        if self.hot.as_ref().is_none_or(|(hot, _)| *hot != key) {
            self.cool();
        }
        &mut self.hot.get_or_insert_with(|| (key, Counts::default())).1
    }

    fn cool(&mut self) {
        if let Some((key, counts)) = self.hot.take() {
            self.tiles.entry(key).or_default().merge(&counts);
        }
    }

    fn merged(&self) -> BTreeMap<TileKey, Counts> {
        let mut merged = self.tiles.clone();
        if let Some((key, counts)) = &self.hot {
            merged.entry(*key).or_default().merge(counts);
        }
        merged
    }

    /// Hands on the entries of tiles that lie below `next` as a whole: nothing more can be received for them. Called
    /// inside a step, at points given by the log (R7). What is counted for such a tile later (a line that turns out
    /// late, say) makes another entry, which adds up with the first.
    pub fn settle(&mut self, upstream: Upstream, next: Offset) -> Vec<Entry> {
        let tile = next.0 / TILE;
        let first = TileKey { upstream, tile: 0, minute: Minute(i32::MIN) };
        let last = TileKey { upstream, tile, minute: Minute(i32::MIN) };
        let hot = self.hot.as_ref().is_some_and(|(key, _)| first <= *key && *key < last);
        if hot {
            self.cool();
        }
        if self.tiles.range(first..last).next().is_none() {
            return Vec::new();
        }
        let keys: Vec<TileKey> = self.tiles.range(first..last).map(|(key, _)| *key).collect();
        keys.into_iter().filter_map(|key| Some(Entry { key, counts: self.tiles.remove(&key)? })).collect()
    }

    /// Everything that has not been handed on, in order of key.
    pub fn entries(&self) -> Vec<Entry> {
        self.merged().into_iter().map(|(key, counts)| Entry { key, counts }).collect()
    }
}

impl Snapshot for Tally {
    fn save(&self, out: &mut Writer) {
        let merged = self.merged();
        out.varint(merged.len() as u64);
        for (key, counts) in &merged {
            key.save(out);
            counts.save(out);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut tiles = BTreeMap::new();
        for _ in 0..input.count()? {
            let key = TileKey::load(input)?;
            if tiles.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(input.invalid("order of tiles", key.tile));
            }
            tiles.insert(key, Counts::load(input)?);
        }
        Ok(Self { tiles, hot: None })
    }
}

/// A line of the balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// What was counted.
    pub counts: Counts,
    /// Lines that are inside: open assemblies, join buffers.
    pub held: Count,
    /// `in − out − dropped − held`: must be 0. Negative: something was counted twice.
    pub unaccounted: i128,
    /// True when the sums of ids agree too.
    pub ids_agree: bool,
}

impl Balance {
    /// True when every line is accounted for.
    pub fn is_even(&self) -> bool {
        self.unaccounted == 0 && self.ids_agree
    }
}

/// Entries of one stage, added up: who reads the ledger link, or the end of a local run.
#[derive(Debug, Clone, Default)]
pub struct Book {
    tiles: BTreeMap<TileKey, (Counts, Count)>,
}

impl Book {
    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.tiles.entry(entry.key).or_default().0.merge(&entry.counts);
    }

    /// Adds lines that are inside the stage now.
    pub fn held(&mut self, key: TileKey, held: Count) {
        self.tiles.entry(key).or_default().1.merge(held);
    }

    /// The balance per group and minute; `group` maps an upstream to its source.
    pub fn balance<G: Ord>(&self, group: impl Fn(Upstream) -> G) -> BTreeMap<(G, Minute), Balance> {
        let mut sums: BTreeMap<(G, Minute), (Counts, Count)> = BTreeMap::new();
        for (key, (counts, held)) in &self.tiles {
            let sum = sums.entry((group(key.upstream), key.minute)).or_default();
            sum.0.merge(counts);
            sum.1.merge(*held);
        }
        sums.into_iter().map(|(key, (counts, held))| (key, balance(counts, held))).collect()
    }

    /// Tiles that do not balance, with the offsets to replay.
    pub fn short(&self) -> Vec<(TileKey, Balance)> {
        let balanced = self.tiles.iter().map(|(key, (counts, held))| (*key, balance(counts.clone(), *held)));
        balanced.filter(|(_, balance)| !balance.is_even()).collect()
    }
}

fn balance(counts: Counts, held: Count) -> Balance {
    let dropped = counts.all_dropped();
    let out = i128::from(counts.passed.lines) + i128::from(dropped.lines) + i128::from(held.lines);
    let out_ids = counts.passed.ids.wrapping_add(dropped.ids).wrapping_add(held.ids);
    let unaccounted = i128::from(counts.taken.lines) - out;
    let ids_agree = counts.taken.ids == out_ids;
    Balance { counts, held, unaccounted, ids_agree }
}

#[cfg(test)]
mod tests;
