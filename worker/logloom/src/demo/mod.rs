//! The demo: logs of two tenants with known faults, run by the same code as `logloom run`, and compared with the truth.
//!
//! ```text
//!  seed ─► truth ─► shop, gateways ─► OUT/TENANT/input ─► local::run ─► OUT/TENANT/*.jsonl ─► report::score
//!            └─► OUT/truth.json ───────────────────────────────────────────────────────────────┘
//! ```
//!
//! The pipelines are ordinary resources (`tenants/demo/`), written into the output folder so that anybody can run them again by
//! hand. They must never know the truth.

pub mod arrivals;
pub mod gateways;
pub mod random;
pub mod serve;
pub mod shop;
pub mod truth;

use crate::local::input::{Binding, BindingError, expand};
use crate::local::run::{Progress, RunError, Settings as RunSettings, Summary, run as run_pipeline};
use crate::report::page::{Report, Tenant as Reported};
use crate::report::read::{Outputs, ReadError};
use crate::resources::{compile_all, load};
use arrivals::Arrivals;
use logloom_crds::finding::{Finding, Style, render};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use thiserror::Error;
use truth::Truth;

/// The name of the file that says what was put in.
pub const TRUTH: &str = "truth.json";
/// The name of the report.
pub const REPORT: &str = "report.html";

const TITLE: &str = "Logloom demo";

/// What to make.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Output folder.
    pub out: PathBuf,
    /// Fixes the logs and the faults.
    pub seed: u64,
    /// Minutes of event time.
    pub minutes: u32,
    /// Requests per second to the shop; each makes five lines or so.
    pub requests: f64,
}

/// Why a demo could not be made.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The file system refused.
    #[error("cannot write {path}: {error}; free space or name another folder with --out")]
    Write {
        /// What.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
    },
    /// Something else lies in the output folder.
    #[error("{0} holds other files than those of a demo; name a new folder with --out")]
    Occupied(PathBuf),
    /// The demo's own resources do not compile.
    #[error("the demo's resources in {path} cannot run:\n{shown}")]
    Resources {
        /// Where they are.
        path: PathBuf,
        /// What is wrong.
        shown: String,
    },
    /// An input has no file.
    #[error(transparent)]
    Input(#[from] BindingError),
    /// The run stopped early.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The output cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The report cannot be made.
    #[error("the report cannot be made: {0}")]
    Page(#[from] minijinja::Error),
    /// Somebody stopped it.
    #[error("stopped")]
    Stopped,
}

/// A tenant of the demo.
pub struct Tenant {
    /// Its name.
    pub name: &'static str,
    resources: [(&'static str, &'static str); 2],
    /// Sources; each is one file of input.
    pub sources: &'static [&'static str],
}

macro_rules! tenant_file {
    ($tenant:literal, $file:literal) => {
        ($file, include_str!(concat!("../../../../tenants/demo/", $tenant, "/", $file)))
    };
}

/// The two tenants.
pub const TENANTS: [Tenant; 2] = [
    Tenant {
        name: "acme",
        resources: [tenant_file!("acme", "manifests.yaml"), tenant_file!("acme", "pipeline.yaml")],
        sources: &shop::FILES,
    },
    Tenant {
        name: "globex",
        resources: [tenant_file!("globex", "manifests.yaml"), tenant_file!("globex", "pipeline.yaml")],
        sources: &gateways::FILES,
    },
];

impl Tenant {
    /// Folder of its output.
    pub fn folder(&self, out: &Path) -> PathBuf {
        out.join(self.name)
    }

    fn resources_folder(&self, out: &Path) -> PathBuf {
        self.folder(out).join("resources")
    }

    fn input(&self, out: &Path, source: &str) -> PathBuf {
        self.folder(out).join("input").join(format!("{source}.log"))
    }

    /// The command that runs it again by hand.
    pub fn command(&self, out: &Path) -> String {
        let mut text = format!("logloom run -f {}", self.resources_folder(out).display());
        for source in self.sources {
            text += &format!(" --input {source}={}", self.input(out, source).display());
        }
        text + &format!(" --out {}", self.folder(out).join("again").display())
    }
}

/// One tenant, run.
pub struct TenantRun {
    /// Its name.
    pub name: &'static str,
    /// What the runner says.
    pub summary: Summary,
    /// What came out.
    pub outputs: Outputs,
    /// The command that runs it again by hand.
    pub command: String,
}

/// A finished demo.
pub struct Demo {
    /// What was put in.
    pub truth: Truth,
    /// The tenants, run.
    pub tenants: Vec<TenantRun>,
}

impl Demo {
    /// The report.
    ///
    /// # Errors
    /// [`DemoError::Page`].
    pub fn html(&self) -> Result<String, DemoError> {
        let tenants = self.tenants.iter().map(|run| Reported {
            name: run.name,
            outputs: &run.outputs,
            pace: Some((run.summary.lines, run.summary.elapsed.as_secs_f64())),
            command: Some(run.command.clone()),
        });
        let tenants = tenants.collect();
        Ok(Report { title: TITLE, running: None, truth: Some(&self.truth), tenants }.html()?)
    }
}

/// The report of a demo that is still running, from what its folder holds so far.
///
/// # Errors
/// [`DemoError::Page`].
pub fn html_so_far(settings: &Settings, what: &str) -> Result<String, DemoError> {
    let truth = truth::plan(settings.seed, settings.minutes);
    // A tenant whose turn has not come has no files yet.
    let outputs: Vec<(&str, Outputs)> = TENANTS
        .iter()
        .filter_map(|tenant| Some((tenant.name, Outputs::read(&tenant.folder(&settings.out)).ok()?)))
        .collect();
    let tenants = outputs.iter().map(|(name, outputs)| Reported { name, outputs, pace: None, command: None }).collect();
    Ok(Report { title: TITLE, running: Some(format!("{what} …")), truth: Some(&truth), tenants }.html()?)
}

/// Told what a demo is doing.
pub trait Watch {
    /// Doing this now; `done` of `all` lines, where that is known.
    fn step(&mut self, what: &str, done: u64, all: u64);
}

/// Makes the logs, runs both tenants, reads what came out.
///
/// # Errors
/// [`DemoError`].
pub fn run(settings: &Settings, stop: &AtomicBool, watch: &mut dyn Watch) -> Result<Demo, DemoError> {
    run_truth(settings, truth::plan(settings.seed, settings.minutes), stop, watch)
}

fn run_truth(settings: &Settings, truth: Truth, stop: &AtomicBool, watch: &mut dyn Watch) -> Result<Demo, DemoError> {
    let out = &settings.out;
    clear(out)?;
    let text = serde_json::to_vec_pretty(&truth).unwrap_or_default();
    write(&out.join(TRUTH), &text)?;
    let mut tenants = Vec::new();
    for tenant in &TENANTS {
        watch.step(&format!("making the logs of {}", tenant.name), 0, 0);
        let lines = generate(tenant, settings, &truth)?;
        tenants.push(run_tenant(tenant, out, lines, stop, watch)?);
    }
    Ok(Demo { truth, tenants })
}

/// Makes the folder ready: removes an earlier demo, and touches nothing else.
fn clear(out: &Path) -> Result<(), DemoError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| DemoError::Write { path, error }
    };
    std::fs::create_dir_all(out).map_err(failed(out))?;
    let is_empty = std::fs::read_dir(out).map_err(failed(out))?.next().is_none();
    if !is_empty && !out.join(TRUTH).is_file() {
        return Err(DemoError::Occupied(out.to_owned()));
    }
    for tenant in &TENANTS {
        let folder = tenant.folder(out);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(failed(&folder))?;
        }
        for folder in [tenant.resources_folder(out), folder.join("input")] {
            std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        }
        for (name, text) in tenant.resources {
            write(&tenant.resources_folder(out).join(name), text.as_bytes())?;
        }
    }
    Ok(())
}

/// Writes a file of the demo.
///
/// # Errors
/// [`DemoError::Write`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    std::fs::write(path, bytes).map_err(|error| DemoError::Write { path: path.to_owned(), error })
}

/// Makes the logs of a tenant; gives the number of lines.
fn generate(tenant: &Tenant, settings: &Settings, truth: &Truth) -> Result<u64, DemoError> {
    let folder = tenant.folder(&settings.out).join("input");
    let failed = |error| DemoError::Write { path: folder.clone(), error };
    let open = |source: &&str| File::create(tenant.input(&settings.out, source)).map(BufWriter::new);
    let files: Vec<BufWriter<File>> = tenant.sources.iter().map(open).collect::<Result<_, _>>().map_err(failed)?;
    let mut arrivals = Arrivals::new(files);
    match tenant.name {
        "acme" => shop::generate(truth, settings.requests, &mut arrivals),
        _ => gateways::generate(truth, settings.requests.max(25.0), &mut arrivals),
    }
    .and_then(|()| arrivals.finish())
    .map_err(failed)
}

struct Lines<'w> {
    watch: &'w mut dyn Watch,
    what: String,
    all: u64,
}

impl Progress for Lines<'_> {
    fn lines(&mut self, lines: u64) {
        self.watch.step(&self.what, lines, self.all);
    }
}

fn run_tenant(
    tenant: &Tenant,
    out: &Path,
    lines: u64,
    stop: &AtomicBool,
    watch: &mut dyn Watch,
) -> Result<TenantRun, DemoError> {
    let resources = tenant.resources_folder(out);
    let refused = |findings: &[Finding], sources: &_| DemoError::Resources {
        path: resources.clone(),
        shown: render(findings, sources, Style::Plain),
    };
    let loaded = load(std::slice::from_ref(&resources)).map_err(|findings| refused(&findings, &Default::default()))?;
    let compilation = compile_all(loaded);
    let sources = &compilation.resources.sources;
    let program = match compilation.resources.pipelines.first().filter(|_| !compilation.has_errors()) {
        Some(pipeline) => compilation.compile(pipeline).map_err(|findings| refused(&findings, sources))?.program,
        None => return Err(refused(&compilation.findings, sources)),
    };
    let binding = |source: &&str| Binding {
        source: (*source).to_owned(),
        pattern: tenant.input(out, source).display().to_string(),
    };
    let partitions = expand(&tenant.sources.iter().map(binding).collect::<Vec<_>>())?;
    let folder = tenant.folder(out);
    let settings = RunSettings {
        checkpoints: folder.join("checkpoint"),
        out: folder.clone(),
        globs: Vec::new(),
        follow: false,
        checkpoint_every: Duration::from_secs(10),
    };
    let mut progress = Lines { watch, what: format!("running {}", tenant.name), all: lines };
    let summary = run_pipeline(&Arc::new(program), &partitions, &settings, stop, &mut progress)?;
    if !summary.complete {
        return Err(DemoError::Stopped);
    }
    Ok(TenantRun { name: tenant.name, summary, outputs: Outputs::read(&folder)?, command: tenant.command(out) })
}

#[cfg(test)]
mod tests;
