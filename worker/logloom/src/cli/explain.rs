//! `logloom explain`.

use super::{CommandError, Outcome};
use crate::explain::{chart, dot, mermaid, text};
use crate::resources::{Compilation, compile_all, load};
use logloom_crds::finding::{Finding, Style, render};
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// YAML files, or folders with YAML files.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// Only this pipeline; all of them when left out.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// How the chain is drawn.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

/// How the chain is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people, at 100 columns.
    Text,
    /// A Mermaid flowchart, as Markdown pages show it.
    Mermaid,
    /// A Graphviz graph.
    Dot,
}

/// Draws the pipelines.
///
/// # Errors
/// When a path cannot be read, there is no such pipeline, or the drawing cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let compilation = compile_all(load(&arguments.files).map_err(CommandError::findings)?);
    let errors: Vec<Finding> = compilation.findings.iter().filter(|finding| finding.is_error()).cloned().collect();
    eprint!("{}", render(&errors, &compilation.resources.sources, Style::Plain));
    let drawn = draw(&compilation, arguments.pipeline.as_deref(), arguments.output);
    if drawn.is_empty() && errors.is_empty() {
        let wanted = arguments
            .pipeline
            .as_deref()
            .map_or_else(|| "TenantPipeline".to_owned(), |name| format!("pipeline `{name}`"));
        return Err(CommandError::Other(format!("the files hold no {wanted}")));
    }
    std::io::stdout().write_all(drawn.as_bytes()).map_err(CommandError::io("standard output"))?;
    Ok(if errors.is_empty() { Outcome::Done } else { Outcome::Findings })
}

/// Every pipeline that compiles and is wanted, one after the other.
fn draw(compilation: &Compilation, wanted: Option<&str>, format: Format) -> String {
    let mut drawings = Vec::new();
    for pipeline in &compilation.resources.pipelines {
        if wanted.is_some_and(|wanted| wanted != pipeline.document.name) {
            continue;
        }
        // Those that do not compile have been shown with the findings.
        let Ok(compiled) = compilation.compile(pipeline) else { continue };
        let chart = chart(compilation, pipeline, &compiled.program);
        drawings.push(match format {
            Format::Text => text(&chart),
            Format::Mermaid => mermaid(&chart),
            Format::Dot => dot(&chart),
        });
    }
    drawings.join("\n")
}
