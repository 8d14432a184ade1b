//! Findings of the detectors: what the findings outlet carries.

use crate::alert::record::{Numbers, load_numbers, save_numbers, write_numbers};
use crate::compile::definition::Definition;
use crate::compile::shape::{MetricIndex, WindowIndex};
use crate::id::Id;
use crate::stage::object::Object;
use crate::time::EventTime;
use crate::wire::{Reader, WireError, Writer};

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A scope's distribution is not what it was.
    RegimeShift,
    /// A scope is not as its siblings are.
    AnomalousScope,
    /// A source shows a template that it had not shown before.
    NewTemplate,
    /// Rows were counted at a coarser level, because the bound of live scopes was reached.
    ScopeLimit,
}

impl FindingKind {
    const ALL: [Self; 4] = [Self::RegimeShift, Self::AnomalousScope, Self::NewTemplate, Self::ScopeLimit];

    /// Its word in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RegimeShift => "regime_shift",
            Self::AnomalousScope => "anomalous_scope",
            Self::NewTemplate => "new_template",
            Self::ScopeLimit => "scope_limit",
        }
    }
}

/// A finding: the payload of the findings outlet.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// When: the end of the window that showed it, or the event time of what is new.
    pub at: EventTime,
    /// What.
    pub kind: FindingKind,
    /// Key of the scope; empty when it is about none.
    pub scope: Vec<u8>,
    /// What tells findings of one kind, scope and time apart: metric and window, or source and template, or level.
    pub subject: String,
    /// Zero at first, higher when the same finding is reported with other numbers.
    pub revision: u32,
    /// When it began: a finding that goes on keeps its id.
    pub since: EventTime,
    /// The window that showed it.
    pub window: Option<WindowIndex>,
    /// The metric.
    pub metric: Option<MetricIndex>,
    /// The numbers that made it.
    pub numbers: Numbers,
    /// A sentence.
    pub text: String,
}

impl Finding {
    /// Appends the record.
    pub fn save(&self, out: &mut Writer) {
        out.signed(self.at.0);
        out.u8(self.kind as u8);
        out.bytes(&self.scope);
        out.str(&self.subject);
        out.varint(u64::from(self.revision));
        out.signed(self.since.0);
        out.option(self.window, |out, window| out.u8(window.0));
        out.option(self.metric, |out, metric| out.varint(u64::from(metric.0)));
        save_numbers(&self.numbers, out);
        out.str(&self.text);
    }

    /// Reads what [`Finding::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a record.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let at = EventTime(input.signed()?);
        let code = input.u8()?;
        let kind = FindingKind::ALL.get(usize::from(code)).copied();
        let kind = kind.ok_or_else(|| input.invalid("kind of a finding", u64::from(code)))?;
        let scope = input.bytes()?.to_vec();
        let subject = input.str()?.to_owned();
        let revision = input.varint32()?;
        let since = EventTime(input.signed()?);
        let window = input.option(|input| input.u8().map(WindowIndex))?;
        let metric = input.option(|input| {
            let metric = input.varint()?;
            u16::try_from(metric).map(MetricIndex).map_err(|_| input.invalid("metric", metric))
        })?;
        let numbers = load_numbers(input)?;
        let text = input.str()?.to_owned();
        Ok(Self { at, kind, scope, subject, revision, since, window, metric, numbers, text })
    }

    /// The id: the same for all revisions.
    pub fn id(&self, definition: &Definition) -> Id {
        definition.id("finding", self.kind.as_str(), &self.scope).str(&self.subject).number(self.since.0).finish()
    }

    /// Appends the record as a JSON object.
    pub fn to_json(&self, definition: &Definition, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        object.shown("id", self.id(definition));
        object.integer("revision", self.revision);
        object.text("kind", self.kind.as_str());
        if let Some(window) = self.window.and_then(|window| definition.window(window)) {
            object.text("window", &window.name);
        }
        object.scope("scope", definition, &self.scope);
        if let Some(metric) = self.metric.and_then(|metric| definition.metric(metric)) {
            object.text("metric", &metric.name);
        }
        object.time("since", self.since);
        object.time("at", self.at);
        write_numbers("numbers", &self.numbers, &mut object);
        object.text("text", &self.text);
        object.close();
    }
}
