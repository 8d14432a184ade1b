//! Goldens of the command's three forms, with passing and failing tests of both kinds and a manifest that does not compile.

mod catalog;
mod tenants;

use super::{human, json, junit, run};
use crate::resources::{Compilation, compile_all};
use logloom_crds::finding::Style;
use logloom_crds::read::Resources;

const MANIFEST: &str = r#"apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: web, namespace: tenant-t }
spec:
  schema:
    message: Request
    proto: |
      syntax = "proto3";
      message Request { string service = 1; string level = 2; double ms = 3; }
  decode: [{ logfmt: {} }]
  timestamp: { from: ts, disorder: 0s }
  dimensions: [service]
  metrics: [{ name: latency_ms, column: ms, unit: ms }]
  tests:
    - { name: request, line: "ts=2026-11-01T10:00:00Z service=cart level=INFO ms=12.5", expect: { service: cart, ms: 12.5 } }
    - name: wrong
      line: "ts=2026-11-01T10:00:00Z service=cart level=\"<b>\" ms=12"
      expectTimestamp: "2026-11-01T10:00:01Z"
      expect:
        service: cart
        level: INFO
        ms: 13
    - name: several
      lines: ["ts=2026-11-01T10:00:00Z service=a", "ts=soon"]
      expectEvents:
        - { service: b }
      expectReason: decode_failed
"#;

const PIPELINE: &str = r#"apiVersion: logloom.io/v1alpha1
kind: TenantPipeline
metadata: { name: shop, namespace: tenant-t }
spec:
  sources:
    - { name: web, external: {}, manifest: web }
    - { name: idle, external: {}, manifest: web }
  scopes: [[service]]
  metrics: [{ name: errors, countWhere: "level == 'ERROR'" }]
  windows: [{ name: m1, tumbling: 1m }]
  aggregate: [{ name: busy, by: [service], window: m1, emitWhen: "count >= 2", values: { worst: max(latency_ms) } }]
  alerts:
    - { name: errors, when: "errors >= 2", on: { window: m1, scope: [service] }, for: 1, severity: page }
  tests:
    - name: alert
      input:
        - { source: web, line: "ts=2026-11-01T10:00:01Z service=cart level=ERROR ms=10" }
        - { source: web, line: "ts=2026-11-01T10:00:02Z service=cart level=ERROR ms=30" }
        - { source: web, line: "garbage" }
        - { source: web, line: "ts=2026-11-01T10:01:01Z service=pay level=INFO ms=5" }
        - { source: web, line: "ts=2026-11-01T10:00:59Z service=pay level=INFO ms=5" }
      expect:
        events: [{ fields: { service: pay, ms: 5 } }, { fields: { service: cart, level: ERROR, ms: 30 } }]
        windows:
          - { window: m1, scope: { service: cart }, end: "2026-11-01T10:01:00Z", count: 2, values: { errors: 2, latency_ms_max: 30 } }
          - { scope: { service: pay }, count: 1 }
        aggregates: [{ rule: busy, values: { worst: 30 } }]
        alerts: [{ kind: alert, rule: errors, state: firing }, { kind: incident, state: open }]
        deadletter: [{ raw: garbage, reason: decode_failed }]
        late: [{ fields: { service: pay } }]
        findings: []
    - name: nothing-of-it
      input:
        - { source: web, line: "ts=2026-11-01T10:00:01Z service=cart level=ERROR ms=10" }
        - { source: web, line: "ts=2026-11-01T10:01:02Z service=cart level=INFO ms=30" }
      expect:
        events: []
        windows:
          - { window: m1, count: 2 }
        aggregates:
          - { rule: busy }
        alerts:
          - rule: errors
    - name: no-such-source
      input: [{ source: wep, line: x }]
      expect: {}
"#;

const BROKEN: &str = r#"apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: broken, namespace: tenant-t }
spec:
  schema: { message: M, proto: 'syntax = "proto3"; message M { string a = 1; }' }
  decode: [{ regex: { pattern: '(?<a>\w+' } }]
  timestamp: { from: a }
  tests: [{ name: never, line: x, expect: { a: x } }]
"#;

fn compiled(files: &[(&str, &str)]) -> Compilation {
    let mut resources = Resources::new();
    for (name, text) in files {
        resources.add_file(name, text.as_bytes());
    }
    compile_all(resources)
}

#[test]
fn for_people() {
    let report = run(&compiled(&[("web.yaml", MANIFEST), ("shop.yaml", PIPELINE), ("broken.yaml", BROKEN)]));
    assert!(!report.is_clean());
    insta::assert_snapshot!(human(&report, Style::Plain));
}

#[test]
fn as_json_and_junit() {
    let report = run(&compiled(&[("web.yaml", MANIFEST), ("broken.yaml", BROKEN)]));
    insta::assert_snapshot!("json", format!("{:#}", json(&report)));
    insta::assert_snapshot!("junit", junit(&report));
}

#[test]
fn colour_changes_no_text() {
    let report = run(&compiled(&[("web.yaml", MANIFEST)]));
    let coloured = human(&report, Style::Colour);
    let plain =
        ["\u{1b}[32m", "\u{1b}[1;31m", "\u{1b}[0m"].iter().fold(coloured.clone(), |text, code| text.replace(code, ""));
    assert_ne!(coloured, plain);
    assert_eq!(plain, human(&report, Style::Plain));
}

#[test]
fn a_report_is_clean_only_when_everything_ran_and_passed() {
    let passing = MANIFEST.split("    - name: wrong").next().unwrap();
    assert!(run(&compiled(&[("web.yaml", passing)])).is_clean());
    let broken = run(&compiled(&[("web.yaml", passing), ("broken.yaml", BROKEN)]));
    assert_eq!((broken.failed(), broken.findings.len(), broken.is_clean()), (0, 1, false));
    let failing = run(&compiled(&[("web.yaml", MANIFEST)]));
    assert_eq!((failing.failed(), failing.findings.len(), failing.is_clean()), (2, 0, false));
}

#[test]
fn what_local_mode_cannot_run_is_said_and_a_suspended_pipeline_is_tested() {
    let suspended = PIPELINE.replace("spec:\n", "spec:\n  suspend: true\n");
    assert_eq!(run(&compiled(&[("web.yaml", MANIFEST), ("shop.yaml", &suspended)])).cases.len(), 6);
    let waterfall = PIPELINE.replace(
        "  aggregate:",
        "  detect: { subspace: { window: m1, dimensions: [service], anomalousWhen: \"ms > 10.0\" } }\n  aggregate:",
    );
    let report = run(&compiled(&[("web.yaml", MANIFEST), ("shop.yaml", &waterfall)]));
    let paths: Vec<&str> = report.findings.iter().map(|finding| finding.path.as_str()).collect();
    assert_eq!((report.cases.len(), paths), (3, vec!["spec.detect.subspace"]));
}
