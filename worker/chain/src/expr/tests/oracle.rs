//! A naive interpreter of the tree: one recursive function over values that carry their type. It
//! knows the names of the columns, not their places, and shares only the parser with the closures.

use super::super::ast::{Binary, Call, Expr, Literal, Node, Unary};
use super::super::{Fault, Type};
use super::{COLUMNS, SEVERITIES};
use crate::row::Cell;
use std::cmp::Ordering;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Any {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(String),
    Bytes(Vec<u8>),
    Duration(i64),
    Timestamp(i64),
    Enum(i64),
}

type Outcome = Result<Any, Fault>;

/// The value of a well-typed tree.
pub(super) fn interpret(node: &Node, row: &[Cell<'_>]) -> Outcome {
    match &node.expr {
        Expr::Literal(literal) => Ok(match literal {
            Literal::Null => Any::Null,
            Literal::Bool(value) => Any::Bool(*value),
            Literal::Int(value) => Any::Int(*value),
            Literal::Uint(value) => Any::Uint(*value),
            Literal::Float(value) => Any::Float(*value),
            Literal::String(text) => Any::String(text.clone()),
            Literal::Bytes(bytes) => Any::Bytes(bytes.clone()),
        }),
        Expr::Path(parts) => column(&parts.join("."), row),
        Expr::Unary(Unary::Not, operand) => Ok(Any::Bool(!truth(interpret(operand, row)?)?)),
        Expr::Unary(Unary::Negate, operand) => match interpret(operand, row)? {
            Any::Int(value) | Any::Enum(value) => value.checked_neg().map(Any::Int).ok_or(Fault::Overflow),
            Any::Float(value) => Ok(Any::Float(-value)),
            _ => Err(Fault::NoSuchOverload),
        },
        Expr::Binary(Binary::In, needle, list) => {
            let Expr::List(items) = &list.expr else { return Err(Fault::NoSuchOverload) };
            let needle = interpret(needle, row)?;
            let items: Vec<Any> = items.iter().map(|item| interpret(item, row)).collect::<Result<_, _>>()?;
            Ok(Any::Bool(items.iter().any(|item| order(&needle, item) == Some(Ordering::Equal))))
        }
        Expr::Binary(operator, left, right) => binary(*operator, interpret(left, row)?, interpret(right, row)?),
        Expr::All(operands) => decided(operands, row, false),
        Expr::Any(operands) => decided(operands, row, true),
        Expr::Choose(parts) => {
            let [condition, yes, no] = &**parts;
            let chosen = if truth(interpret(condition, row)?)? { yes } else { no };
            let value = interpret(chosen, row)?;
            Ok(if kind(node) == Type::Float { as_double(value) } else { value })
        }
        Expr::List(_) => Err(Fault::NoSuchOverload),
        Expr::Call(call) => self::call(node, call, row),
    }
}

/// The static type, for the places where it decides (an int in a branch beside a double).
fn kind(node: &Node) -> Type {
    match &node.expr {
        Expr::Literal(Literal::Float(_)) => Type::Float,
        Expr::Path(parts) => COLUMNS.iter().find(|(name, _)| parts.join(".") == *name).map_or(Type::Null, |c| c.1),
        Expr::Unary(_, operand) => kind(operand),
        Expr::Binary(Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide, left, right) => {
            if kind(left) == Type::Float { Type::Float } else { kind(right) }
        }
        Expr::Choose(parts) => {
            if kind(&parts[1]) == Type::Float {
                Type::Float
            } else {
                kind(&parts[2])
            }
        }
        Expr::Call(call) => match call.name.as_str() {
            "double" => Type::Float,
            "abs" | "greatest" | "least" if call.arguments.iter().any(|a| kind(a) == Type::Float) => Type::Float,
            _ => Type::Null,
        },
        _ => Type::Null,
    }
}

fn column(name: &str, row: &[Cell<'_>]) -> Outcome {
    let index = COLUMNS.iter().position(|(known, _)| *known == name).unwrap();
    Ok(match (COLUMNS[index].1, row.get(index).copied().unwrap_or_default()) {
        (_, Cell::Null) => return Err(Fault::NoSuchField),
        (Type::Bool, Cell::Bool(value)) => Any::Bool(value),
        (Type::Int, Cell::Int(value)) => Any::Int(value),
        (Type::Uint, Cell::Int(value)) if value >= 0 => Any::Uint(value as u64),
        (Type::Float, Cell::Float(value)) => Any::Float(value),
        (Type::Float, Cell::Int(value)) => Any::Float(value as f64),
        (Type::String, Cell::Bytes(text)) => Any::String(String::from_utf8(text.to_vec()).unwrap()),
        (Type::Bytes, Cell::Bytes(bytes)) => Any::Bytes(bytes.to_vec()),
        (Type::Duration, Cell::Int(micros)) => Any::Duration(micros),
        (Type::Timestamp, Cell::Int(micros)) => Any::Timestamp(micros),
        (Type::Enum, Cell::Int(number)) => Any::Enum(number),
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn truth(value: Any) -> Result<bool, Fault> {
    match value {
        Any::Bool(value) => Ok(value),
        _ => Err(Fault::NoSuchOverload),
    }
}

/// All operands are looked at: one that decides wins, then any fault, then the rest.
fn decided(operands: &[Node], row: &[Cell<'_>], decides: bool) -> Outcome {
    let values: Vec<Outcome> = operands.iter().map(|operand| interpret(operand, row)).collect();
    if values.contains(&Ok(Any::Bool(decides))) {
        return Ok(Any::Bool(decides));
    }
    match values.into_iter().find(Result::is_err) {
        Some(fault) => fault,
        None => Ok(Any::Bool(!decides)),
    }
}

fn as_double(value: Any) -> Any {
    match value {
        Any::Int(value) | Any::Enum(value) => Any::Float(value as f64),
        Any::Uint(value) => Any::Float(value as f64),
        other => other,
    }
}

fn binary(operator: Binary, left: Any, right: Any) -> Outcome {
    let holds = |wanted: &[Ordering]| Ok(Any::Bool(order(&left, &right).is_some_and(|found| wanted.contains(&found))));
    match operator {
        Binary::Equal => holds(&[Ordering::Equal]),
        Binary::NotEqual => Ok(Any::Bool(order(&left, &right) != Some(Ordering::Equal))),
        Binary::Less => holds(&[Ordering::Less]),
        Binary::LessOrEqual => holds(&[Ordering::Less, Ordering::Equal]),
        Binary::Greater => holds(&[Ordering::Greater]),
        Binary::GreaterOrEqual => holds(&[Ordering::Greater, Ordering::Equal]),
        _ => arithmetic(operator, left, right),
    }
}

/// The order of two values. Numbers are compared exactly: an i128 holds every int and uint, and
/// what a double has beyond its whole part decides between equals.
fn order(left: &Any, right: &Any) -> Option<Ordering> {
    fn whole(value: &Any) -> Option<i128> {
        match value {
            Any::Int(value) | Any::Enum(value) => Some(i128::from(*value)),
            Any::Uint(value) => Some(i128::from(*value)),
            _ => None,
        }
    }
    fn whole_double(whole: i128, double: f64) -> Option<Ordering> {
        if double.is_nan() {
            return None;
        }
        let floor = double.floor();
        // Out of the range of i128 the cast saturates, which orders the same.
        Some(whole.cmp(&(floor as i128)).then(if double > floor { Ordering::Less } else { Ordering::Equal }))
    }
    match (left, right) {
        (Any::Null, Any::Null) => Some(Ordering::Equal),
        (Any::Bool(a), Any::Bool(b)) => Some(a.cmp(b)),
        (Any::String(a), Any::String(b)) => Some(a.chars().cmp(b.chars())),
        (Any::Bytes(a), Any::Bytes(b)) => Some(a.cmp(b)),
        (Any::Duration(a), Any::Duration(b)) | (Any::Timestamp(a), Any::Timestamp(b)) => Some(a.cmp(b)),
        (Any::Float(a), Any::Float(b)) => a.partial_cmp(b),
        (Any::Enum(number), Any::String(name)) => Some(number.cmp(&number_of(name))),
        (Any::String(name), Any::Enum(number)) => Some(number_of(name).cmp(number)),
        (a, Any::Float(b)) => whole_double(whole(a)?, *b),
        (Any::Float(a), b) => whole_double(whole(b)?, *a).map(Ordering::reverse),
        (a, b) => Some(whole(a)?.cmp(&whole(b)?)),
    }
}

fn number_of(name: &str) -> i64 {
    SEVERITIES.iter().find(|(known, _)| *known == name).unwrap().1
}

fn arithmetic(operator: Binary, left: Any, right: Any) -> Outcome {
    let int = |value: i128| i64::try_from(value).map_err(|_| Fault::Overflow);
    let exact = |a: i128, b: i128| match operator {
        Binary::Add => Ok(a + b),
        Binary::Subtract => Ok(a - b),
        Binary::Multiply => Ok(a * b),
        _ if b == 0 => Err(Fault::DivisionByZero),
        Binary::Divide => Ok(a / b),
        // The one remainder that the hardware cannot do.
        _ if a == i128::from(i64::MIN) && b == -1 => Err(Fault::Overflow),
        _ => Ok(a % b),
    };
    match (left, right) {
        (Any::Enum(a), b) => arithmetic(operator, Any::Int(a), b),
        (a, Any::Enum(b)) => arithmetic(operator, a, Any::Int(b)),
        (Any::Int(a), Any::Int(b)) => int(exact(a.into(), b.into())?).map(Any::Int),
        (Any::Uint(a), Any::Uint(b)) => {
            u64::try_from(exact(a.into(), b.into())?).map(Any::Uint).map_err(|_| Fault::Overflow)
        }
        (Any::String(a), Any::String(b)) => Ok(Any::String(a + &b)),
        (Any::Bytes(a), Any::Bytes(b)) => Ok(Any::Bytes([a, b].concat())),
        (Any::Duration(a), Any::Duration(b)) => span(int(exact(a.into(), b.into())?)?),
        (Any::Timestamp(a), Any::Timestamp(b)) => span(int(exact(a.into(), b.into())?)?),
        (Any::Timestamp(a), Any::Duration(b)) | (Any::Duration(b), Any::Timestamp(a)) => {
            let micros = int(exact(a.into(), b.into())?)?;
            // The years 1 to 9999.
            let in_range = (-62_135_596_800_000_000..253_402_300_800_000_000).contains(&micros);
            if in_range { Ok(Any::Timestamp(micros)) } else { Err(Fault::Overflow) }
        }
        (a, b) => match (as_double(a), as_double(b)) {
            (Any::Float(a), Any::Float(b)) => Ok(Any::Float(match operator {
                Binary::Add => a + b,
                Binary::Subtract => a - b,
                Binary::Multiply => a * b,
                Binary::Divide => a / b,
                _ => return Err(Fault::NoSuchOverload),
            })),
            _ => Err(Fault::NoSuchOverload),
        },
    }
}

fn span(micros: i64) -> Outcome {
    let in_range = micros.unsigned_abs() <= 315_576_000_000_000_000;
    if in_range { Ok(Any::Duration(micros)) } else { Err(Fault::Overflow) }
}

/// The functions that [`super::generate`] draws.
fn call(node: &Node, call: &Call, row: &[Cell<'_>]) -> Outcome {
    if call.name == "has" {
        let found = interpret(&call.arguments[0], row);
        return Ok(Any::Bool(found != Err(Fault::NoSuchField)));
    }
    // `math` is a namespace, not a value.
    let target = call.target.iter().filter(|target| target.expr != Expr::Path(vec!["math".to_owned()]));
    let values: Vec<Any> =
        target.chain(&call.arguments).map(|value| interpret(value, row)).collect::<Result<_, _>>()?;
    let conversion = Err(Fault::Conversion);
    Ok(match (call.name.as_str(), values.as_slice()) {
        ("size", [Any::String(text)]) => Any::Int(text.chars().count() as i64),
        ("size", [Any::Bytes(bytes)]) => Any::Int(bytes.len() as i64),
        ("contains", [Any::String(text), Any::String(part)]) => Any::Bool(text.contains(part.as_str())),
        ("startsWith", [Any::String(text), Any::String(part)]) => Any::Bool(text.starts_with(part.as_str())),
        ("endsWith", [Any::String(text), Any::String(part)]) => Any::Bool(text.ends_with(part.as_str())),
        ("matches", [Any::String(text), Any::String(pattern)]) => {
            Any::Bool(regex::Regex::new(pattern).unwrap().is_match(text))
        }
        ("lowerAscii", [Any::String(text)]) => Any::String(text.to_ascii_lowercase()),
        ("upperAscii", [Any::String(text)]) => Any::String(text.to_ascii_uppercase()),
        ("string", [Any::Int(value)]) => Any::String(value.to_string()),
        ("string", [Any::Bool(value)]) => Any::String(value.to_string()),
        ("string", [Any::Enum(number)]) => Any::String(
            SEVERITIES.iter().find(|(_, known)| known == number).map_or(number.to_string(), |(n, _)| (*n).to_owned()),
        ),
        ("int", [Any::Int(value) | Any::Enum(value)]) => Any::Int(*value),
        ("int", [Any::Uint(value)]) => Any::Int(i64::try_from(*value).map_err(|_| Fault::Overflow)?),
        ("int", [Any::Float(value)]) => {
            let whole = *value as i128;
            let fits = !value.is_nan() && whole > i128::from(i64::MIN) && whole <= i128::from(i64::MAX);
            if fits { Any::Int(whole as i64) } else { return Err(Fault::Overflow) }
        }
        ("int", [Any::String(text)]) if text.starts_with('+') => return conversion,
        ("int", [Any::String(text)]) => Any::Int(text.parse().or(Err(Fault::Conversion))?),
        ("int", [Any::Timestamp(micros)]) => Any::Int(micros.div_euclid(1_000_000)),
        ("double", [value]) => as_double(value.clone()),
        ("abs", [Any::Int(value) | Any::Enum(value)]) => Any::Int(value.checked_abs().ok_or(Fault::Overflow)?),
        ("abs", [Any::Float(value)]) => Any::Float(value.abs()),
        ("greatest" | "least", values) => {
            let wanted = if call.name == "greatest" { Ordering::Greater } else { Ordering::Less };
            let double = kind(node) == Type::Float;
            let number = |value: &Any| match value {
                _ if double => as_double(value.clone()),
                Any::Enum(number) => Any::Int(*number),
                other => other.clone(),
            };
            let numbers: Vec<Any> = values.iter().map(number).collect();
            let better = |best: Any, next: &Any| if order(next, &best) == Some(wanted) { next.clone() } else { best };
            numbers[1..].iter().fold(numbers[0].clone(), better)
        }
        ("getSeconds", [Any::Duration(micros)]) => Any::Int(micros / 1_000_000),
        ("getHours", [Any::Timestamp(micros)]) => Any::Int(micros.div_euclid(3_600_000_000).rem_euclid(24)),
        _ => return Err(Fault::NoSuchOverload),
    })
}
