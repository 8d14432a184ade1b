//! Goldens of the drawings, for the two example tenants and for what they do not have.

use super::{Arrow, Block, Chart, Room, chart, dot, mermaid, text};
use crate::resources::{Compilation, compile_all, load};
use logloom_crds::read::Resources;
use std::path::PathBuf;

fn drawn(compilation: &Compilation) -> Chart {
    let pipeline = &compilation.resources.pipelines[0];
    let compiled = compilation.compile(pipeline).unwrap();
    chart(compilation, pipeline, &compiled.program)
}

fn tenant(name: &str) -> Chart {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tenants")).join(name);
    drawn(&compile_all(load(&[folder]).unwrap()))
}

fn check_text(drawn: &Chart) -> String {
    let text = text(drawn);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line, line.trim_end());
    }
    text
}

#[test]
fn acme() {
    let chart = tenant("acme");
    insta::assert_snapshot!("acme_text", check_text(&chart));
    insta::assert_snapshot!("acme_mermaid", mermaid(&chart));
    insta::assert_snapshot!("acme_dot", dot(&chart));
}

#[test]
fn trainticket() {
    let chart = tenant("trainticket");
    insta::assert_snapshot!("trainticket_text", check_text(&chart));
    insta::assert_snapshot!("trainticket_mermaid", mermaid(&chart));
    insta::assert_snapshot!("trainticket_dot", dot(&chart));
}

/// What the example tenants do not have: no join, several lines, hashes, dedupe, every shape of window, every detector, sinks.
const OTHER: &str = r#"
apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: java, namespace: tenant-t }
spec:
  schema: { message: L, proto: 'syntax = "proto3"; message L { string service = 1; string host = 2; string user = 3; string message = 4; double ms = 5; }' }
  decode:
    - cri: {}
    - { json: {}, optional: true, prefix: app. }
    - { from: message, regex: { pattern: '(?<service>\w+) (?<text>.*)' } }
  fields: [{ name: message, from: text }, { name: ms, from: app.ms }]
  timestamp: { from: time, maxAge: 1d }
  dimensions: [service, host]
  filter: "service != 'noise'"
  multiline: { start: '^\d{4}', field: message }
  redact:
    - { pattern: 'a' }
    - { pattern: 'b' }
    - { fields: [user], drop: true }
  superlog: { action: truncate, maxBytes: 64KiB }
---
apiVersion: logloom.io/v1alpha1
kind: TenantPipeline
metadata: { name: other, namespace: tenant-t }
spec:
  sources:
    - { name: java, manifest: java, kafka: { cluster: main, topics: [t.a, t.b] }, idle: hold, dedupe: { window: 1h, host: host } }
  scopes: [[service], [service, host]]
  metrics:
    - { name: latency_ms, value: ms }
    - { name: slow, countWhere: "ms > 100.0" }
    - { name: users, distinct: user }
    - { name: share, ratio: { of: slow, over: count } }
    - { name: per_second, rate: { of: count } }
  windows:
    - { name: m1, tumbling: 1m }
    - { name: s, session: { gap: 30s, maxLength: 10m }, scopes: [2] }
    - { name: k1, count: { size: 1000, slide: 100 }, scopes: [2] }
  detect:
    baseline: { metric: latency_ms, among: [host], window: m1 }
    dynamicScoping: { enabled: true, effect: 2.0 }
  alerts:
    - name: odd-host
      when: "baseline.anomalous(latency_ms)"
      resolveWhen: "baseline.ratio(latency_ms) < 1.1"
      on: { window: m1, scope: [service, host] }
      summary: "<{host}> is \"odd\" & slow"
  sinks:
    - { name: hook, stream: alerts, webhook: { url: "https://t.example/hook" } }
"#;

#[test]
fn what_the_examples_do_not_have() {
    let mut resources = Resources::new();
    resources.add_file("other.yaml", OTHER.as_bytes());
    let compilation = compile_all(resources);
    assert!(!compilation.has_errors(), "{:#?}", compilation.findings);
    let chart = drawn(&compilation);
    insta::assert_snapshot!("other_text", check_text(&chart));
    insta::assert_snapshot!("other_mermaid", mermaid(&chart));
}

#[test]
fn panes_that_are_folded_in_ingest_come_from_there() {
    let mut resources = Resources::new();
    let (before, _) = OTHER.split_once("  windows:").unwrap();
    let alone = before
        .replace(", dedupe: { window: 1h, host: host }", "")
        .replace("  multiline: { start: '^\\d{4}', field: message }\n", "");
    let text = format!("{alone}  windows: [{{ name: m1, tumbling: 1m }}]\n");
    resources.add_file("simple.yaml", text.as_bytes());
    let compilation = compile_all(resources);
    assert!(!compilation.has_errors(), "{:#?}", compilation.findings);
    let text = check_text(&drawn(&compilation));
    assert!(
        text.contains("ingest: lines become rows and panes") && text.contains("correlate: rows become events ──"),
        "{text}"
    );
    assert!(text.contains("from ingest: rows behind every window's lateness"), "{text}");
}

#[test]
fn arrows_begin_and_end_at_blocks() {
    for chart in [tenant("acme"), tenant("trainticket")] {
        let is_block = |id: &str| chart.blocks.iter().filter(|block| block.id == id).count() == 1;
        assert!(chart.arrows.iter().all(|arrow| is_block(&arrow.from) && is_block(&arrow.to)), "{:?}", chart.arrows);
        assert!(
            chart
                .blocks
                .iter()
                .all(|block| chart.arrows.iter().any(|arrow| arrow.from == block.id || arrow.to == block.id))
        );
    }
}

#[test]
fn no_word_breaks_a_drawing() {
    let mut block = Block::new("a", Room::Stage, "say \"x\" \\ <b> & #1 `y`");
    block.fact("empty", "");
    assert!(block.facts.is_empty());
    let arrow = Arrow { from: "a".to_owned(), to: "a".to_owned(), label: "\"".to_owned() };
    let chart = Chart { title: "t".to_owned(), blocks: vec![block], arrows: vec![arrow], ..Chart::default() };
    assert!(
        mermaid(&chart)
            .contains("a[\"say #quot;x#quot; \\ #lt;b#gt; #amp; #35;1 #96;y#96;\"]\n  a -->|\"#quot;\"| a\n")
    );
    assert!(dot(&chart).contains(r#""a" [label="say \"x\" \\ <b> & #1 `y`\l", style=bold];"#));
}
