//! test_run: the tests that resources carry, run in memory.
//!
//! ```text
//!  ParsingManifest.spec.tests ─► ParseProgram ─► rows ─────┐
//!  TenantPipeline.spec.tests ─► Machine ─► records as JSON ┴─► compared ─► Report ─► human, json, junit
//! ```
//!
//! The programs are those of `run`. Nothing is read or written here, and a test never sees another one's lines.

mod compare;
mod junit;
mod pipeline;
mod report;
#[cfg(test)]
mod tests;

pub use junit::junit;
pub use report::{human, json};

use crate::resources::Compilation;
use logloom_chain::compile::check_local;
use logloom_chain::parse::manifest_test::run_tests;
use logloom_crds::finding::{Finding, Position, Sources};
use logloom_crds::read::{Document, Loaded};
use logloom_crds::{ParsingManifest, TenantPipeline};
use std::sync::Arc;

/// One thing that is not as a test says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs: a column, `reason`, `alerts[0].state`.
    pub place: String,
    /// Where the expectation stands.
    pub position: Option<Position>,
    /// What the test says.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// What came of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Whose test, as `Kind/name`.
    pub resource: String,
    /// Name of the test.
    pub name: String,
    /// Where the test stands.
    pub position: Option<Position>,
    /// What differs; nothing when it passed.
    pub differences: Vec<Difference>,
}

impl Case {
    /// True when nothing differs.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// What came of all tests.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The tests, in the order of the resources.
    pub cases: Vec<Case>,
    /// What keeps resources, and so their tests, from running.
    pub findings: Vec<Finding>,
    /// The texts that findings point into.
    pub sources: Sources,
}

impl Report {
    /// Tests that failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed()).count()
    }

    /// True when all tests passed and none was kept from running.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.failed() == 0
    }
}

/// Runs every test of everything that compiles.
pub fn run(compilation: &Compilation) -> Report {
    let errors = compilation.findings.iter().filter(|finding| finding.is_error());
    let mut report = Report {
        findings: errors.cloned().collect(),
        sources: compilation.resources.sources.clone(),
        ..Report::default()
    };
    for manifest in &compilation.resources.manifests {
        manifest_cases(compilation, manifest, &mut report);
    }
    for pipeline in &compilation.resources.pipelines {
        pipeline_cases(compilation, pipeline, &mut report);
    }
    report
}

/// Makes a case of the test with this index.
fn case(
    document: &Document,
    index: usize,
    name: &str,
    differences: impl IntoIterator<Item = (String, Difference)>,
) -> Case {
    let test = format!("spec.tests[{index}]");
    let place = |(path, difference): (String, Difference)| {
        let position = document.value_position(&format!("{test}.{path}"));
        Difference { position, ..difference }
    };
    Case {
        resource: format!("{}/{}", document.kind, document.name),
        name: name.to_owned(),
        position: document.value_position(&test),
        differences: differences.into_iter().map(place).collect(),
    }
}

fn manifest_cases(compilation: &Compilation, manifest: &Loaded<ParsingManifest>, report: &mut Report) {
    let Loaded { resource, document } = manifest;
    let programs = compilation.manifests.get(&document.namespace);
    let Some(Some(program)) = programs.and_then(|programs| programs.get(&document.name)) else { return };
    for (index, result) in run_tests(&resource.spec, program).into_iter().enumerate() {
        let differences = result.differences.into_iter().map(|difference| {
            let logloom_chain::parse::manifest_test::Difference { place, path, expected, found } = difference;
            (path, Difference { place, position: None, expected, found })
        });
        report.cases.push(case(document, index, &result.name, differences));
    }
}

fn pipeline_cases(compilation: &Compilation, pipeline: &Loaded<TenantPipeline>, report: &mut Report) {
    let Loaded { resource, document } = pipeline;
    if resource.spec.tests.is_empty() {
        return;
    }
    // The errors of a pipeline that does not compile are in the report.
    let Ok(compiled) = compilation.compile(pipeline) else { return };
    let not_local = check_local(&document.name, &resource.spec, None).into_iter();
    // A suspended pipeline has tests all the same.
    let not_local: Vec<Finding> =
        not_local.filter(|finding| finding.is_error() && finding.path != "spec.suspend").collect();
    if !not_local.is_empty() {
        report.findings.extend(compilation.resources.locate(not_local));
        return;
    }
    let program = Arc::new(compiled.program);
    for (index, test) in resource.spec.tests.iter().enumerate() {
        let differences = pipeline::run(&program, test);
        report.cases.push(case(document, index, &test.name, differences));
    }
}
