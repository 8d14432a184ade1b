//! The tree that a text parses to, and the text of a tree.
//!
//! Printing a tree and parsing the text gives the same tree: `parse(print(tree)) == tree`.

use super::error::Span;
use std::fmt::{self, Display, Formatter, Write};

/// One node and the part of the source that it came from.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub span: Span,
    pub expr: Expr,
}

/// Two trees are the same when they say the same, wherever they stood.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.expr == other.expr
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Literal(Literal),
    /// A bare or dotted name.
    Path(Vec<String>),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// A chain of `&&` (at least two).
    All(Vec<Node>),
    /// A chain of `||` (at least two).
    Any(Vec<Node>),
    Choose(Box<[Node; 3]>),
    /// Only on the right of `in`.
    List(Vec<Node>),
    Call(Box<Call>),
}

/// `name(arguments)` or `target.name(arguments)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub target: Option<Node>,
    pub name: String,
    pub name_span: NameSpan,
    pub arguments: Vec<Node>,
}

/// A place that does not count when trees are compared.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NameSpan(pub Span);

impl PartialEq for NameSpan {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    String(String),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Not,
    Negate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

impl Binary {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "in",
        }
    }

    /// How tightly it binds (CEL spec, "Syntax": its table read from below).
    pub fn strength(self) -> u8 {
        match self {
            Self::Multiply | Self::Divide | Self::Remainder => 6,
            Self::Add | Self::Subtract => 5,
            _ => 4,
        }
    }
}

/// Binding strength of `? :`, `||`, `&&` and the unary operators; see [`Binary::strength`].
const CHOOSE: u8 = 1;
const ANY: u8 = 2;
const ALL: u8 = 3;
const UNARY: u8 = 7;
const MEMBER: u8 = 8;

impl Node {
    fn strength(&self) -> u8 {
        match &self.expr {
            Expr::Choose(_) => CHOOSE,
            Expr::Any(_) => ANY,
            Expr::All(_) => ALL,
            Expr::Binary(operator, ..) => operator.strength(),
            Expr::Unary(..) => UNARY,
            _ => MEMBER,
        }
    }

    fn print(&self, out: &mut Formatter<'_>, at_least: u8) -> fmt::Result {
        if self.strength() < at_least {
            write!(out, "(")?;
            self.print(out, 0)?;
            return write!(out, ")");
        }
        match &self.expr {
            Expr::Literal(literal) => write!(out, "{literal}"),
            Expr::Path(parts) => print_path(out, parts),
            Expr::Unary(Unary::Not, operand) => {
                write!(out, "!")?;
                operand.print(out, UNARY)
            }
            Expr::Unary(Unary::Negate, operand) => {
                write!(out, "-")?;
                // `-5` is a literal, `-(5)` negates one.
                let literal = matches!(operand.expr, Expr::Literal(_));
                operand.print(out, if literal { MEMBER + 1 } else { UNARY })
            }
            Expr::Binary(operator, left, right) => {
                left.print(out, operator.strength())?;
                write!(out, " {} ", operator.symbol())?;
                right.print(out, operator.strength() + 1)
            }
            Expr::All(operands) => print_list(out, operands, " && ", ALL + 1),
            Expr::Any(operands) => print_list(out, operands, " || ", ANY + 1),
            Expr::Choose(parts) => {
                let [condition, yes, no] = &**parts;
                condition.print(out, ANY)?;
                write!(out, " ? ")?;
                yes.print(out, ANY)?;
                write!(out, " : ")?;
                no.print(out, CHOOSE)
            }
            Expr::List(items) => {
                write!(out, "[")?;
                print_list(out, items, ", ", 0)?;
                write!(out, "]")
            }
            Expr::Call(call) => call.print(out),
        }
    }
}

impl Call {
    fn print(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if let Some(target) = &self.target {
            // A number would take the dot for its own.
            let number = matches!(target.expr, Expr::Literal(Literal::Int(_) | Literal::Uint(_) | Literal::Float(_)));
            target.print(out, if number { MEMBER + 1 } else { MEMBER })?;
            write!(out, ".")?;
        }
        write!(out, "{}(", self.name)?;
        print_list(out, &self.arguments, ", ", 0)?;
        write!(out, ")")
    }
}

impl Display for Node {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.print(out, 0)
    }
}

fn print_list(out: &mut Formatter<'_>, nodes: &[Node], between: &str, at_least: u8) -> fmt::Result {
    for (index, node) in nodes.iter().enumerate() {
        if index > 0 {
            write!(out, "{between}")?;
        }
        node.print(out, at_least)?;
    }
    Ok(())
}

fn print_path(out: &mut Formatter<'_>, parts: &[String]) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            write!(out, ".")?;
        }
        if super::lex::is_plain_identifier(part) {
            write!(out, "{part}")?;
        } else {
            write!(out, "`{part}`")?;
        }
    }
    Ok(())
}

impl Display for Literal {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => write!(out, "null"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Int(value) => write!(out, "{value}"),
            Self::Uint(value) => write!(out, "{value}u"),
            // Debug keeps a point or an exponent, so it stays a double.
            Self::Float(value) => write!(out, "{value:?}"),
            Self::String(text) => {
                write!(out, "'")?;
                text.chars().try_for_each(|c| print_char(out, c))?;
                write!(out, "'")
            }
            Self::Bytes(bytes) => {
                write!(out, "b'")?;
                for byte in bytes {
                    match byte {
                        b'\'' | b'\\' => write!(out, "\\{}", char::from(*byte))?,
                        0x20..=0x7e => out.write_char(char::from(*byte))?,
                        _ => write!(out, "\\x{byte:02x}")?,
                    }
                }
                write!(out, "'")
            }
        }
    }
}

fn print_char(out: &mut Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\'' | '\\' => write!(out, "\\{c}"),
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        _ if c.is_control() => write!(out, "\\U{:08x}", u32::from(c)),
        _ => out.write_char(c),
    }
}
