//! Findings: what is wrong with a resource, where, why, and what to do about it.
//!
//! One type for everything that reads, checks or compiles resources, so that the command line, the
//! operator's status and editors show the same words. A finding never carries a secret's value: it
//! quotes names, bounds and the text of the resource, which hold none.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A place in a file. Line and column count from 1; the column counts characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// The file, as it was named to the reader.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// The resource cannot run.
    #[default]
    Error,
    /// The resource can run, but something in it is probably not meant.
    Warning,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $reason:ident,)*) => {
        /// Why something is a finding. The list is closed: programs may match on it, and the word is
        /// the reason of a condition in a status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason { $($(#[doc = $doc])+ $reason,)* }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$reason,)*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$reason => stringify!($reason),)* }
            }

            /// What the reason means, in one sentence.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$reason => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

reasons! {
    /// A file or folder cannot be read.
    Unreadable,
    /// The text is not UTF-8.
    NotUtf8,
    /// The text is not YAML.
    BadYaml,
    /// A file, or a resource in it, is above its size bound.
    TooLarge,
    /// Lists and maps are nested too deeply.
    TooDeep,
    /// A YAML alias names nothing, or aliases expand to more than the bound.
    BadAlias,
    /// YAML tags, merge keys and other forms that JSON has not are not accepted.
    NotJson,
    /// A plain word or number that YAML 1.1 and 1.2 read differently, so that kubectl and this reader would.
    Ambiguous,
    /// A key stands twice in one map.
    DuplicateKey,
    /// The file has no resource.
    Empty,
    /// The resource has no kind, or no name.
    MissingKind,
    /// The kind is not one of Logloom's.
    UnknownKind,
    /// The version of the API is not known.
    UnknownVersion,
    /// Two resources have the same kind and name.
    DuplicateResource,
    /// The field does not exist.
    UnknownField,
    /// A field that is needed is absent.
    MissingField,
    /// The value has the wrong type.
    WrongType,
    /// The value is outside its bounds.
    OutOfBounds,
    /// The text does not have the form that the field needs.
    BadFormat,
    /// The value is not one of the choices.
    UnknownChoice,
    /// Of several fields exactly one must be given.
    ExactlyOne,
    /// Two fields contradict each other.
    Conflict,
    /// Two entries of a list have the same name.
    DuplicateName,
    /// A name refers to something that does not exist.
    UnknownReference,
    /// A column does not exist in the message.
    UnknownColumn,
    /// An expression cannot be read.
    BadExpression,
    /// An expression has the wrong type.
    TypeMismatch,
    /// A pattern cannot be compiled, or is above its size bound.
    BadPattern,
    /// A Protobuf schema cannot be compiled.
    BadSchema,
    /// A time or zone cannot be read.
    BadTime,
    /// What is asked for cannot work.
    CannotWork,
    /// What is asked for is above the tenant's quota.
    AboveQuota,
    /// The tenant has no right to it.
    NotAllowed,
    /// Local mode cannot run it.
    NotLocal,
    /// A test of the resource fails.
    TestFailed,
    /// Something is defined and never used.
    Unused,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What is wrong with a resource, where, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The resource as `Kind/name`; empty when it is a whole file.
    pub resource: String,
    /// Path in the resource, such as `spec.windows[1].lateness`; empty for the whole resource.
    pub path: String,
    /// Place in the file, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// How bad it is.
    pub severity: Severity,
    /// Why it is a finding.
    pub reason: Reason,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do, in one sentence.
    pub remedy: String,
}

impl Finding {
    /// A finding that keeps the resource from running.
    pub fn error(
        reason: Reason,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            resource: String::new(),
            path: path.into(),
            position: None,
            severity: Severity::Error,
            reason,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// A finding that does not keep the resource from running.
    pub fn warning(
        reason: Reason,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, ..Self::error(reason, path, message, remedy) }
    }

    /// The same finding, of this resource.
    pub fn of(mut self, kind: &str, name: &str) -> Self {
        self.resource = match name {
            "" => kind.to_owned(),
            name => format!("{kind}/{name}"),
        };
        self
    }

    /// The same finding, at this place.
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// True when the resource cannot run.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One line without source text, for logs and statuses.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.position {
            Some(position) => write!(formatter, "{position}: ")?,
            None if !self.resource.is_empty() => write!(formatter, "{}: ", self.resource)?,
            None => {}
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", printable(&self.path))?;
        }
        write!(formatter, "{} ({})", printable(&self.message), self.reason)
    }
}

/// The texts of the files that findings point into, by file name.
pub type Sources = BTreeMap<String, Arc<str>>;

/// How findings are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Plain text.
    #[default]
    Plain,
    /// With ANSI colours, for a terminal.
    Colour,
}

/// Draws findings for people:
///
/// ```text
/// pipeline.yaml:12:7: error: the window has no field `latness` (UnknownField)
///   at TenantPipeline/checkout spec.windows[0].latness
///      |
///   12 |       latness: 10s
///      |       ^^^^^^^
///   remedy: write `lateness`
/// ```
pub fn render(findings: &[Finding], sources: &Sources, style: Style) -> String {
    let mut text = String::new();
    for finding in findings {
        render_one(&mut text, finding, sources, style);
    }
    text
}

/// Most characters of a source line that are shown.
const SHOWN_WIDTH: usize = 120;

fn render_one(text: &mut String, finding: &Finding, sources: &Sources, style: Style) {
    let paint = Paint::of(style, finding.severity);
    if let Some(position) = &finding.position {
        let _ = write!(
            text,
            "{}{}:{}:{}:{} ",
            paint.bold,
            printable(&position.file),
            position.line,
            position.column,
            paint.reset
        );
    }
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let _ =
        writeln!(text, "{}{word}:{} {} ({})", paint.severity, paint.reset, printable(&finding.message), finding.reason);
    let place = [finding.resource.as_str(), finding.path.as_str()];
    let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
    if !place.is_empty() {
        let _ = writeln!(text, "  at {}", printable(&place.join(" ")));
    }
    if let Some(position) = &finding.position
        && let Some(line) = source_line(sources, position)
    {
        render_source(text, position, line, &paint);
    }
    if !finding.remedy.is_empty() {
        let _ = writeln!(text, "  {}remedy:{} {}", paint.bold, paint.reset, printable(&finding.remedy));
    }
}

fn source_line<'a>(sources: &'a Sources, position: &Position) -> Option<&'a str> {
    let index = usize::try_from(position.line.checked_sub(1)?).ok()?;
    sources.get(&position.file)?.lines().nth(index)
}

/// The line with a caret under the word at the column. Long lines are cut around the column.
fn render_source(text: &mut String, position: &Position, line: &str, paint: &Paint) {
    let column = position.column.saturating_sub(1) as usize;
    let from = column.saturating_sub(SHOWN_WIDTH / 2);
    let shown: String = line.chars().skip(from).take(SHOWN_WIDTH).map(one_cell).collect();
    let word_length = line
        .chars()
        .skip(column)
        .take(SHOWN_WIDTH / 2)
        .take_while(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.'))
        .count()
        .max(1);
    let number = position.line.to_string();
    let gutter = " ".repeat(number.len());
    let indent = " ".repeat(column - from);
    let carets = "^".repeat(word_length);
    let _ = writeln!(text, "  {gutter} |");
    let _ = writeln!(text, "  {number} | {}", shown.trim_end());
    let _ = writeln!(text, "  {gutter} | {indent}{}{carets}{}", paint.severity, paint.reset);
}

/// Keeps the caret under its word: one character, one cell, nothing that moves a terminal's cursor.
fn one_cell(letter: char) -> char {
    match letter {
        '\t' => ' ',
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    }
}

/// Text from a resource without characters that act on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

struct Paint {
    severity: &'static str,
    bold: &'static str,
    reset: &'static str,
}

impl Paint {
    fn of(style: Style, severity: Severity) -> Self {
        match (style, severity) {
            (Style::Plain, _) => Self { severity: "", bold: "", reset: "" },
            (Style::Colour, Severity::Error) => {
                Self { severity: "\u{1b}[1;31m", bold: "\u{1b}[1m", reset: "\u{1b}[0m" }
            }
            (Style::Colour, Severity::Warning) => {
                Self { severity: "\u{1b}[1;33m", bold: "\u{1b}[1m", reset: "\u{1b}[0m" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Finding {
        let position = Position { file: "a.yaml".to_owned(), line: 2, column: 3 };
        Finding::warning(Reason::Unused, "spec.windows[0]", "the window `m1` is never used", "remove it")
            .of("TenantPipeline", "checkout")
            .at(Some(position))
    }

    #[test]
    fn drawn_in_colour_the_text_is_the_same() {
        let sources = Sources::from([("a.yaml".to_owned(), Arc::from("a:\n\t\tm1: 5\n"))]);
        let plain = render(&[sample()], &sources, Style::Plain);
        insta::assert_snapshot!(plain, @r"
        a.yaml:2:3: warning: the window `m1` is never used (Unused)
          at TenantPipeline/checkout spec.windows[0]
            |
          2 |   m1: 5
            |   ^^
          remedy: remove it
        ");
        let coloured = render(&[sample()], &sources, Style::Colour);
        let mut stripped = String::new();
        for part in coloured.split('\u{1b}') {
            stripped.push_str(part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, rest)| rest));
        }
        assert_eq!(stripped, plain);
        assert_ne!(coloured, plain);
    }

    #[test]
    fn a_finding_is_one_line_and_one_json_object() {
        assert_eq!(sample().to_string(), "a.yaml:2:3: spec.windows[0]: the window `m1` is never used (Unused)");
        let json = serde_json::to_string(&sample()).expect("JSON");
        insta::assert_snapshot!(json, @r#"{"resource":"TenantPipeline/checkout","path":"spec.windows[0]","position":{"file":"a.yaml","line":2,"column":3},"severity":"warning","reason":"Unused","message":"the window `m1` is never used","remedy":"remove it"}"#);
        assert_eq!(serde_json::from_str::<Finding>(&json).expect("a finding"), sample());
        let control = Finding::error(Reason::BadYaml, "a\n", "b\u{1b}[2J", "");
        assert_eq!(control.to_string(), "a\u{fffd}: b\u{fffd}[2J (BadYaml)");
    }

    #[test]
    fn every_reason_has_its_word_and_its_sentence() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_string(reason).expect("JSON"), format!("\"{reason}\""));
            assert!(reason.description().ends_with('.'), "{reason}");
        }
    }

    #[test]
    fn a_position_outside_the_text_shows_no_line() {
        let position = Position { file: "a.yaml".to_owned(), line: 9, column: 3 };
        let sources = Sources::from([("a.yaml".to_owned(), Arc::from("a: 1\n"))]);
        let drawn = render(&[sample().at(Some(position))], &sources, Style::Plain);
        assert!(!drawn.contains('^'), "{drawn}");
    }
}
