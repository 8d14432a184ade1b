//! The types, their schemas, their rules and the generated files, against each other.

mod agreement;
mod schema;

use serde_json::Value;

use crate::kind::ApiKind;
use crate::{ParsingManifest, Tenant, TenantPipeline, generate, path, read};

const SAMPLES: [(ApiKind, &str); 3] = [
    (ApiKind::Tenant, include_str!("../../testdata/tenant.yaml")),
    (ApiKind::ParsingManifest, include_str!("../../testdata/manifest.yaml")),
    (ApiKind::TenantPipeline, include_str!("../../testdata/pipeline.yaml")),
];

/// The documents of the sample of a kind, as JSON.
fn samples(kind: ApiKind) -> Vec<Value> {
    let text = SAMPLES[kind as usize].1;
    let read = read::file("sample.yaml", text.as_bytes());
    assert_eq!(read.findings, [], "{}", kind.as_str());
    read.documents
        .into_iter()
        .map(|document| {
            assert_eq!(document.findings, []);
            document.value
        })
        .collect()
}

fn typed(kind: ApiKind, value: &Value) -> Result<Value, serde_json::Error> {
    match kind {
        ApiKind::Tenant => serde_json::from_value::<Tenant>(value.clone()).and_then(serde_json::to_value),
        ApiKind::ParsingManifest => {
            serde_json::from_value::<ParsingManifest>(value.clone()).and_then(serde_json::to_value)
        }
        ApiKind::TenantPipeline => {
            serde_json::from_value::<TenantPipeline>(value.clone()).and_then(serde_json::to_value)
        }
    }
}

/// Visits every schema below this one, with its path.
fn walk(schema: &Value, at: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(at, schema);
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        walk(member, &path::member(at, name), visit);
    }
    for below in ["items", "additionalProperties"] {
        if schema[below].is_object() {
            walk(&schema[below], &format!("{at}[]"), visit);
        }
    }
}

fn crd_schema(kind: ApiKind) -> Value {
    let crd = serde_json::to_value(generate::crd(kind).expect("generated")).expect("JSON");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn assert_same_where_given(sample: &Value, back: &Value, at: &str) {
    match (sample, back) {
        (Value::Object(sample), Value::Object(back)) => {
            for (name, value) in sample {
                let place = path::member(at, name);
                assert_same_where_given(value, back.get(name).unwrap_or(&Value::Null), &place);
            }
        }
        (Value::Array(sample), Value::Array(back)) => {
            assert_eq!(sample.len(), back.len(), "{at}");
            for (index, (sample, back)) in sample.iter().zip(back).enumerate() {
                assert_same_where_given(sample, back, &path::item(at, index));
            }
        }
        // A number written as an integer may come back as a float.
        (Value::Number(sample), Value::Number(back)) => {
            assert_eq!(sample.as_f64(), back.as_f64(), "{at}")
        }
        _ => assert_eq!(sample, back, "{at}"),
    }
}
