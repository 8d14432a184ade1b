//! Many files as one set of resources.

use std::collections::BTreeMap;

use super::document::{Document, header, typed};
use super::{MAX_FINDINGS_OF_FILE, file};
use crate::finding::{Finding, Reason, Sources};
use crate::kind::{ApiKind, Kind};
use crate::suggest;
use crate::{API_VERSION, GROUP, ParsingManifest, Tenant, TenantPipeline};

/// A resource and the document it was read from.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The resource.
    pub resource: T,
    /// Its document: positions and text.
    pub document: Document,
}

/// The resources of many files, and what is wrong with them.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// Tenants, in the order of reading.
    pub tenants: Vec<Loaded<Tenant>>,
    /// Manifests, in the order of reading.
    pub manifests: Vec<Loaded<ParsingManifest>>,
    /// Pipelines, in the order of reading.
    pub pipelines: Vec<Loaded<TenantPipeline>>,
    /// Everything that is wrong. A resource with an error is not in the lists above.
    pub findings: Vec<Finding>,
    /// Documents of other API groups, such as a Kustomization: left alone.
    pub skipped: Vec<Document>,
    /// The texts of the files, for drawing findings.
    pub sources: Sources,
    /// Where each resource was first read: (kind, namespace, name) → file and line.
    seen: BTreeMap<(ApiKind, String, String), String>,
}

impl Resources {
    /// No resources yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one more file.
    pub fn add_file(&mut self, name: &str, bytes: &[u8]) {
        let read = file(name, bytes);
        let before = self.findings.len();
        self.sources.insert(name.to_owned(), read.text);
        self.findings.extend(read.findings);
        for document in read.documents {
            self.add(document);
        }
        let more = (self.findings.len() - before).saturating_sub(MAX_FINDINGS_OF_FILE);
        if more > 0 {
            self.findings.truncate(before + MAX_FINDINGS_OF_FILE);
            let message = format!("{name} has {more} more findings");
            self.findings.push(Finding::error(Reason::TooLarge, "", message, "correct those above first"));
        }
    }

    /// Adds one more document.
    pub fn add(&mut self, document: Document) {
        let Some(kind) = self.kind_of(&document) else {
            return;
        };
        match kind {
            ApiKind::Tenant => {
                let loaded = self.load(kind, document);
                self.tenants.extend(loaded);
            }
            ApiKind::ParsingManifest => {
                let loaded = self.load(kind, document);
                self.manifests.extend(loaded);
            }
            ApiKind::TenantPipeline => {
                let loaded = self.load(kind, document);
                self.pipelines.extend(loaded);
            }
        }
    }

    /// The kind of a document; none, with a finding where one is due, when it is not one of ours.
    fn kind_of(&mut self, document: &Document) -> Option<ApiKind> {
        let kind = ApiKind::from_name(&document.kind);
        let group = document.api_version.split('/').next().unwrap_or_default();
        let finding = match kind {
            Some(kind) => {
                let wrong = header(document, kind);
                let is_right = wrong.is_empty();
                self.findings.extend(wrong.into_iter().map(|finding| document.locate(finding)));
                return is_right.then_some(kind);
            }
            None if document.kind.is_empty() => {
                let remedy = format!("begin it with apiVersion: {API_VERSION} and kind");
                Finding::error(Reason::MissingKind, "", "this document has no kind", remedy)
            }
            None if group != GROUP => {
                self.skipped.push(document.clone());
                return None;
            }
            None => {
                let kinds = ApiKind::ALL.map(ApiKind::as_str);
                let remedy = match suggest::nearest(&document.kind, kinds) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("the kinds are {}", kinds.join(", ")),
                };
                let message = format!("there is no kind `{}` in {GROUP}", document.kind);
                Finding::error(Reason::UnknownKind, "kind", message, remedy)
            }
        };
        self.findings.push(document.locate(finding));
        None
    }

    fn load<T: Kind>(&mut self, kind: ApiKind, document: Document) -> Option<Loaded<T>> {
        let resource: T = match typed(&document) {
            Ok(resource) => resource,
            Err(findings) => {
                self.findings.extend(findings);
                return None;
            }
        };
        let key = (kind, document.namespace.clone(), document.name.clone());
        let place = document.key_position("").map(|position| position.to_string()).unwrap_or_default();
        if let Some(first) = self.seen.get(&key) {
            let message = format!("{} `{}` is defined twice; first at {first}", kind.as_str(), document.name);
            let finding =
                Finding::error(Reason::DuplicateResource, "metadata.name", message, "rename or remove one of them");
            self.findings.push(document.locate(finding));
            return None;
        }
        self.seen.insert(key, place);
        Some(Loaded { resource, document })
    }

    /// True when something is wrong that keeps a resource from running.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// Findings with the positions of the documents that they are about (by `Kind/name`).
    pub fn locate(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let locate = |finding: Finding| match self.document(&finding.resource) {
            Some(document) => document.locate(finding),
            None => finding,
        };
        findings.into_iter().map(locate).collect()
    }

    /// The document of a resource, named as findings name it: `Kind/name`.
    pub fn document(&self, resource: &str) -> Option<&Document> {
        let (kind, name) = resource.split_once('/')?;
        let tenants = self.tenants.iter().map(|loaded| &loaded.document);
        let manifests = self.manifests.iter().map(|loaded| &loaded.document);
        let pipelines = self.pipelines.iter().map(|loaded| &loaded.document);
        tenants.chain(manifests).chain(pipelines).find(|document| document.kind == kind && document.name == name)
    }
}
