//! Rules between fields: for the API server as CEL, for everybody else as code, from one table.
//!
//! A type's schema carries its rules as `x-kubernetes-validations`; the check in Rust finds them there
//! again by their text ([`find`]), so neither list can have a rule that the other has not. Rules look at
//! one resource only and never at names in other resources: that is the chain's `compile`.
//!
//! CEL cannot read a duration with days, so a rule that compares durations passes those on the API
//! server; the code here is exact, and `compile` runs it again in the operator.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::finding::Reason;
use crate::manifest::DecodeStep;
use crate::pipeline::Sink;
use crate::units::{ByteSize, Duration};

/// One rule on an object.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Exactly one of these members is given.
    ExactlyOne(&'static [&'static str]),
    /// At most one of these members is given.
    AtMostOne(&'static [&'static str]),
    /// A condition.
    Condition(Condition),
}

/// A condition in CEL and in Rust.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// The condition in CEL over `self`.
    pub cel: &'static str,
    /// What is wrong when it does not hold.
    pub message: &'static str,
    /// What to do then.
    pub remedy: &'static str,
    /// Why it is a finding.
    pub reason: Reason,
    /// Member that the finding points to; empty for the object itself.
    pub field: &'static str,
    /// The condition over the JSON value. Members of the wrong type hold: their type is a finding of
    /// its own.
    pub holds: fn(&Value) -> bool,
}

impl Rule {
    /// The rule in CEL.
    pub fn cel(&self) -> String {
        let given = |fields: &[&str]| {
            let members: Vec<String> = fields.iter().map(|field| format!("has(self.{field})")).collect();
            members.join(", ")
        };
        match self {
            Self::ExactlyOne(fields) => format!("[{}].filter(x, x).size() == 1", given(fields)),
            Self::AtMostOne(fields) => format!("[{}].filter(x, x).size() <= 1", given(fields)),
            Self::Condition(condition) => condition.cel.to_owned(),
        }
    }

    /// What is wrong when the rule does not hold: the same text here and on the API server.
    pub fn message(&self) -> String {
        match self {
            Self::ExactlyOne(fields) => {
                format!("exactly one of {} must be given", fields.join(", "))
            }
            Self::AtMostOne(fields) => format!("at most one of {} may be given", fields.join(", ")),
            Self::Condition(condition) => condition.message.to_owned(),
        }
    }

    /// What to do about a value for which the rule does not hold.
    pub fn remedy(&self, value: &Value) -> String {
        match self {
            Self::ExactlyOne(fields) | Self::AtMostOne(fields) => match given_of(value, fields).as_slice() {
                [] => format!("add one of {}", fields.join(", ")),
                given => format!("keep one of {}", given.join(", ")),
            },
            Self::Condition(condition) => condition.remedy.to_owned(),
        }
    }

    /// Why it is a finding.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ExactlyOne(_) | Self::AtMostOne(_) => Reason::ExactlyOne,
            Self::Condition(condition) => condition.reason,
        }
    }

    /// Member that a finding points to; empty for the object itself.
    pub fn field(&self) -> &'static str {
        match self {
            Self::ExactlyOne(_) | Self::AtMostOne(_) => "",
            Self::Condition(condition) => condition.field,
        }
    }

    /// True when the rule holds for this value.
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::ExactlyOne(fields) => given_of(value, fields).len() == 1,
            Self::AtMostOne(fields) => given_of(value, fields).len() <= 1,
            Self::Condition(condition) => (condition.holds)(value),
        }
    }

    fn to_json(self) -> Value {
        let mut rule = json!({ "rule": self.cel(), "message": self.message() });
        if !self.field().is_empty() {
            rule["fieldPath"] = json!(format!(".{}", self.field()));
        }
        rule
    }
}

fn given_of<'a>(value: &Value, fields: &'a [&'a str]) -> Vec<&'a str> {
    fields.iter().copied().filter(|field| value.get(field).is_some()).collect()
}

/// The rule with this text in CEL.
pub fn find(cel: &str) -> Option<&'static Rule> {
    static BY_TEXT: LazyLock<BTreeMap<String, &'static Rule>> =
        LazyLock::new(|| SETS.iter().flat_map(|(_, rules)| rules.iter()).map(|rule| (rule.cel(), rule)).collect());
    BY_TEXT.get(cel).copied()
}

fn parsed<T: FromStr>(value: &Value, field: &str) -> Option<T> {
    value.get(field)?.as_str()?.parse().ok()
}

fn duration(value: &Value, field: &str) -> Option<u64> {
    parsed::<Duration>(value, field).map(Duration::as_micros)
}

fn is_ident(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let bytes = name.as_bytes();
    (1..=63).contains(&bytes.len())
        && is_letter(bytes[0])
        && bytes.iter().all(|byte| is_letter(*byte) || byte.is_ascii_digit())
}

fn is_given(value: &Value, field: &str) -> bool {
    value.get(field).is_some()
}

/// True unless both are there and the test on them fails.
fn both<T>(left: Option<T>, right: Option<T>, test: impl FnOnce(T, T) -> bool) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => test(left, right),
        _ => true,
    }
}

/// A duration member that must not be zero.
macro_rules! positive {
    ($field:literal) => {
        Rule::Condition(Condition {
            cel: concat!("!has(self.", $field, ") || self.", $field, ".matches('[1-9]')"),
            message: concat!($field, " must be longer than 0s"),
            remedy: concat!("give ", $field, " a length, such as 10s"),
            reason: Reason::OutOfBounds,
            field: $field,
            holds: |value| duration(value, $field) != Some(0),
        })
    };
}

/// A byte size member that must not be zero.
macro_rules! positive_bytes {
    ($field:literal) => {
        Rule::Condition(Condition {
            cel: concat!("!has(self.", $field, ") || self.", $field, ".matches('[1-9]')"),
            message: concat!($field, " must be more than 0B"),
            remedy: concat!("give ", $field, " a size, such as 64KiB"),
            reason: Reason::OutOfBounds,
            field: $field,
            holds: |value| parsed::<ByteSize>(value, $field).is_none_or(|size| size.as_bytes() > 0),
        })
    };
}

/// A relative path member that must stay below its folder.
macro_rules! below_folder {
    ($field:literal) => {
        Rule::Condition(Condition {
            cel: concat!("!has(self.", $field, ") || !self.", $field, ".contains('..')"),
            message: concat!($field, " must not contain .."),
            remedy: "name a file in the same folder or below it",
            reason: Reason::NotAllowed,
            field: $field,
            holds: |value| !value[$field].as_str().is_some_and(|path| path.contains("..")),
        })
    };
}

macro_rules! rule_sets {
    ($($name:ident => [$($rule:expr),* $(,)?];)*) => {
        /// Every set of rules, by the name of the type that carries it.
        pub static SETS: &[(&str, &[Rule])] = &[$((stringify!($name), &[$($rule),*]),)*];

        $(pub(crate) fn $name() -> Value {
            static RULES: &[Rule] = &[$($rule),*];
            RULES.iter().map(|rule| rule.to_json()).collect()
        })*
    };
}

rule_sets! {
    decode_step => [Rule::ExactlyOne(DecodeStep::DECODERS)];
    proto_source => [Rule::ExactlyOne(&["proto", "file"]), below_folder!("file")];
    field => [Rule::AtMostOne(&["from", "firstOf", "value"])];
    ident_keys => [Rule::Condition(Condition {
        cel: "self.all(key, key.matches('^[A-Za-z_][A-Za-z0-9_]{0,62}$'))",
        message: "the names here must be at most 63 letters, digits and _, not starting with a digit",
        remedy: "rename the entry: expressions and labels can only say such names",
        reason: Reason::BadFormat,
        field: "",
        holds: |value| value.as_object().is_none_or(|members| members.keys().all(|key| is_ident(key))),
    })];
    default_year => [Rule::Condition(Condition {
        cel: "string(self).matches('^(auto|19[7-9][0-9]|[2-9][0-9]{3})$')",
        message: "defaultYear must be auto or a year from 1970 to 9999",
        remedy: "write auto, or the year as a number",
        reason: Reason::OutOfBounds,
        field: "",
        holds: |value| {
            let is_year = |year: u64| (1970..=9999).contains(&year);
            match value {
                Value::Number(number) => number.as_u64().is_some_and(is_year),
                Value::String(text) => text == "auto" || text.len() == 4 && text.parse().is_ok_and(is_year),
                _ => true,
            }
        },
    })];
    timestamp => [positive!("maxAge")];
    multiline => [positive!("maxWait"), positive_bytes!("maxBytes")];
    superlog => [positive_bytes!("maxBytes")];
    redaction => [
        Rule::ExactlyOne(&["pattern", "drop", "hash"]),
        Rule::Condition(Condition {
            cel: "!has(self.drop) || self.drop",
            message: "drop can only be true",
            remedy: "write drop: true, or leave the rule out",
            reason: Reason::Conflict,
            field: "drop",
            holds: |value| value["drop"] != json!(false),
        }),
        Rule::Condition(Condition {
            cel: "!has(self.replace) || has(self.pattern)",
            message: "replace needs pattern",
            remedy: "add the pattern whose matches are replaced",
            reason: Reason::Conflict,
            field: "replace",
            holds: |value| !is_given(value, "replace") || is_given(value, "pattern"),
        }),
        Rule::Condition(Condition {
            cel: "has(self.pattern) || has(self.fields)",
            message: "fields must name the columns to drop or hash",
            remedy: "add fields: with the columns",
            reason: Reason::MissingField,
            field: "",
            holds: |value| is_given(value, "pattern") || is_given(value, "fields"),
        }),
    ];
    redaction_hash => [Rule::ExactlyOne(&["keySecretName", "keyEnv"])];
    manifest_test => [
        Rule::ExactlyOne(&["line", "lines"]),
        Rule::Condition(Condition {
            cel: "has(self.expect) || has(self.expectTimestamp) || has(self.expectReason) || has(self.expectEvents)",
            message: "a test must expect something",
            remedy: "add expect, expectTimestamp, expectReason or expectEvents",
            reason: Reason::MissingField,
            field: "",
            holds: |value| ["expect", "expectTimestamp", "expectReason", "expectEvents"]
                .iter()
                .any(|field| is_given(value, field)),
        }),
        Rule::Condition(Condition {
            cel: "!has(self.expectReason) || !(has(self.expect) || has(self.expectTimestamp))",
            message: "a line with expectReason is dropped and has no columns and no time to expect",
            remedy: "keep expectReason, or keep expect and expectTimestamp",
            reason: Reason::Conflict,
            field: "expectReason",
            holds: |value| !is_given(value, "expectReason")
                || !(is_given(value, "expect") || is_given(value, "expectTimestamp")),
        }),
    ];
    source => [Rule::ExactlyOne(&["kafka", "external"])];
    dedupe => [positive!("window")];
    join => [positive!("within"), positive_bytes!("maxBytes")];
    metric => [Rule::ExactlyOne(&["value", "countWhere", "distinct", "ratio", "rate"])];
    window => [Rule::ExactlyOne(&["tumbling", "sliding", "session", "count"]), positive!("tumbling")];
    sliding => [
        positive!("size"),
        positive!("slide"),
        Rule::Condition(Condition {
            cel: "self.size.contains('d') || self.slide.contains('d') || duration(self.slide) <= duration(self.size)",
            message: "slide must not be longer than size",
            remedy: "make slide shorter, or use tumbling",
            reason: Reason::Conflict,
            field: "slide",
            holds: |value| both(duration(value, "slide"), duration(value, "size"), |slide, size| slide <= size),
        }),
        Rule::Condition(Condition {
            cel: "self.size.contains('d') || self.slide.contains('d') || duration(self.slide).getMilliseconds() == 0 || duration(self.size).getMilliseconds() % duration(self.slide).getMilliseconds() == 0",
            message: "slide must divide size",
            remedy: "choose a slide of which size is a multiple",
            reason: Reason::Conflict,
            field: "slide",
            holds: |value| both(duration(value, "size"), duration(value, "slide"), |size, slide| {
                slide == 0 || size.is_multiple_of(slide)
            }),
        }),
    ];
    session => [
        positive!("gap"),
        Rule::Condition(Condition {
            cel: "self.gap.contains('d') || self.maxLength.contains('d') || duration(self.gap) <= duration(self.maxLength)",
            message: "maxLength must not be shorter than gap",
            remedy: "make maxLength longer",
            reason: Reason::Conflict,
            field: "maxLength",
            holds: |value| both(duration(value, "gap"), duration(value, "maxLength"), |gap, most| gap <= most),
        }),
    ];
    count_window => [Rule::Condition(Condition {
        cel: "self.slide == 0 || (self.slide <= self.size && self.size % self.slide == 0)",
        message: "slide must divide size",
        remedy: "choose a slide of which size is a multiple",
        reason: Reason::Conflict,
        field: "slide",
        holds: |value| both(value["size"].as_u64(), value["slide"].as_u64(), |size, slide| {
            slide == 0 || (slide <= size && size.is_multiple_of(slide))
        }),
    })];
    metric_or_metrics => [Rule::ExactlyOne(&["metric", "metrics"])];
    infer => [
        Rule::ExactlyOne(&["url", "onnx"]),
        ON_OR_TRUE,
        positive!("deadline"),
    ];
    infer_on => [
        Rule::ExactlyOne(&["events", "window"]),
        Rule::Condition(Condition {
            cel: "!has(self.scope) || has(self.window)",
            message: "scope needs window",
            remedy: "add the window, or leave scope out",
            reason: Reason::Conflict,
            field: "scope",
            holds: |value| !is_given(value, "scope") || is_given(value, "window"),
        }),
    ];
    alert => [
        ON_OR_TRUE,
        Rule::Condition(Condition {
            cel: "!has(self.inhibitedBy) || !(self.name in self.inhibitedBy)",
            message: "a rule cannot inhibit itself",
            remedy: "take the rule's own name out of inhibitedBy",
            reason: Reason::Conflict,
            field: "inhibitedBy",
            holds: |value| !value["inhibitedBy"].as_array().is_some_and(|names| names.contains(&value["name"])),
        }),
    ];
    sink => [
        Rule::ExactlyOne(Sink::TARGETS),
        positive!("timeout"),
        Rule::Condition(Condition {
            cel: "!(has(self.alertmanager) || has(self.pagerduty)) || self.stream == 'alerts'",
            message: "alertmanager and pagerduty take the stream alerts only",
            remedy: "write stream: alerts, or choose another target",
            reason: Reason::Conflict,
            field: "stream",
            holds: |value| !(is_given(value, "alertmanager") || is_given(value, "pagerduty"))
                || value["stream"] == json!("alerts"),
        }),
        Rule::Condition(Condition {
            cel: "!(has(self.slack) || has(self.email)) || self.stream in ['alerts', 'findings']",
            message: "slack and email take the streams alerts and findings only",
            remedy: "write stream: alerts, or choose another target",
            reason: Reason::Conflict,
            field: "stream",
            holds: |value| !(is_given(value, "slack") || is_given(value, "email"))
                || value["stream"] == json!("alerts") || value["stream"] == json!("findings"),
        }),
    ];
    batch => [positive_bytes!("maxBytes")];
    druid => [Rule::Condition(Condition {
        cel: "!has(self.sketchK) || self.sketchK in [128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]",
        message: "sketchK must be a power of two from 128 to 32768",
        remedy: "write 1024, which is the default",
        reason: Reason::OutOfBounds,
        field: "sketchK",
        holds: |value| value["sketchK"].as_u64().is_none_or(|k| (128..=32_768).contains(&k) && k.is_power_of_two()),
    })];
    parquet => [positive_bytes!("maxFileBytes"), positive!("maxFileAge"), positive!("deleteAfter")];
    search => [positive!("deleteAfter")];
    resend => [positive!("resendEvery")];
    file_sink => [below_folder!("path")];
    scaling => [
        Rule::Condition(Condition {
            cel: "(has(self.minWorkers) ? self.minWorkers : 1) <= (has(self.maxWorkers) ? self.maxWorkers : 1)",
            message: "minWorkers must not be above maxWorkers",
            remedy: "raise maxWorkers (default 1) or lower minWorkers",
            reason: Reason::Conflict,
            field: "minWorkers",
            holds: |value| {
                let workers = |field| match value.get(field) {
                    None => Some(1),
                    Some(number) => number.as_u64(),
                };
                both(workers("minWorkers"), workers("maxWorkers"), |min, max| min <= max)
            },
        }),
        positive!("targetLag"),
    ];
    delivery => [positive!("checkpointEvery")];
    breaker => [positive!("openFor")];
    egress => [Rule::ExactlyOne(&["host", "cidr"])];
}

/// `on` is needed. A YAML 1.1 reader, which kubectl is, turns an unquoted `on` into the key `true`; the
/// schema has that name too (see [`on_as_yaml_1_1_reads_it`]), so that both forms arrive.
const ON_OR_TRUE: Rule = Rule::Condition(Condition {
    cel: "has(self.on) != has(self.__true__)",
    message: "on must be given",
    remedy: "add on: with what it is evaluated on",
    reason: Reason::MissingField,
    field: "",
    holds: |value| is_given(value, "on") != is_given(value, "true"),
});

/// Schema transform: gives the member `on` a twin named `true`.
///
/// kubectl, helm and the GitOps tools read YAML 1.1, in which an unquoted `on` is a boolean: they send
/// `{"true": …}` to the API server (measured with sigs.k8s.io/yaml 1.6). Serde reads the twin as an alias.
pub(crate) fn on_as_yaml_1_1_reads_it(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != "on");
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut)
        && let Some(mut twin) = properties.get("on").cloned()
    {
        twin["description"] = json!(TWIN_DESCRIPTION);
        properties.insert("true".to_owned(), twin);
    }
}

/// Description by which the twin of `on` is known.
pub(crate) const TWIN_DESCRIPTION: &str =
    "The same as `on`: what YAML 1.1 readers such as kubectl make of it when it is not quoted.";
