//! `tests` of a pipeline: input lines and the events, windows and alerts that must come of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::status::{JsonMap, json_maps_schema};
use crate::text::{Ident, Instant, Line, Name};

/// Input lines and what must come of them, after the inputs have ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineTest {
    /// Name of the test.
    pub name: Name,
    /// Lines, in the order in which the sources give them.
    #[schemars(length(min = 1, max = 1_024))]
    pub input: Vec<TestLine>,
    /// What must come out.
    pub expect: PipelineExpect,
}

/// One input line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestLine {
    /// Name of the source.
    pub source: Ident,
    /// The line.
    pub line: Line,
    /// Time at which the source took the line. Default: the line's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
}

/// What must come out of a test. Each entry must match one record, in any order; names that an entry
/// does not give may have any value. An empty list says that there must be none; an absent list says
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PipelineExpect {
    /// Events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub events: Option<Vec<JsonMap>>,
    /// Closed windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub windows: Option<Vec<JsonMap>>,
    /// Aggregates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub aggregates: Option<Vec<JsonMap>>,
    /// Alerts, each change of state as one record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub alerts: Option<Vec<JsonMap>>,
    /// Findings of the detectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub findings: Option<Vec<JsonMap>>,
    /// Dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub deadletter: Option<Vec<JsonMap>>,
    /// Events that came too late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "json_maps_schema")]
    pub late: Option<Vec<JsonMap>>,
}
