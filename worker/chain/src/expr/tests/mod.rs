//! Tests of the expression language: a table (`spec.txt`), the texts of errors (`snapshots`), the
//! interface, and properties against an interpreter that shares nothing with the closures.

mod api;
mod errors;
mod generate;
mod oracle;
mod properties;
mod spec;

use super::*;
use crate::row::{Cell, RowBuf};

/// The columns that the tests use, in order.
pub(super) const COLUMNS: &[(&str, Type)] = &[
    ("b", Type::Bool),
    ("c", Type::Bool),
    ("i", Type::Int),
    ("j", Type::Int),
    ("u", Type::Uint),
    ("f", Type::Float),
    ("g", Type::Float),
    ("s", Type::String),
    ("t", Type::String),
    ("y", Type::Bytes),
    ("d", Type::Duration),
    ("ts", Type::Timestamp),
    ("sev", Type::Enum),
];

/// The value names of `sev`.
pub(super) const SEVERITIES: &[(&str, i64)] = &[("DEBUG", 1), ("INFO", 2), ("NOTICE", 2), ("WARN", 3), ("ERROR", 4)];

pub(super) fn severities() -> Arc<EnumNames> {
    Arc::new(EnumNames::new(SEVERITIES.iter().map(|(name, number)| ((*name).to_owned(), *number))))
}

/// An environment over [`COLUMNS`].
pub(super) fn columns() -> RowEnvironment<'static> {
    COLUMNS.iter().zip(0..).fold(RowEnvironment::empty(), |environment, ((name, kind), index)| {
        let variable = Variable::new(index, *kind);
        let variable = if *kind == Type::Enum { variable.with_names(severities()) } else { variable };
        environment.with_variable(name, variable)
    })
}

/// Compiles over [`COLUMNS`].
pub(super) fn compiled(text: &str) -> Result<Compiled, ExprError> {
    compile(text, &mut columns(), Wanted::Any)
}

/// A row over [`COLUMNS`], all null but for these.
pub(super) fn row<'a>(cells: &[(&str, Cell<'a>)]) -> RowBuf<'a> {
    let find = |name: &str| cells.iter().find(|(wanted, _)| *wanted == name).map(|(_, cell)| *cell);
    COLUMNS.iter().map(|(name, _)| find(name).unwrap_or(Cell::Null)).collect()
}
