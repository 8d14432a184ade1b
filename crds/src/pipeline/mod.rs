//! `TenantPipeline`: the chain of one pipeline, one file per part.
//!
//! ```text
//! source ─► (manifest) ─► join ─► window, detect ─► infer ─► aggregate, alert ─► sink
//! ```

mod alert;
mod detect;
mod infer;
mod join;
mod scaling;
mod sink;
mod source;
mod test;
mod window;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use alert::*;
pub use detect::*;
pub use infer::*;
pub use join::*;
pub use scaling::*;
pub use sink::*;
pub use source::*;
pub use test::*;
pub use window::*;

use crate::status::{Condition, conditions_schema};
use crate::text::Text;

/// The chain of one pipeline: sources, join, scopes, metrics, windows, detectors, inference, rules,
/// sinks, scaling and delivery.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "logloom.io",
    version = "v1alpha1",
    kind = "TenantPipeline",
    namespaced,
    status = "TenantPipelineStatus",
    shortname = "tp",
    category = "logloom",
    derive = "PartialEq",
    doc = "The chain of one pipeline: from source topics to alerts and stores.",
    scale(
        spec_replicas_path = ".spec.scaling.workers",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "True when the pipeline runs as its spec says"
    ),
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "Where in its life the pipeline is"
    ),
    printcolumn(name = "Workers", type_ = "integer", json_path = ".status.replicas", description = "Workers that run"),
    printcolumn(
        name = "Lag",
        type_ = "string",
        json_path = ".status.lag",
        description = "Time by which the slowest source lags"
    ),
    printcolumn(
        name = "Completeness",
        type_ = "string",
        json_path = ".status.completeness",
        description = "Share of accounted lines over the last closed hour"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is or is not ready"
    ),
    printcolumn(
        name = "Generation",
        type_ = "integer",
        json_path = ".status.generation",
        description = "Generation of the running pipeline",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantPipelineSpec {
    /// What this pipeline is for, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// Streams of lines.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sources: Vec<Source>,
    /// Gathers the events of one correlation key across streams. Default: events go on one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
    /// Scope levels, coarse to fine; each has the columns of the one before and more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub scopes: Vec<ScopeLevel>,
    /// What is measured at every scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub metrics: Vec<Metric>,
    /// Over which time it is measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub windows: Vec<Window>,
    /// Values of closed windows put on every event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub augment: Vec<Augment>,
    /// Built-in detectors.
    #[serde(default)]
    pub detect: Detect,
    /// Models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub infer: Vec<Infer>,
    /// Rules that combine windows into objects for the stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub aggregate: Vec<Aggregate>,
    /// Alert rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub alerts: Vec<Alert>,
    /// Where results go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sinks: Vec<Sink>,
    /// Bounds of this pipeline.
    #[serde(default)]
    pub limits: Limits,
    /// How many workers run.
    #[serde(default)]
    pub scaling: Scaling,
    /// With which guarantee results are delivered.
    #[serde(default)]
    pub delivery: Delivery,
    /// When true the workers are drained and stopped; state and positions are kept. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// Input lines and what must come of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub tests: Vec<PipelineTest>,
}

/// Where in its life a pipeline is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Seen, nothing made yet.
    #[default]
    Pending,
    /// Its objects are being made.
    Provisioning,
    /// Its workers run.
    Running,
    /// Its workers finish what they hold.
    Draining,
    /// A new generation takes over.
    Upgrading,
    /// The last good generation comes back.
    RollingBack,
    /// Stopped on request.
    Suspended,
    /// Its objects are being removed.
    Deleting,
}

/// What the operator says about a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantPipelineStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where in its life the pipeline is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Generation of the running pipeline: counted up by each change that needs a switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Workers that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Label selector of the workers, for the scale subresource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Text>,
    /// Workers that the scaler would run, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<Text>,
    /// Time by which the slowest source lags, such as `4s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<Text>,
    /// Share of accounted lines over the last closed hour, such as `100%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Text>,
    /// Accepted, Isolated, KafkaReady, QuotaSatisfied, Progressing, Degraded and Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
}
