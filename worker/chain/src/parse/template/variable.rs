//! The values of a line: what stands where its template has `<*>`.

use std::fmt;
use std::ops::Range;

use super::form;

/// What a value is, judged by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A decimal number, whole or with a fraction, with or without a sign.
    Number,
    /// A hexadecimal number: `0x…`, or eight or more hexadecimal digits.
    Hex,
    /// An IPv4 or IPv6 address, with or without a port.
    Ip,
    /// A UUID.
    Uuid,
    /// A file path.
    Path,
    /// A URL.
    Url,
    /// A mail address or `user@host`.
    Address,
    /// A number with a unit of time.
    Duration,
    /// A number with a unit of size.
    Size,
    /// A date or a time of day.
    Timestamp,
    /// `true`, `false`, `null`, `nil`.
    Literal,
    /// A name of dotted parts: a host or a class.
    Name,
    /// Letters and digits together.
    Id,
    /// Plain words.
    Word,
    /// Several values in a row.
    List,
    /// What lies beyond the bound on the length of a line.
    Rest,
    /// What the mask of this index in the rules matched.
    Mask(u16),
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Number => "number",
            Self::Hex => "hex",
            Self::Ip => "ip",
            Self::Uuid => "uuid",
            Self::Path => "path",
            Self::Url => "url",
            Self::Address => "address",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Timestamp => "timestamp",
            Self::Literal => "literal",
            Self::Name => "name",
            Self::Id => "id",
            Self::Word => "word",
            Self::List => "list",
            Self::Rest => "rest",
            Self::Mask(index) => return write!(formatter, "mask{index}"),
        })
    }
}

/// One value of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// What it is.
    pub kind: Kind,
    /// Where it stands in the line, in bytes.
    pub range: Range<usize>,
}

impl Kind {
    /// The kind of a value by its form.
    pub fn of(value: &[u8]) -> Self {
        if value.iter().any(u8::is_ascii_whitespace) {
            return of_spaced(value);
        }
        let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return of_letters(value);
        }
        if is_number(value) {
            return Self::Number;
        }
        if is_uuid(value) {
            return Self::Uuid;
        }
        if is_ip(value) {
            return Self::Ip;
        }
        if is_hex(value) {
            return Self::Hex;
        }
        if let Some(kind) = with_unit(value) {
            return kind;
        }
        if is_timestamp(value) {
            return Self::Timestamp;
        }
        if value.contains(&b'/') || value.contains(&b'\\') || value.contains(&b'@') {
            return of_letters(value);
        }
        if value.contains(&b',') { Self::List } else { Self::Id }
    }
}

fn of_letters(value: &[u8]) -> Kind {
    if form::is_literal(value) {
        Kind::Literal
    } else if value.windows(3).any(|window| window == b"://") {
        Kind::Url
    } else if value.contains(&b'/') || value.contains(&b'\\') {
        Kind::Path
    } else if value.contains(&b'@') {
        Kind::Address
    } else if value.iter().filter(|byte| **byte == b'.').count() >= 2 {
        Kind::Name
    } else {
        Kind::Word
    }
}

/// A value of several tokens: a number with its unit, or a list.
fn of_spaced(value: &[u8]) -> Kind {
    let mut parts = value.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(unit), None) if form::is_size_unit(unit) => Kind::Size,
        (Some(_), Some(unit), None) if form::is_time_unit(unit) => Kind::Duration,
        _ => Kind::List,
    }
}

fn is_number(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
    let dots = value.iter().filter(|byte| **byte == b'.').count();
    dots <= 1 && value.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

fn is_hex(value: &[u8]) -> bool {
    match value.strip_prefix(b"0x").or(value.strip_prefix(b"0X")) {
        Some(digits) => !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit),
        None => value.len() >= 8 && value.iter().all(u8::is_ascii_hexdigit),
    }
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_ip(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let text = text.strip_prefix('/').unwrap_or(text);
    text.parse::<std::net::IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok()
}

fn with_unit(value: &[u8]) -> Option<Kind> {
    let split = value.iter().position(u8::is_ascii_alphabetic)?;
    let (number, unit) = value.split_at(split);
    if number.is_empty() || !is_number(number) {
        return None;
    }
    if form::is_size_unit(unit) {
        Some(Kind::Size)
    } else {
        (form::is_time_unit(unit) || matches!(unit, b"m" | b"h" | b"d")).then_some(Kind::Duration)
    }
}

/// Digits in groups between `:`, `-`, `/`, `.`, `T` and `Z`: `2016-09-28T04:30:31.455Z`, `14:42:34`.
fn is_timestamp(value: &[u8]) -> bool {
    let allowed =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b':' | b'-' | b'/' | b'.' | b',' | b'T' | b'Z' | b'+');
    let groups = value.split(|byte| !byte.is_ascii_digit()).filter(|group| !group.is_empty());
    let clock = value.contains(&b':') && groups.clone().all(|group| group.len() <= 6);
    let date = value.iter().filter(|byte| matches!(byte, b'-' | b'/')).count() == 2;
    value.iter().all(allowed) && value.first().is_some_and(u8::is_ascii_digit) && groups.count() >= 3 && (clock || date)
}
