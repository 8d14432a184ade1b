//! redact: what must not leave the worker.
//!
//! Rules run in the order of the manifest, on the finished row, before anything is encoded, mined or routed:
//!
//! ```text
//!  row ──pattern──► row ──drop──► row ──hash──► row          (events, late lines, templates, keys)
//!  raw line ──protected values masked──► ──patterns──► line   (dead letters)
//! ```
//!
//! - `pattern` replaces every match, in the named columns or in every text column.
//! - `drop` empties columns.
//! - `hash` puts a keyed hash ([`keyed_hash`]) in a column's place; equal values stay equal, so it can still be a join key.
//!
//! The raw bytes of a dead letter pass all patterns. Columns under `drop` or `hash` are *protected*: where the line could be
//! decoded, their values are masked wherever they stand in it; where one cannot be found (it was escaped in the line), or the
//! line could not be decoded, nobody can say where they stand, and the whole line is withheld. Position and length
//! stay, so a person with access to the source can still read it.
//!
//! This room never logs a value, and the key never shows in its debug form.

mod compile;
mod keyed_hash;
mod prefilter;
#[cfg(test)]
mod tests;

use crate::row::{Cell, Column, RowBuf};
use bumpalo::Bump;
use keyed_hash::KeyedHash;
use prefilter::Prefilter;
use regex::bytes::Regex;

/// Where the key of a keyed hash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRef<'a> {
    /// Entry `key` of a Secret of this name.
    Secret(&'a str),
    /// An environment variable.
    Environment(&'a str),
}

/// What a [`SecretSource`] says about a key. Has no debug form, since it holds the key.
pub enum Key {
    /// The key.
    Bytes(Vec<u8>),
    /// There is none of this name: a finding.
    Missing,
    /// Not asked for, since nothing will run (`validate`, the operator): values become `[hash]`.
    Withheld,
}

/// Gives keys at assembly.
pub trait SecretSource {
    /// The key at a place.
    fn key(&self, reference: KeyRef<'_>) -> Key;
}

/// For programs that are only checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl SecretSource for NoSecrets {
    fn key(&self, _: KeyRef<'_>) -> Key {
        Key::Withheld
    }
}

/// What stands for a hash whose key was withheld, and for a protected value in a raw line.
const NO_HASH: &[u8] = b"[hash]";
const MASK: &[u8] = b"[redacted]";
const WITHHELD: &str = "the manifest drops or hashes columns, and this line does not show where they stand";

/// The values of the protected columns in one line.
#[derive(Debug, Clone, Copy)]
pub enum Known<'k> {
    /// The line could not be decoded.
    Nothing,
    /// These, as they were extracted.
    Values(&'k [&'k [u8]]),
}

/// The compiled rules of a manifest.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    rules: Vec<Rule>,
    protected: Vec<Column>,
}

#[derive(Debug, Clone)]
enum Rule {
    Replace {
        pattern: PatternRule,
        columns: Vec<Column>,
    },
    Drop {
        columns: Vec<Column>,
    },
    /// Without a hash: the key was withheld.
    Hash {
        hash: Option<KeyedHash>,
        columns: Vec<Column>,
    },
}

#[derive(Debug, Clone)]
struct PatternRule {
    regex: Regex,
    prefilter: Prefilter,
    replacement: Box<[u8]>,
}

impl PatternRule {
    /// The text with every match replaced; the text itself when there is none.
    fn replace<'a>(&self, text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
        if !self.prefilter.may_match(text) {
            return text;
        }
        let mut matches = self.regex.find_iter(text).peekable();
        if matches.peek().is_none() {
            return text;
        }
        let mut replaced = bumpalo::collections::Vec::with_capacity_in(text.len() + self.replacement.len(), arena);
        let mut kept = 0;
        for found in matches {
            replaced.extend_from_slice(&text[kept..found.start()]);
            replaced.extend_from_slice(&self.replacement);
            kept = found.end();
        }
        replaced.extend_from_slice(&text[kept..]);
        replaced.into_bump_slice()
    }
}

impl Redactor {
    /// True when there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The columns under `drop` or `hash`, each once.
    pub fn protected(&self) -> &[Column] {
        &self.protected
    }

    /// Redacts a row.
    pub fn row<'a>(&self, row: &mut RowBuf<'a>, arena: &'a Bump) {
        for rule in &self.rules {
            match rule {
                Rule::Replace { pattern, columns } => {
                    each(row, columns, |bytes| Cell::Bytes(pattern.replace(bytes, arena)));
                }
                Rule::Hash { hash: Some(hash), columns } => {
                    each(row, columns, |bytes| Cell::Bytes(hash.digits(bytes, arena)));
                }
                Rule::Hash { hash: None, columns } => each(row, columns, |_| Cell::Bytes(NO_HASH)),
                Rule::Drop { columns } => {
                    for column in columns {
                        if let Some(cell) = row.get_mut(column.index()) {
                            *cell = Cell::Null;
                        }
                    }
                }
            }
        }
    }

    /// Redacts text that will be appended to a column: the patterns of that column. (Such a column is never
    /// protected, see `compile`.)
    pub fn text<'a>(&self, column: Column, text: &'a [u8], arena: &'a Bump) -> &'a [u8] {
        self.rules.iter().fold(text, |text, rule| match rule {
            Rule::Replace { pattern, columns } if columns.contains(&column) => pattern.replace(text, arena),
            _ => text,
        })
    }

    /// Redacts a raw line: protected values, then all patterns.
    pub fn line<'a>(&self, line: &'a [u8], known: Known<'_>, arena: &'a Bump) -> &'a [u8] {
        let mut line = line;
        if !self.protected.is_empty() {
            match masked(line, known, arena) {
                Some(masked) => line = masked,
                None => return withheld(line.len(), arena),
            }
        }
        self.rules.iter().fold(line, |line, rule| match rule {
            Rule::Replace { pattern, .. } => pattern.replace(line, arena),
            _ => line,
        })
    }
}

fn each<'a>(row: &mut RowBuf<'a>, columns: &[Column], change: impl Fn(&'a [u8]) -> Cell<'a>) {
    for column in columns {
        if let Some(cell) = row.get_mut(column.index())
            && let Cell::Bytes(bytes) = *cell
        {
            *cell = change(bytes);
        }
    }
}

/// The line with every occurrence of the values masked; none when a value cannot be found in it.
fn masked<'a>(line: &'a [u8], known: Known<'_>, arena: &'a Bump) -> Option<&'a [u8]> {
    let Known::Values(values) = known else {
        return None;
    };
    let mut line = line;
    for value in values.iter().filter(|value| !value.is_empty()) {
        let mut found = memchr::memmem::find_iter(line, value).peekable();
        found.peek()?;
        let mut copy = bumpalo::collections::Vec::with_capacity_in(line.len(), arena);
        let mut kept = 0;
        for start in found {
            copy.extend_from_slice(&line[kept..start]);
            copy.extend_from_slice(MASK);
            kept = start + value.len();
        }
        copy.extend_from_slice(&line[kept..]);
        line = copy.into_bump_slice();
    }
    Some(line)
}

fn withheld(length: usize, arena: &Bump) -> &[u8] {
    let text = bumpalo::format!(in arena, "[withheld: {} bytes; {}]", length, WITHHELD);
    text.into_bump_str().as_bytes()
}
