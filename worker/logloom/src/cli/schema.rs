//! `logloom schema`.

use super::{CommandError, Outcome};
use logloom_crds::ApiKind;
use logloom_crds::generate::{crd_yaml, json_schema_text};
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
    let kinds = arguments.kind.map_or_else(|| ApiKind::ALL.to_vec(), |kind| vec![kind]);
    let mut text = String::new();
    for kind in kinds {
        let made = if arguments.crd { crd_yaml(kind) } else { json_schema_text(kind) };
        text += &made.map_err(|error| CommandError::Other(error.to_string()))?;
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(CommandError::io("standard output"))?;
    Ok(Outcome::Done)
}
