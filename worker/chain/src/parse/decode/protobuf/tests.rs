use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, MapKey as Key, Value};

use super::*;
use crate::parse::decode::testing;

const SCHEMA: &str = r#"
    syntax = "proto3";
    package t;
    enum Level { UNKNOWN = 0; INFO = 1; ERROR = 2; }
    message Http { int32 status = 1; string path = 2; optional int64 size = 3; Http parent = 4; }
    message App {
        string service = 1;
        double duration_ms = 2;
        Level level = 3;
        Http http = 4;
        repeated Http calls = 5;
        repeated sint32 counts = 6;
        repeated string tags = 7;
        map<string, string> labels = 8;
        map<int64, Http> by_code = 9;
        bool ok = 10;
        uint64 id = 11;
        fixed32 a = 12;
        sfixed64 b = 13;
        float ratio = 14;
        bytes payload = 15;
        sint64 delta = 16;
        int32 minus = 17;
    }
"#;

fn app() -> MessageDescriptor {
    ProtobufDecoder::message(SCHEMA, "t.App").unwrap()
}

fn extract(names: &[&str], bytes: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
    let compile = |wanted: &Wanted<'_>| ProtobufDecoder::compile(&app(), wanted);
    testing::extract(names, bytes.as_ref(), compile, ProtobufDecoder::decode)
}

fn http(status: i32, path: &str) -> Value {
    let kind = app().get_field_by_name("http").unwrap().kind();
    let mut message = DynamicMessage::new(kind.as_message().unwrap().clone());
    message.set_field_by_name("status", Value::I32(status));
    message.set_field_by_name("path", Value::String(path.into()));
    Value::Message(message)
}

fn sample() -> Vec<u8> {
    let mut message = DynamicMessage::new(app());
    let labels = [("app", "shop"), ("app.kubernetes.io/name", "cart")];
    let labels = labels.map(|(key, value)| (Key::String(key.into()), Value::String(value.into())));
    for (name, value) in [
        ("service", Value::String("checkout".into())),
        ("duration_ms", Value::F64(12.5)),
        ("level", Value::EnumNumber(2)),
        ("http", http(502, "/pay")),
        ("calls", Value::List(vec![http(200, "/a"), http(404, "/b")])),
        ("counts", Value::List(vec![Value::I32(1), Value::I32(-2), Value::I32(3)])),
        ("tags", Value::List(vec![Value::String("x".into()), Value::String("y\"".into())])),
        ("labels", Value::Map(labels.into_iter().collect())),
        ("by_code", Value::Map([(Key::I64(-7), http(7, "/seven"))].into_iter().collect())),
        ("id", Value::U64(u64::MAX)),
        ("a", Value::U32(4_000_000_000)),
        ("b", Value::I64(-5)),
        ("ratio", Value::F32(0.5)),
        ("payload", Value::Bytes(vec![0xff, 0x00].into())),
        ("delta", Value::I64(-900)),
        ("minus", Value::I32(-1)),
    ] {
        message.set_field_by_name(name, value);
    }
    message.encode_to_vec()
}

#[test]
fn scalars_come_straight_from_the_wire() {
    let names = ["service", "duration_ms", "level", "id", "a", "b", "ratio", "payload", "delta", "minus", "ok"];
    assert_eq!(
        extract(&names, sample()).unwrap(),
        [
            "'checkout'",
            "Float(12.5)",
            "'ERROR'",
            "'18446744073709551615'",
            "Int(4000000000)",
            "Int(-5)",
            "Float(0.5)",
            r"'\xff\x00'",
            "Int(-900)",
            "Int(-1)",
            "Bool(false)",
        ]
    );
}

#[test]
fn nested_messages_elements_and_entries() {
    let names =
        ["http.status", "http.size", "http.parent.status", "calls[1].path", "calls[2].path", "counts[1]", "tags[0]"];
    assert_eq!(
        extract(&names, sample()).unwrap(),
        ["Int(502)", "Absent", "Absent", "'/b'", "Absent", "Int(-2)", "'x'"]
    );
    let names = ["labels.app", "labels.app.kubernetes.io/name", "labels.none", "by_code.-7.path", "by_code.-7.status"];
    assert_eq!(extract(&names, sample()).unwrap(), ["'shop'", "'cart'", "Absent", "'/seven'", "Int(7)"]);
}

#[test]
fn whole_messages_lists_and_maps_are_json() {
    let names = ["http", "calls[0]", "counts", "tags", "labels", "by_code"];
    assert_eq!(
        extract(&names, sample()).unwrap(),
        [
            r#"json {\"status\":502,\"path\":\"/pay\"}"#,
            r#"json {\"status\":200,\"path\":\"/a\"}"#,
            "json [1,-2,3]",
            r#"json [\"x\",\"y\\\"\"]"#,
            r#"json {\"app\":\"shop\",\"app.kubernetes.io/name\":\"cart\"}"#,
            r#"json {\"-7\":{\"status\":7,\"path\":\"/seven\"}}"#,
        ]
    );
}

#[test]
fn an_absent_scalar_is_its_default_and_an_empty_message_is_one() {
    let names = ["service", "duration_ms", "level", "ok", "http.status", "labels"];
    assert_eq!(extract(&names, []).unwrap(), ["''", "Float(0.0)", "Int(0)", "Bool(false)", "Absent", "Absent"]);
    // http is there, and empty.
    assert_eq!(extract(&["http.status", "http.size"], [0x22, 0]).unwrap(), ["Int(0)", "Absent"]);
}

#[test]
fn what_is_not_the_message_is_refused() {
    let what = |bytes: &[u8]| match extract(&["service", "calls"], bytes).unwrap_err().kind {
        FaultKind::Encoding { what } => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(b"\x0a\x05abc"), "a field is cut off");
    assert_eq!(what(b"\x08\x01"), "a field has another wire type than the schema says");
    assert_eq!(what(b"\x00\x01"), "a field number is out of range");
    assert_eq!(what(b"\xff\xff"), "a tag is cut off or too long");
    assert_eq!(what(b"\x0e"), "a field has no valid wire type");
    assert_eq!(what(b"\xc0\x3e\x01"), "not one field of the message is in it");
    assert_eq!(what(b"\x2a\x02\x0a\x05"), "a nested message is broken");
    let cut = sample();
    assert!(extract(&["service"], &cut[..cut.len() - 1]).is_err());
}

#[test]
fn unknown_fields_and_groups_are_stepped_over() {
    let mut bytes = vec![0xc0, 0x3e, 0x01, 0xc3, 0x3e, 0x08, 0x01, 0xc4, 0x3e];
    bytes.extend(sample());
    assert_eq!(extract(&["service"], &bytes).unwrap(), ["'checkout'"]);
}

#[test]
fn a_path_is_known_to_lead_somewhere_or_not() {
    let app = app();
    for path in [
        "service",
        "http.parent.parent.status",
        "calls",
        "calls[3].path",
        "labels.a.b",
        "by_code.1.status",
        "by_code.1",
    ] {
        assert!(ProtobufDecoder::may_give(&app, path), "{path}");
    }
    for path in ["none", "service.x", "calls.path", "http[0]", "by_code.1.none", "calls[0].none", ""] {
        assert!(!ProtobufDecoder::may_give(&app, path), "{path}");
    }
}

#[test]
fn a_schema_that_cannot_work_is_refused() {
    assert!(ProtobufDecoder::message("syntax = \"proto3\"; message A { int32 a = 1 }", "A").is_err());
    assert!(ProtobufDecoder::message(SCHEMA, "t.None").unwrap_err().remedy.contains("t.App"));
}

proptest! {
    #[test]
    fn agrees_with_the_dynamic_message(mut bytes in Just(sample()), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let ours = extract(&["delta", "http.status"], &bytes);
        if let (Ok(ours), Ok(theirs)) = (ours, DynamicMessage::decode(app(), bytes.as_slice())) {
            let delta = theirs.get_field_by_name("delta").unwrap().as_i64().unwrap();
            prop_assert_eq!(&ours[0], &format!("Int({delta})"));
            if theirs.has_field_by_name("http") {
                let status = theirs.get_field_by_name("http").unwrap().as_message().unwrap()
                    .get_field_by_name("status").unwrap().as_i32().unwrap();
                prop_assert_eq!(&ours[1], &format!("Int({status})"));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let names = ["service", "http.parent.status", "calls[1].path", "counts[2]", "counts", "labels.app", "by_code.1.path", "http"];
        let _ = extract(&names, &bytes);
        let _ = extract(&names, [sample(), bytes].concat());
    }
}
