//! `logloom run`.

use super::{CommandError, Outcome, stop_flag};
use crate::local::input::{Binding, expand};
use crate::local::run::{Progress, RunError, Settings, Silent, Summary, files, run as run_pipeline};
use crate::resources::{Compilation, compile_all, load};
use indicatif::{ProgressBar, ProgressStyle};
use logloom_chain::compile::check_local;
use logloom_crds::finding::{Style, render};
use logloom_crds::read::Loaded;
use logloom_crds::{Finding, TenantPipeline};
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// YAML files, or folders with YAML files.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
    /// Lines of a source: SOURCE=FILE, SOURCE=GLOB, or SOURCE=- for standard input.
    #[arg(short, long = "input", value_name = "SOURCE=WHERE", required = true)]
    inputs: Vec<Binding>,
    /// Folder for the output; a run that is started again on it goes on where it stopped.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// The pipeline to run, when the files hold several.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Follow the files as they grow and rotate, until the program is stopped.
    #[arg(long)]
    follow: bool,
    /// Read the inputs to their end and close all windows; this is what happens without --follow.
    #[arg(long, conflicts_with = "follow")]
    until_end: bool,
    /// Folder for checkpoints; by default a folder named `checkpoint` in the output folder.
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Milliseconds between two checkpoints.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    checkpoint_every_ms: u64,
    /// Say nothing but errors.
    #[arg(short, long)]
    quiet: bool,
}

struct Bar(ProgressBar);

impl Progress for Bar {
    fn lines(&mut self, lines: u64) {
        self.0.set_position(lines);
    }
}

/// Runs one pipeline.
///
/// # Errors
/// When resources cannot be read, or the run stops early.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let compilation = compile_all(load(&arguments.files).map_err(CommandError::findings)?);
    if compilation.resources.pipelines.is_empty() && compilation.has_errors() {
        eprint!("{}", render(&compilation.findings, &compilation.resources.sources, Style::Plain));
        return Ok(Outcome::Findings);
    }
    let pipeline = choose(&compilation, arguments.pipeline.as_deref())?;
    let partitions = expand(&arguments.inputs).map_err(|error| CommandError::Other(error.to_string()))?;
    let bound: BTreeSet<String> = partitions.iter().map(|partition| partition.source.clone()).collect();
    let mut findings = compilation.findings.clone();
    findings.extend(compilation.resources.locate(check_local(
        &pipeline.document.name,
        &pipeline.resource.spec,
        Some(&bound),
    )));
    if !arguments.quiet || findings.iter().any(Finding::is_error) {
        eprint!("{}", render(&findings, &compilation.resources.sources, Style::Plain));
    }
    if findings.iter().any(Finding::is_error) {
        return Ok(Outcome::Findings);
    }
    let compiled = compilation.compile(pipeline).map_err(CommandError::findings)?;
    let settings = Settings {
        out: arguments.out.clone(),
        checkpoints: arguments.checkpoint.clone().unwrap_or_else(|| arguments.out.join("checkpoint")),
        globs: arguments.inputs.iter().filter(|input| input.is_glob()).cloned().collect(),
        follow: arguments.follow,
        checkpoint_every: Duration::from_millis(arguments.checkpoint_every_ms),
    };
    let stop = stop_flag();
    let summary = with_progress(arguments.quiet, |progress| {
        run_pipeline(&Arc::new(compiled.program), &partitions, &settings, &stop, progress)
    });
    let summary = summary.map_err(|error| CommandError::Other(error.to_string()))?;
    if !arguments.quiet {
        std::io::stderr().write_all(report(&summary).as_bytes()).map_err(CommandError::io("standard error"))?;
    }
    Ok(Outcome::Done)
}

fn with_progress(
    quiet: bool,
    run: impl FnOnce(&mut dyn Progress) -> Result<Summary, RunError>,
) -> Result<Summary, RunError> {
    if quiet || !std::io::stderr().is_terminal() {
        return run(&mut Silent);
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} lines  {per_sec}  {elapsed}") {
        bar.set_style(style);
    }
    let mut progress = Bar(bar);
    let summary = run(&mut progress);
    progress.0.finish_and_clear();
    summary
}

/// The pipeline that is meant.
fn choose<'c>(compilation: &'c Compilation, name: Option<&str>) -> Result<&'c Loaded<TenantPipeline>, CommandError> {
    let all = &compilation.resources.pipelines;
    let names = || all.iter().map(|pipeline| pipeline.document.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, all.as_slice()) {
        (Some(name), _) => {
            let found = all.iter().find(|pipeline| pipeline.document.name == name);
            found.ok_or_else(|| {
                CommandError::Other(format!("there is no pipeline `{name}`; the files hold {}", names()))
            })
        }
        (None, [one]) => Ok(one),
        (None, []) => Err(CommandError::Other("the files hold no TenantPipeline".to_owned())),
        (None, _) => {
            Err(CommandError::Other(format!("the files hold several pipelines; name one with --pipeline: {}", names())))
        }
    }
}

/// The summary for people.
fn report(summary: &Summary) -> String {
    let mut text = String::new();
    for note in &summary.notes {
        text += &format!("note: {note}\n");
    }
    if summary.continued_at.is_some() {
        text += "continued from a checkpoint\n";
    }
    let seconds = summary.elapsed.as_secs_f64();
    let rate = if seconds > 0.0 { summary.lines as f64 / seconds } else { 0.0 };
    text += &format!("{} lines in {seconds:.2} s, {rate:.0} lines/s", summary.lines);
    if let Some(bytes) = summary.peak_memory {
        text += &format!(", peak memory {} MB", bytes >> 20);
    }
    text += "\n";
    if let Some(sources) = summary.ledger["sources"].as_object() {
        for (name, source) in sources {
            text += &format!("  {name}: in {}, passed {}", source["in"], source["passed"]);
            if let Some(reasons) = source["dropped"].as_object() {
                for (reason, count) in reasons {
                    text += &format!(", {reason} {count}");
                }
            }
            text += &format!(", inside {}, unaccounted {}\n", source["held"], source["unaccounted"]);
        }
    }
    for (name, written) in files(&summary.written) {
        text += &format!("  {name}.jsonl: {} lines, {} bytes\n", written.lines, written.bytes);
    }
    text += match (summary.complete, summary.can_go_on) {
        (true, _) => "",
        (false, true) => "stopped before the end; the same command goes on from here\n",
        (false, false) => {
            "stopped before the end; a run over standard input cannot be continued: begin with a new output folder\n"
        }
    };
    text
}
