//! Findings that need no window: templates that a source has not shown before, and scopes that found no place.
//!
//! A template is new when every partition of its source that has shown it had run for [`WARM_UP`] before: at the start
//! everything is new. It is reported when time has passed its first line, so that all partitions have been heard.

use crate::alert::explain::number;
use crate::compile::definition::Definition;
use crate::compile::shape::LevelIndex;
use crate::id::Id;
use crate::stage::finding::{Finding, FindingKind};
use crate::time::{EventTime, Span};
use crate::window::records::{Coarsened, NewTemplate, Scalar};
use crate::wire::{Reader, WireError, Writer};
use std::collections::{BTreeMap, BTreeSet};

/// Event time for which a source must have run before a template of it is news.
pub const WARM_UP: Span = Span::seconds(300);
/// Coarsened rows are reported once per this time.
const REPORT_EVERY: Span = Span::seconds(60);

#[derive(Debug, Clone, PartialEq)]
struct Sighting {
    first_seen: EventTime,
    is_news: bool,
    text: String,
}

/// What has been seen, and what waits to be told.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct News {
    known: BTreeSet<(u16, Id)>,
    waiting: BTreeMap<(u16, Id), Sighting>,
    /// Rows by minute and level.
    coarsened: BTreeMap<(EventTime, u8), u64>,
    /// Templates beyond the bound.
    untold: u64,
}

impl News {
    /// Takes a sighting. Beyond `bound` templates nothing is told any more, and counted.
    pub(super) fn template(&mut self, seen: NewTemplate<'_>, bound: usize) {
        let key = (seen.source, seen.template);
        if self.known.contains(&key) {
            return;
        }
        let is_full = self.known.len() + self.waiting.len() >= bound;
        let is_news = seen.started > EventTime::MIN && seen.first_seen - seen.started >= WARM_UP;
        match self.waiting.get_mut(&key) {
            Some(sighting) => {
                sighting.first_seen = sighting.first_seen.min(seen.first_seen);
                sighting.is_news &= is_news;
                if seen.text < sighting.text.as_str() {
                    sighting.text = seen.text.to_owned();
                }
            }
            None if is_full => self.untold += 1,
            None => {
                let sighting = Sighting { first_seen: seen.first_seen, is_news, text: seen.text.to_owned() };
                self.waiting.insert(key, sighting);
            }
        }
    }

    /// Takes a number of coarsened rows.
    pub(super) fn coarsened(&mut self, coarsened: Coarsened) {
        let minute = coarsened.time.floor(REPORT_EVERY);
        let rows = self.coarsened.entry((minute, coarsened.level.0)).or_default();
        *rows = rows.saturating_add(coarsened.rows);
    }

    /// Tells what time has passed.
    pub(super) fn advance(&mut self, definition: &Definition, now: EventTime, mut emit: impl FnMut(&Finding)) {
        let due = |sighting: &Sighting| sighting.first_seen < now;
        let mut told: Vec<((u16, Id), Sighting)> = self.waiting.extract_if(.., |_, sighting| due(sighting)).collect();
        told.sort_by_key(|(key, sighting)| (sighting.first_seen, *key));
        for (key, sighting) in told {
            self.known.insert(key);
            if sighting.is_news {
                emit(&template_finding(definition, key, sighting));
            }
        }
        while let Some(entry) = self.coarsened.first_entry().filter(|entry| entry.key().0 + REPORT_EVERY <= now) {
            let ((minute, level), rows) = entry.remove_entry();
            emit(&coarsened_finding(definition, minute, LevelIndex(level), rows));
        }
    }

    /// Templates that were not told, at the bound.
    pub(super) fn untold(&self) -> u64 {
        self.untold
    }

    pub(super) fn save(&self, out: &mut Writer) {
        out.varint(self.known.len() as u64);
        for (source, template) in &self.known {
            out.varint(u64::from(*source));
            out.fixed128(template.0);
        }
        out.varint(self.waiting.len() as u64);
        for ((source, template), sighting) in &self.waiting {
            out.varint(u64::from(*source));
            out.fixed128(template.0);
            out.signed(sighting.first_seen.0);
            out.bool(sighting.is_news);
            out.str(&sighting.text);
        }
        out.varint(self.coarsened.len() as u64);
        for ((minute, level), rows) in &self.coarsened {
            out.signed(minute.0);
            out.u8(*level);
            out.varint(*rows);
        }
        out.varint(self.untold);
    }

    pub(super) fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut news = Self::default();
        let key = |input: &mut Reader<'_>| {
            let source = input.varint()?;
            let source = u16::try_from(source).map_err(|_| input.invalid("source", source))?;
            Ok((source, Id(input.fixed128()?)))
        };
        for _ in 0..input.count()? {
            news.known.insert(key(input)?);
        }
        for _ in 0..input.count()? {
            let key = key(input)?;
            let first_seen = EventTime(input.signed()?);
            let sighting = Sighting { first_seen, is_news: input.bool()?, text: input.str()?.to_owned() };
            news.waiting.insert(key, sighting);
        }
        for _ in 0..input.count()? {
            let minute = EventTime(input.signed()?);
            let level = input.u8()?;
            news.coarsened.insert((minute, level), input.varint()?);
        }
        news.untold = input.varint()?;
        Ok(news)
    }
}

fn template_finding(definition: &Definition, (source, template): (u16, Id), sighting: Sighting) -> Finding {
    let source = definition.sources.get(usize::from(source)).map_or("", String::as_str);
    Finding {
        at: sighting.first_seen,
        kind: FindingKind::NewTemplate,
        scope: Vec::new(),
        subject: format!("{source}/{:016x}", template.0),
        revision: 0,
        since: sighting.first_seen,
        window: None,
        metric: None,
        numbers: vec![
            ("source".to_owned(), Scalar::Text(source.to_owned())),
            ("template".to_owned(), Scalar::Text(format!("{:016x}", template.0))),
            ("text".to_owned(), Scalar::Text(sighting.text.clone())),
        ],
        text: format!(
            "{source} shows a line that it had not shown before, first at {}: {}",
            sighting.first_seen, sighting.text
        ),
    }
}

fn coarsened_finding(definition: &Definition, minute: EventTime, level: LevelIndex, rows: u64) -> Finding {
    let dimensions = definition.level(level).map_or(&[][..], |level| &level.dimensions);
    let names: Vec<&str> =
        dimensions.iter().map(|d| definition.dimensions.get(usize::from(*d)).map_or("?", String::as_str)).collect();
    let names = names.join(", ");
    let end = minute + REPORT_EVERY;
    Finding {
        at: end,
        kind: FindingKind::ScopeLimit,
        scope: Vec::new(),
        subject: names.clone(),
        revision: 0,
        since: end,
        window: None,
        metric: None,
        numbers: vec![
            ("level".to_owned(), Scalar::Text(names.clone())),
            ("rows".to_owned(), Scalar::Int(i64::try_from(rows).unwrap_or(i64::MAX))),
            ("live_scopes".to_owned(), Scalar::Int(i64::from(definition.live_scopes))),
        ],
        text: format!(
            "{} events were counted at a coarser level than ({names}): the bound of {} live scopes of a task was reached. \
             Raise limits.liveScopes, or leave out a dimension that takes so many values.",
            number(rows as f64),
            number(f64::from(definition.live_scopes)),
        ),
    }
}
