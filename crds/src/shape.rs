//! A CRD's schema, compiled, and the check of a JSON value against it.
//!
//! The schema is the one that the API server gets, so that both say no to the same resources: type,
//! bounds, pattern, choices, unique names, and the rules between fields. The check goes on after a
//! problem and finds all of them. Unlike the API server, which drops unknown fields, the check refuses
//! them: a misspelt field that is silently dropped is the worst kind of error.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use crate::finding::{Finding, Reason};
use crate::path::{push_item, push_member};
use crate::rules::{self, Rule};
use crate::suggest;

/// After so many findings in one resource the check stops.
pub(crate) const MAX_FINDINGS: usize = 100;

/// The compiled schema of one value.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    kind: Kind,
    choices: Vec<String>,
    pattern: Option<Regex>,
    /// Least and greatest number of characters, items or members.
    length: (Option<u64>, Option<u64>),
    range: (Option<f64>, Option<f64>),
    members: BTreeMap<String, Shape>,
    required: Vec<String>,
    /// Shape of every item of a list, or of every member of a map with free keys.
    inner: Option<Box<Shape>>,
    /// Members by which items of a list must differ; the empty text stands for the item itself.
    unique_by: Vec<String>,
    rules: Vec<&'static Rule>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Anything,
    Object,
    /// Free keys, values of one shape.
    Map,
    /// Free keys and values.
    FreeMap,
    List,
    Text,
    Integer,
    Number,
    Boolean,
    IntegerOrText,
}

impl Kind {
    fn of(schema: &Value) -> Self {
        if schema["x-kubernetes-int-or-string"] == Value::Bool(true) {
            return Self::IntegerOrText;
        }
        match schema["type"].as_str() {
            Some("object") if schema["additionalProperties"].is_object() => Self::Map,
            Some("object") if schema["x-kubernetes-preserve-unknown-fields"] == Value::Bool(true) => Self::FreeMap,
            Some("object") => Self::Object,
            Some("array") => Self::List,
            Some("string") => Self::Text,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            _ => Self::Anything,
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Anything => true,
            Self::Object | Self::Map | Self::FreeMap => value.is_object(),
            Self::List => value.is_array(),
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::IntegerOrText => value.is_i64() || value.is_u64() || value.is_string(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Anything => "a value",
            Self::Object | Self::Map | Self::FreeMap => "a map",
            Self::List => "a list",
            Self::Text => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::IntegerOrText => "a whole number or a text",
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Shape {
    /// Compiles a schema. What it has beside the keywords known here does not restrict values (and a
    /// test keeps it so).
    pub(crate) fn compile(schema: &Value) -> Self {
        let kind = Kind::of(schema);
        let bounds = match kind {
            Kind::List => ("minItems", "maxItems"),
            Kind::Map | Kind::FreeMap | Kind::Object => ("minProperties", "maxProperties"),
            _ => ("minLength", "maxLength"),
        };
        let members = schema["properties"].as_object().into_iter().flatten();
        let inner = [&schema["items"], &schema["additionalProperties"]];
        let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
        Self {
            kind,
            choices: texts(&schema["enum"]),
            pattern: schema["pattern"].as_str().and_then(|pattern| Regex::new(pattern).ok()),
            length: (schema[bounds.0].as_u64(), schema[bounds.1].as_u64()),
            range: (schema["minimum"].as_f64(), schema["maximum"].as_f64()),
            members: members.map(|(name, schema)| (name.clone(), Self::compile(schema))).collect(),
            required: texts(&schema["required"]),
            inner: inner.into_iter().find(|inner| inner.is_object()).map(|schema| Box::new(Self::compile(schema))),
            unique_by: match schema["x-kubernetes-list-type"].as_str() {
                Some("map") => texts(&schema["x-kubernetes-list-map-keys"]),
                Some("set") => vec![String::new()],
                _ => Vec::new(),
            },
            rules: rules.filter_map(|rule| rules::find(rule["rule"].as_str()?)).collect(),
        }
    }

    /// Everything that is wrong with the value, in the order of the text as far as the value keeps it.
    pub(crate) fn check(&self, value: &Value, path: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.check_at(value, &mut path.to_owned(), &mut findings);
        findings
    }

    /// What a value of this shape is.
    fn words(&self) -> &'static str {
        match &self.pattern {
            Some(pattern) => suggest::noun(pattern.as_str()),
            None => self.kind.words(),
        }
    }

    fn check_at(&self, value: &Value, path: &mut String, findings: &mut Vec<Finding>) {
        // Enough to correct; a thousand more would only hide them.
        if findings.len() >= MAX_FINDINGS {
            return;
        }
        if !self.kind.accepts(value) {
            findings.push(wrong_type(self.kind, value, path));
            return;
        }
        match value {
            Value::String(text) => self.check_text(text, path, findings),
            Value::Number(number) => self.check_number(number.as_f64(), path, findings),
            Value::Array(items) => self.check_items(items, path, findings),
            Value::Object(members) => self.check_members(members, path, findings),
            Value::Null | Value::Bool(_) => {}
        }
        for rule in &self.rules {
            if !rule.holds(value) {
                let mut place = path.clone();
                if value.get(rule.field()).is_some() {
                    push_member(&mut place, rule.field());
                }
                findings.push(Finding::error(rule.reason(), place, rule.message(), rule.remedy(value)));
            }
        }
    }

    fn check_text(&self, text: &str, path: &str, findings: &mut Vec<Finding>) {
        if !self.choices.is_empty() && !self.choices.iter().any(|choice| choice == text) {
            let choices = self.choices.join(", ");
            let remedy = match suggest::nearest(text, self.choices.iter().map(String::as_str)) {
                Some(choice) => format!("did you mean {choice}? The choices are {choices}"),
                None => format!("write one of {choices}"),
            };
            let message = format!("`{}` is not one of the choices", shorten(text));
            findings.push(Finding::error(Reason::UnknownChoice, path, message, remedy));
            return;
        }
        let before = findings.len();
        let length = text.chars().count() as u64;
        check_length(length, self.length, "characters", path, findings);
        if findings.len() == before
            && let Some(pattern) = &self.pattern
            && !pattern.is_match(text)
        {
            let message = format!("`{}` does not have the form that this field needs", shorten(text));
            findings.push(Finding::error(Reason::BadFormat, path, message, suggest::form(pattern.as_str())));
        }
    }

    fn check_number(&self, number: Option<f64>, path: &str, findings: &mut Vec<Finding>) {
        let Some(number) = number else { return };
        let (least, most) = self.range;
        if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
            let bounds = match (least, most) {
                (Some(least), Some(most)) => format!("a number from {least} to {most}"),
                (Some(least), None) => format!("a number of at least {least}"),
                (None, Some(most)) => format!("a number of at most {most}"),
                (None, None) => String::new(),
            };
            let message = format!("{number} is outside the bounds of this field");
            findings.push(Finding::error(Reason::OutOfBounds, path, message, format!("write {bounds}")));
        }
    }

    fn check_items(&self, items: &[Value], path: &mut String, findings: &mut Vec<Finding>) {
        check_length(items.len() as u64, self.length, "items", path, findings);
        self.check_unique(items, path, findings);
        let Some(inner) = &self.inner else { return };
        let length = path.len();
        for (index, item) in items.iter().enumerate() {
            push_item(path, index);
            inner.check_at(item, path, findings);
            path.truncate(length);
        }
    }

    fn check_unique(&self, items: &[Value], path: &str, findings: &mut Vec<Finding>) {
        if self.unique_by.is_empty() {
            return;
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            let keys: Option<Vec<&Value>> =
                self.unique_by.iter().map(|key| if key.is_empty() { Some(item) } else { item.get(key) }).collect();
            let Some(keys) = keys else { continue };
            let text: Vec<String> =
                keys.iter().map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned)).collect();
            let text = text.join(", ");
            let Some(first) = seen.insert(text.clone(), index) else {
                continue;
            };
            let mut place = path.to_owned();
            push_item(&mut place, index);
            if let [key] = self.unique_by.as_slice()
                && !key.is_empty()
            {
                push_member(&mut place, key);
            }
            let message = format!("`{}` stands twice in this list: items {first} and {index}", shorten(&text));
            findings.push(Finding::error(
                Reason::DuplicateName,
                place,
                message,
                "give every item another name, or remove one",
            ));
        }
    }

    fn check_members(&self, members: &serde_json::Map<String, Value>, path: &mut String, findings: &mut Vec<Finding>) {
        check_length(members.len() as u64, self.length, "entries", path, findings);
        let length = path.len();
        for (name, value) in members {
            push_member(path, name);
            match (self.members.get(name), &self.inner, self.kind) {
                (Some(shape), _, _) => shape.check_at(value, path, findings),
                (None, Some(shape), Kind::Map) => shape.check_at(value, path, findings),
                (None, _, Kind::Anything | Kind::FreeMap) => {}
                (None, _, _) => findings.push(self.unknown_field(name, path)),
            }
            path.truncate(length);
        }
        for name in &self.required {
            if !members.contains_key(name) {
                let message = format!("`{name}` is missing");
                let what = self.members.get(name).map_or("a value", Self::words);
                let remedy = format!("add `{name}:` with {what}");
                findings.push(Finding::error(Reason::MissingField, path.as_str(), message, remedy));
            }
        }
    }

    fn unknown_field(&self, name: &str, path: &str) -> Finding {
        let names = self.members.keys().map(String::as_str).filter(|name| *name != "true");
        let names: Vec<&str> = names.collect();
        let remedy = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "leave it out: this map has no fields, write {}".to_owned(),
            None => format!("the fields here are {}", names.join(", ")),
        };
        let message = format!("there is no field `{}` here", shorten(name));
        Finding::error(Reason::UnknownField, path, message, remedy)
    }
}

fn check_length(
    length: u64,
    (least, most): (Option<u64>, Option<u64>),
    of_what: &str,
    path: &str,
    findings: &mut Vec<Finding>,
) {
    if least.is_some_and(|least| length < least) {
        let least = least.unwrap_or_default();
        let message = match length {
            0 => "this must not be empty".to_owned(),
            _ => format!("this has {length} {of_what}, fewer than the {least} needed"),
        };
        let remedy = format!("give at least {least}, or leave the field out if it is optional");
        findings.push(Finding::error(Reason::OutOfBounds, path, message, remedy));
    }
    if let Some(most) = most.filter(|most| length > *most) {
        let message = format!("this has {length} {of_what}; the bound is {most}");
        findings.push(Finding::error(Reason::OutOfBounds, path, message, format!("use at most {most}")));
    }
}

fn wrong_type(expected: Kind, value: &Value, path: &str) -> Finding {
    let got = match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("{value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text `{}`", shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    };
    let remedy = match (expected, value) {
        (Kind::Text, Value::Number(_) | Value::Bool(_)) => format!("put it in quotes: \"{value}\""),
        (Kind::List, Value::String(_) | Value::Object(_) | Value::Number(_)) => {
            "write it as a list: [ … ], or with a dash before each item".to_owned()
        }
        (Kind::Integer | Kind::Number, Value::String(text)) if text.parse::<f64>().is_ok() => {
            "write it without quotes".to_owned()
        }
        (Kind::Boolean, Value::String(text)) if text == "true" || text == "false" => {
            "write it without quotes".to_owned()
        }
        _ => format!("write {}", expected.words()),
    };
    let message = format!("this must be {}, not {got}", expected.words());
    Finding::error(Reason::WrongType, path, message, remedy)
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut short: String = text.chars().take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}
