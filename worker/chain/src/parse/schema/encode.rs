//! Row to Protobuf bytes.

use super::{FieldLayout, Scalar, Schema, Target};
use crate::row::{Cell, Row};

pub(super) fn encode(schema: &Schema, row: &Row<'_>, out: &mut Vec<u8>) {
    message(schema, 0, row, out);
}

fn message(schema: &Schema, index: u16, row: &Row<'_>, out: &mut Vec<u8>) {
    let Some(layout) = schema.messages.get(usize::from(index)) else {
        return;
    };
    for field in &layout.fields {
        match field.target {
            Target::Leaf { column, kind } => {
                if let Some(cell) = row.get(usize::from(column)) {
                    leaf(field, kind, cell, out);
                }
            }
            Target::Message(nested) => nested_message(schema, field, nested, row, out),
        }
    }
}

/// Writes the content behind one byte for its length, and makes room when it needs more. A
/// message without a value is absent.
fn nested_message(schema: &Schema, field: &FieldLayout, index: u16, row: &Row<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    tag(field, out);
    out.push(0);
    let content = out.len();
    message(schema, index, row, out);
    let length = out.len() - content;
    if length == 0 {
        out.truncate(start);
        return;
    }
    if length < 0x80 {
        out[content - 1] = length as u8;
        return;
    }
    let mut prefix = [0u8; 10];
    let used = varint_into(length as u64, &mut prefix);
    let end = out.len();
    out.extend_from_slice(&[0; 10][..used - 1]);
    out.copy_within(content..end, content + used - 1);
    out[content - 1..content - 1 + used].copy_from_slice(&prefix[..used]);
}

#[inline]
fn leaf(field: &FieldLayout, kind: Scalar, cell: &Cell<'_>, out: &mut Vec<u8>) {
    match (*cell, kind) {
        (Cell::Bytes(bytes), Scalar::String | Scalar::Bytes) => {
            tag(field, out);
            varint(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
        (Cell::Int(value), _) => integer(field, kind, value, out),
        (Cell::Bool(value), Scalar::Bool) => {
            tag(field, out);
            out.push(u8::from(value));
        }
        (Cell::Float(value), Scalar::Double) => {
            tag(field, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        (Cell::Float(value), Scalar::Float) => {
            tag(field, out);
            out.extend_from_slice(&(value as f32).to_le_bytes());
        }
        // Null, or a type that the column cannot hold.
        _ => {}
    }
}

fn integer(field: &FieldLayout, kind: Scalar, value: i64, out: &mut Vec<u8>) {
    let (least, most) = kind.integer_range();
    let value = value.clamp(least, most);
    match kind {
        // Negative 32-bit values are sign-extended to ten bytes, as the format wants it.
        Scalar::Int32 | Scalar::Int64 | Scalar::Uint32 | Scalar::Uint64 | Scalar::Enum => {
            tag(field, out);
            varint(value as u64, out);
        }
        Scalar::Sint32 | Scalar::Sint64 => {
            tag(field, out);
            varint(((value << 1) ^ (value >> 63)) as u64, out);
        }
        Scalar::Fixed32 | Scalar::Sfixed32 => {
            tag(field, out);
            out.extend_from_slice(&(value as u32).to_le_bytes());
        }
        Scalar::Fixed64 | Scalar::Sfixed64 => {
            tag(field, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Scalar::Bool | Scalar::Float | Scalar::Double | Scalar::String | Scalar::Bytes => {}
    }
}

#[inline]
fn tag(field: &FieldLayout, out: &mut Vec<u8>) {
    if field.tag_length == 1 {
        out.push(field.tag[0]);
    } else {
        out.extend_from_slice(&field.tag[..usize::from(field.tag_length)]);
    }
}

#[inline]
fn varint(value: u64, out: &mut Vec<u8>) {
    if value < 0x80 {
        out.push(value as u8);
        return;
    }
    let mut buffer = [0u8; 10];
    let used = varint_into(value, &mut buffer);
    out.extend_from_slice(&buffer[..used]);
}

#[inline]
fn varint_into(mut value: u64, buffer: &mut [u8; 10]) -> usize {
    let mut used = 0;
    while value >= 0x80 {
        buffer[used] = (value as u8) | 0x80;
        value >>= 7;
        used += 1;
    }
    buffer[used] = value as u8;
    used + 1
}
