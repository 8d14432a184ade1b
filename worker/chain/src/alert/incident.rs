//! Alerts that belong together, and alerts that silence others.
//!
//! ```text
//!  changes of one instant ─► active alerts ─► who silences whom ─► alerts, by (rule, scope)
//!                                └──────────► incidents by group ─► incidents, by group
//! ```
//!
//! *Grouping.* Alerts whose scopes agree in the rule's `groupBy` dimensions belong to one incident while any of them
//! fires; without `groupBy` the group is the scope. An incident that begins again within [`QUIET`] is the same one.
//!
//! *Inhibition.* An alert is silenced while a rule of its `inhibitedBy` fires for a scope that agrees in every dimension
//! that both have. Silenced alerts keep their state, belong to incidents and are marked; when what silences them is
//! resolved they go out again, not silenced.
//!
//! All changes of one instant are applied before anything is decided, so the order in which they arrive is of no matter.

use super::record::{AlertChange, AlertOutput, AlertPhase, AlertRecord, IncidentPhase, IncidentRecord};
use crate::compile::definition::Definition;
use crate::compile::shape::{LevelIndex, Severity};
use crate::id::{Id, IdBuilder};
use crate::time::{EventTime, Span};
use crate::window::scope::{Tag, values};
use crate::wire::{Reader, WireError, Writer};
use std::collections::{BTreeMap, BTreeSet};

/// An incident that begins again within this time goes on.
pub const QUIET: Span = Span::seconds(600);

/// Rule and scope.
type AlertKey = (u16, Vec<u8>);
/// Dimension indices and values.
type Group = Vec<(u16, Vec<u8>)>;

#[derive(Debug, Clone, PartialEq)]
struct Incident {
    id: Id,
    since: EventTime,
    revision: u32,
    severity: Severity,
    members: BTreeSet<AlertKey>,
    resolved: Option<EventTime>,
}

/// What fires, and the incidents: the state of the ALERT task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    active: BTreeMap<AlertKey, AlertRecord>,
    incidents: BTreeMap<Group, Incident>,
}

impl Book {
    /// Number of firing alerts.
    pub fn firing(&self) -> usize {
        self.active.len()
    }

    /// Applies all changes whose windows end at `end`; gives what goes out, in order.
    pub fn apply(&mut self, definition: &Definition, end: EventTime, changes: Vec<AlertChange>) -> Vec<AlertOutput> {
        let mut alerts: BTreeMap<AlertKey, Vec<AlertRecord>> = BTreeMap::new();
        let mut touched: BTreeSet<Group> = BTreeSet::new();
        let mut reopened: BTreeSet<Group> = BTreeSet::new();
        for change in changes {
            let key = (change.rule, change.scope.clone());
            let group = group_of(definition, change.rule, &change.scope);
            touched.insert(group.clone());
            match change.phase {
                AlertPhase::Firing => {
                    let incident = self.join_incident(definition, &group, &key, end, &mut reopened);
                    self.active.insert(key, AlertRecord { change, revision: 0, incident, inhibited_by: Vec::new() });
                }
                AlertPhase::Resolved(_) => {
                    let Some(before) = self.active.remove(&key) else { continue };
                    if let Some(incident) = self.incidents.get_mut(&group) {
                        incident.members.remove(&key);
                    }
                    let record = AlertRecord { change, revision: before.revision + 1, ..before };
                    alerts.entry(key).or_default().push(record);
                }
            }
        }
        self.inhibit(definition, end, &mut alerts, &mut touched);
        let mut outputs: Vec<AlertOutput> = alerts.into_values().flatten().map(AlertOutput::Alert).collect();
        for group in &touched {
            let output = self.incident(definition, group, end, reopened.contains(group));
            outputs.extend(output.map(AlertOutput::Incident));
        }
        outputs
    }

    fn join_incident(
        &mut self,
        definition: &Definition,
        group: &Group,
        key: &AlertKey,
        end: EventTime,
        reopened: &mut BTreeSet<Group>,
    ) -> Id {
        let goes_on = |incident: &Incident| incident.resolved.is_none_or(|resolved| end - resolved <= QUIET);
        if !self.incidents.get(group).is_some_and(goes_on) {
            let fresh = Incident {
                id: incident_id(definition, group, end),
                since: end,
                revision: 0,
                severity: Severity::Info,
                members: BTreeSet::new(),
                resolved: None,
            };
            self.incidents.insert(group.clone(), fresh);
            reopened.insert(group.clone());
        }
        let Some(incident) = self.incidents.get_mut(group) else { return Id(0) };
        if incident.resolved.take().is_some() {
            reopened.insert(group.clone());
        }
        incident.members.insert(key.clone());
        incident.id
    }

    /// Looks who is silenced now; alerts for which that changes, and new ones, go to `alerts`.
    fn inhibit(
        &mut self,
        definition: &Definition,
        end: EventTime,
        alerts: &mut BTreeMap<AlertKey, Vec<AlertRecord>>,
        touched: &mut BTreeSet<Group>,
    ) {
        let mut firing = Firing::new(definition, self.active.keys());
        for (key, alert) in &mut self.active {
            let inhibited_by = firing.inhibitors(key);
            let is_new = alert.change.end == end && alert.revision == 0 && alert.change.fired == end;
            if inhibited_by != alert.inhibited_by {
                touched.insert(group_of(definition, key.0, &key.1));
                alert.inhibited_by = inhibited_by;
                if !is_new {
                    alert.revision += 1;
                    alert.change.end = end;
                }
            } else if !is_new {
                continue;
            }
            alerts.entry(key.clone()).or_default().push(alert.clone());
        }
    }

    fn incident(
        &mut self,
        definition: &Definition,
        group: &Group,
        at: EventTime,
        opened: bool,
    ) -> Option<IncidentRecord> {
        let incident = self.incidents.get_mut(group)?;
        let severity = |(rule, _): &AlertKey| definition.alerts.get(usize::from(*rule)).map(|rule| rule.severity);
        let phase = match (incident.members.is_empty(), opened) {
            (true, _) => IncidentPhase::Resolved,
            (false, true) => IncidentPhase::Open,
            (false, false) => IncidentPhase::Update,
        };
        if phase == IncidentPhase::Resolved {
            incident.resolved = Some(at);
        } else {
            incident.severity = incident.members.iter().filter_map(severity).max().unwrap_or(Severity::Info);
        }
        let silenced = |key: &AlertKey| self.active.get(key).is_some_and(|alert| !alert.inhibited_by.is_empty());
        let firing = incident.members.iter().map(|key| (key.0, key.1.clone(), silenced(key)));
        let record = IncidentRecord {
            at,
            id: incident.id,
            revision: incident.revision,
            phase,
            since: incident.since,
            severity: incident.severity,
            group: group.clone(),
            firing: firing.collect(),
        };
        incident.revision += 1;
        Some(record)
    }

    /// Forgets incidents that cannot go on any more.
    pub fn forget(&mut self, now: EventTime) {
        self.incidents.retain(|_, incident| incident.resolved.is_none_or(|resolved| now - resolved <= QUIET));
    }

    /// Appends the state.
    pub fn save(&self, out: &mut Writer) {
        out.varint(self.active.len() as u64);
        for alert in self.active.values() {
            AlertOutput::Alert(alert.clone()).save(out);
        }
        out.varint(self.incidents.len() as u64);
        for (group, incident) in &self.incidents {
            save_group(group, out);
            out.fixed128(incident.id.0);
            out.signed(incident.since.0);
            out.varint(u64::from(incident.revision));
            out.u8(incident.severity as u8);
            out.option(incident.resolved, |out, resolved| out.signed(resolved.0));
        }
    }

    /// Reads what [`Book::save`] wrote. The members of incidents follow from the alerts.
    ///
    /// # Errors
    /// [`WireError`] when the bytes are not such a state.
    pub fn load(definition: &Definition, input: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut book = Self::default();
        for _ in 0..input.count()? {
            let AlertOutput::Alert(alert) = AlertOutput::load(input)? else {
                return Err(input.invalid("active alert", 1));
            };
            book.active.insert((alert.change.rule, alert.change.scope.clone()), alert);
        }
        for _ in 0..input.count()? {
            let group = load_group(input)?;
            let id = Id(input.fixed128()?);
            let since = EventTime(input.signed()?);
            let revision = input.varint32()?;
            let severity = match input.u8()? {
                0 => Severity::Info,
                1 => Severity::Warning,
                2 => Severity::Critical,
                3 => Severity::Page,
                other => return Err(input.invalid("severity", u64::from(other))),
            };
            let resolved = input.option(|input| input.signed().map(EventTime))?;
            book.incidents
                .insert(group, Incident { id, since, revision, severity, members: BTreeSet::new(), resolved });
        }
        for key in book.active.keys() {
            if let Some(incident) = book.incidents.get_mut(&group_of(definition, key.0, &key.1)) {
                incident.members.insert(key.clone());
            }
        }
        Ok(book)
    }
}

fn save_group(group: &Group, out: &mut Writer) {
    out.varint(group.len() as u64);
    for (dimension, value) in group {
        out.varint(u64::from(*dimension));
        out.bytes(value);
    }
}

fn load_group(input: &mut Reader<'_>) -> Result<Group, WireError> {
    let mut group = Vec::new();
    for _ in 0..input.count()? {
        let dimension = input.varint()?;
        let dimension = u16::try_from(dimension).map_err(|_| input.invalid("dimension", dimension))?;
        group.push((dimension, input.bytes()?.to_vec()));
    }
    Ok(group)
}

fn incident_id(definition: &Definition, group: &Group, since: EventTime) -> Id {
    let mut id = IdBuilder::new("incident").str(&definition.tenant).str(&definition.pipeline);
    for (dimension, value) in group {
        let name = definition.dimensions.get(usize::from(*dimension)).map_or("", String::as_str);
        id = id.str(name).bytes(value);
    }
    id.number(since.0).finish()
}

/// Dimensions and values of a scope.
fn dimensions_of(definition: &Definition, scope: &[u8]) -> Group {
    let Tag::Scope(level) = Tag::of(scope) else { return Group::new() };
    let dimensions = definition.level(level).map_or(&[][..], |level| &level.dimensions);
    dimensions.iter().copied().zip(values(scope).map(|value| value.into_owned())).collect()
}

fn group_of(definition: &Definition, rule: u16, scope: &[u8]) -> Group {
    let wanted = definition.alerts.get(usize::from(rule)).map_or(&[][..], |rule| &rule.group_by);
    let mut group = dimensions_of(definition, scope);
    if !wanted.is_empty() {
        group.retain(|(dimension, _)| wanted.contains(dimension));
    }
    group.sort_unstable();
    group
}

/// The firing rules and scopes, in the form in which inhibition asks: by rule and level, projected to the dimensions
/// that both levels have.
struct Firing<'a> {
    definition: &'a Definition,
    /// Per rule and level: firing scopes.
    scopes: BTreeMap<(u16, LevelIndex), Vec<Vec<u8>>>,
    /// Per (inhibiting rule, its level, asking level): projections.
    projected: BTreeMap<(u16, LevelIndex, LevelIndex), BTreeSet<Group>>,
}

fn level_of(scope: &[u8]) -> LevelIndex {
    match Tag::of(scope) {
        Tag::Scope(level) | Tag::Cohort(level) => level,
    }
}

impl<'a> Firing<'a> {
    fn new<'k>(definition: &'a Definition, keys: impl Iterator<Item = &'k AlertKey>) -> Self {
        let mut inhibiting: BTreeSet<u16> = BTreeSet::new();
        definition.alerts.iter().for_each(|rule| inhibiting.extend(&rule.inhibited_by));
        let mut scopes: BTreeMap<(u16, LevelIndex), Vec<Vec<u8>>> = BTreeMap::new();
        for (rule, scope) in keys.filter(|(rule, _)| inhibiting.contains(rule)) {
            scopes.entry((*rule, level_of(scope))).or_default().push(scope.clone());
        }
        Self { definition, scopes, projected: BTreeMap::new() }
    }

    /// The firing rules that silence an alert, by index.
    fn inhibitors(&mut self, (rule, scope): &AlertKey) -> Vec<u16> {
        let Some(definition) = self.definition.alerts.get(usize::from(*rule)) else { return Vec::new() };
        let mut inhibitors: Vec<u16> = Vec::new();
        for other in definition.inhibited_by.iter().filter(|other| *other != rule) {
            let levels: Vec<LevelIndex> = self
                .scopes
                .range((*other, LevelIndex(0))..=(*other, LevelIndex(u8::MAX)))
                .map(|((_, level), _)| *level)
                .collect();
            if levels.iter().any(|level| self.agrees(*other, *level, scope)) {
                inhibitors.push(*other);
            }
        }
        inhibitors.sort_unstable();
        inhibitors.dedup();
        inhibitors
    }

    fn agrees(&mut self, other: u16, level: LevelIndex, scope: &[u8]) -> bool {
        let (definition, scopes) = (self.definition, &self.scopes);
        let own_level = level_of(scope);
        let shared = |group: &mut Group, with: LevelIndex| {
            let other = definition.level(with).map_or(&[][..], |level| &level.dimensions);
            group.retain(|(dimension, _)| other.contains(dimension));
            group.sort_unstable();
        };
        let projections = self.projected.entry((other, level, own_level)).or_insert_with(|| {
            let firing = scopes.get(&(other, level)).map_or(&[][..], Vec::as_slice);
            let project = |scope: &Vec<u8>| {
                let mut group = dimensions_of(definition, scope);
                shared(&mut group, own_level);
                group
            };
            firing.iter().map(project).collect()
        });
        let mut own = dimensions_of(definition, scope);
        shared(&mut own, level);
        projections.contains(&own)
    }
}
