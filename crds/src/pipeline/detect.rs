//! `detect`: built-in detectors over windows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{Column, Expr, Ident};
use crate::units::Duration;

/// Built-in detectors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Detect {
    /// Shifts of a metric's distribution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regime: Option<Regime>,
    /// The common baseline of sibling scopes, and the scopes that leave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// Scopes with too few samples report at their parent.
    pub dynamic_scoping: DynamicScoping,
    /// The combination of dimension values that explains the anomalous events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subspace: Option<Subspace>,
    /// Relations between the intervals of one request type, critical path, where time went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waterfall: Option<Waterfall>,
}

/// Regime shift: a two-sample Kolmogorov–Smirnov test between windows of different length. Give
/// `metric` or `metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::metric_or_metrics()))]
pub struct Regime {
    /// Name of a `value` metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Ident>,
    /// Names of several `value` metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    pub metrics: Vec<Ident>,
    /// Names of the windows that are compared, pair by pair.
    #[schemars(length(min = 2, max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub windows: Vec<Ident>,
    /// Probability of a false shift per comparison, before correction for the number of pairs.
    /// Default 0.001.
    #[serde(default = "default_alpha")]
    #[schemars(range(min = 0.000_000_001, max = 0.5))]
    pub alpha: f64,
    /// Smallest distance between the distributions that counts, 0 to 1. Default 0.05.
    #[serde(default = "default_min_effect")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_effect: f64,
    /// Closes in a row that must show the shift. Default 2.
    #[serde(default = "default_consecutive")]
    #[schemars(range(min = 1, max = 100))]
    pub consecutive: u32,
}

fn default_alpha() -> f64 {
    0.001
}

fn default_min_effect() -> f64 {
    0.05
}

fn default_consecutive() -> u32 {
    2
}

impl Regime {
    /// The metrics named, whichever way.
    pub fn metric_names(&self) -> impl Iterator<Item = &Ident> {
        self.metric.iter().chain(&self.metrics)
    }
}

/// Common baseline: confidence intervals of one quantile per sibling scope; the largest common set is
/// the baseline, the rest is anomalous with sign and size. Give `metric` or `metrics`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::metric_or_metrics()))]
pub struct Baseline {
    /// Name of a `value` metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<Ident>,
    /// Names of several `value` metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    pub metrics: Vec<Ident>,
    /// Quantile that is compared, between 0 and 1. Default 0.99.
    #[serde(default = "default_quantile")]
    #[schemars(range(min = 0.001, max = 0.9999))]
    pub quantile: f64,
    /// Columns by which siblings differ; siblings share every other column of their scope level.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub among: Vec<Column>,
    /// Name of the window. Default: the first tumbling or sliding one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Ident>,
    /// Coverage of the interval of one scope. Default 0.84: two such intervals that do not touch
    /// differ at about 0.05.
    #[serde(default = "default_confidence")]
    #[schemars(range(min = 0.5, max = 0.9999))]
    pub confidence: f64,
    /// Share of false anomalies among all (Benjamini–Hochberg over scopes). Default 0.05.
    #[serde(default = "default_fdr")]
    #[schemars(range(min = 0.000_000_001, max = 0.5))]
    pub fdr: f64,
    /// Fewest samples of a scope in the window. Default 300.
    #[serde(default = "default_min_samples")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub min_samples: u32,
}

fn default_quantile() -> f64 {
    0.99
}

fn default_confidence() -> f64 {
    0.84
}

fn default_fdr() -> f64 {
    0.05
}

fn default_min_samples() -> u32 {
    300
}

impl Baseline {
    /// The metrics named, whichever way.
    pub fn metric_names(&self) -> impl Iterator<Item = &Ident> {
        self.metric.iter().chain(&self.metrics)
    }
}

/// Dynamic scoping: a scope with too few samples for the effect to be found reports at its parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DynamicScoping {
    /// Default false.
    pub enabled: bool,
    /// Factor of change that must be found: 2 needs 300 samples, 1.5 needs 1,000, 1.2 needs 5,000.
    /// Default 1.5.
    #[schemars(range(min = 1.01, max = 100.0))]
    pub effect: f64,
}

impl Default for DynamicScoping {
    fn default() -> Self {
        Self { enabled: false, effect: 1.5 }
    }
}

/// Compact subspace: which combination of dimension values explains the anomalous events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subspace {
    /// Name of the window.
    pub window: Ident,
    /// Columns whose values are combined.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub dimensions: Vec<Column>,
    /// Condition over an event: true for an anomalous one.
    pub anomalous_when: Expr,
    /// Most combinations reported for one window. Default 3.
    #[serde(default = "default_max_results")]
    #[schemars(range(min = 1, max = 100))]
    pub max_results: u32,
}

fn default_max_results() -> u32 {
    3
}

/// Waterfall: happens-before, exclusion and pipeline relations between the intervals of one request
/// type, learned from the assembled events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Waterfall {
    /// Column that names the request type.
    pub request: Column,
    /// Column that names an interval, such as the operation.
    pub segment: Column,
    /// Column of an interval's length. Default: intervals run from event to event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Column>,
    /// Column of an interval's own id, for spans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Column>,
    /// Column of the id of the interval around it, for spans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Column>,
    /// Most segments of one request type. Default 64.
    #[serde(default = "default_max_segments")]
    #[schemars(range(min = 2, max = 1_000))]
    pub max_segments: u32,
    /// How long a relation that is no longer seen is remembered. Default 1d.
    #[serde(default = "default_remember")]
    pub remember: Duration,
}

fn default_max_segments() -> u32 {
    64
}

fn default_remember() -> Duration {
    Duration::from_secs(86_400)
}
