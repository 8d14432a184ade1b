//! Sinks that are stores: Elasticsearch and OpenSearch, Druid, Parquet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{Column, Name, SecretName, Topic, Url};
use crate::units::{ByteSize, Duration};

/// Elasticsearch or OpenSearch. Events are created under their id; windows and alerts are indexed
/// with their revision as external version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::search()))]
pub struct SearchSink {
    /// Address of the cluster.
    pub url: Url,
    /// Secret in this namespace with `username` and `password`, or `apiKey`, and `ca.crt` if needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
    /// Beginning of the names of the indices; the date of event time follows. Default: stream, tenant
    /// and pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<Name>,
    /// Time that one index covers: `day` (default), `month` or `year`.
    #[serde(default)]
    pub index_per: IndexPer,
    /// When true records go to a data stream, which is only at-least-once: it forgets ids at rollover.
    /// Default false.
    #[serde(default)]
    pub data_stream: bool,
    /// Age at which an index is deleted. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<Duration>,
    /// When true the bodies are compressed with gzip. Default true.
    #[serde(default = "default_true")]
    pub gzip: bool,
    /// With an alert, store every event of its scope and window. Default true.
    #[serde(default = "default_true")]
    pub evidence: bool,
}

fn default_true() -> bool {
    true
}

/// Time that one index covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum IndexPer {
    /// One index per day.
    #[default]
    Day,
    /// One index per month.
    Month,
    /// One index per year.
    Year,
}

/// Druid, through a public Kafka topic written in transactions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::druid()))]
pub struct DruidSink {
    /// Name of a Kafka cluster of the tenant.
    pub cluster: Name,
    /// Topic that Druid ingests.
    pub topic: Topic,
    /// Address of Druid's router, to which the supervisor's specification is submitted. Default: the
    /// specification is only printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Secret in this namespace with `username` and `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
    /// Data source in Druid. Default: tenant and pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datasource: Option<Name>,
    /// Size parameter of the quantile sketches, a power of two. Default 1024.
    #[serde(default = "default_sketch_k")]
    #[schemars(range(min = 128, max = 32_768))]
    pub sketch_k: u32,
}

fn default_sketch_k() -> u32 {
    1_024
}

/// Parquet files, cut at points given by the log and put if absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::parquet()))]
pub struct ParquetSink {
    /// Address of the folder: `s3://`, `gs://`, `az://` or `file://`.
    pub url: Url,
    /// Secret in this namespace with the store's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
    /// Columns that become Hive folders, after date and hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    pub partition_by: Vec<Column>,
    /// Size at which a file is cut. Default 128MiB.
    #[serde(default = "default_file_bytes")]
    pub max_file_bytes: ByteSize,
    /// Event time that one file covers at most. Default 15m.
    #[serde(default = "default_file_age")]
    pub max_file_age: Duration,
    /// Level of zstd. Default 3.
    #[serde(default = "default_zstd")]
    #[schemars(range(min = 1, max = 19))]
    pub zstd_level: u32,
    /// Columns with a bloom filter, besides the ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    pub bloom: Vec<Column>,
    /// Age at which files are deleted. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<Duration>,
    /// When true nothing is deleted, whatever `deleteAfter` says. Default false.
    #[serde(default)]
    pub legal_hold: bool,
}

fn default_file_bytes() -> ByteSize {
    ByteSize::from_mib(128)
}

fn default_file_age() -> Duration {
    Duration::from_secs(900)
}

fn default_zstd() -> u32 {
    3
}
