//! What can go wrong: with a text when it is compiled ([`ExprError`]), and with a row when a
//! compiled text reads it ([`Fault`]).

use std::fmt;
use thiserror::Error;

/// A text that does not compile. `column` and `length` mark the part that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {message}; {remedy}")]
pub struct ExprError {
    /// Where the wrong part starts, counted in characters from 1.
    pub column: usize,
    /// How many characters are wrong, at least 1.
    pub length: usize,
    /// What was expected and what was found.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

/// Why a row gives no value. These are CEL's error values: they pass through every operator and
/// function, except that `&&` and `||` absorb them when the other side decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum Fault {
    /// The row does not say: a cell is null, or the row is too short.
    #[error("no such field")]
    NoSuchField,
    /// A cell does not hold what its column declares.
    #[error("no matching overload")]
    NoSuchOverload,
    /// A whole number, a duration or a timestamp left its range.
    #[error("overflow")]
    Overflow,
    /// A whole number was divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A text is not what a conversion needs.
    #[error("conversion failed")]
    Conversion,
    /// A computed text is longer than [`super::MAX_COMPUTED_TEXT`].
    #[error("computed text too long")]
    TooLong,
}

/// A part of the source, in bytes: `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The smallest part that holds both.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// An error before its place is counted in characters.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub span: Span,
    pub message: String,
    pub remedy: String,
}

impl Problem {
    pub fn new(span: Span, message: impl fmt::Display, remedy: impl fmt::Display) -> Self {
        Self { span, message: message.to_string(), remedy: remedy.to_string() }
    }

    /// The error as the caller sees it.
    pub fn place(self, source: &str) -> ExprError {
        let chars_to = |byte: usize| source.char_indices().take_while(|(at, _)| *at < byte).count();
        let start = chars_to(self.span.start);
        let length = chars_to(self.span.end).saturating_sub(start).max(1);
        ExprError { column: start + 1, length, message: one_line(&self.message), remedy: one_line(&self.remedy) }
    }
}

/// Texts of the source can stand in a message; one that breaks the line must not break it there.
fn one_line(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// The names closest to `wanted`, best first, at most three. Names further away than about a third
/// of their length are not suggested.
pub(super) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let allowed = 1 + wanted.chars().count() / 4;
    let mut near: Vec<(usize, &str)> = names
        .into_iter()
        .filter_map(|name| {
            let by_case = name.eq_ignore_ascii_case(wanted);
            // The last part alone is often what was meant: `status` for `http.status`.
            let by_tail = name.rsplit('.').next().is_some_and(|tail| tail == wanted && tail != name);
            let distance = if by_case || by_tail { 0 } else { distance(wanted, name, allowed)? };
            Some((distance, name))
        })
        .collect();
    near.sort();
    near.dedup();
    near.into_iter().map(|(_, name)| name).take(3).collect()
}

/// "did you mean `a` or `b`?", or `otherwise` when nothing is near.
pub(super) fn did_you_mean(near: &[&str], otherwise: impl FnOnce() -> String) -> String {
    match near {
        [] => otherwise(),
        [one] => format!("did you mean `{one}`?"),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|name| format!("`{name}`")).collect();
            format!("did you mean {} or `{last}`?", first.join(", "))
        }
    }
}

/// Optimal string alignment distance (an edit is an insertion, a deletion, a replacement or a swap
/// of neighbours), or nothing when it is above `allowed`.
fn distance(left: &str, right: &str, allowed: usize) -> Option<usize> {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.len().abs_diff(right.len()) > allowed {
        return None;
    }
    let width = right.len() + 1;
    let mut rows: [Vec<usize>; 3] = [vec![0; width], (0..width).collect(), vec![0; width]];
    for (i, a) in left.iter().enumerate() {
        let [before, last, this] = &mut rows;
        this[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replace = last[j] + usize::from(a != b);
            let mut best = replace.min(last[j + 1] + 1).min(this[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            this[j + 1] = best;
        }
        rows.rotate_left(1);
    }
    let found = rows[1][right.len()];
    (found <= allowed).then_some(found)
}
