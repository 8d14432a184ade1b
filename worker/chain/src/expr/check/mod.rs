//! The tree to a typed tree: names become cells, types are found, constants are folded.
//!
//! Type errors are found here and nowhere else. A typed tree can still fail for a row (see
//! [`super::Fault`]), but not by its types, as long as cells hold what their columns declare.

mod calls;
mod operators;

use super::ast::{Expr, Literal, Node, Unary};
use super::environment::{Environment, Variable};
use super::error::{Fault, Problem, Span, did_you_mean, nearest};
use super::typed::{Constant, Op, Typed};
use super::{Type, Wanted};

/// Checks a whole expression.
pub(super) fn check(
    source: &str,
    tree: &Node,
    environment: &mut dyn Environment,
    wanted: Wanted,
) -> Result<Typed, Problem> {
    let typed = Checker { source, environment }.node(tree)?;
    let found = typed.kind;
    let problem = |needed: &str, remedy: String| {
        Err(Problem::new(tree.span, format!("{needed} is needed here, this is {}", found.with_article()), remedy))
    };
    match wanted {
        Wanted::Bool if found != Type::Bool => problem("a condition", condition_remedy(found, tree)),
        Wanted::Number if !found.is_number() => problem("a number", number_remedy(found, tree)),
        _ => Ok(typed),
    }
}

fn condition_remedy(found: Type, tree: &Node) -> String {
    match found {
        Type::String | Type::Enum => format!("compare it: {tree} == 'value'"),
        Type::Int | Type::Uint | Type::Float => format!("compare it: {tree} > 0"),
        _ => "compare it with a value".to_owned(),
    }
}

fn number_remedy(found: Type, tree: &Node) -> String {
    match found {
        Type::Bool => format!("count it: {tree} ? 1 : 0"),
        Type::String => format!("convert it: double({tree}), or take its length: size({tree})"),
        Type::Timestamp => format!("take its seconds: int({tree})"),
        Type::Duration => format!("take its seconds: ({tree}).getSeconds()"),
        _ => "write a number".to_owned(),
    }
}

struct Checker<'e> {
    source: &'e str,
    environment: &'e mut dyn Environment,
}

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Result<Typed, Problem> {
        let span = node.span;
        let typed = match &node.expr {
            Expr::Literal(literal) => literal_value(span, literal),
            Expr::Path(parts) => {
                let path = parts.join(".");
                match self.environment.variable(&path) {
                    Some(variable) => column(span, variable),
                    None => return Err(self.unknown_name(span, &path)),
                }
            }
            Expr::Unary(Unary::Not, operand) => {
                let operand = self.condition(operand, "`!`")?;
                Typed::new(span, Type::Bool, Op::Not(Box::new(operand)))
            }
            Expr::Unary(Unary::Negate, operand) => self.negation(span, operand)?,
            Expr::Binary(operator, left, right) => self.binary(span, *operator, left, right)?,
            Expr::All(operands) => {
                let operands = self.conditions(operands, "`&&`")?;
                Typed::new(span, Type::Bool, Op::All(operands))
            }
            Expr::Any(operands) => {
                let operands = self.conditions(operands, "`||`")?;
                Typed::new(span, Type::Bool, Op::Any(operands))
            }
            Expr::Choose(parts) => self.choice(span, parts)?,
            Expr::List(_) => {
                return Err(Problem::new(span, "a list is only allowed behind `in`", "write x in [a, b]"));
            }
            Expr::Call(call) => self.call(span, call)?,
        };
        fold(typed)
    }

    /// An operand that has to be a bool.
    fn condition(&mut self, node: &Node, place: &str) -> Result<Typed, Problem> {
        let typed = self.node(node)?;
        if typed.kind == Type::Bool {
            return Ok(typed);
        }
        let message = format!("{place} needs a condition, this is {}", typed.kind.with_article());
        Err(Problem::new(node.span, message, condition_remedy(typed.kind, node)))
    }

    fn conditions(&mut self, nodes: &[Node], place: &str) -> Result<Vec<Typed>, Problem> {
        nodes.iter().map(|node| self.condition(node, place)).collect()
    }

    fn negation(&mut self, span: Span, operand: &Node) -> Result<Typed, Problem> {
        let typed = self.node(operand)?;
        let kind = match typed.kind {
            Type::Int | Type::Enum => Type::Int,
            Type::Float => Type::Float,
            other => {
                let message = format!("`-` needs an int or a double, this is {}", other.with_article());
                let remedy = match other {
                    Type::Bool => "write ! for not",
                    Type::Uint => "convert it: -int(x)",
                    _ => "leave out the minus",
                };
                return Err(Problem::new(operand.span, message, remedy));
            }
        };
        Ok(Typed::new(span, kind, Op::Negate(Box::new(typed))))
    }

    fn choice(&mut self, span: Span, parts: &[Node; 3]) -> Result<Typed, Problem> {
        let [condition, yes, no] = parts;
        let condition = self.condition(condition, "`? :`")?;
        let (yes, no) = (self.node(yes)?, self.node(no)?);
        let (found_yes, found_no) = (yes.kind, no.kind);
        let same_names = yes.names == no.names;
        let names = yes.names.clone().filter(|_| same_names);
        let Some((yes, no)) = same_type(yes, no)? else {
            let message = format!(
                "both values of `? :` need one type, these are {} and {}",
                found_yes.with_article(),
                found_no.with_article()
            );
            let remedy = "convert one of them, for example with string(x) or double(x)";
            return Err(Problem::new(parts[1].span.to(parts[2].span), message, remedy));
        };
        // Two different enums are only ints together.
        let kind = if yes.kind == Type::Enum && !same_names { Type::Int } else { yes.kind };
        let typed = Typed::new(span, kind, Op::Choose(Box::new([condition, yes, no])));
        Ok(Typed { names, ..typed })
    }

    fn unknown_name(&mut self, span: Span, path: &str) -> Problem {
        if let Some((owner, field)) = path.rsplit_once('.')
            && let Some(variable) = self.environment.variable(owner)
        {
            let message = format!("`{owner}` is {}, it has no field `{field}`", variable.kind.with_article());
            return Problem::new(span, message, format!("write {owner}"));
        }
        let names = self.environment.suggestions();
        let is_function = names.iter().any(|name| name.strip_suffix('(') == Some(path));
        let remedy = if is_function {
            format!("it is a function: write {path}(...)")
        } else if let Some(remedy) = self.environment.remedy(path) {
            remedy
        } else {
            let variables = || names.iter().filter(|name| !name.ends_with('(')).map(String::as_str);
            did_you_mean(&nearest(path, variables()), || known(variables(), path))
        };
        Problem::new(span, format!("there is no `{path}` here"), remedy)
    }
}

/// The names that there are, and how a text is written, for a name that is near to none.
fn known<'a>(names: impl Iterator<Item = &'a str>, path: &str) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = names.collect();
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    names.truncate(SHOWN);
    let quotes = if path.contains('.') { String::new() } else { format!("; a text goes in quotes: '{path}'") };
    if names.is_empty() {
        return format!("no names are known here{quotes}");
    }
    format!("there is {}{more}{quotes}", names.join(", "))
}

/// Evaluates what is constant. A part that fails is wrong for every row, so it does not compile.
fn fold(typed: Typed) -> Result<Typed, Problem> {
    let span = typed.span;
    typed.fold().map_err(|fault| always_fails(span, fault))
}

fn always_fails(span: Span, fault: Fault) -> Problem {
    let remedy = match fault {
        Fault::DivisionByZero => "divide by something else; doubles divide by 0.0",
        Fault::Overflow => "use doubles: write a number with a point",
        Fault::Conversion => "write a text that can be converted",
        Fault::TooLong => "write a shorter text",
        Fault::NoSuchField | Fault::NoSuchOverload => "leave this part out",
    };
    Problem::new(span, format!("this part fails for every row: {fault}"), remedy)
}

fn literal_value(span: Span, literal: &Literal) -> Typed {
    let (kind, constant) = match literal {
        Literal::Null => (Type::Null, Constant::Null),
        Literal::Bool(value) => (Type::Bool, Constant::Bool(*value)),
        Literal::Int(value) => (Type::Int, Constant::Int(*value)),
        Literal::Uint(value) => (Type::Uint, Constant::Uint(*value)),
        Literal::Float(value) => (Type::Float, Constant::Float(*value)),
        Literal::String(text) => (Type::String, Constant::Text(text.as_bytes().to_vec())),
        Literal::Bytes(bytes) => (Type::Bytes, Constant::Text(bytes.clone())),
    };
    Typed::new(span, kind, Op::Constant(constant))
}

/// A read of a place in the row.
fn column(span: Span, variable: Variable) -> Typed {
    let op = match variable.kind {
        Type::Null => Op::Constant(Constant::Null),
        _ => Op::Column(variable.index),
    };
    Typed { names: variable.names, ..Typed::new(span, variable.kind, op) }
}

/// Both values in one type: as they are, or the whole number of the two as a double. Nothing when
/// there is no such type.
fn same_type(left: Typed, right: Typed) -> Result<Option<(Typed, Typed)>, Problem> {
    use Type::{Enum, Float, Int, Uint};
    Ok(match (left.kind, right.kind) {
        (a, b) if a == b => Some((left, right)),
        (Int, Enum) => Some((left, as_int(right))),
        (Enum, Int) => Some((as_int(left), right)),
        (Int | Uint | Enum, Float) => Some((promote(left)?, right)),
        (Float, Int | Uint | Enum) => Some((left, promote(right)?)),
        _ => None,
    })
}

/// An enum as the int that it is; anything else as it is.
fn as_int(typed: Typed) -> Typed {
    match typed.kind {
        Type::Enum => Typed { kind: Type::Int, names: None, ..typed },
        _ => typed,
    }
}

/// A whole number as a double.
fn promote(typed: Typed) -> Result<Typed, Problem> {
    match typed.kind {
        Type::Float => Ok(typed),
        _ => fold(Typed::new(typed.span, Type::Float, Op::Promote(Box::new(typed)))),
    }
}
