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
    /// Events per second and core of the chain beside a bare loop, and its memory.
    Chain {
        /// Lines per job.
        #[arg(long, value_name = "COUNT", default_value_t = 6_000_000)]
        lines: u64,
        /// Only jobs whose name holds this text; no memory.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Only memory, with this many live scopes, in this process.
        #[arg(long, value_name = "SCOPES", hide = true)]
        memory: Option<u64>,
    },
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
        What::Chain { memory: Some(scopes), .. } => {
            let memory = bench::chain::memory(*scopes).map_err(CommandError::from)?;
            let numbers = [memory.before, memory.running, memory.saving, memory.checkpoint];
            println!("{}", numbers.map(|number| number.to_string()).join(" "));
            Ok(Outcome::Done)
        }
        What::Chain { lines, only, memory: None } => chain(*lines, only.as_deref()),
        What::Templates { data } => {
            let scores = bench::templates::score(data).map_err(CommandError::from)?;
            let table = bench::templates::table(&scores);
            std::io::stdout().write_all(table.as_bytes()).map_err(CommandError::io("standard output"))?;
            bench::templates::figures(&scores).write("score-templates").map_err(bench::templates::ScoreError::from)?;
            Ok(Outcome::Done)
        }
    }
}

fn chain(lines: u64, only: Option<&str>) -> Result<Outcome, CommandError> {
    let (mut table, mut figures) = bench::chain::rates(lines, only).map_err(CommandError::from)?;
    if only.is_none() {
        for scopes in [100_000, 1_000_000] {
            let [before, running, saving, checkpoint] = memory_of(scopes)?;
            let megabytes = |bytes: u64| bytes as f64 / 1e6;
            let line = format!(
                "memory, {scopes} live scopes x 3 windows: {:.0} MB at peak ({:.0} MB before, {:.0} MB while a checkpoint of {:.0} MB is made)\n",
                megabytes(running),
                megabytes(before),
                megabytes(saving),
                megabytes(checkpoint),
            );
            table.push_str(&line);
            figures.add(format!("memory_{scopes}_scopes_mb"), megabytes(running));
            figures.add(format!("memory_{scopes}_scopes_with_checkpoint_mb"), megabytes(saving));
        }
    }
    std::io::stdout().write_all(table.as_bytes()).map_err(CommandError::io("standard output"))?;
    figures.write("bench").map_err(bench::templates::ScoreError::from)?;
    Ok(Outcome::Done)
}

/// Memory is measured in a process of its own: peaks are for ever.
fn memory_of(scopes: u64) -> Result<[u64; 4], CommandError> {
    let program = std::env::current_exe().map_err(CommandError::io("this program's own file"))?;
    let output = std::process::Command::new(program)
        .args(["bench", "chain", "--memory", &scopes.to_string()])
        .output()
        .map_err(CommandError::io("start this program once more"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    numbers.try_into().map_err(|_| {
        CommandError::Other(format!("the memory benchmark failed: {}", String::from_utf8_lossy(&output.stderr)))
    })
}
