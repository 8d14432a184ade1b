//! Patterns with named values, compiled with limits: the machine behind `regex` and `grok`.
//!
//! The engine is linear in the line: it has no look-around and no backreferences, and a manifest that asks
//! for them is told so. The compiled size is bounded, so that a pattern such as `(a{1000}){1000}` is a finding and not
//! a gigabyte.
//!
//! Patterns match bytes. `.`, `\d`, `\w` and `\b` are ASCII, so that a line with a byte that is not UTF-8
//! still matches; a pattern that needs Unicode (`\p{Greek}`, `[é]`) is compiled with it.

use regex::bytes::{CaptureLocations, Regex, RegexBuilder};
use regex_syntax::ast::ErrorKind;

use super::error::{Fault, FaultKind, Problem};
use crate::parse::fields::{Extracted, Slot, Slots};

/// Greatest size of a compiled pattern. The largest pattern of the standard grok library takes a tenth.
const SIZE_LIMIT: usize = 4 << 20;
/// Greatest size of the cache of the lazy automaton, per thread that matches.
const CACHE_LIMIT: usize = 2 << 20;

/// What the text of a group becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Conversion {
    /// Text.
    #[default]
    Text,
    /// An integer; text that is none stays text, and the column says so.
    Int,
    /// A float; likewise.
    Float,
}

/// One group that somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capture {
    /// Index of the group.
    pub group: usize,
    pub slot: Slot,
    pub conversion: Conversion,
}

/// A compiled pattern. Of several groups that fill one slot the last that matched counts.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    captures: Vec<Capture>,
}

impl Pattern {
    /// A pattern and what it fills.
    pub fn new(regex: Regex, captures: Vec<Capture>) -> Self {
        Self { regex, captures }
    }

    /// Memory for [`Pattern::decode`], reused from line to line.
    pub fn locations(&self) -> CaptureLocations {
        self.regex.capture_locations()
    }

    /// Fills the slots when the pattern matches anywhere in `input`.
    pub fn decode<'a>(
        &self,
        input: &'a [u8],
        locations: &mut CaptureLocations,
        slots: &mut Slots<'a>,
    ) -> Result<(), Fault> {
        if self.captures.is_empty() {
            return if self.regex.is_match(input) { Ok(()) } else { Err(no_match()) };
        }
        self.regex.captures_read(locations, input).ok_or_else(no_match)?;
        for capture in &self.captures {
            if let Some((start, end)) = locations.get(capture.group) {
                slots.set(capture.slot, capture.conversion.convert(&input[start..end]));
            }
        }
        Ok(())
    }
}

#[cold]
fn no_match() -> Fault {
    Fault::new(0, FaultKind::NoMatch)
}

impl Conversion {
    #[inline]
    fn convert(self, text: &[u8]) -> Extracted<'_> {
        let utf8 = || std::str::from_utf8(text).ok();
        match self {
            Self::Text => None,
            Self::Int => utf8().and_then(|text| text.parse().ok()).map(Extracted::Int),
            Self::Float => {
                let value: Option<f64> = utf8().and_then(|text| text.parse().ok());
                value.filter(|value| value.is_finite()).map(Extracted::Float)
            }
        }
        .unwrap_or(Extracted::Text(text))
    }
}

/// Compiles `pattern` within the limits; `field` is where it stands in the step.
pub(super) fn compile(pattern: &str, field: &'static str) -> Result<Regex, Problem> {
    let build = |unicode: bool| {
        RegexBuilder::new(pattern).unicode(unicode).size_limit(SIZE_LIMIT).dfa_size_limit(CACHE_LIMIT).build()
    };
    match build(false) {
        Err(regex::Error::Syntax(_)) => build(true),
        other => other,
    }
    .map_err(|error| explain(pattern, field, &error))
}

fn explain(pattern: &str, field: &'static str, error: &regex::Error) -> Problem {
    if let regex::Error::CompiledTooBig(limit) = error {
        return Problem::new(
            field,
            format!("the compiled pattern is larger than {} MiB", limit >> 20),
            "Lower its repetition counts; counts inside counts multiply, `(a{1000}){1000}` is a million states",
        );
    }
    let Err(syntax) = regex_syntax::ast::parse::Parser::new().parse(pattern) else {
        return Problem::new(field, last_line(&error.to_string()), "Correct the pattern");
    };
    let at = syntax.span().start.offset;
    match syntax.kind() {
        ErrorKind::UnsupportedLookAround => Problem::new(
            field,
            format!("look-around at byte {at}: patterns match in linear time, which excludes it"),
            "Match the text around it as well and name only the part you want",
        ),
        ErrorKind::UnsupportedBackreference => Problem::new(
            field,
            format!("backreference at byte {at}: patterns match in linear time, which excludes it"),
            "Write the repeated part out, or extract both and compare them in `filter`",
        ),
        _ if pattern[at..].starts_with('>') || pattern[..at].ends_with("(?>") => Problem::new(
            field,
            format!("atomic group at byte {at}: patterns match in linear time and need none"),
            "Write `(?:` instead of `(?>`",
        ),
        kind => Problem::new(field, format!("{kind} at byte {at}"), "Correct the pattern"),
    }
}

/// The last line of the engine's message, which says what is wrong.
fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
