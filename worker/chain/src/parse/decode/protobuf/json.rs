//! Messages, lists and maps as JSON text, for paths that name one as a whole.
//!
//! Names are those of the schema. Integers are numbers, `bytes` are base64, enums their names. Fields stand in the order of their
//! numbers and map entries in the order of their keys, so that equal messages give equal text.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use crate::parse::schema::{write_base64, write_float, write_text};

/// The message in `body`; none when it is broken.
pub(super) fn read(descriptor: &MessageDescriptor, body: &[u8]) -> Option<DynamicMessage> {
    DynamicMessage::decode(descriptor.clone(), body).ok()
}

/// A message as text.
pub(super) fn message_text(message: &DynamicMessage) -> Vec<u8> {
    let mut out = Vec::new();
    write_message(message, &mut out);
    out
}

/// A field of a message as text; none when the message does not have it.
pub(super) fn field_text(message: &DynamicMessage, field: &FieldDescriptor) -> Option<Vec<u8>> {
    if !message.has_field(field) {
        return None;
    }
    let mut out = Vec::new();
    write_field(field, &message.get_field(field), &mut out);
    Some(out)
}

fn write_message(message: &DynamicMessage, out: &mut Vec<u8>) {
    let mut fields: Vec<(FieldDescriptor, &Value)> = message.fields().collect();
    fields.sort_by_key(|(field, _)| field.number());
    out.push(b'{');
    for (index, (field, value)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(field.name().as_bytes(), out);
        out.push(b':');
        write_field(field, value, out);
    }
    out.push(b'}');
}

fn write_field(field: &FieldDescriptor, value: &Value, out: &mut Vec<u8>) {
    let kind = field.kind();
    match value {
        Value::List(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(&kind, element, out);
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            let value_kind = kind.as_message().map(|entry| entry.map_entry_value_field().kind());
            let mut entries: Vec<(String, &Value)> =
                entries.iter().map(|(key, value)| (key_text(key), value)).collect();
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            out.push(b'{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(key.as_bytes(), out);
                out.push(b':');
                write_value(value_kind.as_ref().unwrap_or(&kind), value, out);
            }
            out.push(b'}');
        }
        single => write_value(&kind, single, out),
    }
}

fn write_value(kind: &Kind, value: &Value, out: &mut Vec<u8>) {
    let plain = |text: String, out: &mut Vec<u8>| out.extend_from_slice(text.as_bytes());
    match value {
        Value::Bool(value) => plain(value.to_string(), out),
        Value::I32(value) => plain(value.to_string(), out),
        Value::I64(value) => plain(value.to_string(), out),
        Value::U32(value) => plain(value.to_string(), out),
        Value::U64(value) => plain(value.to_string(), out),
        Value::F32(value) => write_float(f64::from(*value), out),
        Value::F64(value) => write_float(*value, out),
        Value::String(text) => write_text(text.as_bytes(), out),
        Value::Bytes(bytes) => write_base64(bytes, out),
        Value::EnumNumber(number) => match kind.as_enum().and_then(|names| names.get_value(*number)) {
            Some(known) => write_text(known.name().as_bytes(), out),
            None => plain(number.to_string(), out),
        },
        Value::Message(message) => write_message(message, out),
        // Lists and maps stand in fields only.
        Value::List(_) | Value::Map(_) => out.extend_from_slice(b"null"),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
