//! Tests of the expression language.

use super::*;
use crate::row::{Cell, ColumnInfo, ColumnType, RowSchema};

fn schema() -> RowSchema {
    let column = |name: &str, kind| ColumnInfo { name: name.to_owned(), kind };
    RowSchema::new(vec![
        column("level", ColumnType::String),
        column("http.status", ColumnType::Int),
        column("latency_ms", ColumnType::Float),
    ])
}

#[test]
fn a_first_look() {
    let schema = schema();
    let compiled =
        |text: &str, wanted| compile(text, &mut RowEnvironment::new(&schema), wanted).map_err(|e| e.to_string());
    let row = [Cell::Bytes(b"ERROR"), Cell::Int(503), Cell::Float(12.5)];
    let slow = compiled("level == 'ERROR' && http.status >= 500", Wanted::Bool).unwrap();
    assert_eq!(slow.bool(&row), Some(true));
    assert_eq!(compiled("latency_ms * 2", Wanted::Number).unwrap().number(&row), Some(25.0));
    for bad in [
        "levl == 'x'",
        "http.status == '500'",
        "1 / 0",
        "level = 'x'",
        "level == ERROR",
        "foo(1)",
        "level.foo()",
        "level.matches('(')",
    ] {
        println!("{bad}: {}", compiled(bad, Wanted::Bool).unwrap_err());
    }
}
