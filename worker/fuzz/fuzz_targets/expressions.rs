//! Any text as an expression; what compiles is evaluated over rows with and without values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logloom_chain::expr::{RowEnvironment, Type, Variable, Wanted, compile};
use logloom_chain::row::Cell;

const COLUMNS: [(&str, Type); 8] = [
    ("b", Type::Bool),
    ("i", Type::Int),
    ("u", Type::Uint),
    ("f", Type::Float),
    ("s", Type::String),
    ("y", Type::Bytes),
    ("d", Type::Duration),
    ("ts", Type::Timestamp),
];

fuzz_target!(|text: &str| {
    let with = |environment: RowEnvironment<'static>, (index, (name, kind)): (u16, &(&str, Type))| {
        environment.with_variable(name, Variable::new(index, *kind))
    };
    let environment = (0..).zip(&COLUMNS).fold(RowEnvironment::empty(), with);
    for wanted in [Wanted::Bool, Wanted::Number, Wanted::Any] {
        match compile(text, &mut environment.clone(), wanted) {
            Ok(compiled) => {
                let full = [
                    Cell::Bool(true),
                    Cell::Int(i64::MIN),
                    Cell::Int(-1),
                    Cell::Float(f64::NAN),
                    Cell::Bytes("größe".as_bytes()),
                    Cell::Bytes(b"\xff\0"),
                    Cell::Int(i64::MAX),
                    Cell::Int(0),
                ];
                let empty = [Cell::Null; COLUMNS.len()];
                let _ = (compiled.try_value(&full), compiled.try_value(&empty));
                let _ = (compiled.try_bool(&full), compiled.try_number(&empty));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
