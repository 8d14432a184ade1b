//! The expression language: filters, `countWhere`, `when`, `emitWhen`, and the values that people
//! compute. One small typed language with the syntax and the meaning of CEL for what it covers
//! (<https://github.com/google/cel-spec/blob/master/doc/langdef.md>, named "the spec" below).
//!
//! ```text
//!  text ──lex──► tokens ──parse──► tree ──check──► typed tree ──emit──► closures ──► a value per row
//!                                          ▲
//!                            Environment: names and calls to places in the row
//! ```
//!
//! A text is compiled once. Compilation resolves every name to a cell of the row, finds every type,
//! folds what is constant and compiles patterns. Evaluation then looks nothing up, takes no memory
//! (but for a computed text above 48 bytes), and never fails in another way than by a [`Fault`].
//!
//! # What is covered
//!
//! - Literals: int, uint (`5u`), double, string and bytes (escapes, raw, triple quotes), bool, null.
//! - `+ - * / %`, `== != < <= > >=`, `in [..]`, `&& || !`, `c ? a : b`, `has(x)`.
//! - `size contains startsWith endsWith matches lowerAscii upperAscii`, the conversions
//!   `bool bytes double duration int string timestamp uint`, `math.greatest math.least math.abs`,
//!   and the `get...` methods of durations and timestamps.
//! - Not covered: maps, messages, indexing, lists other than behind `in`, macros other than `has`.
//!
//! # A row that does not say
//!
//! Reading a null cell is CEL's runtime error `no such field`, as for a map without the key. An
//! error passes through every operator and function. `&&` and `||` absorb it when another operand
//! decides (`false && error` is false, `true || error` is true, in either order); `c ? a : b`
//! evaluates only the branch that `c` selects, and is an error when `c` is. `has(x)` asks whether
//! there is a value. A filter that ends in an error is not true: [`Compiled::bool`] gives `None`,
//! and the caller counts it.
//!
//! # Numbers
//!
//! Comparisons and `in` across int, uint and double compare the numbers themselves, without
//! rounding (the spec's heterogeneous numeric comparison). NaN equals nothing and orders with
//! nothing; `!=` is the negation of `==`. Whole arithmetic that overflows, a division or remainder
//! by zero, and a conversion out of range are errors. Double arithmetic follows IEEE 754.
//!
//! # Where it differs from CEL
//!
//! - **Mixed arithmetic.** Where CEL refuses `int * double`, the whole number becomes a double:
//!   `2.0 * count` is written without `double(count)`. The branches of `c ? a : b` and the arguments
//!   of `math.greatest` and `math.least` do the same. int and uint do not mix.
//! - **Enums.** An enum is an int, as in the spec's appendix. Where its value names are known it can
//!   also be compared with a text literal: `severity >= 'WARN'` compares the numbers, and `string(x)`
//!   is the name.
//! - `has(x)` takes a bare name, and a call that the environment places in the row.
//! - Durations and timestamps have microseconds; finer parts of a literal are cut off.
//! - The pattern of `matches` is a literal; its dialect is that of the `regex` crate, which has all
//!   of RE2 but for a few rare escapes.
//! - A constant part that can only fail, such as `1 / 0`, does not compile.
//! - A name may be quoted in backticks at its start too: `` `function` == 'main' ``.

mod ast;
mod check;
mod emit;
mod environment;
mod error;
mod functions;
mod lex;
mod number;
mod parse;
#[cfg(test)]
mod tests;
mod time;
mod typed;
mod value;

pub use environment::{Argument, ArgumentConstant, CallResolution, EnumNames, Environment, RowEnvironment, Variable};
pub use error::{ExprError, Fault};
pub use value::{Text, Value};

use crate::row::Row;
use emit::Code;
use std::fmt;
use std::sync::Arc;

/// The longest text that compiles, in bytes.
pub const MAX_TEXT: usize = 4096;
/// The deepest nesting that compiles.
pub const MAX_DEPTH: usize = 64;
/// The most parts (literals, names, operators, calls) of a text that compiles.
pub const MAX_NODES: usize = 512;
/// The size limit of a compiled pattern, in bytes, as the `regex` crate counts it.
pub const MAX_PATTERN: usize = 1 << 20;
/// The longest text that an expression computes, in bytes; a longer one is [`Fault::TooLong`].
pub const MAX_COMPUTED_TEXT: usize = 1 << 16;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int`, 64 bits with a sign
    Int,
    /// `uint`, 64 bits without a sign
    Uint,
    /// `double`
    Float,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// A span of time, held in microseconds
    Duration,
    /// An instant, held in microseconds since 1970
    Timestamp,
    /// A Protobuf enum, held as its number
    Enum,
    /// The type of `null`
    Null,
}

impl Type {
    /// True for what arithmetic and [`Wanted::Number`] take.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Float | Self::Enum)
    }

    /// CEL's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Float => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::Enum => "enum",
            Self::Null => "null",
        }
    }

    /// Its name with its article, for a sentence.
    fn with_article(self) -> &'static str {
        match self {
            Self::Bool => "a bool",
            Self::Int => "an int",
            Self::Uint => "a uint",
            Self::Float => "a double",
            Self::String => "a string",
            Self::Bytes => "bytes",
            Self::Duration => "a duration",
            Self::Timestamp => "a timestamp",
            Self::Enum => "an enum",
            Self::Null => "null",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// What the place of an expression needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A condition.
    Bool,
    /// An int, a uint or a double.
    Number,
    /// Any value.
    Any,
}

/// A compiled expression. Cloning it shares it.
#[derive(Clone)]
pub struct Compiled {
    inner: Arc<Inner>,
}

struct Inner {
    text: String,
    kind: Type,
    code: Code,
    texts: emit::Texts,
    columns: Vec<u16>,
    names: Option<Arc<EnumNames>>,
}

impl fmt::Debug for Compiled {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Compiled({:?})", self.inner.text)
    }
}

impl Compiled {
    /// The source text.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The type of its value.
    pub fn kind(&self) -> Type {
        self.inner.kind
    }

    /// When its value is an enum with known value names: these.
    pub fn names(&self) -> Option<&Arc<EnumNames>> {
        self.inner.names.as_ref()
    }

    /// The cells it may read, sorted, each once.
    pub fn columns(&self) -> &[u16] {
        &self.inner.columns
    }

    /// The condition for a row; nothing when it ends in an error, or is not a bool.
    #[inline]
    pub fn bool(&self, row: &Row<'_>) -> Option<bool> {
        match &self.inner.code {
            Code::Bool(code) => code(row, &self.inner.texts).ok(),
            _ => None,
        }
    }

    /// The number for a row, rounded to a double; nothing when it ends in an error, or is not a number.
    #[inline]
    pub fn number(&self, row: &Row<'_>) -> Option<f64> {
        self.try_number(row).ok()
    }

    /// The value for a row; [`Value::Null`] when it ends in an error.
    pub fn value<'r>(&'r self, row: &'r Row<'r>) -> Value<'r> {
        self.try_value(row).unwrap_or(Value::Null)
    }

    /// The condition for a row, or why there is none.
    pub fn try_bool(&self, row: &Row<'_>) -> Result<bool, Fault> {
        match &self.inner.code {
            Code::Bool(code) => code(row, &self.inner.texts),
            _ => Err(Fault::NoSuchOverload),
        }
    }

    /// The number for a row, or why there is none.
    #[inline]
    pub fn try_number(&self, row: &Row<'_>) -> Result<f64, Fault> {
        let texts = &self.inner.texts;
        match &self.inner.code {
            Code::Float(code) => code(row, texts),
            Code::Int(code) => code(row, texts).map(|value| value as f64),
            Code::Uint(code) => code(row, texts).map(|value| value as f64),
            _ => Err(Fault::NoSuchOverload),
        }
    }

    /// The value for a row, or why there is none.
    pub fn try_value<'r>(&'r self, row: &'r Row<'r>) -> Result<Value<'r>, Fault> {
        self.inner.code.value(row, &self.inner.texts)
    }
}

/// Compiles a text. The environment is asked about every name and every foreign call in it.
pub fn compile(text: &str, environment: &mut dyn Environment, wanted: Wanted) -> Result<Compiled, ExprError> {
    let inner = compile_inner(text, environment, wanted).map_err(|problem| problem.place(text))?;
    Ok(Compiled { inner: Arc::new(inner) })
}

fn compile_inner(text: &str, environment: &mut dyn Environment, wanted: Wanted) -> Result<Inner, error::Problem> {
    let tree = parse::parse(text)?;
    let typed = check::check(text, &tree, environment, wanted)?;
    let mut columns = typed.columns();
    columns.sort_unstable();
    columns.dedup();
    let (kind, names) = (typed.kind, typed.names.clone());
    let (code, texts) = emit::emit(typed);
    Ok(Inner { text: text.to_owned(), kind, code, texts, columns, names })
}
