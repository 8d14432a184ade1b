//! What the schemas must have, and the generated files.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{assert_same_where_given, crd_schema, walk};
use crate::kind::{ApiKind, drop_nulls};
use crate::rules::{self, SETS};
use crate::{generate, read};

#[test]
fn every_value_is_bounded_and_every_field_is_described() {
    for kind in ApiKind::ALL {
        let schema = crd_schema(kind);
        let mut wrong = Vec::new();
        walk(&schema, "", &mut |at, node| {
            let is_free = node["x-kubernetes-preserve-unknown-fields"] == json!(true);
            let is_bounded = match node["type"].as_str() {
                Some("string") => node["maxLength"].is_u64() || node["enum"].is_array(),
                Some("array") => node["maxItems"].is_u64(),
                Some("object") if is_free || node["additionalProperties"].is_object() => node["maxProperties"].is_u64(),
                Some(_) => true,
                None => node["x-kubernetes-int-or-string"] == json!(true) && node["maxLength"].is_u64(),
            };
            if !is_bounded {
                wrong.push(format!("{at} has no bound"));
            }
            for (name, member) in node["properties"].as_object().into_iter().flatten() {
                if member["description"].as_str().is_none_or(str::is_empty) {
                    wrong.push(format!("{at}.{name} has no description"));
                }
            }
        });
        assert_eq!(wrong, Vec::<String>::new(), "{}", kind.as_str());
    }
}

#[test]
fn schemas_use_only_keywords_that_the_check_knows() {
    const KNOWN: [&str; 20] = [
        "type",
        "description",
        "properties",
        "required",
        "items",
        "additionalProperties",
        "enum",
        "pattern",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "x-kubernetes-validations",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-int-or-string",
    ];
    // Free values, and the date of a condition, which only the operator writes.
    const HARMLESS: [&str; 3] = ["x-kubernetes-preserve-unknown-fields", "format", "title"];
    for kind in ApiKind::ALL {
        walk(&crd_schema(kind), "", &mut |at, node| {
            for keyword in node.as_object().into_iter().flatten().map(|(keyword, _)| keyword.as_str()) {
                assert!(KNOWN.contains(&keyword) || HARMLESS.contains(&keyword), "{at}: {keyword}");
            }
        });
    }
}

#[test]
fn nothing_names_another_namespace_an_image_a_pod_or_an_acl() {
    for kind in ApiKind::ALL {
        walk(&crd_schema(kind)["properties"]["spec"], "spec", &mut |at, node| {
            for (name, _) in node["properties"].as_object().into_iter().flatten() {
                let name = name.to_lowercase();
                for forbidden in ["namespace", "image", "pod", "template", "acl", "principal"] {
                    let is_ours = name == "templates" || name == "maxtemplates";
                    assert!(is_ours || !name.contains(forbidden), "{at}.{name}");
                }
            }
        });
    }
}

#[test]
fn patterns_compile_and_refuse_the_empty_text() {
    for kind in ApiKind::ALL {
        walk(&crd_schema(kind), "", &mut |at, node| {
            let Some(pattern) = node["pattern"].as_str() else {
                return;
            };
            let regex = Regex::new(pattern).expect(at);
            // Only the pattern of a duration takes the empty text; its least length does not.
            assert!(!regex.is_match("") || node["minLength"].as_u64() > Some(0), "{at}");
        });
    }
}

#[test]
fn the_table_of_rules_and_the_schemas_have_the_same_rules() {
    let mut in_schemas = BTreeSet::new();
    for kind in ApiKind::ALL {
        walk(&crd_schema(kind), "", &mut |at, node| {
            for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
                let cel = rule["rule"].as_str().expect("text");
                let ours = rules::find(cel).unwrap_or_else(|| panic!("{at}: {cel} is not in the table"));
                assert_eq!(rule["message"].as_str(), Some(ours.message().as_str()), "{at}");
                in_schemas.insert(cel.to_owned());
            }
        });
    }
    let in_table: BTreeSet<String> = SETS.iter().flat_map(|(_, rules)| rules.iter().map(rules::Rule::cel)).collect();
    assert_eq!(in_schemas, in_table);
}

#[test]
fn generated_files_are_those_checked_in_and_under_their_bound() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("generated");
    let files = generate::files().expect("generated");
    for file in &files {
        let checked_in = std::fs::read_to_string(folder.join(&file.name)).unwrap_or_default();
        assert!(
            checked_in == file.text,
            "crds/generated/{} is not what the types give: run `cargo run -p logloom-crds --example generate` and commit it",
            file.name
        );
        if file.name.ends_with(".crd.yaml") {
            assert!(file.text.len() < 100_000, "{} has {} bytes", file.name, file.text.len());
        }
    }
    let names: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
    let there: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("crds/generated")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, names, "crds/generated has files that nothing generates");
}

#[test]
fn pages_of_the_reference_are_those_checked_in_and_name_every_field() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/reference");
    let pages = generate::pages();
    for (page, kind) in pages.iter().zip(ApiKind::ALL) {
        let checked_in = std::fs::read_to_string(folder.join(&page.name)).unwrap_or_default();
        assert!(
            checked_in == page.text,
            "docs/src/reference/{} is not what the types give: run `cargo run -p logloom-crds --example generate` and commit it",
            page.name
        );
        let spec = generate::json_schema(kind)["properties"]["spec"].take();
        let mut fields = Vec::new();
        every_field(&spec, &mut fields);
        assert!(fields.len() > 10, "{}: {} fields", page.name, fields.len());
        for field in fields {
            assert!(page.text.contains(&format!("`{field}`")), "{}: {field}", page.name);
        }
    }
}

fn every_field(schema: &Value, into: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        into.push(name.clone());
        every_field(field, into);
    }
    for below in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(below) {
            every_field(inner, into);
        }
    }
}

/// kubectl reads YAML 1.1: what it makes of the generated text must be the CRD.
#[test]
fn generated_yaml_has_no_word_that_yaml_1_1_reads_otherwise() {
    for kind in ApiKind::ALL {
        let yaml = generate::crd_yaml(kind).expect("generated");
        let read = read::file("crd.yaml", yaml.as_bytes());
        assert_eq!(read.findings, []);
        let mut expected = serde_json::to_value(generate::crd(kind).expect("generated")).expect("JSON");
        drop_nulls(&mut expected);
        assert_eq!(read.documents[0].findings, []);
        let value = &read.documents[0].value;
        assert_same_where_given(&expected, value, "");
        assert_same_where_given(value, &expected, "");
        assert!(!yaml.lines().any(|line| line.trim() == "on:"), "an unquoted `on` is `true` to kubectl");
    }
}

#[test]
fn defaults_are_those_the_descriptions_state() {
    let mut wrong = Vec::new();
    for kind in ApiKind::ALL {
        let schema = generate::json_schema(kind);
        walk(&schema["properties"]["spec"], "spec", &mut |at, node| {
            let (Some(default), Some(description)) = (node.get("default"), node["description"].as_str()) else {
                return;
            };
            let stated = match default {
                Value::String(text) if text == " " => "one space".to_owned(),
                Value::String(text) => text.clone(),
                Value::Array(items) => items[0].as_str().expect("text").to_owned(),
                other => other.to_string(),
            };
            let says = [format!("`{stated}` (default"), format!("Default `{stated}`"), format!("Default {stated}")];
            if !says.iter().any(|words| description.contains(words)) && default != &json!(false) {
                wrong.push(format!("{at}: {stated}: {description}"));
            }
        });
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn json_schemas_are_closed_and_speak_plain_json_schema() {
    for kind in ApiKind::ALL {
        let schema = generate::json_schema(kind);
        walk(&schema["properties"]["spec"], "spec", &mut |at, node| {
            let members: &Map<String, Value> = node.as_object().expect("a schema");
            assert!(!members.keys().any(|keyword| keyword.starts_with("x-kubernetes")), "{at}");
            if node["type"] == json!("object") && node["properties"].is_object() {
                assert_eq!(node["additionalProperties"], json!(false), "{at}");
            }
        });
    }
}
