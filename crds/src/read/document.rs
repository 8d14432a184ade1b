//! One document of a file: its value, where everything in it stands, and the way to its type.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use serde_path_to_error::Segment;

use super::place::{Place, Spot, Writing};
use super::tree::Tree;
use crate::API_VERSION;
use crate::finding::{Finding, Position, Reason};
use crate::kind::{ApiKind, Kind, drop_nulls};
use crate::path;
use crate::suggest;

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// `apiVersion`; empty when there is none.
    pub api_version: String,
    /// `kind`; empty when there is none.
    pub kind: String,
    /// `metadata.name`; empty when there is none.
    pub name: String,
    /// `metadata.namespace`; empty when there is none.
    pub namespace: String,
    /// The file, as it was named to the reader.
    pub file: String,
    /// The text of the whole file.
    pub text: Arc<str>,
    /// The document as JSON. Null members are left out, as the API server does.
    pub value: Value,
    /// What is wrong with how the document is written, such as a key that stands twice. [`typed`] refuses
    /// the document and gives these too.
    pub findings: Vec<Finding>,
    places: BTreeMap<String, Place>,
}

impl Document {
    pub(super) fn new(file: &str, text: &Arc<str>, tree: Tree) -> Self {
        let Tree { mut value, places, findings } = tree;
        drop_nulls(&mut value);
        let word = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            api_version: word("/apiVersion"),
            kind: word("/kind"),
            name: word("/metadata/name"),
            namespace: word("/metadata/namespace"),
            file: file.to_owned(),
            text: Arc::clone(text),
            value,
            findings,
            places,
        }
    }

    /// Where the key of this path stands (for an item of a list: the item). A path that is not in the text
    /// gives the place of what is around it.
    pub fn key_position(&self, path: &str) -> Option<Position> {
        let place = self.place(path)?;
        Some(place.key.unwrap_or(place.value).in_file(&self.file))
    }

    /// Where the value of this path stands. A path that is not in the text gives the place of what is
    /// around it.
    pub fn value_position(&self, path: &str) -> Option<Position> {
        match self.places.get(path) {
            Some(place) => Some(place.value.in_file(&self.file)),
            None => self.key_position(path),
        }
    }

    /// Where a character of a text value stands: for an error inside an expression or a pattern. `offset`
    /// counts characters of the value. A value whose characters do not stand in the text one by one
    /// (escapes, folded lines) gives the place of the value.
    pub fn position_in(&self, path: &str, offset: usize) -> Option<Position> {
        let inside = || {
            let place = self.places.get(path)?;
            let value = self.value.pointer(&pointer(path, &self.value)?)?.as_str()?;
            self.spot_in(*place, value, offset)
        };
        inside().map(|spot| spot.in_file(&self.file)).or_else(|| self.value_position(path))
    }

    fn place(&self, path: &str) -> Option<Place> {
        let mut at = path;
        loop {
            if let Some(place) = self.places.get(at) {
                return Some(*place);
            }
            at = path::parent(at)?;
        }
    }

    fn line(&self, line: u32) -> Option<&str> {
        self.text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)
    }

    fn spot_in(&self, place: Place, value: &str, offset: usize) -> Option<Spot> {
        let before: String = value.chars().take(offset).collect();
        let Spot { line, column } = place.value;
        match place.writing {
            Writing::Plain | Writing::Quoted => {
                let column = column + u32::from(place.writing == Writing::Quoted);
                let written = self.line(line)?.chars().skip(column as usize - 1).collect::<String>();
                let column = column + u32::try_from(offset).ok()?;
                written.starts_with(&before).then_some(Spot { line, column })
            }
            // A literal text stands where its first line does.
            Writing::Literal => {
                let lines_down = before.matches('\n').count();
                let last = before.rsplit('\n').next().unwrap_or_default();
                let line = line + u32::try_from(lines_down).ok()?;
                let written = self.line(line)?;
                let wanted = value.split('\n').nth(lines_down)?;
                let indent = written.chars().count().checked_sub(wanted.chars().count())?;
                let column = u32::try_from(indent + last.chars().count()).ok()? + 1;
                written.ends_with(wanted).then_some(Spot { line, column })
            }
            Writing::Other => None,
        }
    }

    /// The same finding with this document's resource, and with the position of its path: that of the key
    /// where a key is wrong, else that of the value. A position that is there already stays.
    pub fn locate(&self, mut finding: Finding) -> Finding {
        if finding.position.is_none() {
            finding.position = match finding.reason {
                Reason::UnknownField | Reason::MissingField | Reason::DuplicateKey | Reason::ExactlyOne => {
                    self.key_position(&finding.path)
                }
                _ => self.value_position(&finding.path),
            };
        }
        if finding.resource.is_empty() && !self.kind.is_empty() {
            return finding.of(&self.kind, &self.name);
        }
        finding
    }
}

/// The JSON pointer of a path that exists in the value.
fn pointer(path: &str, value: &Value) -> Option<String> {
    let Some(parent) = path::parent(path) else {
        return Some(String::new());
    };
    let around = pointer(parent, value)?;
    let member = match value.pointer(&around)? {
        Value::Array(items) => (0..items.len()).find(|index| path::item(parent, *index) == path)?.to_string(),
        Value::Object(members) => {
            let key = members.keys().find(|key| path::member(parent, key) == path)?;
            key.replace('~', "~0").replace('/', "~1")
        }
        _ => return None,
    };
    Some(format!("{around}/{member}"))
}

/// The document as one of the kinds, or everything that is wrong with it.
pub fn typed<T: Kind>(document: &Document) -> Result<T, Vec<Finding>> {
    let mut findings = header(document, T::KIND);
    if findings.is_empty() {
        findings = T::KIND.check(&document.value);
    }
    // Of a value that is written wrongly, its type says nothing more.
    let written = &document.findings;
    findings.retain(|finding| !written.iter().any(|other| other.path == finding.path));
    findings.extend_from_slice(written);
    if findings.is_empty() {
        match serde_path_to_error::deserialize(&document.value) {
            Ok(resource) => return Ok(resource),
            Err(error) => findings.push(from_serde(&error)),
        }
    }
    let mut located: Vec<Finding> = findings.into_iter().map(|finding| document.locate(finding)).collect();
    // In the order of the text: that is how people go through them.
    located.sort_by_key(|finding| finding.position.as_ref().map(|position| (position.line, position.column)));
    Err(located)
}

/// Kind and version of a document, before its schema is looked at.
pub(super) fn header(document: &Document, expected: ApiKind) -> Vec<Finding> {
    if document.kind != expected.as_str() {
        let message = format!("this is a `{}`, not a {}", document.kind, expected.as_str());
        let remedy = format!("write kind: {}", expected.as_str());
        return vec![Finding::error(Reason::UnknownKind, "kind", message, remedy)];
    }
    if document.api_version != API_VERSION {
        let message = match document.api_version.as_str() {
            "" => "apiVersion is missing".to_owned(),
            version => format!("there is no {} in `{version}`", expected.as_str()),
        };
        let remedy = format!("write apiVersion: {API_VERSION}");
        return vec![Finding::error(Reason::UnknownVersion, "apiVersion", message, remedy)];
    }
    Vec::new()
}

/// What serde says where the schema said nothing: the two differ, which a test looks for.
fn from_serde(error: &serde_path_to_error::Error<serde_json::Error>) -> Finding {
    let mut place = String::new();
    for segment in error.path() {
        match segment {
            Segment::Map { key } => path::push_member(&mut place, key),
            Segment::Seq { index } => path::push_item(&mut place, *index),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    let message = error.inner().to_string();
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let mut names = rest.split('`').step_by(2);
        let field = names.next().unwrap_or_default().to_owned();
        let remedy = match suggest::nearest(&field, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "leave it out".to_owned(),
        };
        return Finding::error(Reason::UnknownField, place, format!("there is no field `{field}` here"), remedy);
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        let field = rest.split('`').next().unwrap_or_default();
        return Finding::error(Reason::MissingField, place, format!("`{field}` is missing"), format!("add `{field}:`"));
    }
    Finding::error(Reason::WrongType, place, message, "correct the value")
}
