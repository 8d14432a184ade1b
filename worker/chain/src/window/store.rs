//! Canonical bytes per scope: what slices, regimes and sessions are kept in.
//!
//! A cold scope's value is 30 to 60 bytes as it travels on the link, and several hundred as accumulators. Analyze
//! holds many values per scope and looks at each a few times only, so they stay bytes: one arena, and for each scope
//! number four bytes that say where. Saving them is copying them.

use super::scope::ScopeId;
use crate::wire::{Reader, WireError, Writer};

/// Byte strings by scope number.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// One more than where the entry begins; zero is no entry.
    at: Vec<u32>,
    /// Entries: length, bytes.
    bytes: Vec<u8>,
    /// Bytes of `bytes` that no entry uses.
    dead: usize,
    entries: usize,
}

/// Arenas below this are not worth closing holes in.
const COMPACT_MIN: usize = 64 * 1024;

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with room.
    pub fn with_capacity(slots: usize, bytes: usize) -> Self {
        Self { at: Vec::with_capacity(slots), bytes: Vec::with_capacity(bytes), dead: 0, entries: 0 }
    }

    /// One more than the greatest scope number that it may have an entry of.
    pub fn slots(&self) -> usize {
        self.at.len()
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// True when the scope has an entry.
    #[inline]
    pub fn has(&self, scope: ScopeId) -> bool {
        self.at.get(scope.index()).is_some_and(|at| *at != 0)
    }

    /// The bytes of a scope.
    #[inline]
    pub fn get(&self, scope: ScopeId) -> Option<&[u8]> {
        let at = self.at.get(scope.index()).copied().filter(|at| *at != 0)? - 1;
        let mut entry = Reader::new(&self.bytes[at as usize..]);
        // What stands here was written by `put`.
        entry.bytes().ok()
    }

    /// Sets the bytes of a scope.
    pub fn put(&mut self, scope: ScopeId, bytes: &[u8]) {
        if self.replace_in_place(scope, bytes) {
            return;
        }
        self.remove(scope);
        if self.at.len() <= scope.index() {
            self.at.resize(scope.index() + 1, 0);
        }
        let mut out = Writer::from_vec(std::mem::take(&mut self.bytes));
        let at = out.len();
        out.bytes(bytes);
        self.bytes = out.into_vec();
        debug_assert!(at < u32::MAX as usize, "a store holds less than 4 GiB");
        self.at[scope.index()] = at as u32 + 1;
        self.entries += 1;
    }

    fn replace_in_place(&mut self, scope: ScopeId, bytes: &[u8]) -> bool {
        let Some(at) = self.at.get(scope.index()).copied().filter(|at| *at != 0) else { return false };
        let start = at as usize - 1;
        let mut entry = Reader::new(&self.bytes[start..]);
        let Ok(old) = entry.bytes() else { return false };
        if old.len() != bytes.len() {
            return false;
        }
        let end = start + entry.position();
        self.bytes[end - bytes.len()..end].copy_from_slice(bytes);
        true
    }

    /// Forgets the bytes of a scope.
    pub fn remove(&mut self, scope: ScopeId) {
        let Some(at) = self.at.get_mut(scope.index()).filter(|at| **at != 0) else { return };
        let mut entry = Reader::new(&self.bytes[*at as usize - 1..]);
        *at = 0;
        let _ = entry.bytes();
        self.dead += entry.position();
        self.entries -= 1;
        if self.dead > COMPACT_MIN && self.dead * 2 > self.bytes.len() {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.dead);
        for at in self.at.iter_mut().filter(|at| **at != 0) {
            let mut entry = Reader::new(&self.bytes[*at as usize - 1..]);
            let _ = entry.bytes();
            let start = *at as usize - 1;
            *at = bytes.len() as u32 + 1;
            bytes.extend_from_slice(&self.bytes[start..start + entry.position()]);
        }
        self.bytes = bytes;
        self.dead = 0;
    }

    /// Appends the entries in the order of `order` (all live scopes); `place` in it stands for a scope.
    pub fn save(&self, order: &[u32], out: &mut Writer) {
        out.varint(self.entries as u64);
        let mut next = 0;
        for (place, scope) in order.iter().enumerate() {
            if let Some(bytes) = self.get(ScopeId(*scope)) {
                out.varint((place - next) as u64);
                out.bytes(bytes);
                next = place + 1;
            }
        }
    }

    /// Reads what [`Store::save`] wrote, for scopes that are numbered by their place. `check` looks at each entry.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a store, or that of `check`.
    pub fn load(
        input: &mut Reader<'_>,
        scopes: usize,
        mut check: impl FnMut(&[u8]) -> Result<(), WireError>,
    ) -> Result<Self, WireError> {
        let mut store = Self::new();
        let mut next = 0u64;
        for _ in 0..input.count()? {
            let place = next.saturating_add(input.varint()?);
            if place >= scopes as u64 {
                return Err(input.invalid("place of a scope", place));
            }
            let bytes = input.bytes()?;
            check(bytes)?;
            store.put(ScopeId(place as u32), bytes);
            next = place + 1;
        }
        Ok(store)
    }

    /// Bytes of memory, for reports.
    pub fn memory(&self) -> usize {
        self.at.capacity() * size_of::<u32>() + self.bytes.capacity()
    }
}
