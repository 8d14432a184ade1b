//! Samples with every field, and thousands of mutants of them: the schema, the types, the rules in CEL and
//! the rules in Rust must say the same.

use std::collections::BTreeSet;

use kube_cel::{CompiledSchema, Validator, compile_schema};
use serde_json::{Value, json};

use super::{assert_same_where_given, crd_schema, samples, typed, walk};
use crate::finding::{Finding, Reason};
use crate::kind::{ApiKind, Kind};
use crate::rules::{self, SETS};
use crate::{TenantPipeline, path};

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
        Value::Array(items) => items.iter().for_each(|item| given(item, &format!("{at}[]"), paths)),
        _ => {}
    }
}

#[test]
fn samples_have_every_field() {
    for kind in ApiKind::ALL {
        let mut there = BTreeSet::new();
        samples(kind).iter().for_each(|sample| given(sample, "", &mut there));
        let mut missing = Vec::new();
        walk(&crd_schema(kind)["properties"]["spec"], "spec", &mut |at, node| {
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
        });
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

/// Pointers to every value of a document.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointers(member, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), all);
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
        for (to, _) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
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
        assert!(accepted > 50 && refused > 200, "{}: {accepted} accepted, {refused} refused", kind.as_str());
    }
}

fn spec_cel(kind: ApiKind) -> CompiledSchema {
    let compiled = compile_schema(&crd_schema(kind)["properties"]["spec"]);
    assert!(!compiled.has_errors(), "{:?}", compiled.compilation_errors());
    compiled
}

fn is_from_rule(finding: &Finding, messages: &BTreeSet<String>) -> bool {
    messages.contains(&finding.message)
}

/// The rules in Rust and in CEL say the same of every mutant that the rest of the schema lets through.
#[test]
fn rules_in_rust_and_in_cel_agree() {
    let messages: BTreeSet<String> =
        SETS.iter().flat_map(|(_, rules)| rules.iter().map(rules::Rule::message)).collect();
    let validator = Validator::new();
    for kind in ApiKind::ALL {
        let compiled = spec_cel(kind);
        let mut broken = BTreeSet::new();
        for sample in samples(kind) {
            for mutant in mutants(&sample).into_iter().chain(crossings(&sample)) {
                let findings = kind.check(&mutant);
                if findings.iter().any(|finding| !is_from_rule(finding, &messages)) {
                    continue;
                }
                let mut ours: Vec<String> = findings.into_iter().map(|finding| finding.message).collect();
                let mut theirs: Vec<String> = match validator.validate_compiled(&compiled, &mutant["spec"], None) {
                    Ok(()) => Vec::new(),
                    Err(errors) => errors.iter().map(|error| error.message.clone()).collect(),
                };
                ours.sort();
                theirs.sort();
                assert_eq!(ours, theirs, "{mutant:#}");
                broken.extend(ours);
            }
        }
        assert!(broken.len() >= usize::from(kind != ApiKind::Tenant), "{}: no mutant broke a rule", kind.as_str());
    }
}

/// Each rule can say no: a rule that no value breaks checks nothing.
#[test]
fn every_rule_is_broken_by_some_mutant() {
    let mut broken = BTreeSet::new();
    for kind in ApiKind::ALL {
        for sample in samples(kind) {
            for mutant in mutants(&sample).into_iter().chain(crossings(&sample)) {
                broken.extend(kind.check(&mutant).into_iter().map(|finding| finding.message));
            }
        }
    }
    let all: BTreeSet<String> = SETS.iter().flat_map(|(_, rules)| rules.iter().map(rules::Rule::message)).collect();
    let never: Vec<&String> = all.difference(&broken).collect();
    assert_eq!(never, Vec::<&String>::new());
}

#[test]
fn an_unquoted_on_arrives_from_kubectl_as_true() {
    let mut sample = samples(ApiKind::TenantPipeline).remove(0);
    let alert = sample["spec"]["alerts"][0].as_object_mut().expect("a map");
    let on = alert.shift_remove("on").expect("there");
    assert_eq!(ApiKind::TenantPipeline.check(&sample)[0].message, "on must be given");

    sample["spec"]["alerts"][0]["true"] = on.clone();
    assert_eq!(ApiKind::TenantPipeline.check(&sample), []);
    let pipeline: TenantPipeline = serde_json::from_value(sample).expect("typed");
    assert_eq!(serde_json::to_value(&pipeline.spec.alerts[0].on).expect("JSON"), on);
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
    assert!(findings.iter().all(|finding| finding.resource == "TenantPipeline/checkout"));
}
