//! `protobuf`: a value that is one encoded Protobuf message.
//!
//! The wanted paths are resolved against the message's descriptor once ([`plan`]); a line is then one walk over the
//! wire bytes, and what nobody wants is stepped over by its length. No dynamic message is built, except
//! where a path names a whole message, list or map: that becomes JSON text ([`json`]).
//!
//! | path | |
//! |---|---|
//! | `http.status` | a field of a nested message |
//! | `spans[0].name` | an element of a repeated field |
//! | `labels.app` | the value of a map's key; the rest of the path is the key when values are scalars |
//!
//! - A proto3 scalar that is not on the wire has its default, since that is what its absence says; `optional` fields
//!   and messages are absent.
//! - An enum gives its value's name, or the number when it has none. `bytes` are bytes.
//! - Of repeated occurrences of a singular field the last counts.
//! - Checked: tags, lengths, wire types of known fields, and that the bytes end with a field. Any bytes can happen to be
//!   a message of unknown fields, so a text without one known field is refused unless it is empty.

mod json;
mod plan;
#[cfg(test)]
mod tests;
mod wire;

use prost_reflect::{FieldDescriptor, MessageDescriptor};
use smallvec::SmallVec;

use super::error::{Fault, FaultKind, Problem};
use super::names::Wanted;
use crate::parse::fields::{Extracted, Slot, Slots};
use crate::wire::Reader;
use wire::{Kind, MapKey, Raw, broken, check, raw, raw_of, tag};

/// A compiled `protobuf` step.
#[derive(Debug, Clone)]
pub(super) struct ProtobufDecoder {
    /// Node 0 is the message itself.
    nodes: Vec<Node>,
}

/// One message of which something is wanted.
#[derive(Debug, Clone)]
struct Node {
    /// All fields of the message, by rising number.
    fields: Vec<Field>,
    defaults: Vec<(Slot, Extracted<'static>)>,
    /// Lists and maps that are wanted whole.
    whole: Vec<(FieldDescriptor, Slot)>,
    descriptor: MessageDescriptor,
}

/// What to do with one field.
#[derive(Debug, Clone)]
struct Field {
    number: u32,
    kind: Kind,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    Single(Item),
    /// Elements by rising index.
    List(Vec<(u32, Item)>),
    Map(Vec<(MapKey, Item)>, Kind, Kind),
}

/// What one value fills.
#[derive(Debug, Clone, Copy, Default)]
struct Item {
    slot: Option<Slot>,
    /// What is wanted inside, when it is a message.
    node: Option<usize>,
}

impl ProtobufDecoder {
    /// A decoder of this message for the wanted names.
    pub fn compile(message: &MessageDescriptor, wanted: &Wanted<'_>) -> Self {
        Self { nodes: plan::nodes(message, wanted) }
    }

    /// The message of a schema of the step's own.
    pub fn message(text: &str, name: &str) -> Result<MessageDescriptor, Problem> {
        crate::parse::schema::message_of_text(text, name)
            .map_err(|error| Problem::new("protobuf.schema", error.to_string(), error.remedy()))
    }

    /// True when a path can give a value.
    pub fn may_give(message: &MessageDescriptor, path: &str) -> bool {
        plan::resolves(message, path)
    }

    /// Fills the slots from one message.
    pub fn decode<'a>(&self, input: &'a [u8], slots: &mut Slots<'a>) -> Result<(), Fault> {
        let mut walk = Walk { nodes: &self.nodes, slots, known: 0 };
        walk.message(0, input, 0)?;
        if walk.known == 0 && !input.is_empty() {
            return Err(Fault::new(0, FaultKind::Encoding { what: "not one field of the message is in it" }));
        }
        Ok(())
    }
}

/// One walk over one value.
struct Walk<'a, 'd, 's> {
    nodes: &'d [Node],
    slots: &'s mut Slots<'a>,
    /// Known fields met.
    known: usize,
}

impl<'a> Walk<'a, '_, '_> {
    /// The body of a message; `base` is where it begins in the value.
    fn message(&mut self, node: usize, body: &'a [u8], base: usize) -> Result<(), Fault> {
        let Some(node) = self.nodes.get(node) else {
            return Ok(());
        };
        for (slot, value) in &node.defaults {
            if !self.slots.get(*slot).is_present() {
                self.slots.set(*slot, *value);
            }
        }
        let mut input = Reader::new(body);
        // Elements seen of each list, by the place of its field.
        let mut counts: SmallVec<[(usize, u32); 4]> = SmallVec::new();
        while !input.is_empty() {
            let at = base + input.position();
            let (number, wire) = tag(&mut input, base)?;
            let known = node.fields.binary_search_by_key(&number, |field| field.number).ok();
            let raw = raw(&mut input, wire, number, base, 0)?;
            let Some(place) = known else { continue };
            let field = &node.fields[place];
            self.known += 1;
            let value_base = base + input.position() - raw.length();
            match &field.shape {
                Shape::Single(item) => {
                    check(field, raw, at)?;
                    self.item(*item, &field.kind, raw, value_base)?;
                }
                Shape::List(wanted) => {
                    let count = count_of(&mut counts, place);
                    self.list(wanted, field, raw, count, (at, value_base))?;
                }
                Shape::Map(wanted, key, value) => {
                    check(field, raw, at)?;
                    if let Raw::Bytes(entry) = raw
                        && !wanted.is_empty()
                    {
                        self.entry(wanted, (key, value), entry, value_base)?;
                    }
                }
            }
        }
        self.whole(node, body, base)
    }

    /// One value into its slot, and what is wanted inside it.
    fn item(&mut self, item: Item, kind: &Kind, raw: Raw<'a>, base: usize) -> Result<(), Fault> {
        if let Some(slot) = item.slot {
            let value = kind.value(raw, self.slots).ok_or_else(|| broken(base, "a nested message is broken"))?;
            self.slots.set(slot, value);
        }
        match (item.node, raw) {
            (Some(node), Raw::Bytes(body)) => self.message(node, body, base),
            _ => Ok(()),
        }
    }

    /// One occurrence of a repeated field: an element, or several packed ones.
    fn list(
        &mut self,
        wanted: &[(u32, Item)],
        field: &Field,
        raw: Raw<'a>,
        count: &mut u32,
        (at, base): (usize, usize),
    ) -> Result<(), Fault> {
        let packed = match raw {
            Raw::Bytes(packed) if field.kind.wire() != 2 => packed,
            _ => {
                check(field, raw, at)?;
                return self.element(wanted, field, raw, count, base);
            }
        };
        let mut input = Reader::new(packed);
        while !input.is_empty() {
            let element = raw_of(&mut input, field.kind.wire(), base)?;
            self.element(wanted, field, element, count, base)?;
        }
        Ok(())
    }

    fn element(
        &mut self,
        wanted: &[(u32, Item)],
        field: &Field,
        raw: Raw<'a>,
        count: &mut u32,
        base: usize,
    ) -> Result<(), Fault> {
        let index = *count;
        *count = count.saturating_add(1);
        match wanted.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(place) => self.item(wanted[place].1, &field.kind, raw, base),
            Err(_) => Ok(()),
        }
    }

    /// One entry of a map: a message of key (1) and value (2).
    fn entry(
        &mut self,
        wanted: &[(MapKey, Item)],
        (key_kind, value_kind): (&Kind, &Kind),
        entry: &'a [u8],
        base: usize,
    ) -> Result<(), Fault> {
        let mut input = Reader::new(entry);
        let (mut key, mut value) = (None, None);
        while !input.is_empty() {
            let (number, wire) = tag(&mut input, base)?;
            let raw = raw(&mut input, wire, number, base, 0)?;
            match number {
                1 if wire == key_kind.wire() => key = Some(raw),
                2 if wire == value_kind.wire() => value = Some(raw),
                _ => {}
            }
        }
        let key = key_kind.map_key(key.unwrap_or_else(|| key_kind.zero()));
        for (wanted, item) in wanted {
            if *wanted == key {
                self.item(*item, value_kind, value.unwrap_or_else(|| value_kind.zero()), base)?;
            }
        }
        Ok(())
    }

    /// The lists and maps that are wanted whole.
    fn whole(&mut self, node: &Node, body: &'a [u8], base: usize) -> Result<(), Fault> {
        if node.whole.is_empty() {
            return Ok(());
        }
        let message = json::read(&node.descriptor, body).ok_or_else(|| broken(base, "a nested message is broken"))?;
        for (field, slot) in &node.whole {
            if let Some(text) = json::field_text(&message, field) {
                self.slots.set(*slot, Extracted::Json(self.slots.arena().alloc_slice_copy(&text)));
            }
        }
        Ok(())
    }
}

fn count_of(counts: &mut SmallVec<[(usize, u32); 4]>, place: usize) -> &mut u32 {
    let found = counts.iter().position(|(field, _)| *field == place).unwrap_or(counts.len());
    if found == counts.len() {
        counts.push((place, 0));
    }
    &mut counts[found].1
}
