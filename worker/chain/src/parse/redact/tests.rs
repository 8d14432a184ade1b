//! Rules on rows and on raw lines, and what is wrong with rules.

use super::*;
use crate::parse::schema::Schema;
use logloom_crds::manifest::{Redaction, RedactionHash};

const PROTO: &str = "syntax = \"proto3\"; message M { string user = 1; string text = 2; int64 n = 3; bytes raw = 4; }";

struct OneKey;

impl SecretSource for OneKey {
    fn key(&self, reference: KeyRef<'_>) -> Key {
        match reference {
            KeyRef::Secret("pii") => Key::Bytes(b"0123456789abcdef".to_vec()),
            KeyRef::Environment("EMPTY") => Key::Bytes(Vec::new()),
            _ => Key::Missing,
        }
    }
}

fn pattern(pattern: &str, fields: &[&str]) -> Redaction {
    Redaction { pattern: Some(pattern.into()), fields: names(fields), ..Redaction::default() }
}

fn drop(fields: &[&str]) -> Redaction {
    Redaction { drop: Some(true), fields: names(fields), ..Redaction::default() }
}

fn hash(fields: &[&str]) -> Redaction {
    let key = RedactionHash { key_secret_name: Some("pii".into()), key_env: None };
    Redaction { hash: Some(key), fields: names(fields), ..Redaction::default() }
}

fn names(fields: &[&str]) -> Vec<logloom_crds::text::Column> {
    fields.iter().map(|field| (*field).into()).collect()
}

fn compile(rules: &[Redaction]) -> Redactor {
    Redactor::compile(rules, Schema::compile(PROTO, "M").unwrap().rows(), &OneKey).unwrap()
}

fn redact(rules: &[Redaction], row: [Cell<'static>; 4]) -> Vec<String> {
    let arena = Bump::new();
    let mut row: RowBuf<'_> = row.into_iter().collect();
    compile(rules).row(&mut row, &arena);
    let show = |cell: &Cell<'_>| match cell {
        Cell::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    };
    row.iter().map(show).collect()
}

fn line(rules: &[Redaction], line: &str, known: Known<'_>) -> String {
    let arena = Bump::new();
    String::from_utf8_lossy(compile(rules).line(line.as_bytes(), known, &arena)).into_owned()
}

const ROW: [Cell<'static>; 4] = [
    Cell::Bytes(b"ann@acme.example"),
    Cell::Bytes(b"mail from ann@acme.example to b@c.de!"),
    Cell::Int(5),
    Cell::Bytes(b"b@c.de"),
];
const MAIL: &str = r"[\w.+-]+@[\w-]+(\.[\w-]+)+";

#[test]
fn a_pattern_covers_every_text_column_or_the_named_ones() {
    assert_eq!(
        redact(&[pattern(MAIL, &[])], ROW),
        ["[redacted]", "mail from [redacted] to [redacted]!", "Int(5)", "b@c.de"]
    );
    assert_eq!(
        redact(&[pattern(MAIL, &["text", "raw"])], ROW)[..2],
        ["ann@acme.example", "mail from [redacted] to [redacted]!"]
    );
    assert_eq!(redact(&[pattern(MAIL, &["raw"])], ROW)[3], "[redacted]");
    let with = Redaction { replace: Some("<$0>".into()), ..pattern(MAIL, &["user"]) };
    assert_eq!(redact(&[with], ROW)[0], "<$0>", "a replacement is a text, nothing of the match can come back");
}

#[test]
fn rules_run_in_order() {
    let first = Redaction { replace: Some("one".into()), ..pattern("ann", &["user"]) };
    let second = Redaction { replace: Some("two".into()), ..pattern("one@acme", &["user"]) };
    assert_eq!(redact(&[first.clone(), second.clone()], ROW)[0], "two.example");
    assert_eq!(redact(&[second, first], ROW)[0], "one@acme.example");
}

#[test]
fn dropped_columns_are_null_and_hashed_ones_stay_equal() {
    assert_eq!(
        redact(&[drop(&["user", "n"])], ROW),
        ["Null", "mail from ann@acme.example to b@c.de!", "Null", "b@c.de"]
    );
    let hashed = redact(&[hash(&["user", "raw"])], ROW);
    let other = redact(&[hash(&["text"])], [Cell::Null, Cell::Bytes(b"b@c.de"), Cell::Null, Cell::Null]);
    assert_eq!(hashed[3], other[1], "equal values have equal hashes in every column");
    assert_eq!((hashed[0].len(), other[0].as_str()), (32, "Null"));
    assert_ne!(hashed[0], hashed[3]);
}

#[test]
fn a_withheld_key_shows_nothing() {
    let schema = Schema::compile(PROTO, "M").unwrap();
    let redactor = Redactor::compile(&[hash(&["user"])], schema.rows(), &NoSecrets).unwrap();
    let arena = Bump::new();
    let mut row: RowBuf<'_> = ROW.into_iter().collect();
    redactor.row(&mut row, &arena);
    assert_eq!(row[0], Cell::Bytes(b"[hash]"));
}

#[test]
fn a_raw_line_passes_all_patterns() {
    let rules = [pattern(MAIL, &["text"]), pattern("[0-9]{4}", &[])];
    assert_eq!(line(&rules, "x b@c.de \u{1}1234", Known::Nothing), "x [redacted] \u{1}[redacted]");
    assert_eq!(line(&[], "x b@c.de", Known::Nothing), "x b@c.de");
}

#[test]
fn protected_values_are_masked_in_a_raw_line_or_the_line_is_withheld() {
    let rules = [drop(&["user"]), pattern("[0-9]{4}", &[])];
    let raw = r#"{"user":"ann","text":"hello ann 1234"}"#;
    assert_eq!(
        line(&rules, raw, Known::Values(&[b"ann"])),
        r#"{"user":"[redacted]","text":"hello [redacted] [redacted]"}"#
    );
    assert_eq!(
        line(&rules, raw, Known::Values(&[])),
        r#"{"user":"ann","text":"hello ann [redacted]"}"#,
        "a line without the value"
    );
    let withheld = format!(
        "[withheld: {} bytes; the manifest drops or hashes columns, and this line does not show where they stand]",
        raw.len()
    );
    assert_eq!(line(&rules, raw, Known::Values(&["ann\n".as_bytes()])), withheld, "escaped in the line");
    assert_eq!(line(&rules, raw, Known::Nothing), withheld);
}

#[test]
fn appended_text_passes_the_patterns_of_its_column() {
    let rules = [pattern(MAIL, &["text"]), pattern("secret", &["user"])];
    let arena = Bump::new();
    assert_eq!(compile(&rules).text(Column(1), b"secret b@c.de", &arena), b"secret [redacted]");
}

#[test]
fn the_key_shows_in_no_debug_form() {
    assert!(!format!("{:?}", compile(&[hash(&["user"])])).contains("0123456789abcdef"));
}

#[test]
fn what_is_wrong_with_rules() {
    let env = |name: &str| Redaction {
        hash: Some(RedactionHash { key_secret_name: None, key_env: Some(name.into()) }),
        ..drop(&["user"])
    };
    let rules = [
        pattern("(", &[]),
        pattern("(a{1000}){1000}", &[]),
        pattern("a*", &["txt", "n"]),
        drop(&[]),
        hash(&["n"]),
        env("X"),
        Redaction { drop: None, ..env("EMPTY") },
        Redaction { drop: None, ..env("UNSET") },
        Redaction::default(),
        Redaction { hash: Some(RedactionHash::default()), ..Redaction { drop: None, ..drop(&["user"]) } },
    ];
    let findings = Redactor::compile(&rules, Schema::compile(PROTO, "M").unwrap().rows(), &OneKey).unwrap_err();
    let report: Vec<String> = findings.iter().map(|finding| format!("{finding}\n  -> {}", finding.remedy)).collect();
    insta::assert_snapshot!(report.join("\n"));
}
