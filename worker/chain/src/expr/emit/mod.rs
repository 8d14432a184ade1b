//! The typed tree to closures.
//!
//! Every closure takes the row and the texts of the expression, and gives a value of one Rust type or
//! a [`Fault`]. The common operands, a cell and a constant, are not closures of their own: a closure
//! over them reads the cell itself, so that `latency_ms > 500` and `level == 'ERROR'` are one call.

mod condition;
mod numbers;
mod text;

use super::Type;
use super::error::Fault;
use super::typed::Typed;
use super::value::Value;
use crate::row::{Cell, Row};
use text::TextCode;

/// The text constants of an expression: a closure can lend them to its result for as long as the
/// expression is borrowed.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<Box<[u8]>>);

impl Texts {
    fn add(&mut self, text: &[u8]) -> usize {
        self.0.push(text.into());
        self.0.len() - 1
    }

    #[inline]
    fn get(&self, index: usize) -> &[u8] {
        self.0.get(index).map_or(&[], |text| text)
    }
}

/// A closure over a row.
pub(super) type Run<T> = Box<dyn for<'r> Fn(&'r Row<'r>, &'r Texts) -> Result<T, Fault> + Send + Sync>;

/// The closure of a whole expression. Ints are also enums, durations and timestamps.
pub(super) enum Code {
    Null,
    Bool(Run<bool>),
    Int(Run<i64>),
    Uint(Run<u64>),
    Float(Run<f64>),
    Text(TextCode),
}

impl Code {
    /// The value for a row.
    pub fn value<'r>(&self, row: &'r Row<'r>, texts: &'r Texts) -> Result<Value<'r>, Fault> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(run) => Value::Bool(run(row, texts)?),
            Self::Int(run) => Value::Int(run(row, texts)?),
            Self::Uint(run) => Value::Uint(run(row, texts)?),
            Self::Float(run) => Value::Float(run(row, texts)?),
            Self::Text(text) => Value::Text(text.run(row, texts)?),
        })
    }
}

/// The code of a checked tree, and the texts that it needs.
pub(super) fn emit(typed: Typed) -> (Code, Texts) {
    let mut emitter = Emitter::default();
    let code = emitter.code(typed);
    (code, emitter.texts)
}

#[derive(Default)]
struct Emitter {
    texts: Texts,
}

impl Emitter {
    fn code(&mut self, typed: Typed) -> Code {
        match typed.kind {
            Type::Null => Code::Null,
            Type::Bool => Code::Bool(self.bool(typed).run()),
            Type::Int | Type::Enum | Type::Duration | Type::Timestamp => Code::Int(self.int(typed).run()),
            Type::Uint => Code::Uint(self.uint(typed).run()),
            Type::Float => Code::Float(self.float(typed).run()),
            Type::String | Type::Bytes => Code::Text(self.text(typed)),
        }
    }
}

/// A type of cell that is copied out of the row.
trait Scalar: Copy + Send + Sync + 'static {
    /// The value of a cell that is not null, if it has this type.
    fn of(cell: &Cell<'_>) -> Option<Self>;
}

impl Scalar for bool {
    #[inline(always)]
    fn of(cell: &Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

impl Scalar for i64 {
    #[inline(always)]
    fn of(cell: &Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Int(value) => Some(*value),
            _ => None,
        }
    }
}

impl Scalar for u64 {
    #[inline(always)]
    fn of(cell: &Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }
}

/// A double column may hold a whole number, as a sum of ints does.
impl Scalar for f64 {
    #[inline(always)]
    fn of(cell: &Cell<'_>) -> Option<Self> {
        cell.as_f64()
    }
}

#[inline(always)]
fn read<T: Scalar>(row: &Row<'_>, index: usize) -> Result<T, Fault> {
    match row.get(index) {
        None | Some(Cell::Null) => Err(Fault::NoSuchField),
        Some(cell) => T::of(cell).ok_or(Fault::NoSuchOverload),
    }
}

/// An operand: a constant, a cell, or whatever a closure gives.
enum Source<T> {
    Constant(T),
    Column(usize),
    Run(Run<T>),
}

impl<T: Scalar> Source<T> {
    fn run(self) -> Run<T> {
        match self {
            Self::Constant(value) => Box::new(move |_, _| Ok(value)),
            Self::Column(index) => Box::new(move |row, _| read(row, index)),
            Self::Run(run) => run,
        }
    }

    /// For an operator that cannot have this type. The checker does not let one through; if it
    /// did, the row would have no value, as with any other type error.
    fn impossible() -> Self {
        Self::Run(Box::new(|_, _| Err(Fault::NoSuchOverload)))
    }
}

/// A closure over one operand.
fn over<A: Scalar, T: Scalar>(
    operand: Source<A>,
    f: impl Fn(A) -> Result<T, Fault> + Send + Sync + 'static,
) -> Source<T> {
    Source::Run(match operand {
        Source::Column(index) => Box::new(move |row, _| f(read(row, index)?)),
        other => {
            let run = other.run();
            Box::new(move |row, texts| f(run(row, texts)?))
        }
    })
}

/// A closure over two operands. A constant is on the right: the checker turns comparisons so.
fn over_two<A: Scalar, B: Scalar, T: Scalar>(
    left: Source<A>,
    right: Source<B>,
    f: impl Fn(A, B) -> Result<T, Fault> + Send + Sync + 'static,
) -> Source<T> {
    use Source::{Column, Constant};
    Source::Run(match (left, right) {
        (Column(left), Constant(right)) => Box::new(move |row, _| f(read(row, left)?, right)),
        (Column(left), Column(right)) => Box::new(move |row, _| f(read(row, left)?, read(row, right)?)),
        (left, Constant(right)) => {
            let left = left.run();
            Box::new(move |row, texts| f(left(row, texts)?, right))
        }
        (left, right) => {
            let (left, right) = (left.run(), right.run());
            Box::new(move |row, texts| f(left(row, texts)?, right(row, texts)?))
        }
    })
}

/// `condition ? yes : no`
fn choose<T: Scalar>(condition: Source<bool>, yes: Source<T>, no: Source<T>) -> Source<T> {
    let (condition, yes, no) = (condition.run(), yes.run(), no.run());
    Source::Run(Box::new(move |row, texts| if condition(row, texts)? { yes(row, texts) } else { no(row, texts) }))
}

/// Folds any count of operands with `better`: the value so far is replaced when it says so.
fn best<T: Scalar>(operands: Vec<Source<T>>, better: impl Fn(T, T) -> bool + Send + Sync + 'static) -> Source<T> {
    let mut operands: Vec<Run<T>> = operands.into_iter().map(Source::run).collect();
    if operands.is_empty() {
        return Source::impossible();
    }
    let first = operands.remove(0);
    Source::Run(Box::new(move |row, texts| {
        let mut found = first(row, texts)?;
        for operand in &operands {
            let next = operand(row, texts)?;
            if better(next, found) {
                found = next;
            }
        }
        Ok(found)
    }))
}
