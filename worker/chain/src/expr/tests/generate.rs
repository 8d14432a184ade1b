//! Random trees and rows, drawn from a list of numbers so that a failing one shrinks: a shorter list
//! and smaller numbers make a smaller tree.

use super::super::Type;
use super::super::ast::{Binary, Call, Expr, Literal, NameSpan, Node, Unary};
use super::super::error::Span;
use super::{COLUMNS, SEVERITIES};
use crate::row::Cell;

/// Numbers that are drawn one after the other; behind the last come zeros.
pub(super) struct Draw<'n> {
    numbers: &'n [u16],
    at: usize,
    /// Whether types are respected. Trees that are only printed and parsed need not.
    typed: bool,
}

const KINDS: [Type; 9] = [
    Type::Bool,
    Type::Int,
    Type::Float,
    Type::String,
    Type::Uint,
    Type::Bytes,
    Type::Duration,
    Type::Timestamp,
    Type::Enum,
];
const INTS: [i64; 10] = [0, 1, -1, 2, 7, 500, 9_007_199_254_740_993, i64::MAX, i64::MIN, i64::MIN + 1];
const UINTS: [u64; 5] = [0, 1, 3, u64::MAX, 1 << 63];
const FLOATS: [f64; 10] =
    [0.0, 1.0, -1.5, 0.1, 500.0, 1e300, -9_223_372_036_854_775_808.0, 9_007_199_254_740_992.0, 1e-7, 18e18];
const TEXTS: [&str; 9] = ["", "a", "ab", "ERROR", "12", "-9", "é😀", "it's \\ \"q\"\n\u{7f}", "b"];
const PATTERNS: [&str; 5] = ["a", "^a.?$", "[0-9]+", "(?i)error|b", "\\x{e9}"];
const DURATIONS: [i64; 5] = [0, 1_000_000, -90_500_000, 315_576_000_000_000_000, 1];
const TIMESTAMPS: [i64; 5] = [0, 1_709_209_845_678_000, -62_135_596_800_000_000, 253_402_300_799_999_999, -1];

impl<'n> Draw<'n> {
    pub fn new(numbers: &'n [u16], typed: bool) -> Self {
        Self { numbers, at: 0, typed }
    }

    fn below(&mut self, limit: usize) -> usize {
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(number) % limit
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// A type for a whole expression.
    pub fn kind(&mut self) -> Type {
        self.of(&KINDS)
    }

    pub fn row(&mut self) -> Vec<Cell<'static>> {
        COLUMNS.iter().map(|(_, kind)| self.cell(*kind)).collect()
    }

    fn cell(&mut self, kind: Type) -> Cell<'static> {
        match self.below(8) {
            0 => return Cell::Null,
            // What the column does not declare.
            1 => return Cell::Bool(self.below(2) == 0),
            _ => {}
        }
        match kind {
            Type::Bool => Cell::Bool(self.below(2) == 0),
            Type::Int => Cell::Int(self.of(&INTS)),
            Type::Uint => Cell::Int(self.of(&[0, 1, 3, i64::MAX, -1])),
            Type::Float => match self.below(4) {
                0 => Cell::Float(self.of(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0])),
                1 => Cell::Int(self.of(&INTS)),
                _ => Cell::Float(self.of(&FLOATS)),
            },
            Type::String | Type::Bytes => Cell::Bytes(self.of(&TEXTS).as_bytes()),
            Type::Duration => Cell::Int(self.of(&DURATIONS)),
            Type::Timestamp => Cell::Int(self.of(&TIMESTAMPS)),
            Type::Enum => Cell::Int(self.of(&[1, 2, 3, 4, 99])),
            Type::Null => Cell::Null,
        }
    }

    /// A tree of this type.
    pub fn tree(&mut self, kind: Type, depth: usize) -> Node {
        let kind = if self.typed { kind } else { self.kind() };
        if depth == 0 {
            return self.leaf(kind);
        }
        let below = depth - 1;
        match self.below(8) {
            0 | 1 => self.leaf(kind),
            2 => {
                let parts = [self.tree(Type::Bool, below), self.tree(kind, below), self.tree(kind, below)];
                node(Expr::Choose(Box::new(parts)))
            }
            _ => self.operation(kind, below),
        }
    }

    fn leaf(&mut self, kind: Type) -> Node {
        let columns: Vec<&str> = COLUMNS.iter().filter(|(_, found)| *found == kind).map(|(name, _)| *name).collect();
        if !columns.is_empty() && self.below(2) == 0 {
            return path(self.of(&columns));
        }
        let literal = match kind {
            Type::Bool => Literal::Bool(self.below(2) == 0),
            Type::Int => Literal::Int(self.of(&INTS)),
            Type::Uint => Literal::Uint(self.of(&UINTS)),
            Type::Float => Literal::Float(self.of(&FLOATS)),
            Type::String => Literal::String(self.of(&TEXTS).to_owned()),
            Type::Bytes => Literal::Bytes(vec![self.below(256) as u8, self.below(256) as u8]),
            Type::Null => Literal::Null,
            Type::Duration => return path("d"),
            Type::Timestamp => return path("ts"),
            Type::Enum => return path("sev"),
        };
        node(Expr::Literal(literal))
    }

    fn operation(&mut self, kind: Type, depth: usize) -> Node {
        const SUMS: [Binary; 3] = [Binary::Add, Binary::Subtract, Binary::Multiply];
        match kind {
            Type::Bool => self.condition(depth),
            Type::Int => match self.below(6) {
                0 => self.function(kind, depth),
                1 => unary(Unary::Negate, self.tree(Type::Int, depth)),
                2 => self.sides(Binary::Divide, Type::Int, Type::Int, depth),
                3 => self.sides(Binary::Remainder, Type::Int, Type::Int, depth),
                4 => self.sides(Binary::Add, Type::Enum, Type::Int, depth),
                _ => {
                    let operator = self.of(&SUMS);
                    self.sides(operator, Type::Int, Type::Int, depth)
                }
            },
            Type::Uint => {
                let operator = self.of(&[Binary::Add, Binary::Subtract, Binary::Divide, Binary::Remainder]);
                self.sides(operator, Type::Uint, Type::Uint, depth)
            }
            Type::Float => {
                let other = self.of(&[Type::Float, Type::Int, Type::Uint, Type::Enum]);
                let operator = self.of(&[Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide]);
                match self.below(6) {
                    0 => self.function(kind, depth),
                    1 => unary(Unary::Negate, self.tree(Type::Float, depth)),
                    2 => self.sides(operator, other, Type::Float, depth),
                    _ => self.sides(operator, Type::Float, other, depth),
                }
            }
            Type::String if self.below(2) == 0 => self.function(kind, depth),
            Type::String | Type::Bytes => self.sides(Binary::Add, kind, kind, depth),
            Type::Duration => match self.below(2) {
                0 => self.sides(Binary::Subtract, Type::Timestamp, Type::Timestamp, depth),
                _ => self.sides(Binary::Add, Type::Duration, Type::Duration, depth),
            },
            Type::Timestamp => {
                let operator = self.of(&[Binary::Add, Binary::Subtract]);
                self.sides(operator, Type::Timestamp, Type::Duration, depth)
            }
            Type::Enum | Type::Null => self.leaf(kind),
        }
    }

    fn condition(&mut self, depth: usize) -> Node {
        const RELATIONS: [Binary; 6] = [
            Binary::Equal,
            Binary::NotEqual,
            Binary::Less,
            Binary::LessOrEqual,
            Binary::Greater,
            Binary::GreaterOrEqual,
        ];
        match self.below(10) {
            0 => unary(Unary::Not, self.tree(Type::Bool, depth)),
            1 | 2 => {
                let operands = (0..2 + self.below(3)).map(|_| self.tree(Type::Bool, depth)).collect();
                node(if self.below(2) == 0 { Expr::All(operands) } else { Expr::Any(operands) })
            }
            3 => self.function(Type::Bool, depth),
            4 => {
                let kind = self.of(&KINDS);
                let needle = self.tree(kind, depth);
                let items = (0..self.below(4)).map(|_| self.tree(kind, depth)).collect();
                binary(Binary::In, needle, node(Expr::List(items)))
            }
            5 => {
                let operator = self.of(&RELATIONS);
                let name = node(Expr::Literal(Literal::String(self.of(SEVERITIES).0.to_owned())));
                if self.below(2) == 0 {
                    binary(operator, path("sev"), name)
                } else {
                    binary(operator, name, path("sev"))
                }
            }
            6 | 7 => {
                let numbers = [Type::Int, Type::Float, Type::Uint, Type::Enum];
                let (operator, left, right) = (self.of(&RELATIONS), self.of(&numbers), self.of(&numbers));
                self.sides(operator, left, right, depth)
            }
            _ => {
                let (operator, kind) = (self.of(&RELATIONS), self.of(&KINDS));
                self.sides(operator, kind, kind, depth)
            }
        }
    }

    fn sides(&mut self, operator: Binary, left: Type, right: Type, depth: usize) -> Node {
        let left = self.tree(left, depth);
        binary(operator, left, self.tree(right, depth))
    }

    /// A call that gives this type; the interpreter knows the same ones.
    fn function(&mut self, kind: Type, depth: usize) -> Node {
        let (target, name, arguments): (Option<Type>, &str, Vec<Type>) = match kind {
            Type::Bool => {
                let (name, number) =
                    (self.of(&["contains", "startsWith", "endsWith", "matches", "has"]), self.of(COLUMNS));
                match name {
                    "has" => return call(None, "has", vec![path(number.0)]),
                    "matches" => {
                        let pattern = node(Expr::Literal(Literal::String(self.of(&PATTERNS).to_owned())));
                        return call(Some(self.tree(Type::String, depth)), name, vec![pattern]);
                    }
                    _ => (Some(Type::String), name, vec![Type::String]),
                }
            }
            Type::Int => match self.below(5) {
                0 => (Some(self.of(&[Type::String, Type::Bytes])), "size", vec![]),
                1 => (Some(Type::Duration), "getSeconds", vec![]),
                2 => (Some(Type::Timestamp), "getHours", vec![]),
                3 => return self.math(Type::Int, depth),
                _ => {
                    let from = [Type::Int, Type::Uint, Type::Float, Type::String, Type::Timestamp, Type::Enum];
                    (None, "int", vec![self.of(&from)])
                }
            },
            Type::Float if self.below(2) == 0 => return self.math(Type::Float, depth),
            Type::Float => (None, "double", vec![self.of(&[Type::Int, Type::Uint, Type::Float, Type::Enum])]),
            _ => match self.below(3) {
                0 => (Some(Type::String), "lowerAscii", vec![]),
                1 => (Some(Type::String), "upperAscii", vec![]),
                _ => (None, "string", vec![self.of(&[Type::Int, Type::Bool, Type::Enum])]),
            },
        };
        let target = target.map(|kind| self.tree(kind, depth));
        let arguments = arguments.into_iter().map(|kind| self.tree(kind, depth)).collect();
        call(target, name, arguments)
    }

    fn math(&mut self, kind: Type, depth: usize) -> Node {
        let name = self.of(&["abs", "greatest", "least"]);
        let more = if name == "abs" { 0 } else { self.below(3) };
        let mut arguments = vec![self.tree(kind, depth)];
        arguments.extend((0..more).map(|_| self.tree(kind, depth)));
        call(Some(path("math")), name, arguments)
    }
}

fn node(expr: Expr) -> Node {
    Node { span: Span::default(), expr }
}

fn path(name: &str) -> Node {
    node(Expr::Path(vec![name.to_owned()]))
}

fn unary(operator: Unary, operand: Node) -> Node {
    node(Expr::Unary(operator, Box::new(operand)))
}

fn binary(operator: Binary, left: Node, right: Node) -> Node {
    node(Expr::Binary(operator, Box::new(left), Box::new(right)))
}

fn call(target: Option<Node>, name: &str, arguments: Vec<Node>) -> Node {
    let name_span = NameSpan::default();
    node(Expr::Call(Box::new(Call { target, name: name.to_owned(), name_span, arguments })))
}
