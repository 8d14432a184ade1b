//! `sources`: where lines come from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Empty;
use crate::rules;
use crate::text::{Column, Ident, Name, Topic};
use crate::units::Duration;

/// One stream of lines: exactly one of `kafka` and `external`, and the manifest that reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::source()))]
pub struct Source {
    /// Name of the source in this pipeline.
    pub name: Ident,
    /// Kafka topics of one cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaSource>,
    /// Lines that the command line binds with `--input NAME=…`. For local mode only; a `kafka` source
    /// can be bound in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<Empty>,
    /// Name of the ParsingManifest in this namespace that reads the lines.
    pub manifest: Name,
    /// What an idle source does to time. `claim` (default): it moves on by claims that nothing older
    /// can come. `hold`: time stands still until the source speaks again.
    #[serde(default)]
    pub idle: Idle,
    /// Removal of lines that were shipped twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<Dedupe>,
}

/// The kind of a source, as one value to match on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SourceKind<'a> {
    /// `kafka`
    Kafka(&'a KafkaSource),
    /// `external`
    External,
}

impl Source {
    /// The one kind of this source; none when the resource was not checked and names none.
    pub fn kind(&self) -> Option<SourceKind<'_>> {
        let external = || self.external.map(|Empty {}| SourceKind::External);
        self.kafka.as_ref().map(SourceKind::Kafka).or_else(external)
    }
}

/// Kafka topics as a source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaSource {
    /// Name of a cluster of the tenant.
    pub cluster: Name,
    /// Topics to read; each must begin with a prefix that the tenant may read.
    #[schemars(length(min = 1, max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub topics: Vec<Topic>,
    /// Where a new pipeline begins in a topic: `latest` (default) or `earliest`.
    #[serde(default)]
    pub start_at: StartAt,
}

/// Where a new pipeline begins in a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StartAt {
    /// At the end: only new lines.
    #[default]
    Latest,
    /// At the oldest line that the topic still has.
    Earliest,
}

/// What an idle source does to time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Idle {
    /// Time moves on by log-end claims.
    #[default]
    Claim,
    /// Time waits for the source.
    Hold,
}

/// Removal of lines that were shipped twice: same host, time and content at another offset. Lines
/// that an application really wrote several times are kept, by their ordinal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::dedupe()))]
pub struct Dedupe {
    /// How long, in event time, a line is remembered.
    pub window: Duration,
    /// Column that names the host or pod that wrote the line. Default: content and time decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Column>,
}
