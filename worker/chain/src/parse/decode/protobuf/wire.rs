//! What stands on the wire of Protobuf: tags, values, and what a value of each kind means.

use std::sync::Arc;

use prost_reflect::{EnumDescriptor, MessageDescriptor};

use super::{Field, json};
use crate::parse::decode::error::{Fault, FaultKind};
use crate::parse::fields::{Extracted, Slots};
use crate::wire::Reader;

/// Groups inside groups, at most.
const MAX_GROUPS: u32 = 64;

/// A key of a map, as the wire has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MapKey {
    Text(Box<[u8]>),
    Number(i64),
}

/// How a value stands on the wire.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Bool,
    Int32,
    Int64,
    Uint64,
    Sint,
    Fixed32,
    Sfixed32,
    Fixed64,
    Sfixed64,
    Float,
    Double,
    Bytes,
    Enum(Arc<EnumDescriptor>),
    Message(Arc<MessageDescriptor>),
    /// A group of proto2: stepped over.
    Group,
}

/// One value, as far as the wire tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Raw<'a> {
    Varint(u64),
    Word64(u64),
    Word32(u32),
    Bytes(&'a [u8]),
    Group,
}

#[cold]
pub(super) fn broken(at: usize, what: &'static str) -> Fault {
    Fault::new(at, FaultKind::Encoding { what })
}

/// A known field must have its own wire type.
pub(super) fn check(field: &Field, raw: Raw<'_>, at: usize) -> Result<(), Fault> {
    if field.kind.wire() == raw.wire() {
        Ok(())
    } else {
        Err(broken(at, "a field has another wire type than the schema says"))
    }
}

/// The number and the wire type of the next field.
pub(super) fn tag(input: &mut Reader<'_>, base: usize) -> Result<(u32, u8), Fault> {
    let at = base + input.position();
    let tag = input.varint().map_err(|_| broken(at, "a tag is cut off or too long"))?;
    let number = u32::try_from(tag >> 3).ok().filter(|number| (1..=0x1fff_ffff).contains(number));
    let number = number.ok_or_else(|| broken(at, "a field number is out of range"))?;
    Ok((number, (tag & 7) as u8))
}

/// The value behind a tag.
pub(super) fn raw<'a>(
    input: &mut Reader<'a>,
    wire: u8,
    number: u32,
    base: usize,
    depth: u32,
) -> Result<Raw<'a>, Fault> {
    if wire != 3 {
        return raw_of(input, wire, base);
    }
    let at = base + input.position();
    if depth >= MAX_GROUPS {
        return Err(broken(at, "groups are nested too deep"));
    }
    loop {
        let (inner, wire) = tag(input, base)?;
        if wire == 4 {
            return if inner == number { Ok(Raw::Group) } else { Err(broken(at, "a group ends with another number")) };
        }
        raw(input, wire, inner, base, depth + 1)?;
    }
}

pub(super) fn raw_of<'a>(input: &mut Reader<'a>, wire: u8, base: usize) -> Result<Raw<'a>, Fault> {
    let at = base + input.position();
    let cut = |_| broken(at, "a field is cut off");
    match wire {
        0 => input.varint().map(Raw::Varint).map_err(cut),
        1 => input.fixed64().map(Raw::Word64).map_err(cut),
        2 => input.bytes().map(Raw::Bytes).map_err(cut),
        5 => {
            let word = input.take(4).map_err(cut)?;
            Ok(Raw::Word32(word.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))))
        }
        _ => Err(broken(at, "a field has no valid wire type")),
    }
}

impl Raw<'_> {
    pub(super) fn wire(self) -> u8 {
        match self {
            Self::Varint(_) => 0,
            Self::Word64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Group => 3,
            Self::Word32(_) => 5,
        }
    }

    /// Bytes of a length-delimited value; used to find where it begins.
    pub(super) fn length(self) -> usize {
        if let Self::Bytes(bytes) = self { bytes.len() } else { 0 }
    }
}

impl Kind {
    pub(super) fn wire(&self) -> u8 {
        match self {
            Self::Bool | Self::Int32 | Self::Int64 | Self::Uint64 | Self::Sint | Self::Enum(_) => 0,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => 1,
            Self::Bytes | Self::Message(_) => 2,
            Self::Group => 3,
            Self::Fixed32 | Self::Sfixed32 | Self::Float => 5,
        }
    }

    /// What an absent key or value of a map entry stands for.
    pub(super) fn zero(&self) -> Raw<'static> {
        match self.wire() {
            0 => Raw::Varint(0),
            1 => Raw::Word64(0),
            5 => Raw::Word32(0),
            _ => Raw::Bytes(&[]),
        }
    }

    pub(super) fn map_key(&self, raw: Raw<'_>) -> MapKey {
        match (self, raw) {
            (_, Raw::Bytes(bytes)) => MapKey::Text(bytes.into()),
            (kind, raw) => MapKey::Number(kind.integer(raw)),
        }
    }

    /// An integer of any kind, as 64 bits.
    pub(super) fn integer(&self, raw: Raw<'_>) -> i64 {
        match (self, raw) {
            (Self::Sint, Raw::Varint(value)) => ((value >> 1) as i64) ^ -((value & 1) as i64),
            (Self::Int32 | Self::Enum(_), Raw::Varint(value)) => i64::from(value as i32),
            (Self::Bool, Raw::Varint(value)) => i64::from(value != 0),
            (_, Raw::Varint(value) | Raw::Word64(value)) => value as i64,
            (Self::Sfixed32, Raw::Word32(value)) => i64::from(value as i32),
            (_, Raw::Word32(value)) => i64::from(value),
            _ => 0,
        }
    }

    /// The value; none when a nested message is broken.
    pub(super) fn value<'a>(&self, raw: Raw<'a>, slots: &Slots<'a>) -> Option<Extracted<'a>> {
        let arena = slots.arena();
        let float = |value: f64| {
            let text = || bumpalo::format!(in arena, "{}", value).into_bump_str().as_bytes();
            if value.is_finite() { Extracted::Float(value) } else { Extracted::Text(text()) }
        };
        Some(match (self, raw) {
            (Self::Message(descriptor), Raw::Bytes(body)) => {
                let text = json::message_text(&json::read(descriptor, body)?);
                Extracted::Json(arena.alloc_slice_copy(&text))
            }
            (_, Raw::Bytes(bytes)) => Extracted::Text(bytes),
            (_, Raw::Group) => Extracted::Absent,
            (Self::Bool, Raw::Varint(value)) => Extracted::Bool(value != 0),
            (Self::Double, Raw::Word64(word)) => float(f64::from_bits(word)),
            (Self::Float, Raw::Word32(word)) => float(f64::from(f32::from_bits(word))),
            (Self::Uint64 | Self::Fixed64, Raw::Varint(value) | Raw::Word64(value)) if value > i64::MAX as u64 => {
                Extracted::Text(bumpalo::format!(in arena, "{}", value).into_bump_str().as_bytes())
            }
            (Self::Enum(names), raw) => {
                let number = self.integer(raw);
                let known = i32::try_from(number).ok().and_then(|number| names.get_value(number));
                match known {
                    Some(known) => Extracted::Text(arena.alloc_str(known.name()).as_bytes()),
                    None => Extracted::Int(number),
                }
            }
            (kind, raw) => Extracted::Int(kind.integer(raw)),
        })
    }
}
