//! Forms of values: byte classes and the small recognisers that the scanner uses.
//!
//! Everything here looks at bytes only and runs in one pass over its input.

use super::scan::WILDCARD;

/// White space.
pub(super) const SPACE: u16 = 1;
/// `0` to `9`.
pub(super) const DIGIT: u16 = 2;
/// Punctuation that ends a segment.
pub(super) const SEPARATOR: u16 = 4;
/// `/` and `\`.
pub(super) const SLASH: u16 = 8;
/// `.`.
pub(super) const DOT: u16 = 16;
/// `@`.
pub(super) const AT: u16 = 32;
/// `<`, which may open `<*>`.
pub(super) const HOLE: u16 = 64;
/// A letter, or a byte above ASCII.
pub(super) const ALPHA: u16 = 128;
/// `=` and `:`, behind which a literal may stand.
pub(super) const PAIR: u16 = 256;

const CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
    let mut table = [0u16; 256];
    let mut byte = 0usize;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => SPACE,
            b'0'..=b'9' => DIGIT,
            b'<' => SEPARATOR | HOLE,
            b':' | b'=' => SEPARATOR | PAIR,
            b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b'\'' | b'`' | b'|' | b'>' | b'!' | b'?'
            | b'*' => SEPARATOR,
            b'/' | b'\\' => SLASH,
            b'.' => DOT,
            b'@' => AT,
            b'a'..=b'z' | b'A'..=b'Z' | 0x80..=0xff => ALPHA,
            _ => 0,
        };
        byte += 1;
    }
    table
}

/// The class bits of a byte.
#[inline]
pub(super) fn class(byte: u8) -> u16 {
    CLASSES[usize::from(byte)]
}

/// Whether only bytes stand here that may join two masked values into one.
#[inline]
pub(super) fn all_joiners(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'.' | b',' | b':' | b'/' | b'_' | b'@' | b'+' | b'-'))
}

/// Whether a letter stands outside every `<*>`.
pub(super) fn letters_outside_masks(text: &[u8]) -> bool {
    text.iter().any(|byte| class(*byte) & ALPHA != 0)
}

/// Whether `text` holds `<*>`.
pub(super) fn holds_hole(text: &[u8]) -> bool {
    text.windows(WILDCARD.len()).any(|window| window == WILDCARD)
}

/// `true`, `false`, `null` and `nil` in lower case, upper case and capitalised.
pub(super) fn is_literal(word: &[u8]) -> bool {
    const LITERALS: [&[u8]; 4] = [b"true", b"false", b"null", b"nil"];
    (3..=5).contains(&word.len())
        && LITERALS.iter().any(|literal| {
            word.eq_ignore_ascii_case(literal)
                && (word[1..].iter().all(u8::is_ascii_lowercase) || word.iter().all(u8::is_ascii_uppercase))
        })
}

/// Whether a token without any other sign of a value is a literal in punctuation, such as `(true),`.
#[inline]
pub(super) fn is_bracketed_literal(token: &[u8]) -> bool {
    if !(3..=9).contains(&token.len()) {
        return false;
    }
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic();
    let (Some(first), Some(last)) = (token.iter().position(is_letter), token.iter().rposition(is_letter)) else {
        return false;
    };
    matches!(token[first] | 0x20, b't' | b'f' | b'n') && is_literal(&token[first..=last])
}

/// The segment of `token` that starts at `at` (not a separator): its end, and whether it is a value.
pub(super) fn segment(token: &[u8], at: usize) -> (usize, bool) {
    let (end, bits) = segment_end(token, at);
    if end == at {
        let dots = token[at..].iter().take_while(|byte| **byte == b'.').count();
        return (at + dots.max(1), false);
    }
    let word = &token[at..end];
    let rest = &token[end..];
    if rest.first() == Some(&b':') {
        if let Some(length) = url(word, rest).or_else(|| drive(word, rest)) {
            return (end + length, true);
        }
        if let Some(length) = hex_groups(&token[at..]) {
            return (at + length, true);
        }
    }
    let value = bits & (DIGIT | HOLE) != 0
        || is_path(word, bits)
        || bits & DOT != 0 && is_dotted_name(word)
        || bits & AT != 0 && is_address(word)
        || is_literal(word);
    (end, value)
}

/// Where the segment ends, and its class bits. Two dots in a row and a last single dot are no part of it.
fn segment_end(token: &[u8], at: usize) -> (usize, u16) {
    let mut bits = 0;
    let mut end = at;
    if token[at..].starts_with(b"../") {
        bits = SLASH | DOT;
        end += 3;
    }
    while end < token.len() {
        let byte_class = class(token[end]);
        if byte_class & SEPARATOR != 0 {
            if !token[end..].starts_with(WILDCARD) {
                break;
            }
            bits |= HOLE;
            end += WILDCARD.len();
            continue;
        }
        if byte_class & DOT != 0 && token.get(end + 1) == Some(&b'.') {
            break;
        }
        bits |= byte_class;
        end += 1;
    }
    if end > at && token[end - 1] == b'.' {
        end -= 1;
    }
    (end, bits)
}

/// `scheme://…`: how many bytes after the scheme belong to it.
fn url(scheme: &[u8], rest: &[u8]) -> Option<usize> {
    let is_scheme = scheme[0].is_ascii_alphabetic()
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if !is_scheme || !rest.starts_with(b"://") || rest.len() == 3 {
        return None;
    }
    Some(until(rest, |byte| matches!(byte, b'"' | b'\'' | b'<' | b'>' | b',' | b';' | b')' | b']' | b'}')))
}

/// `C:\…`.
fn drive(letter: &[u8], rest: &[u8]) -> Option<usize> {
    if letter.len() != 1 || !letter[0].is_ascii_alphabetic() || !rest.starts_with(b":\\") {
        return None;
    }
    Some(until(rest, |byte| matches!(byte, b'"' | b'\'' | b',' | b';' | b'(' | b')')))
}

fn until(bytes: &[u8], stop: fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| stop(*byte)).unwrap_or(bytes.len())
}

/// Hardware and IPv6 addresses: four or more groups of hexadecimal digits between colons, with at
/// least one decimal digit.
fn hex_groups(bytes: &[u8]) -> Option<usize> {
    let (mut groups, mut digits, mut decimal, mut end) = (1, 0, false, 0);
    while end < bytes.len() {
        match bytes[end] {
            byte if byte.is_ascii_hexdigit() => {
                digits += 1;
                decimal |= byte.is_ascii_digit();
            }
            b':' if bytes.get(end + 1).is_some_and(|next| next.is_ascii_hexdigit() || *next == b':') => {
                groups += 1;
                digits = 0;
            }
            _ => break,
        }
        if digits > 4 {
            return None;
        }
        end += 1;
    }
    let complete = bytes.get(end).is_none_or(|next| class(*next) & (ALPHA | DIGIT) == 0);
    (groups >= 4 && decimal && complete).then_some(end)
}

/// Rooted (`/etc/hosts`, `./a`, `~/b`), or with two separators inside.
fn is_path(word: &[u8], bits: u16) -> bool {
    if bits & SLASH == 0 {
        return false;
    }
    let is_slash = |byte: &&u8| matches!(**byte, b'/' | b'\\');
    let rooted =
        matches!(word[0], b'/' | b'\\') || [b"./".as_slice(), b"../", b"~/"].iter().any(|root| word.starts_with(root));
    let slashes = word.iter().filter(is_slash).count();
    bits & ALPHA != 0 && (rooted || slashes >= 2)
}

/// `org.apache.hadoop.Server`, `proxy.example.net`: three or more parts, none of them empty.
fn is_dotted_name(word: &[u8]) -> bool {
    let (mut parts, mut part) = (1, 0usize);
    for byte in word {
        match byte {
            b'.' if part > 0 => {
                parts += 1;
                part = 0;
            }
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$' | b'/') => {
                part += 1;
            }
            _ => return false,
        }
    }
    parts >= 3 && part > 0
}

/// `user@host`.
fn is_address(word: &[u8]) -> bool {
    match word.iter().position(|byte| *byte == b'@') {
        Some(at) => at > 0 && word.get(at + 1).is_some_and(|next| class(*next) & ALPHA != 0),
        None => false,
    }
}

/// `Jan` to `Dec`.
pub(super) fn is_month(token: &[u8]) -> bool {
    matches!(
        token.strip_suffix(b",").unwrap_or(token),
        b"Jan" | b"Feb" | b"Mar" | b"Apr" | b"May" | b"Jun" | b"Jul" | b"Aug" | b"Sep" | b"Oct" | b"Nov" | b"Dec"
    )
}

/// `Mon` to `Sun`, also with a comma.
pub(super) fn is_weekday(token: &[u8]) -> bool {
    matches!(token.strip_suffix(b",").unwrap_or(token), b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun")
}

/// `UTC`, `PDT`, `CEST`: three or four capitals that end in T, or UTC.
pub(super) fn is_zone(token: &[u8]) -> bool {
    token == b"UTC"
        || (3..=4).contains(&token.len()) && token.ends_with(b"T") && token.iter().all(u8::is_ascii_uppercase)
}

/// The length of the unit that `token` begins with, when nothing but punctuation follows it.
#[inline]
pub(super) fn unit(token: &[u8]) -> Option<usize> {
    let letters = token.iter().take_while(|byte| class(**byte) & (ALPHA | DIGIT) != 0).count();
    let rest = &token[letters..];
    if !(1..=3).contains(&letters) || rest.iter().any(|byte| class(*byte) & SEPARATOR == 0 && *byte != b'.') {
        return None;
    }
    (is_size_unit(&token[..letters]) || is_time_unit(&token[..letters])).then_some(letters)
}

/// `B`, `KB`, `MiB`, …
pub(super) fn is_size_unit(unit: &[u8]) -> bool {
    let Some(prefix) = unit.strip_suffix(b"B") else { return false };
    matches!(prefix.strip_suffix(b"i").unwrap_or(prefix), b"" | b"K" | b"k" | b"M" | b"G" | b"T" | b"P")
}

/// `ns`, `us`, `ms`, `s`.
pub(super) fn is_time_unit(unit: &[u8]) -> bool {
    matches!(unit, b"ns" | b"us" | b"ms" | b"s")
}
