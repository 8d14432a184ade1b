//! `logloom validate`.

use super::{CommandError, Outcome};
use crate::resources::{Compilation, compile_all, load};
use logloom_chain::compile::check_local;
use logloom_crds::TenantPipeline;
use logloom_crds::finding::{Finding, Severity, Sources, Style, render};
use logloom_crds::read::Loaded;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// YAML files, or folders with YAML files.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// How findings are written.
    #[arg(short, long, value_enum, default_value_t = Format::Human)]
    output: Format,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: file, line, the line with a caret, the remedy.
    Human,
    /// A JSON list of findings.
    Json,
    /// SARIF 2.1.0, which code hosts show in reviews.
    Sarif,
}

/// Reads, checks and compiles everything.
///
/// # Errors
/// When a path cannot be read or the findings cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let resources = load(&arguments.files).map_err(CommandError::findings)?;
    let mut compilation = compile_all(resources);
    let unsupported = unsupported(&compilation);
    compilation.findings.extend(unsupported);
    let (findings, sources) = (&compilation.findings, &compilation.resources.sources);
    let text = match arguments.output {
        Format::Human => human(findings, sources, &compilation.resources),
        Format::Json => pretty(&serde_json::to_value(findings).unwrap_or(Value::Null)),
        Format::Sarif => pretty(&sarif(findings)),
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(CommandError::io("standard output"))?;
    Ok(if compilation.has_errors() { Outcome::Findings } else { Outcome::Done })
}

/// Warnings of what this version cannot run yet. A pipeline that is suspended is so on purpose.
fn unsupported(compilation: &Compilation) -> Vec<Finding> {
    let of = |pipeline: &Loaded<TenantPipeline>| check_local(&pipeline.document.name, &pipeline.resource.spec, None);
    let found = compilation.resources.pipelines.iter().flat_map(of);
    let found = found.filter(|finding| finding.is_error() && finding.path != "spec.suspend");
    let warnings = found.map(|finding| Finding { severity: Severity::Warning, ..finding });
    compilation.resources.locate(warnings.collect())
}

fn human(findings: &[Finding], sources: &Sources, resources: &logloom_crds::read::Resources) -> String {
    let style = if std::io::stdout().is_terminal() { Style::Colour } else { Style::Plain };
    let mut text = render(findings, sources, style);
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - errors;
    let counted = [
        (resources.tenants.len(), "tenant"),
        (resources.manifests.len(), "manifest"),
        (resources.pipelines.len(), "pipeline"),
    ];
    let counted = counted.map(|(count, noun)| several(count, noun)).join(", ");
    let warnings = several(warnings, "warning");
    text += &match errors {
        0 => format!("valid: {counted}, {warnings}\n"),
        _ => format!("{}, {warnings} in {counted}\n", several(errors, "error")),
    };
    text
}

/// `1 error`, `2 errors`.
fn several(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn sarif(findings: &[Finding]) -> Value {
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut result = json!({
                "ruleId": finding.reason.as_str(),
                "level": if finding.is_error() { "error" } else { "warning" },
                "message": { "text": format!("{} {}", finding.message, finding.remedy) },
            });
            if let Some(position) = &finding.position {
                result["locations"] = json!([{ "physicalLocation": {
                    "artifactLocation": { "uri": position.file },
                    "region": { "startLine": position.line, "startColumn": position.column },
                }}]);
            }
            result
        })
        .collect();
    let mut reasons: Vec<_> = findings.iter().map(|finding| finding.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let rules: Vec<Value> = reasons
        .iter()
        .map(|reason| json!({ "id": reason.as_str(), "shortDescription": { "text": reason.description() } }))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "logloom", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::from_text;

    #[test]
    fn what_cannot_run_yet_is_a_warning() {
        let text = std::fs::read_to_string("../../tenants/acme/pipeline.yaml").unwrap();
        let manifests = std::fs::read_to_string("../../tenants/acme/manifests.yaml").unwrap();
        let text = text.replace(
            "  detect:\n",
            "  suspend: true\n  detect:\n    waterfall: { request: service, segment: operation }\n",
        );
        let compilation = compile_all(from_text("acme.yaml", format!("{manifests}\n---\n{text}").as_bytes()));
        let found = unsupported(&compilation);
        let paths: Vec<&str> = found.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["spec.detect.waterfall"]);
        assert!(found.iter().all(|finding| !finding.is_error() && finding.position.is_some()));
    }
}
