//! Rules between fields: for the API server as CEL, for everybody else as code, from one table.

use serde_json::{Value, json};

fn exactly_one(fields: &[&str]) -> Value {
    let members: Vec<String> = fields.iter().map(|field| format!("has(self.{field})")).collect();
    json!([{
        "rule": format!("[{}].filter(x, x).size() == 1", members.join(", ")),
        "message": format!("exactly one of {} must be given", fields.join(", ")),
    }])
}

macro_rules! placeholder { ($($name:ident: [$($field:literal),*];)*) => { $(
    pub(crate) fn $name() -> Value { exactly_one(&[$($field),*]) }
)* } }
placeholder! {
    decode_step: ["json", "logfmt", "keyValue", "cri", "docker", "syslog3164", "syslog5424", "syslog", "combined", "regex", "grok", "dissect", "csv", "protobuf"];
    proto_source: ["proto", "file"];
    source: ["kafka", "external"];
    metric: ["value", "countWhere", "distinct", "ratio", "rate"];
    window: ["tumbling", "sliding", "session", "count"];
    redaction: ["pattern", "drop", "hash"];
    redaction_hash: ["keySecretName", "keyEnv"];
    infer: ["url", "onnx"];
    infer_on: ["events", "window"];
    metric_or_metrics: ["metric", "metrics"];
    sink: ["elasticsearch", "opensearch", "druid", "parquet", "webhook", "alertmanager", "slack", "pagerduty", "email", "kafka", "otlp", "http", "postgres", "file"];
    egress: ["host", "cidr"];
    manifest_test: ["line", "lines"];
}
macro_rules! none { ($($name:ident)*) => { $( pub(crate) fn $name() -> Value { json!([]) } )* } }
none! { default_year field sliding session count_window alert scaling pipeline file_sink }
