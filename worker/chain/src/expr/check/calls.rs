//! Types of calls: `has`, the functions of the language, and those of the environment.

use super::super::ast::{Call, Expr, Literal, Node};
use super::super::environment::{Argument, ArgumentConstant, CallResolution, Variable};
use super::super::error::{Problem, Span, did_you_mean, nearest};
use super::super::functions::{Function, Overload, Style, exists, names, overloads, signature, variadic};
use super::super::typed::{Op, Typed};
use super::super::{Fault, MAX_PATTERN, Type, time};
use super::{Checker, always_fails, as_int, column, promote};
use jiff::tz::TimeZone;

/// What people know from elsewhere, and how it is written here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("len", "write size(x)"),
    ("length", "write size(x)"),
    ("lower", "write x.lowerAscii()"),
    ("toLower", "write x.lowerAscii()"),
    ("toLowerCase", "write x.lowerAscii()"),
    ("upper", "write x.upperAscii()"),
    ("toUpper", "write x.upperAscii()"),
    ("toUpperCase", "write x.upperAscii()"),
    ("abs", "write math.abs(x)"),
    ("min", "write math.least(a, b)"),
    ("max", "write math.greatest(a, b)"),
    ("math.min", "write math.least(a, b)"),
    ("math.max", "write math.greatest(a, b)"),
    ("float", "write double(x)"),
    ("str", "write string(x)"),
    ("exists", "lists are only allowed behind `in`"),
    ("exists_one", "lists are only allowed behind `in`"),
    ("all", "lists are only allowed behind `in`"),
    ("filter", "lists are only allowed behind `in`"),
    ("map", "lists are only allowed behind `in`"),
];

impl Checker<'_> {
    pub(super) fn call(&mut self, span: Span, call: &Call) -> Result<Typed, Problem> {
        let name = call.name.as_str();
        let Some(target) = &call.target else {
            if name == "has" {
                return self.has(span, call);
            }
            if exists(name, Style::Global) {
                let arguments = self.arguments(&call.arguments)?;
                return overloaded(span, name, Style::Global, arguments);
            }
            return self.foreign(span, call, name);
        };
        if let Expr::Path(parts) = &target.expr {
            return self.qualified(span, call, target, &parts.join("."));
        }
        let target = self.node(target)?;
        if !exists(name, Style::Method) {
            return Err(self.unknown_method(call, target.kind));
        }
        self.method(span, call, target)
    }

    /// `path.name(...)`: a function of a namespace, a method of a variable, or a call that the
    /// environment knows under the whole name.
    fn qualified(&mut self, span: Span, call: &Call, target: &Node, path: &str) -> Result<Typed, Problem> {
        let name = call.name.as_str();
        let whole = format!("{path}.{name}");
        if let Some(function) = variadic(&whole) {
            return self.greatest_or_least(span, &whole, function, call);
        }
        if exists(&whole, Style::Global) {
            let arguments = self.arguments(&call.arguments)?;
            return overloaded(span, &whole, Style::Global, arguments);
        }
        if !exists(name, Style::Method) {
            return self.foreign(span, call, &whole);
        }
        if let Some(variable) = self.environment.variable(path) {
            return self.method(span, call, column(target.span, variable));
        }
        match self.ask(call, &whole)? {
            Some(variable) => Ok(column(span, variable)),
            None => Err(self.unknown_name(target.span, path)),
        }
    }

    fn method(&mut self, span: Span, call: &Call, target: Typed) -> Result<Typed, Problem> {
        let mut arguments = vec![target];
        arguments.extend(self.arguments(&call.arguments)?);
        overloaded(span, &call.name, Style::Method, arguments)
    }

    fn arguments(&mut self, nodes: &[Node]) -> Result<Vec<Typed>, Problem> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    /// `has(x)`: whether the row has a value for a name, or for a call of the environment.
    fn has(&mut self, span: Span, call: &Call) -> Result<Typed, Problem> {
        let remedy = "write has(name)";
        let [argument] = call.arguments.as_slice() else {
            let message = format!("has takes one name, found {} arguments", call.arguments.len());
            return Err(Problem::new(span, message, remedy));
        };
        if matches!(argument.expr, Expr::Path(_) | Expr::Call(_))
            && let Op::Column(index) = self.node(argument)?.op
        {
            return Ok(Typed::new(span, Type::Bool, Op::Has(index)));
        }
        Err(Problem::new(argument.span, "has takes a name, this is a computed value", remedy))
    }

    fn greatest_or_least(&mut self, span: Span, name: &str, function: Function, call: &Call) -> Result<Typed, Problem> {
        if call.arguments.is_empty() {
            return Err(Problem::new(span, format!("{name} needs an argument"), format!("write {name}(a, b)")));
        }
        let arguments: Vec<Typed> = self.arguments(&call.arguments)?.into_iter().map(as_int).collect();
        if let Some(wrong) = arguments.iter().find(|argument| !argument.kind.is_number()) {
            let message = format!("{name} takes numbers, this is {}", wrong.kind.with_article());
            return Err(Problem::new(wrong.span, message, "convert it, for example with double(x)"));
        }
        let has = |kind| arguments.iter().any(|argument| argument.kind == kind);
        let (kind, arguments) = match (has(Type::Float), has(Type::Int), has(Type::Uint)) {
            (true, ..) => (Type::Float, arguments.into_iter().map(promote).collect::<Result<_, _>>()?),
            (_, true, true) => {
                let message = format!("{name} does not take an int and a uint");
                return Err(Problem::new(span, message, "convert one: int(x)"));
            }
            (_, true, _) => (Type::Int, arguments),
            _ => (Type::Uint, arguments),
        };
        Ok(Typed::new(span, kind, Op::Call(function, arguments)))
    }

    /// A call that only the environment can know.
    fn foreign(&mut self, span: Span, call: &Call, name: &str) -> Result<Typed, Problem> {
        match self.ask(call, name)? {
            Some(variable) => Ok(column(span, variable)),
            None => Err(self.unknown_function(call, name)),
        }
    }

    fn ask(&mut self, call: &Call, name: &str) -> Result<Option<Variable>, Problem> {
        let arguments: Vec<Argument<'_>> = call.arguments.iter().map(|node| described(self.source, node)).collect();
        let whole = call.name_span.0;
        let span_of = |argument: usize| call.arguments.get(argument).map_or(whole, |node| node.span);
        match self.environment.call(name, &arguments) {
            CallResolution::Unknown => Ok(None),
            CallResolution::Variable(variable) => Ok(Some(variable)),
            CallResolution::Refused { argument, message, remedy } => {
                Err(Problem::new(argument.map_or(whole, span_of), message, remedy))
            }
            CallResolution::Invalid { argument, error } => {
                let outer = span_of(argument);
                let inner = self.source.get(outer.start..outer.end).unwrap_or("");
                let byte = |character: usize| {
                    inner.char_indices().nth(character).map_or(outer.end, |(at, _)| outer.start + at)
                };
                let start = error.column.saturating_sub(1);
                let span = Span::new(byte(start), byte(start + error.length));
                Err(Problem::new(span, error.message, error.remedy))
            }
        }
    }

    fn unknown_function(&mut self, call: &Call, name: &str) -> Problem {
        let span = call.name_span.0;
        if let Some(target) = &call.target
            && let Expr::Path(parts) = &target.expr
            && let Some(variable) = self.environment.variable(&parts.join("."))
        {
            return self.unknown_method(call, variable.kind);
        }
        let message = format!("there is no function `{name}` here");
        if exists(name, Style::Method) {
            let example = overloads(name, Style::Method).next().map(signature).unwrap_or_default();
            return Problem::new(span, message, format!("it is a method: write {example}"));
        }
        let suggestions = self.environment.suggestions();
        let mut all: Vec<&str> = suggestions.iter().filter_map(|name| name.strip_suffix('(')).collect();
        for name in names(Style::Global) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        let remedy = match ELSEWHERE.iter().find(|(known, _)| *known == name) {
            Some((_, remedy)) => (*remedy).to_owned(),
            None => did_you_mean(&nearest(name, all.iter().copied()), || format!("there is {}", all.join(", "))),
        };
        // The whole dotted name is wrong, not only its last part.
        let start = call.target.as_ref().map_or(span, |target| target.span);
        Problem::new(start.to(span), message, remedy)
    }

    fn unknown_method(&self, call: &Call, target: Type) -> Problem {
        let name = call.name.as_str();
        let message = format!("{} has no method `{name}`", target.with_article());
        let remedy = match ELSEWHERE.iter().find(|(known, _)| *known == name) {
            Some((_, remedy)) => (*remedy).to_owned(),
            None if exists(name, Style::Global) => format!("it is a function: write {name}(x)"),
            None => {
                let fitting = || methods_of(target);
                did_you_mean(&nearest(name, names(Style::Method)), || match fitting() {
                    methods if methods.is_empty() => "it has no methods".to_owned(),
                    methods => format!("it has {}", methods.join(", ")),
                })
            }
        };
        Problem::new(call.name_span.0, message, remedy)
    }
}

fn methods_of(target: Type) -> Vec<&'static str> {
    let mut methods: Vec<&str> = names(Style::Method)
        .filter(|name| overloads(name, Style::Method).any(|overload| overload.takes.first() == Some(&target)))
        .collect();
    methods.dedup();
    methods
}

/// An argument as the environment sees it.
fn described<'a>(source: &'a str, node: &Node) -> Argument<'a> {
    let text = source.get(node.span.start..node.span.end).unwrap_or("");
    let (path, constant) = match &node.expr {
        Expr::Path(parts) => (Some(parts.join(".")), None),
        Expr::Literal(literal) => (None, argument_constant(literal)),
        _ => (None, None),
    };
    Argument { text, path, constant }
}

fn argument_constant(literal: &Literal) -> Option<ArgumentConstant> {
    Some(match literal {
        Literal::Bool(value) => ArgumentConstant::Bool(*value),
        Literal::Int(value) => ArgumentConstant::Number(*value as f64),
        Literal::Uint(value) => ArgumentConstant::Number(*value as f64),
        Literal::Float(value) => ArgumentConstant::Number(*value),
        Literal::String(text) => ArgumentConstant::String(text.clone()),
        Literal::Null | Literal::Bytes(_) => return None,
    })
}

/// The overload that takes these types, applied.
fn overloaded(span: Span, name: &str, style: Style, arguments: Vec<Typed>) -> Result<Typed, Problem> {
    let exact = |overload: &Overload| overload.takes.iter().copied().eq(arguments.iter().map(|a| a.kind));
    if let Some(overload) = overloads(name, style).find(|overload| exact(overload)) {
        return apply(span, overload, arguments);
    }
    // An enum is an int where nothing takes enums.
    let ints: Vec<Typed> = arguments.iter().cloned().map(as_int).collect();
    let fits = |overload: &Overload| overload.takes.iter().copied().eq(ints.iter().map(|a| a.kind));
    match overloads(name, style).find(|overload| fits(overload)) {
        Some(overload) => apply(span, overload, ints),
        None => Err(no_overload(span, name, style, &arguments)),
    }
}

fn no_overload(span: Span, name: &str, style: Style, arguments: &[Typed]) -> Problem {
    let mut kinds = arguments.iter().map(|argument| argument.kind.name());
    let target = match style {
        Style::Method => kinds.next().map(|target| format!("{target}.")),
        Style::Global => None,
    };
    let kinds: Vec<&str> = kinds.collect();
    let message = format!("there is no {}{name}({})", target.unwrap_or_default(), kinds.join(", "));
    let all: Vec<String> = overloads(name, style).map(signature).collect();
    let remedy = format!("there is {}", all.join(", "));
    // The first argument that no overload takes at its place, if the count is right.
    let of_length = || overloads(name, style).filter(|overload| overload.takes.len() == arguments.len());
    let taken = |place: usize, kind: Type| of_length().any(|overload| overload.takes.get(place) == Some(&kind));
    let wrong = arguments.iter().enumerate().find(|(place, argument)| !taken(*place, argument.kind));
    let span = match wrong {
        Some((_, argument)) if of_length().next().is_some() => argument.span,
        _ => span,
    };
    Problem::new(span, message, remedy)
}

fn apply(span: Span, overload: &Overload, mut arguments: Vec<Typed>) -> Result<Typed, Problem> {
    let kind = overload.gives;
    let second = if arguments.len() == 2 { arguments.pop() } else { None };
    let op = match (overload.function, arguments.pop(), second) {
        (Function::Matches, Some(text), Some(pattern)) => Op::Matches(Box::new(text), compiled_pattern(&pattern)?),
        (Function::Get(field), Some(target), zone) if target.kind == Type::Timestamp => {
            let zone = zone.map_or(Ok(TimeZone::UTC), |zone| known_zone(&zone))?;
            Op::Calendar(field, Box::new(target), zone)
        }
        (function, first, second) => {
            let arguments: Vec<Typed> = first.into_iter().chain(second).collect();
            return time_literal(function, &arguments)
                .map_or_else(|| Ok(Typed::new(span, kind, Op::Call(function, arguments))), Err);
        }
    };
    Ok(Typed::new(span, kind, op))
}

/// A duration or timestamp that is a literal is read here, for a better error than folding gives.
fn time_literal(function: Function, arguments: &[Typed]) -> Option<Problem> {
    let [argument] = arguments else {
        return None;
    };
    let text = argument.text()?;
    let (what, fault, example) = match function {
        Function::ToDuration => {
            let example = "write a time span as '1h30m', '90s', '250ms'";
            ("duration", time::parse_duration(text.as_bytes()).err()?, example)
        }
        Function::ToTimestamp => {
            let example = "write an instant as '2024-03-01T12:00:00Z'";
            ("timestamp", time::parse_timestamp(text.as_bytes()).err()?, example)
        }
        _ => return None,
    };
    Some(match fault {
        Fault::Conversion => Problem::new(argument.span, format!("'{text}' is not a {what}"), example),
        other => always_fails(argument.span, other),
    })
}

fn known_zone(zone: &Typed) -> Result<TimeZone, Problem> {
    let remedy = "write 'UTC', '+02:00' or a name such as 'Europe/Berlin'";
    let Some(name) = zone.text() else {
        return Err(Problem::new(zone.span, "a time zone is a text literal", remedy));
    };
    time::zone(name).ok_or_else(|| Problem::new(zone.span, format!("there is no time zone '{name}'"), remedy))
}

/// The pattern of `matches`, within [`MAX_PATTERN`]. Matching takes time linear in the text.
fn compiled_pattern(pattern: &Typed) -> Result<regex::bytes::Regex, Problem> {
    let Some(text) = pattern.text() else {
        let remedy = "write it as r'...'; for a part of a text use contains";
        return Err(Problem::new(pattern.span, "the pattern of matches is a text literal", remedy));
    };
    let built = regex::bytes::RegexBuilder::new(text).size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => {
            let message = format!("the pattern needs more than {limit} bytes when compiled");
            Problem::new(pattern.span, message, "use shorter repetitions, or contains and startsWith")
        }
        error => {
            let reason = pattern_reason(text).unwrap_or_else(|| error.to_string());
            let remedy = "write it as r'...' so that backslashes stay";
            Problem::new(pattern.span, format!("the pattern is not valid: {reason}"), remedy)
        }
    })
}

/// What is wrong with a pattern, in one line.
fn pattern_reason(pattern: &str) -> Option<String> {
    let (kind, span) = match regex_syntax::parse(pattern).err()? {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), *error.span()),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), *error.span()),
        _ => return None,
    };
    let character = pattern.get(..span.start.offset)?.chars().count() + 1;
    Some(format!("{kind} (its character {character})"))
}
