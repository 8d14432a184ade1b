//! The example tenants: their own tests, and a run of acme over its samples.

use crate::local::input::{Binding, expand};
use crate::local::run::{Settings, Silent, run as run_pipeline};
use crate::resources::{compile_all, load};
use crate::test_run::{human, run};
use logloom_crds::finding::Style;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn tenants() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tenants"))
}

#[test]
fn the_tests_of_the_example_tenants_pass() {
    let report = run(&compile_all(load(&[tenants()]).unwrap()));
    assert!(report.is_clean(), "{}", human(&report, Style::Plain));
    for resource in ["ParsingManifest/shop-app", "TenantPipeline/shop", "ParsingManifest/trainticket-logs"] {
        assert!(report.cases.iter().any(|case| case.resource == resource), "{resource} has no tests");
    }
}

#[test]
fn acme_finds_the_incident_of_its_samples_and_nothing_else() {
    let compilation = compile_all(load(&[tenants().join("acme")]).unwrap());
    assert!(!compilation.has_errors());
    let program = compilation.compile(&compilation.resources.pipelines[0]).unwrap().program;
    let samples = tenants().join("acme/samples");
    let bound: Vec<Binding> = [("app", "app.log"), ("spans", "spans.jsonl")]
        .map(|(source, file)| format!("{source}={}", samples.join(file).display()).parse().unwrap())
        .to_vec();
    let out = tempfile::tempdir().unwrap();
    let settings = Settings {
        out: out.path().to_owned(),
        checkpoints: out.path().join("checkpoint"),
        globs: Vec::new(),
        follow: false,
        checkpoint_every: Duration::from_secs(60),
    };
    let summary =
        run_pipeline(&Arc::new(program), &expand(&bound).unwrap(), &settings, &AtomicBool::new(false), &mut Silent)
            .unwrap();
    assert_eq!((summary.lines, summary.unaccounted, summary.complete), (1_369, 0, true));

    let records = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(out.path().join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let alerts = records("alerts.jsonl");
    let word = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let shown = |record: &&Value| {
        (
            word(record, "rule"),
            word(record, "state"),
            word(&record["scope"], "service"),
            word(record, "at")[11..16].to_owned(),
        )
    };
    let alone = |record: &&Value| record["kind"] == "alert" && record["inhibited"] == false;
    let told: Vec<_> = alerts.iter().filter(alone).map(|record| shown(&record)).collect();
    let expected = [
        ("errors", "firing", "payment", "10:07"),
        ("slow-service", "firing", "payment", "10:08"),
        ("slow-service", "firing", "shop", "10:08"),
        ("slow-service", "resolved", "payment", "10:10"),
        ("slow-service", "resolved", "shop", "10:10"),
        ("errors", "resolved", "payment", "10:10"),
    ];
    assert_eq!(
        told,
        expected.map(|(rule, state, service, at)| (
            rule.to_owned(),
            state.to_owned(),
            service.to_owned(),
            at.to_owned()
        ))
    );
    let silenced = alerts.iter().filter(|record| record["inhibited"] == true);
    assert!(silenced.map(|record| word(record, "rule")).eq(std::iter::repeat_n("slow-operation".to_owned(), 4)));

    let findings = records("findings.jsonl");
    assert!(
        findings
            .iter()
            .any(|finding| finding["kind"] == "new_template" && word(finding, "text").contains("gateway timeout"))
    );
    assert_eq!(records("deadletter.jsonl").len(), 1);
    assert!(records("events.jsonl").iter().all(|event| event["kind"] == "complete"));
}

#[test]
fn the_samples_are_small() {
    let files = std::fs::read_dir(tenants().join("acme/samples")).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 300_000, "{bytes} bytes");
}
