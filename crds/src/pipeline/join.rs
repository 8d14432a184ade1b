//! `join`: events of one correlation key across streams become one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{Column, Expr, Ident};
use crate::units::{ByteSize, Duration};

/// Gathers the events of one correlation key within a bound of event time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::join()))]
pub struct Join {
    /// Column of the correlation key, present in the message of every stream.
    pub key: Column,
    /// How long after the first event of a key its partners may come, in event time.
    pub within: Duration,
    /// `inner` (default): an event per pair of rows of the two streams. `left`: also rows of the required stream
    /// that found no partner. `outer`: rows of either stream that found none. `assemble`: all rows of the key as
    /// one event, until `complete` is true or time is up.
    #[serde(default)]
    pub mode: JoinMode,
    /// The streams.
    #[schemars(length(min = 1, max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["source"]))]
    pub streams: Vec<JoinStream>,
    /// Expression over the events gathered so far; an assembly for which it is true is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<Expr>,
    /// Most events of one key; at the bound the key is completed early and counted. Default 10000.
    #[serde(default = "default_max_events")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_events: u32,
    /// Mode assemble: most bytes of one key's events, as rows; at the bound the key is completed early and counted.
    /// Default 1MiB.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: ByteSize,
    /// When true a partner that comes late goes out as an update of the joined event. Default false:
    /// it is counted and goes to the late output.
    #[serde(default)]
    pub late_updates: bool,
}

fn default_max_events() -> u32 {
    10_000
}

fn default_max_bytes() -> ByteSize {
    ByteSize::from_mib(1)
}

/// How streams are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JoinMode {
    /// Every stream must have spoken.
    #[default]
    Inner,
    /// The required streams must have spoken.
    Left,
    /// Whatever came.
    Outer,
    /// Everything with this key.
    Assemble,
}

/// One stream of a join.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JoinStream {
    /// Name of a source.
    pub source: Ident,
    /// When true a key without an event of this stream is not joined (`left`, `assemble`). Default
    /// false.
    #[serde(default)]
    pub required: bool,
}
