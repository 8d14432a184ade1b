//! `infer`: models, remote or in process.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::ScopeLevel;
use crate::rules;
use crate::text::{Expr, Ident, Name, SecretName, Url};
use crate::units::Duration;

/// One model: exactly one of `url` (Open Inference Protocol v2 over gRPC) and `onnx` (in process).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::infer()), transform = rules::on_as_yaml_1_1_reads_it)]
pub struct Infer {
    /// Name of the model's results in expressions.
    pub name: Ident,
    /// Address of an inference server, such as `grpc://models.example:8081`. The tenant's egress list
    /// must hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Address of an ONNX file in an object store; it runs in process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onnx: Option<Url>,
    /// Name of the model on the server.
    pub model: Name,
    /// Version of the model. Default: the one the server calls ready; a change takes effect at a
    /// position of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Name>,
    /// What is sent to the model.
    #[serde(alias = "true")]
    pub on: InferOn,
    /// Inputs of the model by name: expressions over what `on` names.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 64, "x-kubernetes-validations" = rules::ident_keys()))]
    pub inputs: BTreeMap<Ident, Expr>,
    /// Outputs of the model to keep. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub outputs: Vec<Ident>,
    /// Longest time for one answer. After it the result is absent, which is a stated outcome. Default 1s.
    #[serde(default = "default_deadline")]
    pub deadline: Duration,
    /// How requests are batched.
    #[serde(default)]
    pub batch: InferBatch,
    /// Most requests under way at once. Default 4.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 256))]
    pub concurrency: u32,
    /// When requests stop after failures.
    #[serde(default)]
    pub breaker: Breaker,
    /// Secret in this namespace with the entries `token`, `ca.crt`, `tls.crt` and `tls.key`, those
    /// that are needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
}

fn default_deadline() -> Duration {
    Duration::from_secs(1)
}

fn default_concurrency() -> u32 {
    4
}

/// What is sent to a model: exactly one of `events` and `window`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::infer_on()))]
pub struct InferOn {
    /// Condition over an event: every event for which it is true is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Expr>,
    /// Name of a window: every closed window is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Ident>,
    /// Scope level of the window: one entry of the pipeline's `scopes`. Default: all levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ScopeLevel>,
}

/// Batches of requests to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InferBatch {
    /// Most rows of one request. Default 256.
    #[schemars(range(min = 1, max = 65_536))]
    pub max_rows: u32,
    /// Longest time that a row waits for others. Default 20ms.
    pub linger: Duration,
}

impl Default for InferBatch {
    fn default() -> Self {
        Self { max_rows: 256, linger: Duration::from_millis(20) }
    }
}

/// A circuit breaker: closed, open, half-open with one probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-kubernetes-validations" = rules::breaker()))]
pub struct Breaker {
    /// Failures in a row that open it. Default 5.
    #[schemars(range(min = 1, max = 1_000))]
    pub failures: u32,
    /// How long it stays open before one probe is let through. Default 30s.
    pub open_for: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(30) }
    }
}
