//! `logloom completions SHELL`.

use super::{Cli, CommandError, Outcome};
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which shell: bash, elvish, fish, powershell or zsh.
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "logloom", &mut script);
    std::io::stdout().write_all(&script).map_err(CommandError::io("standard output"))?;
    Ok(Outcome::Done)
}
