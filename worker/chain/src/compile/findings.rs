//! Findings while compiling: collected, never thrown, so that one look shows all of them.

use crate::expr::{Compiled, Environment, ExprError, Wanted, compile as compile_expression};
use logloom_crds::finding::{Finding, Reason};

/// Collects findings of one resource.
#[derive(Debug)]
pub(super) struct Findings {
    kind: &'static str,
    name: String,
    pub(super) all: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(kind: &'static str, name: &str) -> Self {
        Self { kind, name: name.to_owned(), all: Vec::new() }
    }

    /// Adds an error.
    pub(super) fn error(&mut self, reason: Reason, path: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.all.push(Finding::error(reason, path, message, remedy).of(self.kind, &self.name));
    }

    /// Adds a warning.
    pub(super) fn warning(
        &mut self,
        reason: Reason,
        path: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.all.push(Finding::warning(reason, path, message, remedy).of(self.kind, &self.name));
    }

    /// Adds what is wrong with an expression.
    pub(super) fn expression(&mut self, path: &str, text: &str, error: &ExprError) {
        let message = format!("column {} of `{}`: {}", error.column, shorten(text), error.message);
        self.error(Reason::BadExpression, path, message, error.remedy.clone());
    }

    /// Compiles an expression; what is wrong with it is a finding.
    pub(super) fn compile(
        &mut self,
        path: &str,
        text: &str,
        environment: &mut dyn Environment,
        wanted: Wanted,
    ) -> Option<Compiled> {
        match compile_expression(text, environment, wanted) {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                self.expression(path, text, &error);
                None
            }
        }
    }

    /// The index of a name in a list; an unknown name is a finding that lists the known ones.
    pub(super) fn find(&mut self, path: &str, what: &str, name: &str, known: &[&str]) -> Option<usize> {
        let found = known.iter().position(|known| *known == name);
        if found.is_none() {
            let remedy = match known {
                [] => format!("define a {what} named `{name}`"),
                _ => format!("use one of {}, or define `{name}`", list(known)),
            };
            self.error(Reason::UnknownReference, path, format!("there is no {what} named `{name}`"), remedy);
        }
        found
    }
}

/// A list of names for a sentence.
pub(super) fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > 12 { format!(" and {} more", names.len() - 12) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(57).chain("...".chars()).collect()
}
