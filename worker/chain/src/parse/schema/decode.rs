//! Protobuf bytes to row.
//!
//! Recursion is bounded by the schema's own depth; groups, which only unknown fields can be, by [`MAX_GROUPS`].

use super::{DIRECT, FieldLayout, MessageLayout, RowError, Scalar, Schema, Target, compile};
use crate::row::{Cell, RowBuf};

/// Greatest nesting of unknown groups.
const MAX_GROUPS: u32 = 16;

pub(super) fn decode<'a>(schema: &Schema, bytes: &'a [u8], row: &mut RowBuf<'a>) -> Result<(), RowError> {
    message(schema, 0, bytes, row)
}

fn message<'a>(schema: &Schema, index: u16, bytes: &'a [u8], row: &mut RowBuf<'a>) -> Result<(), RowError> {
    let Some(layout) = schema.messages.get(usize::from(index)) else {
        return Ok(());
    };
    let mut input = Input { bytes };
    while !input.bytes.is_empty() {
        let key = input.varint()?;
        let wire_type = (key & 7) as u32;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number != 0).ok_or(RowError::Tag)?;
        match layout.field(number) {
            Some(field) => known_field(schema, field, wire_type, &mut input, row)?,
            None => input.skip(number, wire_type, 0)?,
        }
    }
    Ok(())
}

#[inline]
fn known_field<'a>(
    schema: &Schema,
    field: &FieldLayout,
    wire_type: u32,
    input: &mut Input<'a>,
    row: &mut RowBuf<'a>,
) -> Result<(), RowError> {
    match field.target {
        Target::Leaf { column, kind } if wire_type == compile::wire_type(kind) => {
            let cell = input.scalar(kind, column)?;
            leave_oneof(schema, field, row);
            if let Some(place) = row.get_mut(usize::from(column)) {
                *place = cell;
            }
            Ok(())
        }
        Target::Message(nested) if wire_type == 2 => {
            let content = input.block()?;
            leave_oneof(schema, field, row);
            message(schema, nested, content, row)
        }
        _ => input.skip(field.number, wire_type, 0),
    }
}

/// The last member of a `oneof` on the wire stands.
#[inline]
fn leave_oneof(schema: &Schema, field: &FieldLayout, row: &mut RowBuf<'_>) {
    let Some((group, own)) = field.oneof else {
        return;
    };
    let Some(oneof) = schema.oneofs.get(usize::from(group)) else {
        return;
    };
    for (place, member) in oneof.members.iter().enumerate() {
        if place == usize::from(own) {
            continue;
        }
        if let Some(cells) = row.get_mut(usize::from(member.start)..usize::from(member.end)) {
            cells.fill(Cell::Null);
        }
    }
}

impl MessageLayout {
    #[inline]
    fn field(&self, number: u32) -> Option<&FieldLayout> {
        if (number as usize) < DIRECT {
            let place = usize::from(self.direct[number as usize]);
            return self.fields.get(place.wrapping_sub(1));
        }
        let found = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        self.fields.get(found)
    }
}

struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    #[inline]
    fn varint(&mut self) -> Result<u64, RowError> {
        match self.bytes {
            [first, rest @ ..] if *first < 0x80 => {
                self.bytes = rest;
                Ok(u64::from(*first))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, RowError> {
        let mut value = 0;
        for (place, byte) in self.bytes.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                if place == 9 && *byte > 1 {
                    return Err(RowError::Overlong);
                }
                self.bytes = &self.bytes[place + 1..];
                return Ok(value);
            }
        }
        Err(if self.bytes.len() < 10 { RowError::Truncated } else { RowError::Overlong })
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], RowError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(RowError::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline]
    fn block(&mut self) -> Result<&'a [u8], RowError> {
        let length = usize::try_from(self.varint()?).map_err(|_| RowError::Truncated)?;
        self.take(length)
    }

    fn four(&mut self) -> Result<[u8; 4], RowError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(RowError::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    fn eight(&mut self) -> Result<[u8; 8], RowError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(RowError::Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    #[inline]
    fn scalar(&mut self, kind: Scalar, column: u16) -> Result<Cell<'a>, RowError> {
        Ok(match kind {
            Scalar::String | Scalar::Bytes => Cell::Bytes(self.block()?),
            Scalar::Int64 => Cell::Int(self.varint()? as i64),
            Scalar::Int32 | Scalar::Enum => Cell::Int(i64::from(self.varint()? as i32)),
            Scalar::Uint32 => Cell::Int(i64::from(self.varint()? as u32)),
            Scalar::Uint64 => unsigned(self.varint()?, column)?,
            Scalar::Sint32 => {
                let raw = self.varint()? as u32;
                Cell::Int(i64::from(((raw >> 1) as i32) ^ -((raw & 1) as i32)))
            }
            Scalar::Sint64 => {
                let raw = self.varint()?;
                Cell::Int(((raw >> 1) as i64) ^ -((raw & 1) as i64))
            }
            Scalar::Bool => Cell::Bool(self.varint()? != 0),
            Scalar::Double => Cell::Float(f64::from_le_bytes(self.eight()?)),
            Scalar::Float => Cell::Float(f64::from(f32::from_le_bytes(self.four()?))),
            Scalar::Fixed32 => Cell::Int(i64::from(u32::from_le_bytes(self.four()?))),
            Scalar::Sfixed32 => Cell::Int(i64::from(i32::from_le_bytes(self.four()?))),
            Scalar::Fixed64 => unsigned(u64::from_le_bytes(self.eight()?), column)?,
            Scalar::Sfixed64 => Cell::Int(i64::from_le_bytes(self.eight()?)),
        })
    }

    fn skip(&mut self, number: u32, wire_type: u32, depth: u32) -> Result<(), RowError> {
        match wire_type {
            0 => self.varint().map(|_| ()),
            1 => self.take(8).map(|_| ()),
            2 => self.block().map(|_| ()),
            3 => self.skip_group(number, depth),
            5 => self.take(4).map(|_| ()),
            4 => Err(RowError::Group),
            _ => Err(RowError::Tag),
        }
    }

    fn skip_group(&mut self, number: u32, depth: u32) -> Result<(), RowError> {
        if depth >= MAX_GROUPS {
            return Err(RowError::Group);
        }
        loop {
            let key = self.varint()?;
            let inner = u32::try_from(key >> 3).ok().filter(|inner| *inner != 0).ok_or(RowError::Tag)?;
            match (key & 7) as u32 {
                4 if inner == number => return Ok(()),
                wire_type => self.skip(inner, wire_type, depth + 1)?,
            }
        }
    }
}

fn unsigned(value: u64, column: u16) -> Result<Cell<'static>, RowError> {
    i64::try_from(value).map(Cell::Int).map_err(|_| RowError::OutOfRange { column })
}
