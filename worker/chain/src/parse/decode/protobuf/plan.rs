//! From wanted paths and a descriptor to the nodes that a walk follows.

use std::sync::Arc;

use prost_reflect::{FieldDescriptor, Kind as Declared, MessageDescriptor};

use super::wire::{Kind, MapKey};
use super::{Field, Item, Node, Shape};
use crate::parse::decode::names::Wanted;
use crate::parse::decode::path::{Step, parts};
use crate::parse::fields::{Extracted, Slot};

/// The nodes for all wanted paths that the message has; node 0 is the message.
pub(super) fn nodes(message: &MessageDescriptor, wanted: &Wanted<'_>) -> Vec<Node> {
    let mut nodes = Nodes { nodes: Vec::new() };
    nodes.add(message);
    for (path, slot) in wanted.iter() {
        if resolves(message, path) {
            nodes.want(0, &parts(path), slot);
        }
    }
    nodes.nodes
}

/// True when `path` leads to a field, an element or a map's value.
pub(super) fn resolves(message: &MessageDescriptor, path: &str) -> bool {
    message_has(message, &parts(path))
}

fn message_has(message: &MessageDescriptor, path: &[Step]) -> bool {
    let Some((Step::Key(name), rest)) = path.split_first() else {
        return false;
    };
    let Some(field) = message.get_field_by_name(name) else {
        return false;
    };
    if field.is_group() {
        return false;
    }
    match rest {
        [] => true,
        [Step::Index(_), inner @ ..] if field.is_list() => value_has(&field.kind(), inner),
        [Step::Key(_), inner @ ..] if field.is_map() => match map_kinds(&field) {
            Some((_, value)) => value.as_message().is_none() || value_has(&value, inner),
            None => false,
        },
        inner if !field.is_list() && !field.is_map() => value_has(&field.kind(), inner),
        _ => false,
    }
}

fn value_has(kind: &Declared, path: &[Step]) -> bool {
    path.is_empty() || kind.as_message().is_some_and(|message| message_has(message, path))
}

/// The kinds of a map's key and value; none for another field.
fn map_kinds(field: &FieldDescriptor) -> Option<(Declared, Declared)> {
    if !field.is_map() {
        return None;
    }
    let kind = field.kind();
    let entry = kind.as_message()?;
    Some((entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind()))
}

struct Nodes {
    nodes: Vec<Node>,
}

impl Nodes {
    /// A node for `message` of which nothing is wanted yet; its number.
    fn add(&mut self, message: &MessageDescriptor) -> usize {
        let mut fields: Vec<Field> = message.fields().map(|field| unwanted(&field)).collect();
        fields.sort_by_key(|field| field.number);
        let node = Node { fields, defaults: Vec::new(), whole: Vec::new(), descriptor: message.clone() };
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Notes that `slot` wants what `path` leads to. The path resolves.
    fn want(&mut self, node: usize, path: &[Step], slot: Slot) {
        let Some((Step::Key(name), rest)) = path.split_first() else {
            return;
        };
        let Some(field) = self.nodes[node].descriptor.get_field_by_name(name) else {
            return;
        };
        let Ok(place) = self.nodes[node].fields.binary_search_by_key(&field.number(), |field| field.number) else {
            return;
        };
        match (&field, rest) {
            (field, []) if field.is_list() || field.is_map() => {
                self.nodes[node].whole.push((field.clone(), slot));
            }
            (field, [Step::Index(index), inner @ ..]) if field.is_list() => {
                let item = self.element(node, place, *index);
                let item = self.within(item, &field.kind(), inner, slot);
                self.set_element(node, place, *index, item);
            }
            (field, keys) if field.is_map() => self.want_entry(node, place, field, keys, slot),
            (field, inner) => {
                if inner.is_empty() && !field.supports_presence() {
                    let default = default_of(&field.kind());
                    self.nodes[node].defaults.push((slot, default));
                }
                let Shape::Single(item) = self.nodes[node].fields[place].shape else {
                    return;
                };
                let item = self.within(item, &field.kind(), inner, slot);
                self.nodes[node].fields[place].shape = Shape::Single(item);
            }
        }
    }

    /// `item` with one more wish: the value itself, or something inside it.
    fn within(&mut self, mut item: Item, kind: &Declared, path: &[Step], slot: Slot) -> Item {
        if path.is_empty() {
            item.slot = Some(slot);
            return item;
        }
        let Some(message) = kind.as_message() else {
            return item;
        };
        let inner = item.node.unwrap_or_else(|| self.add(message));
        item.node = Some(inner);
        self.want(inner, path, slot);
        item
    }

    fn element(&self, node: usize, place: usize, index: u32) -> Item {
        let Shape::List(items) = &self.nodes[node].fields[place].shape else {
            return Item::default();
        };
        items.iter().find(|(known, _)| *known == index).map(|(_, item)| *item).unwrap_or_default()
    }

    fn set_element(&mut self, node: usize, place: usize, index: u32, item: Item) {
        let Shape::List(items) = &mut self.nodes[node].fields[place].shape else {
            return;
        };
        match items.binary_search_by_key(&index, |(known, _)| *known) {
            Ok(found) => items[found].1 = item,
            Err(at) => items.insert(at, (index, item)),
        }
    }

    fn want_entry(&mut self, node: usize, place: usize, field: &FieldDescriptor, keys: &[Step], slot: Slot) {
        let Some((key_kind, value_kind)) = map_kinds(field) else {
            return;
        };
        // A key may hold dots; when the values are scalars nothing can follow it.
        let (key, inner) = if value_kind.as_message().is_some() { keys.split_at(1) } else { keys.split_at(keys.len()) };
        let Some(key) = map_key(key, &key_kind) else {
            return;
        };
        let Shape::Map(entries, ..) = &self.nodes[node].fields[place].shape else {
            return;
        };
        let item = entries.iter().find(|(known, _)| *known == key).map(|(_, item)| *item).unwrap_or_default();
        let item = self.within(item, &value_kind, inner, slot);
        if let Shape::Map(entries, ..) = &mut self.nodes[node].fields[place].shape {
            entries.retain(|(known, _)| *known != key);
            entries.push((key, item));
        }
    }
}

/// The key of a map that the steps of a path spell.
fn map_key(steps: &[Step], kind: &Declared) -> Option<MapKey> {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    match kind {
        Declared::String => Some(MapKey::Text(text.as_bytes().into())),
        Declared::Bool => text.parse::<bool>().ok().map(|value| MapKey::Number(i64::from(value))),
        Declared::Uint64 | Declared::Fixed64 => text.parse::<u64>().ok().map(|value| MapKey::Number(value as i64)),
        _ => text.parse().ok().map(MapKey::Number),
    }
}

/// A field of which nothing is wanted: only its wire type is checked.
fn unwanted(field: &FieldDescriptor) -> Field {
    let shape = match map_kinds(field) {
        Some((key, value)) => Shape::Map(Vec::new(), kind_of(&key), kind_of(&value)),
        None if field.is_list() => Shape::List(Vec::new()),
        None => Shape::Single(Item::default()),
    };
    let kind = if field.is_group() { Kind::Group } else { kind_of(&field.kind()) };
    Field { number: field.number(), kind, shape }
}

fn kind_of(kind: &Declared) -> Kind {
    match kind {
        Declared::Bool => Kind::Bool,
        Declared::Int32 => Kind::Int32,
        Declared::Int64 => Kind::Int64,
        Declared::Uint32 | Declared::Uint64 => Kind::Uint64,
        Declared::Sint32 | Declared::Sint64 => Kind::Sint,
        Declared::Fixed32 => Kind::Fixed32,
        Declared::Sfixed32 => Kind::Sfixed32,
        Declared::Fixed64 => Kind::Fixed64,
        Declared::Sfixed64 => Kind::Sfixed64,
        Declared::Float => Kind::Float,
        Declared::Double => Kind::Double,
        Declared::String | Declared::Bytes => Kind::Bytes,
        Declared::Enum(names) => Kind::Enum(Arc::new(names.clone())),
        Declared::Message(message) => Kind::Message(Arc::new(message.clone())),
    }
}

/// What the absence of a proto3 scalar says.
fn default_of(kind: &Declared) -> Extracted<'static> {
    match kind {
        Declared::Bool => Extracted::Bool(false),
        Declared::Float | Declared::Double => Extracted::Float(0.0),
        Declared::String | Declared::Bytes => Extracted::Text(b""),
        // Its zero value has a name that lives in the descriptor; the number says the same.
        Declared::Enum(_) => Extracted::Int(0),
        Declared::Message(_) => Extracted::Absent,
        _ => Extracted::Int(0),
    }
}
