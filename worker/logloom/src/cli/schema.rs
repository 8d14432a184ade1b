//! `logloom schema`.

use super::{CommandError, Outcome};
use logloom_crds::ApiKind;
use logloom_crds::generate::{GenerateError, crd_yaml, json_schema_text};
use serde_json::{Map, Value};
use std::io::Write;

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Tenant, ParsingManifest or TenantPipeline; all of them when left out.
    #[arg(value_name = "KIND", value_parser = kind)]
    kind: Option<ApiKind>,
    /// Print the CustomResourceDefinition (YAML) instead of the JSON Schema.
    #[arg(long)]
    crd: bool,
}

fn kind(name: &str) -> Result<ApiKind, String> {
    let same = |kind: &ApiKind| kind.as_str().eq_ignore_ascii_case(name);
    let known = || ApiKind::ALL.map(ApiKind::as_str).join(", ");
    ApiKind::ALL.into_iter().find(same).ok_or_else(|| format!("the kinds are {}", known()))
}

/// Prints the schemas.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let text = text(arguments.kind, arguments.crd).map_err(|error| CommandError::Other(error.to_string()))?;
    std::io::stdout().write_all(text.as_bytes()).map_err(CommandError::io("standard output"))?;
    Ok(Outcome::Done)
}

/// Of all kinds: documents of one YAML stream, or one JSON object with a schema per kind.
fn text(kind: Option<ApiKind>, crd: bool) -> Result<String, GenerateError> {
    match (kind, crd) {
        (Some(kind), true) => crd_yaml(kind),
        (Some(kind), false) => Ok(json_schema_text(kind)?),
        (None, true) => {
            let documents: Result<Vec<String>, _> = ApiKind::ALL.into_iter().map(crd_yaml).collect();
            Ok(documents?.join("---\n"))
        }
        (None, false) => {
            let mut all = Map::new();
            for kind in ApiKind::ALL {
                all.insert(kind.as_str().to_owned(), serde_json::from_str(&json_schema_text(kind)?)?);
            }
            Ok(format!("{:#}\n", Value::Object(all)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_kinds_are_one_stream_or_one_object() {
        let stream = text(None, true).unwrap();
        let documents: Vec<&str> = stream.split("\n---\n").collect();
        assert_eq!(documents.len(), ApiKind::ALL.len());
        for (document, kind) in documents.iter().zip(ApiKind::ALL) {
            assert!(document.contains(&format!("    kind: {}\n", kind.as_str())), "{kind:?}");
        }
        let schemas: Map<String, Value> = serde_json::from_str(&text(None, false).unwrap()).unwrap();
        assert_eq!(schemas.len(), ApiKind::ALL.len());
    }
}
