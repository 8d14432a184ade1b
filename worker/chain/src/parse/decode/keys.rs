//! From the bytes of a key to the number it was given at compile time.
//!
//! A log line has some ten keys, and most of the cost of a naive lookup is hashing and the call that
//! compares. Keys of up to 16 bytes (nearly all) are compared as two words here: the first and the last
//! eight bytes, which overlap, plus the length, are the whole key.

/// A small perfect-comparison map from keys to numbers, built once.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyTable {
    entries: Vec<Entry>,
    /// Open addressing over `entries`: index + 1, or 0 for a free place. A power of two, at most half full.
    places: Vec<u16>,
    mask: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    words: (u64, u64),
    key: Box<[u8]>,
}

impl KeyTable {
    /// A table of these keys; a key's number is its place in the iterator. Of equal keys the first counts.
    /// At most 65,534 keys: later ones are not found (a manifest cannot hold as many).
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Self {
        let entries: Vec<Entry> = keys
            .into_iter()
            .take(usize::from(u16::MAX) - 1)
            .map(|key| Entry { words: words(key), key: key.into() })
            .collect();
        let size = (entries.len() * 2).next_power_of_two().max(2);
        let mut table = Self { entries, places: vec![0; size], mask: size - 1 };
        for index in 0..table.entries.len() {
            let entry = &table.entries[index];
            let mut place = hash(entry.words, entry.key.len()) & table.mask;
            while table.places[place] != 0 {
                place = (place + 1) & table.mask;
            }
            table.places[place] = u16::try_from(index + 1).unwrap_or(0);
        }
        table
    }

    /// The number of `key`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<usize> {
        let words = words(key);
        let mut place = hash(words, key.len()) & self.mask;
        loop {
            let index = usize::from(*self.places.get(place)?).checked_sub(1)?;
            let entry = self.entries.get(index)?;
            if entry.words == words && entry.key.len() == key.len() && (key.len() <= 16 || *entry.key == *key) {
                return Some(index);
            }
            place = (place + 1) & self.mask;
        }
    }
}

/// The first and the last bytes of a key: with its length they are the key, up to 16 bytes.
#[inline]
fn words(key: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)));
    }
    match *key {
        [first, middle, last] => (u64::from(first) | u64::from(middle) << 8, u64::from(last)),
        [first, last] => (u64::from(first), u64::from(last)),
        [only] => (u64::from(only), 0),
        _ => (0, 0),
    }
}

#[inline]
fn hash(words: (u64, u64), length: usize) -> usize {
    let mixed = (words.0 ^ words.1.rotate_left(29) ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_exactly_its_keys(keys in prop::collection::vec("[ab]{0,20}", 0..40), other in "[ab]{0,20}") {
            let table = KeyTable::new(keys.iter().map(String::as_bytes));
            for key in &keys {
                prop_assert_eq!(table.get(key.as_bytes()), keys.iter().position(|known| known == key));
            }
            prop_assert_eq!(table.get(other.as_bytes()), keys.iter().position(|known| *known == other));
        }
    }

    #[test]
    fn an_empty_table_finds_nothing() {
        assert_eq!(KeyTable::new([]).get(b"a"), None);
        assert_eq!(KeyTable::default().get(b""), None);
    }
}
