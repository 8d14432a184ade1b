//! Sinks for anything else: Kafka topic, OTLP, HTTP bulk, PostgreSQL, file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{Column, Host, Ident, Name, RelativePath, SecretName, Text, Topic, Url};

/// A Kafka topic that others read, written in transactions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaSink {
    /// Name of a cluster of the tenant.
    pub cluster: Name,
    /// Topic.
    pub topic: Topic,
    /// Column whose value is the record's key. Default: the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Column>,
}

/// OTLP logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtlpSink {
    /// Address of the collector.
    pub url: Url,
    /// `grpc` (default) or `http`.
    #[serde(default)]
    pub protocol: OtlpProtocol,
    /// Secret in this namespace with `token` and `ca.crt`, those that are needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
}

/// Transport of OTLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OtlpProtocol {
    /// gRPC.
    #[default]
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

/// HTTP bulk upsert with an id per record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSink {
    /// Address.
    pub url: Url,
    /// `post` (default) or `put`.
    #[serde(default)]
    pub method: HttpMethod,
    /// `ndjson` (default) or `jsonArray`.
    #[serde(default)]
    pub body: HttpBody,
    /// Secret in this namespace with `token`, or `username` and `password`, and `ca.crt` if needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
    /// Headers that are not secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub headers: BTreeMap<Text, Text>,
}

/// Method of a bulk upsert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HttpMethod {
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
}

/// Body of a bulk upsert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HttpBody {
    /// One JSON object per line.
    #[default]
    Ndjson,
    /// One JSON array.
    JsonArray,
}

/// PostgreSQL upsert by id and revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostgresSink {
    /// Host of the server.
    pub host: Host,
    /// Port of the server. Default 5432.
    #[serde(default = "default_postgres_port")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// Database.
    pub database: Ident,
    /// Table, made if absent.
    pub table: Ident,
    /// Secret in this namespace with `username` and `password`, and `ca.crt` if needed.
    pub secret_name: SecretName,
}

fn default_postgres_port() -> u16 {
    5_432
}

/// A file of JSON lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::file_sink()))]
pub struct FileSink {
    /// Path below the output folder.
    pub path: RelativePath,
}
