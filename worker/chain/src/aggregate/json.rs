//! Aggregates as JSON objects. What is the same in every object of a rule is put together once.

use super::{AggregateRecord, default_values};
use crate::compile::definition::Definition;
use crate::compile::shape::AggregateRule;
use crate::parse::schema::{write_integer, write_text};
use crate::stage::object::{write_scalar, write_time};
use crate::time::EventTime;
use crate::wire::{Reader, WireError};
use std::io::Write;
use std::sync::Arc;

/// Writes records of the aggregates outlet as JSON objects.
#[derive(Debug)]
pub struct AggregateJson {
    definition: Arc<Definition>,
    rules: Vec<RuleText>,
    /// Per level, `"dimension":` of each of its dimensions.
    levels: Vec<Vec<Vec<u8>>>,
    start: TimeText,
    end: TimeText,
}

/// What every object of a rule has.
#[derive(Debug)]
struct RuleText {
    /// `,"rule":"…","window":"…","start":`
    head: Vec<u8>,
    /// `"value":`
    values: Vec<Vec<u8>>,
}

/// The last time that was written: objects of one close share it.
#[derive(Debug)]
struct TimeText {
    time: EventTime,
    text: Vec<u8>,
}

impl AggregateJson {
    /// For the rules of a definition.
    pub fn new(definition: Arc<Definition>) -> Self {
        let rules = definition.aggregates.iter().map(|rule| RuleText::of(&definition, rule)).collect();
        let dimension =
            |index: &u16| quoted(definition.dimensions.get(usize::from(*index)).map_or("?", String::as_str));
        let levels = definition.levels.iter().map(|level| level.dimensions.iter().map(dimension).collect()).collect();
        Self { rules, levels, start: TimeText::new(), end: TimeText::new(), definition }
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
        // Writing into a vector does not fail.
        let _ = write!(out, "{{\"id\":\"{}\",\"revision\":", record.id(&self.definition));
        write_integer(i64::from(record.revision), out);
        out.extend_from_slice(&rule.head);
        self.start.write(record.start, out);
        out.extend_from_slice(b",\"end\":");
        self.end.write(record.end, out);
        out.extend_from_slice(b",\"scope\":{");
        let names = self.definition.level_of(&record.scope).and_then(|level| self.levels.get(usize::from(level.0)));
        let names = names.map_or(&[][..], Vec::as_slice);
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

/// Names, each with its colon, and values.
fn write_list<T>(
    names: &[Vec<u8>],
    values: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    for (place, (name, value)) in names.iter().zip(values).enumerate() {
        if place > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        write(value, out);
    }
}

impl RuleText {
    fn of(definition: &Definition, rule: &AggregateRule) -> Self {
        let mut head = b",\"rule\":".to_vec();
        write_text(rule.name.as_bytes(), &mut head);
        head.extend_from_slice(b",\"window\":");
        write_text(definition.window(rule.window).map_or("", |window| window.name.as_str()).as_bytes(), &mut head);
        head.extend_from_slice(b",\"start\":");
        let values = match rule.values.is_empty() {
            true => default_values(definition).iter().map(|(name, _)| quoted(name)).collect(),
            false => rule.values.iter().map(|(name, _)| quoted(name)).collect(),
        };
        Self { head, values }
    }
}

fn quoted(name: &str) -> Vec<u8> {
    let mut text = Vec::new();
    write_text(name.as_bytes(), &mut text);
    text.push(b':');
    text
}

impl TimeText {
    fn new() -> Self {
        Self { time: EventTime::MIN, text: b"null".to_vec() }
    }

    fn write(&mut self, time: EventTime, out: &mut Vec<u8>) {
        if self.time != time {
            self.time = time;
            self.text.clear();
            write_time(time, &mut self.text);
        }
        out.extend_from_slice(&self.text);
    }
}
