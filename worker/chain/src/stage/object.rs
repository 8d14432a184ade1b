//! JSON objects, written field by field: the order is that of the calls, numbers are written in one way.

use crate::compile::definition::Definition;
use crate::parse::schema::{write_float, write_integer, write_text};
use crate::time::EventTime;
use crate::window::records::Scalar;
use std::io::Write;

/// An object that is being written. Call [`Object::close`] at its end.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes a name; the value is for the caller to append.
    pub fn name(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        write_text(name.as_bytes(), self.out);
        self.out.push(b':');
        self.out
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        write_text(value.as_bytes(), self.name(name));
    }

    /// Something that shows itself without characters that JSON escapes, as a text.
    pub fn shown(&mut self, name: &str, value: impl std::fmt::Display) {
        // Writing into a vector does not fail.
        let _ = write!(self.name(name), "\"{value}\"");
    }

    /// A time; null at either end of time.
    pub fn time(&mut self, name: &str, value: EventTime) {
        write_time(value, self.name(name));
    }

    /// A whole number.
    pub fn integer(&mut self, name: &str, value: impl Into<i128>) {
        let value = value.into();
        match i64::try_from(value) {
            Ok(value) => write_integer(value, self.name(name)),
            Err(_) => {
                let _ = write!(self.name(name), "{value}");
            }
        }
    }

    /// A truth value.
    pub fn bool(&mut self, name: &str, value: bool) {
        self.name(name).extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A value of a window. A number that is not finite is null.
    pub fn scalar(&mut self, name: &str, value: &Scalar) {
        write_scalar(value, self.name(name));
    }

    /// An object inside.
    pub fn object(&mut self, name: &str) -> Object<'_> {
        Object::open(self.name(name))
    }

    /// Names and values of a scope.
    pub fn scope(&mut self, name: &str, definition: &Definition, key: &[u8]) {
        let mut scope = Object::open(self.name(name));
        for (dimension, value) in definition.scope(key) {
            scope.text(dimension, &value);
        }
        scope.close();
    }

    /// Named values.
    pub fn scalars<'a>(&mut self, name: &str, values: impl IntoIterator<Item = (&'a str, &'a Scalar)>) {
        let mut object = Object::open(self.name(name));
        for (name, value) in values {
            object.scalar(name, value);
        }
        object.close();
    }

    /// Closes the object.
    pub fn close(self) {
        self.out.push(b'}');
    }
}

/// A time as a text; null at either end of time.
pub(crate) fn write_time(value: EventTime, out: &mut Vec<u8>) {
    match value {
        EventTime::MIN | EventTime::MAX => out.extend_from_slice(b"null"),
        // Writing into a vector does not fail.
        value => drop(write!(out, "\"{value}\"")),
    }
}

/// A value of a window; null for a number that is not finite.
pub(crate) fn write_scalar(value: &Scalar, out: &mut Vec<u8>) {
    match value {
        Scalar::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Scalar::Int(value) => write_integer(*value, out),
        Scalar::Float(value) if value.is_finite() => write_float(*value, out),
        Scalar::Text(value) => write_text(value.as_bytes(), out),
        Scalar::Null | Scalar::Float(_) => out.extend_from_slice(b"null"),
    }
}
