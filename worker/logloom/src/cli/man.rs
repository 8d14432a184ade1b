//! `logloom man`.

use super::{Cli, CommandError, Outcome};
use clap::CommandFactory;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write one page per command into this folder instead of printing the first one.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints or writes the pages.
///
/// # Errors
/// When the pages cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    match &arguments.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(CommandError::io(folder.display().to_string()))?;
            clap_mangen::generate_to(Cli::command(), folder).map_err(CommandError::io(folder.display().to_string()))?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(CommandError::io("manual page"))?;
            std::io::stdout().write_all(&page).map_err(CommandError::io("standard output"))?;
        }
    }
    Ok(Outcome::Done)
}
