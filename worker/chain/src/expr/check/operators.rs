//! Types of arithmetic, comparisons and `in`.

use super::super::ast::{Binary, Expr, Node};
use super::super::error::{Problem, Span, did_you_mean, nearest};
use super::super::number::{self, Relation};
use super::super::typed::{Arithmetic, Constant, Op, Typed};
use super::super::{Fault, Type};
use super::{Checker, always_fails, as_int, promote};

impl Checker<'_> {
    pub(super) fn binary(&mut self, span: Span, operator: Binary, left: &Node, right: &Node) -> Result<Typed, Problem> {
        let relation = match operator {
            Binary::In => return self.membership(span, left, right),
            Binary::Add => return self.arithmetic(span, Arithmetic::Add, operator, left, right),
            Binary::Subtract => return self.arithmetic(span, Arithmetic::Subtract, operator, left, right),
            Binary::Multiply => return self.arithmetic(span, Arithmetic::Multiply, operator, left, right),
            Binary::Divide => return self.arithmetic(span, Arithmetic::Divide, operator, left, right),
            Binary::Remainder => return self.arithmetic(span, Arithmetic::Remainder, operator, left, right),
            Binary::Equal => Relation::EQUAL,
            Binary::NotEqual => Relation::NOT_EQUAL,
            Binary::Less => Relation::LESS,
            Binary::LessOrEqual => Relation::LESS_OR_EQUAL,
            Binary::Greater => Relation::GREATER,
            Binary::GreaterOrEqual => Relation::GREATER_OR_EQUAL,
        };
        let (typed_left, typed_right) = (self.node(left)?, self.node(right)?);
        let (typed_left, typed_right) = comparable(span, operator, (left, typed_left), (right, typed_right))?;
        Ok(compare(span, relation, typed_left, typed_right))
    }

    fn arithmetic(
        &mut self,
        span: Span,
        arithmetic: Arithmetic,
        operator: Binary,
        left: &Node,
        right: &Node,
    ) -> Result<Typed, Problem> {
        let nodes = (left, right);
        let (left, right) = (as_int(self.node(left)?), as_int(self.node(right)?));
        let Some(kind) = arithmetic_type(arithmetic, left.kind, right.kind) else {
            return Err(refused(span, operator, (nodes.0, left.kind), (nodes.1, right.kind)));
        };
        let (left, right) = if kind == Type::Float { (promote(left)?, promote(right)?) } else { (left, right) };
        let divides = matches!(arithmetic, Arithmetic::Divide | Arithmetic::Remainder);
        if divides && matches!(right.constant(), Some(Constant::Int(0) | Constant::Uint(0))) {
            return Err(always_fails(span, Fault::DivisionByZero));
        }
        let commutes = matches!(arithmetic, Arithmetic::Add | Arithmetic::Multiply) && kind.is_number();
        let (left, right) = if commutes {
            let (_, left, right) = constant_right(left, right);
            (left, right)
        } else {
            (left, right)
        };
        Ok(Typed::new(span, kind, Op::Arithmetic(arithmetic, Box::new(left), Box::new(right))))
    }

    fn membership(&mut self, span: Span, needle_node: &Node, list: &Node) -> Result<Typed, Problem> {
        let needle = self.node(needle_node)?;
        let Expr::List(items) = &list.expr else {
            let remedy = "write x in ['a', 'b']; for a part of a text write text.contains('part')";
            return Err(Problem::new(list.span, "`in` needs a list here", remedy));
        };
        let mut checked = Vec::with_capacity(items.len());
        for item in items {
            let typed = self.node(item)?;
            let (_, typed) = comparable(item.span, Binary::In, (needle_node, needle.clone()), (item, typed))?;
            checked.push(typed);
        }
        Ok(Typed::new(span, Type::Bool, Op::In(Box::new(needle), checked)))
    }
}

/// The result type of an arithmetic operator, and with it the type of its sides.
fn arithmetic_type(operator: Arithmetic, left: Type, right: Type) -> Option<Type> {
    use Arithmetic::{Add, Remainder, Subtract};
    use Type::{Bytes, Duration, Float, Int, String, Timestamp, Uint};
    match (operator, left, right) {
        (_, Int, Int) => Some(Int),
        (_, Uint, Uint) => Some(Uint),
        (Remainder, ..) => None,
        (_, Float, Float | Int | Uint) | (_, Int | Uint, Float) => Some(Float),
        (Add, String, String) => Some(String),
        (Add, Bytes, Bytes) => Some(Bytes),
        (Add | Subtract, Duration, Duration) | (Subtract, Timestamp, Timestamp) => Some(Duration),
        (Add | Subtract, Timestamp, Duration) | (Add, Duration, Timestamp) => Some(Timestamp),
        _ => None,
    }
}

fn compare(span: Span, relation: Relation, left: Typed, right: Typed) -> Typed {
    let (swapped, left, right) = constant_right(left, right);
    let relation = if swapped { relation.flip() } else { relation };
    let right = like(left.kind, right);
    Typed::new(span, Type::Bool, Op::Compare(relation, Box::new(left), Box::new(right)))
}

/// The closures keep a constant on the right in themselves, so it goes there; and whether it did.
fn constant_right(left: Typed, right: Typed) -> (bool, Typed, Typed) {
    let swap = left.constant().is_some() && right.constant().is_none();
    if swap { (true, right, left) } else { (false, left, right) }
}

/// A constant that is the same number in the type of the other side: `latency_ms > 250` is the same
/// as `latency_ms > 250.0`, and cheaper to compare.
fn like(kind: Type, constant: Typed) -> Typed {
    let same = match (kind, constant.constant()) {
        (Type::Float, Some(Constant::Int(value))) if constant.kind == Type::Int => {
            number::int_as_double(*value).map(|value| (Type::Float, Constant::Float(value)))
        }
        (Type::Int | Type::Enum, Some(Constant::Float(value))) => {
            number::double_as_int(*value).map(|value| (Type::Int, Constant::Int(value)))
        }
        _ => None,
    };
    match same {
        Some((kind, value)) => Typed::new(constant.span, kind, Op::Constant(value)),
        None => constant,
    }
}

/// Both sides, if they can be compared. A text literal beside an enum becomes its number.
fn comparable(
    span: Span,
    operator: Binary,
    left: (&Node, Typed),
    right: (&Node, Typed),
) -> Result<(Typed, Typed), Problem> {
    let ((left_node, left), (right_node, right)) = (left, right);
    let equality = matches!(operator, Binary::Equal | Binary::NotEqual | Binary::In);
    match (left.kind, right.kind) {
        (Type::Null, Type::Null) if equality => Ok((left, right)),
        (Type::Null, other) | (other, Type::Null) if other != Type::Null => {
            let node = if left.kind == Type::Null { right_node } else { left_node };
            Err(null_compared(span, operator, node, other))
        }
        (Type::Null, _) => Err(refused(span, operator, (left_node, left.kind), (right_node, right.kind))),
        (a, b) if a == b || (a.is_number() && b.is_number()) => Ok((left, right)),
        (Type::Enum, Type::String) => {
            let number = enum_number(left_node, &left, &right)?;
            Ok((left, number))
        }
        (Type::String, Type::Enum) => {
            let number = enum_number(right_node, &right, &left)?;
            Ok((number, right))
        }
        (a, b) => Err(refused(span, operator, (left_node, a), (right_node, b))),
    }
}

/// The number that a text literal names.
fn enum_number(node: &Node, value: &Typed, name: &Typed) -> Result<Typed, Problem> {
    let Some(text) = name.text() else {
        let message = "an enum is compared with a string that is no literal";
        return Err(Problem::new(name.span, message, format!("compare its name: string({node})")));
    };
    let Some(names) = &value.names else {
        let message = format!("the value names of `{node}` are not known here");
        return Err(Problem::new(name.span, message, "compare it with a number"));
    };
    let Some(number) = names.number(text) else {
        let remedy = did_you_mean(&nearest(text, names.names()), || {
            let all: Vec<&str> = names.names().collect();
            format!("its values are {}", all.join(", "))
        });
        return Err(Problem::new(name.span, format!("`{node}` has no value `{text}`"), remedy));
    };
    Ok(Typed::new(name.span, Type::Int, Op::Constant(Constant::Int(number))))
}

fn null_compared(span: Span, operator: Binary, node: &Node, kind: Type) -> Problem {
    let message = format!("`{node}` is {}, which is never null", kind.with_article());
    let remedy = match operator {
        Binary::Equal => format!("to ask whether there is no value write !has({node})"),
        _ => format!("to ask whether there is a value write has({node})"),
    };
    Problem::new(span, message, remedy)
}

/// An operator between two types that it does not take together.
fn refused(span: Span, operator: Binary, left: (&Node, Type), right: (&Node, Type)) -> Problem {
    let symbol = operator.symbol();
    let message = format!("`{symbol}` does not take {} and {}", left.1.with_article(), right.1.with_article());
    Problem::new(span, message, refusal_remedy(operator, left, right))
}

fn refusal_remedy(operator: Binary, left: (&Node, Type), right: (&Node, Type)) -> String {
    use Type::{Bool, Duration, Float, Int, Null, String, Timestamp, Uint};
    let (text, other) = if left.1 == String { (left.0, right) } else { (right.0, left) };
    let arithmetic = operator.strength() > Binary::Equal.strength();
    match (left.1, right.1) {
        (Int, Uint) | (Uint, Int) => {
            let uint = if left.1 == Uint { left.0 } else { right.0 };
            format!("write int({uint}), or leave out the u")
        }
        (Float, Float | Int | Uint) | (Int | Uint, Float) if operator == Binary::Remainder => {
            "`%` is for whole numbers: write int(x) % y".to_owned()
        }
        (String, _) | (_, String) if operator == Binary::Add => format!("write string({})", other.0),
        (String, _) | (_, String) if arithmetic => format!("write double({text}), or int({text})"),
        (String, found) | (found, String) => unquoted(text, other.0, found),
        (Timestamp, Timestamp) => "two instants are subtracted; an instant and a duration are added".to_owned(),
        (Duration, _) | (_, Duration) if arithmetic => {
            "durations are added and subtracted, also with an instant; for a number take x.getSeconds()".to_owned()
        }
        (Duration, Int | Uint | Float) | (Int | Uint | Float, Duration) => {
            "write the time span as a duration, for example duration('90s')".to_owned()
        }
        (Timestamp, _) | (_, Timestamp) => "write an instant as timestamp('2024-03-01T12:00:00Z')".to_owned(),
        (Bool, _) | (_, Bool) if arithmetic => "for a number write x ? 1 : 0".to_owned(),
        (Bool, _) | (_, Bool) => "a bool is compared with true and false".to_owned(),
        (Null, Null) => "null is only compared with == and !=".to_owned(),
        _ => "convert one side".to_owned(),
    }
}

/// For a text beside something else: a literal is written in the type of the other side, or else the
/// other side as a text.
fn unquoted(text: &Node, other: &Node, found: Type) -> String {
    use super::super::ast::Literal;
    let literal = match (&text.expr, &other.expr) {
        (Expr::Literal(Literal::String(literal)), _) => literal.as_str(),
        (_, Expr::Literal(_)) if found != Type::Bytes => return format!("write '{other}' in quotes"),
        _ => return format!("write string({other})"),
    };
    match found {
        Type::Int | Type::Uint | Type::Float if literal.parse::<f64>().is_ok() => {
            format!("write {literal} without the quotes")
        }
        Type::Bool if matches!(literal, "true" | "false") => format!("write {literal} without the quotes"),
        Type::Duration => format!("write duration('{literal}')"),
        Type::Timestamp => format!("write timestamp('{literal}')"),
        Type::Bytes => format!("write b'{literal}'"),
        _ => format!("write string({other})"),
    }
}
