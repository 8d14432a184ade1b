//! The types, their schemas, their rules and the generated files, against each other.

use std::collections::BTreeSet;

use kube_cel::{CompiledSchema, Validator, compile_schema};
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::finding::{Finding, Reason};
use crate::kind::{ApiKind, Kind, drop_nulls};
use crate::rules::{self, SETS};
use crate::{ParsingManifest, Tenant, TenantPipeline, generate, path, read};

const SAMPLES: [(ApiKind, &str); 3] = [
    (ApiKind::Tenant, include_str!("../testdata/tenant.yaml")),
    (
        ApiKind::ParsingManifest,
        include_str!("../testdata/manifest.yaml"),
    ),
    (
        ApiKind::TenantPipeline,
        include_str!("../testdata/pipeline.yaml"),
    ),
];

/// The documents of the sample of a kind, as JSON.
fn samples(kind: ApiKind) -> Vec<Value> {
    let text = SAMPLES[kind as usize].1;
    let read = read::file("sample.yaml", text.as_bytes());
    assert_eq!(read.findings, [], "{}", kind.as_str());
    read.documents
        .into_iter()
        .map(|document| document.value)
        .collect()
}

fn typed(kind: ApiKind, value: &Value) -> Result<Value, serde_json::Error> {
    match kind {
        ApiKind::Tenant => {
            serde_json::from_value::<Tenant>(value.clone()).and_then(serde_json::to_value)
        }
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
                Some("object") if is_free || node["additionalProperties"].is_object() => {
                    node["maxProperties"].is_u64()
                }
                Some(_) => true,
                None => {
                    node["x-kubernetes-int-or-string"] == json!(true) && node["maxLength"].is_u64()
                }
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
            for keyword in node
                .as_object()
                .into_iter()
                .flatten()
                .map(|(keyword, _)| keyword.as_str())
            {
                assert!(
                    KNOWN.contains(&keyword) || HARMLESS.contains(&keyword),
                    "{at}: {keyword}"
                );
            }
        });
    }
}

#[test]
fn nothing_names_another_namespace_an_image_a_pod_or_an_acl() {
    for kind in ApiKind::ALL {
        walk(
            &crd_schema(kind)["properties"]["spec"],
            "spec",
            &mut |at, node| {
                for (name, _) in node["properties"].as_object().into_iter().flatten() {
                    let name = name.to_lowercase();
                    for forbidden in ["namespace", "image", "pod", "template", "acl", "principal"] {
                        let is_ours = name == "templates" || name == "maxtemplates";
                        assert!(is_ours || !name.contains(forbidden), "{at}.{name}");
                    }
                }
            },
        );
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
            assert!(
                !regex.is_match("") || node["minLength"].as_u64() > Some(0),
                "{at}"
            );
        });
    }
}

#[test]
fn the_table_of_rules_and_the_schemas_have_the_same_rules() {
    let mut in_schemas = BTreeSet::new();
    for kind in ApiKind::ALL {
        walk(&crd_schema(kind), "", &mut |at, node| {
            for rule in node["x-kubernetes-validations"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let cel = rule["rule"].as_str().expect("text");
                let ours =
                    rules::find(cel).unwrap_or_else(|| panic!("{at}: {cel} is not in the table"));
                assert_eq!(
                    rule["message"].as_str(),
                    Some(ours.message().as_str()),
                    "{at}"
                );
                in_schemas.insert(cel.to_owned());
            }
        });
    }
    let in_table: BTreeSet<String> = SETS
        .iter()
        .flat_map(|(_, rules)| rules.iter().map(rules::Rule::cel))
        .collect();
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
            assert!(
                file.text.len() < 100_000,
                "{} has {} bytes",
                file.name,
                file.text.len()
            );
        }
    }
    let names: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
    let there: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("crds/generated")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(
        there, names,
        "crds/generated has files that nothing generates"
    );
}

/// kubectl reads YAML 1.1: what it makes of the generated text must be the CRD.
#[test]
fn generated_yaml_has_no_word_that_yaml_1_1_reads_otherwise() {
    for kind in ApiKind::ALL {
        let yaml = generate::crd_yaml(kind).expect("generated");
        let read = read::file("crd.yaml", yaml.as_bytes());
        assert_eq!(read.findings, []);
        let mut expected =
            serde_json::to_value(generate::crd(kind).expect("generated")).expect("JSON");
        drop_nulls(&mut expected);
        let value = &read.documents[0].value;
        assert_same_where_given(&expected, value, "");
        assert_same_where_given(value, &expected, "");
        assert!(
            !yaml.lines().any(|line| line.trim() == "on:"),
            "an unquoted `on` is `true` to kubectl"
        );
    }
}

/// Paths of every member that a value gives, without indices.
fn given(value: &Value, at: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let place = path::member(at, name);
                given(member, &place, paths);
                paths.insert(place);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| given(item, &format!("{at}[]"), paths)),
        _ => {}
    }
}

#[test]
fn samples_have_every_field() {
    for kind in ApiKind::ALL {
        let mut there = BTreeSet::new();
        samples(kind)
            .iter()
            .for_each(|sample| given(sample, "", &mut there));
        let mut missing = Vec::new();
        walk(
            &crd_schema(kind)["properties"]["spec"],
            "spec",
            &mut |at, node| {
                for (name, _) in node["properties"].as_object().into_iter().flatten() {
                    let place = path::member(at, name);
                    // The twin of `on` is not written; elasticsearch stands for opensearch.
                    if name != "true"
                        && !place.contains("[].true")
                        && !place.contains("opensearch.")
                        && !there.contains(&place)
                    {
                        missing.push(place);
                    }
                }
            },
        );
        assert_eq!(missing, Vec::<String>::new(), "{}", kind.as_str());
    }
}

#[test]
fn samples_are_valid_and_come_back_as_they_were() {
    for kind in ApiKind::ALL {
        for sample in samples(kind) {
            let findings = kind.check(&sample);
            assert_eq!(findings, [], "{}", kind.as_str());
            let back = typed(kind, &sample).expect("typed");
            // What the sample leaves out comes back with its default; what it gives comes back as it was.
            assert_same_where_given(&sample, &back, "");
            assert_eq!(kind.check(&back), []);
        }
    }
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

/// Pointers to every value of a document.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointers(
                    member,
                    &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")),
                    all,
                );
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{index}"), all);
            }
        }
        _ => {}
    }
}

/// The document with one value changed in every way that a slip of the hand may change it.
fn mutants(sample: &Value) -> Vec<Value> {
    let replacements = [
        json!(true),
        json!(false),
        json!(0),
        json!(7),
        json!(-1),
        json!(1.5),
        json!(5_000_000_000_u64),
        json!(""),
        json!("x"),
        json!("0s"),
        json!("1h"),
        json!("0B"),
        json!("alerts"),
        json!("a..b"),
        json!([]),
        json!({}),
        json!(["m1", "m1"]),
        json!({ "x": 1 }),
        json!(["slow-checkout"]),
        json!({ "not a name": "x" }),
    ];
    let mut all = Vec::new();
    pointers(&sample["spec"], "/spec", &mut all);
    let mut mutants = Vec::new();
    for pointer in all {
        for replacement in &replacements {
            let mut mutant = sample.clone();
            *mutant.pointer_mut(&pointer).expect("there") = replacement.clone();
            mutants.push(mutant);
        }
        let (around, last) = pointer.rsplit_once('/').expect("below the spec");
        let mut mutant = sample.clone();
        match mutant.pointer_mut(around) {
            Some(Value::Object(members)) => {
                let removed = members.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
                members.insert("strangeField".to_owned(), removed.unwrap_or_default());
            }
            Some(Value::Array(items)) => {
                let twin = items[0].clone();
                items.push(twin);
            }
            _ => {}
        }
        mutants.push(mutant);
        let mut mutant = sample.clone();
        if let Some(Value::Object(members)) = mutant.pointer_mut(around) {
            members.shift_remove(&last.replace("~1", "/").replace("~0", "~"));
            mutants.push(mutant);
        }
    }
    mutants
}

/// The document with a member of one item of a list also in another: what copying and pasting does.
fn crossings(sample: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    pointers(&sample["spec"], "/spec", &mut all);
    let mut crossings = Vec::new();
    for pointer in all {
        let Some(Value::Array(items)) = sample.pointer(&pointer) else {
            continue;
        };
        for (to, _) in items
            .iter()
            .enumerate()
            .filter(|(_, item)| item.is_object())
        {
            for (name, member) in items.iter().filter_map(Value::as_object).flatten() {
                let mut crossing = sample.clone();
                crossing.pointer_mut(&pointer).expect("there")[to][name] = member.clone();
                crossings.push(crossing);
            }
        }
    }
    crossings
}

/// What the schema lets through, the types read: no resource is accepted at admission and refused later.
#[test]
fn what_the_schema_accepts_the_types_read() {
    for kind in ApiKind::ALL {
        let (mut accepted, mut refused) = (0, 0);
        for sample in samples(kind) {
            for mutant in mutants(&sample).into_iter().chain(crossings(&sample)) {
                if kind.check(&mutant).is_empty() {
                    accepted += 1;
                    if let Err(error) = typed(kind, &mutant) {
                        panic!("{}: {error}\n{mutant:#}", kind.as_str());
                    }
                } else {
                    refused += 1;
                }
            }
        }
        assert!(
            accepted > 50 && refused > 200,
            "{}: {accepted} accepted, {refused} refused",
            kind.as_str()
        );
    }
}

fn spec_cel(kind: ApiKind) -> CompiledSchema {
    let compiled = compile_schema(&crd_schema(kind)["properties"]["spec"]);
    assert!(
        !compiled.has_errors(),
        "{:?}",
        compiled.compilation_errors()
    );
    compiled
}

fn is_from_rule(finding: &Finding, messages: &BTreeSet<String>) -> bool {
    messages.contains(&finding.message)
}

/// The rules in Rust and in CEL say the same of every mutant that the rest of the schema lets through.
#[test]
fn rules_in_rust_and_in_cel_agree() {
    let messages: BTreeSet<String> = SETS
        .iter()
        .flat_map(|(_, rules)| rules.iter().map(rules::Rule::message))
        .collect();
    let validator = Validator::new();
    for kind in ApiKind::ALL {
        let compiled = spec_cel(kind);
        let mut broken = BTreeSet::new();
        for sample in samples(kind) {
            for mutant in mutants(&sample).into_iter().chain(crossings(&sample)) {
                let findings = kind.check(&mutant);
                if findings
                    .iter()
                    .any(|finding| !is_from_rule(finding, &messages))
                {
                    continue;
                }
                let mut ours: Vec<String> = findings
                    .into_iter()
                    .map(|finding| finding.message)
                    .collect();
                let mut theirs: Vec<String> =
                    match validator.validate_compiled(&compiled, &mutant["spec"], None) {
                        Ok(()) => Vec::new(),
                        Err(errors) => errors.iter().map(|error| error.message.clone()).collect(),
                    };
                ours.sort();
                theirs.sort();
                assert_eq!(ours, theirs, "{mutant:#}");
                broken.extend(ours);
            }
        }
        assert!(
            broken.len() >= usize::from(kind != ApiKind::Tenant),
            "{}: no mutant broke a rule",
            kind.as_str()
        );
    }
}

/// Each rule can say no: a rule that no value breaks checks nothing.
#[test]
fn every_rule_is_broken_by_some_mutant() {
    let mut broken = BTreeSet::new();
    for kind in ApiKind::ALL {
        for sample in samples(kind) {
            for mutant in mutants(&sample).into_iter().chain(crossings(&sample)) {
                broken.extend(
                    kind.check(&mutant)
                        .into_iter()
                        .map(|finding| finding.message),
                );
            }
        }
    }
    let all: BTreeSet<String> = SETS
        .iter()
        .flat_map(|(_, rules)| rules.iter().map(rules::Rule::message))
        .collect();
    let never: Vec<&String> = all.difference(&broken).collect();
    assert_eq!(never, Vec::<&String>::new());
}

#[test]
fn an_unquoted_on_arrives_from_kubectl_as_true() {
    let mut sample = samples(ApiKind::TenantPipeline).remove(0);
    let alert = sample["spec"]["alerts"][0].as_object_mut().expect("a map");
    let on = alert.shift_remove("on").expect("there");
    assert_eq!(
        ApiKind::TenantPipeline.check(&sample)[0].message,
        "on must be given"
    );

    sample["spec"]["alerts"][0]["true"] = on.clone();
    assert_eq!(ApiKind::TenantPipeline.check(&sample), []);
    let pipeline: TenantPipeline = serde_json::from_value(sample).expect("typed");
    assert_eq!(
        serde_json::to_value(&pipeline.spec.alerts[0].on).expect("JSON"),
        on
    );
}

#[test]
fn resources_made_in_memory_are_checked_too() {
    let mut pipeline: TenantPipeline =
        serde_json::from_value(samples(ApiKind::TenantPipeline).remove(0)).expect("typed");
    assert_eq!(pipeline.check(), []);
    pipeline.spec.scaling.min_workers = 9;
    pipeline.spec.windows[0].name = "not a name".into();
    let findings = pipeline.check();
    let reasons: Vec<Reason> = findings.iter().map(|finding| finding.reason).collect();
    assert_eq!(reasons, [Reason::BadFormat, Reason::Conflict]);
    assert_eq!(findings[1].path, "spec.scaling.minWorkers");
    assert!(
        findings
            .iter()
            .all(|finding| finding.resource == "TenantPipeline/checkout")
    );
}

#[test]
fn defaults_are_those_the_descriptions_state() {
    let mut wrong = Vec::new();
    for kind in ApiKind::ALL {
        let schema = generate::json_schema(kind);
        walk(&schema["properties"]["spec"], "spec", &mut |at, node| {
            let (Some(default), Some(description)) =
                (node.get("default"), node["description"].as_str())
            else {
                return;
            };
            let stated = match default {
                Value::String(text) if text == " " => "one space".to_owned(),
                Value::String(text) => text.clone(),
                Value::Array(items) => items[0].as_str().expect("text").to_owned(),
                other => other.to_string(),
            };
            let says = [
                format!("`{stated}` (default"),
                format!("Default `{stated}`"),
                format!("Default {stated}"),
            ];
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
            assert!(
                !members
                    .keys()
                    .any(|keyword| keyword.starts_with("x-kubernetes")),
                "{at}"
            );
            if node["type"] == json!("object") && node["properties"].is_object() {
                assert_eq!(node["additionalProperties"], json!(false), "{at}");
            }
        });
    }
}
