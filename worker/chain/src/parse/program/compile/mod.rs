//! A manifest to a program, or to everything that is wrong with it.
//!
//! Findings name a path below `spec`, a reason and a remedy. A part that cannot be compiled does not hide the findings of
//! the others, except that without columns nothing about columns can be said.

mod checks;
mod columns;
mod names;

use super::{ParseProgram, RECEIVED, WellKnown};
use crate::expr::{self, RowEnvironment};
use crate::parse::decode::{Chain, ChainError};
use crate::parse::fields::SlotTable;
use crate::parse::redact::{Redactor, SecretSource};
use crate::parse::schema::Schema;
use crate::parse::suggest;
use crate::parse::superlog::{self, SizeRule};
use crate::parse::timestamp::{RuleError, TimeRule};
use crate::row::{Column, ColumnType};
use crate::time::Span;
use logloom_crds::finding::{Finding, Reason};
use logloom_crds::manifest::{MessageSchema, ParsingManifestSpec};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The extracted names that Logloom gives.
const WELL_KNOWN: [&str; 5] =
    [superlog::ORIGINAL_BYTES, superlog::KEPT_BYTES, superlog::REFERENCE, superlog::DIGEST, RECEIVED];

impl ParseProgram {
    /// Compiles a manifest. Files that it names must have been put in place as text.
    ///
    /// # Errors
    /// Every finding that keeps the manifest from running; [`ParseProgram::warnings`] has the others.
    pub fn compile(spec: &ParsingManifestSpec, keys: &dyn SecretSource) -> Result<Self, Vec<Finding>> {
        let mut findings = Findings::default();
        let schema = compile_schema(&spec.schema, &mut findings);
        let time = compile_time(spec, &mut findings);
        let program = match (schema, time) {
            (Some(schema), time) => Compiler { spec, schema: &schema, findings: &mut findings }.program(keys, time),
            (None, _) => {
                // What can be said without columns.
                let _ = compile_chain(spec, None, &mut names_of(spec), &mut findings);
                None
            }
        };
        match program {
            Some(mut program) if findings.errors.is_empty() => {
                program.warnings = findings.warnings;
                Ok(program)
            }
            _ => Err(findings.errors),
        }
    }
}

/// The columns as names of expressions.
pub(super) fn environment(schema: &Schema) -> RowEnvironment<'_> {
    let columns = (0..schema.rows().len()).filter_map(|index| u16::try_from(index).ok());
    columns.fold(RowEnvironment::new(schema.rows()), |environment, index| match schema.enum_names(Column(index)) {
        Some(names) => {
            let values = names.pairs().map(|(name, number)| (name.to_owned(), i64::from(number)));
            environment.with_names(index, Arc::new(expr::EnumNames::new(values)))
        }
        None => environment,
    })
}

#[derive(Default)]
struct Findings {
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Findings {
    fn error(
        &mut self,
        reason: Reason,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.errors.push(Finding::error(reason, path, message, remedy));
    }

    fn warning(
        &mut self,
        reason: Reason,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.warnings.push(Finding::warning(reason, path, message, remedy));
    }
}

fn compile_schema(spec: &MessageSchema, findings: &mut Findings) -> Option<Schema> {
    let Some(text) = &spec.proto else {
        let (path, message) = match &spec.file {
            Some(file) => ("spec.schema.file", format!("the text of `{file}` is not in place")),
            None => ("spec.schema", "the schema has neither `proto` nor `file`".to_owned()),
        };
        findings.error(Reason::MissingField, path, message, "write the Protobuf text under `proto`");
        return None;
    };
    match Schema::compile(text, &spec.message) {
        Ok(schema) => Some(schema),
        Err(error) => {
            use crate::parse::schema::SchemaError::{Empty, UnknownMessage};
            let path = match error {
                UnknownMessage { .. } | Empty { .. } => "spec.schema.message",
                _ => "spec.schema.proto",
            };
            findings.error(Reason::BadSchema, path, error.to_string(), error.remedy());
            None
        }
    }
}

fn compile_time(spec: &ParsingManifestSpec, findings: &mut Findings) -> Option<TimeRule> {
    let errors = match TimeRule::compile(&spec.timestamp) {
        Ok(rule) if !spec.timestamp.formats.is_empty() => return Some(rule),
        Ok(_) => {
            let remedy = "write at least one, such as `rfc3339`";
            findings.error(Reason::MissingField, "spec.timestamp.formats", "there is no format", remedy);
            return None;
        }
        Err(errors) => errors,
    };
    for error in errors {
        match error {
            RuleError::Format { index, error } => {
                let path = format!("spec.timestamp.formats[{index}]");
                findings.error(Reason::BadTime, path, error.to_string(), "see the list of formats and conversions");
            }
            RuleError::Zone(_) => {
                let remedy = "write a zone such as Europe/Vienna, or an offset such as +08:00";
                findings.error(Reason::BadTime, "spec.timestamp.zone", error.to_string(), remedy);
            }
        }
    }
    None
}

/// The names that fields and timestamp read.
fn names_of(spec: &ParsingManifestSpec) -> SlotTable {
    let mut table = SlotTable::new();
    table.want(&spec.timestamp.from);
    for field in &spec.fields {
        field.from.iter().chain(&field.first_of).for_each(|name| {
            table.want(name);
        });
    }
    table
}

fn compile_chain(
    spec: &ParsingManifestSpec,
    schema: Option<&Schema>,
    table: &mut SlotTable,
    findings: &mut Findings,
) -> Option<Chain> {
    let errors = match Chain::compile(&spec.decode, schema.map(Schema::descriptor), table) {
        Ok(chain) => return Some(chain),
        Err(errors) => errors,
    };
    for ChainError { step, field, message, remedy } in errors {
        let reason = match field.as_str() {
            "from" => Reason::UnknownReference,
            field if field.contains("attern") || field.contains("definitions") => Reason::BadPattern,
            field if field.contains("schema") || field.contains("message") => Reason::BadSchema,
            _ => Reason::CannotWork,
        };
        let dot = if field.is_empty() { "" } else { "." };
        findings.error(reason, format!("spec.decode[{step}]{dot}{field}"), message, remedy);
    }
    None
}

struct Compiler<'c> {
    spec: &'c ParsingManifestSpec,
    schema: &'c Schema,
    findings: &'c mut Findings,
}

impl Compiler<'_> {
    fn program(mut self, keys: &dyn SecretSource, time: Option<TimeRule>) -> Option<ParseProgram> {
        let spec = self.spec;
        let mut table = names_of(spec);
        let mut extracts = Vec::new();
        let plans = self.columns(&mut table, &mut extracts);
        let chain = compile_chain(spec, Some(self.schema), &mut table, self.findings);
        if let Some(chain) = &chain {
            self.check_names(chain);
        }
        let redactor = match Redactor::compile(&spec.redact, self.schema.rows(), keys) {
            Ok(redactor) => redactor,
            Err(errors) => {
                self.findings.errors.extend(errors);
                Redactor::default()
            }
        };
        let filter = self.filter();
        let key = self.key();
        let dimensions = self.dimensions();
        let metrics = self.metrics();
        let multiline = self.multiline();
        let templates = self.templates();
        self.size();
        self.check_redaction(&redactor);
        self.tests();

        let protected = redactor.protected().iter().filter_map(|column| plans.get(column.index()));
        let protected = protected.flat_map(|plan| plan.slots().iter().copied()).collect();
        let well_known = |name: &str| table.slot(name);
        Some(ParseProgram {
            fingerprint: fingerprint(spec),
            schema: self.schema.clone(),
            chain: chain?,
            slots: table.len(),
            size: SizeRule::new(&spec.superlog),
            time_slot: table.slot(&spec.timestamp.from)?,
            time: time?,
            disorder: Span(spec.timestamp.disorder.as_micros_i64()),
            well_known: WellKnown {
                original_bytes: well_known(superlog::ORIGINAL_BYTES),
                kept_bytes: well_known(superlog::KEPT_BYTES),
                reference: well_known(superlog::REFERENCE),
                digest: well_known(superlog::DIGEST),
                received: well_known(RECEIVED),
            },
            columns: plans,
            extracts,
            filter,
            redactor,
            protected,
            multiline,
            key,
            dimensions,
            metrics,
            templates,
            warnings: Vec::new(),
        })
    }

    /// The column of this name, or a finding at `path`.
    fn column(&mut self, path: impl Into<String>, name: &str) -> Option<Column> {
        let column = self.schema.rows().column(name);
        if column.is_none() {
            let remedy = suggest::column_remedy(self.schema.rows(), name);
            self.findings.error(Reason::UnknownColumn, path, format!("the message has no column `{name}`"), remedy);
        }
        column
    }

    fn kind(&self, column: Column) -> Option<ColumnType> {
        self.schema.rows().info(column).map(|info| info.kind)
    }

    /// A column of one of these types, or a finding.
    fn column_of(&mut self, path: &str, name: &str, kinds: &[ColumnType], what: &str) -> Option<Column> {
        let column = self.column(path, name)?;
        if self.kind(column).is_some_and(|kind| kinds.contains(&kind)) {
            return Some(column);
        }
        let found = self.schema.scalar(column).map_or("", |kind| kind.name());
        let message = format!("column `{name}` is of type {found}, and {what}");
        self.findings.error(
            Reason::TypeMismatch,
            path,
            message,
            "name another column, or change the field's type in the message",
        );
        None
    }
}

/// Of the specification without its secrets: tells programs apart.
fn fingerprint(spec: &ParsingManifestSpec) -> u64 {
    serde_json::to_vec(spec).map_or(0, |text| xxh3_64(&text))
}
