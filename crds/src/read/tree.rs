//! From the YAML parser's events to JSON values with positions.
//!
//! ```text
//! text ─► events ─► stack of open maps and lists ─► value + place of every path
//! ```
//!
//! Nothing here recurses and everything is bounded: nesting, values (those that aliases expand to
//! included), size of a document. A document that breaks a bound is dropped with a finding and the next
//! one is read.

use std::collections::{BTreeMap, HashMap};

use saphyr_parser::{Event, Marker, ScalarStyle, Span, Tag};
use serde_json::{Map, Value};

use super::place::{Place, Spot, Writing};
use super::scalar::{self, Refused};
use super::{MAX_DEPTH, MAX_DOCUMENT_CHARS, MAX_VALUES};
use crate::finding::{Finding, Reason};
use crate::path::{push_item, push_member};
use crate::shape::MAX_FINDINGS;

/// A finished document.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) value: Value,
    pub(crate) places: BTreeMap<String, Place>,
    /// What is wrong with the writing of the document.
    pub(crate) findings: Vec<Finding>,
}

/// An open map or list.
struct Open {
    members: Option<Map<String, Value>>,
    items: Vec<Value>,
    /// The key that waits for its value.
    key: Option<Key>,
    lines_of_keys: HashMap<String, u32>,
    /// Length of the path of this map or list.
    path_length: usize,
    anchor: usize,
    /// Values made before this one was opened.
    values_before: usize,
}

enum Key {
    Good(String, Spot),
    /// Refused or a repeat; its value is read and dropped.
    Dropped,
}

/// Builds the documents of one file from events.
pub(crate) struct Builder<'a> {
    file: &'a str,
    open: Vec<Open>,
    path: String,
    places: BTreeMap<String, Place>,
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
    document_start: usize,
    root: Option<Value>,
    /// The rest of this document is skipped.
    is_broken: bool,
    /// Of the open document.
    open_findings: Vec<Finding>,
    /// Of documents that could not be kept.
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(file: &'a str) -> Self {
        Self {
            file,
            open: Vec::new(),
            path: String::new(),
            places: BTreeMap::new(),
            anchors: HashMap::new(),
            values: 0,
            document_start: 0,
            root: None,
            is_broken: false,
            open_findings: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Takes one event; gives the document that it ends.
    pub(crate) fn take(&mut self, event: Event<'_>, span: Span) -> Option<Tree> {
        match event {
            Event::DocumentStart(_) => self.begin(span.start),
            Event::DocumentEnd => return self.end(span.end),
            _ if self.is_broken => {}
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span.start);
            }
            Event::MappingStart(anchor, tag) => self.open(Some(Map::new()), anchor, tag.as_deref(), span.start),
            Event::SequenceStart(anchor, tag) => self.open(None, anchor, tag.as_deref(), span.start),
            Event::MappingEnd | Event::SequenceEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, span.start),
            Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
        }
        None
    }

    fn begin(&mut self, start: Marker) {
        self.open.clear();
        self.path.clear();
        self.places.clear();
        self.anchors.clear();
        self.values = 0;
        self.document_start = start.index();
        self.root = None;
        self.is_broken = false;
    }

    fn end(&mut self, end: Marker) -> Option<Tree> {
        let value = self.root.take();
        if end.index().saturating_sub(self.document_start) > MAX_DOCUMENT_CHARS {
            let message = format!("this document has more than {MAX_DOCUMENT_CHARS} characters");
            self.give_up(Reason::TooLarge, Spot::of(end), message, "split it into several resources");
        }
        let findings = std::mem::take(&mut self.open_findings);
        match value {
            Some(value) if !self.is_broken => Some(Tree { value, places: std::mem::take(&mut self.places), findings }),
            _ => {
                self.findings.extend(findings);
                None
            }
        }
    }

    /// The text is not YAML from here on: what was found in the open document is all there will be.
    pub(crate) fn abandon(&mut self) {
        self.findings.append(&mut self.open_findings);
    }

    fn find(&mut self, reason: Reason, spot: Spot, message: impl Into<String>, remedy: impl Into<String>) {
        let position = Some(spot.in_file(self.file));
        if self.open_findings.len() < MAX_FINDINGS {
            let finding = Finding::error(reason, self.path.clone(), message, remedy);
            self.open_findings.push(finding.at(position));
        }
    }

    fn give_up(&mut self, reason: Reason, spot: Spot, message: impl Into<String>, remedy: impl Into<String>) {
        self.find(reason, spot, message, remedy);
        self.is_broken = true;
        self.open.clear();
    }

    /// Counts values, and stops the document at the bound.
    fn count(&mut self, more: usize, reason: Reason, spot: Spot) -> bool {
        self.values = self.values.saturating_add(more);
        if self.values <= MAX_VALUES {
            return true;
        }
        let (message, remedy) = match reason {
            Reason::BadAlias => (
                format!("aliases expand this document to more than {MAX_VALUES} values"),
                "write the values out instead of naming them over and over",
            ),
            _ => (format!("this document has more than {MAX_VALUES} values"), "split it into several resources"),
        };
        self.give_up(reason, spot, message, remedy);
        false
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, spot: Spot) {
        if let Some(tag) = tag {
            let name = match tag.is_yaml_core_schema() {
                true => format!("!!{}", tag.suffix),
                false => tag.to_string(),
            };
            let message = format!("the tag `{name}` is not accepted");
            self.find(Reason::NotJson, spot, message, "leave the tag out; put a text in quotes instead of `!!str`");
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, anchor: usize, tag: Option<&Tag>, start: Marker) {
        let spot = Spot::of(start);
        self.refuse_tag(tag, spot);
        if self.is_at_key() {
            self.key(text, style, spot);
            return;
        }
        if !self.count(1, Reason::TooLarge, spot) {
            return;
        }
        let (value, writing) = match style {
            // With a tag it is refused anyway: as a text it gives no second finding.
            ScalarStyle::Plain if tag.is_some() => (Value::String(text.to_owned()), Writing::Plain),
            ScalarStyle::Plain => (self.plain(text, spot), Writing::Plain),
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => (Value::String(text.to_owned()), Writing::Quoted),
            ScalarStyle::Literal => (Value::String(text.to_owned()), Writing::Literal),
            ScalarStyle::Folded => (Value::String(text.to_owned()), Writing::Other),
        };
        self.enter(spot, writing);
        self.remember(anchor, &value, 1, spot);
        self.leave(value);
    }

    /// The value of a scalar without quotes; a refused one is kept as text.
    fn plain(&mut self, text: &str, spot: Spot) -> Value {
        let refused = match scalar::resolve_plain(text) {
            Ok(value) => return value,
            Err(refused) => refused,
        };
        let (reason, message) = match refused {
            Refused::Boolean => {
                (Reason::Ambiguous, format!("`{text}` is a boolean to kubectl (YAML 1.1) and a text in YAML 1.2"))
            }
            Refused::Number => {
                (Reason::Ambiguous, format!("`{text}` is another number to kubectl (YAML 1.1) than in YAML 1.2"))
            }
            Refused::NotJson => (Reason::NotJson, format!("`{text}` is a number that JSON cannot hold")),
        };
        let remedy = match refused {
            Refused::Boolean => {
                format!("write \"{text}\" in quotes for the text, or true or false")
            }
            Refused::Number => {
                format!("write \"{text}\" in quotes for the text, or the number in plain decimal digits")
            }
            Refused::NotJson => "write a finite number".to_owned(),
        };
        // The path of the value, not that of the map around it.
        let length = self.enter(spot, Writing::Plain);
        self.find(reason, spot, message, remedy);
        self.path.truncate(length);
        Value::String(text.to_owned())
    }

    fn is_at_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.members.is_some() && open.key.is_none())
    }

    fn key(&mut self, text: &str, style: ScalarStyle, spot: Spot) {
        let is_plain = style == ScalarStyle::Plain;
        let key = if is_plain && text == "<<" {
            self.find(Reason::NotJson, spot, "merge keys are not accepted", "write the fields out");
            Key::Dropped
        } else if is_plain && self.is_ambiguous_key(text, spot) {
            Key::Dropped
        } else {
            self.good_key(text, spot)
        };
        if let Some(open) = self.open.last_mut() {
            open.key = Some(key);
        }
    }

    /// Keys are texts in JSON: numbers are taken as they are written, the rest must not be ambiguous.
    fn is_ambiguous_key(&mut self, text: &str, spot: Spot) -> bool {
        let is_same_text = match scalar::resolve_plain(text) {
            Ok(Value::String(_)) => true,
            Ok(Value::Bool(value)) => text == if value { "true" } else { "false" },
            Ok(Value::Number(number)) => number.to_string() == text,
            Ok(_) => false,
            // The API has a field `on`, and its schema takes what YAML 1.1 makes of it.
            Err(Refused::Boolean) => text == "on",
            Err(_) => false,
        };
        if !is_same_text {
            let message = format!("the key `{text}` is another one to kubectl (YAML 1.1)");
            self.find(Reason::Ambiguous, spot, message, format!("write it in quotes: \"{text}\""));
        }
        !is_same_text
    }

    fn good_key(&mut self, text: &str, spot: Spot) -> Key {
        let Some(open) = self.open.last_mut() else {
            return Key::Dropped;
        };
        match open.lines_of_keys.insert(text.to_owned(), spot.line) {
            None => Key::Good(text.to_owned(), spot),
            Some(first) => {
                let length = self.path.len();
                push_member(&mut self.path, text);
                let message = format!("the key `{text}` stands twice in this map; first in line {first}");
                self.find(Reason::DuplicateKey, spot, message, "keep one of them");
                self.path.truncate(length);
                Key::Dropped
            }
        }
    }

    /// Extends the path to the value that begins here, and notes its place. Gives the length before.
    fn enter(&mut self, spot: Spot, writing: Writing) -> usize {
        let length = self.path.len();
        let mut key_spot = None;
        match self.open.last() {
            None => {}
            Some(Open { members: None, items, .. }) => push_item(&mut self.path, items.len()),
            Some(Open { key: Some(Key::Good(key, spot)), .. }) => {
                key_spot = Some(*spot);
                push_member(&mut self.path, key);
            }
            // Of a dropped member nothing is noted.
            Some(_) => return length,
        }
        self.places.insert(self.path.clone(), Place { key: key_spot, value: spot, writing });
        length
    }

    /// Puts a finished value into the map or list around it.
    fn leave(&mut self, value: Value) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(value);
            self.path.clear();
            return;
        };
        self.path.truncate(open.path_length);
        match (&mut open.members, open.key.take()) {
            (None, _) => open.items.push(value),
            (Some(members), Some(Key::Good(key, _))) => {
                members.insert(key, value);
            }
            (Some(_), _) => {}
        }
    }

    fn open(&mut self, members: Option<Map<String, Value>>, anchor: usize, tag: Option<&Tag>, start: Marker) {
        let spot = Spot::of(start);
        self.refuse_tag(tag, spot);
        if self.is_at_key() {
            self.give_up(Reason::NotJson, spot, "a map or list cannot be a key", "write a text as the key");
            return;
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!("maps and lists are nested deeper than {MAX_DEPTH}");
            self.give_up(Reason::TooDeep, spot, message, "nothing in this API is nested so deeply: check the brackets");
            return;
        }
        let values_before = self.values;
        if !self.count(1, Reason::TooLarge, spot) {
            return;
        }
        self.enter(spot, Writing::Other);
        self.open.push(Open {
            members,
            items: Vec::new(),
            key: None,
            lines_of_keys: HashMap::new(),
            path_length: self.path.len(),
            anchor,
            values_before,
        });
    }

    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let size = self.values - open.values_before;
        let value = match open.members {
            Some(members) => Value::Object(members),
            None => Value::Array(open.items),
        };
        let spot = self.places.get(&self.path).map_or(Spot { line: 1, column: 1 }, |place| place.value);
        self.remember(open.anchor, &value, size, spot);
        if !self.is_broken {
            self.leave(value);
        }
    }

    /// Keeps a copy of an anchored value. The copy counts too, so that anchors in anchors stay bounded.
    fn remember(&mut self, anchor: usize, value: &Value, size: usize, spot: Spot) {
        if anchor > 0 && self.count(size, Reason::BadAlias, spot) {
            self.anchors.insert(anchor, (value.clone(), size));
        }
    }

    fn alias(&mut self, anchor: usize, start: Marker) {
        let spot = Spot::of(start);
        if self.is_at_key() {
            self.give_up(Reason::NotJson, spot, "an alias cannot be a key", "write a text as the key");
            return;
        }
        let Some((_, size)) = self.anchors.get(&anchor) else {
            let message = "this alias stands inside the value that it names";
            self.give_up(Reason::BadAlias, spot, message, "write the value out");
            return;
        };
        let size = *size;
        if !self.count(size, Reason::BadAlias, spot) {
            return;
        }
        let value = self.anchors.get(&anchor).map(|(value, _)| value.clone()).unwrap_or_default();
        self.enter(spot, Writing::Other);
        self.leave(value);
    }
}
