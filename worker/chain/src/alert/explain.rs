//! The sentence that says why an alert fires, with its numbers.
//!
//! ```text
//!  slow-checkout fires for org=acme, service=checkout: `p99(latency_ms) > 2.0 * baseline.p99(latency_ms) && count >= 300`
//!  has been true for 2 closes of m1, since 2026-11-22T10:01:00.000000Z. p99(latency_ms) is 842 ms, 4.01 times
//!  baseline.p99(latency_ms) (210 ms); count is 1,234.
//! ```

use crate::compile::definition::Definition;
use crate::compile::shape::{Aggregate, Reference, WindowInput};
use crate::time::EventTime;
use crate::window::records::Scalar;

/// A number for people: four significant digits, thousands apart.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value.is_finite() { "0".to_owned() } else { value.to_string() };
    }
    let magnitude = value.abs();
    if !(1e-4..1e15).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    // Digits behind the point so that four count; none above a thousand.
    let whole_digits = integer_digits(magnitude);
    let decimals = usize::try_from(4 - whole_digits).unwrap_or(0);
    let text = format!("{value:.decimals$}");
    match text.split_once('.') {
        None => thousands(&text),
        Some((whole, fraction)) => {
            let fraction = fraction.trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{}{point}{fraction}", thousands(whole))
        }
    }
}

/// Digits before the point; for values below one, less one per zero behind it.
fn integer_digits(magnitude: f64) -> i32 {
    let mut digits = 0;
    let mut bound = 1.0;
    while magnitude >= bound && digits < 16 {
        digits += 1;
        bound *= 10.0;
    }
    if digits == 0 {
        let mut bound = 0.1;
        while magnitude < bound && digits > -8 {
            digits -= 1;
            bound /= 10.0;
        }
    }
    digits
}

/// `1234567` as `1,234,567`.
fn thousands(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", digits),
    };
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value for people, with its unit.
pub fn scalar(value: &Scalar, unit: &str) -> String {
    let text = match value {
        Scalar::Null => return "not known".to_owned(),
        Scalar::Bool(value) => return value.to_string(),
        Scalar::Text(value) => return format!("'{value}'"),
        Scalar::Int(value) => thousands(&value.to_string()),
        Scalar::Float(value) => number(*value),
    };
    match unit {
        "" => text,
        "/s" | "%" => format!("{text}{unit}"),
        unit => format!("{text} {unit}"),
    }
}

fn unit_of<'a>(definition: &'a Definition, input: &WindowInput) -> &'a str {
    match input {
        WindowInput::Aggregate { value, .. } => definition.aggregate_unit(*value),
        _ => "",
    }
}

fn as_number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Int(value) => Some(*value as f64),
        Scalar::Float(value) => Some(*value),
        _ => None,
    }
}

/// `count is 12`, or with what it is compared with: `p99(x) is 842 ms, 4.01 times usual.p99(x) (210 ms)`.
///
/// `inputs` are the inputs of the condition with their values. A comparison goes with the window's own value of the
/// same aggregate, where the condition reads both.
pub fn values(definition: &Definition, inputs: &[(WindowInput, Scalar)]) -> String {
    let mut parts = Vec::new();
    for (input, value) in inputs.iter().filter(|(input, _)| !is_compared(input, inputs)) {
        let mut part = format!("{} is {}", definition.input_name(input), scalar(value, unit_of(definition, input)));
        for (other, base) in comparisons(input, inputs) {
            part.push_str(&comparison(definition, value, other, base));
        }
        parts.push(part);
    }
    parts.join("; ")
}

/// True for a comparison whose own value stands beside it.
fn is_compared(input: &WindowInput, inputs: &[(WindowInput, Scalar)]) -> bool {
    match input {
        WindowInput::Aggregate { of, value } if *of != Reference::Window => {
            let own = WindowInput::Aggregate { of: Reference::Window, value: *value };
            inputs.iter().any(|(input, _)| *input == own)
        }
        _ => false,
    }
}

fn comparisons<'a>(
    input: &WindowInput,
    inputs: &'a [(WindowInput, Scalar)],
) -> impl Iterator<Item = (&'a WindowInput, &'a Scalar)> {
    let own: Option<Aggregate> = match input {
        WindowInput::Aggregate { of: Reference::Window, value } => Some(*value),
        _ => None,
    };
    let compared = move |(input, _): &&(WindowInput, Scalar)| match input {
        WindowInput::Aggregate { of, value } => *of != Reference::Window && own == Some(*value),
        _ => false,
    };
    inputs.iter().filter(compared).map(|(input, value)| (input, value))
}

fn comparison(definition: &Definition, value: &Scalar, other: &WindowInput, base: &Scalar) -> String {
    let (name, shown) = (definition.input_name(other), scalar(base, unit_of(definition, other)));
    match (as_number(value), as_number(base)) {
        (Some(value), Some(base)) if base != 0.0 => format!(", {} times {name} ({shown})", number(value / base)),
        _ => format!(", {name} is {shown}"),
    }
}

/// Why an alert fires.
#[derive(Debug, Clone, Copy)]
pub struct Firing<'a> {
    /// Name of the rule.
    pub rule: &'a str,
    /// Text of its condition.
    pub condition: &'a str,
    /// Name of the window.
    pub window: &'a str,
    /// Key of the scope.
    pub scope: &'a [u8],
    /// Closes in a row for which the condition was true.
    pub closes: u32,
    /// End of the first of them.
    pub since: EventTime,
    /// Inputs of the condition, with their values at the last close.
    pub inputs: &'a [(WindowInput, Scalar)],
    /// Events of the window.
    pub events: u64,
    /// For a scope that stands in for its children: why.
    pub stands_in: bool,
}

fn closes(count: u32, window: &str) -> String {
    match count {
        1 => format!("at the close of {window}"),
        count => format!("for {count} closes of {window} in a row"),
    }
}

/// The sentences for an alert that begins to fire.
pub fn firing(definition: &Definition, firing: Firing<'_>) -> String {
    let count = WindowInput::Aggregate { of: Reference::Window, value: Aggregate::Count };
    let mut text = format!(
        "{} fires for {}: `{}` is true {}, since {}.",
        firing.rule,
        definition.scope_text(firing.scope),
        firing.condition,
        closes(firing.closes, firing.window),
        firing.since,
    );
    let mut said = values(definition, firing.inputs);
    if !firing.inputs.iter().any(|(input, _)| *input == count) {
        let events = format!("count is {}", scalar(&Scalar::Int(firing.events as i64), ""));
        said = if said.is_empty() { events } else { format!("{said}; {events}") };
    }
    text.push_str(&format!(" At the last close {said}."));
    if firing.stands_in {
        text.push_str(" It stands in for scopes below it that have too few events to tell.");
    }
    text
}

/// The sentences for an alert that is resolved.
pub fn resolved(definition: &Definition, firing: Firing<'_>, why: super::Resolution, condition: &str) -> String {
    use crate::window::plan::SILENT_CLOSES;
    let scope = definition.scope_text(firing.scope);
    let (rule, window) = (firing.rule, firing.window);
    match why {
        super::Resolution::Clear => format!(
            "{rule} is resolved for {scope}: {condition} {}. At the last close {}.",
            closes(firing.closes, window),
            values(definition, firing.inputs),
        ),
        super::Resolution::Silent => {
            format!(
                "{rule} is resolved for {scope}: it had no events for more than {SILENT_CLOSES} closes of {window} and is forgotten."
            )
        }
        super::Resolution::TooFew => {
            format!(
                "{rule} is resolved for {scope}: for {SILENT_CLOSES} closes of {window} it had too few events to tell."
            )
        }
    }
}

/// The rule's summary with its `{…}` filled in.
pub fn summary(template: &str, values: &[String]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    let mut values = values.iter();
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        match (behind.split_once('}'), values.next()) {
            (Some((_, after)), Some(value)) => {
                text.push_str(value);
                rest = after;
            }
            _ => {
                text.push('{');
                rest = behind;
            }
        }
    }
    text.push_str(rest);
    text
}
