//! Row to JSON: nested as the message is, one line, the same bytes for the same row.

use super::{Leaf, Scalar, Schema};
use crate::row::{Cell, Row};
use std::ops::Range;

/// The message's shape as a list of steps, in order of declaration.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A nested message begins; nothing of it is written when all its cells are null.
    Open {
        /// `"name":`
        key: Box<[u8]>,
        /// Its columns.
        columns: Range<u16>,
        /// Index of the step behind its [`Step::Close`].
        end: usize,
    },
    /// A nested message ends.
    Close,
    /// A column.
    Leaf {
        /// `"name":`
        key: Box<[u8]>,
        /// Its index.
        column: u16,
    },
}

impl Step {
    pub(super) fn open(name: &str) -> Self {
        Self::Open { key: key(name), columns: 0..0, end: 0 }
    }

    pub(super) fn leaf(name: &str, column: u16) -> Self {
        Self::Leaf { key: key(name), column }
    }

    /// Completes a [`Step::Open`].
    pub(super) fn set_extent(&mut self, extent: Range<u16>, behind: usize) {
        if let Self::Open { columns, end, .. } = self {
            *columns = extent;
            *end = behind;
        }
    }
}

fn key(name: &str) -> Box<[u8]> {
    // Protobuf names need no escapes.
    format!("\"{name}\":").into_bytes().into_boxed_slice()
}

pub(super) fn write_row(schema: &Schema, row: &Row<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    let mut at = 0;
    while let Some(step) = schema.json.get(at) {
        at += 1;
        match step {
            Step::Open { key, columns, end } => {
                let cells = row.get(usize::from(columns.start)..usize::from(columns.end)).unwrap_or_default();
                if cells.iter().all(Cell::is_null) {
                    at = *end;
                    continue;
                }
                separate(&mut first, out);
                out.extend_from_slice(key);
                out.push(b'{');
                first = true;
            }
            Step::Close => {
                out.push(b'}');
                first = false;
            }
            Step::Leaf { key, column } => {
                let index = usize::from(*column);
                let (Some(cell), Some(leaf)) = (row.get(index), schema.leaves.get(index)) else {
                    continue;
                };
                if cell.is_null() {
                    continue;
                }
                separate(&mut first, out);
                out.extend_from_slice(key);
                write_cell(leaf, cell, out);
            }
        }
    }
    out.push(b'}');
}

fn separate(first: &mut bool, out: &mut Vec<u8>) {
    if !*first {
        out.push(b',');
    }
    *first = false;
}

pub(super) fn write_cell(leaf: &Leaf, cell: &Cell<'_>, out: &mut Vec<u8>) {
    match *cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Cell::Int(value) => match enum_name(leaf, value) {
            Some(name) => write_text(name.as_bytes(), out),
            None => write_integer(value, out),
        },
        Cell::Float(value) if leaf.kind == Scalar::Float => write_single(value as f32, out),
        Cell::Float(value) => write_float(value, out),
        Cell::Bytes(bytes) if leaf.kind == Scalar::Bytes => write_base64(bytes, out),
        Cell::Bytes(bytes) => write_text(bytes, out),
    }
}

fn enum_name(leaf: &Leaf, value: i64) -> Option<&str> {
    leaf.values.as_ref()?.name(i32::try_from(value).ok()?)
}

/// Appends a whole number.
pub fn write_integer(value: i64, out: &mut Vec<u8>) {
    // Writing into a vector does not fail.
    let _ = serde_json::to_writer(out, &value);
}

/// Appends a float in its shortest exact form; the values that JSON numbers lack as the strings of
/// Protobuf's JSON mapping.
pub fn write_float(value: f64, out: &mut Vec<u8>) {
    match special(value) {
        Some(text) => out.extend_from_slice(text),
        None => {
            let _ = serde_json::to_writer(out, &value);
        }
    }
}

fn write_single(value: f32, out: &mut Vec<u8>) {
    match special(f64::from(value)) {
        Some(text) => out.extend_from_slice(text),
        None => {
            let _ = serde_json::to_writer(out, &value);
        }
    }
}

fn special(value: f64) -> Option<&'static [u8]> {
    if value.is_nan() {
        Some(b"\"NaN\"")
    } else if value == f64::INFINITY {
        Some(b"\"Infinity\"")
    } else if value == f64::NEG_INFINITY {
        Some(b"\"-Infinity\"")
    } else {
        None
    }
}

/// True when all bytes stand in a JSON string as they are: printable ASCII but quote and backslash. Without an early
/// exit, so that it becomes vector instructions.
fn is_plain(bytes: &[u8]) -> bool {
    let odd = |byte: u8| (byte.wrapping_sub(0x20) >= 0x5f) | (byte == b'"') | (byte == b'\\');
    !bytes.iter().fold(false, |any, byte| any | odd(*byte))
}

/// Appends text as a JSON string; bytes that are not UTF-8 become U+FFFD.
pub fn write_text(bytes: &[u8], out: &mut Vec<u8>) {
    if is_plain(bytes) {
        out.push(b'"');
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = serde_json::to_writer(out, text.as_ref());
}

/// Appends bytes as a JSON string of standard base64 with padding (RFC 4648, section 4).
pub fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push(b'"');
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * place)) as usize & 0x3f];
            out.push(if place <= chunk.len() { digit } else { b'=' });
        }
    }
    out.push(b'"');
}
