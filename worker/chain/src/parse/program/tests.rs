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
        Self { program, partial: PartialLines::default(), hint: TimeHint(None), scratch: Scratch::new() }
    }

    fn line(&mut self, line: impl AsRef<[u8]>) -> String {
        self.raw(RawLine::new(line.as_ref()), None)
    }

    fn raw(&mut self, line: RawLine<'_>, received: Option<EventTime>) -> String {
        self.scratch.reset();
        let outcome = self.program.parse(line, received, self.hint, &mut self.partial, &self.scratch);
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
            format!("event at {time} {}{clamped}{replaced}", String::from_utf8(json).unwrap())
        }
        Outcome::Continuation { text } => format!("continuation {}", String::from_utf8_lossy(text)),
        Outcome::Held => "held".to_owned(),
        Outcome::Drop { reason, time } => format!("drop {reason}{}", at(time)),
        Outcome::Dead { reason, detail, time, raw } => {
            format!("dead {reason}{}: {detail} | {}", at(time), String::from_utf8_lossy(raw))
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

#[test]
fn columns_come_from_entries_or_from_names_of_their_own() {
    let manifest = with(
        app(),
        json!({
            "fields": [
                { "name": "message", "firstOf": ["msg", "message"] },
                { "name": "level", "from": "sev", "map": { "W": "ERROR" }, "default": "DEBUG" },
                { "name": "http.status", "from": "line", "extract": " ([0-9]{3}) ", "required": true },
                { "name": "duration_ms", "from": "us", "scale": 0.001 },
                { "name": "user", "value": "nobody" },
            ],
        }),
    );
    let program = compile(manifest);
    let mut source = Source::new(&program);
    assert_eq!(
        source.line(r#"{"ts":"2026-11-01T10:42:00Z","msg":"","message":"m","sev":"W","line":"GET / 404 5","us":1500,"user":"x"}"#),
        r#"event at 2026-11-01T10:42:00.000000Z {"level":"ERROR","message":"m","http":{"status":404},"duration_ms":1.5,"user":"nobody"}"#
    );
    assert_eq!(
        source.line(r#"{"ts":"2026-11-01T10:42:00Z","line":" 200 ","http":{"path":"/x"},"us":"-"}"#),
        r#"event at 2026-11-01T10:42:00.000000Z {"level":"DEBUG","http":{"status":200,"path":"/x"},"user":"nobody"}"#
    );
    assert_eq!(
        source.line(r#"{"ts":"2026-11-01T10:42:00Z","line":"x"}"#),
        r#"dead schema_mismatch at 2026-11-01T10:42:00.000000Z: column `http.status` is required, and the line has no value for it | {"ts":"2026-11-01T10:42:00Z","line":"x"}"#
    );
}

#[test]
fn every_line_has_an_outcome() {
    let cases = [
        ("", "drop empty"),
        (" \t ", "drop empty"),
        ("not json", "dead decode_failed: decode step 0 (json), byte 0: "),
        ("\u{0}\u{1}", "dead decode_failed"),
        (r#"{"ts":"2026-11-01T10:42:00Z","level":"info""#, "dead decode_failed"),
        (r#"{"level":"info"}"#, "dead timestamp_missing: the line has no time"),
        (r#"{"ts":null}"#, "dead timestamp_missing"),
        (r#"{"ts":"yesterday"}"#, "dead timestamp_invalid: the time is in none"),
        (r#"{"ts":"9999-01-01T00:00:00Z"}"#, "dead timestamp_out_of_range"),
        (r#"{"ts":"1970-01-01T00:00:00Z"}"#, "dead timestamp_out_of_range"),
        (
            r#"{"ts":"2026-11-01T10:42:00Z","level":"loud"}"#,
            "dead schema_mismatch at 2026-11-01T10:42:00.000000Z: column `level`: the value is no name of the enum",
        ),
        (
            r#"{"ts":"2026-11-01T10:42:00Z","http":{"status":99999999999}}"#,
            "dead schema_mismatch at 2026-11-01T10:42:00.000000Z: column `http.status`: the number is outside the range of int32",
        ),
    ];
    for (line, expected) in cases {
        let found = one(app(), line);
        assert!(found.starts_with(expected), "{line}: {found}");
        if found.starts_with("dead") {
            assert!(found.ends_with(&format!(" | {line}")), "the raw line goes along: {found}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf8_are_replaced_in_columns_and_kept_in_dead_letters() {
    let line = b"{\"ts\":\"2026-11-01T10:42:00Z\",\"message\":\"a\xffb\"}";
    assert_eq!(one(app(), line), "event at 2026-11-01T10:42:00.000000Z {\"message\":\"a\u{fffd}b\"} replaced");
    let program = compile(app());
    let scratch = Scratch::new();
    let outcome =
        program.parse(RawLine::new(b"\xff\xfe"), None, TimeHint(None), &mut PartialLines::default(), &scratch);
    assert!(matches!(outcome, Outcome::Dead { raw, .. } if raw.as_ref() == b"\xff\xfe"));
}

#[test]
fn bounds_of_time_are_against_the_time_of_receipt() {
    let manifest = with(app(), json!({ "timestamp": { "from": "ts", "maxFuture": "1m", "maxAge": "1h" } }));
    let program = compile(manifest);
    let received = Some(EventTime(1_793_529_720_000_000));
    let line = |ts: &str| Source::new(&program).raw(RawLine::new(format!(r#"{{"ts":"{ts}"}}"#).as_bytes()), received);
    assert_eq!(line("2026-11-01T10:42:30Z"), "event at 2026-11-01T10:42:30.000000Z {}");
    assert_eq!(line("9999-11-01T10:42:30Z"), "event at 2026-11-01T10:42:00.000000Z {} clamped");
    assert_eq!(line("1970-01-01T00:00:00Z"), "drop too_old at 1970-01-01T00:00:00.000000Z");
}

#[test]
fn the_last_event_tells_the_year() {
    let manifest = json!({
        "schema": { "proto": APP, "message": "App" },
        "decode": [{ "regex": { "pattern": "^(?<ts>.{15}) (?<message>.*)" } }],
        "timestamp": { "from": "ts", "formats": ["syslog", "rfc3339"] },
    });
    let program = compile(manifest.clone());
    let mut source = Source::new(&program);
    assert!(source.line("Dec 31 23:59:59 x").starts_with("dead timestamp_invalid: the time has no year"));
    source.hint = TimeHint(Some(EventTime(1_767_225_590_000_000)));
    assert_eq!(source.line("Dec 31 23:59:59 x"), r#"event at 2025-12-31T23:59:59.000000Z {"message":"x"}"#);
    assert_eq!(source.line("Jan  1 00:00:01 y"), r#"event at 2026-01-01T00:00:01.000000Z {"message":"y"}"#);
    assert!(program.needs_year());
}

#[test]
fn logs_without_a_time_take_the_time_of_receipt() {
    let manifest = with(app(), json!({ "timestamp": { "from": "logloom.received", "formats": ["unix_us"] } }));
    let program = compile(manifest);
    let received = Some(EventTime(1_793_529_720_000_001));
    let line = RawLine::new(br#"{"message":"x","logloom.received":5}"#);
    assert_eq!(Source::new(&program).raw(line, received), r#"event at 2026-11-01T10:42:00.000001Z {"message":"x"}"#);
    assert!(Source::new(&program).raw(line, None).starts_with("dead timestamp_missing"), "a line cannot pretend it");
}

#[test]
fn a_filter_drops_what_it_says_no_to() {
    let manifest = with(app(), json!({ "filter": "level != 'DEBUG' && http.status < 500" }));
    let program = compile(manifest);
    let mut source = Source::new(&program);
    let mut line = |rest: &str| source.line(format!(r#"{{"ts":"2026-11-01T10:42:00Z"{rest}}}"#));
    assert_eq!(line(r#","level":"DEBUG""#), "drop filtered at 2026-11-01T10:42:00.000000Z");
    assert_eq!(line(r#","level":"INFO","http":{"status":503}"#), "drop filtered at 2026-11-01T10:42:00.000000Z");
    assert!(line(r#","level":"INFO","http":{"status":200}"#).starts_with("event"));
    assert!(line(r#","level":"INFO""#).starts_with("event"), "a filter that cannot say keeps the line");
}

#[test]
fn superlogs_are_cut_and_tell_it() {
    let manifest = json!({
        "schema": { "proto": APP, "message": "App" },
        "decode": [{ "regex": { "pattern": r"^(?<ts>\S+) (?<message>.*)" } }],
        "timestamp": { "from": "ts" },
        "fields": [{ "name": "original", "from": "logloom.original_bytes" }, { "name": "user", "from": "logloom.reference" }],
        "superlog": { "maxBytes": "40B" },
    });
    let program = compile(manifest);
    let mut source = Source::new(&program);
    assert_eq!(program.size_rule().keep(), 40);
    assert_eq!(
        source.line("2026-11-01T10:42:00Z short"),
        r#"event at 2026-11-01T10:42:00.000000Z {"message":"short"}"#
    );
    assert_eq!(
        source.line(format!("2026-11-01T10:42:00Z {}", "x".repeat(100))),
        format!(r#"event at 2026-11-01T10:42:00.000000Z {{"message":"{}","original":121}}"#, "x".repeat(19))
    );
    let superlog = Some(Superlog { full_length: 200_000_000, digest: 1, reference: Some("s3://b/1") });
    assert_eq!(
        source.raw(RawLine { bytes: b"2026-11-01T10:42:00Z a prefix", superlog }, None),
        r#"event at 2026-11-01T10:42:00.000000Z {"message":"a prefix","user":"s3://b/1","original":200000000}"#
    );
    let program = compile(with(app(), json!({ "superlog": { "maxBytes": "10B" } })));
    assert_eq!(
        Source::new(&program).line(LINE),
        "dead decode_failed: decode step 0 (json), byte 10: the value ends inside a string (the line has 131 bytes, of which 10 were read) | {\"ts\":\"202"
    );
}

#[test]
fn nothing_leaves_unredacted() {
    let manifest = with(
        app(),
        json!({ "redact": [{ "pattern": "[a-z]+@[a-z.]+" }, { "fields": ["user"], "hash": { "keySecretName": "pii" } }] }),
    );
    let program = compile(manifest);
    let mut source = Source::new(&program);
    let mut line = |rest: &str| source.line(format!(r#"{{"ts":"2026-11-01T10:42:00Z","message":"to b@c.de",{rest}}}"#));
    let event = line(r#""user":"ann""#);
    assert!(event.contains(r#""message":"to [redacted]""#) && !event.contains("ann"), "{event}");
    assert!(
        line(r#""user":"ann","level":"?ann?""#)
            .ends_with(r#""message":"to [redacted]","user":"[redacted]","level":"?[redacted]?"}"#)
    );
    assert!(line(r#""user":"a\u006en","level":"?""#).contains("| [withheld: "));
    assert!(line(r#""user":"ann"#).contains("| [withheld: "), "the line does not decode");
    assert!(program.redact_raw(LINE.as_bytes()).starts_with(b"[withheld: "));
    let patterns = compile(with(app(), json!({ "redact": [{ "pattern": "[a-z]+@[a-z.]+" }] })));
    assert_eq!(patterns.redact_raw(b"x b@c.de").as_ref(), b"x [redacted]");
    assert!(matches!(compile(app()).redact_raw(b"x"), Cow::Borrowed(b"x")));
}

fn java(changes: Value) -> Value {
    let base = json!({
        "schema": { "proto": APP, "message": "App" },
        "decode": [{ "regex": { "pattern": r"^(?<ts>\S+ \S+) (?<level>\w+) (?<message>.*)" } }],
        "timestamp": { "from": "ts", "formats": ["log4j"] },
        "multiline": { "start": r"^\d{4}-\d\d-\d\d ", "field": "message" },
    });
    with(base, changes)
}

#[test]
fn lines_that_do_not_start_an_event_are_continuations() {
    let program = compile(java(json!({ "redact": [{ "pattern": "secret" }] })));
    let mut source = Source::new(&program);
    assert_eq!(
        source.line("2015-10-18 18:01:47,978 ERROR boom"),
        r#"event at 2015-10-18T18:01:47.978000Z {"level":"ERROR","message":"boom"}"#
    );
    assert_eq!(source.line(b"\tat secret\xff"), "continuation \tat [redacted]\u{fffd}");
    assert_eq!(source.line(""), "continuation ");
    assert!(source.line("2015-10-18 nonsense").starts_with("dead decode_failed"));
}

#[test]
fn an_envelope_is_taken_off_before_the_start_is_looked_for() {
    let decode = json!([{ "cri": {} }, { "regex": { "pattern": r"^(?<ts>\S+ \S+) (?<level>\w+) (?<message>.*)" } }]);
    let program = compile(java(json!({ "decode": decode, "fields": [{ "name": "user", "from": "stream" }] })));
    let mut source = Source::new(&program);
    let mut line = |rest: &str| source.line(format!("2026-11-01T10:42:00.000000000Z {rest}"));
    assert_eq!(
        line("stdout F 2015-10-18 18:01:47,978 ERROR boom"),
        r#"event at 2015-10-18T18:01:47.978000Z {"level":"ERROR","message":"boom","user":"stdout"}"#
    );
    assert_eq!(line("stdout F \tat x"), "continuation \tat x");
    assert_eq!(line("stdout P \tat a lo"), "held");
    assert_eq!(line("stderr F \tat other"), "continuation \tat other");
    assert_eq!(line("stdout F ng one"), "continuation \tat a long one");
}

#[test]
fn pieces_of_a_line_are_joined_before_it_is_parsed() {
    let program = compile(with(app(), json!({ "decode": [{ "cri": {}, "prefix": "cri." }, { "json": {} }] })));
    let mut source = Source::new(&program);
    let (head, rest) = LINE.split_at(40);
    let (middle, tail) = rest.split_at(30);
    let cri = |stream: &str, tag: &str, text: &str| format!("2026-11-01T10:42:00.000000000Z {stream} {tag} {text}");
    assert_eq!(source.line(cri("stdout", "P", head)), "held");
    assert_eq!(source.line(cri("stderr", "P", "{")), "held");
    assert_eq!(source.line(cri("stdout", "P", middle)), "held");
    assert_eq!(source.line(cri("stdout", "F", tail)), one(app(), LINE));
    assert_eq!(source.line(cri("stdout", "F", "")), "drop empty");
    assert!(source.line(cri("stderr", "F", "x")).ends_with("| {x"), "the dead letter of a joined line is all of it");
    assert!(source.partial.is_empty());
    assert_eq!(source.line(cri("stdout", "P", "lost")), "held");
    let scratch = Scratch::new();
    let finish = |partial: &mut PartialLines| {
        program.finish(None, TimeHint(None), partial, &scratch).map(|outcome| show(&program, &outcome))
    };
    assert_eq!(
        finish(&mut source.partial).unwrap(),
        "dead decode_failed: the last piece of the line did not come before the source ended | lost"
    );
    assert_eq!(finish(&mut source.partial), None);
}

#[test]
fn a_joined_line_beyond_the_size_is_a_superlog() {
    let manifest = json!({
        "schema": { "proto": APP, "message": "App" },
        "decode": [{ "docker": {} }, { "regex": { "pattern": "^(?<message>.*)" }, "from": "log" }],
        "timestamp": { "from": "time" },
        "fields": [{ "name": "original", "from": "logloom.original_bytes" }],
        "superlog": { "maxBytes": "100B" },
    });
    let program = compile(manifest);
    let mut source = Source::new(&program);
    let docker = |text: &str| format!(r#"{{"log":"{text}","stream":"stdout","time":"2026-11-01T10:42:00Z"}}"#);
    for _ in 0..3 {
        assert_eq!(source.line(docker(&"x".repeat(37))), "held");
    }
    assert_eq!(
        source.line(docker("end\\n")),
        format!(r#"event at 2026-11-01T10:42:00.000000Z {{"message":"{}","original":114}}"#, "x".repeat(100))
    );
}

#[test]
fn pieces_inside_another_format_stay_as_they_are() {
    let manifest = json!({
        "schema": { "proto": APP, "message": "App" },
        "decode": [
            { "csv": { "columns": ["time", "Log"], "header": true } },
            { "docker": {}, "from": "Log", "prefix": "d." },
            { "regex": { "pattern": "^(?<message>.*)" } },
        ],
        "timestamp": { "from": "time" },
    });
    let program = compile(manifest);
    let mut source = Source::new(&program);
    assert_eq!(source.line("time,Log"), "drop header");
    let piece = r#"2026-11-01T10:42:00Z,"{""log"":""a piece""}""#;
    assert_eq!(source.line(piece), r#"event at 2026-11-01T10:42:00.000000Z {"message":"a piece"}"#);
}

fn report(findings: &[Finding]) -> String {
    let line = |finding: &Finding| format!("{finding}\n  -> {}", finding.remedy);
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn refused(value: Value) -> String {
    report(&ParseProgram::compile(&spec(value), &NoSecrets).unwrap_err())
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let wrong = with(
        app(),
        json!({
            "decode": [{ "json": {} }, { "regex": { "pattern": "(" }, "from": "message" }],
            "timestamp": { "from": "ts", "formats": ["rfc3339", "%H:%M"], "zone": "Mars/Olympus" },
            "fields": [
                { "name": "mesage", "from": "x" },
                { "name": "message", "from": "x", "extract": "no group" },
                { "name": "message" },
                { "name": "level", "from": "x", "map": { "W": "WARN" }, "default": "LOUD" },
                { "name": "http.status", "from": "x", "firstOf": ["y"], "value": "nine" },
                { "name": "user", "from": "x", "scale": 2.0, "extract": "(a{1000}){1000}" },
                { "name": "duration_ms", "value": "1", "scale": 0.0 },
            ],
            "filter": "levle == 'INFO'",
            "key": "duration_ms",
            "dimensions": ["user", "user", "duration_ms", "usr"],
            "metrics": [{ "name": "m", "column": "message" }, { "name": "m", "column": "original" }, { "name": "m", "column": "duration_ms" }],
            "multiline": { "start": "(", "field": "original" },
            "templates": { "field": "level" },
            "redact": [{ "fields": ["nobody"], "drop": true }],
            "superlog": { "maxBytes": "0B" },
            "tests": [
                { "name": "a", "line": "x", "lines": ["y"], "expect": { "levl": 1 }, "expectReason": "decode_fail" },
                { "name": "b", "line": "x" },
                { "name": "c", "lines": ["x"], "expectEvents": [{ "message": 1 }, { "http": {} }], "expectReason": "because" },
            ],
        }),
    );
    insta::assert_snapshot!(refused(wrong));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let drop = |fields: Value| json!([{ "fields": fields, "drop": true }]);
    let contradictions = [
        with(
            app(),
            json!({ "redact": drop(json!(["user", "duration_ms"])), "key": "user", "dimensions": ["user"], "metrics": [{ "name": "ms", "column": "duration_ms" }] }),
        ),
        with(app(), json!({ "redact": drop(json!(["user"])), "superlog": { "action": "claimCheck" } })),
        java(json!({ "redact": drop(json!(["message"])), "templates": { "field": "message" } })),
        java(
            json!({ "timestamp": { "from": "tss" }, "fields": [{ "name": "level", "from": "levl" }, { "name": "user", "firstOf": ["message", "nothing"] }] }),
        ),
        with(app(), json!({ "schema": { "message": "App" } })),
        with(
            app(),
            json!({ "schema": { "file": "app.proto", "message": "App" }, "decode": [{ "json": {} }, { "json": {} }] }),
        ),
        with(app(), json!({ "schema": { "proto": APP, "message": "Ap" } })),
        with(
            app(),
            json!({ "schema": { "proto": "syntax = \"proto3\"; message App { repeated string tags = 1; }", "message": "App" } }),
        ),
        with(
            app(),
            json!({ "redact": [{ "fields": ["user"], "hash": {} }], "timestamp": { "from": "ts", "formats": [] } }),
        ),
    ];
    let reports: Vec<String> = contradictions.into_iter().map(refused).collect();
    insta::assert_snapshot!(reports.join("\n\n"));
}

#[test]
fn a_column_that_never_gets_a_value_is_a_warning() {
    let program = compile(java(
        json!({ "fields": [{ "name": "user", "default": "nobody" }, { "name": "http.path", "required": false }] }),
    ));
    insta::assert_snapshot!(report(program.warnings()));
    assert!(compile(app()).warnings().is_empty(), "json may give any name");
}

#[test]
fn accessors_give_resolved_columns() {
    let program = compile(with(
        java(json!({ "templates": { "field": "message", "depth": 5 } })),
        json!({ "key": "user", "dimensions": ["level", "user"], "metrics": [{ "name": "ms", "column": "duration_ms", "unit": "ms" }] }),
    ));
    assert_eq!(program.key(), program.schema().column("user"));
    assert_eq!(program.dimensions(), [Column(0), program.key().unwrap()]);
    assert_eq!(
        program.metrics()[0],
        Metric { name: "ms".into(), column: program.schema().column("duration_ms").unwrap(), unit: "ms".into() }
    );
    assert_eq!(program.templates().map(|(column, templates)| (column, templates.depth)), Some((Column(1), 5)));
    assert_eq!(program.disorder(), Span::seconds(10));
    assert!(program.multiline().is_some() && !program.needs_year());
}

#[test]
fn one_scratch_serves_several_programs() {
    let first = compile(with(app(), json!({ "fields": [{ "name": "user", "from": "message", "extract": "(p)" }] })));
    let second =
        compile(with(app(), json!({ "fields": [{ "name": "user", "from": "message", "extract": "((?:a)+)" }] })));
    let mut scratch = Scratch::new();
    for (program, expected) in [(&first, "p"), (&second, "a"), (&first, "p")] {
        scratch.reset();
        let outcome =
            program.parse(RawLine::new(LINE.as_bytes()), None, TimeHint(None), &mut PartialLines::default(), &scratch);
        assert!(show(program, &outcome).contains(&format!(r#""user":"{expected}""#)));
    }
}

fn manifests() -> Vec<ParseProgram> {
    let everything = json!({
        "fields": [{ "name": "user", "firstOf": ["message", "user"], "extract": "([a-z]+)", "map": { "a": "b" } }, { "name": "original", "from": "logloom.original_bytes" }],
        "timestamp": { "from": "ts", "formats": ["rfc3339", "unix_auto", "syslog", "clf"], "zone": "America/New_York", "maxAge": "1h" },
        "redact": [{ "pattern": "[0-9]{3}" }, { "fields": ["user"], "drop": true }],
        "superlog": { "maxBytes": "200B" },
        "filter": "http.status > 3",
    });
    let java_in_cri = json!([{ "cri": {} }, { "regex": { "pattern": r"^(?<ts>\S+ \S+) (?<level>\w+) (?<message>.*)" }, "optional": true }]);
    let docker = json!([{ "docker": {} }, { "json": {}, "optional": true }]);
    vec![
        compile(app()),
        compile(with(app(), everything)),
        compile(java(json!({ "decode": java_in_cri }))),
        compile(with(app(), json!({ "decode": docker, "timestamp": { "from": "time" } }))),
    ]
}

proptest! {
    #[test]
    fn arbitrary_lines_never_panic_and_events_survive_the_wire(
        lines in proptest::collection::vec(prop_oneof![
            any::<Vec<u8>>(),
            r#"\{("ts":"2026-11-01T10:42:0[0-9]Z"|"ts":[0-9]{1,20})?(,"(level|message|user)":("[a-z0-9\\]{0,9}"|[0-9.eE-]{1,6}|null|\{\}))*\}?"#.prop_map(String::into_bytes),
            r#"2026-11-01T10:42:00\.000000000Z (stdout|stderr) [PF] (2015-10-18 18:01:47,978 INFO )?[a-z ]{0,60}"#.prop_map(String::into_bytes),
            r#"\{"log":"[a-z ]{0,90}(\\n)?","stream":"stdout","time":"2026-11-01T10:42:00Z"\}"#.prop_map(String::into_bytes),
        ], 0..12),
        received: Option<i64>,
        hint: Option<i64>,
    ) {
        for program in manifests() {
            let mut source = Source::new(&program);
            source.hint = TimeHint(hint.map(EventTime));
            for line in &lines {
                let outcome = source.raw(RawLine::new(line), received.map(EventTime));
                prop_assert_ne!(outcome, "");
            }
            while program.finish(None, TimeHint(None), &mut source.partial, &Scratch::new()).is_some() {}
            prop_assert!(source.partial.is_empty());
        }
    }

    #[test]
    fn a_line_becomes_the_same_whatever_the_scratch_held(lines in proptest::collection::vec("[ -~]{0,80}", 1..6)) {
        for program in manifests() {
            let mut used = Source::new(&program);
            for line in &lines {
                let partial = used.partial.clone();
                let hint = used.hint;
                let found = used.line(line);
                let mut fresh = Source { partial, hint, ..Source::new(&program) };
                prop_assert_eq!(fresh.line(line), found);
            }
        }
    }
}
