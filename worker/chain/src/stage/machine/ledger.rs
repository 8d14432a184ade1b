//! The books of a run: ledger entries of all stages, added up.

use crate::log::ledger::{Book, Count, Entry, Tally, TileKey};
use crate::stage::plan::LedgerStage;
use crate::wire::{Reader, Snapshot, WireError, Writer};
use std::collections::BTreeMap;

/// One book per stage.
#[derive(Debug, Clone, Default)]
pub struct Books {
    books: BTreeMap<LedgerStage, Book>,
    /// Entries as they came, merged by key: what a checkpoint keeps.
    entries: BTreeMap<(LedgerStage, TileKey), Entry>,
}

impl Books {
    /// The book of a stage.
    pub fn book(&self, stage: LedgerStage) -> Book {
        self.books.get(&stage).cloned().unwrap_or_default()
    }

    /// Adds a record of the ledger link.
    pub(super) fn record(&mut self, payload: &[u8]) {
        let mut input = Reader::new(payload);
        let Ok(stage) = input.u8() else { return };
        if let (Some(stage), Ok(entry)) = (LedgerStage::from_code(stage), Entry::load(&mut input)) {
            self.add(stage, &entry);
        }
    }

    fn add(&mut self, stage: LedgerStage, entry: &Entry) {
        self.books.entry(stage).or_default().add(entry);
        match self.entries.get_mut(&(stage, entry.key)) {
            Some(known) => known.counts.merge(&entry.counts),
            None => {
                self.entries.insert((stage, entry.key), entry.clone());
            }
        }
    }

    pub(super) fn add_tally(&mut self, stage: LedgerStage, tally: &Tally) {
        tally.entries().iter().for_each(|entry| self.books.entry(stage).or_default().add(entry));
    }

    pub(super) fn hold(&mut self, stage: LedgerStage, key: TileKey, held: Count) {
        self.books.entry(stage).or_default().held(key, held);
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.varint(self.entries.len() as u64);
        for ((stage, _), entry) in &self.entries {
            out.u8(stage.code());
            entry.save(out);
        }
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut books = Self::default();
        for _ in 0..input.count()? {
            let code = input.u8()?;
            let stage = LedgerStage::from_code(code).ok_or_else(|| input.invalid("stage", u64::from(code)))?;
            books.add(stage, &Entry::load(input)?);
        }
        Ok(books)
    }
}
