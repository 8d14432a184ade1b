//! `logloom bench`: scorers and benchmarks, behind the make targets. Not part of the manual.

use super::{CommandError, Outcome};
use crate::bench;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What is measured.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Grouping accuracy and speed of template mining on LogHub.
    Templates {
        /// The folder that holds LogHub's systems, one folder each.
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
}

/// Runs a benchmark, prints its table and writes its figures.
///
/// # Errors
/// Data that cannot be read, figures that cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    match &arguments.what {
        What::Templates { data } => {
            let scores = bench::templates::score(data).map_err(CommandError::from)?;
            let table = bench::templates::table(&scores);
            std::io::stdout().write_all(table.as_bytes()).map_err(CommandError::io("standard output"))?;
            bench::templates::figures(&scores)
                .write("score-templates")
                .map_err(bench::templates::ScoreError::from)?;
            Ok(Outcome::Done)
        }
    }
}
