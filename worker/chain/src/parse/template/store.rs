//! The live templates: a slab with an order of last use.
//!
//! The order of use is a list threaded through the slab, so touching and evicting are O(1). It is
//! given by the lines alone, never by a clock.

use hashbrown::HashMap;
use smallvec::SmallVec;
use std::fmt;

use super::form;
use super::keys::KeyHasher;
use super::scan::{Scan, Token, WILD_HASH, WILDCARD};
use crate::id::hash64;

/// A template's name: the hash of the masked line that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TemplateId(pub u64);

impl fmt::Display for TemplateId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// Index of a template in the [`Store`].
pub(super) type Slot = u32;

const NONE: Slot = Slot::MAX;

/// What grouping needs to know of one token of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub hash: u64,
    pub masked: bool,
    pub informative: bool,
}

impl Part {
    pub const BARE: Self = Self { hash: WILD_HASH, masked: true, informative: false };

    /// A part as the scanner would have found it.
    pub fn of(token: &[u8]) -> Self {
        if token == WILDCARD {
            return Self::BARE;
        }
        Self { hash: hash64(token), masked: form::holds_hole(token), informative: form::letters_outside_masks(token) }
    }

    pub fn is_bare(&self) -> bool {
        self.hash == WILD_HASH
    }

    /// Nothing but values and punctuation.
    pub fn is_value(&self) -> bool {
        self.masked && !self.informative
    }
}

impl From<&Token> for Part {
    fn from(token: &Token) -> Self {
        Self { hash: token.hash, masked: token.masked, informative: token.informative }
    }
}

/// One template.
#[derive(Debug, Clone, Default)]
pub struct Template {
    pub(super) id: TemplateId,
    pub(super) text: Box<[u8]>,
    pub(super) parts: Box<[Part]>,
    /// Token positions that were generalised from words (`words`), or that the tree passes by its
    /// `<*>` child (`tree`). Ascending.
    pub(super) wild: SmallVec<[u16; 4]>,
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Template {
    /// The id; it stays the same while the template becomes more general.
    pub fn id(&self) -> TemplateId {
        self.id
    }

    /// Tokens with one space between, variables as `<*>`.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Lines, those of templates that were merged into this one included.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Ordinal of the first line, counted from 0 over the miner's lines.
    pub fn first_line(&self) -> u64 {
        self.first
    }

    /// Ordinal of the last line.
    pub fn last_line(&self) -> u64 {
        self.last
    }

    /// The tokens.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &[u8]> {
        let empty = self.text.is_empty();
        self.text.split(|byte| *byte == b' ').filter(move |_| !empty)
    }

    /// Replaces the tokens at `positions` (ascending) by `<*>`.
    pub(super) fn generalise(&mut self, positions: &[u16]) {
        let mut text = Vec::with_capacity(self.text.len());
        for (index, token) in self.tokens().enumerate() {
            if index > 0 {
                text.push(b' ');
            }
            let wild = positions.binary_search(&(index as u16)).is_ok();
            text.extend_from_slice(if wild { WILDCARD } else { token });
        }
        self.text = text.into_boxed_slice();
        for position in positions {
            self.parts[usize::from(*position)] = Part::BARE;
        }
    }
}

#[derive(Debug, Clone)]
struct Entry {
    /// Empty in a free slot.
    template: Template,
    older: Slot,
    newer: Slot,
}

/// The slab.
#[derive(Debug, Clone)]
pub(super) struct Store {
    entries: Vec<Entry>,
    free: Vec<Slot>,
    by_id: HashMap<u64, Slot, KeyHasher>,
    oldest: Slot,
    newest: Slot,
}

impl Store {
    /// No templates.
    pub fn new() -> Self {
        let by_id = HashMap::with_hasher(KeyHasher);
        Self { entries: Vec::new(), free: Vec::new(), by_id, oldest: NONE, newest: NONE }
    }

    /// Number of live templates.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The template in `slot`.
    #[inline]
    pub fn get(&self, slot: Slot) -> &Template {
        &self.entries[slot as usize].template
    }

    /// The template in `slot`.
    #[inline]
    pub fn get_mut(&mut self, slot: Slot) -> &mut Template {
        &mut self.entries[slot as usize].template
    }

    /// The live template with this id.
    pub fn find(&self, id: TemplateId) -> Option<&Template> {
        self.by_id.get(&id.0).map(|slot| self.get(*slot))
    }

    /// The template that was not used for the longest time.
    pub fn oldest(&self) -> Option<Slot> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Templates, the longest unused first.
    pub fn by_use(&self) -> impl Iterator<Item = (Slot, &Template)> {
        let mut slot = self.oldest;
        std::iter::from_fn(move || {
            let entry = self.entries.get(slot as usize)?;
            let current = slot;
            slot = entry.newer;
            Some((current, &entry.template))
        })
    }

    /// A template for a new kind of line, seen once.
    pub fn create(&mut self, scan: &Scan, line: u64) -> Slot {
        let mut id = TemplateId(hash64(&scan.text));
        while self.by_id.contains_key(&id.0) {
            id = TemplateId(hash64(&id.0.to_le_bytes()));
        }
        self.insert(Template {
            id,
            text: scan.text.as_slice().into(),
            parts: scan.tokens.iter().map(Part::from).collect(),
            wild: SmallVec::new(),
            count: 1,
            first: line,
            last: line,
        })
    }

    /// Takes in a template as the most recently used one.
    pub fn insert(&mut self, template: Template) -> Slot {
        let id = template.id;
        let entry = Entry { template, older: NONE, newer: NONE };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.entries[slot as usize] = entry;
                slot
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as Slot - 1
            }
        };
        self.by_id.insert(id.0, slot);
        self.link(slot);
        slot
    }

    /// Takes a template out.
    pub fn remove(&mut self, slot: Slot) -> Template {
        self.unlink(slot);
        self.free.push(slot);
        let template = std::mem::take(self.get_mut(slot));
        self.by_id.remove(&template.id.0);
        template
    }

    /// Marks a template as the most recently used one.
    #[inline]
    pub fn touch(&mut self, slot: Slot) {
        if self.newest != slot {
            self.unlink(slot);
            self.link(slot);
        }
    }

    fn link(&mut self, slot: Slot) {
        let entry = &mut self.entries[slot as usize];
        entry.older = self.newest;
        entry.newer = NONE;
        match self.newest {
            NONE => self.oldest = slot,
            newest => self.entries[newest as usize].newer = slot,
        }
        self.newest = slot;
    }

    fn unlink(&mut self, slot: Slot) {
        let Entry { older, newer, .. } = self.entries[slot as usize];
        match older {
            NONE => self.oldest = newer,
            older => self.entries[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.entries[newer as usize].older = older,
        }
    }
}
