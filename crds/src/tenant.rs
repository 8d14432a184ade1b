//! `Tenant`: what the platform team grants to one team.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::status::{Condition, conditions_schema};
use crate::text::{Host, Name, Text, Topic};
use crate::units::Quantity;

/// What the platform team grants to one team: who owns it, how much it may use, which Kafka clusters
/// and topics it may read and what it may reach. The namespace is derived from the tenant's name.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "logloom.io",
    version = "v1alpha1",
    kind = "Tenant",
    status = "TenantStatus",
    shortname = "tnt",
    category = "logloom",
    derive = "PartialEq",
    doc = "What the platform team grants to one team.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "True when the tenant's namespace stands with its limits"
    ),
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "Where in its life the tenant is"
    ),
    printcolumn(
        name = "Pipelines",
        type_ = "integer",
        json_path = ".status.pipelines",
        description = "Pipelines of the tenant"
    ),
    printcolumn(name = "Workers", type_ = "integer", json_path = ".status.workers", description = "Workers that run"),
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
        name = "Namespace",
        type_ = "string",
        json_path = ".status.namespace",
        description = "The tenant's namespace",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantSpec {
    /// Who this is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// Who may act in the tenant's namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub owners: Vec<Owner>,
    /// How much the tenant may use.
    #[serde(default)]
    pub quota: Quota,
    /// Kafka clusters that the tenant may use.
    #[serde(default)]
    pub kafka: TenantKafka,
    /// What the tenant's workers may reach besides Kafka and DNS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub egress: Vec<Egress>,
    /// Whose workers give way when the cluster is full: `low`, `normal` (default) or `high`.
    #[serde(default)]
    pub priority: Priority,
}

/// Somebody who may act in the tenant's namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Owner {
    /// `user` or `group`, as the API server authenticates them.
    pub kind: OwnerKind,
    /// Name of the user or group.
    #[schemars(length(min = 1))]
    pub name: Text,
    /// `admin`: pipelines, manifests and Secrets of the namespace. `editor` (default): pipelines and
    /// manifests. `viewer`: read them.
    #[serde(default)]
    pub role: OwnerRole,
}

/// Kind of an owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OwnerKind {
    /// One person or machine.
    #[default]
    User,
    /// A group of the identity provider.
    Group,
}

/// What an owner may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OwnerRole {
    /// Everything in the namespace that a tenant may do.
    Admin,
    /// Pipelines and manifests.
    #[default]
    Editor,
    /// Reading.
    Viewer,
}

/// How much a tenant may use. What is absent is not bounded by the tenant but by the platform.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quota {
    /// CPU of all workers, such as `4` or `2500m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory of all workers, such as `16Gi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Storage of all workers, such as `100Gi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Quantity>,
    /// Workers of all pipelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub workers: Option<u32>,
    /// Pipelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub pipelines: Option<u32>,
    /// Events per second over all pipelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub events_per_second: Option<u64>,
    /// Scopes alive at once over all pipelines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub live_scopes: Option<u64>,
    /// Bytes per second that the tenant may write to one Kafka broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    pub kafka_produce_bytes_per_second: Option<u64>,
    /// Bytes per second that the tenant may read from one Kafka broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000_000_i64))]
    pub kafka_consume_bytes_per_second: Option<u64>,
    /// Share of a broker's request threads, in per cent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub kafka_request_percent: Option<u32>,
}

/// Kafka clusters of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TenantKafka {
    /// The clusters.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub clusters: Vec<KafkaCluster>,
}

/// One Kafka cluster that a tenant may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KafkaCluster {
    /// Name by which pipelines name it.
    pub name: Name,
    /// Brokers to begin with, as `host:port`.
    #[schemars(length(min = 1, max = 16))]
    pub bootstrap: Vec<BootstrapServer>,
    /// How clients connect: `mtls` (default), `scramSha512`, `tls` or `plaintext`.
    #[serde(default)]
    pub security: KafkaSecurity,
    /// Beginnings of the topics that the tenant may read and write with its own data. Internal topics
    /// have a prefix of their own, made from the tenant's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "set"))]
    pub topic_prefixes: Vec<Topic>,
    /// Where Logloom's internal topics of this tenant live. Default false; without a choice it is the
    /// first cluster.
    #[serde(default)]
    pub internal: bool,
}

/// A broker as `host:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct BootstrapServer(
    #[schemars(length(min = 3, max = 259), regex(pattern = r"^[A-Za-z0-9\[][A-Za-z0-9.:\]-]*:[0-9]{1,5}$"))] pub String,
);

/// How clients connect to Kafka.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KafkaSecurity {
    /// Certificates on both sides.
    #[default]
    Mtls,
    /// TLS with a user name and password (SASL/SCRAM).
    ScramSha512,
    /// TLS with the broker's certificate only.
    Tls,
    /// Neither; for development.
    Plaintext,
}

/// Something that the tenant's workers may reach.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::egress()))]
pub struct Egress {
    /// Name of the entry.
    pub name: Name,
    /// Host name; a leading `*.` stands for every name below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// Address range, such as `10.20.0.0/16`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3), regex(pattern = r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$"))]
    pub cidr: Option<Text>,
    /// Ports. Default: 443.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(range(min = 1, max = 65_535)))]
    pub ports: Vec<u16>,
}

/// Whose workers give way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Priority {
    /// First to give way.
    Low,
    /// As everybody.
    #[default]
    Normal,
    /// Last to give way.
    High,
}

/// Where in its life a tenant is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TenantPhase {
    /// Seen, nothing made yet.
    #[default]
    Pending,
    /// Its namespace is being made.
    Provisioning,
    /// Its namespace stands.
    Active,
    /// Its objects are being removed.
    Deleting,
}

/// What the operator says about a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where in its life the tenant is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<TenantPhase>,
    /// The tenant's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Name>,
    /// Pipelines of the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<i32>,
    /// Workers that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<i32>,
    /// Share of accounted lines over the last closed hour, such as `100%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Text>,
    /// Accepted, Isolated, KafkaReady, QuotaSatisfied, Progressing, Degraded and Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions_schema")]
    pub conditions: Vec<Condition>,
}
