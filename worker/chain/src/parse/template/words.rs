//! Grouping by words: a word is a constant until its place has been seen to vary.
//!
//! After masking, what is left of a line are words, and lines with the same words and masks are
//! one template. That keeps `VM Started` and `VM Stopped` apart, where a similarity threshold
//! joins them. What it cannot see at once is a variable made of plain words (a user's name, a
//! queue's name). Templates that are equal in all places but one are *siblings* in that place, and
//! they are merged, the place becoming `<*>`, when one of these holds:
//!
//! 1. *Word beside value.* Where one has a word, another has a masked value: as the whole token
//!    (`synchronized to LOCAL(0)` and `synchronized to 10.0.0.1`) or as the part that differs (`chdir(pwd)` and
//!    `chdir(/tmp)`). The place is known to hold values. Two other words must be equal.
//! 2. *The set does not close.* `D` different tokens were seen in `N` lines, and
//!    `D ≥ 4 + log2(N) / 2`. A closed set (states, levels, HTTP methods) stops growing while `N`
//!    goes on; an open one (names) does not. The first word of a line is nearly always what the
//!    programmer wrote, so it needs `D ≥ 4 + log2(N)`. A third of the other tokens, at least one,
//!    must be words that are equal.
//!
//! The merged template keeps the id of the oldest of them.
//!
//! Everything is found by hash: a line costs one lookup, and one more for each *shape* (set of
//! places generalised from words) that templates of its length have. A new template costs two per token.
//! The maps are derived from the live templates alone, so a restored miner behaves as the saved one.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::keys::{self, KeyHasher};
use super::scan::{Token, WILDCARD};
use super::store::{Slot, Store, Template};

/// Most shapes that the templates of one length may have; it bounds the lookups per line.
const MAX_SHAPES: usize = 32;

/// Different tokens that an open set has before the number of its lines counts. A handful of states
/// that each show once at a start must not look like names.
const MIN_OPEN_SET: u64 = 4;

/// Words that must be equal elsewhere before a word joins a place that holds values.
const MIN_EQUAL_WORDS: usize = 2;

type Positions = SmallVec<[u16; 4]>;
type Members = SmallVec<[Slot; 4]>;

/// Places generalised from words, and how many live templates have exactly these.
#[derive(Debug, Clone)]
struct Shape {
    positions: Positions,
    users: u32,
}

/// The index of live templates by their words.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    exact: HashMap<u64, Slot, KeyHasher>,
    /// Key with one place made `<*>`, and that place → the templates that differ only there. The
    /// place counts: `a <*> c` and `a b <*>` both become `a <*> <*>`, and are no siblings.
    siblings: HashMap<u64, Members, KeyHasher>,
    /// By number of tokens; each list is ordered, so that the order of lookups is given.
    shapes: Vec<Vec<Shape>>,
}

fn key_of(template: &Template) -> u64 {
    keys::sequence(template.parts.iter().map(|part| part.hash))
}

impl Words {
    /// The template that `tokens` belong to.
    #[inline]
    pub fn find(&self, store: &Store, tokens: &[Token]) -> Option<Slot> {
        let key = keys::sequence(tokens.iter().map(|token| token.hash));
        if let Some(slot) = self.exact.get(&key) {
            return Some(*slot);
        }
        let shapes = self.shapes.get(tokens.len())?;
        shapes.iter().find_map(|shape| {
            let general = shape.positions.iter().fold(key, |key, position| {
                let position = usize::from(*position);
                key.wrapping_add(keys::wildcard_step(tokens[position].hash, position))
            });
            let slot = *self.exact.get(&general)?;
            (store.get(slot).wild == shape.positions).then_some(slot)
        })
    }

    /// Entries held, for tests of the bounds.
    #[cfg(test)]
    pub fn entries(&self) -> usize {
        self.exact.len()
            + self.siblings.len()
            + self.siblings.values().map(|group| group.len()).sum::<usize>()
            + self.shapes.iter().map(Vec::len).sum::<usize>()
    }

    /// Takes in a live template.
    pub fn insert(&mut self, slot: Slot, template: &Template) {
        let key = key_of(template);
        self.exact.insert(key, slot);
        for (position, part) in template.parts.iter().enumerate() {
            if !part.is_bare() {
                let general_key = key.wrapping_add(keys::wildcard_step(part.hash, position));
                let sibling_key = keys::share(general_key, position);
                self.siblings.entry(sibling_key).or_default().push(slot);
            }
        }
        if template.wild.is_empty() {
            return;
        }
        let length = template.parts.len();
        if self.shapes.len() <= length {
            self.shapes.resize_with(length + 1, Vec::new);
        }
        let shapes = &mut self.shapes[length];
        match find_shape(shapes, &template.wild) {
            Ok(index) => shapes[index].users += 1,
            Err(index) => {
                let positions = template.wild.clone();
                shapes.insert(index, Shape { positions, users: 1 });
            }
        }
    }

    /// Forgets a template that is about to die or to change.
    pub fn remove(&mut self, slot: Slot, template: &Template) {
        let key = key_of(template);
        self.exact.remove(&key);
        for (position, part) in template.parts.iter().enumerate() {
            if part.is_bare() {
                continue;
            }
            let general_key = key.wrapping_add(keys::wildcard_step(part.hash, position));
            let sibling_key = keys::share(general_key, position);
            if let Some(members) = self.siblings.get_mut(&sibling_key) {
                members.retain(|member| *member != slot);
                if members.is_empty() {
                    self.siblings.remove(&sibling_key);
                }
            }
        }
        if template.wild.is_empty() {
            return;
        }
        let shapes = &mut self.shapes[template.parts.len()];
        if let Ok(index) = find_shape(shapes, &template.wild) {
            shapes[index].users -= 1;
            if shapes[index].users == 0 {
                shapes.remove(index);
            }
        }
    }

    /// A place in which `slot` and its siblings are to be merged now, and all of them.
    pub fn choose_merge(&self, store: &Store, slot: Slot) -> Option<(u16, Members)> {
        let template = store.get(slot);
        let key = key_of(template);
        let words = template.parts.iter().filter(|part| part.informative).count();
        let first_word = template.parts.iter().position(|part| part.informative);
        let mut open_set = None;
        for (position, part) in template.parts.iter().enumerate().rev() {
            if part.is_bare() {
                continue;
            }
            let general_key = key.wrapping_add(keys::wildcard_step(part.hash, position));
            let holder = self.exact.get(&general_key).copied();
            let group = self.siblings.get(&keys::share(general_key, position));
            let group = group.map_or(&[][..], |members| members.as_slice());
            if holder.is_none() && group.len() < 2 {
                continue;
            }
            let equal_words = words - usize::from(part.informative);
            let members: Members = group.iter().copied().chain(holder).collect();
            if !self.has_room_for(store, &members, position as u16) {
                continue;
            }
            let holds_values = || {
                holder.is_some()
                    || group
                        .iter()
                        .any(|member| *member != slot && is_beside_value(template, store.get(*member), position))
            };
            if equal_words >= MIN_EQUAL_WORDS && holds_values() {
                return Some((position as u16, members));
            }
            let enough_words = equal_words >= 1 && equal_words * 10 >= template.parts.len() * 3;
            if open_set.is_none() && enough_words {
                let lines = members.iter().map(|member| store.get(*member).count).sum();
                if is_open_set(members.len(), lines, first_word == Some(position)) {
                    open_set = Some((position as u16, members));
                }
            }
        }
        open_set
    }

    /// Whether the shape that this merge makes exists or may be added.
    fn has_room_for(&self, store: &Store, members: &[Slot], position: u16) -> bool {
        let wild = merged_positions(store, members, position);
        let Some(first) = members.first() else { return false };
        match self.shapes.get(store.get(*first).parts.len()) {
            Some(shapes) => find_shape(shapes, &wild).is_ok() || shapes.len() < MAX_SHAPES,
            None => true,
        }
    }
}

fn find_shape(shapes: &[Shape], positions: &[u16]) -> Result<usize, usize> {
    shapes.binary_search_by(|shape| {
        let by_length = shape.positions.len().cmp(&positions.len());
        by_length.then_with(|| shape.positions.as_slice().cmp(positions))
    })
}

/// The places that the merged template has generalised: those of all members, and this one.
pub(super) fn merged_positions(store: &Store, members: &[Slot], position: u16) -> Positions {
    let mut wild = Positions::new();
    wild.push(position);
    for member in members {
        wild.extend_from_slice(&store.get(*member).wild);
    }
    wild.sort_unstable();
    wild.dedup();
    wild
}

/// Rule 1 above, for the tokens of two siblings.
fn is_beside_value(one: &Template, other: &Template, position: usize) -> bool {
    let (part, other_part) = (&one.parts[position], &other.parts[position]);
    if part.is_value() || other_part.is_value() {
        return true;
    }
    if part.masked == other_part.masked {
        return false;
    }
    let (Some(mut one), Some(mut other)) = (one.tokens().nth(position), other.tokens().nth(position)) else {
        return false;
    };
    while let ([first, one_rest @ ..], [other_first, other_rest @ ..]) = (one, other)
        && first == other_first
    {
        (one, other) = (one_rest, other_rest);
    }
    while let ([one_rest @ .., last], [other_rest @ .., other_last]) = (one, other)
        && last == other_last
    {
        (one, other) = (one_rest, other_rest);
    }
    one == WILDCARD || other == WILDCARD
}

/// Rule 2 above, in whole numbers and with the logarithm rounded up.
fn is_open_set(distinct: usize, lines: u64, first_word: bool) -> bool {
    let distinct = distinct as u64;
    let growth = u64::from(lines.max(2).saturating_sub(1).ilog2()) + 1;
    if first_word { distinct >= MIN_OPEN_SET + growth } else { 2 * distinct >= 2 * MIN_OPEN_SET + growth }
}
