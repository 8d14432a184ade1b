//! The interface: environments, and what a program tells about itself.

use super::super::*;
use super::{columns, compiled, row};
use crate::row::{Cell, ColumnInfo, ColumnType, RowSchema};

/// How a window stage answers: every aggregate gets the next cell, equal ones the same.
#[derive(Default)]
pub(super) struct Window {
    cells: Vec<String>,
}

impl Window {
    fn place(&mut self, what: String) -> u16 {
        let found = self.cells.iter().position(|known| *known == what).unwrap_or_else(|| {
            self.cells.push(what);
            self.cells.len() - 1
        });
        u16::try_from(found).unwrap()
    }

    fn events() -> RowSchema {
        schema(&[("level", ColumnType::String), ("latency_ms", ColumnType::Int)])
    }
}

impl Environment for Window {
    fn variable(&mut self, path: &str) -> Option<Variable> {
        (path == "service").then(|| Variable::new(self.place(path.to_owned()), Type::String))
    }

    fn call(&mut self, function: &str, arguments: &[Argument<'_>]) -> CallResolution {
        let refused = |argument, message: &str, remedy: &str| CallResolution::Refused {
            argument,
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        };
        match (function, arguments) {
            ("count", []) => CallResolution::Variable(Variable::new(self.place("count".to_owned()), Type::Int)),
            ("count", [condition]) => {
                let events = Self::events();
                match compile(condition.text, &mut RowEnvironment::new(&events), Wanted::Bool) {
                    Ok(condition) => {
                        let place = self.place(format!("count where {}", condition.text()));
                        CallResolution::Variable(Variable::new(place, Type::Int))
                    }
                    Err(error) => CallResolution::Invalid { argument: 0, error },
                }
            }
            ("p99" | "baseline.p99", [column]) => match column.path.as_deref() {
                Some("latency_ms") => {
                    let place = self.place(format!("{function} of latency_ms"));
                    CallResolution::Variable(Variable::new(place, Type::Float))
                }
                Some(_) => refused(Some(0), "this is no column of the window", "did you mean `latency_ms`?"),
                None => refused(Some(0), "p99 takes a column", "write p99(latency_ms)"),
            },
            ("p99" | "baseline.p99", _) => refused(None, "p99 takes one column", "write p99(latency_ms)"),
            _ => CallResolution::Unknown,
        }
    }

    fn suggestions(&self) -> Vec<String> {
        ["service", "count(", "p99(", "baseline.p99("].map(str::to_owned).to_vec()
    }
}

fn schema(columns: &[(&str, ColumnType)]) -> RowSchema {
    RowSchema::new(columns.iter().map(|(name, kind)| ColumnInfo { name: (*name).to_owned(), kind: *kind }).collect())
}

#[test]
fn a_window_gives_its_aggregates_places() {
    let mut window = Window::default();
    let text = "p99(latency_ms) > 2.0 * baseline.p99(latency_ms) && count() >= 300 && count(level == 'ERROR') > 3";
    let when = compile(text, &mut window, Wanted::Bool).unwrap();
    assert_eq!(
        window.cells,
        ["p99 of latency_ms", "baseline.p99 of latency_ms", "count", "count where level == 'ERROR'"]
    );
    let fires = |p99, baseline, count, errors| when.bool(&[p99, baseline, count, errors]);
    let (slow, usual) = (Cell::Float(900.0), Cell::Float(200.0));
    assert_eq!(fires(slow, usual, Cell::Int(300), Cell::Int(4)), Some(true));
    assert_eq!(fires(slow, usual, Cell::Int(299), Cell::Int(4)), Some(false));
    // Without a baseline the condition is not true; it is false only where another part says so.
    assert_eq!(fires(slow, Cell::Null, Cell::Int(300), Cell::Int(4)), None);
    assert_eq!(fires(slow, Cell::Null, Cell::Int(1), Cell::Int(4)), Some(false));
}

#[test]
fn a_call_can_be_missing() {
    let mut window = Window::default();
    let known = compile("has(baseline.p99(latency_ms))", &mut window, Wanted::Bool).unwrap();
    assert_eq!(known.bool(&[Cell::Null]), Some(false));
    assert_eq!(known.bool(&[Cell::Float(1.0)]), Some(true));
}

#[test]
fn arguments_reach_the_environment_as_written() {
    struct Seen(Vec<String>);
    impl Environment for Seen {
        fn variable(&mut self, _: &str) -> Option<Variable> {
            None
        }
        fn call(&mut self, function: &str, arguments: &[Argument<'_>]) -> CallResolution {
            for argument in arguments {
                let Argument { text, path, constant } = argument;
                self.0.push(format!(
                    "{function}: {text} {path:?} {constant:?} {:?} {:?}",
                    argument.number(),
                    argument.string()
                ));
            }
            CallResolution::Variable(Variable::new(0, Type::Float))
        }
        fn suggestions(&self) -> Vec<String> {
            Vec::new()
        }
    }
    let mut seen = Seen(Vec::new());
    compile("q(`http`.status, 0.99, -3, 'é', ( a + 1 ), true, null) > f.g()", &mut seen, Wanted::Bool).unwrap();
    assert_eq!(
        seen.0,
        [
            r#"q: `http`.status Some("http.status") None None None"#,
            "q: 0.99 None Some(Number(0.99)) Some(0.99) None",
            "q: -3 None Some(Number(-3.0)) Some(-3.0) None",
            r#"q: 'é' None Some(String("é")) None Some("é")"#,
            "q: ( a + 1 ) None None None None",
            "q: true None Some(Bool(true)) None None",
            "q: null None None None None",
        ]
    );
}

#[test]
fn joined_rows_stand_side_by_side() {
    let app = schema(&[("level", ColumnType::String), ("trace", ColumnType::String)]);
    let db = schema(&[("level", ColumnType::Enum), ("rows", ColumnType::Int)]);
    let names = Arc::new(EnumNames::new([("LOW".to_owned(), 0), ("HIGH".to_owned(), 1)]));
    let joined = RowEnvironment::empty().with_part("app", 0, &app).with_part("db", 2, &db).with_names(2, names);
    let program = |text: &str| compile(text, &mut joined.clone(), Wanted::Any);
    let row = [Cell::Bytes(b"ERROR"), Cell::Bytes(b"t1"), Cell::Int(1), Cell::Int(7)];

    let both = program("app.level == 'ERROR' && db.level == 'HIGH' && rows > 5 && db.rows < 8").unwrap();
    assert_eq!(both.bool(&row), Some(true));
    assert_eq!(both.columns(), [0, 2, 3]);
    assert_eq!(program("trace").unwrap().value(&row).cell(), Cell::Bytes(b"t1"));

    let error = program("level == 'ERROR'").unwrap_err();
    assert_eq!(error.message, "there is no `level` here");
    assert_eq!(error.remedy, "several sides have it: write app.level or db.level");
    assert_eq!(program("db.levl").unwrap_err().remedy, "did you mean `db.level`?");
    assert_eq!(program("cache.rows").unwrap_err().message, "there is no `cache.rows` here");
}

#[test]
fn a_message_brings_the_names_of_its_enums() {
    let text = r#"
        syntax = "proto3";
        message App {
            enum Severity { option allow_alias = true; UNSET = 0; WARNING = 3; WARN = 3; ERROR = 4; }
            string service = 1;
            Severity severity = 2;
        }"#;
    let message = crate::parse::schema::Schema::compile(text, "App").unwrap();
    let alone = compile("severity >= 'WARN'", &mut RowEnvironment::of_message(&message), Wanted::Bool).unwrap();
    assert_eq!(alone.bool(&[Cell::Null, Cell::Int(4)]), Some(true));
    let mut joined = RowEnvironment::empty().with_message("app", 2, &message);
    let name = compile("string(app.severity)", &mut joined, Wanted::Any).unwrap();
    let row = [Cell::Null, Cell::Null, Cell::Null, Cell::Int(3)];
    assert_eq!(name.value(&row).cell(), Cell::Bytes(b"WARNING"));
}

#[test]
fn one_schema_and_extra_names() {
    let events = schema(&[("http.status", ColumnType::Int), ("time", ColumnType::Int)]);
    let mut environment = RowEnvironment::new(&events).with_variable("time", Variable::new(2, Type::Timestamp));
    let program = compile("http.status >= 500 && time.getFullYear() == 2024", &mut environment, Wanted::Bool).unwrap();
    let row = [Cell::Int(503), Cell::Null, Cell::Int(1_709_209_845_000_000)];
    assert_eq!(program.bool(&row), Some(true));
}

#[test]
fn a_program_tells_about_itself() {
    fn shared<T: Clone + Send + Sync>(_: &T) {}
    let program = compiled(" i > 3 &&\ts != 'x'").unwrap();
    shared(&program);
    assert_eq!(program.text(), " i > 3 &&\ts != 'x'");
    assert_eq!(format!("{:?}", program.clone()), r#"Compiled(" i > 3 &&\ts != 'x'")"#);
    assert_eq!(program.kind(), Type::Bool);
    assert_eq!(program.columns(), [2, 7]);
    assert_eq!(program.names(), None);
    // An enum keeps its names, so that its value can be shown.
    let severity = compiled("b ? sev : sev").unwrap();
    assert_eq!(severity.kind(), Type::Enum);
    assert_eq!(severity.names().and_then(|names| names.name(4)), Some("ERROR"));
}

#[test]
fn what_is_constant_reads_no_row() {
    let columns_of = |text: &str| compiled(text).unwrap().columns().to_vec();
    assert!(columns_of("1 + 2 * 3 == 7").is_empty());
    assert!(columns_of("false && i > 3").is_empty());
    assert!(columns_of("i > 3 || b || true").is_empty());
    assert!(columns_of("true ? 1 : i").is_empty());
    assert_eq!(columns_of("true && i > 3"), [2]);
    assert_eq!(columns_of("has(b) && (i == 1 && j == 2) && j == 3"), [0, 2, 3]);
}

#[test]
fn a_value_of_the_wrong_kind_is_none() {
    let row = row(&[("i", Cell::Int(3)), ("s", Cell::Bytes(b"x"))]);
    assert_eq!(compiled("i").unwrap().bool(&row), None);
    assert_eq!(compiled("s").unwrap().number(&row), None);
    assert_eq!(compiled("b").unwrap().number(&row), None);
    assert_eq!(compiled("s").unwrap().try_bool(&row), Err(Fault::NoSuchOverload));
}

#[test]
fn a_short_row_does_not_say() {
    assert_eq!(compiled("i > 3").unwrap().try_bool(&[]), Err(Fault::NoSuchField));
    assert_eq!(compiled("has(i)").unwrap().bool(&[]), Some(false));
}

#[test]
fn text_that_is_not_utf8_is_no_panic() {
    let row = row(&[("s", Cell::Bytes(b"a\xffb"))]);
    for (text, value) in [
        ("s.matches('a.*b')", Some(false)),
        ("s.size() == 3", Some(true)),
        ("s.contains('b')", Some(true)),
        ("s.lowerAscii() == s", Some(true)),
        ("int(s) == 3", None),
        ("timestamp(s) > ts", None),
    ] {
        assert_eq!(compiled(text).unwrap().bool(&row), value, "{text}");
    }
}

#[test]
fn a_computed_text_has_a_bound() {
    let long = vec![b'a'; MAX_COMPUTED_TEXT];
    let row = row(&[("s", Cell::Bytes(&long)), ("t", Cell::Bytes(b"b"))]);
    assert_eq!(compiled("size(s.upperAscii())").unwrap().number(&row), Some(65536.0));
    assert_eq!(compiled("size(s + t)").unwrap().try_number(&row), Err(Fault::TooLong));
    // What is only read has none.
    assert_eq!(compiled("s.endsWith(t)").unwrap().bool(&row), Some(false));
}

#[test]
fn a_uint_beyond_an_int_has_no_cell() {
    assert_eq!(compiled("18446744073709551615u").unwrap().value(&[]).cell(), Cell::Null);
    assert_eq!(compiled("5u").unwrap().value(&[]).cell(), Cell::Int(5));
}

#[test]
fn suggestions_name_what_can_be_written() {
    assert_eq!(columns().suggestions().len(), super::COLUMNS.len());
}
