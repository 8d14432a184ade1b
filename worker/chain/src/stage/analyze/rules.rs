//! What rules make of the cells of a closed window: objects, changes of alerts, values for events.

use super::AnalyzeSink;
use super::inputs::{condition, evaluate, pick, scalar};
use super::plan::{AggregateValues, AlertWork, Needs, Work};
use crate::aggregate::AggregateRecord;
use crate::alert::AlertChange;
use crate::alert::explain::{self, Firing};
use crate::alert::record::AlertPhase;
use crate::alert::state::{self, AlertState, Policy, Resolution, Step, Truth};
use crate::compile::definition::Definition;
use crate::compile::shape::{Aggregate, AlertRule, Reference, WindowIndex, WindowInput};
use crate::row::Cell;
use crate::stage::insight::{save_aggregate, save_alert};
use crate::time::EventTime;
use crate::window::records::{Feedback, Scalar};
use crate::window::scope::ScopeId;
use crate::window::value::Value;
use crate::wire::Writer;
use std::collections::BTreeMap;

/// Alerts that are not inactive, by rule and scope. A cohort's number stands for its parent, as a stand-in.
pub(super) type Alerts = BTreeMap<(u16, ScopeId), AlertState>;

/// A closed window that rules look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct CloseInfo {
    pub(super) window: WindowIndex,
    pub(super) start: EventTime,
    pub(super) end: EventTime,
    pub(super) ordinal: u32,
    pub(super) revision: u32,
}

/// The scope that rules look at.
pub(super) struct Seen<'a> {
    pub(super) scope: ScopeId,
    /// Its key in what goes out.
    pub(super) key: &'a [u8],
    pub(super) value: &'a Value,
    pub(super) cells: &'a [Cell<'a>],
}

/// Emits the objects of a close. `was_emitted` says for a correction whether the rule's object was emitted before; the
/// rules with a threshold whose objects go out are given to `emitted`.
pub(super) fn aggregates(
    work: &Work,
    close: CloseInfo,
    seen: &Seen<'_>,
    was_emitted: impl Fn(u16) -> bool,
    mut emitted: impl FnMut(u16),
    sink: &mut dyn AnalyzeSink,
) {
    for aggregate in &work.aggregates {
        match &aggregate.emit_when {
            None if seen.value.count == 0 && close.revision == 0 => continue,
            None => {}
            Some(when) => {
                if condition(when, seen.cells) != Some(true) && !was_emitted(aggregate.rule) {
                    continue;
                }
                emitted(aggregate.rule);
            }
        }
        let values = match &aggregate.values {
            AggregateValues::Named(values) => values.iter().map(|value| evaluate(value, seen.cells)).collect(),
            AggregateValues::Default(places) => places
                .iter()
                .map(|place| seen.cells.get(usize::from(*place)).map_or(Scalar::Null, |cell| scalar(*cell)))
                .collect(),
        };
        let record = AggregateRecord {
            end: close.end,
            rule: aggregate.rule,
            scope: seen.key.into(),
            ordinal: close.ordinal,
            revision: close.revision,
            start: close.start,
            count: seen.value.count,
            values,
        };
        sink.insight(&mut |out| save_aggregate(&record, out));
    }
}

/// Sends the values that events take along.
pub(super) fn feedback(work: &Work, close: CloseInfo, seen: &Seen<'_>, sink: &mut dyn AnalyzeSink) {
    for augment in &work.augments {
        let record = Feedback {
            augment: augment.augment,
            scope: seen.key.to_vec(),
            end: close.end,
            revision: close.revision,
            values: augment.values.iter().map(|value| evaluate(value, seen.cells)).collect(),
        };
        let mut out = Writer::new();
        record.save(&mut out);
        sink.feedback(out.as_slice());
    }
}

/// True when a value has fewer samples than a rule needs.
pub(super) fn too_few(needs: Option<&Needs>, value: &Value) -> bool {
    let Some(needs) = needs else { return false };
    if needs.distributions.is_empty() {
        return value.count < needs.samples;
    }
    let count = |place: &usize| value.distribution(*place).map_or(0, |distribution| distribution.sketch.count());
    needs.distributions.iter().map(count).min().unwrap_or(0) < needs.samples
}

fn policy(rule: &AlertRule) -> Policy {
    Policy { for_closes: rule.for_closes, resolve_after: rule.resolve_after }
}

/// What one evaluation of an alert rule needs to know beside the cells.
pub(super) struct Evaluation<'a> {
    pub(super) definition: &'a Definition,
    pub(super) work: &'a AlertWork,
    pub(super) inputs: &'a [WindowInput],
    pub(super) close: CloseInfo,
    /// The scope stands in for its children.
    pub(super) stands_in: bool,
    /// There are enough samples to tell.
    pub(super) can_tell: bool,
}

impl Evaluation<'_> {
    fn rule(&self) -> &AlertRule {
        &self.definition.alerts[usize::from(self.work.rule)]
    }

    /// Evaluates the rule and steps its state; changes go out.
    pub(super) fn step(&self, alerts: &mut Alerts, seen: &Seen<'_>, sink: &mut dyn AnalyzeSink) {
        let truth = |condition: Option<bool>| if self.can_tell { Truth::of(condition) } else { Truth::Unknown };
        let close = state::Close {
            end: self.close.end,
            when: truth(condition(&self.work.when, seen.cells)),
            resolve: self.work.resolve.as_ref().map(|resolve| truth(condition(resolve, seen.cells))),
        };
        let key = (self.work.rule, seen.scope);
        let before = alerts.remove(&key);
        if before.is_none() && close.when != Truth::True {
            return;
        }
        let mut now = before.clone();
        let step = AlertState::step(&mut now, policy(self.rule()), close);
        match step {
            Step::Nothing => {}
            Step::Fires => {
                if let Some(state) = &now {
                    let change = self.change(state, AlertPhase::Firing, seen);
                    sink.insight(&mut |out| save_alert(&change, out));
                }
            }
            Step::Resolved(resolution) => {
                if let Some(state) = &before {
                    let change = self.change(state, AlertPhase::Resolved(resolution), seen);
                    sink.insight(&mut |out| save_alert(&change, out));
                }
            }
        }
        if let Some(state) = now {
            alerts.insert(key, state);
        }
    }

    fn change(&self, state: &AlertState, phase: AlertPhase, seen: &Seen<'_>) -> AlertChange {
        let rule = self.rule();
        let inputs = self.condition_inputs(seen);
        let window = self.definition.window(self.close.window).map_or("", |window| window.name.as_str());
        let firing = Firing {
            rule: &rule.name,
            condition: rule.when.expression.text(),
            window,
            scope: seen.key,
            closes: match phase {
                AlertPhase::Firing => state.closes,
                AlertPhase::Resolved(_) => rule.resolve_after.max(1),
            },
            since: state.since,
            inputs: &inputs,
            events: seen.value.count,
            stands_in: self.stands_in,
        };
        let explanation = match phase {
            AlertPhase::Firing => explain::firing(self.definition, firing),
            AlertPhase::Resolved(resolution) => {
                explain::resolved(self.definition, firing, resolution, &clear_condition(rule))
            }
        };
        AlertChange {
            end: self.close.end,
            rule: self.work.rule,
            scope: seen.key.to_vec(),
            phase,
            fired: state.fired.unwrap_or(self.close.end),
            since: state.since,
            numbers: self.numbers(&inputs, state, seen.value),
            summary: self.summary(seen),
            explanation,
        }
    }

    /// Inputs of the condition, each once, with their values.
    fn condition_inputs(&self, seen: &Seen<'_>) -> Vec<(WindowInput, Scalar)> {
        let mut inputs: Vec<(WindowInput, Scalar)> = Vec::new();
        let places = self.work.when.cells.iter().zip(pick(&self.work.when, seen.cells));
        for (place, cell) in places {
            let Some(input) = self.inputs.get(usize::from(*place)) else { continue };
            if !inputs.iter().any(|(known, _)| known == input) {
                inputs.push((input.clone(), scalar(cell)));
            }
        }
        inputs
    }

    fn numbers(&self, inputs: &[(WindowInput, Scalar)], state: &AlertState, value: &Value) -> Vec<(String, Scalar)> {
        let mut numbers: Vec<(String, Scalar)> =
            inputs.iter().map(|(input, value)| (self.definition.input_name(input), value.clone())).collect();
        let count =
            self.definition.input_name(&WindowInput::Aggregate { of: Reference::Window, value: Aggregate::Count });
        if !numbers.iter().any(|(name, _)| *name == count) {
            numbers.push((count, Scalar::Int(i64::try_from(value.count).unwrap_or(i64::MAX))));
        }
        numbers.push(("closes".to_owned(), Scalar::Int(i64::from(state.closes))));
        numbers.push(("for".to_owned(), Scalar::Int(i64::from(self.rule().for_closes))));
        numbers
    }

    fn summary(&self, seen: &Seen<'_>) -> String {
        let rule = self.rule();
        if rule.summary.is_empty() {
            return format!("{}: {}", rule.name, self.definition.scope_text(seen.key));
        }
        let values: Vec<String> = self
            .work
            .summary
            .iter()
            .map(|bound| explain::scalar(&evaluate(bound, seen.cells), self.unit(bound)).trim_matches('\'').to_owned())
            .collect();
        explain::summary(&rule.summary, &values)
    }

    /// The unit of an expression that is one value as it is.
    fn unit(&self, bound: &super::plan::Bound) -> &str {
        match bound.expression.inputs.as_slice() {
            [input @ WindowInput::Aggregate { value, .. }]
                if self.definition.input_name(input) == bound.expression.expression.text() =>
            {
                self.definition.aggregate_unit(*value)
            }
            _ => "",
        }
    }
}

/// The condition under which an alert counts as clear, for a sentence.
fn clear_condition(rule: &AlertRule) -> String {
    match &rule.resolve_when {
        Some(resolve) => format!("`{}` is true", resolve.expression.text()),
        None => format!("`{}` is not true", rule.when.expression.text()),
    }
}

/// Ends the alert of a scope that is forgotten.
pub(super) fn forget(
    definition: &Definition,
    alerts: &mut Alerts,
    rule: u16,
    scope: ScopeId,
    key: &[u8],
    end: EventTime,
    sink: &mut dyn AnalyzeSink,
) {
    let mut state = alerts.remove(&(rule, scope));
    let Some(before) = state.clone() else { return };
    let Step::Resolved(resolution) = AlertState::forget(&mut state) else { return };
    let Some(definition_of_rule) = definition.alerts.get(usize::from(rule)) else { return };
    let change = ended(definition, definition_of_rule, rule, &before, key, end, resolution);
    sink.insight(&mut |out| save_alert(&change, out));
}

/// The change of an alert that ends without a value.
fn ended(
    definition: &Definition,
    rule: &AlertRule,
    index: u16,
    state: &AlertState,
    key: &[u8],
    end: EventTime,
    resolution: Resolution,
) -> AlertChange {
    let window = definition.window(rule.window).map_or("", |window| window.name.as_str());
    let firing = Firing {
        rule: &rule.name,
        condition: rule.when.expression.text(),
        window,
        scope: key,
        closes: 0,
        since: state.since,
        inputs: &[],
        events: 0,
        stands_in: false,
    };
    AlertChange {
        end,
        rule: index,
        scope: key.to_vec(),
        phase: AlertPhase::Resolved(resolution),
        fired: state.fired.unwrap_or(end),
        since: state.since,
        numbers: vec![("for".to_owned(), Scalar::Int(i64::from(rule.for_closes)))],
        summary: format!("{}: {}", rule.name, definition.scope_text(key)),
        explanation: explain::resolved(definition, firing, resolution, ""),
    }
}

/// A stand-in that was not evaluated at a close because no scope below it had too few samples: it cannot tell.
pub(super) fn cannot_tell(
    definition: &Definition,
    alerts: &mut Alerts,
    work: &AlertWork,
    scope: ScopeId,
    key: &[u8],
    end: EventTime,
    sink: &mut dyn AnalyzeSink,
) {
    let Some(before) = alerts.remove(&(work.rule, scope)) else { return };
    let rule = &definition.alerts[usize::from(work.rule)];
    let mut now = Some(before.clone());
    let step = AlertState::step(&mut now, policy(rule), state::Close { end, when: Truth::Unknown, resolve: None });
    if let Step::Resolved(resolution) = step {
        let change = ended(definition, rule, work.rule, &before, key, end, resolution);
        sink.insight(&mut |out| save_alert(&change, out));
    }
    if let Some(state) = now {
        alerts.insert((work.rule, scope), state);
    }
}
