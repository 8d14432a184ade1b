//! `spec.txt`: expression | row | value.

use super::super::ast::Literal;
use super::super::{Type, Value, time};
use super::{COLUMNS, compiled, row};
use crate::row::Cell;

#[test]
fn the_table_holds() {
    let mut wrong = Vec::new();
    let mut rows = 0;
    for (number, line) in include_str!("spec.txt").lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        rows += 1;
        let found = evaluated(line);
        let expected = line.rsplit(" | ").next().unwrap().trim();
        if found != expected {
            wrong.push(format!("spec.txt:{}: {line}\n    gave {found}", number + 1));
        }
    }
    assert!(rows > 250, "only {rows} rows were read");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn evaluated(line: &str) -> String {
    // `||` is an operator, so a column is closed by ` | `.
    let (rest, _) = line.rsplit_once(" | ").unwrap();
    let (text, cells) = rest.rsplit_once(" |").unwrap();
    let cells: Vec<(&str, Stored)> = cells
        .split("; ")
        .filter(|cell| !cell.trim().is_empty())
        .map(|cell| {
            let (name, value) = cell.trim().split_once('=').unwrap();
            assert!(COLUMNS.iter().any(|(known, _)| *known == name), "no column {name}");
            (name, stored(value))
        })
        .collect();
    let cells: Vec<(&str, Cell<'_>)> = cells.iter().map(|(name, stored)| (*name, stored.cell())).collect();
    let row = row(&cells);
    match compiled(text) {
        Err(error) => format!("no program: {error}"),
        Ok(compiled) => match compiled.try_value(&row) {
            Ok(value) => shown(compiled.kind(), &value),
            Err(fault) => format!("error: {fault}"),
        },
    }
}

/// A cell that owns its text.
enum Stored {
    Plain(Cell<'static>),
    Text(Vec<u8>),
}

impl Stored {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Plain(cell) => *cell,
            Self::Text(text) => Cell::Bytes(text),
        }
    }
}

fn stored(text: &str) -> Stored {
    let value = match text {
        "nan" => Value::Float(f64::NAN),
        "inf" => Value::Float(f64::INFINITY),
        "-inf" => Value::Float(f64::NEG_INFINITY),
        _ => {
            let literal = compiled(text).unwrap();
            match literal.value(&[]).cell() {
                Cell::Bytes(text) => return Stored::Text(text.to_vec()),
                cell => return Stored::Plain(copied(cell)),
            }
        }
    };
    Stored::Plain(copied(value.cell()))
}

fn copied(cell: Cell<'_>) -> Cell<'static> {
    match cell {
        Cell::Null | Cell::Bytes(_) => Cell::Null,
        Cell::Bool(value) => Cell::Bool(value),
        Cell::Int(value) => Cell::Int(value),
        Cell::Float(value) => Cell::Float(value),
    }
}

/// A value as a literal of the language, so that its type shows.
fn shown(kind: Type, value: &Value<'_>) -> String {
    let mut text = String::new();
    match (kind, value) {
        (Type::Duration, Value::Int(micros)) => {
            time::write_duration(&mut text, *micros).unwrap();
            return format!("duration('{text}')");
        }
        (Type::Timestamp, Value::Int(micros)) => {
            time::write_timestamp(&mut text, *micros).unwrap();
            return format!("timestamp('{text}')");
        }
        _ => {}
    }
    let literal = match value {
        Value::Null => Literal::Null,
        Value::Bool(value) => Literal::Bool(*value),
        Value::Int(value) => Literal::Int(*value),
        Value::Uint(value) => Literal::Uint(*value),
        Value::Float(value) => Literal::Float(*value),
        Value::Text(text) if kind == Type::String => Literal::String(String::from_utf8(text.to_vec()).unwrap()),
        Value::Text(text) => Literal::Bytes(text.to_vec()),
    };
    literal.to_string()
}
