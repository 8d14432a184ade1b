//! `metrics`, `windows`, `augment`, `limits`: what is measured, over which time, for which scopes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{Column, Expr, Ident, Text};
use crate::units::{ByteSize, Duration};

/// A scope level: the columns whose values name one scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ScopeLevel(#[schemars(length(min = 1, max = 16))] pub Vec<Column>);

/// What is measured at every scope: exactly one of `value`, `countWhere`, `distinct`, `ratio` and
/// `rate`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::metric()))]
pub struct Metric {
    /// Name of the metric in expressions.
    pub name: Ident,
    /// Source to which the metric is restricted. Default: every event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Ident>,
    /// Numeric expression over an event: count, sum, min, max and quantiles of it are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Expr>,
    /// Condition over an event: the number of events for which it is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_where: Option<Expr>,
    /// Expression over an event: the number of distinct values (HyperLogLog).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<Expr>,
    /// One metric divided by another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// A metric per second of window time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Unit, such as `ms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Text>,
}

/// What a metric measures, as one value to match on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind<'a> {
    /// `value`
    Value(&'a Expr),
    /// `countWhere`
    CountWhere(&'a Expr),
    /// `distinct`
    Distinct(&'a Expr),
    /// `ratio`
    Ratio(&'a Ratio),
    /// `rate`
    Rate(&'a Rate),
}

impl Metric {
    /// The one kind of this metric; none when the resource was not checked and names none.
    pub fn kind(&self) -> Option<MetricKind<'_>> {
        let value = self.value.as_ref().map(MetricKind::Value);
        value
            .or_else(|| self.count_where.as_ref().map(MetricKind::CountWhere))
            .or_else(|| self.distinct.as_ref().map(MetricKind::Distinct))
            .or_else(|| self.ratio.as_ref().map(MetricKind::Ratio))
            .or_else(|| self.rate.as_ref().map(MetricKind::Rate))
    }
}

/// One metric divided by another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ratio {
    /// Name of the metric above the line.
    pub of: Ident,
    /// Name of the metric below the line, or `count` for the number of events.
    pub over: Ident,
}

/// A metric per second of window time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// Name of the metric, or `count` for the number of events.
    pub of: Ident,
}

/// A window: exactly one of `tumbling`, `sliding`, `session` and `count`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::window()))]
pub struct Window {
    /// Name of the window.
    pub name: Ident,
    /// Windows of this length, one after the other, aligned to 1970-01-01T00:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tumbling: Option<Duration>,
    /// Windows that overlap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sliding: Option<Sliding>,
    /// Windows of activity, ended by a gap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Windows of a number of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<CountWindow>,
    /// How late, beyond the allowed disorder, an event still corrects a closed window. Default 0s.
    #[serde(default)]
    pub lateness: Duration,
    /// Depths of the scope levels at which this window is kept; 1 is the first entry of the
    /// pipeline's `scopes`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(range(min = 1, max = 16)))]
    pub scopes: Vec<u32>,
}

/// The kind of a window, as one value to match on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WindowKind<'a> {
    /// `tumbling`
    Tumbling(Duration),
    /// `sliding`
    Sliding(&'a Sliding),
    /// `session`
    Session(&'a Session),
    /// `count`
    Count(&'a CountWindow),
}

impl Window {
    /// The one kind of this window; none when the resource was not checked and names none.
    pub fn kind(&self) -> Option<WindowKind<'_>> {
        let tumbling = self.tumbling.map(WindowKind::Tumbling);
        tumbling
            .or_else(|| self.sliding.as_ref().map(WindowKind::Sliding))
            .or_else(|| self.session.as_ref().map(WindowKind::Session))
            .or_else(|| self.count.as_ref().map(WindowKind::Count))
    }
}

/// Windows of event time that overlap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::sliding()))]
pub struct Sliding {
    /// Length of a window.
    pub size: Duration,
    /// Time from the start of one window to the start of the next; divides `size`.
    pub slide: Duration,
}

/// Windows of activity of one scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::session()))]
pub struct Session {
    /// A quiet time of this length ends the session.
    pub gap: Duration,
    /// A session of this length ends even without a gap.
    pub max_length: Duration,
}

/// Windows of a number of events of one scope.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::count_window()))]
pub struct CountWindow {
    /// Events in a window.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub size: u32,
    /// Events from the start of one window to the start of the next; divides `size`.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub slide: u32,
}

/// Values of the last closed window, put on every event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Augment {
    /// Name of a window.
    pub window: Ident,
    /// Scope level: one entry of the pipeline's `scopes`.
    pub scope: ScopeLevel,
    /// Expressions over the closed window, such as `p99(latency_ms)`.
    #[schemars(length(min = 1, max = 16))]
    pub values: Vec<Expr>,
    /// Name of the object on the event that holds the values, each under its expression's text.
    pub r#as: Ident,
}

/// Bounds of one pipeline. A tenant's quota may set lower ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Most scopes alive at once, over all levels. At the bound new scopes report at their parent,
    /// and are counted. Default 100000.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub live_scopes: u32,
    /// Most bytes of open joins. At the bound the oldest keys are completed early, and counted.
    /// Default 256MiB.
    pub join_bytes: ByteSize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { live_scopes: 100_000, join_bytes: ByteSize::from_mib(256) }
    }
}
