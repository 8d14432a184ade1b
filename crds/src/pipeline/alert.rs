//! `aggregate` and `alerts`: rules with thresholds over closed windows.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::ScopeLevel;
use crate::rules;
use crate::text::{Column, Expr, Ident, Name, Text, Url};

/// A rule that combines windows into multi-dimensional objects.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Aggregate {
    /// Name of the rule and of its objects.
    pub name: Name,
    /// Dimensions of the objects: columns of one entry of the pipeline's `scopes`, in any order.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub by: Vec<Column>,
    /// Name of the window.
    pub window: Ident,
    /// Condition over the closed window; an object goes out when it is true. Default: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emit_when: Option<Expr>,
    /// Values of the object by name: expressions over the closed window. Default: every metric with
    /// count, sum, min, max and its usual quantiles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64, "x-kubernetes-validations" = rules::ident_keys()))]
    pub values: BTreeMap<Ident, Expr>,
}

/// An alert rule. Its state goes from pending to firing after `for` closes in a row for which `when`
/// holds, and to resolved after `resolveAfter` closes for which it does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::alert()), transform = rules::on_as_yaml_1_1_reads_it)]
pub struct Alert {
    /// Name of the rule.
    pub name: Name,
    /// Condition over the closed window and the detectors' results.
    pub when: Expr,
    /// The window and scope level on which it is evaluated.
    #[serde(alias = "true")]
    pub on: AlertOn,
    /// Closes in a row before it fires. Default 1.
    #[serde(default = "default_for")]
    #[schemars(range(min = 1, max = 10_000))]
    pub r#for: u32,
    /// Closes in a row before it is resolved. Default: as many as `for`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub resolve_after: Option<u32>,
    /// Condition that counts towards resolving, for a band between firing and quiet. Default: `when`
    /// is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolve_when: Option<Expr>,
    /// `info`, `warning` (default), `critical` or `page`.
    #[serde(default)]
    pub severity: Severity,
    /// Columns of the scope by which alerts are grouped into one incident. Default: those of the
    /// coarsest scope above the rule's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub group_by: Vec<Column>,
    /// Names of rules that silence this one while they fire on the same scope or a parent of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub inhibited_by: Vec<Name>,
    /// One sentence for people. `{…}` holds an expression, such as `{p99(latency_ms)}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Text>,
    /// Address of the page that says what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<Url>,
    /// Labels that the alert carries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32, "x-kubernetes-validations" = rules::ident_keys()))]
    pub labels: BTreeMap<Ident, Text>,
}

fn default_for() -> u32 {
    1
}

impl Alert {
    /// Closes before resolving, with the default applied.
    pub fn resolve_after(&self) -> u32 {
        self.resolve_after.unwrap_or(self.r#for)
    }
}

/// The window and scope level of an alert rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertOn {
    /// Name of a window.
    pub window: Ident,
    /// One entry of the pipeline's `scopes`.
    pub scope: ScopeLevel,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// For the record.
    Info,
    /// Look at it during the day.
    #[default]
    Warning,
    /// Look at it soon.
    Critical,
    /// Wake somebody.
    Page,
}

impl Severity {
    /// The word in YAML and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Page => "page",
        }
    }
}
