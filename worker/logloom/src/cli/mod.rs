//! The command line: one file per command.
//!
//! Exit codes: 0 done or valid, 1 findings or failed tests, 2 usage or something that cannot be read or written.

mod bench;
mod completions;
mod demo;
mod explain;
mod man;
mod run;
mod schema;
mod templates;
mod test;
mod validate;

use clap::{Parser, Subcommand};
use logloom_crds::finding::Finding;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use thiserror::Error;

/// Version and commit, as `--version` shows them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("LOGLOOM_COMMIT"), ")");

/// Finds performance anomalies in log streams while they happen.
#[derive(Debug, Parser)]
#[command(name = "logloom", version = VERSION, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure something and write the figures (used by the make targets).
    #[command(hide = true)]
    Bench(bench::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
    /// Make logs of two tenants with known faults, run them, and show what was found beside the truth.
    Demo(demo::Arguments),
    /// Draw the chain of a pipeline: every stage's key, state bound and what it emits.
    Explain(explain::Arguments),
    /// Print the manual page (roff), or write one page per command.
    Man(man::Arguments),
    /// Run a pipeline over files or standard input: no cluster, no broker.
    Run(run::Arguments),
    /// Print the JSON Schema or the CRD of a kind.
    Schema(schema::Arguments),
    /// Print the template of every line of a log, as CSV.
    Templates(templates::Arguments),
    /// Run the tests that manifests and pipelines carry.
    Test(test::Arguments),
    /// Check resources: everything that would keep them from running, with its place and remedy.
    Validate(validate::Arguments),
}

/// What a command ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done, valid, passed.
    Done,
    /// The command ran and found something wrong with what it was given.
    Findings,
}

/// Why a command could not do its work (exit code 2).
#[derive(Debug, Error)]
pub enum CommandError {
    /// Reading or writing failed.
    #[error("{what}: {error}")]
    Io {
        /// What was being done, with the name of the file.
        what: String,
        /// The system's answer.
        error: std::io::Error,
    },
    /// Something else, said in one sentence.
    #[error("{0}")]
    Other(String),
    /// Paths that cannot be read.
    #[error("{}", .0.iter().map(|finding| format!("{}; {}", finding.message, finding.remedy)).collect::<Vec<_>>().join("\n         "))]
    Findings(Vec<Finding>),
    /// Templates cannot be mined.
    #[error(transparent)]
    Templates(#[from] templates::TemplatesError),
    /// The chain cannot be measured.
    #[error(transparent)]
    Bench(#[from] crate::bench::chain::JobError),
    /// Template mining cannot be scored.
    #[error(transparent)]
    Score(#[from] crate::bench::templates::ScoreError),
}

impl CommandError {
    /// What cannot be read.
    pub fn findings(findings: Vec<Finding>) -> Self {
        Self::Findings(findings)
    }

    /// Adds what was being done to an I/O error.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}

/// Set when the program is asked to stop; asked twice, it ends at once.
fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Without a handler the program just ends: the last checkpoint holds.
        let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    stop
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // Nothing is left to be done when the terminal itself does not take the message.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match run(cli.command) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Err(CommandError::Io { error, .. }) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("logloom: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<Outcome, CommandError> {
    match command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Templates(arguments) => templates::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_option_has_a_help_text() {
        fn walk(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} has no help text", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {} has no help text", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }
}
