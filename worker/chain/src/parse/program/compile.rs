//! A manifest to a program, or to everything that is wrong with it.
//!
//! Findings name a path below `spec`, a reason and a remedy. A part that cannot be compiled does not hide the findings of
//! the others, except that without columns nothing about columns can be said.

use super::columns::{ColumnPlan, Constant, Shape, Source};
use super::{Metric, ParseProgram, RECEIVED, WellKnown};
use crate::expr::{self, Environment, RowEnvironment, Wanted};
use crate::log::Reason as Fate;
use crate::parse::convert::Converter;
use crate::parse::decode::{Chain, ChainError};
use crate::parse::fields::{Extracted, SlotTable};
use crate::parse::multiline::Multiline;
use crate::parse::redact::{Redactor, SecretSource};
use crate::parse::regexes;
use crate::parse::schema::Schema;
use crate::parse::suggest;
use crate::parse::superlog::{self, SizeRule};
use crate::parse::timestamp::{RuleError, TimeRule};
use crate::row::{Column, ColumnType};
use crate::time::Span;
use bumpalo::Bump;
use logloom_crds::finding::{Finding, Reason};
use logloom_crds::manifest::{
    Field, ManifestTest, MessageSchema, ParsingManifestSpec, SuperlogAction,
};
use regex::bytes::Regex;
use std::collections::BTreeSet;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The extracted names that Logloom gives.
const WELL_KNOWN: [&str; 5] = [
    superlog::ORIGINAL_BYTES,
    superlog::KEPT_BYTES,
    superlog::REFERENCE,
    superlog::DIGEST,
    RECEIVED,
];

impl ParseProgram {
    /// Compiles a manifest. Files that it names must have been put in place as text.
    ///
    /// # Errors
    /// Every finding that keeps the manifest from running; [`ParseProgram::warnings`] has the others.
    pub fn compile(
        spec: &ParsingManifestSpec,
        keys: &dyn SecretSource,
    ) -> Result<Self, Vec<Finding>> {
        let mut findings = Findings::default();
        let schema = compile_schema(&spec.schema, &mut findings);
        let time = compile_time(spec, &mut findings);
        let program = match (schema, time) {
            (Some(schema), time) => Compiler {
                spec,
                schema: &schema,
                findings: &mut findings,
            }
            .program(keys, time),
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
    columns.fold(
        RowEnvironment::new(schema.rows()),
        |environment, index| match schema.enum_names(Column(index)) {
            Some(names) => {
                let values = names
                    .pairs()
                    .map(|(name, number)| (name.to_owned(), i64::from(number)));
                environment.with_names(index, Arc::new(expr::EnumNames::new(values)))
            }
            None => environment,
        },
    )
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
        self.errors
            .push(Finding::error(reason, path, message, remedy));
    }

    fn warning(
        &mut self,
        reason: Reason,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.warnings
            .push(Finding::warning(reason, path, message, remedy));
    }
}

fn compile_schema(spec: &MessageSchema, findings: &mut Findings) -> Option<Schema> {
    let Some(text) = &spec.proto else {
        let (path, message) = match &spec.file {
            Some(file) => (
                "spec.schema.file",
                format!("the text of `{file}` is not in place"),
            ),
            None => (
                "spec.schema",
                "the schema has neither `proto` nor `file`".to_owned(),
            ),
        };
        findings.error(
            Reason::MissingField,
            path,
            message,
            "write the Protobuf text under `proto`",
        );
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
            findings.error(
                Reason::MissingField,
                "spec.timestamp.formats",
                "there is no format",
                remedy,
            );
            return None;
        }
        Err(errors) => errors,
    };
    for error in errors {
        match error {
            RuleError::Format { index, error } => {
                let path = format!("spec.timestamp.formats[{index}]");
                findings.error(
                    Reason::BadTime,
                    path,
                    error.to_string(),
                    "see the list of formats and conversions",
                );
            }
            RuleError::Zone(_) => {
                let remedy = "write a zone such as Europe/Vienna, or an offset such as +08:00";
                findings.error(
                    Reason::BadTime,
                    "spec.timestamp.zone",
                    error.to_string(),
                    remedy,
                );
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
    for ChainError {
        step,
        field,
        message,
        remedy,
    } in errors
    {
        let reason = match field.as_str() {
            "from" => Reason::UnknownReference,
            field if field.contains("attern") || field.contains("definitions") => {
                Reason::BadPattern
            }
            field if field.contains("schema") || field.contains("message") => Reason::BadSchema,
            _ => Reason::CannotWork,
        };
        let dot = if field.is_empty() { "" } else { "." };
        findings.error(
            reason,
            format!("spec.decode[{step}]{dot}{field}"),
            message,
            remedy,
        );
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

        let protected = redactor
            .protected()
            .iter()
            .filter_map(|column| plans.get(column.index()));
        let protected = protected
            .flat_map(|plan| plan.slots().iter().copied())
            .collect();
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
            self.findings.error(
                Reason::UnknownColumn,
                path,
                format!("the message has no column `{name}`"),
                remedy,
            );
        }
        column
    }

    fn kind(&self, column: Column) -> Option<ColumnType> {
        self.schema.rows().info(column).map(|info| info.kind)
    }

    /// A column of one of these types, or a finding.
    fn column_of(
        &mut self,
        path: &str,
        name: &str,
        kinds: &[ColumnType],
        what: &str,
    ) -> Option<Column> {
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

    /// One plan per column: by its entry in `fields`, else from the extracted name that equals its own.
    fn columns(&mut self, table: &mut SlotTable, extracts: &mut Vec<Regex>) -> Vec<ColumnPlan> {
        let mut plans: Vec<ColumnPlan> = Vec::with_capacity(self.schema.rows().len());
        for (index, info) in self.schema.rows().columns().iter().enumerate() {
            let column = Column(u16::try_from(index).unwrap_or(u16::MAX));
            let converter = self.converter(column, None);
            // Names that an entry replaces are wanted nowhere.
            let mentioned = self
                .spec
                .fields
                .iter()
                .any(|field| field.name == info.name.as_str() && has_source(field));
            let source = if mentioned {
                Source::FirstOf(Vec::new())
            } else {
                Source::Slot(table.want(&info.name))
            };
            plans.push(ColumnPlan {
                source,
                shape: None,
                converter,
                default: None,
                required: false,
            });
        }
        let mut seen = BTreeSet::new();
        for (index, field) in self.spec.fields.iter().enumerate() {
            let path = format!("spec.fields[{index}]");
            let Some(column) = self.column(format!("{path}.name"), &field.name) else {
                continue;
            };
            if !seen.insert(column) {
                let message = format!("column `{}` has a second entry", field.name);
                self.findings.error(
                    Reason::DuplicateName,
                    format!("{path}.name"),
                    message,
                    "put both into one entry",
                );
                continue;
            }
            plans[column.index()] = self.field(&path, field, column, table, extracts);
        }
        plans
    }

    fn converter(&self, column: Column, scale: Option<f64>) -> Converter {
        let kind = self
            .schema
            .scalar(column)
            .unwrap_or(crate::parse::schema::Scalar::String);
        Converter::new(kind, self.schema.enum_names(column).cloned(), scale)
    }

    fn field(
        &mut self,
        path: &str,
        field: &Field,
        column: Column,
        table: &mut SlotTable,
        extracts: &mut Vec<Regex>,
    ) -> ColumnPlan {
        let sources = [
            field.from.is_some(),
            !field.first_of.is_empty(),
            field.value.is_some(),
        ];
        if sources.iter().filter(|given| **given).count() > 1 {
            let message = "the field has more than one of `from`, `firstOf` and `value`";
            self.findings.error(
                Reason::ExactlyOne,
                path,
                message,
                "keep the one that is meant",
            );
        }
        let source = match (&field.value, &field.first_of[..]) {
            (Some(value), _) => {
                self.constant_stands_alone(path, field);
                let constant = self.constant(&format!("{path}.value"), value, column);
                constant.map_or(Source::FirstOf(Vec::new()), Source::Constant)
            }
            (None, []) => Source::Slot(table.want(field.from.as_deref().unwrap_or(&field.name))),
            (None, names) => Source::FirstOf(names.iter().map(|name| table.want(name)).collect()),
        };
        let scale = self.scale(path, field, column);
        let converter = self.converter(column, scale);
        let shape = Shape {
            extract: self.extract(path, field, extracts),
            map: self.map(path, field, &converter),
        };
        let has_shape = shape.extract.is_some() || !shape.map.is_empty();
        let default = field
            .default
            .as_ref()
            .and_then(|text| self.constant(&format!("{path}.default"), text, column));
        ColumnPlan {
            source,
            shape: has_shape.then(|| Box::new(shape)),
            converter,
            default,
            required: field.required,
        }
    }

    fn constant_stands_alone(&mut self, path: &str, field: &Field) {
        let others = [
            ("extract", field.extract.is_some()),
            ("map", !field.map.is_empty()),
            ("scale", field.scale.is_some()),
            ("default", field.default.is_some()),
        ];
        for (other, _) in others.iter().filter(|(_, given)| *given) {
            let message = format!("`value` is constant, so `{other}` has nothing to do");
            self.findings.error(
                Reason::Conflict,
                format!("{path}.{other}"),
                message,
                format!("remove `{other}`, or write `from` in place of `value`"),
            );
        }
    }

    /// A text of the manifest as a cell of its column.
    fn constant(&mut self, path: &str, text: &str, column: Column) -> Option<Constant> {
        let arena = Bump::new();
        match self.converter(column, None).cell(
            Extracted::Text(text.as_bytes()),
            &arena,
            &mut false,
        ) {
            Ok(cell) => Constant::from_cell(cell),
            Err(misfit) => {
                let kind = self.schema.scalar(column).map_or("", |kind| kind.name());
                let remedy = self.value_remedy(column, kind);
                self.findings.error(
                    Reason::TypeMismatch,
                    path,
                    format!("`{text}` does not fit the {kind} column: {misfit}"),
                    remedy,
                );
                None
            }
        }
    }

    fn value_remedy(&self, column: Column, kind: &str) -> String {
        match self.schema.enum_names(column) {
            Some(names) => format!(
                "use one of: {}",
                names.names().collect::<Vec<_>>().join(", ")
            ),
            None => format!("write a value of type {kind}"),
        }
    }

    fn scale(&mut self, path: &str, field: &Field, column: Column) -> Option<f64> {
        let scale = field.scale?;
        let path = format!("{path}.scale");
        if !matches!(self.kind(column), Some(ColumnType::Int | ColumnType::Float)) {
            let message = format!(
                "column `{}` is not a number, so it cannot be scaled",
                field.name
            );
            self.findings.error(
                Reason::TypeMismatch,
                path,
                message,
                "remove `scale`, or make the column a `double`",
            );
            return None;
        }
        if !scale.is_finite() || scale == 0.0 {
            self.findings.error(
                Reason::OutOfBounds,
                path,
                "the scale is not a finite number other than 0",
                "write a factor such as 0.001",
            );
            return None;
        }
        Some(scale)
    }

    fn extract(&mut self, path: &str, field: &Field, extracts: &mut Vec<Regex>) -> Option<usize> {
        let pattern = field.extract.as_ref()?;
        let path = format!("{path}.extract");
        match regexes::compile(pattern) {
            Ok(compiled) if compiled.regex.captures_len() == 2 => {
                extracts.push(compiled.regex);
                Some(extracts.len() - 1)
            }
            Ok(compiled) => {
                let message = format!(
                    "the pattern has {} groups, and needs one",
                    compiled.regex.captures_len() - 1
                );
                let remedy =
                    "put ( ) around the text that is the value, and write other groups as (?: )";
                self.findings
                    .error(Reason::BadPattern, path, message, remedy);
                None
            }
            Err(problem) => {
                self.findings.error(
                    Reason::BadPattern,
                    path,
                    problem.to_string(),
                    problem.remedy(),
                );
                None
            }
        }
    }

    fn map(
        &mut self,
        path: &str,
        field: &Field,
        converter: &Converter,
    ) -> Vec<(Box<[u8]>, Box<[u8]>)> {
        let arena = Bump::new();
        let mut map: Vec<(Box<[u8]>, Box<[u8]>)> = Vec::with_capacity(field.map.len());
        for (key, value) in &field.map {
            if let Err(misfit) =
                converter.cell(Extracted::Text(value.as_bytes()), &arena, &mut false)
            {
                let column = self.schema.rows().column(&field.name).unwrap_or(Column(0));
                let kind = self.schema.scalar(column).map_or("", |kind| kind.name());
                let remedy = self.value_remedy(column, kind);
                let message = format!("`{value}` does not fit the {kind} column: {misfit}");
                self.findings.error(
                    Reason::TypeMismatch,
                    format!("{path}.map.{key}"),
                    message,
                    remedy,
                );
            }
            map.push((key.as_bytes().into(), value.as_bytes().into()));
        }
        map.sort();
        map
    }

    /// Names that no step can give.
    fn check_names(&mut self, chain: &Chain) {
        let spec = self.spec;
        let given = |name: &str| WELL_KNOWN.contains(&name) || chain.may_give(name);
        let remedy = |name: &str| {
            let names = chain.names();
            match suggest::nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("write `{near}`"),
                None if names.is_empty() => "add a decode step that extracts it".to_owned(),
                None => format!("use one of: {}", names.join(", ")),
            }
        };
        let message = |name: &str| format!("no decode step extracts `{name}`");
        if !given(&spec.timestamp.from) {
            let name = &spec.timestamp.from;
            self.findings.error(
                Reason::UnknownReference,
                "spec.timestamp.from",
                message(name),
                remedy(name),
            );
        }
        for (index, field) in spec.fields.iter().enumerate() {
            if let Some(name) = field.from.as_deref().filter(|name| !given(name)) {
                let path = format!("spec.fields[{index}].from");
                self.findings
                    .error(Reason::UnknownReference, path, message(name), remedy(name));
            }
            for (place, name) in field
                .first_of
                .iter()
                .enumerate()
                .filter(|(_, name)| !given(name))
            {
                let path = format!("spec.fields[{index}].firstOf[{place}]");
                self.findings
                    .error(Reason::UnknownReference, path, message(name), remedy(name));
            }
        }
        for info in self.schema.rows().columns() {
            let entry = spec
                .fields
                .iter()
                .position(|field| field.name == info.name.as_str());
            let sourced = entry.is_some_and(|entry| {
                has_source(&spec.fields[entry]) || spec.fields[entry].default.is_some()
            });
            if !sourced && !given(&info.name) {
                let path = entry.map_or("spec.schema".to_owned(), |entry| {
                    format!("spec.fields[{entry}]")
                });
                let message = format!(
                    "column `{}` never gets a value: no decode step extracts `{}`",
                    info.name, info.name
                );
                self.findings.warning(
                    Reason::Unused,
                    path,
                    message,
                    "write a field with `from`, or remove the column",
                );
            }
        }
    }

    fn filter(&mut self) -> Option<expr::Compiled> {
        let text = self.spec.filter.as_ref()?;
        let mut environment = environment(self.schema);
        match expr::compile(text, &mut environment as &mut dyn Environment, Wanted::Bool) {
            Ok(filter) => Some(filter),
            Err(error) => {
                let message = format!("column {}: {}", error.column, error.message);
                self.findings
                    .error(Reason::BadExpression, "spec.filter", message, error.remedy);
                None
            }
        }
    }

    fn key(&mut self) -> Option<Column> {
        let kinds = [
            ColumnType::String,
            ColumnType::Bytes,
            ColumnType::Int,
            ColumnType::Enum,
        ];
        let name = self.spec.key.as_ref()?;
        self.column_of(
            "spec.key",
            name,
            &kinds,
            "a key is a text or a whole number",
        )
    }

    fn dimensions(&mut self) -> Vec<Column> {
        let kinds = [
            ColumnType::String,
            ColumnType::Int,
            ColumnType::Enum,
            ColumnType::Bool,
        ];
        let mut columns = Vec::new();
        for (index, name) in self.spec.dimensions.iter().enumerate() {
            let path = format!("spec.dimensions[{index}]");
            let column = self.column_of(
                &path,
                name,
                &kinds,
                "a dimension is a text, a whole number, an enum or a bool",
            );
            if let Some(column) = column {
                if columns.contains(&column) {
                    self.findings.error(
                        Reason::DuplicateName,
                        &path,
                        format!("dimension `{name}` stands twice"),
                        "remove one",
                    );
                }
                columns.push(column);
            }
        }
        columns
    }

    fn metrics(&mut self) -> Vec<Metric> {
        let kinds = [ColumnType::Int, ColumnType::Float];
        let mut metrics: Vec<Metric> = Vec::new();
        for (index, metric) in self.spec.metrics.iter().enumerate() {
            let path = format!("spec.metrics[{index}]");
            if metrics
                .iter()
                .any(|known| known.name == metric.name.as_str())
            {
                let message = format!("metric `{}` stands twice", metric.name);
                self.findings.error(
                    Reason::DuplicateName,
                    format!("{path}.name"),
                    message,
                    "give one of them another name",
                );
            }
            let column = self.column_of(
                &format!("{path}.column"),
                &metric.column,
                &kinds,
                "a metric is a number",
            );
            if let Some(column) = column {
                let unit = metric.unit.as_deref().unwrap_or_default().to_owned();
                metrics.push(Metric {
                    name: metric.name.to_string(),
                    column,
                    unit,
                });
            }
        }
        metrics
    }

    fn multiline(&mut self) -> Option<Multiline> {
        let spec = self.spec.multiline.as_ref()?;
        let what = "lines can only be appended to a string";
        let column = self.column_of(
            "spec.multiline.field",
            &spec.field,
            &[ColumnType::String],
            what,
        );
        match Multiline::compile(spec, column.unwrap_or(Column(u16::MAX))) {
            Ok(multiline) => column.map(|_| multiline),
            Err(problem) => {
                self.findings.error(
                    Reason::BadPattern,
                    "spec.multiline.start",
                    problem.to_string(),
                    problem.remedy(),
                );
                None
            }
        }
    }

    fn templates(&mut self) -> Option<(Column, logloom_crds::manifest::Templates)> {
        let spec = self.spec.templates.as_ref()?;
        let what = "templates are mined from text";
        let column = self.column_of(
            "spec.templates.field",
            &spec.field,
            &[ColumnType::String],
            what,
        )?;
        Some((column, spec.clone()))
    }

    fn size(&mut self) {
        if self.spec.superlog.max_bytes.as_bytes() == 0 {
            self.findings.error(
                Reason::OutOfBounds,
                "spec.superlog.maxBytes",
                "no line fits in 0 bytes",
                "write a size such as 256KiB",
            );
        }
    }

    /// What redaction makes impossible.
    fn check_redaction(&mut self, redactor: &Redactor) {
        let spec = self.spec;
        if redactor.protected().is_empty() {
            return;
        }
        if spec.superlog.action == SuperlogAction::ClaimCheck {
            let message = "a claim check keeps whole lines, and in a whole line columns can be neither dropped nor hashed";
            self.findings.error(
                Reason::Conflict,
                "spec.superlog.action",
                message,
                "use `truncate`, or redact with patterns only",
            );
        }
        let used = [
            (
                "spec.multiline.field",
                spec.multiline.as_ref().map(|multiline| &multiline.field),
                "lines are appended to it",
            ),
            (
                "spec.templates.field",
                spec.templates.as_ref().map(|templates| &templates.field),
                "nothing is left to mine",
            ),
        ];
        for (path, name, why) in used {
            let Some(name) = name else { continue };
            if self
                .schema
                .rows()
                .column(name)
                .is_some_and(|column| redactor.protected().contains(&column))
            {
                let message =
                    format!("column `{name}` is dropped or hashed by `redact`, and {why}");
                self.findings.error(
                    Reason::Conflict,
                    path,
                    message,
                    "redact that column with patterns, or use another one",
                );
            }
        }
        let dropped = |name: &str| {
            spec.redact.iter().any(|rule| {
                rule.drop == Some(true) && rule.fields.iter().any(|field| field == name)
            })
        };
        let key = spec.key.iter().map(|name| ("spec.key".to_owned(), name));
        let dimensions = spec
            .dimensions
            .iter()
            .enumerate()
            .map(|(index, name)| (format!("spec.dimensions[{index}]"), name));
        let metrics = spec
            .metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| (format!("spec.metrics[{index}].column"), &metric.column));
        for (path, name) in key
            .chain(dimensions)
            .chain(metrics)
            .filter(|(_, name)| dropped(name))
        {
            let message = format!("column `{name}` is dropped by `redact`, so it is always empty");
            self.findings.error(
                Reason::Conflict,
                path,
                message,
                "hash it instead, so that equal values stay equal",
            );
        }
    }

    fn tests(&mut self) {
        let spec = self.spec;
        for (index, test) in spec.tests.iter().enumerate() {
            let path = format!("spec.tests[{index}]");
            if test.line.is_some() != test.lines.is_empty() {
                self.findings.error(
                    Reason::ExactlyOne,
                    &path,
                    "the test needs exactly one of `line` and `lines`",
                    "keep the one that is meant",
                );
            }
            self.test_columns(&path, test);
            if let Some(reason) = &test.expect_reason
                && !reasons().any(|known| reason == known)
            {
                let remedy = match suggest::nearest(reason, reasons()) {
                    Some(near) => format!("write `{near}`"),
                    None => format!("use one of: {}", reasons().collect::<Vec<_>>().join(", ")),
                };
                self.findings.error(
                    Reason::UnknownChoice,
                    format!("{path}.expectReason"),
                    format!("`{reason}` is no reason"),
                    remedy,
                );
            }
            let expects = test.expect.is_some()
                || test.expect_timestamp.is_some()
                || test.expect_reason.is_some();
            if !expects && test.expect_events.is_none() {
                let remedy = "write `expect`, `expectTimestamp`, `expectReason` or `expectEvents`";
                self.findings.error(
                    Reason::MissingField,
                    &path,
                    "the test expects nothing",
                    remedy,
                );
            }
        }
    }

    fn test_columns(&mut self, path: &str, test: &ManifestTest) {
        let expect = test
            .expect
            .iter()
            .flatten()
            .map(|(name, _)| (format!("{path}.expect.{name}"), name));
        let events = test.expect_events.iter().flatten().enumerate();
        let events = events.flat_map(|(place, event)| {
            event
                .keys()
                .map(move |name| (format!("{path}.expectEvents[{place}].{name}"), name))
        });
        for (path, name) in expect.chain(events) {
            self.column(path, name);
        }
    }
}

/// The reasons that parsing gives.
fn reasons() -> impl Iterator<Item = &'static str> {
    const GIVEN: [Fate; 11] = [
        Fate::DecodeFailed,
        Fate::SchemaMismatch,
        Fate::TimestampMissing,
        Fate::TimestampInvalid,
        Fate::TimestampOutOfRange,
        Fate::TooOld,
        Fate::Filtered,
        Fate::Empty,
        Fate::Header,
        Fate::Joined,
        Fate::OrphanContinuation,
    ];
    GIVEN.iter().map(|reason| reason.name())
}

fn has_source(field: &Field) -> bool {
    field.from.is_some() || !field.first_of.is_empty() || field.value.is_some()
}

/// Tells programs apart; not an identity of anything that is kept.
fn fingerprint(spec: &ParsingManifestSpec) -> u64 {
    serde_json::to_vec(spec).map_or(0, |text| xxh3_64(&text))
}
