//! What local mode cannot run yet, said before anything runs.

use super::findings::Findings;
use logloom_crds::finding::{Finding, Reason};
use logloom_crds::pipeline::TenantPipelineSpec;
use std::collections::BTreeSet;

/// Which sources have an input in local mode.
pub type LocalInputs = BTreeSet<String>;

/// What keeps a pipeline from running locally (errors), and what is left out (warnings). `bound` are the sources that
/// `--input` gives lines to; without it the bindings are not looked at.
pub fn check_local(name: &str, pipeline: &TenantPipelineSpec, bound: Option<&LocalInputs>) -> Vec<Finding> {
    let mut findings = Findings::new("TenantPipeline", name);
    for (index, source) in pipeline.sources.iter().enumerate() {
        let path = format!("spec.sources[{index}]");
        if bound.is_some_and(|bound| !bound.contains(source.name.as_str())) {
            findings.error(
                Reason::NotLocal,
                &path,
                format!("source `{}` has no input", source.name.as_str()),
                format!("give it one: --input {}=FILE", source.name.as_str()),
            );
        }
    }
    if let Some(bound) = bound {
        for extra in bound.iter().filter(|extra| !pipeline.sources.iter().any(|source| source.name.as_str() == **extra))
        {
            let known: Vec<&str> = pipeline.sources.iter().map(|source| source.name.as_str()).collect();
            let remedy = format!("the sources are {}", super::findings::list(&known));
            findings.error(
                Reason::UnknownReference,
                "spec.sources",
                format!("--input names source `{extra}`, which the pipeline does not have"),
                remedy,
            );
        }
    }
    for index in 0..pipeline.infer.len() {
        findings.error(
            Reason::NotLocal,
            &format!("spec.infer[{index}]"),
            "local mode cannot call inference servers yet",
            "take `infer` out of the copy that you run locally",
        );
    }
    for (present, field) in
        [(pipeline.detect.subspace.is_some(), "subspace"), (pipeline.detect.waterfall.is_some(), "waterfall")]
    {
        if present {
            let message = format!("local mode cannot run the `{field}` detector yet");
            let remedy = format!("take `detect.{field}` out of the copy that you run locally");
            findings.error(Reason::NotLocal, &format!("spec.detect.{field}"), message, remedy);
        }
    }
    for (index, sink) in pipeline.sinks.iter().enumerate() {
        let message =
            format!("sink `{}` is left out: local mode writes files into the output folder", sink.name.as_str());
        findings.warning(Reason::NotLocal, &format!("spec.sinks[{index}]"), message, "nothing needs to be done");
    }
    if pipeline.suspend {
        findings.error(Reason::NotLocal, "spec.suspend", "the pipeline is suspended", "set `suspend: false` to run it");
    }
    findings.all
}
