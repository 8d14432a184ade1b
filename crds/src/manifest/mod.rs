//! `ParsingManifest`: how one log format becomes one message of a Protobuf schema.
//!
//! ```text
//! line ─► decode steps ─► extracted names ─► fields ─► message (columns)
//!                                        └─► timestamp, key, dimensions, metrics
//! ```

mod decode;
mod field;
mod test;
mod timestamp;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use decode::*;
pub use field::*;
pub use test::*;
pub use timestamp::*;

use crate::rules;
use crate::status::{Condition, conditions_schema};
use crate::text::{Column, Expr, MessageName, ProtoText, RelativePath, Text};

/// A choice without options of its own, written `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// How one log format becomes one message: decode steps, columns, event time, correlation key, scope
/// dimensions, metrics, redaction, and tests.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "logloom.io",
    version = "v1alpha1",
    kind = "ParsingManifest",
    namespaced,
    status = "ParsingManifestStatus",
    shortname = "pm",
    category = "logloom",
    derive = "PartialEq",
    doc = "How one log format becomes one message of a Protobuf schema, with tests.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "True when the manifest compiles and its tests pass"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".spec.schema.message",
        description = "Protobuf message of the events"
    ),
    printcolumn(name = "Tests", type_ = "string", json_path = ".status.tests", description = "Passed and all tests"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it is or is not ready",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParsingManifestSpec {
    /// What this format is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// The message that every line becomes.
    pub schema: MessageSchema,
    /// Steps that take a line apart, in order.
    #[schemars(length(min = 1, max = 16))]
    pub decode: Vec<DecodeStep>,
    /// How columns of the message get their values. An extracted name that equals a column's name
    /// needs no entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub fields: Vec<Field>,
    /// Where event time comes from.
    pub timestamp: TimestampRule,
    /// Expression over the message; a line for which it is false is dropped with reason `filtered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Expr>,
    /// Column that holds the correlation key, such as a trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Column>,
    /// Columns that scopes may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub dimensions: Vec<Column>,
    /// Numbers that every event carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub metrics: Vec<ManifestMetric>,
    /// Events of several lines, such as stack traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiline: Option<Multiline>,
    /// Mining of templates from one text column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<Templates>,
    /// Redaction, in order, before anything leaves the worker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub redact: Vec<Redaction>,
    /// What happens to lines above a size.
    #[serde(default)]
    pub superlog: Superlog,
    /// Sample lines and what must come of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub tests: Vec<ManifestTest>,
}

impl ParsingManifestSpec {
    /// Puts the text of every named `.proto` file in place of its path. `read` gets each path as it is
    /// written, relative to the resource's own file. The first error ends it.
    pub fn inline_files<E>(&mut self, mut read: impl FnMut(&str) -> Result<String, E>) -> Result<(), E> {
        let decoders = self.decode.iter_mut().filter_map(|step| step.protobuf.as_mut()?.schema.as_mut());
        let own = (&mut self.schema.proto, &mut self.schema.file);
        let all = std::iter::once(own).chain(decoders.map(|source| (&mut source.proto, &mut source.file)));
        for (proto, file) in all {
            if let Some(path) = file {
                *proto = Some(read(path)?.into());
                *file = None;
            }
        }
        Ok(())
    }
}

/// The Protobuf message of a manifest: its schema as text or file, and its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::proto_source()))]
pub struct MessageSchema {
    /// The text of a proto3 file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<ProtoText>,
    /// Path of a `.proto` file beside this resource. Only the command line reads files: it puts the
    /// text in place before it applies or runs the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<RelativePath>,
    /// Full name of the message.
    pub message: MessageName,
}

/// What the operator says about a manifest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParsingManifestStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Passed and all tests, such as `12/12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<Text>,
    /// Pipelines that use this manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_by: Option<u32>,
    /// Accepted and Ready, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
}
