//! Rows against prost-reflect, both ways; what is refused; JSON.

use super::*;
use crate::row::{Cell, ColumnType};
use proptest::prelude::*;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

/// Every scalar, with presence, nested two deep, numbers out of order, a high number.
const ALL: &str = r#"
syntax = "proto3";
package acme;
enum Level { UNKNOWN = 0; INFO = 1; WARN = 2; ERROR = -3; }
message Http { optional int32 status = 2; optional string path = 1; Timing timing = 4; }
message Timing { optional double total_ms = 1; optional float first_ms = 2; }
message App {
  optional string service = 1;
  optional bytes blob = 9;
  optional bool ok = 3;
  optional int32 i32 = 4;
  optional int64 i64 = 5;
  optional uint32 u32 = 6;
  optional uint64 u64 = 7;
  optional sint32 s32 = 8;
  optional sint64 s64 = 2;
  Http http = 10;
  optional fixed32 f32 = 11;
  optional fixed64 f64 = 12;
  optional sfixed32 sf32 = 13;
  optional sfixed64 sf64 = 14;
  optional float single = 15;
  optional double double = 16;
  optional Level level = 100000;
}
"#;

fn compile(text: &str, message: &str) -> Schema {
    Schema::compile(text, message).unwrap()
}

fn names(schema: &Schema) -> Vec<&str> {
    schema.rows().columns().iter().map(|column| column.name.as_str()).collect()
}

#[derive(Debug, Clone)]
enum Owned {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(Vec<u8>),
}

impl Owned {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Bool(value) => Cell::Bool(*value),
            Self::Int(value) => Cell::Int(*value),
            Self::Float(value) => Cell::Float(*value),
            Self::Bytes(value) => Cell::Bytes(value),
        }
    }
}

fn value_of(kind: Scalar) -> BoxedStrategy<Owned> {
    let (least, most) = kind.integer_range();
    let value = match kind {
        Scalar::Bool => any::<bool>().prop_map(Owned::Bool).boxed(),
        Scalar::Float => any::<f32>()
            .prop_filter("equal to itself", |value| !value.is_nan())
            .prop_map(|value| Owned::Float(f64::from(value)))
            .boxed(),
        Scalar::Double => {
            any::<f64>().prop_filter("equal to itself", |value| !value.is_nan()).prop_map(Owned::Float).boxed()
        }
        Scalar::String => ".{0,200}".prop_map(|text| Owned::Bytes(text.into_bytes())).boxed(),
        Scalar::Bytes => proptest::collection::vec(any::<u8>(), 0..300).prop_map(Owned::Bytes).boxed(),
        _ => prop_oneof![
            Just(0),
            Just(least),
            Just(most),
            (-3i64..300).prop_map(move |value| value.max(least)),
            least..=most
        ]
        .prop_map(Owned::Int)
        .boxed(),
    };
    prop_oneof![1 => Just(Owned::Null), 3 => value].boxed()
}

fn rows_of(schema: &Schema) -> impl Strategy<Value = Vec<Owned>> + use<> {
    (0..schema.rows().len()).map(|index| value_of(schema.scalar(Column(index as u16)).unwrap())).collect::<Vec<_>>()
}

fn cells(row: &[Owned]) -> RowBuf<'_> {
    row.iter().map(Owned::cell).collect()
}

fn to_value(kind: Scalar, cell: &Cell<'_>) -> Value {
    match (*cell, kind) {
        (Cell::Bool(value), _) => Value::Bool(value),
        (Cell::Int(value), Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32) => Value::I32(value as i32),
        (Cell::Int(value), Scalar::Uint32 | Scalar::Fixed32) => Value::U32(value as u32),
        (Cell::Int(value), Scalar::Uint64 | Scalar::Fixed64) => Value::U64(value as u64),
        (Cell::Int(value), Scalar::Enum) => Value::EnumNumber(value as i32),
        (Cell::Int(value), _) => Value::I64(value),
        (Cell::Float(value), Scalar::Float) => Value::F32(value as f32),
        (Cell::Float(value), _) => Value::F64(value),
        (Cell::Bytes(value), Scalar::String) => Value::String(String::from_utf8(value.to_vec()).unwrap()),
        (Cell::Bytes(value), _) => Value::Bytes(value.to_vec().into()),
        (Cell::Null, _) => unreachable!("nulls are not set"),
    }
}

fn set(message: &mut DynamicMessage, path: &str, value: Value) {
    match path.split_once('.') {
        None => message.set_field_by_name(path, value),
        Some((outer, rest)) => match message.get_field_by_name_mut(outer).unwrap() {
            Value::Message(nested) => set(nested, rest, value),
            other => panic!("{outer} is {other:?}"),
        },
    }
}

fn get(message: &DynamicMessage, path: &str) -> Option<Value> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let field = message.descriptor().get_field_by_name(name).unwrap();
    if !message.has_field(&field) {
        return None;
    }
    match (message.get_field(&field).into_owned(), rest) {
        (Value::Message(nested), Some(rest)) => get(&nested, rest),
        (value, _) => Some(value),
    }
}

fn as_dynamic(schema: &Schema, row: &RowBuf<'_>) -> DynamicMessage {
    let mut message = DynamicMessage::new(schema.descriptor().clone());
    for (index, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_null()) {
        let column = Column(index as u16);
        set(&mut message, &schema.rows().info(column).unwrap().name, to_value(schema.scalar(column).unwrap(), cell));
    }
    message
}

#[test]
fn columns_are_in_declaration_order_with_dotted_names() {
    let schema = compile(ALL, "acme.App");
    assert_eq!(
        names(&schema),
        [
            "service",
            "blob",
            "ok",
            "i32",
            "i64",
            "u32",
            "u64",
            "s32",
            "s64",
            "http.status",
            "http.path",
            "http.timing.total_ms",
            "http.timing.first_ms",
            "f32",
            "f64",
            "sf32",
            "sf64",
            "single",
            "double",
            "level"
        ]
    );
    assert_eq!(schema.message_name(), "acme.App");
    assert_eq!(schema.rows().columns()[1].kind, ColumnType::Bytes);
    assert_eq!(schema.rows().columns()[19].kind, ColumnType::Enum);
    let level = schema.enum_names(Column(19)).unwrap();
    assert_eq!(level.number(b"ERROR"), Some(-3));
    assert_eq!(level.name(2), Some("WARN"));
    assert_eq!((level.number(b"FATAL"), level.name(9)), (None, None));
    assert_eq!(names(&compile(ALL, "Timing")), ["total_ms", "first_ms"], "the short name does when it is the only one");
}

proptest! {
    #[test]
    fn rows_are_messages_of_the_schema_both_ways(row in rows_of(&compile(ALL, "acme.App"))) {
        let schema = compile(ALL, "acme.App");
        let row = cells(&row);
        let mut bytes = Vec::new();
        schema.encode(&row, &mut bytes);

        let theirs = as_dynamic(&schema, &row);
        prop_assert_eq!(&bytes, &prost_encode(&theirs), "one row, one encoding: that of prost-reflect");

        let read = DynamicMessage::decode(schema.descriptor().clone(), bytes.as_slice()).unwrap();
        for (index, cell) in row.iter().enumerate() {
            let column = Column(index as u16);
            let found = get(&read, &schema.rows().info(column).unwrap().name);
            let expected = (!cell.is_null()).then(|| to_value(schema.scalar(column).unwrap(), cell));
            prop_assert_eq!(found, expected);
        }

        let mut back = RowBuf::new();
        schema.decode(&bytes, &mut back).unwrap();
        prop_assert_eq!(&back[..], &row[..]);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let schema = compile(ALL, "acme.App");
        let mut row = RowBuf::new();
        if schema.decode(&bytes, &mut row).is_err() {
            prop_assert!(row.iter().all(Cell::is_null));
        }
        prop_assert_eq!(row.len(), schema.rows().len());
        let mut json = Vec::new();
        schema.write_json(&row, &mut json);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
    }

    #[test]
    fn damaged_messages_never_panic(row in rows_of(&compile(ALL, "acme.App")), at: prop::sample::Index, byte: u8) {
        let schema = compile(ALL, "acme.App");
        let mut bytes = Vec::new();
        schema.encode(&cells(&row), &mut bytes);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = schema.decode(&bytes, &mut RowBuf::new());
            let _ = schema.decode(&bytes[..at], &mut RowBuf::new());
        }
    }
}

fn prost_encode(message: &DynamicMessage) -> Vec<u8> {
    use prost::Message;
    message.encode_to_vec()
}

#[test]
fn zero_and_absent_stay_apart() {
    let schema = compile("syntax = \"proto3\"; message M { int64 a = 1; int64 b = 2; string c = 3; }", "M");
    let row = [Cell::Int(0), Cell::Null, Cell::Bytes(b"")];
    let mut bytes = Vec::new();
    schema.encode(&row, &mut bytes);
    assert_eq!(bytes, [0x08, 0x00, 0x1a, 0x00]);
    let mut back = RowBuf::new();
    schema.decode(&bytes, &mut back).unwrap();
    assert_eq!(&back[..], &row[..]);
}

#[test]
fn a_nested_message_of_nulls_is_absent_and_a_long_one_has_its_length() {
    let schema = compile(
        "syntax = \"proto3\"; message M { N n = 1; string z = 2; } message N { O o = 1; } message O { string t = 1; }",
        "M",
    );
    let mut bytes = Vec::new();
    schema.encode(&[Cell::Null, Cell::Bytes(b"x")], &mut bytes);
    assert_eq!(bytes, [0x12, 1, b'x']);
    for length in [1, 122, 123, 124, 125, 126, 127, 128, 16_380, 70_000] {
        let text = vec![b'a'; length];
        let row = [Cell::Bytes(&text), Cell::Bytes(b"x")];
        let mut bytes = b"kept".to_vec();
        schema.encode(&row, &mut bytes);
        let read = DynamicMessage::decode(schema.descriptor().clone(), &bytes[4..]).unwrap();
        assert_eq!(get(&read, "n.o.t"), Some(Value::String(String::from_utf8(text.clone()).unwrap())));
        let mut back = RowBuf::new();
        schema.decode(&bytes[4..], &mut back).unwrap();
        assert_eq!(&back[..], &row[..]);
    }
}

#[test]
fn unknown_fields_groups_and_other_wire_types_are_skipped() {
    let schema = compile("syntax = \"proto3\"; message M { int64 a = 1; string s = 2; }", "M");
    let bytes = [
        0x50, 0x96, 0x01, // field 10, varint
        0x5b, 0x63, 0x08, 0x07, 0x64, 0x5c, // group 11 with group 12 in it
        0x0a, 0x02, 0xff, 0xff, // field 1 as a block
        0x6d, 1, 2, 3, 4, // field 13, four bytes
        0x71, 1, 2, 3, 4, 5, 6, 7, 8, // field 14, eight bytes
        0x08, 0x05, 0x08, 0x06, // field 1 twice: the last stands
    ];
    let mut row = RowBuf::new();
    schema.decode(&bytes, &mut row).unwrap();
    assert_eq!(&row[..], [Cell::Int(6), Cell::Null]);
    let cases: [(&[u8], RowError); 7] = [
        (&[0x08], RowError::Truncated),
        (&[0x12, 0x05, b'a'], RowError::Truncated),
        (&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2], RowError::Overlong),
        (&[0x00, 0x01], RowError::Tag),
        (&[0x0f], RowError::Tag),
        (&[0x5c], RowError::Group),
        (&[0x5b; 40], RowError::Group),
    ];
    for (bytes, expected) in cases {
        assert_eq!(schema.decode(bytes, &mut row), Err(expected), "{bytes:?}");
    }
}

#[test]
fn an_unsigned_value_beyond_the_row_is_an_error_that_names_the_column() {
    let schema = compile("syntax = \"proto3\"; message M { bool a = 1; uint64 u = 2; fixed64 f = 3; }", "M");
    let bytes = [0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    let mut row = RowBuf::new();
    assert_eq!(schema.decode(&bytes, &mut row), Err(RowError::OutOfRange { column: 1 }));
    assert_eq!(schema.decode(&[0x19, 0, 0, 0, 0, 0, 0, 0, 0x80], &mut row), Err(RowError::OutOfRange { column: 2 }));
}

#[test]
fn integers_beyond_the_field_are_clamped_and_other_types_left_out() {
    let schema = compile("syntax = \"proto3\"; message M { uint32 a = 1; sint32 b = 2; string c = 3; }", "M");
    let mut bytes = Vec::new();
    schema.encode(&[Cell::Int(-1), Cell::Int(i64::MAX), Cell::Int(3)], &mut bytes);
    let mut row = RowBuf::new();
    schema.decode(&bytes, &mut row).unwrap();
    assert_eq!(&row[..], [Cell::Int(0), Cell::Int(i64::from(i32::MAX)), Cell::Null]);
}

const ONEOF: &str = r#"
syntax = "proto3";
message M { string id = 1; oneof what { string text = 2; Pair pair = 3; int64 number = 4; } bool last = 5; }
message Pair { int64 left = 1; int64 right = 2; }
"#;

#[test]
fn the_first_member_of_a_oneof_stands_in_a_row_and_the_last_on_the_wire() {
    let schema = compile(ONEOF, "M");
    assert_eq!(names(&schema), ["id", "text", "pair.left", "pair.right", "number", "last"]);
    let bytes = [0x12, 1, b'x', 0x1a, 2, 0x08, 1, 0x20, 9, 0x1a, 2, 0x10, 3];
    let mut row: RowBuf<'_> =
        [Cell::Null, Cell::Null, Cell::Null, Cell::Int(2), Cell::Int(7), Cell::Bool(true)].into_iter().collect();
    schema.settle_oneofs(&mut row);
    assert_eq!(&row[..], [Cell::Null, Cell::Null, Cell::Null, Cell::Int(2), Cell::Null, Cell::Bool(true)]);

    schema.decode(&bytes, &mut row).unwrap();
    assert_eq!(&row[..], [Cell::Null, Cell::Null, Cell::Null, Cell::Int(3), Cell::Null, Cell::Null]);
    let theirs = DynamicMessage::decode(schema.descriptor().clone(), &bytes[..]).unwrap();
    assert_eq!(get(&theirs, "pair.right"), Some(Value::I64(3)));
    assert_eq!(get(&theirs, "number"), None);
}

#[test]
fn json_is_nested_leaves_out_nulls_and_does_not_vary() {
    let schema = compile(ALL, "acme.App");
    let mut row = RowBuf::new();
    schema.clear(&mut row);
    let mut write = |cells: &[(&str, Cell<'static>)]| {
        schema.clear(&mut row);
        for (name, cell) in cells {
            row[schema.rows().column(name).unwrap().index()] = *cell;
        }
        let mut out = Vec::new();
        schema.write_json(&row, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(write(&[]), "{}");
    assert_eq!(
        write(&[
            ("service", Cell::Bytes("a\"\n\u{e9}\u{1}".as_bytes())),
            ("blob", Cell::Bytes(b"\x00\xff\x10\x20")),
            ("i64", Cell::Int(i64::MIN)),
            ("http.status", Cell::Int(200)),
            ("http.timing.first_ms", Cell::Float(f64::from(0.1f32))),
            ("double", Cell::Float(0.1)),
            ("level", Cell::Int(-3)),
        ]),
        r#"{"service":"a\"\né\u0001","blob":"AP8QIA==","i64":-9223372036854775808,"http":{"status":200,"timing":{"first_ms":0.1}},"double":0.1,"level":"ERROR"}"#
    );
    assert_eq!(
        write(&[
            ("http.timing.total_ms", Cell::Float(1e300)),
            ("ok", Cell::Bool(false)),
            ("level", Cell::Int(77)),
            ("double", Cell::Float(f64::NAN))
        ]),
        r#"{"ok":false,"http":{"timing":{"total_ms":1e+300}},"double":"NaN","level":77}"#
    );
    assert_eq!(write(&[("service", Cell::Bytes(b"a\xffb"))]), "{\"service\":\"a\u{fffd}b\"}");
}

#[test]
fn base64_is_that_of_rfc_4648() {
    let schema = compile("syntax = \"proto3\"; message M { bytes b = 1; }", "M");
    for (plain, coded) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ] {
        let mut out = Vec::new();
        schema.write_cell(Column(0), &Cell::Bytes(plain.as_bytes()), &mut out);
        assert_eq!(out, format!("\"{coded}\"").into_bytes());
    }
}

fn refused(text: &str, message: &str) -> String {
    let error = Schema::compile(text, message).unwrap_err();
    format!("{error}\n  -> {}", error.remedy())
}

#[test]
fn what_is_not_supported_is_named_with_a_remedy() {
    let body =
        |fields: &str| format!("syntax = \"proto3\";\npackage a;\nmessage M {{ N n = 1; }}\nmessage N {{ {fields} }}");
    let cases = [
        body("repeated string tags = 1;"),
        body("map<string, string> labels = 1;"),
        body("N again = 1;"),
        body(""),
        body("string s = 1; string s = 2;"),
        body("string s = ;"),
        "syntax = \"proto3\";\nimport \"other.proto\";\nmessage M {}".into(),
        "syntax = \"proto2\"; message M { required int64 a = 1; }".into(),
        "syntax = \"proto2\"; message M { optional group G = 1 { optional int64 a = 1; } }".into(),
        String::new(),
    ];
    let report: Vec<String> = cases.iter().map(|text| format!("{text}\n{}\n", refused(text, "M"))).collect();
    insta::assert_snapshot!(report.join("\n"));
    insta::assert_snapshot!(refused(&body("string s = 1;"), "b.M"), @r"
    the schema has no message `b.M`
      -> use one of: a.M, a.N
    ");
}

#[test]
fn bombs_are_refused_quickly() {
    assert_eq!(
        Schema::compile(&" ".repeat(MAX_PROTO_BYTES + 1), "M").unwrap_err(),
        SchemaError::TooLarge { bytes: MAX_PROTO_BYTES + 1 }
    );
    // Twelve levels of two fields each would be 4,096 columns at the bottom.
    let levels: String = (0..12)
        .map(|level| format!("message L{level} {{ L{next} a = 1; L{next} b = 2; }}\n", next = level + 1))
        .collect();
    let text = format!("syntax = \"proto3\";\n{levels}\nmessage L12 {{ int64 x = 1; }}");
    assert!(matches!(Schema::compile(&text, "L0").unwrap_err(), SchemaError::TooDeep { .. }));
    let wide: String = (1..=1001).map(|number| format!("int64 f{number} = {number};")).collect();
    assert_eq!(
        Schema::compile(&format!("syntax = \"proto3\"; message M {{ {wide} }}"), "M").unwrap_err(),
        SchemaError::TooManyColumns
    );
    let eight: String = (0..8)
        .map(|level| {
            format!(
                "message L{level} {{ {} }}\n",
                (1..=4).map(|n| format!("L{} a{n} = {n};", level + 1)).collect::<String>()
            )
        })
        .collect();
    let text = format!("syntax = \"proto3\";\n{eight}\nmessage L8 {{ int64 x = 1; }}");
    assert_eq!(Schema::compile(&text, "L0").unwrap_err(), SchemaError::TooManyColumns);
    for open in ["message M {", "option (a) = {a:", "message M { oneof o {", "message M { extensions 1 to 2 [a={"] {
        let _ = Schema::compile(&format!("syntax = \"proto3\"; {}", open.repeat(3000)), "M");
    }
}

#[test]
fn well_known_messages_can_be_imported() {
    let schema = compile(
        "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; message M { google.protobuf.Timestamp at = 1; }",
        "M",
    );
    assert_eq!(names(&schema), ["at.seconds", "at.nanos"]);
}
