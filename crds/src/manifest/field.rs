//! `fields`, `redact`, `templates`, `multiline`, `superlog`: what becomes of extracted values.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{Column, EnvName, Extracted, Name, Pattern, SecretName, Text};
use crate::units::{ByteSize, Duration};

/// How one column of the message gets its value. An extracted name that equals a column's name needs
/// no entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::field()))]
pub struct Field {
    /// Column of the message, dotted for a nested one.
    pub name: Column,
    /// Extracted name that gives the value; may be a dotted path into JSON. Default: `name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Extracted>,
    /// Extracted names to try in order; the first that is present and not empty counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    pub first_of: Vec<Extracted>,
    /// Constant value, the same for every line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Text>,
    /// Regular expression with one group; the group's text is the value. No match: the column is
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract: Option<Pattern>,
    /// Replacement of values, such as `W: WARN`. A value that is not a key stays as it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 128))]
    pub map: BTreeMap<Text, Text>,
    /// Factor for a numeric column, such as 0.001 to turn microseconds into milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Value when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Text>,
    /// When true a line without this column goes to the dead-letter output. Default false.
    #[serde(default)]
    pub required: bool,
}

/// A number that every event of this manifest carries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManifestMetric {
    /// Name by which pipelines use it.
    pub name: Name,
    /// Numeric column of the message.
    pub column: Column,
    /// Unit, such as `ms` or `bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Text>,
}

/// Events of several lines. A line that matches `start` begins an event; the lines after it, up to
/// the next start, belong to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::multiline()))]
pub struct Multiline {
    /// Regular expression that a start line matches.
    pub start: Pattern,
    /// Column to which the text of continuation lines is appended, each after a newline.
    pub field: Column,
    /// Most lines of one event. Default 500.
    #[serde(default = "default_max_lines")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_lines: u32,
    /// Most bytes of one event. Default 64KiB.
    #[serde(default = "default_multiline_bytes")]
    pub max_bytes: ByteSize,
    /// Longest time in event time that an event stays open for more lines. Default 5s.
    #[serde(default = "default_max_wait")]
    pub max_wait: Duration,
}

fn default_max_lines() -> u32 {
    500
}

fn default_multiline_bytes() -> ByteSize {
    ByteSize::from_kib(64)
}

fn default_max_wait() -> Duration {
    Duration::from_secs(5)
}

/// Mining of templates from one free-text column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Templates {
    /// Text column that is mined.
    pub field: Column,
    /// Most templates kept; the least used one makes room. Default 3000.
    #[serde(default = "default_max_templates")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_templates: u32,
    /// How masked lines become groups: `words` (default) or `drain`.
    #[serde(default)]
    pub grouping: TemplateGrouping,
    /// Whether numbers, addresses, paths and other values are found by their form, after `masks`.
    /// Default true.
    #[serde(default = "default_builtin_masks")]
    pub builtin_masks: bool,
    /// Depth of the parse tree, counted as Drain's paper does. Only for `drain`. Default 4.
    #[serde(default = "default_depth")]
    #[schemars(range(min = 3, max = 16))]
    pub depth: u32,
    /// Share of equal tokens from which a line joins a template, 0 to 1. Only for `drain`. Default 0.4.
    #[serde(default = "default_similarity")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub similarity: f64,
    /// Most children of a tree node. Only for `drain`. Default 100.
    #[serde(default = "default_max_children")]
    #[schemars(range(min = 2, max = 1_000))]
    pub max_children: u32,
    /// Patterns replaced by a variable before mining, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub masks: Vec<Mask>,
    /// Regular expressions; text that matches one is not mined.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub exclude: Vec<Pattern>,
}

/// How masked lines become groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TemplateGrouping {
    /// A word is a constant until its place has been seen to vary.
    #[default]
    Words,
    /// Drain's tree of fixed depth and token similarity.
    Drain,
}

fn default_builtin_masks() -> bool {
    true
}

fn default_max_templates() -> u32 {
    3_000
}

fn default_depth() -> u32 {
    4
}

fn default_similarity() -> f64 {
    0.4
}

fn default_max_children() -> u32 {
    100
}

/// A pattern that is always a variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mask {
    /// Name of the variable's type, such as `ip`.
    pub name: Name,
    /// Regular expression of the variable.
    pub pattern: Pattern,
}

/// A redaction rule: exactly one of `pattern`, `drop` and `hash`. Runs before anything leaves the
/// worker, the dead-letter output included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::redaction()))]
pub struct Redaction {
    /// Columns to redact. Default: every text column (only for `pattern`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 128))]
    pub fields: Vec<Column>,
    /// Regular expression of what to replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Replacement of each match. Default `[redacted]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<Text>,
    /// When true the columns are emptied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<bool>,
    /// The columns become a keyed hash (HMAC-SHA-256), so that equal values stay equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<RedactionHash>,
}

impl Redaction {
    /// Replacement when the rule names none.
    pub const DEFAULT_REPLACEMENT: &'static str = "[redacted]";
}

/// The key of a keyed hash: exactly one of a Secret or an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::redaction_hash()))]
pub struct RedactionHash {
    /// Secret in this namespace whose entry `key` holds the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_secret_name: Option<SecretName>,
    /// Environment variable that holds the key. For local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<EnvName>,
}

/// What happens to lines above a size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-kubernetes-validations" = rules::superlog()))]
pub struct Superlog {
    /// Lines above this size are superlogs. Default 256KiB.
    pub max_bytes: ByteSize,
    /// `truncate` (default): cut at the size, with the original length recorded. `claimCheck`: keep
    /// the whole line in the object store and put a reference into the event.
    pub action: SuperlogAction,
}

impl Default for Superlog {
    fn default() -> Self {
        Self { max_bytes: ByteSize::from_kib(256), action: SuperlogAction::Truncate }
    }
}

/// What happens to a superlog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SuperlogAction {
    /// Cut at the bound.
    #[default]
    Truncate,
    /// Keep whole in the object store.
    ClaimCheck,
}
