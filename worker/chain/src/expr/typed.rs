//! The checked tree: every name is a cell, every node has a type, every constant part is a value.

use super::Type;
use super::emit;
use super::environment::EnumNames;
use super::error::{Fault, Span};
use super::functions::Function;
use super::number::Relation;
use super::time::Field;
use super::value::Value;
use jiff::tz::TimeZone;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub span: Span,
    pub kind: Type,
    pub op: Op,
    /// The value names, when `kind` is an enum and they are known.
    pub names: Option<Arc<EnumNames>>,
}

/// A value that is known at compile time. `Int` also holds enums, durations and timestamps.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    Constant(Constant),
    Column(u16),
    Has(u16),
    Not(Box<Typed>),
    Negate(Box<Typed>),
    /// Both sides have one type, but for times and durations. `Add` also joins texts.
    Arithmetic(Arithmetic, Box<Typed>, Box<Typed>),
    Compare(Relation, Box<Typed>, Box<Typed>),
    In(Box<Typed>, Vec<Typed>),
    All(Vec<Typed>),
    Any(Vec<Typed>),
    Choose(Box<[Typed; 3]>),
    /// An int or a uint as a double.
    Promote(Box<Typed>),
    Call(Function, Vec<Typed>),
    Matches(Box<Typed>, regex::bytes::Regex),
    /// A field of a timestamp in a zone.
    Calendar(Field, Box<Typed>, TimeZone),
}

impl Typed {
    pub fn new(span: Span, kind: Type, op: Op) -> Self {
        Self { span, kind, op, names: None }
    }

    pub fn constant(&self) -> Option<&Constant> {
        match &self.op {
            Op::Constant(constant) => Some(constant),
            _ => None,
        }
    }

    /// The text of a constant string.
    pub fn text(&self) -> Option<&str> {
        match (self.kind, self.constant()) {
            (Type::String, Some(Constant::Text(bytes))) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The cells that it reads, in the order of the text, with repetitions.
    pub fn columns(&self) -> Vec<u16> {
        let mut found = Vec::new();
        self.collect_columns(&mut found);
        found
    }

    fn collect_columns(&self, found: &mut Vec<u16>) {
        if let Op::Column(index) | Op::Has(index) = self.op {
            found.push(index);
        }
        self.children(&mut |child| child.collect_columns(found));
    }

    fn children(&self, visit: &mut dyn FnMut(&Typed)) {
        match &self.op {
            Op::Constant(_) | Op::Column(_) | Op::Has(_) => {}
            Op::Not(operand) | Op::Negate(operand) | Op::Promote(operand) => visit(operand),
            Op::Matches(operand, _) | Op::Calendar(_, operand, _) => visit(operand),
            Op::Arithmetic(_, left, right) | Op::Compare(_, left, right) => {
                visit(left);
                visit(right);
            }
            Op::In(needle, items) => {
                visit(needle);
                items.iter().for_each(visit);
            }
            Op::All(operands) | Op::Any(operands) | Op::Call(_, operands) => operands.iter().for_each(visit),
            Op::Choose(parts) => parts.iter().for_each(visit),
        }
    }

    /// The value of a part that reads no row, and the simpler form of a condition whose parts are
    /// known. A fault means that the part fails for every row.
    pub fn fold(self) -> Result<Self, Fault> {
        match self.op {
            Op::Constant(_) | Op::Column(_) | Op::Has(_) => Ok(self),
            Op::All(operands) => Ok(fold_chain(self.span, operands, false)),
            Op::Any(operands) => Ok(fold_chain(self.span, operands, true)),
            Op::Choose(parts) if parts[0].constant().is_some() => {
                let [condition, yes, no] = *parts;
                Ok(if condition.constant() == Some(&Constant::Bool(true)) { yes } else { no })
            }
            _ => self.evaluate(),
        }
    }

    fn evaluate(self) -> Result<Self, Fault> {
        let mut known = true;
        self.children(&mut |child| known &= child.constant().is_some());
        if !known {
            return Ok(self);
        }
        let (span, kind, names) = (self.span, self.kind, self.names.clone());
        let (code, texts) = emit::emit(self);
        let constant = match code.value(&[], &texts)? {
            Value::Null => Constant::Null,
            Value::Bool(value) => Constant::Bool(value),
            Value::Int(value) => Constant::Int(value),
            Value::Uint(value) => Constant::Uint(value),
            Value::Float(value) => Constant::Float(value),
            Value::Text(text) => Constant::Text(text.to_vec()),
        };
        Ok(Self { span, kind, op: Op::Constant(constant), names })
    }
}

/// `&&` (decided by false) and `||` (decided by true): a deciding constant absorbs the others, errors
/// among them; any other constant falls away; chains in chains become one.
fn fold_chain(span: Span, operands: Vec<Typed>, decides: bool) -> Typed {
    let constant = |value| Typed::new(span, Type::Bool, Op::Constant(Constant::Bool(value)));
    let mut open = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand.op {
            Op::Constant(Constant::Bool(value)) if value == decides => return constant(decides),
            Op::Constant(_) => {}
            Op::All(inner) if !decides => open.extend(inner),
            Op::Any(inner) if decides => open.extend(inner),
            _ => open.push(operand),
        }
    }
    match (open.len(), open.pop()) {
        (_, None) => constant(!decides),
        (1, Some(only)) => only,
        (_, Some(last)) => {
            open.push(last);
            Typed::new(span, Type::Bool, if decides { Op::Any(open) } else { Op::All(open) })
        }
    }
}
