//! Aggregates as JSON objects. What is the same in every object of a rule, or of a close, is put together once.

use super::{AggregateRecord, KIND, default_values};
use crate::compile::definition::Definition;
use crate::compile::shape::AggregateRule;
use crate::id::IdBuilder;
use crate::parse::schema::{write_integer, write_text};
use crate::stage::object::{write_scalar, write_time};
use crate::time::EventTime;
use crate::wire::{Reader, WireError};
use std::sync::Arc;

/// Room for most objects.
const USUAL_BYTES: usize = 512;

/// Writes records of the aggregates outlet as JSON objects.
#[derive(Debug)]
pub struct AggregateJson {
    definition: Arc<Definition>,
    rules: Vec<RuleText>,
    /// Per level, the names of its dimensions as [`names`] writes them.
    levels: Vec<Vec<Vec<u8>>>,
    span: SpanText,
    /// For ids.
    memory: Vec<u8>,
}

/// What every object of a rule has.
#[derive(Debug)]
struct RuleText {
    /// What its id begins with.
    id: Vec<u8>,
    /// `,"rule":"…","window":"…"`
    head: Vec<u8>,
    /// The names of its values as [`names`] writes them.
    values: Vec<Vec<u8>>,
}

/// The last window that was written: objects of one close share it.
#[derive(Debug)]
struct SpanText {
    start: EventTime,
    end: EventTime,
    /// `,"start":…,"end":…,"scope":{`
    text: Vec<u8>,
}

impl AggregateJson {
    /// For the rules of a definition.
    pub fn new(definition: Arc<Definition>) -> Self {
        let rules = definition.aggregates.iter().map(|rule| RuleText::of(&definition, rule)).collect();
        let name = |index: &u16| definition.dimensions.get(usize::from(*index)).map_or("?", String::as_str);
        let levels = definition.levels.iter().map(|level| names(level.dimensions.iter().map(name))).collect();
        let span = SpanText { start: EventTime::MAX, end: EventTime::MIN, text: Vec::new() };
        Self { rules, levels, span, memory: Vec::new(), definition }
    }

    /// Appends the object of a payload of the aggregates outlet.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not a record, or one of a rule that the definition lacks.
    pub fn write(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
        let mut input = Reader::new(payload);
        let record = AggregateRecord::load(&mut input)?;
        let Some(rule) = self.rules.get(usize::from(record.rule)) else {
            return Err(input.invalid("aggregation rule", u64::from(record.rule)));
        };
        let level = self.definition.level_of(&record.scope);
        let names = level.and_then(|level| self.levels.get(usize::from(level.0))).map_or(&[][..], Vec::as_slice);
        let mut id = IdBuilder::behind(&rule.id, std::mem::take(&mut self.memory));
        for (name, value) in self.definition.scope(&record.scope) {
            id = id.str(name).str(&value);
        }
        let (id, memory) = id.number(record.end.0).number(i64::from(record.ordinal)).finish_and_reuse();
        self.memory = memory;
        out.reserve(USUAL_BYTES);
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(&id.digits());
        out.extend_from_slice(b"\",\"revision\":");
        write_integer(i64::from(record.revision), out);
        out.extend_from_slice(&rule.head);
        out.extend_from_slice(self.span.of(record.start, record.end));
        let values = self.definition.scope(&record.scope).map(|(_, value)| value);
        write_list(names, values, |value, out| write_text(value.as_bytes(), out), out);
        out.extend_from_slice(b"},\"count\":");
        write_integer(i64::try_from(record.count).unwrap_or(i64::MAX), out);
        out.extend_from_slice(b",\"values\":{");
        write_list(&rule.values, &record.values, write_scalar, out);
        out.extend_from_slice(b"}}");
        Ok(())
    }
}

/// Names, as [`names`] writes them, and values.
fn write_list<T>(
    names: &[Vec<u8>],
    values: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    for (name, value) in names.iter().zip(values) {
        out.extend_from_slice(name);
        write(value, out);
    }
}

/// `"name":` of each, all but the first behind a comma.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Vec<u8>> {
    let quoted = |(place, name): (usize, &str)| {
        let mut text = if place > 0 { b",".to_vec() } else { Vec::new() };
        write_text(name.as_bytes(), &mut text);
        text.push(b':');
        text
    };
    names.enumerate().map(quoted).collect()
}

impl RuleText {
    fn of(definition: &Definition, rule: &AggregateRule) -> Self {
        let mut head = b",\"rule\":".to_vec();
        write_text(rule.name.as_bytes(), &mut head);
        head.extend_from_slice(b",\"window\":");
        write_text(definition.window(rule.window).map_or("", |window| window.name.as_str()).as_bytes(), &mut head);
        let values = match rule.values.is_empty() {
            true => names(default_values(definition).iter().map(|(name, _)| name.as_str())),
            false => names(rule.values.iter().map(|(name, _)| name.as_str())),
        };
        Self { id: definition.id_of_rule(KIND, &rule.name).into_parts(), head, values }
    }
}

impl SpanText {
    fn of(&mut self, start: EventTime, end: EventTime) -> &[u8] {
        if (self.start, self.end) != (start, end) {
            (self.start, self.end) = (start, end);
            self.text.clear();
            self.text.extend_from_slice(b",\"start\":");
            write_time(start, &mut self.text);
            self.text.extend_from_slice(b",\"end\":");
            write_time(end, &mut self.text);
            self.text.extend_from_slice(b",\"scope\":{");
        }
        &self.text
    }
}
