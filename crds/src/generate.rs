//! Generated files: one CRD, one JSON schema and one page of the book per kind.
//!
//! All come from the types. The CRD is what the API server gets; the JSON schema is for editors
//! (`# yaml-language-server: $schema=…`) and for tools that know no CRDs; the page is the reference of
//! every field. The checked-in copies under `crds/generated/` and `docs/src/reference/` are compared
//! with what this module gives by a test.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use crate::kind::ApiKind;
use crate::read::scalar;
use crate::reference;
use crate::rules::{self, Rule};
use crate::text;
use crate::{API_VERSION, ParsingManifest, Tenant, TenantPipeline};

/// A generated file could not be written as text. It cannot happen with the types of this crate; a
/// test runs every one of them.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// As YAML.
    #[error("the CRD cannot be written as YAML: {0}")]
    Yaml(#[from] serde_yaml::Error),
    /// As JSON.
    #[error("the schema cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// A generated file: its name below its folder, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Name of the file.
    pub name: String,
    /// Text of the file.
    pub text: String,
}

/// Every generated file.
pub fn files() -> Result<Vec<GeneratedFile>, GenerateError> {
    let mut files = Vec::new();
    for kind in ApiKind::ALL {
        let name = kind.as_str().to_ascii_lowercase();
        files.push(GeneratedFile { name: format!("{name}.crd.yaml"), text: crd_yaml(kind)? });
        files.push(GeneratedFile {
            name: format!("{name}_{}.schema.json", crate::VERSION),
            text: json_schema_text(kind)?,
        });
    }
    Ok(files)
}

/// The pages of the field reference below `docs/src/reference/`.
pub fn pages() -> Vec<GeneratedFile> {
    let page = |kind: ApiKind| GeneratedFile {
        name: format!("{}.md", kind.as_str().to_ascii_lowercase()),
        text: reference::page(kind),
    };
    ApiKind::ALL.into_iter().map(page).collect()
}

/// The schema of a kind for the reference: with defaults, and with the rules between fields.
pub(crate) fn documented_schema(kind: ApiKind) -> Value {
    let mut schema = derived_schema(kind);
    tidy(&mut schema, Keep::ForEditors);
    schema
}

/// The CRD of a kind as YAML, ready for `kubectl apply`.
pub fn crd_yaml(kind: ApiKind) -> Result<String, GenerateError> {
    let yaml = quote_yaml_1_1_words(&serde_yaml::to_string(&crd_value(kind))?);
    Ok(format!(
        "# Generated from the types in crds/src. Do not edit: run `cargo run -p logloom-crds --example generate`.\n{yaml}"
    ))
}

/// Quotes the keys and list items that only YAML 1.1 reads as booleans. serde_yaml writes YAML 1.2;
/// kubectl reads 1.1, and would take the property `on` for the key `true`.
fn quote_yaml_1_1_words(yaml: &str) -> String {
    let mut text = String::with_capacity(yaml.len());
    for line in yaml.lines() {
        let body = line.trim_start_matches([' ', '-']);
        let (before, body) = line.split_at(line.len() - body.len());
        let (word, after) = body.split_once(':').map_or((body, ""), |(word, _)| (word, &body[word.len()..]));
        if scalar::is_yaml_1_1_boolean(word) {
            text.push_str(&format!("{before}'{word}'{after}\n"));
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The JSON schema of a kind as text.
pub fn json_schema_text(kind: ApiKind) -> Result<String, GenerateError> {
    Ok(serde_json::to_string_pretty(&json_schema(kind))? + "\n")
}

/// The CRD of a kind as an object, for an operator that installs it.
pub fn crd(kind: ApiKind) -> Result<CustomResourceDefinition, GenerateError> {
    Ok(serde_json::from_value(crd_value(kind))?)
}

/// The CRD as the derive gives it, without what API servers warn about or what would change a spec
/// after it was applied.
fn crd_value(kind: ApiKind) -> Value {
    let mut value = derived_crd(kind);
    if let Some(schema) = value.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        tidy(schema, Keep::ForApiServer);
    }
    value
}

fn derived_crd(kind: ApiKind) -> Value {
    let crd = match kind {
        ApiKind::Tenant => Tenant::crd(),
        ApiKind::ParsingManifest => ParsingManifest::crd(),
        ApiKind::TenantPipeline => TenantPipeline::crd(),
    };
    serde_json::to_value(crd).unwrap_or_default()
}

fn derived_schema(kind: ApiKind) -> Value {
    let mut crd = derived_crd(kind);
    crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").map(Value::take).unwrap_or_default()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    ForApiServer,
    ForEditors,
}

/// Tidies a schema in place, with everything below it.
fn tidy(schema: &mut Value, keep: Keep) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    // A null member is dropped by the API server and by our reader: nothing needs to say so.
    object.remove("nullable");
    // The API server would write defaults into the stored spec, and GitOps tools would see a difference.
    if keep == Keep::ForApiServer || object.get("default").is_none_or(is_empty_default) {
        object.remove("default");
    }
    // A structural schema has no patterns for the names of members: those are a rule on the map.
    if let Some(Value::Object(patterns)) = object.remove("patternProperties")
        && let Some((_, inner)) = patterns.into_iter().next()
    {
        object.insert("additionalProperties".to_owned(), inner);
    }
    // Nor does it have `additionalProperties: false`.
    if object.get("additionalProperties") == Some(&Value::Bool(false)) {
        object.remove("additionalProperties");
    }
    // A pattern refuses the empty text by itself (a test keeps it so).
    let least = object.get("minLength").and_then(Value::as_u64);
    if least == Some(0) || least == Some(1) && object.contains_key("pattern") {
        object.remove("minLength");
    }
    // API servers warn about formats that they do not know, and the others only repeat the bounds.
    if object.get("format").is_some_and(|format| format != "date-time") {
        object.remove("format");
    }
    if let Some(description) = object.get_mut("description") {
        unwrap_lines(description);
    }
    for below in ["properties", "items", "additionalProperties"] {
        match object.get_mut(below) {
            Some(Value::Object(members)) if below == "properties" => {
                members.values_mut().for_each(|member| tidy(member, keep));
            }
            Some(inner) => tidy(inner, keep),
            None => {}
        }
    }
}

fn is_empty_default(default: &Value) -> bool {
    match default {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => true,
        _ => false,
    }
}

/// Joins the lines of a doc comment; an empty line still starts a new paragraph.
fn unwrap_lines(description: &mut Value) {
    let Some(text) = description.as_str() else {
        return;
    };
    let paragraphs: Vec<String> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
    *description = json!(paragraphs.join("\n\n"));
}

/// The schema of a whole resource as the reader checks it: that of the CRD, with `apiVersion`, `kind`
/// and `metadata`, and with a status that may be anything.
pub(crate) fn resource_schema(kind: ApiKind) -> Value {
    let mut schema = derived_schema(kind);
    tidy(&mut schema, Keep::ForApiServer);
    schema["properties"]["apiVersion"] = json!({ "type": "string" });
    schema["properties"]["kind"] = json!({ "type": "string" });
    schema["properties"]["metadata"] = metadata_schema();
    schema["properties"]["status"] = json!({});
    schema["required"] = json!(["apiVersion", "kind", "metadata", "spec"]);
    schema
}

/// Metadata as people write it, and what `kubectl get -o yaml` adds.
fn metadata_schema() -> Value {
    let words = json!({
        "type": "object",
        "maxProperties": 256,
        "additionalProperties": { "type": "string", "maxLength": 262_144 },
    });
    let mut properties = Map::new();
    properties.insert(
        "name".to_owned(),
        json!({ "type": "string", "description": "Name of the resource.", "minLength": 1, "maxLength": 63, "pattern": text::NAME_PATTERN }),
    );
    properties.insert(
        "namespace".to_owned(),
        json!({ "type": "string", "description": "Namespace of the tenant.", "minLength": 1, "maxLength": 63, "pattern": text::NAME_PATTERN }),
    );
    properties.insert("labels".to_owned(), words.clone());
    properties.insert("annotations".to_owned(), words);
    for added in [
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    ] {
        properties.insert(added.to_owned(), json!({}));
    }
    json!({ "type": "object", "required": ["name"], "properties": properties })
}

/// The JSON schema (draft 7) of a kind: strict about unknown fields, with defaults shown.
pub fn json_schema(kind: ApiKind) -> Value {
    let mut schema = derived_schema(kind);
    tidy(&mut schema, Keep::ForEditors);
    let mut spec = schema["properties"]["spec"].take();
    for_editors(&mut spec);
    let mut metadata = metadata_schema();
    metadata["description"] = json!("Name, namespace, labels and annotations.");
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": kind.as_str(),
        "description": schema["description"],
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": API_VERSION, "description": "Group and version of the API." },
            "kind": { "const": kind.as_str(), "description": "Kind of the resource." },
            "metadata": metadata,
            "spec": spec,
            "status": { "type": "object", "description": "What the operator says. Do not write it." },
        },
    })
}

/// From Kubernetes' dialect to plain JSON schema.
fn for_editors(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.remove("x-kubernetes-int-or-string").is_some() {
        object.insert("type".to_owned(), json!(["integer", "string"]));
    }
    let rules = object.remove("x-kubernetes-validations");
    let rules = rules.iter().filter_map(Value::as_array).flatten();
    for rule in rules.filter_map(|rule| rules::find(rule["rule"].as_str()?)) {
        if let Rule::ExactlyOne(fields) = rule {
            let each = fields.iter().map(|field| json!({ "required": [field] }));
            object.insert("oneOf".to_owned(), each.collect());
        }
    }
    object.retain(|keyword, _| !keyword.starts_with("x-kubernetes-"));
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        // Editors read YAML 1.2: only `on` itself.
        let twin = properties.remove("true").is_some();
        properties.values_mut().for_each(for_editors);
        if twin && let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
            required.push(json!("on"));
        }
    }
    let is_closed = object.get("type") == Some(&json!("object")) && !object.contains_key("additionalProperties");
    if is_closed {
        object.insert("additionalProperties".to_owned(), json!(false));
    }
    for below in ["items", "additionalProperties"] {
        if let Some(inner) = object.get_mut(below) {
            for_editors(inner);
        }
    }
}
