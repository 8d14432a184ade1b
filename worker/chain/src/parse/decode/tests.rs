//! Chains of steps.

use bumpalo::Bump;
use logloom_crds::manifest::DecodeStep;
use serde_json::json;

use super::testing::show;
use super::*;
use crate::parse::fields::SlotTable;

fn steps(list: serde_json::Value) -> Vec<DecodeStep> {
    serde_json::from_value(list).unwrap()
}

fn run(list: serde_json::Value, names: &[&str], line: &[u8]) -> Result<(Outcome, Vec<String>), DecodeError> {
    let mut table = SlotTable::new();
    let wanted: Vec<Slot> = names.iter().map(|name| table.want(name)).collect();
    let chain = Chain::compile(&steps(list), None, &mut table).unwrap();
    let arena = Bump::new();
    let mut slots = Slots::new(&arena, table.len());
    let outcome = chain.decode(arena.alloc_slice_copy(line), &mut chain.scratch(), &mut slots)?;
    Ok((outcome, wanted.iter().map(|slot| show(slots.get(*slot))).collect()))
}

fn refused(list: serde_json::Value) -> Vec<String> {
    let errors = Chain::compile(&steps(list), None, &mut SlotTable::new()).unwrap_err();
    errors.iter().map(ChainError::to_string).collect()
}

/// The rows of the TrainTicket set: CSV, in it a Docker envelope, in it the application's line.
fn nested() -> serde_json::Value {
    json!([
        { "csv": { "columns": ["Timestamp", "Pod", "TraceID", "Log"], "header": true } },
        { "docker": {}, "from": "Log", "prefix": "docker." },
        { "regex": { "pattern": r"^(?<clock>\S+)\s+(?<level>[A-Z]+)\s+(?<logger>[^#]+)#(?<line>\d+) (?<message>.*)$" } },
    ])
}

#[test]
fn an_envelope_in_an_envelope_in_a_row() {
    let line = br#"2023-01-29T09:35:38Z,ts-order,0493e2,"{""log"":""17:35:38.386 INFO  o.s.OrderServiceImpl#365 [get][ok]\n"",""stream"":""stdout""}""#;
    let names = ["Timestamp", "Pod", "TraceID", "docker.stream", "level", "line", "message"];
    let (outcome, values) = run(nested(), &names, line).unwrap();
    assert_eq!(outcome, Outcome::Event);
    assert_eq!(
        values,
        ["'2023-01-29T09:35:38Z'", "'ts-order'", "'0493e2'", "'stdout'", "'INFO'", "'365'", "'[get][ok]'"]
    );
}

#[test]
fn the_header_of_a_csv_file_is_no_event() {
    let (outcome, _) = run(nested(), &["Pod"], b"Timestamp,Pod,TraceID,Log").unwrap();
    assert_eq!(outcome, Outcome::Header);
}

#[test]
fn an_error_names_step_decoder_and_byte() {
    let error = run(nested(), &["Pod"], b"a,b,c").unwrap_err();
    assert_eq!(error.to_string(), "decode step 0 (csv), byte 5: 3 columns, the manifest names 4");
    let error = run(nested(), &["Pod"], b"a,b,c,not json").unwrap_err();
    assert_eq!(error.to_string(), "decode step 1 (docker), byte 0: expected an object, `{`, found `n`");
    let error = run(nested(), &["Pod"], br#"a,b,c,"{""log"":""x\n""}""#).unwrap_err();
    assert_eq!(error.to_string(), "decode step 2 (regex), byte 0: the pattern does not match");
}

#[test]
fn an_optional_step_that_fails_leaves_nothing_behind() {
    let list = json!([
        { "cri": {} },
        { "json": {}, "optional": true },
    ]);
    let names = ["message", "level", "id"];
    let line = |message: &str| format!("2026-11-01T10:42:00.000000000Z stdout F {message}");
    let values = |message: &str| run(list.clone(), &names, line(message).as_bytes()).unwrap().1;
    assert_eq!(values(r#"{"level":"INFO","id":1}"#)[1..], ["'INFO'", "Int(1)"]);
    assert_eq!(values("plain text"), ["'plain text'", "Absent", "Absent"]);
    // The first key had been extracted when the text turned out to be cut off.
    assert_eq!(
        values(r#"{"level":"INFO","message":"x","id":"#),
        [r#"'{\"level\":\"INFO\",\"message\":\"x\",\"id\":'"#, "Absent", "Absent"]
    );
}

#[test]
fn a_later_step_replaces_and_a_prefix_keeps_apart() {
    let line = br#"{"level":"outer","inner":"level=inner"}"#;
    let list = json!([{ "json": {} }, { "logfmt": {}, "from": "inner" }]);
    assert_eq!(run(list, &["level"], line).unwrap().1, ["'inner'"]);
    let list = json!([{ "json": {} }, { "logfmt": {}, "from": "inner", "prefix": "app_" }]);
    assert_eq!(run(list, &["level", "app_level"], line).unwrap().1, ["'outer'", "'inner'"]);
}

#[test]
fn a_raw_object_or_a_number_can_be_read_on() {
    let list = json!([{ "json": {} }, { "json": {}, "from": "a", "prefix": "a_" }, { "regex": { "pattern": "(?<first>[0-9])" }, "from": "n" }]);
    let (_, values) = run(list, &["a_b", "first"], br#"{"a":{"b":true},"n":427}"#).unwrap();
    assert_eq!(values, ["Bool(true)", "'4'"]);
}

#[test]
fn a_value_that_is_not_there_is_an_error_unless_the_step_is_optional() {
    let list = |optional: bool| json!([{ "json": {} }, { "logfmt": {}, "from": "msg", "optional": optional }]);
    let error = run(list(false), &["a"], b"{}").unwrap_err();
    assert_eq!(error.to_string(), "decode step 1 (logfmt), byte 0: no value `msg` to decode");
    assert_eq!(run(list(true), &["a"], b"{}").unwrap().1, ["Absent"]);
}

#[test]
fn pieces_stop_at_the_envelope_and_go_on_when_joined() {
    let list = json!([{ "cri": {} }, { "json": {} }]);
    let mut table = SlotTable::new();
    let (level, time) = (table.want("level"), table.want("time"));
    let chain = Chain::compile(&steps(list), None, &mut table).unwrap();
    let envelope = chain.envelope().unwrap();
    let (arena, mut scratch) = (Bump::new(), chain.scratch());
    let mut slots = Slots::new(&arena, table.len());
    let first: &[u8] = br#"2026-11-01T10:42:00.1Z stdout P {"level":"#;
    let last: &[u8] = br#"2026-11-01T10:42:00.2Z stdout F "INFO"}"#;

    assert_eq!(chain.decode(first, &mut scratch, &mut slots).unwrap(), Outcome::Partial);
    assert_eq!(slots.get(envelope.payload), Extracted::Text(br#"{"level":"#));
    assert_eq!(slots.get(envelope.stream), Extracted::Text(b"stdout"));

    let mut behind = Slots::new(&arena, table.len());
    assert!(chain.decode(last, &mut scratch, &mut behind).is_err());
    behind.clear();
    assert_eq!(chain.decode_envelope(last, &mut scratch, &mut behind).unwrap(), Outcome::Event);
    assert_eq!(behind.get(envelope.payload), Extracted::Text(br#""INFO"}"#));

    let joined: &[u8] = br#"{"level":"INFO"}"#;
    assert_eq!(chain.decode_rest(joined, &mut scratch, &mut slots).unwrap(), Outcome::Event);
    assert_eq!(slots.get(level), Extracted::Text(b"INFO"));
    assert_eq!(slots.get(time), Extracted::Text(b"2026-11-01T10:42:00.1Z"));
}

#[test]
fn what_cannot_work_is_found_with_its_path_and_a_remedy() {
    assert_eq!(
        refused(json!([{ "json": {} }, { "logfmt": {} }])),
        ["decode[1].from: the step before has no payload of its own to go on with. \
          Name the extracted value that this step reads, such as `from: message`"]
    );
    assert_eq!(
        refused(json!([{ "cri": {} }, { "json": {}, "from": "log" }])),
        ["decode[1].from: no earlier step extracts `log`. Use one of: time, stream, tag, partial, message"]
    );
    assert_eq!(refused(json!([{ "json": {}, "from": "x" }])).len(), 1);
    assert_eq!(
        refused(json!([]))[0],
        "decode[0]: a chain has 1 to 16 steps, this one has 0. Give each manifest at least one decode step"
    );
    let several = refused(json!([
        { "regex": { "pattern": "(a{1000}){1000}" } },
        { "dissect": { "pattern": "x" }, "from": "y" },
        { "docker": {}, "from": "z" },
        { "cri": {} },
    ]));
    assert_eq!(several.len(), 3, "{several:#?}");
}

#[test]
fn a_chain_knows_what_it_can_give() {
    let chain = Chain::compile(&steps(json!([{ "syslog": {}, "prefix": "s." }])), None, &mut SlotTable::new()).unwrap();
    assert!(chain.may_give("s.hostname") && chain.may_give("s.sd.a.b"));
    assert!(!chain.may_give("hostname") && !chain.may_give("s.level"));
    assert!(chain.names().contains(&"s.message".to_owned()));
    let open = Chain::compile(&steps(json!([{ "json": {} }])), None, &mut SlotTable::new()).unwrap();
    assert!(open.may_give("anything.at[0].all"));
}
