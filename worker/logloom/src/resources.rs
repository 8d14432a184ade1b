//! Loading resources from files and folders, and compiling them.
//!
//! This is the edge: it reads files and hands their bytes to the pure reader. A manifest's `schema.file` is read here too,
//! relative to the manifest's own file, and put in place as text.

use logloom_chain::compile::{self, Compiled, Input};
use logloom_chain::parse::program::ParseProgram;
use logloom_chain::parse::redact::{Key, KeyRef, SecretSource};
use logloom_crds::finding::{Finding, Reason};
use logloom_crds::read::{Loaded, Resources};
use logloom_crds::{ParsingManifest, TenantPipeline};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Resources with what the manifests compiled to.
pub struct Compilation {
    /// The resources, and what is wrong with them.
    pub resources: Resources,
    /// Per namespace: manifests by name; `None` for those with findings.
    pub manifests: BTreeMap<String, Manifests>,
    /// Everything found, located.
    pub findings: Vec<Finding>,
}

/// Compiled manifests of one namespace by name.
pub type Manifests = BTreeMap<String, Option<Arc<ParseProgram>>>;

/// Secrets that local mode has: none by name, those of the environment by variable.
pub struct LocalSecrets;

impl SecretSource for LocalSecrets {
    fn key(&self, reference: KeyRef<'_>) -> Key {
        match reference {
            KeyRef::Environment(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Key::Bytes(value.into_bytes()),
                _ => Key::Missing,
            },
            KeyRef::Secret(_) => Key::Withheld,
        }
    }
}

/// Reads all files at `paths` (folders with their sub-folders: `*.yaml`, `*.yml`).
///
/// # Errors
/// A finding for each path that cannot be read.
pub fn load(paths: &[PathBuf]) -> Result<Resources, Vec<Finding>> {
    let mut files = Vec::new();
    let mut unreadable = Vec::new();
    for path in paths {
        if let Err(error) = collect(path, true, &mut files) {
            let message = format!("cannot read {}: {error}", path.display());
            unreadable.push(Finding::error(
                Reason::Unreadable,
                "",
                message,
                "name a YAML file, or a folder with YAML files",
            ));
        }
    }
    if !unreadable.is_empty() {
        return Err(unreadable);
    }
    let mut resources = Resources::new();
    for file in files {
        match std::fs::read(&file) {
            Ok(bytes) => resources.add_file(&file.display().to_string(), &bytes),
            Err(error) => {
                let message = format!("cannot read {}: {error}", file.display());
                resources.findings.push(Finding::error(
                    Reason::Unreadable,
                    "",
                    message,
                    "check the file and its permissions",
                ));
            }
        }
    }
    inline_schemas(&mut resources);
    let kinds = [resources.tenants.len(), resources.manifests.len(), resources.pipelines.len()];
    if kinds == [0; 3] && resources.findings.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(vec![Finding::error(
            Reason::Unreadable,
            "",
            format!("no Tenant, ParsingManifest or TenantPipeline in {}", names.join(", ")),
            "name a YAML file of kind Tenant, ParsingManifest or TenantPipeline (logloom.io/v1alpha1), or a folder with such files",
        )]);
    }
    Ok(resources)
}

/// Resources from a text that comes with the program; `name` stands for the file in findings.
pub fn from_text(name: &str, text: &[u8]) -> Resources {
    let mut resources = Resources::new();
    resources.add_file(name, text);
    resources
}

fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if named || yaml {
            std::fs::metadata(path)?;
            files.push(path.to_owned());
        }
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    entries.iter().try_for_each(|entry| collect(entry, false, files))
}

/// Puts the text of `schema.file` into `schema.proto`.
fn inline_schemas(resources: &mut Resources) {
    let mut findings = Vec::new();
    for manifest in &mut resources.manifests {
        let Some(file) = manifest.resource.spec.schema.file.clone() else { continue };
        let folder = Path::new(&manifest.document.file).parent().unwrap_or(Path::new(".")).to_owned();
        let place = folder.join(file.as_str());
        match std::fs::read_to_string(&place) {
            Ok(text) => {
                manifest.resource.spec.schema.proto = Some(text.as_str().into());
                manifest.resource.spec.schema.file = None;
            }
            Err(error) => {
                let message = format!("cannot read {}: {error}", place.display());
                let finding =
                    Finding::error(Reason::Unreadable, "spec.schema.file", message, "name a file next to the manifest");
                findings.push(manifest.document.locate(finding));
            }
        }
    }
    resources.findings.extend(findings);
}

/// Compiles every manifest and every pipeline.
pub fn compile_all(resources: Resources) -> Compilation {
    let mut findings = resources.findings.clone();
    let mut manifests: BTreeMap<String, Manifests> = BTreeMap::new();
    for manifest in &resources.manifests {
        let compiled = compile_manifest(manifest, &mut findings);
        let namespace = manifest.document.namespace.clone();
        manifests.entry(namespace).or_default().insert(manifest.document.name.clone(), compiled);
    }
    let mut compilation = Compilation { resources, manifests, findings };
    for index in 0..compilation.resources.pipelines.len() {
        let pipeline = &compilation.resources.pipelines[index];
        match compilation.compile(pipeline) {
            Ok(compiled) => compilation.findings.extend(compilation.resources.locate(compiled.warnings)),
            Err(errors) => compilation.findings.extend(compilation.resources.locate(errors)),
        }
    }
    compilation
}

fn compile_manifest(manifest: &Loaded<ParsingManifest>, findings: &mut Vec<Finding>) -> Option<Arc<ParseProgram>> {
    let located = |found: Vec<Finding>| -> Vec<Finding> {
        found
            .into_iter()
            .map(|finding| manifest.document.locate(finding.of("ParsingManifest", &manifest.document.name)))
            .collect()
    };
    match ParseProgram::compile(&manifest.resource.spec, &LocalSecrets) {
        Ok(program) => {
            findings.extend(located(program.warnings().to_vec()));
            Some(Arc::new(program))
        }
        Err(errors) => {
            findings.extend(located(errors));
            None
        }
    }
}

impl Compilation {
    /// Compiles one pipeline.
    ///
    /// # Errors
    /// Its findings, without positions.
    pub fn compile(&self, pipeline: &Loaded<TenantPipeline>) -> Result<Compiled, Vec<Finding>> {
        let namespace = pipeline.document.namespace.as_str();
        let tenant = namespace.strip_prefix("tenant-").filter(|name| !name.is_empty()).unwrap_or(namespace);
        let tenant = if tenant.is_empty() { "default" } else { tenant };
        let grants = self.resources.tenants.iter().find(|loaded| loaded.document.name == tenant);
        let none = Manifests::new();
        compile::compile(&Input {
            tenant,
            grants: grants.map(|loaded| &loaded.resource.spec),
            name: &pipeline.document.name,
            pipeline: &pipeline.resource.spec,
            manifests: self.manifests.get(namespace).unwrap_or(&none),
        })
    }

    /// True when something keeps a resource from running.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }
}
