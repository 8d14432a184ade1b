//! What can be wrong with a line, and with a chain of decode steps.
//!
//! [`DecodeError`] becomes the reason of a dead letter, so its kinds are a closed list with the numbers a
//! person needs. [`ChainError`] is found when a manifest is compiled, and says what to do.

use std::fmt;

use thiserror::Error;

/// Which decoder speaks. Displayed as the manifest spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecoderName {
    /// `json`
    Json,
    /// `logfmt`
    Logfmt,
    /// `keyValue`
    KeyValue,
    /// `cri`
    Cri,
    /// `docker`
    Docker,
    /// `syslog3164`
    Syslog3164,
    /// `syslog5424`
    Syslog5424,
    /// `syslog`
    Syslog,
    /// `combined`
    Combined,
    /// `regex`
    Regex,
    /// `grok`
    Grok,
    /// `dissect`
    Dissect,
    /// `csv`
    Csv,
    /// `protobuf`
    Protobuf,
}

impl DecoderName {
    /// The field of the step in a manifest.
    pub fn field(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Logfmt => "logfmt",
            Self::KeyValue => "keyValue",
            Self::Cri => "cri",
            Self::Docker => "docker",
            Self::Syslog3164 => "syslog3164",
            Self::Syslog5424 => "syslog5424",
            Self::Syslog => "syslog",
            Self::Combined => "combined",
            Self::Regex => "regex",
            Self::Grok => "grok",
            Self::Dissect => "dissect",
            Self::Csv => "csv",
            Self::Protobuf => "protobuf",
        }
    }
}

impl fmt::Display for DecoderName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.field())
    }
}

/// Why a line could not be decoded. Displayed, it is the reason text of the dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("decode step {step} ({decoder}), byte {at}: {kind}")]
pub struct DecodeError {
    /// Index of the step in the manifest's `decode` list, from 0.
    pub step: u16,
    /// Its decoder.
    pub decoder: DecoderName,
    /// Byte offset within the value that the step reads (the whole line for a first step without `from`).
    pub at: usize,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// The closed list of reasons.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FaultKind {
    /// Nothing to decode.
    #[error("the value is empty")]
    Empty,
    /// The value ends too early.
    #[error("the value ends inside {inside}")]
    Truncated {
        /// What was being read.
        inside: &'static str,
    },
    /// Another byte was due.
    #[error("expected {expected}, found {}", Byte(*.found))]
    Unexpected {
        /// What was due.
        expected: &'static str,
        /// What stands there.
        found: u8,
    },
    /// The value is complete, and more follows.
    #[error("{count} bytes follow behind the end")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A raw control byte in a JSON string.
    #[error("control byte 0x{found:02x} inside a string must be escaped")]
    Control {
        /// The byte.
        found: u8,
    },
    /// A backslash sequence that the format does not know.
    #[error("unknown escape sequence")]
    Escape,
    /// Nested deeper than the bound.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The bound.
        limit: u32,
    },
    /// No pair of key and value in the whole text.
    #[error("no pair of key and value")]
    NoPair,
    /// A number outside its range.
    #[error("{what} {found} is above {limit}")]
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The greatest allowed.
        limit: u64,
    },
    /// The pattern does not match.
    #[error("the pattern does not match")]
    NoMatch,
    /// The text between two keys of a dissect pattern is missing.
    #[error("`{literal}` does not follow")]
    MissingLiteral {
        /// The text.
        literal: Box<str>,
    },
    /// A row with another number of columns than the manifest names.
    #[error("{found} columns, the manifest names {expected}")]
    ColumnCount {
        /// By the manifest.
        expected: usize,
        /// In the line.
        found: usize,
    },
    /// `from` names a value that this line does not have.
    #[error("no value `{name}` to decode")]
    MissingValue {
        /// The name.
        name: Box<str>,
    },
    /// Bytes that are not the Protobuf encoding of the message.
    #[error("not the encoding of the message: {what}")]
    Encoding {
        /// What is wrong.
        what: &'static str,
    },
}

/// A byte as a person reads it.
struct Byte(u8);

impl fmt::Display for Byte {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            printable @ b' '..=b'~' => write!(formatter, "`{}`", char::from(printable)),
            other => write!(formatter, "byte 0x{other:02x}"),
        }
    }
}

/// A [`DecodeError`] before the chain adds which step it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: usize,
    pub kind: FaultKind,
}

impl Fault {
    pub fn new(at: usize, kind: FaultKind) -> Self {
        Self { at, kind }
    }

    /// The byte at `at` is not what was due, or there is none.
    #[cold]
    pub fn expected(input: &[u8], at: usize, expected: &'static str) -> Self {
        let kind = match input.get(at) {
            Some(found) => FaultKind::Unexpected { expected, found: *found },
            None => FaultKind::Truncated { inside: expected },
        };
        Self { at: at.min(input.len()), kind }
    }
}

/// What makes a chain of steps impossible. One per finding, all findings at once.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("decode[{step}]{}{field}: {message}. {remedy}", if .field.is_empty() { "" } else { "." })]
pub struct ChainError {
    /// Index of the step, from 0.
    pub step: usize,
    /// Path of the field below the step, such as `grok.pattern` or `from`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// A [`ChainError`] before the chain adds which step it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub field: &'static str,
    pub message: String,
    pub remedy: String,
}

impl Problem {
    pub fn new(field: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field, message: message.into(), remedy: remedy.into() }
    }
}
