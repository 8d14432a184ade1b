//! Closures that give numbers.

use super::super::Type;
use super::super::error::Fault;
use super::super::functions::Function;
use super::super::number;
use super::super::time;
use super::super::typed::{Arithmetic, Constant, Op, Typed};
use super::text::TextCode;
use super::{Emitter, Source, best, choose, over, over_two};

impl Emitter {
    /// An int, an enum, a duration or a timestamp.
    pub(super) fn int(&mut self, typed: Typed) -> Source<i64> {
        match typed.op {
            Op::Constant(Constant::Int(value)) => Source::Constant(value),
            Op::Column(index) => Source::Column(index.into()),
            Op::Negate(operand) => over(self.int(*operand), |value| value.checked_neg().ok_or(Fault::Overflow)),
            Op::Arithmetic(operator, left, right) => {
                let (left, right) = (self.int(*left), self.int(*right));
                match typed.kind {
                    Type::Duration => times(operator, left, right, time::duration_in_range),
                    Type::Timestamp => times(operator, left, right, time::timestamp_in_range),
                    _ => ints(operator, left, right),
                }
            }
            Op::Choose(parts) => {
                let [condition, yes, no] = *parts;
                choose(self.bool(condition), self.int(yes), self.int(no))
            }
            Op::Calendar(field, operand, zone) => {
                over(self.int(*operand), move |micros| time::calendar(field, micros, &zone))
            }
            Op::Call(function, arguments) => self.int_call(typed.kind, function, arguments),
            _ => Source::impossible(),
        }
    }

    fn int_call(&mut self, kind: Type, function: Function, mut arguments: Vec<Typed>) -> Source<i64> {
        match function {
            Function::Greatest => return best(self.each(arguments, Self::int), |next, found| next > found),
            Function::Least => return best(self.each(arguments, Self::int), |next, found| next < found),
            _ => {}
        }
        let Some(argument) = arguments.pop() else {
            return Source::impossible();
        };
        match (function, argument.kind) {
            (Function::Abs, _) => over(self.int(argument), |value| value.checked_abs().ok_or(Fault::Overflow)),
            (Function::Size, Type::String) => self.text(argument).then(|text| Ok(characters(text))),
            (Function::Size, Type::Bytes) => self.text(argument).then(|bytes| Ok(length(bytes))),
            (Function::Get(field), Type::Duration) => {
                over(self.int(argument), move |micros| Ok(time::span_field(field, micros)))
            }
            (Function::ToInt, Type::Timestamp) => {
                over(self.int(argument), |micros| Ok(time::seconds_of_timestamp(micros)))
            }
            (Function::ToInt, Type::Uint) => {
                over(self.uint(argument), |value| i64::try_from(value).map_err(|_| Fault::Overflow))
            }
            (Function::ToInt, Type::Float) => over(self.float(argument), number::double_to_int),
            (Function::ToInt, Type::String) => self.text(argument).then(number::text_to_int),
            (Function::ToTimestamp, Type::String) => self.text(argument).then(time::parse_timestamp),
            (Function::ToTimestamp, Type::Int | Type::Enum) => over(self.int(argument), time::timestamp_of_seconds),
            (Function::ToDuration, Type::String) => self.text(argument).then(time::parse_duration),
            // A conversion to the type that it has.
            (Function::ToInt | Function::ToTimestamp | Function::ToDuration, found)
                if found == kind || found == Type::Enum =>
            {
                self.int(argument)
            }
            _ => Source::impossible(),
        }
    }

    pub(super) fn uint(&mut self, typed: Typed) -> Source<u64> {
        match typed.op {
            Op::Constant(Constant::Uint(value)) => Source::Constant(value),
            Op::Column(index) => Source::Column(index.into()),
            Op::Arithmetic(operator, left, right) => {
                let (left, right) = (self.uint(*left), self.uint(*right));
                uints(operator, left, right)
            }
            Op::Choose(parts) => {
                let [condition, yes, no] = *parts;
                choose(self.bool(condition), self.uint(yes), self.uint(no))
            }
            Op::Call(function, arguments) => self.uint_call(function, arguments),
            _ => Source::impossible(),
        }
    }

    fn uint_call(&mut self, function: Function, mut arguments: Vec<Typed>) -> Source<u64> {
        match function {
            Function::Greatest => return best(self.each(arguments, Self::uint), |next, found| next > found),
            Function::Least => return best(self.each(arguments, Self::uint), |next, found| next < found),
            _ => {}
        }
        let Some(argument) = arguments.pop() else {
            return Source::impossible();
        };
        match (function, argument.kind) {
            (Function::Abs | Function::ToUint, Type::Uint) => self.uint(argument),
            (Function::ToUint, Type::Int | Type::Enum) => {
                over(self.int(argument), |value| u64::try_from(value).map_err(|_| Fault::Overflow))
            }
            (Function::ToUint, Type::Float) => over(self.float(argument), number::double_to_uint),
            (Function::ToUint, Type::String) => self.text(argument).then(number::text_to_uint),
            _ => Source::impossible(),
        }
    }

    pub(super) fn float(&mut self, typed: Typed) -> Source<f64> {
        match typed.op {
            Op::Constant(Constant::Float(value)) => Source::Constant(value),
            Op::Column(index) => Source::Column(index.into()),
            Op::Promote(operand) => self.promoted(*operand),
            Op::Negate(operand) => over(self.float(*operand), |value| Ok(-value)),
            Op::Arithmetic(operator, left, right) => {
                let (left, right) = (self.float(*left), self.float(*right));
                floats(operator, left, right)
            }
            Op::Choose(parts) => {
                let [condition, yes, no] = *parts;
                choose(self.bool(condition), self.float(yes), self.float(no))
            }
            Op::Call(function, arguments) => self.float_call(function, arguments),
            _ => Source::impossible(),
        }
    }

    fn float_call(&mut self, function: Function, mut arguments: Vec<Typed>) -> Source<f64> {
        match function {
            Function::Greatest => return best(self.each(arguments, Self::float), |next, found| next > found),
            Function::Least => return best(self.each(arguments, Self::float), |next, found| next < found),
            _ => {}
        }
        let Some(argument) = arguments.pop() else {
            return Source::impossible();
        };
        match (function, argument.kind) {
            (Function::Abs, Type::Float) => over(self.float(argument), |value| Ok(value.abs())),
            (Function::ToDouble, Type::Float) => self.float(argument),
            (Function::ToDouble, Type::String) => self.text(argument).then(number::text_to_double),
            (Function::ToDouble, _) => self.promoted(argument),
            _ => Source::impossible(),
        }
    }

    /// An int or a uint as a double.
    fn promoted(&mut self, operand: Typed) -> Source<f64> {
        match operand.kind {
            Type::Uint => over(self.uint(operand), |value| Ok(value as f64)),
            _ => over(self.int(operand), |value| Ok(value as f64)),
        }
    }

    fn each<T>(&mut self, arguments: Vec<Typed>, emit: fn(&mut Self, Typed) -> Source<T>) -> Vec<Source<T>> {
        arguments.into_iter().map(|argument| emit(self, argument)).collect()
    }
}

fn ints(operator: Arithmetic, left: Source<i64>, right: Source<i64>) -> Source<i64> {
    match operator {
        Arithmetic::Add => over_two(left, right, |a: i64, b| a.checked_add(b).ok_or(Fault::Overflow)),
        Arithmetic::Subtract => over_two(left, right, |a: i64, b| a.checked_sub(b).ok_or(Fault::Overflow)),
        Arithmetic::Multiply => over_two(left, right, |a: i64, b| a.checked_mul(b).ok_or(Fault::Overflow)),
        Arithmetic::Divide => over_two(left, right, number::divide),
        Arithmetic::Remainder => over_two(left, right, number::remainder),
    }
}

/// Durations and timestamps: sums and differences within the range of the result.
fn times(
    operator: Arithmetic,
    left: Source<i64>,
    right: Source<i64>,
    in_range: fn(i64) -> Result<i64, Fault>,
) -> Source<i64> {
    match operator {
        Arithmetic::Subtract => {
            over_two(left, right, move |a: i64, b| in_range(a.checked_sub(b).ok_or(Fault::Overflow)?))
        }
        _ => over_two(left, right, move |a: i64, b| in_range(a.checked_add(b).ok_or(Fault::Overflow)?)),
    }
}

fn uints(operator: Arithmetic, left: Source<u64>, right: Source<u64>) -> Source<u64> {
    match operator {
        Arithmetic::Add => over_two(left, right, |a: u64, b| a.checked_add(b).ok_or(Fault::Overflow)),
        Arithmetic::Subtract => over_two(left, right, |a: u64, b| a.checked_sub(b).ok_or(Fault::Overflow)),
        Arithmetic::Multiply => over_two(left, right, |a: u64, b| a.checked_mul(b).ok_or(Fault::Overflow)),
        Arithmetic::Divide => over_two(left, right, |a: u64, b| a.checked_div(b).ok_or(Fault::DivisionByZero)),
        Arithmetic::Remainder => over_two(left, right, |a: u64, b| a.checked_rem(b).ok_or(Fault::DivisionByZero)),
    }
}

fn floats(operator: Arithmetic, left: Source<f64>, right: Source<f64>) -> Source<f64> {
    match operator {
        Arithmetic::Add => over_two(left, right, |a: f64, b: f64| Ok(a + b)),
        Arithmetic::Subtract => over_two(left, right, |a: f64, b: f64| Ok(a - b)),
        Arithmetic::Multiply => over_two(left, right, |a: f64, b: f64| Ok(a * b)),
        Arithmetic::Divide => over_two(left, right, |a: f64, b: f64| Ok(a / b)),
        // The checker refuses it: CEL has no remainder of doubles.
        Arithmetic::Remainder => Source::impossible(),
    }
}

/// `size(string)` counts code points: the bytes that start one.
fn characters(text: &[u8]) -> i64 {
    length(text) - text.iter().filter(|byte| **byte & 0xc0 == 0x80).count() as i64
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

impl TextCode {
    /// A number from a text.
    fn then<T: super::Scalar>(self, f: impl Fn(&[u8]) -> Result<T, Fault> + Send + Sync + 'static) -> Source<T> {
        Source::Run(self.over(f))
    }
}
