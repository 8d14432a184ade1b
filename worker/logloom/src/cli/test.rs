//! `logloom test`.

use super::{CommandError, Outcome};
use crate::resources::{compile_all, load};
use crate::test_run::{self, Report};
use logloom_crds::finding::Style;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// YAML files, or folders with YAML files.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// How results are written.
    #[arg(short, long, value_enum, default_value_t = Format::Human)]
    output: Format,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: one line per test, and what differs with its file and line.
    Human,
    /// One JSON object.
    Json,
    /// JUnit XML, which CI systems read.
    Junit,
}

/// Runs the tests of all manifests and pipelines.
///
/// # Errors
/// When a path cannot be read or the results cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let compilation = compile_all(load(&arguments.files).map_err(CommandError::findings)?);
    let report = test_run::run(&compilation);
    let style = if std::io::stdout().is_terminal() { Style::Colour } else { Style::Plain };
    let (text, outcome) = (show(&report, arguments.output, style), outcome(&report));
    std::io::stdout().write_all(text.as_bytes()).map_err(CommandError::io("standard output"))?;
    Ok(outcome)
}

fn show(report: &Report, format: Format, style: Style) -> String {
    match format {
        Format::Human => test_run::human(report, style),
        Format::Json => format!("{:#}\n", test_run::json(report)),
        Format::Junit => test_run::junit(report),
    }
}

fn outcome(report: &Report) -> Outcome {
    if report.is_clean() { Outcome::Done } else { Outcome::Findings }
}
