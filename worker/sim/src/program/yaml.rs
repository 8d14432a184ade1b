//! The resources of the simulated pipelines. Words in capitals are replaced before they are read.

/// Manifests of all pipelines.
pub const MANIFESTS: &str = r#"
apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: app, namespace: tenant-sim }
spec:
  schema:
    message: Line
    proto: |
      syntax = "proto3";
      message Line { string level = 1; string service = 2; string host = 3; string trace_id = 4; string message = 5; }
  decode:
    - regex: { pattern: '^(?P<ts>\d{13}) (?P<level>[A-Z]+) (?P<service>[a-z]+) (?P<host>\S+) (?P<trace_id>\S+) (?P<message>.*)$' }
  timestamp: { from: ts, formats: [unix_ms], disorder: 2s, maxFuture: 10s }
  key: trace_id
  dimensions: [service, host]
  multiline: { start: '^\d{13} ', field: message, maxLines: 4, maxWait: 2s }
  templates: { field: message }
---
apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: calls, namespace: tenant-sim }
spec:
  schema:
    message: Call
    proto: |
      syntax = "proto3";
      message Call { string service = 1; string host = 2; string trace_id = 3; double ms = 4; }
  decode: [{ json: {} }]
  timestamp: { from: ts, formats: [unix_ms], disorder: 2s, maxFuture: 10s }
  key: trace_id
  dimensions: [service, host]
---
apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: rows, namespace: tenant-sim }
spec:
  schema:
    message: Row
    proto: |
      syntax = "proto3";
      message Row { string service = 1; string host = 2; double ms = 3; string message = 4; }
  decode: [{ json: {} }]
  timestamp: { from: ts, formats: [unix_ms], disorder: 2s, maxFuture: 10s }
  dimensions: [service, host]
  templates: { field: message }
"#;

/// Rows are assembled by trace.
pub const JOINS: &str = r#"
apiVersion: logloom.io/v1alpha1
kind: TenantPipeline
metadata: { name: sim, namespace: tenant-sim }
spec:
  sources:
    - { name: app, external: {}, manifest: app }
    - { name: calls, external: {}, manifest: calls }
  join:
    key: trace_id
    mode: assemble
    within: 3s
    streams: [{ source: app }, { source: calls }]
  scopes: [[service], [service, host]]
  metrics:
    - { name: latency, source: calls, value: ms, unit: ms }
    - { name: errors, source: app, countWhere: "level == 'ERROR'" }
  windows:
    - { name: w5, tumbling: 5s, lateness: 2s }
    - { name: s10, sliding: { size: 10s, slide: 5s } }
  augment:
    - { window: w5, scope: [service], values: ["count(latency)"], as: recent }
  aggregate:
    - { name: health, by: [service], window: w5 }
    - { name: hosts, by: [service, host], window: s10, values: { most: max(latency), seen: count } }
  alerts:
    - name: errors
      when: "errors >= MANY"
      on: { window: w5, scope: [service] }
      for: 1
      severity: warning
  limits: { liveScopes: SCOPES }
"#;

/// Nothing is brought together: ingest folds the panes.
pub const INGEST: &str = r#"
apiVersion: logloom.io/v1alpha1
kind: TenantPipeline
metadata: { name: sim, namespace: tenant-sim }
spec:
  sources:
    - { name: rows, external: {}, manifest: rows }
  scopes: [[service], [service, host]]
  metrics:
    - { name: latency, value: ms, unit: ms }
    - { name: slow, countWhere: "ms > 3000.0" }
  windows:
    - { name: w5, tumbling: 5s, lateness: LATENESS }
    - { name: s10, sliding: { size: 10s, slide: 5s }, lateness: LATENESS }
  aggregate:
    - { name: services, by: [service], window: w5, values: { sum: sum(latency), slow: slow } }
    - { name: hosts, by: [service, host], window: s10, values: { most: max(latency), seen: count } }
  alerts:
    - name: slow
      when: "slow >= MANY"
      on: { window: w5, scope: [service] }
      for: 1
      severity: warning
  limits: { liveScopes: SCOPES }
"#;
