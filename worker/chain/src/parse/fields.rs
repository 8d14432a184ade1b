//! Extracted values: what decoders give and what the mapping to columns reads.
//!
//! A decoder knows names (JSON paths, capture groups, CSV columns); the line path must not. So a
//! manifest is compiled into a [`SlotTable`]: every name that somebody wants gets a [`Slot`], decoders
//! resolve their names against it once, and a line only fills [`Slots`]. A name nobody wants has no slot
//! and is not extracted.
//!
//! ```text
//!  compile:  "http.status" ──want──► Slot(3)
//!  per line: decoder ──set(Slot(3), Int(200))──► Slots ──get(Slot(3))──► column
//! ```
//!
//! Values borrow from the line or from the arena of the line. They are bytes, not text: what is not UTF-8
//! stays as it is until it becomes a column.

use std::collections::HashMap;

use bumpalo::Bump;

/// The place of one wanted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

impl Slot {
    /// As an index.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One extracted value.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Extracted<'a> {
    /// The line does not have this name.
    #[default]
    Absent,
    /// The line says that there is no value (JSON `null`).
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text, unescaped. Also an integer outside `i64`, as its digits, so that none is lost.
    Text(&'a [u8]),
    /// A raw JSON object or array, as it stands in the line.
    Json(&'a [u8]),
}

impl<'a> Extracted<'a> {
    /// False for [`Extracted::Absent`] and [`Extracted::Null`].
    #[inline]
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Absent | Self::Null)
    }

    /// The bytes of text or of raw JSON, as they are; none for other values.
    #[inline]
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Text(bytes) | Self::Json(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The value as text: numbers and booleans are written out into `arena`, bytes are borrowed.
    /// None when it is absent or null.
    pub fn to_text(&self, arena: &'a Bump) -> Option<&'a [u8]> {
        match self {
            Self::Absent | Self::Null => None,
            Self::Text(bytes) | Self::Json(bytes) => Some(bytes),
            Self::Bool(true) => Some(b"true"),
            Self::Bool(false) => Some(b"false"),
            Self::Int(value) => Some(bumpalo::format!(in arena, "{}", value).into_bump_str().as_bytes()),
            Self::Float(value) => Some(bumpalo::format!(in arena, "{}", value).into_bump_str().as_bytes()),
        }
    }
}

/// The wanted names of a manifest and their slots. Only used while compiling.
///
/// Slots are numbered in the order in which names were first wanted.
#[derive(Debug, Clone, Default)]
pub struct SlotTable {
    names: Vec<String>,
    by_name: HashMap<String, Slot>,
}

impl SlotTable {
    /// A table without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// The slot of `name`, made if it is new. The bounds of a manifest (256 fields with 16 names each) keep
    /// the number of names far below the 65,536 that a slot can tell apart.
    pub fn want(&mut self, name: &str) -> Slot {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = Slot(u16::try_from(self.names.len()).unwrap_or(u16::MAX));
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), slot);
        slot
    }

    /// The slot of `name`, when somebody wants it.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.by_name.get(name).copied()
    }

    /// The name of a slot.
    pub fn name(&self, slot: Slot) -> Option<&str> {
        self.names.get(slot.index()).map(String::as_str)
    }

    /// All names with their slots, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Slot)> {
        self.names.iter().map(|name| (name.as_str(), self.by_name[name]))
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True when nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// The values of one line, by slot.
///
/// They live in the arena of the line, so making them costs no heap memory:
///
/// ```text
///  loop { arena.reset(); let mut slots = Slots::new(&arena, table.len()); chain.decode(line, .., &mut slots)?; … }
/// ```
#[derive(Debug)]
pub struct Slots<'a> {
    values: &'a mut [Extracted<'a>],
    arena: &'a Bump,
}

impl<'a> Slots<'a> {
    /// `count` absent values ([`SlotTable::len`], taken after the last name was wanted).
    #[inline]
    pub fn new(arena: &'a Bump, count: usize) -> Self {
        Self { values: arena.alloc_slice_fill_copy(count, Extracted::Absent), arena }
    }

    /// The value in `slot`; absent for a slot of another table.
    #[inline]
    pub fn get(&self, slot: Slot) -> Extracted<'a> {
        self.values.get(slot.index()).copied().unwrap_or_default()
    }

    /// Puts a value into `slot`. A slot of another table is ignored.
    #[inline]
    pub fn set(&mut self, slot: Slot, value: Extracted<'a>) {
        if let Some(place) = self.values.get_mut(slot.index()) {
            *place = value;
        }
    }

    /// All values, in slot order.
    pub fn values(&self) -> &[Extracted<'a>] {
        self.values
    }

    /// Makes all values absent. The arena keeps what it holds.
    pub fn clear(&mut self) {
        self.values.fill(Extracted::Absent);
    }

    /// Puts back what [`Slots::values`] gave earlier.
    pub(crate) fn restore(&mut self, saved: &[Extracted<'a>]) {
        for (place, value) in self.values.iter_mut().zip(saved) {
            *place = *value;
        }
    }

    /// Where unescaped text goes.
    #[inline]
    pub fn arena(&self) -> &'a Bump {
        self.arena
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_slot_however_often_it_is_wanted() {
        let mut table = SlotTable::new();
        let status = table.want("http.status");
        assert_eq!(table.want("level"), Slot(1));
        assert_eq!(table.want("http.status"), status);
        assert_eq!(table.name(status), Some("http.status"));
        assert_eq!(table.slot("unknown"), None);
        assert_eq!(table.iter().collect::<Vec<_>>(), [("http.status", Slot(0)), ("level", Slot(1))]);
    }

    #[test]
    fn values_are_absent_until_set_and_a_foreign_slot_is_harmless() {
        let arena = Bump::new();
        let mut slots = Slots::new(&arena, 2);
        slots.set(Slot(1), Extracted::Int(7));
        slots.set(Slot(9), Extracted::Int(8));
        assert_eq!(slots.get(Slot(0)), Extracted::Absent);
        assert_eq!(slots.get(Slot(1)), Extracted::Int(7));
        assert_eq!(slots.get(Slot(9)), Extracted::Absent);
    }

    #[test]
    fn every_present_value_has_a_text() {
        let arena = Bump::new();
        let text = |value: Extracted<'static>| value.to_text(&arena).map(<[u8]>::to_vec);
        assert_eq!(text(Extracted::Int(-3)), Some(b"-3".to_vec()));
        assert_eq!(text(Extracted::Float(0.5)), Some(b"0.5".to_vec()));
        assert_eq!(text(Extracted::Bool(true)), Some(b"true".to_vec()));
        assert_eq!(text(Extracted::Json(b"[1]")), Some(b"[1]".to_vec()));
        assert_eq!(text(Extracted::Null), None);
    }
}
