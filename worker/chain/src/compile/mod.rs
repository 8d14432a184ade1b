//! compile: resources in, a program or findings out.
//!
//! One pure function for every program that reads resources. What compiles, runs; what cannot run is a finding with path,
//! reason and remedy. All findings come at once.
//!
//! ```text
//!  Tenant ─┐
//!  TenantPipeline ─┼─► sources, join ─► scopes, metrics, windows ─► augment, detect, aggregate, alerts ─► Program
//!  ParsingManifest ┘   (observation)     (levels, pane width)        (window expressions)
//! ```

pub mod definition;
mod detect;
mod findings;
mod local;
pub mod program;
mod rules;
pub mod shape;
mod sources;
mod window_names;
mod windows;

pub use local::{LocalInputs, check_local};

use crate::parse::program::ParseProgram;
use crate::window::plan::is_of_panes;
use definition::Definition;
use findings::Findings;
use logloom_crds::finding::Finding;
use logloom_crds::pipeline::TenantPipelineSpec;
use logloom_crds::tenant::TenantSpec;
use program::{Augment, Join, LOGIC_VERSION, Program, Source, Window};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is compiled.
#[derive(Debug, Clone)]
pub struct Input<'i> {
    /// Name of the tenant.
    pub tenant: &'i str,
    /// What the platform grants it; without it nothing is checked against a quota.
    pub grants: Option<&'i TenantSpec>,
    /// Name of the pipeline.
    pub name: &'i str,
    /// The pipeline.
    pub pipeline: &'i TenantPipelineSpec,
    /// The manifests of the tenant that compiled, by name. `None`: it exists and has findings of its own.
    pub manifests: &'i BTreeMap<String, Option<Arc<ParseProgram>>>,
}

/// A program, and what is probably not meant.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The program.
    pub program: Program,
    /// Warnings.
    pub warnings: Vec<Finding>,
}

/// Compiles a pipeline.
///
/// # Errors
/// All findings, at least one of which is an error.
pub fn compile(input: &Input<'_>) -> Result<Compiled, Vec<Finding>> {
    let mut findings = Findings::new("TenantPipeline", input.name);
    let program = build(input, &mut findings);
    let all = findings.all;
    match program {
        Some(program) if !all.iter().any(Finding::is_error) => Ok(Compiled { program, warnings: all }),
        _ => Err(all),
    }
}

fn build(input: &Input<'_>, findings: &mut Findings) -> Option<Program> {
    let spec = input.pipeline;
    let parses = sources::resolve(input, findings);
    let scopes = windows::scopes(spec, &parses, findings);
    let metrics = windows::metrics(spec, &parses, findings);
    let windows = windows::windows(spec, scopes.levels.len(), findings);
    let join = sources::join(input, &parses, &scopes, &metrics, findings);
    let sources = sources::build(input, &parses, &scopes, &metrics, join.as_ref(), findings);
    windows::check_join_bound(spec, &windows, findings);
    let pane = windows::pane(&windows, findings);
    let names = window_names::Names { scopes: &scopes, metrics: &metrics.metrics, windows: &windows };
    let detectors = detect::detectors(spec, &names, findings);
    let augment = rules::augment(spec, &names, &detectors, findings);
    let aggregates = rules::aggregates(spec, &names, &detectors, findings);
    let alerts = rules::alerts(spec, &names, &detectors, findings);
    check_quota(input, findings);
    let sources = sources?;
    let panes_in_ingest = panes_in_ingest(&sources, join.as_ref(), &windows, &augment);
    let definition = Definition {
        tenant: input.tenant.to_owned(),
        pipeline: input.name.to_owned(),
        dimensions: scopes.dimensions,
        levels: scopes.levels,
        metrics: metrics.metrics,
        windows,
        pane,
        augment,
        regimes: detectors.regimes,
        baselines: detectors.baselines,
        dynamic_scoping: detectors.dynamic_scoping,
        aggregates,
        alerts,
        sources: sources.iter().map(|source| source.name.clone()).collect(),
        live_scopes: spec.limits.live_scopes,
        templates: MAX_TEMPLATES,
    };
    Some(Program { definition: Arc::new(definition), generation: generation(input), sources, join, panes_in_ingest })
}

/// See [`Program::panes_in_ingest`].
fn panes_in_ingest(sources: &[Source], join: Option<&Join>, windows: &[Window], augment: &[Augment]) -> bool {
    let of_panes = !windows.is_empty() && windows.iter().all(|window| is_of_panes(window.kind));
    let line_by_line = |source: &Source| source.dedupe.is_none() && source.parse.multiline().is_none();
    of_panes && join.is_none() && augment.is_empty() && sources.iter().all(line_by_line)
}

/// Templates of one source partition when the manifest does not say.
const MAX_TEMPLATES: u32 = 3_000;

fn check_quota(input: &Input<'_>, findings: &mut Findings) {
    let Some(quota) = input.grants.map(|grants| &grants.quota) else { return };
    let asked = u64::from(input.pipeline.limits.live_scopes);
    if let Some(granted) = quota.live_scopes.filter(|granted| asked > *granted) {
        findings.error(
            logloom_crds::finding::Reason::AboveQuota,
            "spec.limits.liveScopes",
            format!("{asked} live scopes are asked for, tenant `{}` has {granted}", input.tenant),
            format!("ask for {granted} at most, or have the platform team raise the tenant's quota"),
        );
    }
}

/// Hash of the definition and the logic version: the same for the same definition, however it was written down.
fn generation(input: &Input<'_>) -> u64 {
    let mut text = serde_json::to_string(input.pipeline).unwrap_or_default();
    for source in &input.pipeline.sources {
        if let Some(Some(parse)) = input.manifests.get(source.manifest.as_str()) {
            text += &format!(" {:016x}", parse.fingerprint());
        }
    }
    text += &format!(" {} {} {LOGIC_VERSION}", input.tenant, input.name);
    crate::id::hash64(text.as_bytes())
}
