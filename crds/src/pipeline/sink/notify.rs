//! Sinks that tell people: webhook, Alertmanager, Slack, PagerDuty, e-mail.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::text::{Host, Ident, SecretName, Text, Url};
use crate::units::Duration;

/// HTTP with a CloudEvents body, an HMAC signature and an idempotency key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::resend()))]
pub struct WebhookSink {
    /// Address.
    pub url: Url,
    /// Secret in this namespace with `token`, `hmacKey` and `ca.crt`, those that are needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
    /// Headers that are not secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub headers: BTreeMap<Text, Text>,
    /// While an alert fires it is sent again at this distance. Default: once per change of state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resend_every: Option<Duration>,
}

/// Prometheus Alertmanager, API v2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = rules::resend()))]
pub struct AlertmanagerSink {
    /// Address.
    pub url: Url,
    /// Secret in this namespace with `username` and `password`, or `token`, and `ca.crt` if needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
    /// Distance at which a firing alert is sent again. Default 1m.
    #[serde(default = "default_resend")]
    pub resend_every: Duration,
    /// Labels put on every alert.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32, "x-kubernetes-validations" = rules::ident_keys()))]
    pub labels: BTreeMap<Ident, Text>,
}

fn default_resend() -> Duration {
    Duration::from_secs(60)
}

/// A Slack-compatible incoming webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SlackSink {
    /// Secret in this namespace whose entry `url` is the webhook's address (it is a secret itself).
    pub secret_name: SecretName,
    /// Channel. Default: the webhook's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Text>,
}

/// PagerDuty Events v2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PagerdutySink {
    /// Secret in this namespace whose entry `routingKey` is the integration's key.
    pub secret_name: SecretName,
    /// Address. Default `https://events.pagerduty.com/v2/enqueue`.
    #[serde(default = "default_pagerduty_url")]
    pub url: Url,
}

fn default_pagerduty_url() -> Url {
    "https://events.pagerduty.com/v2/enqueue".into()
}

/// E-mail by SMTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailSink {
    /// Host of the mail server.
    pub host: Host,
    /// Port of the mail server. Default 587.
    #[serde(default = "default_smtp_port")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// `starttls` (default), `implicit` or `none`.
    #[serde(default)]
    pub tls: EmailTls,
    /// Secret in this namespace with `username` and `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<SecretName>,
    /// Sender.
    pub from: Text,
    /// Receivers.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "set"))]
    pub to: Vec<Text>,
}

fn default_smtp_port() -> u16 {
    587
}

/// How a mail connection is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EmailTls {
    /// Plain, then TLS.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// No TLS.
    None,
}
