//! From a grok pattern to a regular expression.
//!
//! ```text
//!  %{IP:client} \[%{HTTPDATE}\]  ─►  (?P<g0>(?:…)) \[(?:…)\]      fields: g0 = client
//! ```
//!
//! A field that nobody wants is a group without capture, since captures are what matching spends its time on. Plain
//! parentheses do not capture either. What Ruby's engine writes differently is put into this one's words: `(?>`
//! becomes `(?:`, `(?m)` becomes `(?s)`, `\h` a hexadecimal digit, `\Z` the end.

use std::collections::BTreeMap;

use super::library::library;
use crate::parse::decode::error::Problem;
use crate::parse::decode::names::Wanted;
use crate::parse::decode::pattern::Conversion;
use crate::parse::fields::Slot;
use crate::parse::suggest::nearest;

/// Patterns inside patterns, at most.
const MAX_DEPTH: usize = 32;
/// Uses of named patterns in one pattern, at most. A bound on work: patterns that expand to nothing
/// could otherwise be doubled for ever.
const MAX_USES: usize = 4096;
/// Length of the expanded pattern in bytes, at most.
const MAX_LENGTH: usize = 256 << 10;

/// An expanded pattern.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// The regular expression; its groups are named `g0`, `g1`, …
    pub regex: String,
    /// What the groups fill, in the order of their numbers.
    pub captures: Vec<(Slot, Conversion)>,
    /// The names of all fields, wanted or not.
    pub fields: Vec<String>,
}

/// Expands `pattern` with the user's `definitions` before those of the library.
pub(super) fn expand(
    pattern: &str,
    definitions: &BTreeMap<&str, &str>,
    wanted: &Wanted<'_>,
) -> Result<Expanded, Problem> {
    let mut expander = Expander { definitions, wanted, out: Expanded::default(), inside: Vec::new(), uses: 0 };
    expander.pattern(pattern)?;
    Ok(expander.out)
}

struct Expander<'p> {
    definitions: &'p BTreeMap<&'p str, &'p str>,
    wanted: &'p Wanted<'p>,
    out: Expanded,
    /// The named patterns that are being expanded, outermost first.
    inside: Vec<&'p str>,
    uses: usize,
}

impl<'p> Expander<'p> {
    /// Appends `pattern`, expanded.
    fn pattern(&mut self, pattern: &'p str) -> Result<(), Problem> {
        let mut rest = pattern;
        let mut class = false;
        while let Some(first) = rest.chars().next() {
            if self.out.regex.len() > MAX_LENGTH {
                return Err(self.problem(
                    format!("the expanded pattern is longer than {} KiB", MAX_LENGTH >> 10),
                    "Use fewer or smaller patterns in one another",
                ));
            }
            if let Some(reference) = rest.strip_prefix("%{") {
                rest = self.reference(reference, class)?;
            } else if first == '\\' {
                rest = self.escape(rest, class);
            } else if class {
                class = first != ']';
                rest = self.copy(rest, 1);
            } else if first == '[' {
                class = true;
                // A bracket or a negated bracket at the start belongs to the class.
                let opening =
                    if rest.starts_with("[^]") { 3 } else { 1 + usize::from(rest[1..].starts_with(['^', ']'])) };
                rest = self.copy(rest, opening);
            } else if first == '(' {
                rest = self.group(rest);
            } else {
                rest = self.copy(rest, 1);
            }
        }
        Ok(())
    }

    /// Appends `count` characters; what is left.
    fn copy<'r>(&mut self, rest: &'r str, count: usize) -> &'r str {
        let end = rest.char_indices().nth(count).map_or(rest.len(), |(end, _)| end);
        self.out.regex.push_str(&rest[..end]);
        &rest[end..]
    }

    fn escape<'r>(&mut self, rest: &'r str, class: bool) -> &'r str {
        let ours = match (rest.as_bytes().get(1), class) {
            (Some(b'h'), false) => "[0-9A-Fa-f]",
            (Some(b'h'), true) => "0-9A-Fa-f",
            (Some(b'Z'), false) => r"\z",
            _ => return self.copy(rest, 2),
        };
        self.out.regex.push_str(ours);
        &rest[2..]
    }

    /// Appends the opening of a group.
    fn group<'r>(&mut self, rest: &'r str) -> &'r str {
        for (theirs, ours) in [("(?>", "(?:"), ("(?m)", "(?s)"), ("(?m:", "(?s:")] {
            if let Some(behind) = rest.strip_prefix(theirs) {
                self.out.regex.push_str(ours);
                return behind;
            }
        }
        let named = rest.strip_prefix("(?<").or_else(|| rest.strip_prefix("(?P<"));
        if let Some((name, behind)) = named.and_then(|named| named.split_once('>'))
            && !name.starts_with(['=', '!'])
        {
            self.field(name, Conversion::Text);
            return behind;
        }
        if rest.starts_with("(?") {
            return self.copy(rest, 2);
        }
        self.out.regex.push_str("(?:");
        &rest[1..]
    }

    /// Appends the opening of the group of a field.
    fn field(&mut self, name: &str, conversion: Conversion) {
        let name = plain_name(name);
        match self.wanted.slot(&name) {
            Some(slot) => {
                self.out.regex.push_str(&format!("(?P<g{}>", self.out.captures.len()));
                self.out.captures.push((slot, conversion));
            }
            None => self.out.regex.push_str("(?:"),
        }
        if !self.out.fields.contains(&name) {
            self.out.fields.push(name);
        }
    }

    /// Appends what `%{…}` stands for; `reference` begins behind the brace.
    fn reference<'r>(&mut self, reference: &'r str, class: bool) -> Result<&'r str, Problem>
    where
        'r: 'p,
    {
        let Some((inner, behind)) = reference.split_once('}') else {
            return Err(self.problem(format!("`%{{{reference}` has no closing brace"), "Close it with `}`"));
        };
        let mut parts = inner.splitn(3, ':');
        let (name, field, kind) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        if class {
            return Err(self.problem(
                format!("`%{{{inner}}}` stands inside a character class `[…]`"),
                "Write a bracket of the line as `\\[`",
            ));
        }
        let definition = self.definition(name)?;
        if self.inside.contains(&name) || self.inside.len() >= MAX_DEPTH {
            let way = [self.inside.as_slice(), &[name]].concat().join(" > ");
            return Err(self.problem(format!("`{name}` is defined by itself: {way}"), "Break the circle"));
        }
        self.uses += 1;
        if self.uses > MAX_USES {
            return Err(self.problem(
                format!("more than {MAX_USES} named patterns in one another"),
                "Use fewer patterns in one another",
            ));
        }
        match field {
            Some(field) if !field.is_empty() => self.field(field, self.conversion(kind)?),
            _ => self.out.regex.push_str("(?:"),
        }
        self.inside.push(name);
        self.pattern(definition)?;
        self.inside.pop();
        self.out.regex.push(')');
        Ok(behind)
    }

    fn definition(&self, name: &str) -> Result<&'p str, Problem> {
        let found = self.definitions.get(name).or_else(|| library().get(name));
        found.copied().ok_or_else(|| {
            let names = self.definitions.keys().chain(library().keys()).copied();
            let remedy = match nearest(name, names) {
                Some(near) => format!("Write `{near}`, or define `{name}` under `definitions`"),
                None => format!("Define `{name}` under `definitions`"),
            };
            self.problem(format!("there is no pattern `{name}`"), &remedy)
        })
    }

    fn conversion(&self, kind: Option<&str>) -> Result<Conversion, Problem> {
        match kind {
            None | Some("string" | "text" | "keyword" | "boolean") => Ok(Conversion::Text),
            Some("int" | "integer" | "long") => Ok(Conversion::Int),
            Some("float" | "double") => Ok(Conversion::Float),
            Some(other) => Err(self.problem(
                format!("`{other}` is no type"),
                "Use int, float or string, or leave it out: the column gives the type",
            )),
        }
    }

    /// A problem, with the definition in which it was found.
    fn problem(&self, message: String, remedy: &str) -> Problem {
        let own = self.inside.iter().rev().find(|name| self.definitions.contains_key(**name));
        let message = own.map_or(message.clone(), |name| format!("in the definition of `{name}`: {message}"));
        let field = if own.is_some() { "grok.definitions" } else { "grok.pattern" };
        Problem::new(field, message, remedy)
    }
}

/// `[http][request][method]` is `http.request.method`.
fn plain_name(name: &str) -> String {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(inner) => inner.replace("][", "."),
        None => name.to_owned(),
    }
}
