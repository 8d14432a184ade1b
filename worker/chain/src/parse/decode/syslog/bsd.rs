//! RFC 3164, which describes what daemons did rather than what they must do: `TIMESTAMP HOST TAG[PID]: MESSAGE`.
//!
//! Read here: `Oct  1 22:14:15`, with a fraction, with a year before the time (`Oct 1 2026 22:14:15`) or at the end
//! (`Oct 1 22:14:15 2026`), with Cisco's leading `*` or `.`, and ISO 8601 as rsyslog writes into files. The host may be missing
//! (the word behind the time is then a tag: it ends with `:` or `]:`), and so may the tag.

use super::{Cursor, SyslogSlots, set_text};
use crate::parse::decode::error::Fault;
use crate::parse::fields::Slots;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A tag: a program, and perhaps its process.
struct Tag<'a> {
    program: &'a [u8],
    process: Option<&'a [u8]>,
    /// Length, with the colon.
    length: usize,
}

impl SyslogSlots {
    /// Reads what follows the priority, or the whole line.
    pub(super) fn bsd<'a>(&self, cursor: &mut Cursor<'a>, slots: &mut Slots<'a>) -> Result<(), Fault> {
        cursor.skip_spaces();
        if let Some(b'*' | b'.') = cursor.rest().first() {
            cursor.at += 1;
        }
        let length = timestamp(cursor.rest());
        if length == 0 {
            return Err(cursor.fault("a timestamp such as Oct 11 22:14:15"));
        }
        set_text(self.timestamp, cursor.rest().get(..length), slots);
        cursor.at += length;
        match cursor.rest() {
            // Cisco writes a colon behind the time.
            [b':', b' ', ..] => cursor.at += 1,
            [] | [b' ', ..] => {}
            _ => return Err(cursor.fault("a space behind the timestamp")),
        }
        cursor.skip_spaces();
        if tag(cursor.rest()).is_none() {
            let host = cursor.word();
            set_text(self.hostname, (!host.is_empty() && host != b"-").then_some(host), slots);
            cursor.skip_spaces();
        }
        if let Some(tag) = tag(cursor.rest()) {
            set_text(self.appname, Some(tag.program), slots);
            set_text(self.procid, tag.process, slots);
            cursor.at += tag.length;
        }
        let message = cursor.rest();
        set_text(self.message, Some(message.strip_prefix(b" ").unwrap_or(message)), slots);
        Ok(())
    }
}

/// The tag at the start of `text`: no space, then `:`; or a process in brackets, then `:` or a space.
fn tag(text: &[u8]) -> Option<Tag<'_>> {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'[' | b':'))?;
    if end == 0 {
        return None;
    }
    let (program, rest) = text.split_at(end);
    match rest {
        [b':'] | [b':', b' ', ..] => Some(Tag { program, process: None, length: end + 1 }),
        // A colon inside a word is an IPv6 host or a name such as `a::b:`.
        [b':', ..] => colon_word(text),
        [b'[', inner @ ..] => {
            let close = memchr::memchr2(b']', b' ', inner).filter(|close| inner[*close] == b']')?;
            let behind = &inner[close + 1..];
            let colon = usize::from(behind.first() == Some(&b':'));
            let ends = colon == 1 || behind.is_empty() || behind[0] == b' ';
            ends.then(|| Tag { program, process: Some(&inner[..close]), length: end + close + 2 + colon })
        }
        _ => None,
    }
}

/// A word with colons inside that also ends with one.
fn colon_word(text: &[u8]) -> Option<Tag<'_>> {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let program = text[..end].strip_suffix(b":")?;
    Some(Tag { program, process: None, length: end })
}

/// The length of the timestamp at the start of `text`; 0 when there is none.
fn timestamp(text: &[u8]) -> usize {
    if text.first().is_some_and(u8::is_ascii_digit) {
        return iso_timestamp(text);
    }
    let Some(month) = text.first_chunk::<3>() else {
        return 0;
    };
    if !MONTHS.contains(&month) {
        return 0;
    }
    let mut at = 3;
    let Some(day) = number(text, &mut at, 1, 2) else {
        return 0;
    };
    let mut length = 0;
    let mut behind = at;
    if day > 0 && number(text, &mut behind, 4, 4).is_some() {
        length = clock(text, behind);
    }
    if length == 0 {
        length = clock(text, at);
        behind = length;
        if length > 0 && number(text, &mut behind, 4, 4).is_some() && year_ends(text, behind) {
            length = behind;
        }
    }
    length
}

/// A year at the end of the time is one of this era, and a word of its own.
fn year_ends(text: &[u8], end: usize) -> bool {
    let year = &text[end - 4..end];
    (year.starts_with(b"19") || year.starts_with(b"20")) && matches!(text.get(end), None | Some(b' ' | b':'))
}

/// Spaces, then `min` to `max` digits; `at` moves behind them.
fn number(text: &[u8], at: &mut usize, min: usize, max: usize) -> Option<u32> {
    let rest = text.get(*at..)?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let digits = rest[spaces..].iter().take(max + 1).take_while(|byte| byte.is_ascii_digit()).count();
    if spaces == 0 || digits < min || digits > max {
        return None;
    }
    *at += spaces + digits;
    let digits = &rest[spaces..spaces + digits];
    Some(digits.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
}

/// Behind ` 22:14:15` and a fraction, when that stands at `at`; else 0.
fn clock(text: &[u8], at: usize) -> usize {
    let Some(rest) = text.get(at..) else { return 0 };
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let Some(time) = rest[spaces..].first_chunk::<8>() else {
        return 0;
    };
    let shape = |(index, byte): (usize, &u8)| {
        if index % 3 == 2 { *byte == b':' } else { byte.is_ascii_digit() }
    };
    if spaces == 0 || !time.iter().enumerate().all(shape) {
        return 0;
    }
    let end = at + spaces + 8;
    end + fraction(&text[end..])
}

fn fraction(text: &[u8]) -> usize {
    let digits = text.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    if matches!(text.first(), Some(b'.' | b',')) && digits > 0 { digits + 1 } else { 0 }
}

/// `2026-11-01T10:42:00.5+02:00`: a date, `T`, and what belongs to a time.
fn iso_timestamp(text: &[u8]) -> usize {
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let word = &text[..end];
    let date = word.len() >= 19 && word[4] == b'-' && word[7] == b'-' && word[10] == b'T' && word[13] == b':';
    let time = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b',' | b'+' | b'T' | b'Z');
    if !date {
        return 0;
    }
    word.iter().position(|byte| !time(byte)).unwrap_or(end)
}
