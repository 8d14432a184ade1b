//! Tokens to a tree (CEL spec, "Syntax"), within bounds: [`super::MAX_TEXT`], [`super::MAX_DEPTH`]
//! and [`super::MAX_NODES`]. Recursion is bounded before the stack is.

use super::ast::{Binary, Call, Expr, Literal, NameSpan, Node, Unary};
use super::error::{Problem, Span};
use super::lex::{Token, is_reserved, tokens};
use super::{MAX_DEPTH, MAX_NODES, MAX_TEXT};

/// The tree of a text.
pub(super) fn parse(source: &str) -> Result<Node, Problem> {
    if source.len() > MAX_TEXT {
        let message = format!("the expression has {} bytes, at most {MAX_TEXT} are allowed", source.len());
        return Err(Problem::new(Span::new(0, source.len()), message, "split it into several values"));
    }
    let mut parser = Parser { source, tokens: tokens(source)?, at: 0, depth: 0, nodes: 0 };
    if parser.peek() == &Token::End {
        return Err(Problem::new(parser.span(), "the expression is empty", "write a condition or a value"));
    }
    let root = parser.expression()?;
    if parser.peek() != &Token::End {
        return Err(parser.trailing());
    }
    check_height(&root, 1)?;
    Ok(root)
}

/// A chain such as `a + b + c` is built without recursion, so its height is checked afterwards.
fn check_height(node: &Node, height: usize) -> Result<(), Problem> {
    if height > MAX_DEPTH {
        return Err(too_deep(node.span));
    }
    let below = height + 1;
    match &node.expr {
        Expr::Literal(_) | Expr::Path(_) => Ok(()),
        Expr::Unary(_, operand) => check_height(operand, below),
        Expr::Binary(_, left, right) => {
            check_height(left, below)?;
            check_height(right, below)
        }
        Expr::All(nodes) | Expr::Any(nodes) | Expr::List(nodes) => {
            nodes.iter().try_for_each(|node| check_height(node, below))
        }
        Expr::Choose(parts) => parts.iter().try_for_each(|node| check_height(node, below)),
        Expr::Call(call) => call.target.iter().chain(&call.arguments).try_for_each(|node| check_height(node, below)),
    }
}

fn too_deep(span: Span) -> Problem {
    let message = format!("the expression is nested more than {MAX_DEPTH} deep here");
    Problem::new(span, message, "split it into several values")
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    nodes: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    /// The place of the next token.
    fn span(&self) -> Span {
        let last = self.tokens.last().map(|(_, span)| *span).unwrap_or_default();
        self.tokens.get(self.at).map_or(last, |(_, span)| *span)
    }

    /// The place of the token before.
    fn before(&self) -> Span {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|(_, span)| *span).unwrap_or_default()
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str, remedy: &str) -> Result<(), Problem> {
        if self.accept(symbol) {
            return Ok(());
        }
        Err(Problem::new(self.span(), format!("expected `{symbol}`, found {}", self.shown()), remedy))
    }

    /// The next token as it is written, cut where it gets long.
    fn shown(&self) -> String {
        const SHOWN: usize = 30;
        let span = self.span();
        let text = self.source.get(span.start..span.end).unwrap_or("");
        match text.char_indices().nth(SHOWN) {
            _ if text.is_empty() => "the end".to_owned(),
            Some((at, _)) => format!("`{}...`", text.get(..at).unwrap_or("")),
            None => format!("`{text}`"),
        }
    }

    fn node(&mut self, span: Span, expr: Expr) -> Result<Node, Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the expression has more than {MAX_NODES} parts");
            return Err(Problem::new(span, message, "split it into several values"));
        }
        Ok(Node { span, expr })
    }

    /// Runs `inner` one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, Problem> {
        if self.depth >= MAX_DEPTH {
            return Err(too_deep(self.span()));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// What stands behind a whole expression.
    fn trailing(&self) -> Problem {
        let remedy = match self.peek() {
            _ if self.before_is_name("not") => "write ! for not",
            Token::Name(word, _) => match word.to_ascii_lowercase().as_str() {
                "and" => "write && for and",
                "or" => "write || for or",
                "not" => "write !(a in [...]) for not in, && !b for and not",
                "is" => "write == to compare, has(name) to ask whether there is a value",
                "like" => "write text.matches('pattern') or text.contains('part')",
                "between" => "write low <= x && x <= high",
                _ => "put an operator between two values; text goes in quotes",
            },
            Token::Symbol(")") => "there is no ( before it",
            Token::Symbol("]") => "there is no [ before it",
            Token::Symbol(",") => "join conditions with && or ||",
            Token::Symbol("[") => "values are reached by name: write labels.app, not labels['app']",
            _ => "put an operator between two values",
        };
        Problem::new(self.span(), format!("expected an operator or the end, found {}", self.shown()), remedy)
    }

    /// `Expr = ConditionalOr ["?" ConditionalOr ":" Expr]`
    fn expression(&mut self) -> Result<Node, Problem> {
        self.deeper(|parser| {
            let condition = parser.any()?;
            if !parser.accept("?") {
                return Ok(condition);
            }
            let yes = parser.any()?;
            parser.expect(":", "a choice is written condition ? value : other")?;
            let no = parser.expression()?;
            let span = condition.span.to(no.span);
            parser.node(span, Expr::Choose(Box::new([condition, yes, no])))
        })
    }

    fn any(&mut self) -> Result<Node, Problem> {
        let operands = self.chain("||", Self::all)?;
        self.chained(operands, Expr::Any)
    }

    fn all(&mut self) -> Result<Node, Problem> {
        let operands = self.chain("&&", |parser| parser.binary(Binary::Equal.strength()))?;
        self.chained(operands, Expr::All)
    }

    fn chain(
        &mut self,
        symbol: &str,
        mut operand: impl FnMut(&mut Self) -> Result<Node, Problem>,
    ) -> Result<Vec<Node>, Problem> {
        let mut operands = vec![operand(self)?];
        while self.accept(symbol) {
            operands.push(operand(self)?);
        }
        Ok(operands)
    }

    fn chained(&mut self, mut operands: Vec<Node>, make: fn(Vec<Node>) -> Expr) -> Result<Node, Problem> {
        match (operands.len(), operands.pop()) {
            (1, Some(only)) => Ok(only),
            (_, Some(last)) => {
                let span = operands.first().map_or(last.span, |first| first.span.to(last.span));
                operands.push(last);
                self.node(span, make(operands))
            }
            (_, None) => Err(self.expected_value()),
        }
    }

    fn binary_operator(&self) -> Option<Binary> {
        let Token::Symbol(symbol) = self.peek() else {
            return None;
        };
        Some(match *symbol {
            "+" => Binary::Add,
            "-" => Binary::Subtract,
            "*" => Binary::Multiply,
            "/" => Binary::Divide,
            "%" => Binary::Remainder,
            "==" => Binary::Equal,
            "!=" => Binary::NotEqual,
            "<" => Binary::Less,
            "<=" => Binary::LessOrEqual,
            ">" => Binary::Greater,
            ">=" => Binary::GreaterOrEqual,
            "in" => Binary::In,
            _ => return None,
        })
    }

    /// Relations, additions and multiplications: all bind to the left.
    fn binary(&mut self, at_least: u8) -> Result<Node, Problem> {
        let mut left = self.unary()?;
        while let Some(operator) = self.binary_operator().filter(|operator| operator.strength() >= at_least) {
            self.at += 1;
            let right = self.binary(operator.strength() + 1)?;
            let span = left.span.to(right.span);
            left = self.node(span, Expr::Binary(operator, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, Problem> {
        let start = self.span();
        if self.accept("!") {
            let operand = self.deeper(Self::unary)?;
            let span = start.to(operand.span);
            return self.node(span, Expr::Unary(Unary::Not, Box::new(operand)));
        }
        if !self.accept("-") {
            let primary = self.primary()?;
            return self.members(primary);
        }
        // A minus right before a number belongs to it: the smallest int has no positive form.
        if let Some(literal) = self.negative_literal()? {
            let span = start.to(self.before());
            let literal = self.node(span, Expr::Literal(literal))?;
            return self.members(literal);
        }
        let operand = self.deeper(Self::unary)?;
        let span = start.to(operand.span);
        self.node(span, Expr::Unary(Unary::Negate, Box::new(operand)))
    }

    fn negative_literal(&mut self) -> Result<Option<Literal>, Problem> {
        let span = self.before().to(self.span());
        let literal = match self.peek() {
            Token::Literal(Literal::Float(value)) => Literal::Float(-value),
            Token::Whole { unsigned: true, .. } => {
                return Err(Problem::new(span, "a uint is never negative", "leave out the u"));
            }
            Token::Whole { magnitude, .. } => match 0i64.checked_sub_unsigned(*magnitude) {
                Some(value) => Literal::Int(value),
                None => return Err(too_large(span, &format!("-{magnitude}"))),
            },
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(literal))
    }

    fn expected_value(&self) -> Problem {
        let remedy = match self.peek() {
            Token::Symbol(">") if self.before_is("<") => "write != for unequal",
            Token::Symbol("*" | "/") => "a value stands on both sides of this operator",
            Token::Symbol(".") => "a name starts with a letter or _",
            Token::Symbol("[") => "a list is only allowed behind `in`",
            _ => "write a name, a number, a text in quotes, or a condition in ( )",
        };
        Problem::new(self.span(), format!("expected a value, found {}", self.shown()), remedy)
    }

    fn token_before(&self) -> Option<&Token> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|(token, _)| token)
    }

    fn before_is(&self, symbol: &str) -> bool {
        matches!(self.token_before(), Some(Token::Symbol(found)) if *found == symbol)
    }

    fn before_is_name(&self, word: &str) -> bool {
        matches!(self.token_before(), Some(Token::Name(found, _)) if found.eq_ignore_ascii_case(word))
    }

    fn primary(&mut self) -> Result<Node, Problem> {
        let span = self.span();
        let expr = match self.peek().clone() {
            Token::Literal(literal) => Expr::Literal(literal),
            Token::Whole { magnitude, unsigned: true } => Expr::Literal(Literal::Uint(magnitude)),
            Token::Whole { magnitude, .. } => match i64::try_from(magnitude) {
                Ok(value) => Expr::Literal(Literal::Int(value)),
                Err(_) => return Err(too_large(span, &magnitude.to_string())),
            },
            Token::Name(name, quoted) => return self.name(name, quoted),
            Token::Symbol("(") => {
                self.at += 1;
                let mut inner = self.expression()?;
                self.expect(")", "close the bracket")?;
                inner.span = span.to(self.before());
                return Ok(inner);
            }
            Token::Symbol("[") if self.before_is("in") => {
                self.at += 1;
                let items = self.list("]")?;
                return self.node(span.to(self.before()), Expr::List(items));
            }
            Token::Symbol(_) | Token::End => return Err(self.expected_value()),
        };
        self.at += 1;
        self.node(span, expr)
    }

    /// A name at the start of a value: a variable, the start of a dotted one, or a call.
    fn name(&mut self, name: String, quoted: bool) -> Result<Node, Problem> {
        let span = self.span();
        self.at += 1;
        if self.is("(") && !quoted {
            return self.call(None, name, span);
        }
        if !quoted && is_reserved(&name) {
            let remedy = format!("for a column of this name write `{name}` in backticks");
            return Err(Problem::new(span, format!("`{name}` is a reserved word"), remedy));
        }
        self.node(span, Expr::Path(vec![name]))
    }

    /// `.name`, `.name(...)` behind a value.
    fn members(&mut self, mut value: Node) -> Result<Node, Problem> {
        while self.accept(".") {
            let span = self.span();
            let Token::Name(name, quoted) = self.peek().clone() else {
                let message = format!("expected a name behind the point, found {}", self.shown());
                return Err(Problem::new(span, message, "write a field or a method; other words need backticks"));
            };
            self.at += 1;
            value = if self.is("(") && !quoted {
                self.call(Some(value), name, span)?
            } else {
                match value {
                    Node { span: start, expr: Expr::Path(mut parts) } => {
                        parts.push(name);
                        Node { span: start.to(span), expr: Expr::Path(parts) }
                    }
                    other => {
                        let message = format!("`{name}` is read as a field, but this value has no fields");
                        let remedy = format!("for a method write .{name}()");
                        return Err(Problem::new(other.span.to(span), message, remedy));
                    }
                }
            };
        }
        Ok(value)
    }

    /// A call, from its opening bracket.
    fn call(&mut self, target: Option<Node>, name: String, name_span: Span) -> Result<Node, Problem> {
        self.at += 1;
        let arguments = self.list(")")?;
        let start = target.as_ref().map_or(name_span, |target| target.span);
        let span = start.to(self.before());
        self.node(span, Expr::Call(Box::new(Call { target, name, name_span: NameSpan(name_span), arguments })))
    }

    /// Expressions between commas, up to and with the closing bracket.
    fn list(&mut self, close: &str) -> Result<Vec<Node>, Problem> {
        let mut items = Vec::new();
        if self.accept(close) {
            return Ok(items);
        }
        loop {
            items.push(self.expression()?);
            if !self.accept(",") {
                self.expect(close, "put a comma between two values, and close the bracket")?;
                return Ok(items);
            }
        }
    }
}

fn too_large(span: Span, text: &str) -> Problem {
    let message = format!("{text} does not fit into an int");
    Problem::new(span, message, "write it as a double, with a point or an exponent, or as a uint with a u")
}
