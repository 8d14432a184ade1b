//! Reading resources from YAML (or JSON, which is YAML) with positions.
//!
//! [`file`] turns the bytes of one file into documents and findings; [`typed`] turns a document into one
//! of the kinds, or into everything that is wrong with it; [`Resources`] gathers whole folders. All of it
//! is pure: the caller reads the files. Whatever the bytes, the answer comes in time and memory
//! proportional to them, and never as a panic.

mod document;
mod place;
mod resources;
pub(crate) mod scalar;
#[cfg(test)]
mod tests;
mod tree;

use std::sync::Arc;

use saphyr_parser::{Parser, ScanError};

pub use document::{Document, typed};
pub use resources::{Loaded, Resources};

use crate::finding::{Finding, Position, Reason};
use place::Spot;
use tree::Builder;

/// Most bytes of one file.
pub const MAX_FILE_BYTES: usize = 8 << 20;
/// Most characters of one document. The API server's store takes 1.5 MiB.
pub const MAX_DOCUMENT_CHARS: usize = 1 << 20;
/// Most documents of one file.
pub const MAX_DOCUMENTS: usize = 1_000;
/// Most findings of one file; the rest would only hide them.
pub const MAX_FINDINGS_OF_FILE: usize = 1_000;
/// Most values of one document, counted after aliases are expanded.
pub const MAX_VALUES: usize = 100_000;
/// Deepest nesting of maps and lists.
pub const MAX_DEPTH: usize = 64;

/// What one file holds.
#[derive(Clone, Debug)]
pub struct ReadFile {
    /// The documents that could be read, in order; empty ones are left out.
    pub documents: Vec<Document>,
    /// What is wrong with the file, and with documents of it that could not be kept. What is wrong with
    /// the writing of a kept document is in its own findings.
    pub findings: Vec<Finding>,
    /// The text, for drawing findings.
    pub text: Arc<str>,
}

/// Reads the bytes of one file. `name` is used in positions only.
pub fn file(name: &str, bytes: &[u8]) -> ReadFile {
    let start = Position { file: name.to_owned(), line: 1, column: 1 };
    let failed = |finding: Finding| ReadFile { documents: Vec::new(), findings: vec![finding], text: "".into() };
    if bytes.len() > MAX_FILE_BYTES {
        let message = format!("the file has {} bytes; the bound is {MAX_FILE_BYTES}", bytes.len());
        return failed(Finding::error(Reason::TooLarge, "", message, "split it into several files").at(Some(start)));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => return failed(not_utf8(name, bytes, error.valid_up_to())),
    };
    let text: Arc<str> = text.into();
    let (trees, mut findings) = parse(name, &text);
    if trees.is_empty() && findings.is_empty() {
        let message = "the file has no resource";
        let remedy = "add a resource that begins with apiVersion and kind, or leave the file out";
        findings.push(Finding::error(Reason::Empty, "", message, remedy).at(Some(start)));
    }
    let document = |tree| Document::new(name, &text, tree);
    ReadFile { documents: trees.into_iter().map(document).collect(), findings, text: text.clone() }
}

fn not_utf8(name: &str, bytes: &[u8], valid: usize) -> Finding {
    let before = String::from_utf8_lossy(&bytes[..valid]);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    let position = Position { file: name.to_owned(), line: line as u32, column: column as u32 };
    let message = format!("the file is not UTF-8: byte {valid} begins no character");
    Finding::error(Reason::NotUtf8, "", message, "save the file as UTF-8").at(Some(position))
}

fn parse(name: &str, text: &str) -> (Vec<tree::Tree>, Vec<Finding>) {
    let mut builder = Builder::new(name);
    let mut trees = Vec::new();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                let tree = builder.take(event, span);
                // A document of comments only is null.
                trees.extend(tree.filter(|tree| !tree.value.is_null()));
                if trees.len() > MAX_DOCUMENTS {
                    trees.truncate(MAX_DOCUMENTS);
                    let message = format!("the file has more than {MAX_DOCUMENTS} documents");
                    let finding = Finding::error(Reason::TooLarge, "", message, "split it into several files");
                    builder.findings.push(finding.at(Some(Spot::of(span.start).in_file(name))));
                    break;
                }
            }
            Err(error) => {
                builder.abandon();
                builder.findings.push(bad_yaml(name, text, &error));
                break;
            }
        }
    }
    (trees, builder.findings)
}

fn bad_yaml(name: &str, text: &str, error: &ScanError) -> Finding {
    let spot = Spot::of(*error.marker());
    let line = text.lines().nth((spot.line as usize).saturating_sub(1)).unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    let at = |spot: Spot| Some(spot.in_file(name));
    if let Some(tab) = indent.find('\t') {
        let spot = Spot { line: spot.line, column: tab as u32 + 1 };
        let message = "a tab indents this line; YAML is indented by spaces";
        return Finding::error(Reason::BadYaml, "", message, "replace the tab by spaces").at(at(spot));
    }
    let info = error.info();
    if info.contains("recursion limit") {
        let message = format!("maps and lists are nested deeper than {MAX_DEPTH}");
        let remedy = "nothing in this API is nested so deeply: check the brackets";
        return Finding::error(Reason::TooDeep, "", message, remedy).at(at(spot));
    }
    let (message, remedy) = if info.contains("unknown anchor") {
        ("this alias names no anchor that stands before it".to_owned(), "write the value out, or correct the name")
    } else if info.contains("mapping values are not allowed") {
        (format!("this is not YAML: {info}"), "put a text that holds `: ` in quotes, or check the indentation")
    } else {
        (format!("this is not YAML: {info}"), "check indentation, quotes and brackets here and in the line before")
    };
    let reason = if info.contains("unknown anchor") { Reason::BadAlias } else { Reason::BadYaml };
    Finding::error(reason, "", message, remedy).at(at(spot))
}
