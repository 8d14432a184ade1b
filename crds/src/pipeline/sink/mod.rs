//! `sinks`: where results go. One lane per sink, with its own cursor, breaker and retries.

mod generic;
mod notify;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use generic::*;
pub use notify::*;
pub use store::*;

use crate::pipeline::Breaker;
use crate::rules;
use crate::text::{Expr, Name};
use crate::units::{ByteSize, Duration};

/// One sink: exactly one target, and the stream it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::sink()))]
pub struct Sink {
    /// Name of the sink.
    pub name: Name,
    /// What it takes.
    pub stream: Stream,
    /// Expression over a record; only those for which it is true are delivered. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Expr>,
    /// How records are batched.
    #[serde(default)]
    pub batch: Batch,
    /// Most requests under way at once. Default 4.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 256))]
    pub concurrency: u32,
    /// Longest time for one request. Default 30s.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// What happens to a record that was not taken.
    #[serde(default)]
    pub retry: Retry,
    /// When requests stop after failures.
    #[serde(default)]
    pub breaker: Breaker,
    /// Elasticsearch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elasticsearch: Option<SearchSink>,
    /// OpenSearch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opensearch: Option<SearchSink>,
    /// Druid, through a public Kafka topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub druid: Option<DruidSink>,
    /// Parquet files in an object store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parquet: Option<ParquetSink>,
    /// HTTP with a CloudEvents body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookSink>,
    /// Prometheus Alertmanager, API v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alertmanager: Option<AlertmanagerSink>,
    /// A Slack-compatible incoming webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<SlackSink>,
    /// PagerDuty Events v2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pagerduty: Option<PagerdutySink>,
    /// E-mail by SMTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailSink>,
    /// A Kafka topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<KafkaSink>,
    /// OTLP logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<OtlpSink>,
    /// HTTP bulk upsert with an id per record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSink>,
    /// PostgreSQL upsert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresSink>,
    /// A file of JSON lines. For local mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSink>,
}

fn default_concurrency() -> u32 {
    4
}

fn default_timeout() -> Duration {
    Duration::from_secs(30)
}

/// The target of a sink, as one value to match on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SinkTarget<'a> {
    /// `elasticsearch`
    Elasticsearch(&'a SearchSink),
    /// `opensearch`
    Opensearch(&'a SearchSink),
    /// `druid`
    Druid(&'a DruidSink),
    /// `parquet`
    Parquet(&'a ParquetSink),
    /// `webhook`
    Webhook(&'a WebhookSink),
    /// `alertmanager`
    Alertmanager(&'a AlertmanagerSink),
    /// `slack`
    Slack(&'a SlackSink),
    /// `pagerduty`
    Pagerduty(&'a PagerdutySink),
    /// `email`
    Email(&'a EmailSink),
    /// `kafka`
    Kafka(&'a KafkaSink),
    /// `otlp`
    Otlp(&'a OtlpSink),
    /// `http`
    Http(&'a HttpSink),
    /// `postgres`
    Postgres(&'a PostgresSink),
    /// `file`
    File(&'a FileSink),
}

impl Sink {
    /// Field names of the targets, in the order of the type.
    pub const TARGETS: &'static [&'static str] = &[
        "elasticsearch",
        "opensearch",
        "druid",
        "parquet",
        "webhook",
        "alertmanager",
        "slack",
        "pagerduty",
        "email",
        "kafka",
        "otlp",
        "http",
        "postgres",
        "file",
    ];

    /// The one target of this sink; none when the resource was not checked and names none.
    pub fn target(&self) -> Option<SinkTarget<'_>> {
        let first = self.elasticsearch.as_ref().map(SinkTarget::Elasticsearch);
        first
            .or_else(|| self.opensearch.as_ref().map(SinkTarget::Opensearch))
            .or_else(|| self.druid.as_ref().map(SinkTarget::Druid))
            .or_else(|| self.parquet.as_ref().map(SinkTarget::Parquet))
            .or_else(|| self.webhook.as_ref().map(SinkTarget::Webhook))
            .or_else(|| self.alertmanager.as_ref().map(SinkTarget::Alertmanager))
            .or_else(|| self.slack.as_ref().map(SinkTarget::Slack))
            .or_else(|| self.pagerduty.as_ref().map(SinkTarget::Pagerduty))
            .or_else(|| self.email.as_ref().map(SinkTarget::Email))
            .or_else(|| self.kafka.as_ref().map(SinkTarget::Kafka))
            .or_else(|| self.otlp.as_ref().map(SinkTarget::Otlp))
            .or_else(|| self.http.as_ref().map(SinkTarget::Http))
            .or_else(|| self.postgres.as_ref().map(SinkTarget::Postgres))
            .or_else(|| self.file.as_ref().map(SinkTarget::File))
    }
}

/// What a sink takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stream {
    /// Augmented events.
    #[default]
    Events,
    /// Objects of the aggregation rules.
    Aggregates,
    /// Alerts, each change of state.
    Alerts,
    /// Findings of the detectors.
    Findings,
    /// Templates and their counts.
    Templates,
    /// Lines that did not parse.
    Deadletter,
    /// Events that came too late.
    Late,
    /// Features as the models saw them.
    Training,
}

impl Stream {
    /// The word in YAML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Aggregates => "aggregates",
            Self::Alerts => "alerts",
            Self::Findings => "findings",
            Self::Templates => "templates",
            Self::Deadletter => "deadletter",
            Self::Late => "late",
            Self::Training => "training",
        }
    }
}

/// Batches of records to a sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(extend("x-kubernetes-validations" = rules::batch()))]
pub struct Batch {
    /// Most records of one request. Default 5000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_records: u32,
    /// Most bytes of one request, before compression. Default 8MiB.
    pub max_bytes: ByteSize,
    /// Longest time that a record waits for others. Default 1s.
    pub linger: Duration,
}

impl Default for Batch {
    fn default() -> Self {
        Self { max_records: 5_000, max_bytes: ByteSize::from_mib(8), linger: Duration::from_secs(1) }
    }
}

/// Retries with growing, jittered waits, then the dead-letter output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all. Default 6.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// Time over which the attempts are spread. Default 16h.
    pub within: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 6, within: Duration::from_secs(16 * 3_600) }
    }
}
