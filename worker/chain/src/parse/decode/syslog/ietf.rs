//! RFC 5424: `VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD MESSAGE`, behind the priority.

use super::{Cursor, SyslogSlots, set_text};
use crate::parse::decode::error::Fault;
use crate::parse::decode::quoted::Quoted;
use crate::parse::fields::{Extracted, Slots};

impl SyslogSlots {
    /// Reads what follows the priority.
    pub(super) fn ietf<'a>(&self, cursor: &mut Cursor<'a>, slots: &mut Slots<'a>) -> Result<(), Fault> {
        if !cursor.at_version() {
            return Err(cursor.fault("a version"));
        }
        let version = cursor.word();
        if let Some(slot) = self.version {
            let value = version.iter().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
            slots.set(slot, Extracted::Int(value));
        }
        let header = [
            (self.timestamp, "a timestamp"),
            (self.hostname, "a host name"),
            (self.appname, "an application name"),
            (self.procid, "a process id"),
            (self.msgid, "a message id"),
        ];
        for (slot, what) in header {
            if cursor.rest().first().is_none_or(|byte| *byte == b' ') {
                return Err(cursor.fault(what));
            }
            let word = cursor.word();
            set_text(slot, (word != b"-").then_some(word), slots);
        }
        self.structured_data(cursor, slots)?;
        let message = match cursor.rest() {
            [] => &[],
            [b' ', message @ ..] => message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message),
            _ => return Err(cursor.fault("a space behind the structured data")),
        };
        set_text(self.message, Some(message), slots);
        Ok(())
    }

    /// `-`, or elements `[id name="value" …]` without anything between them.
    fn structured_data<'a>(&self, cursor: &mut Cursor<'a>, slots: &mut Slots<'a>) -> Result<(), Fault> {
        let start = cursor.at;
        match cursor.rest().first() {
            Some(b'-') => {
                cursor.at += 1;
                return Ok(());
            }
            Some(b'[') => {}
            _ => return Err(cursor.fault("structured data, `-` or `[`")),
        }
        while cursor.rest().first() == Some(&b'[') {
            cursor.at += 1;
            let id = name(cursor, "the id of an element")?;
            self.parameters(id, cursor, slots)?;
        }
        set_text(self.structured, Some(&cursor.input[start..cursor.at]), slots);
        Ok(())
    }

    /// The parameters of one element, and its closing bracket.
    fn parameters<'a>(&self, id: &[u8], cursor: &mut Cursor<'a>, slots: &mut Slots<'a>) -> Result<(), Fault> {
        loop {
            cursor.skip_spaces();
            if cursor.rest().first() == Some(&b']') {
                cursor.at += 1;
                return Ok(());
            }
            let parameter = name(cursor, "a parameter or `]`")?;
            if !cursor.rest().starts_with(b"=\"") {
                return Err(cursor.fault("`=\"`"));
            }
            let quoted = Quoted::read(cursor.input, cursor.at + 2, b'"')?;
            cursor.at = quoted.end;
            for (wanted, slot) in &self.parameters {
                if is_pair(wanted, id, parameter) {
                    let text = if quoted.escaped { unescape(quoted.raw, slots) } else { quoted.raw };
                    slots.set(*slot, Extracted::Text(text));
                }
            }
        }
    }
}

/// True when `wanted` is `id.parameter`.
fn is_pair(wanted: &[u8], id: &[u8], parameter: &[u8]) -> bool {
    wanted.strip_prefix(id).and_then(|rest| rest.strip_prefix(b".")) == Some(parameter)
}

/// A name: up to `=`, space, `]` or `"`, at least one byte.
fn name<'a>(cursor: &mut Cursor<'a>, expected: &'static str) -> Result<&'a [u8], Fault> {
    let rest = cursor.rest();
    let end = rest.iter().position(|byte| matches!(byte, b'=' | b' ' | b']' | b'"')).unwrap_or(rest.len());
    if end == 0 {
        return Err(cursor.fault(expected));
    }
    cursor.at += end;
    Ok(&rest[..end])
}

/// Only `\"`, `\\` and `\]` are escapes; before anything else the backslash is text (RFC 5424, 6.3.3).
fn unescape<'a>(raw: &[u8], slots: &Slots<'a>) -> &'a [u8] {
    let mut text = bumpalo::collections::Vec::with_capacity_in(raw.len(), slots.arena());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next_if(|next| matches!(next, b'"' | b'\\' | b']')) } else { None };
        text.push(escaped.unwrap_or(byte));
    }
    text.into_bump_slice()
}
