//! What travels from ANALYZE to ALERT, and what goes out to people.

use super::state::Resolution;
use crate::compile::definition::Definition;
use crate::compile::shape::{AlertRule, Severity};
use crate::id::Id;
use crate::stage::object::Object;
use crate::time::EventTime;
use crate::window::records::Scalar;
use crate::wire::{Reader, WireError, Writer};

/// Named numbers of a record.
pub type Numbers = Vec<(String, Scalar)>;

pub(crate) fn save_numbers(numbers: &Numbers, out: &mut Writer) {
    out.varint(numbers.len() as u64);
    for (name, value) in numbers {
        out.str(name);
        value.save(out);
    }
}

pub(crate) fn load_numbers(input: &mut Reader<'_>) -> Result<Numbers, WireError> {
    let count = input.count()?;
    (0..count).map(|_| Ok((input.str()?.to_owned(), Scalar::load(input)?))).collect()
}

pub(crate) fn write_numbers(name: &str, numbers: &Numbers, object: &mut Object<'_>) {
    object.scalars(name, numbers.iter().map(|(name, value)| (name.as_str(), value)));
}

/// Firing, or why not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertPhase {
    /// It fires.
    Firing,
    /// It is resolved.
    Resolved(Resolution),
}

impl AlertPhase {
    fn code(self) -> u8 {
        match self {
            Self::Firing => 0,
            Self::Resolved(resolution) => 1 + resolution.code(),
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let code = input.u8()?;
        if code == 0 {
            return Ok(Self::Firing);
        }
        let resolution = Resolution::from_code(code - 1);
        resolution.map(Self::Resolved).ok_or_else(|| input.invalid("phase of an alert", u64::from(code)))
    }

    /// Its word in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved(_) => "resolved",
        }
    }
}

/// A change of state of a rule for a scope, from ANALYZE.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertChange {
    /// End of the window that changed it.
    pub end: EventTime,
    /// Index of the rule.
    pub rule: u16,
    /// Key of the scope.
    pub scope: Vec<u8>,
    /// What it is now.
    pub phase: AlertPhase,
    /// End of the close at which it fired: names the episode.
    pub fired: EventTime,
    /// End of the first close of the run.
    pub since: EventTime,
    /// Inputs and what else is known.
    pub numbers: Numbers,
    /// The rule's summary, filled in.
    pub summary: String,
    /// Why.
    pub explanation: String,
}

impl AlertChange {
    /// Appends the record.
    pub fn save(&self, out: &mut Writer) {
        out.signed(self.end.0);
        out.varint(u64::from(self.rule));
        out.bytes(&self.scope);
        out.u8(self.phase.code());
        out.signed(self.fired.0);
        out.signed(self.since.0);
        save_numbers(&self.numbers, out);
        out.str(&self.summary);
        out.str(&self.explanation);
    }

    /// Reads what [`AlertChange::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a record.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let end = EventTime(input.signed()?);
        let rule = input.varint()?;
        let rule = u16::try_from(rule).map_err(|_| input.invalid("alert rule", rule))?;
        Ok(Self {
            end,
            rule,
            scope: input.bytes()?.to_vec(),
            phase: AlertPhase::load(input)?,
            fired: EventTime(input.signed()?),
            since: EventTime(input.signed()?),
            numbers: load_numbers(input)?,
            summary: input.str()?.to_owned(),
            explanation: input.str()?.to_owned(),
        })
    }
}

/// The word of a severity in outputs.
pub fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
        Severity::Page => "page",
    }
}

/// An alert, each time that it changes: a payload of the alerts outlet.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRecord {
    /// What ANALYZE found. `change.end` is the end of the window that made this record.
    pub change: AlertChange,
    /// Zero when it fires, one more each time that it changes.
    pub revision: u32,
    /// The incident that it belongs to.
    pub incident: Id,
    /// Indices of firing rules that silence it; none when it is not silenced.
    pub inhibited_by: Vec<u16>,
}

impl AlertRecord {
    /// The id of this episode: the same from firing to resolved.
    pub fn id(&self, definition: &Definition) -> Id {
        alert_id(definition, self.change.rule, &self.change.scope, self.change.fired)
    }

    fn save(&self, out: &mut Writer) {
        self.change.save(out);
        out.varint(u64::from(self.revision));
        out.fixed128(self.incident.0);
        out.varint(self.inhibited_by.len() as u64);
        self.inhibited_by.iter().for_each(|rule| out.varint(u64::from(*rule)));
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let change = AlertChange::load(input)?;
        let revision = input.varint32()?;
        let incident = Id(input.fixed128()?);
        let mut inhibited_by = Vec::new();
        for _ in 0..input.count()? {
            let rule = input.varint()?;
            inhibited_by.push(u16::try_from(rule).map_err(|_| input.invalid("alert rule", rule))?);
        }
        Ok(Self { change, revision, incident, inhibited_by })
    }

    /// Appends the record as a JSON object.
    pub fn to_json(&self, definition: &Definition, out: &mut Vec<u8>) {
        let rule = definition.alerts.get(usize::from(self.change.rule));
        let name = |rule: Option<&AlertRule>| rule.map_or(String::new(), |rule| rule.name.clone());
        let mut object = Object::open(out);
        object.text("kind", "alert");
        object.shown("id", self.id(definition));
        object.integer("revision", self.revision);
        object.text("rule", &name(rule));
        object.text("state", self.change.phase.as_str());
        if let AlertPhase::Resolved(resolution) = self.change.phase {
            object.text("resolution", resolution.as_str());
        }
        object.text("severity", rule.map_or("", |rule| severity_name(rule.severity)));
        let window = rule.and_then(|rule| definition.window(rule.window));
        object.text("window", window.map_or("", |window| window.name.as_str()));
        object.scope("scope", definition, &self.change.scope);
        object.time("since", self.change.since);
        object.time("at", self.change.end);
        object.shown("incident", self.incident);
        object.bool("inhibited", !self.inhibited_by.is_empty());
        if !self.inhibited_by.is_empty() {
            let names: Vec<String> =
                self.inhibited_by.iter().map(|rule| name(definition.alerts.get(usize::from(*rule)))).collect();
            write_texts("inhibited_by", &names, &mut object);
        }
        object.text("summary", &self.change.summary);
        object.text("explanation", &self.change.explanation);
        write_numbers("numbers", &self.change.numbers, &mut object);
        if let Some(rule) = rule {
            let mut labels = Object::open(object.name("labels"));
            rule.labels.iter().for_each(|(label, value)| labels.text(label, value));
            labels.close();
            object.text("runbook", &rule.runbook);
        }
        object.close();
    }
}

fn write_texts(name: &str, texts: &[String], object: &mut Object<'_>) {
    let out = object.name(name);
    out.push(b'[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        crate::parse::schema::write_text(text.as_bytes(), out);
    }
    out.push(b']');
}

/// The id of an alert's episode.
pub fn alert_id(definition: &Definition, rule: u16, scope: &[u8], fired: EventTime) -> Id {
    let name = definition.alerts.get(usize::from(rule)).map_or("", |rule| rule.name.as_str());
    definition.id("alert", name, scope).number(fired.0).finish()
}

/// How an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncidentPhase {
    /// It begins, or begins again soon after it was resolved.
    Open,
    /// Its alerts have changed.
    Update,
    /// None of its alerts fires any more.
    Resolved,
}

impl IncidentPhase {
    const ALL: [Self; 3] = [Self::Open, Self::Update, Self::Resolved];

    /// Its word in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Update => "update",
            Self::Resolved => "resolved",
        }
    }
}

/// An incident, each time that it changes: a payload of the alerts outlet, behind the alerts of the same instant.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRecord {
    /// End of the windows that changed it.
    pub at: EventTime,
    /// Its id.
    pub id: Id,
    /// Zero when it opens, one more each time that it changes.
    pub revision: u32,
    /// How it stands.
    pub phase: IncidentPhase,
    /// When it opened first.
    pub since: EventTime,
    /// Greatest severity of its firing alerts; of those that were last firing, once it is resolved.
    pub severity: Severity,
    /// Dimension indices and values that its alerts share.
    pub group: Vec<(u16, Vec<u8>)>,
    /// Firing alerts: rule, key of the scope, whether it is silenced.
    pub firing: Vec<(u16, Vec<u8>, bool)>,
}

const SEVERITIES: [Severity; 4] = [Severity::Info, Severity::Warning, Severity::Critical, Severity::Page];

impl IncidentRecord {
    fn save(&self, out: &mut Writer) {
        out.signed(self.at.0);
        out.fixed128(self.id.0);
        out.varint(u64::from(self.revision));
        out.u8(self.phase as u8);
        out.signed(self.since.0);
        out.u8(self.severity as u8);
        out.varint(self.group.len() as u64);
        for (dimension, value) in &self.group {
            out.varint(u64::from(*dimension));
            out.bytes(value);
        }
        out.varint(self.firing.len() as u64);
        for (rule, scope, inhibited) in &self.firing {
            out.varint(u64::from(*rule));
            out.bytes(scope);
            out.bool(*inhibited);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let at = EventTime(input.signed()?);
        let id = Id(input.fixed128()?);
        let revision = input.varint32()?;
        let code = input.u8()?;
        let phase = IncidentPhase::ALL.get(usize::from(code)).copied();
        let phase = phase.ok_or_else(|| input.invalid("phase of an incident", u64::from(code)))?;
        let since = EventTime(input.signed()?);
        let code = input.u8()?;
        let severity = SEVERITIES.get(usize::from(code)).copied();
        let severity = severity.ok_or_else(|| input.invalid("severity", u64::from(code)))?;
        let small = |input: &mut Reader<'_>| {
            let number = input.varint()?;
            u16::try_from(number).map_err(|_| input.invalid("index", number))
        };
        let group =
            (0..input.count()?).map(|_| Ok((small(input)?, input.bytes()?.to_vec()))).collect::<Result<_, _>>()?;
        let firing = (0..input.count()?)
            .map(|_| Ok((small(input)?, input.bytes()?.to_vec(), input.bool()?)))
            .collect::<Result<_, _>>()?;
        Ok(Self { at, id, revision, phase, since, severity, group, firing })
    }

    /// `org=acme, region=eu`, for people.
    pub fn group_text(&self, definition: &Definition) -> String {
        let name = |index: u16| definition.dimensions.get(usize::from(index)).map_or("?", String::as_str);
        let parts =
            self.group.iter().map(|(index, value)| format!("{}={}", name(*index), String::from_utf8_lossy(value)));
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") }
    }

    fn summary(&self, definition: &Definition) -> String {
        let group = self.group_text(definition);
        let alerts = match self.firing.len() {
            1 => "1 alert fires".to_owned(),
            count => format!("{count} alerts fire"),
        };
        match self.phase {
            IncidentPhase::Open => format!("Incident for {group}: {alerts}."),
            IncidentPhase::Update => format!("Incident for {group} has changed: {alerts}."),
            IncidentPhase::Resolved => format!("Incident for {group} is resolved."),
        }
    }

    /// Appends the record as a JSON object.
    pub fn to_json(&self, definition: &Definition, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        object.text("kind", "incident");
        object.shown("id", self.id);
        object.integer("revision", self.revision);
        object.text("state", self.phase.as_str());
        object.text("severity", severity_name(self.severity));
        let mut group = Object::open(object.name("group"));
        for (index, value) in &self.group {
            let name = definition.dimensions.get(usize::from(*index)).map_or("?", String::as_str);
            group.text(name, &String::from_utf8_lossy(value));
        }
        group.close();
        object.time("since", self.since);
        object.time("at", self.at);
        object.text("summary", &self.summary(definition));
        let out = object.name("firing");
        out.push(b'[');
        for (index, (rule, scope, inhibited)) in self.firing.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let mut alert = Object::open(out);
            alert.text("rule", definition.alerts.get(usize::from(*rule)).map_or("", |rule| rule.name.as_str()));
            alert.scope("scope", definition, scope);
            alert.bool("inhibited", *inhibited);
            alert.close();
        }
        out.push(b']');
        object.close();
    }
}

/// A payload of the alerts outlet.
#[derive(Debug, Clone, PartialEq)]
pub enum AlertOutput {
    /// An alert has changed.
    Alert(AlertRecord),
    /// An incident has changed.
    Incident(IncidentRecord),
}

impl AlertOutput {
    /// Appends the record.
    pub fn save(&self, out: &mut Writer) {
        match self {
            Self::Alert(alert) => {
                out.u8(0);
                alert.save(out);
            }
            Self::Incident(incident) => {
                out.u8(1);
                incident.save(out);
            }
        }
    }

    /// Reads what [`AlertOutput::save`] wrote.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a record.
    pub fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        match input.u8()? {
            0 => AlertRecord::load(input).map(Self::Alert),
            1 => IncidentRecord::load(input).map(Self::Incident),
            other => Err(input.invalid("output of alerts", u64::from(other))),
        }
    }

    /// Appends the record as a JSON object.
    pub fn to_json(&self, definition: &Definition, out: &mut Vec<u8>) {
        match self {
            Self::Alert(alert) => alert.to_json(definition, out),
            Self::Incident(incident) => incident.to_json(definition, out),
        }
    }
}
