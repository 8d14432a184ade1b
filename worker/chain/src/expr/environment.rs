//! What the names in an expression stand for. The language knows operators, literals and CEL's own
//! functions; everything else it asks of an [`Environment`], which answers with a place in a row.

use super::Type;
use super::error::ExprError;
use crate::parse::schema::{self, Schema};
use crate::row::{Column, ColumnType, RowSchema};
use std::sync::Arc;

/// A place in the row that the compiled expression will be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The index of its cell.
    pub index: u16,
    /// What the cell holds when it is not null. [`Type::Duration`] and [`Type::Timestamp`] are held
    /// as whole microseconds, [`Type::Enum`] as its number.
    pub kind: Type,
    /// The value names of an enum, when they are known.
    pub names: Option<Arc<EnumNames>>,
}

impl Variable {
    /// A place of this type.
    pub fn new(index: u16, kind: Type) -> Self {
        Self { index, kind, names: None }
    }

    /// The same place, an enum with these value names.
    pub fn with_names(self, names: Arc<EnumNames>) -> Self {
        Self { kind: Type::Enum, names: Some(names), ..self }
    }
}

/// The value names of an enum, so that `severity == 'ERROR'` can compare numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EnumNames {
    values: Vec<(String, i64)>,
}

impl EnumNames {
    /// Names and numbers as the message declares them. Of two names for one number the first is shown.
    pub fn new(values: impl IntoIterator<Item = (String, i64)>) -> Self {
        Self { values: values.into_iter().collect() }
    }

    /// The number of a name.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// The name of a number.
    pub fn name(&self, number: i64) -> Option<&str> {
        self.values.iter().find(|(_, known)| *known == number).map(|(name, _)| name.as_str())
    }

    /// All names, as declared.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }
}

/// Of several names for one number the one that the schema shows goes first.
impl From<&schema::EnumNames> for EnumNames {
    fn from(names: &schema::EnumNames) -> Self {
        let mut values: Vec<(String, i64)> = names
            .names()
            .filter_map(|name| Some((name.to_owned(), i64::from(names.number(name.as_bytes())?))))
            .collect();
        values.sort_by_key(|(name, number)| {
            let shown = i32::try_from(*number).ok().and_then(|number| names.name(number)) == Some(name.as_str());
            (*number, !shown)
        });
        Self { values }
    }
}

/// One argument of a call that the environment is asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument<'a> {
    /// As it is written. It can be compiled on its own, against another environment.
    pub text: &'a str,
    /// When it is a bare or dotted name: that name, without backticks.
    pub path: Option<String>,
    /// When it is a literal: its value.
    pub constant: Option<ArgumentConstant>,
}

impl Argument<'_> {
    /// The value of a number literal.
    pub fn number(&self) -> Option<f64> {
        match self.constant {
            Some(ArgumentConstant::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// The value of a text literal.
    pub fn string(&self) -> Option<&str> {
        match &self.constant {
            Some(ArgumentConstant::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// The value of a literal argument.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgumentConstant {
    /// `true`, `false`
    Bool(bool),
    /// A whole number or a double.
    Number(f64),
    /// A text.
    String(String),
}

/// What an environment says about a call.
#[derive(Debug, Clone, PartialEq)]
pub enum CallResolution {
    /// It has no such function.
    Unknown,
    /// The call's value will be in this place of the row.
    Variable(Variable),
    /// It has the function, but not with these arguments.
    Refused {
        /// The argument that is wrong, from 0; without it the whole call is.
        argument: Option<usize>,
        /// What was expected and what was found.
        message: String,
        /// What to write instead.
        remedy: String,
    },
    /// The text of an argument did not compile; the error's column counts inside that argument.
    Invalid {
        /// The argument, from 0.
        argument: usize,
        /// Its error.
        error: ExprError,
    },
}

/// Gives meaning to names. It is asked once per occurrence, at compile time, in the order of the text.
pub trait Environment {
    /// The place of a bare or dotted name, such as `level` or `http.status`.
    fn variable(&mut self, path: &str) -> Option<Variable>;

    /// The place of the value of a call that the language itself does not know, such as
    /// `p99(latency_ms)`, or `baseline.p99(latency_ms)` with `baseline.p99` as the function.
    fn call(&mut self, function: &str, arguments: &[Argument<'_>]) -> CallResolution {
        let _ = (function, arguments);
        CallResolution::Unknown
    }

    /// The names that can be written, functions with a `(` at the end. They are used in errors.
    fn suggestions(&self) -> Vec<String>;

    /// A remedy for a name without a place, when the environment knows better than the nearest names.
    fn remedy(&self, path: &str) -> Option<String> {
        let _ = path;
        None
    }
}

/// The names of a row: one schema, or several side by side, as in joined rows.
///
/// Columns of a part with a qualifier are reached as `app.level`, and as `level` when no other part
/// has a column of that name.
#[derive(Debug, Clone, Default)]
pub struct RowEnvironment<'s> {
    parts: Vec<Part<'s>>,
    extra: Vec<(String, Variable)>,
    names: Vec<(u16, Arc<EnumNames>)>,
}

#[derive(Debug, Clone)]
struct Part<'s> {
    qualifier: Option<String>,
    offset: u16,
    schema: &'s RowSchema,
}

impl<'s> RowEnvironment<'s> {
    /// The columns of one schema, from cell 0.
    pub fn new(schema: &'s RowSchema) -> Self {
        Self { parts: vec![Part { qualifier: None, offset: 0, schema }], ..Self::default() }
    }

    /// The columns of a message, with the value names of its enums.
    pub fn of_message(message: &'s Schema) -> Self {
        Self::new(message.rows()).with_names_of(0, message)
    }

    /// No columns yet: add them with [`Self::with_part`] and [`Self::with_variable`].
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds the columns of `schema` from cell `offset` on, under `qualifier`.
    #[must_use]
    pub fn with_part(mut self, qualifier: &str, offset: u16, schema: &'s RowSchema) -> Self {
        self.parts.push(Part { qualifier: Some(qualifier.to_owned()), offset, schema });
        self
    }

    /// Adds the columns of a message from cell `offset` on, under `qualifier`, with the value names of
    /// its enums.
    #[must_use]
    pub fn with_message(self, qualifier: &str, offset: u16, message: &'s Schema) -> Self {
        self.with_part(qualifier, offset, message.rows()).with_names_of(offset, message)
    }

    fn with_names_of(mut self, offset: u16, message: &Schema) -> Self {
        for (_, index) in message.rows().columns().iter().zip(0..) {
            if let (Some(names), Some(cell)) = (message.enum_names(Column(index)), offset.checked_add(index)) {
                self.names.push((cell, Arc::new(names.as_ref().into())));
            }
        }
        self
    }

    /// Adds one more name. It goes before a column of the same name.
    #[must_use]
    pub fn with_variable(mut self, name: &str, variable: Variable) -> Self {
        self.extra.push((name.to_owned(), variable));
        self
    }

    /// Makes the value names of the enum in cell `index` known.
    #[must_use]
    pub fn with_names(mut self, index: u16, names: Arc<EnumNames>) -> Self {
        self.names.push((index, names));
        self
    }

    fn found(&self, part: &Part<'_>, name: &str) -> Option<Variable> {
        let column = part.schema.column(name)?;
        let index = part.offset.checked_add(column.0)?;
        let variable = Variable::new(index, Type::of_column(part.schema.info(column)?.kind));
        let names = self.names.iter().find(|(at, _)| *at == index);
        Some(match names {
            Some((_, names)) if variable.kind == Type::Enum => variable.with_names(Arc::clone(names)),
            _ => variable,
        })
    }

    fn parts_with<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Part<'s>> {
        self.parts.iter().filter(move |part| part.schema.column(name).is_some())
    }
}

impl Part<'_> {
    /// The name inside this part, if the path starts with its qualifier.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.qualifier.as_deref()?)?.strip_prefix('.')
    }
}

impl Environment for RowEnvironment<'_> {
    fn variable(&mut self, path: &str) -> Option<Variable> {
        if let Some((_, variable)) = self.extra.iter().find(|(name, _)| name == path) {
            return Some(variable.clone());
        }
        let qualified = self.parts.iter().find_map(|part| self.found(part, part.inside(path)?));
        if qualified.is_some() {
            return qualified;
        }
        let mut with_name = self.parts_with(path);
        match (with_name.next(), with_name.next()) {
            (Some(part), None) => self.found(part, path),
            _ => None,
        }
    }

    fn suggestions(&self) -> Vec<String> {
        let extra = self.extra.iter().map(|(name, _)| name.clone());
        let columns = self.parts.iter().flat_map(|part| {
            part.schema.columns().iter().map(|column| match &part.qualifier {
                Some(qualifier) => format!("{qualifier}.{}", column.name),
                None => column.name.clone(),
            })
        });
        extra.chain(columns).collect()
    }

    fn remedy(&self, path: &str) -> Option<String> {
        let owners: Vec<String> = self
            .parts_with(path)
            .filter_map(|part| part.qualifier.as_ref().map(|qualifier| format!("{qualifier}.{path}")))
            .collect();
        (owners.len() > 1).then(|| format!("several sides have it: write {}", owners.join(" or ")))
    }
}

impl Type {
    /// The type of a column's values.
    pub fn of_column(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Bool => Self::Bool,
            ColumnType::Int => Self::Int,
            ColumnType::Float => Self::Float,
            ColumnType::String => Self::String,
            ColumnType::Bytes => Self::Bytes,
            ColumnType::Enum => Self::Enum,
        }
    }
}
