//! Closures that give conditions.

use super::super::Type;
use super::super::functions::Function;
use super::super::number::{self, Relation};
use super::super::typed::{Constant, Op, Typed};
use super::super::value::Value;
use super::text::TextCode;
use super::{Code, Emitter, Run, Source, choose, over, over_two};
use crate::row::Cell;
use std::cmp::Ordering;

impl Emitter {
    pub(super) fn bool(&mut self, typed: Typed) -> Source<bool> {
        match typed.op {
            Op::Constant(Constant::Bool(value)) => Source::Constant(value),
            Op::Column(index) => Source::Column(index.into()),
            Op::Has(index) => {
                let index = usize::from(index);
                Source::Run(Box::new(move |row, _| Ok(!row.get(index).is_none_or(Cell::is_null))))
            }
            Op::Not(operand) => over(self.bool(*operand), |value| Ok(!value)),
            Op::All(operands) => Source::Run(chain::<false>(self.conditions(operands))),
            Op::Any(operands) => Source::Run(chain::<true>(self.conditions(operands))),
            Op::Choose(parts) => {
                let [condition, yes, no] = *parts;
                choose(self.bool(condition), self.bool(yes), self.bool(no))
            }
            Op::Compare(relation, left, right) => self.compare(relation, *left, *right),
            Op::In(needle, items) => Source::Run(self.contained(*needle, items)),
            Op::Matches(operand, pattern) => {
                Source::Run(self.text(*operand).over(move |text| Ok(pattern.is_match(text))))
            }
            Op::Call(function, arguments) => self.bool_call(function, arguments),
            _ => Source::impossible(),
        }
    }

    fn conditions(&mut self, operands: Vec<Typed>) -> Vec<Run<bool>> {
        operands.into_iter().map(|operand| self.bool(operand).run()).collect()
    }

    fn compare(&mut self, relation: Relation, left: Typed, right: Typed) -> Source<bool> {
        use Type::{Bool, Bytes, Float, Null, String, Uint};
        match (left.kind, right.kind) {
            (Float, Float) => over_two(self.float(left), self.float(right), move |a: f64, b: f64| {
                Ok(relation.holds(a.partial_cmp(&b)))
            }),
            (Uint, Uint) => {
                over_two(self.uint(left), self.uint(right), move |a: u64, b| Ok(relation.holds(Some(a.cmp(&b)))))
            }
            (Bool, Bool) => {
                over_two(self.bool(left), self.bool(right), move |a: bool, b| Ok(relation.holds(Some(a.cmp(&b)))))
            }
            (String, String) | (Bytes, Bytes) => self.compare_texts(relation, left, right),
            (Null, Null) => Source::Constant(relation.holds(Some(Ordering::Equal))),
            (Float, _) | (Uint, _) if !matches!((left.kind, right.kind), (Uint, Float)) => {
                self.compare(relation.flip(), right, left)
            }
            (Uint, Float) => over_two(self.uint(left), self.float(right), move |a, b| {
                Ok(relation.holds(number::compare_uint_double(a, b)))
            }),
            (_, Float) => over_two(self.int(left), self.float(right), move |a, b| {
                Ok(relation.holds(number::compare_int_double(a, b)))
            }),
            (_, Uint) => over_two(self.int(left), self.uint(right), move |a, b| {
                Ok(relation.holds(Some(number::compare_int_uint(a, b))))
            }),
            _ => over_two(self.int(left), self.int(right), move |a: i64, b| Ok(relation.holds(Some(a.cmp(&b))))),
        }
    }

    fn compare_texts(&mut self, relation: Relation, left: Typed, right: Typed) -> Source<bool> {
        let (left, right) = (self.text(left), self.text(right));
        Source::Run(match relation {
            Relation::EQUAL => left.over_two(right, |a, b| Ok(a == b)),
            Relation::NOT_EQUAL => left.over_two(right, |a, b| Ok(a != b)),
            // UTF-8 sorts as its code points do.
            _ => left.over_two(right, move |a, b| Ok(relation.holds(Some(a.cmp(b))))),
        })
    }

    /// `needle in [items]`. As a list is built before it is searched, an item without a value is an
    /// error even when another item is equal.
    fn contained(&mut self, needle: Typed, items: Vec<Typed>) -> Run<bool> {
        let ints: Option<Vec<i64>> = items.iter().map(int_item).collect();
        if let (Type::Int | Type::Enum | Type::Duration | Type::Timestamp, Some(ints)) = (needle.kind, ints) {
            return over(self.int(needle), move |value| Ok(ints.contains(&value))).run();
        }
        let texts: Option<Vec<Box<[u8]>>> = items.iter().map(text_item).collect();
        if let (Type::String | Type::Bytes, Some(mut texts)) = (needle.kind, texts) {
            texts.sort_unstable();
            return self.text(needle).over(move |value| Ok(among(&texts, value)));
        }
        let needle = self.code(needle);
        let items: Vec<Code> = items.into_iter().map(|item| self.code(item)).collect();
        Box::new(move |row, texts| {
            let needle = needle.value(row, texts)?;
            let mut found = false;
            for item in &items {
                found |= equal(&needle, &item.value(row, texts)?);
            }
            Ok(found)
        })
    }

    fn bool_call(&mut self, function: Function, mut arguments: Vec<Typed>) -> Source<bool> {
        let last = arguments.pop();
        let first = arguments.pop();
        match (function, first, last) {
            (Function::ToBool, None, Some(argument)) if argument.kind == Type::Bool => self.bool(argument),
            (Function::ToBool, None, Some(argument)) => Source::Run(self.text(argument).over(number::text_to_bool)),
            (Function::StartsWith, Some(text), Some(part)) => self.text_test(text, part, <[u8]>::starts_with),
            (Function::EndsWith, Some(text), Some(part)) => self.text_test(text, part, <[u8]>::ends_with),
            (Function::Contains, Some(text), Some(part)) => {
                // A constant part is searched with its prepared tables.
                if let Some(Constant::Text(part)) = part.constant() {
                    let finder = memchr::memmem::Finder::new(part).into_owned();
                    return Source::Run(self.text(text).over(move |text| Ok(finder.find(text).is_some())));
                }
                self.text_test(text, part, |text, part| memchr::memmem::find(text, part).is_some())
            }
            _ => Source::impossible(),
        }
    }

    fn text_test(
        &mut self,
        text: Typed,
        part: Typed,
        test: impl Fn(&[u8], &[u8]) -> bool + Send + Sync + 'static,
    ) -> Source<bool> {
        let (text, part): (TextCode, TextCode) = (self.text(text), self.text(part));
        Source::Run(text.over_two(part, move |text, part| Ok(test(text, part))))
    }
}

/// A chain that `DECIDES` (false for `&&`, true for `||`) ends at once, wherever it stands; without
/// it the first fault is the result, and without a fault the other value.
fn chain<const DECIDES: bool>(operands: Vec<Run<bool>>) -> Run<bool> {
    match <[Run<bool>; 2]>::try_from(operands) {
        Ok([first, second]) => Box::new(move |row, texts| match first(row, texts) {
            Ok(value) if value == DECIDES => Ok(DECIDES),
            Ok(_) => second(row, texts),
            Err(fault) => match second(row, texts) {
                Ok(value) if value == DECIDES => Ok(DECIDES),
                _ => Err(fault),
            },
        }),
        Err(operands) => Box::new(move |row, texts| {
            let mut fault = None;
            for operand in &operands {
                match operand(row, texts) {
                    Ok(value) if value == DECIDES => return Ok(DECIDES),
                    Ok(_) => {}
                    Err(found) => fault = fault.or(Some(found)),
                }
            }
            fault.map_or(Ok(!DECIDES), Err)
        }),
    }
}

fn int_item(item: &Typed) -> Option<i64> {
    match item.constant()? {
        Constant::Int(value) => Some(*value),
        _ => None,
    }
}

fn text_item(item: &Typed) -> Option<Box<[u8]>> {
    match item.constant()? {
        Constant::Text(text) => Some(text.as_slice().into()),
        _ => None,
    }
}

/// A few texts are compared one after the other, many are searched.
#[inline]
fn among(sorted: &[Box<[u8]>], value: &[u8]) -> bool {
    if sorted.len() <= 8 {
        sorted.iter().any(|text| **text == *value)
    } else {
        sorted.binary_search_by(|text| (**text).cmp(value)).is_ok()
    }
}

/// Equality of two values whose types the checker found comparable.
fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    let ordering = match (left, right) {
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => number::compare_int_double(*a, *b),
        (Value::Uint(a), Value::Float(b)) | (Value::Float(b), Value::Uint(a)) => number::compare_uint_double(*a, *b),
        (Value::Int(a), Value::Uint(b)) | (Value::Uint(b), Value::Int(a)) => Some(number::compare_int_uint(*a, *b)),
        _ => return left == right,
    };
    ordering == Some(Ordering::Equal)
}
