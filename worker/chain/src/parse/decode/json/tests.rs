use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::parse::decode::testing;

/// What `names` are in `text`; the fault when it is refused.
fn extract(names: &[&str], text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
    testing::extract(names, text.as_ref(), JsonDecoder::compile, JsonDecoder::decode)
}

fn fault(text: &str) -> (usize, FaultKind) {
    match extract(&["a"], text) {
        Err(fault) => (fault.at, fault.kind),
        Ok(values) => panic!("`{text}` was accepted: {values:?}"),
    }
}

#[test]
fn values_of_every_kind() {
    let text = r#" {"s":"x","i":-12,"f":1.5,"t":true,"n":null,"o":{"k":[1, 2]},"a":[]} "#;
    assert_eq!(
        extract(&["s", "i", "f", "t", "n", "o", "a", "missing"], text).unwrap(),
        ["'x'", "Int(-12)", "Float(1.5)", "Bool(true)", "Null", r#"json {\"k\":[1, 2]}"#, "json []", "Absent"]
    );
}

#[test]
fn nested_paths_and_elements() {
    let text = r#"{"kubernetes":{"labels":{"app":"shop"}},"spans":[{"name":"a"},{"name":"b"},3],"m":[[1,2],[3]]}"#;
    let names = ["kubernetes.labels.app", "spans[1].name", "spans[2]", "spans[3]", "m[0][1]", "kubernetes"];
    let found = extract(&names, text).unwrap();
    assert_eq!(found[..5], ["'shop'", "'b'", "Int(3)", "Absent", "Int(2)"]);
    assert_eq!(found[5], r#"json {\"labels\":{\"app\":\"shop\"}}"#);
}

#[test]
fn a_key_with_dots_is_found_by_the_same_path() {
    for text in [
        r#"{"attributes":{"http":{"status":200}}}"#,
        r#"{"attributes":{"http.status":200}}"#,
        r#"{"attributes.http":{"status":200}}"#,
        r#"{"attributes.http.status":200}"#,
    ] {
        assert_eq!(extract(&["attributes.http.status"], text).unwrap(), ["Int(200)"], "{text}");
    }
}

#[test]
fn the_last_of_equal_keys_counts() {
    assert_eq!(extract(&["a"], r#"{"a":1,"a":2}"#).unwrap(), ["Int(2)"]);
    assert_eq!(extract(&["a"], r#"{"a":1,"a":null}"#).unwrap(), ["Null"]);
}

#[test]
fn a_path_through_a_scalar_is_absent() {
    assert_eq!(extract(&["a.b", "a[0]"], r#"{"a":"text"}"#).unwrap(), ["Absent", "Absent"]);
    assert_eq!(extract(&["a.b", "a[0]"], r#"{"a":[{"b":1}]}"#).unwrap(), ["Absent", r#"json {\"b\":1}"#]);
}

#[test]
fn escapes_become_text_and_lone_surrogates_the_replacement_character() {
    let text = r#"{"a":"q\"b\\s\/n\nt\tr\rb\bf\fé\u00e9\ud83d\ude00"}"#;
    let expected = "q\"b\\s/n\nt\tr\rb\u{8}f\u{c}é\u{e9}\u{1f600}";
    assert_eq!(extract(&["a"], text).unwrap(), [format!("'{}'", expected.as_bytes().escape_ascii())]);
    let lone = format!("'{}'", "\u{fffd}x\u{fffd}y".as_bytes().escape_ascii());
    assert_eq!(extract(&["a"], r#"{"a":"\ud83dx\udc00y"}"#).unwrap(), [lone]);
    let pair_of_highs = format!("'{}'", "\u{fffd}A".as_bytes().escape_ascii());
    assert_eq!(extract(&["a"], r#"{"a":"\ud83d\u0041"}"#).unwrap(), [pair_of_highs]);
    assert_eq!(extract(&["ab"], r#"{"a\u0062":1}"#).unwrap(), ["Int(1)"]);
}

#[test]
fn numbers_keep_what_they_say() {
    let number = |text: &str| extract(&["a"], format!(r#"{{"a":{text}}}"#)).unwrap().remove(0);
    assert_eq!(number("9223372036854775807"), "Int(9223372036854775807)");
    assert_eq!(number("-9223372036854775808"), "Int(-9223372036854775808)");
    assert_eq!(number("18446744073709551615"), "'18446744073709551615'");
    assert_eq!(number("1e3"), "Float(1000.0)");
    assert_eq!(number("1e999"), "'1e999'");
    assert_eq!(number("-0.001"), "Float(-0.001)");
    assert_eq!(number("123456789.123456789123"), format!("Float({:?})", 123_456_789.123_456_79_f64));
}

#[test]
fn invalid_utf8_stays_bytes_and_a_byte_order_mark_is_skipped() {
    assert_eq!(extract(&["a"], b"{\"a\":\"\xff\xfe\"}").unwrap(), [r"'\xff\xfe'"]);
    assert_eq!(extract(&["a"], b"\xef\xbb\xbf{\"a\":1}").unwrap(), ["Int(1)"]);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    assert_eq!(fault(""), (0, FaultKind::Empty));
    assert_eq!(fault("   "), (0, FaultKind::Empty));
    assert_eq!(fault("hello"), (0, FaultKind::Unexpected { expected: "an object, `{`", found: b'h' }));
    assert_eq!(fault(r#"{"a":"cut of"#), (12, FaultKind::Truncated { inside: "a string" }));
    assert_eq!(fault(r#"{"a":1"#), (6, FaultKind::Truncated { inside: "`,` or `}`" }));
    assert_eq!(fault(r#"{"b":[1,2"#), (9, FaultKind::Truncated { inside: "`,` or `]`" }));
    assert_eq!(fault(r#"{"b":tru}"#), (8, FaultKind::Unexpected { expected: "true", found: b'}' }));
    assert_eq!(fault(r#"{"a":1}{"a":2}"#), (7, FaultKind::Trailing { count: 7 }));
    assert_eq!(fault(r#"{"a":1,}"#), (7, FaultKind::Unexpected { expected: "a key", found: b'}' }));
    assert_eq!(fault(r#"{"b":01}"#).0, 6);
    assert_eq!(fault(r#"{"b":"\x"}"#), (6, FaultKind::Escape));
    assert_eq!(fault("{\"b\":\"\t\"}"), (6, FaultKind::Control { found: b'\t' }));
    let deep = "[".repeat(200);
    assert_eq!(fault(&format!(r#"{{"b":{deep}"#)).1, FaultKind::TooDeep { limit: 128 });
}

#[test]
fn every_cut_of_a_line_is_an_error() {
    let line = r#"{"ts":"2026-11-01T10:42:00Z","a":{"b":[1,-2.5e3,"x\n"]},"ok":true,"none":null}"#;
    assert!(extract(&["a.b[2]"], line).is_ok());
    for end in 0..line.len() {
        assert!(extract(&["a.b[2]"], &line[..end]).is_err(), "accepted when cut at {end}");
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The text of what serde_json makes of a value, in the words of [`testing::show`].
fn expected(value: Option<&Value>) -> String {
    match value {
        None => "Absent".to_owned(),
        Some(Value::Null) => "Null".to_owned(),
        Some(Value::Bool(value)) => format!("Bool({value})"),
        Some(Value::String(text)) => format!("'{}'", text.as_bytes().escape_ascii()),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(value) => format!("Int({value})"),
            None => format!("Float({:?})", number.as_f64().unwrap()),
        },
        Some(nested) => format!("json {}", nested.to_string().as_bytes().escape_ascii()),
    }
}

proptest! {
    #[test]
    fn agrees_with_serde_json_on_values(
        members in prop::collection::btree_map("[a-d]{1,20}", json_value(), 0..8),
        spaces in any::<bool>(),
    ) {
        let object = Value::Object(members.clone().into_iter().collect());
        let text = if spaces { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
        let names: Vec<&str> = members.keys().map(String::as_str).chain(["absent"]).collect();
        let found = extract(&names, &text).unwrap();
        for (name, found) in names.iter().zip(found) {
            let value = members.get(*name);
            if spaces && matches!(value, Some(Value::Object(_) | Value::Array(_))) {
                continue;
            }
            prop_assert_eq!(found, expected(value));
        }
    }

    #[test]
    fn accepts_what_serde_json_accepts(text in r#"[{}\[\]:,"\\ a-cnu0-9.eE+\-truefals]{0,40}"#, inside in any::<bool>()) {
        let text = if inside { format!(r#"{{"a":{text}}}"#) } else { text };
        // serde_json refuses lone surrogates, which this alphabet cannot write.
        let theirs: Result<BTreeMap<String, serde::de::IgnoredAny>, _> = serde_json::from_str(&text);
        prop_assert_eq!(extract(&["a", "b"], &text).is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn a_changed_byte_is_accepted_exactly_when_serde_json_accepts_it(
        members in prop::collection::btree_map("[a-d]{1,4}", json_value(), 1..4),
        at: prop::sample::Index,
        byte in r#"[{}\[\]:,"\\ a-z0-9.eE+\-]"#,
    ) {
        let object = Value::Object(members.into_iter().collect());
        let mut text = serde_json::to_string(&object).unwrap().into_bytes();
        let at = at.index(text.len());
        text[at] = byte.as_bytes()[0];
        let Ok(text) = String::from_utf8(text) else { return Ok(()) };
        let theirs: Result<BTreeMap<String, serde::de::IgnoredAny>, _> = serde_json::from_str(&text);
        prop_assert_eq!(extract(&["a", "b"], &text).is_ok(), theirs.is_ok(), "{}", text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, names in prop::collection::vec("[a-c.\\[\\]0-9]{1,12}", 0..5)) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let _ = extract(&names, &bytes);
        let _ = extract(&names, [b"{\"a\":\"".as_slice(), &bytes, b"\",\"b\":1}"].concat());
    }
}
