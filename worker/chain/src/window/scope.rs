//! Scopes: a level with a value for each of its dimensions, as a canonical key and as a small number.
//!
//! ```text
//!  key = tag, then per dimension of the level: the value, escaped, and a 0 byte
//!        tag 0..=127       the scope itself: the level's index
//!        tag 128 | level   the *cohort* of a level: the parent's values, shared by all siblings
//! ```
//!
//! Bytes 0 and 1 inside a value are written as `1 1` and `1 2`, so keys compare as their tags and then
//! value by value, and everything that is emitted in key order is in (level, scope) order.
//! The hash of the cohort's key chooses the partition of a scope's panes, so that siblings meet.
//!
//! A [`ScopeTable`] numbers the live scopes. The numbers are reused and never leave the process; what is
//! emitted or saved goes in the order of the keys.

use super::records::Keys;
use crate::compile::shape::{Level, LevelIndex};
use crate::id::hash64;
use crate::time::EventTime;
use crate::wire::Writer;
use hashbrown::HashTable;
use std::borrow::Cow;

/// A longer dimension value is cut, and a hash of the whole keeps it apart from others.
pub const VALUE_BYTES_MAX: usize = 256;

/// Marks the key of a cohort.
const COHORT: u8 = 0x80;
const END: u8 = 0;
const ESCAPE: u8 = 1;

/// Number of a live scope in its [`ScopeTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub u32);

impl ScopeId {
    /// As an index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// A scope of this level.
    Scope(LevelIndex),
    /// The cohort of this level: its values are those of the level's parent.
    Cohort(LevelIndex),
}

impl Tag {
    /// Of the key's first byte.
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        match key.first() {
            Some(tag) if tag & COHORT != 0 => Self::Cohort(LevelIndex(tag & !COHORT)),
            Some(tag) => Self::Scope(LevelIndex(*tag)),
            None => Self::Scope(LevelIndex(0)),
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Scope(level) => level.0,
            Self::Cohort(level) => level.0 | COHORT,
        }
    }
}

/// Appends the key of the scope of `level` with these values (one per entry of [`Level::dimensions`]).
pub fn write_key<'a>(key: &mut Vec<u8>, tag: Tag, values: impl IntoIterator<Item = &'a [u8]>) {
    key.push(tag.byte());
    for value in values {
        write_value(key, value);
    }
}

#[inline]
fn write_value(key: &mut Vec<u8>, value: &[u8]) {
    if value.len() > VALUE_BYTES_MAX {
        write_long_value(key, value);
    } else if memchr::memchr2(END, ESCAPE, value).is_none() {
        key.extend_from_slice(value);
    } else {
        escape(key, value);
    }
    key.push(END);
}

#[cold]
fn write_long_value(key: &mut Vec<u8>, value: &[u8]) {
    let room = VALUE_BYTES_MAX - 17;
    // Cut between characters.
    let cut = (0..=room).rev().find(|at| value[*at] & 0xc0 != 0x80).unwrap_or(room);
    escape(key, &value[..cut]);
    key.extend_from_slice(format!("~{:016x}", hash64(value)).as_bytes());
}

#[cold]
fn escape(key: &mut Vec<u8>, value: &[u8]) {
    for byte in value {
        match *byte {
            END => key.extend_from_slice(&[ESCAPE, 1]),
            ESCAPE => key.extend_from_slice(&[ESCAPE, 2]),
            other => key.push(other),
        }
    }
}

/// The values of a key, in the order of the level's dimensions.
pub fn values(key: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> {
    raw_values(key).map(unescape)
}

/// The values as they stand in the key.
fn raw_values(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let body = key.get(1..).unwrap_or_default();
    let body = body.strip_suffix(&[END]);
    body.into_iter().flat_map(|body| body.split(|byte| *byte == END))
}

fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(ESCAPE, raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut value = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        value.push(match *byte {
            ESCAPE => bytes.next().map_or(ESCAPE, |code| code.wrapping_sub(1)),
            other => other,
        });
    }
    Cow::Owned(value)
}

/// How the keys of levels follow from each other. Made once per program.
#[derive(Debug, Clone, Default)]
pub struct Lineage {
    /// Per level: its parent, and where the parent's dimensions stand among its own.
    parents: Vec<Option<(LevelIndex, Vec<usize>)>>,
}

impl Lineage {
    /// Of these levels.
    pub fn new(levels: &[Level]) -> Self {
        let parents = levels.iter().map(|level| {
            let parent = level.parent?;
            let dimensions = &levels.get(usize::from(parent.0))?.dimensions;
            let place = |dimension| level.dimensions.iter().position(|own| own == dimension);
            let places = dimensions.iter().map(place).collect::<Option<Vec<_>>>()?;
            Some((parent, places))
        });
        Self { parents: parents.collect() }
    }

    /// The parent of a level.
    pub fn parent(&self, level: LevelIndex) -> Option<LevelIndex> {
        self.parents.get(usize::from(level.0))?.as_ref().map(|(parent, _)| *parent)
    }

    /// Appends the key of the parent of the scope `key` of `level`; false when the level has no parent.
    pub fn write_parent(&self, level: LevelIndex, key: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(Some((parent, places))) = self.parents.get(usize::from(level.0)) else { return false };
        out.push(Tag::Scope(*parent).byte());
        copy_values(key, places, out);
        true
    }

    /// Appends the key of the cohort of the scope `key` of `level`. Scopes without a parent are one cohort.
    pub fn write_cohort(&self, level: LevelIndex, key: &[u8], out: &mut Vec<u8>) {
        out.push(Tag::Cohort(level).byte());
        if let Some(Some((_, places))) = self.parents.get(usize::from(level.0)) {
            copy_values(key, places, out);
        }
    }

    /// Appends the key under which the scope `key` is known to its children of `child`: the key of their cohort.
    pub fn write_own_cohort(child: LevelIndex, key: &[u8], out: &mut Vec<u8>) {
        out.push(Tag::Cohort(child).byte());
        out.extend_from_slice(key.get(1..).unwrap_or_default());
    }
}

/// Copies some values of a key as they stand in it.
fn copy_values(key: &[u8], places: &[usize], out: &mut Vec<u8>) {
    for place in places {
        out.extend_from_slice(raw_values(key).nth(*place).unwrap_or_default());
        out.push(END);
    }
}

/// The hash of a key: for tables, and for the choice of a partition.
#[inline]
pub fn key_hash(key: &[u8]) -> u32 {
    hash64(key) as u32
}

/// A table wants its bits spread over 64.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u64,
    length: u32,
    hash: u32,
}

/// A live scope in the hash table: the hash is beside the number, so that a look-up reads one place in memory for each
/// scope that it passes over.
#[derive(Debug, Clone, Copy)]
struct Live {
    hash: u32,
    id: u32,
}

/// Length of an entry that is free.
const DEAD: u32 = u32::MAX;

/// The live scopes of one task.
///
/// About 30 bytes a scope beside its key.
#[derive(Debug, Clone, Default)]
pub struct ScopeTable {
    table: HashTable<Live>,
    entries: Vec<Entry>,
    /// The keys, one behind the other.
    keys: Vec<u8>,
    /// Bytes of `keys` that belong to removed scopes.
    dead_bytes: usize,
    /// Numbers to use again.
    free: Vec<u32>,
    /// Numbers removed since the last [`ScopeTable::settle`]; `sorted` may still hold them.
    removed: Vec<u32>,
    /// Numbers in key order, as of the last [`ScopeTable::settle`].
    sorted: Vec<u32>,
    /// Numbers given since then.
    fresh: Vec<u32>,
}

impl ScopeTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of live scopes.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// One more than the greatest number given so far: the length of a vector by number.
    #[inline]
    pub fn slots(&self) -> usize {
        self.entries.len()
    }

    /// The number of a scope, if it is live.
    #[inline]
    pub fn find(&self, key: &[u8], hash: u32) -> Option<ScopeId> {
        let same = |live: &Live| live.hash == hash && key_of(&self.keys, &self.entries[live.id as usize]) == key;
        self.table.find(spread(hash), same).map(|live| ScopeId(live.id))
    }

    /// The scope that a hash leads to first; its key is still to be compared.
    #[inline]
    pub fn candidate(&self, hash: u32) -> Option<ScopeId> {
        self.table.find(spread(hash), |live| live.hash == hash).map(|live| ScopeId(live.id))
    }

    /// Makes a scope live. It must not be live already.
    pub fn insert(&mut self, key: &[u8], hash: u32) -> ScopeId {
        debug_assert!(self.find(key, hash).is_none());
        let entry = Entry { at: self.keys.len() as u64, length: key.len() as u32, hash };
        self.keys.extend_from_slice(key);
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.table.insert_unique(spread(hash), Live { hash, id }, |live| spread(live.hash));
        self.fresh.push(id);
        ScopeId(id)
    }

    /// The number of a scope, which is made live if it is not; true when it is new.
    pub fn intern(&mut self, key: &[u8]) -> (ScopeId, bool) {
        let hash = key_hash(key);
        match self.find(key, hash) {
            Some(id) => (id, false),
            None => (self.insert(key, hash), true),
        }
    }

    /// Forgets a scope. Its number is used again after the next [`ScopeTable::settle`].
    pub fn remove(&mut self, id: ScopeId) {
        let Some(entry) = self.entries.get_mut(id.index()).filter(|entry| entry.length != DEAD) else { return };
        let hash = spread(entry.hash);
        self.dead_bytes += entry.length as usize;
        entry.length = DEAD;
        if let Ok(found) = self.table.find_entry(hash, |other| other.id == id.0) {
            found.remove();
        }
        self.removed.push(id.0);
    }

    /// The key of a live scope; empty for one that is not.
    #[inline]
    pub fn key(&self, id: ScopeId) -> &[u8] {
        self.entries.get(id.index()).map_or(&[], |entry| key_of(&self.keys, entry))
    }

    /// True when the scope is live.
    #[inline]
    pub fn is_live(&self, id: ScopeId) -> bool {
        self.entries.get(id.index()).is_some_and(|entry| entry.length != DEAD)
    }

    /// Brings [`ScopeTable::order`] up to date, frees the numbers of removed scopes and gives back memory.
    pub fn settle(&mut self) {
        if self.fresh.is_empty() && self.removed.is_empty() {
            return;
        }
        self.sorted = self.current_order();
        self.fresh.clear();
        self.free.append(&mut self.removed);
        // Lowest numbers first again, so that vectors by number stay dense.
        self.free.sort_unstable_by(|left, right| right.cmp(left));
        self.compact();
    }

    /// All live scopes in key order, as of the last [`ScopeTable::settle`].
    #[inline]
    pub fn order(&self) -> &[u32] {
        debug_assert!(self.fresh.is_empty() && self.removed.is_empty(), "settle() first");
        &self.sorted
    }

    /// Appends the keys of all live scopes in key order, each with the time of its last event. Gives the order, and per
    /// scope number its place in it: the canonical names of scopes in a state.
    pub fn save(&self, last: impl Fn(ScopeId) -> EventTime, out: &mut Writer) -> (Vec<u32>, Vec<u32>) {
        let order = self.current_order();
        let mut place = vec![0u32; self.slots()];
        out.varint(order.len() as u64);
        let mut keys = Keys::default();
        for (index, scope) in order.iter().enumerate() {
            keys.write(self.key(ScopeId(*scope)), out);
            out.signed(last(ScopeId(*scope)).0);
            place[*scope as usize] = index as u32;
        }
        (order, place)
    }

    /// All live scopes in key order.
    pub fn current_order(&self) -> Vec<u32> {
        let live = |id: &u32| self.is_live(ScopeId(*id));
        let key = |id: u32| self.key(ScopeId(id));
        let old: Cow<'_, [u32]> = match self.removed.is_empty() {
            true => Cow::Borrowed(&self.sorted),
            false => Cow::Owned(self.sorted.iter().copied().filter(live).collect()),
        };
        let mut fresh: Vec<u32> = self.fresh.iter().copied().filter(live).collect();
        fresh.sort_unstable_by(|left, right| key(*left).cmp(key(*right)));

        let mut merged = Vec::with_capacity(old.len() + fresh.len());
        let mut rest = &old[..];
        // Few new scopes among many old ones: each one's place is searched. Many: both lists are walked.
        let search = fresh.len() * 16 < old.len();
        for id in fresh {
            let before = match search {
                true => rest.partition_point(|other| key(*other) < key(id)),
                false => rest.iter().position(|other| key(*other) > key(id)).unwrap_or(rest.len()),
            };
            merged.extend_from_slice(&rest[..before]);
            rest = &rest[before..];
            merged.push(id);
        }
        merged.extend_from_slice(rest);
        merged
    }

    /// Closes the holes of removed keys when they are half of the arena.
    fn compact(&mut self) {
        if self.dead_bytes * 2 < self.keys.len() || self.keys.len() < 4096 {
            return;
        }
        let mut keys = Vec::with_capacity(self.keys.len() - self.dead_bytes);
        for id in &self.sorted {
            let entry = &mut self.entries[*id as usize];
            let at = keys.len() as u64;
            keys.extend_from_slice(key_of(&self.keys, entry));
            entry.at = at;
        }
        self.keys = keys;
        self.dead_bytes = 0;
    }

    /// Bytes of memory, for reports.
    pub fn memory(&self) -> usize {
        self.table.allocation_size()
            + self.entries.capacity() * size_of::<Entry>()
            + self.keys.capacity()
            + (self.sorted.capacity() + self.fresh.capacity() + self.free.capacity()) * size_of::<u32>()
    }
}

#[inline]
fn key_of<'a>(keys: &'a [u8], entry: &Entry) -> &'a [u8] {
    if entry.length == DEAD {
        return &[];
    }
    let at = entry.at as usize;
    &keys[at..at + entry.length as usize]
}
