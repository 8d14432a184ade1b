//! Lines through programs, as manifests describe them.

use super::*;
use crate::log::RawLine;
use crate::log::fold::Superlog;
use crate::parse::multiline::PartialLines;
use crate::parse::redact::{Key, KeyRef, NoSecrets, SecretSource};
use crate::parse::timestamp::TimeHint;
use logloom_crds::ParsingManifestSpec;
use proptest::prelude::*;
use serde_json::{Value, json};

struct OneKey;

impl SecretSource for OneKey {
    fn key(&self, _: KeyRef<'_>) -> Key {
        Key::Bytes(b"0123456789abcdef".to_vec())
    }
}

fn spec(value: Value) -> ParsingManifestSpec {
    serde_json::from_value(value).unwrap()
}

fn compile(value: Value) -> ParseProgram {
    ParseProgram::compile(&spec(value), &OneKey).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

const APP: &str = "syntax = \"proto3\"; enum Level { UNKNOWN = 0; DEBUG = 1; INFO = 2; ERROR = 3; }
    message Http { int32 status = 1; string path = 2; }
    message App { Level level = 1; string message = 2; Http http = 3; double duration_ms = 4; string user = 5; int64 original = 6; }";

fn app() -> Value {
    json!({
        "schema": { "proto": APP, "message": "App" },
        "decode": [{ "json": {} }],
        "timestamp": { "from": "ts" },
    })
}

/// `base` with `changes` on top.
fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

/// A source: what ingest keeps from line to line.
struct Source<'p> {
    program: &'p ParseProgram,
    partial: PartialLines,
    hint: TimeHint,
    scratch: Scratch,
}

impl<'p> Source<'p> {
    fn new(program: &'p ParseProgram) -> Self {
        Self {
            program,
            partial: PartialLines::default(),
            hint: TimeHint(None),
            scratch: Scratch::new(),
        }
    }

    fn line(&mut self, line: impl AsRef<[u8]>) -> String {
        self.raw(RawLine::new(line.as_ref()), None)
    }

    fn raw(&mut self, line: RawLine<'_>, received: Option<EventTime>) -> String {
        self.scratch.reset();
        let outcome =
            self.program
                .parse(line, received, self.hint, &mut self.partial, &self.scratch);
        if let Outcome::Event { time, .. } = &outcome {
            self.hint = TimeHint(self.hint.0.max(Some(*time)));
        }
        show(self.program, &outcome)
    }
}

/// An outcome as one line of text. A row is encoded and decoded on the way.
fn show(program: &ParseProgram, outcome: &Outcome<'_>) -> String {
    let at = |time: &Option<EventTime>| time.map_or(String::new(), |time| format!(" at {time}"));
    match outcome {
        Outcome::Event { time, row, notes } => {
            let mut bytes = Vec::new();
            program.encode(row, &mut bytes);
            let mut back = RowBuf::new();
            program.decode(&bytes, &mut back).unwrap();
            assert_eq!(&row[..], &back[..]);
            let mut json = Vec::new();
            program.message().write_json(&back, &mut json);
            let clamped = if notes.clamped { " clamped" } else { "" };
            let replaced = if notes.replaced { " replaced" } else { "" };
            format!(
                "event at {time} {}{clamped}{replaced}",
                String::from_utf8(json).unwrap()
            )
        }
        Outcome::Continuation { text } => format!("continuation {}", String::from_utf8_lossy(text)),
        Outcome::Held => "held".to_owned(),
        Outcome::Drop { reason, time } => format!("drop {reason}{}", at(time)),
        Outcome::Dead {
            reason,
            detail,
            time,
            raw,
        } => {
            format!(
                "dead {reason}{}: {detail} | {}",
                at(time),
                String::from_utf8_lossy(raw)
            )
        }
    }
}

fn one(manifest: Value, line: impl AsRef<[u8]>) -> String {
    Source::new(&compile(manifest)).line(line)
}

const LINE: &str = r#"{"ts":"2026-11-01T10:42:00.5Z","level":"info","message":"paid","http":{"status":200,"path":"/pay"},"duration_ms":12.5,"user":"ann"}"#;

#[test]
fn a_line_becomes_a_message_of_the_schema() {
    assert_eq!(
        one(app(), LINE),
        r#"event at 2026-11-01T10:42:00.500000Z {"level":"INFO","message":"paid","http":{"status":200,"path":"/pay"},"duration_ms":12.5,"user":"ann"}"#
    );
}
