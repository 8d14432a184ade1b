//! `tests` of a manifest: sample lines and what must come of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::status::{JsonMap, json_map_schema, json_maps_schema};
use crate::text::{Instant, Line, Name, Text};

/// A sample and what must come of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::manifest_test()))]
pub struct ManifestTest {
    /// Name of the test.
    pub name: Name,
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
    /// Several lines of one source, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 256))]
    pub lines: Vec<Line>,
    /// Time at which the source took the line (the Kafka timestamp). Decides the default year and
    /// the bounds on the future and on age. Default: the line's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Instant>,
    /// Columns and their values; columns that are not named may have any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_map_schema")]
    pub expect: Option<JsonMap>,
    /// Event time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect_timestamp: Option<Instant>,
    /// Reason for which the line is dropped or goes to the dead-letter output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect_reason: Option<Text>,
    /// The events that `lines` become, in order, each as in `expect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub expect_events: Option<Vec<JsonMap>>,
}
