//! Names of columns and of extracted values: filter, key, dimensions, metrics, multi-line events, templates.

use super::columns::has_source;
use super::{Compiler, WELL_KNOWN, environment};
use crate::expr::{self, Wanted};
use crate::parse::decode::Chain;
use crate::parse::multiline::Multiline;
use crate::parse::program::Metric;
use crate::parse::suggest;
use crate::row::{Column, ColumnType};
use logloom_crds::finding::Reason;
use logloom_crds::manifest::Templates;

impl Compiler<'_> {
    /// Names that no step can give.
    pub(super) fn check_names(&mut self, chain: &Chain) {
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
            self.findings.error(Reason::UnknownReference, "spec.timestamp.from", message(name), remedy(name));
        }
        for (index, field) in spec.fields.iter().enumerate() {
            if let Some(name) = field.from.as_deref().filter(|name| !given(name)) {
                let path = format!("spec.fields[{index}].from");
                self.findings.error(Reason::UnknownReference, path, message(name), remedy(name));
            }
            for (place, name) in field.first_of.iter().enumerate().filter(|(_, name)| !given(name)) {
                let path = format!("spec.fields[{index}].firstOf[{place}]");
                self.findings.error(Reason::UnknownReference, path, message(name), remedy(name));
            }
        }
        for info in self.schema.rows().columns() {
            let entry = spec.fields.iter().position(|field| field.name == info.name.as_str());
            let sourced =
                entry.is_some_and(|entry| has_source(&spec.fields[entry]) || spec.fields[entry].default.is_some());
            if !sourced && !given(&info.name) {
                let path = entry.map_or("spec.schema".to_owned(), |entry| format!("spec.fields[{entry}]"));
                let message =
                    format!("column `{}` never gets a value: no decode step extracts `{}`", info.name, info.name);
                self.findings.warning(Reason::Unused, path, message, "write a field with `from`, or remove the column");
            }
        }
    }

    pub(super) fn filter(&mut self) -> Option<expr::Compiled> {
        let text = self.spec.filter.as_ref()?;
        let mut environment = environment(self.schema);
        match expr::compile(text, &mut environment, Wanted::Bool) {
            Ok(filter) => Some(filter),
            Err(error) => {
                let message = format!("column {}: {}", error.column, error.message);
                self.findings.error(Reason::BadExpression, "spec.filter", message, error.remedy);
                None
            }
        }
    }

    pub(super) fn key(&mut self) -> Option<Column> {
        let kinds = [ColumnType::String, ColumnType::Bytes, ColumnType::Int, ColumnType::Enum];
        let name = self.spec.key.as_ref()?;
        self.column_of("spec.key", name, &kinds, "a key is a text or a whole number")
    }

    pub(super) fn dimensions(&mut self) -> Vec<Column> {
        let kinds = [ColumnType::String, ColumnType::Int, ColumnType::Enum, ColumnType::Bool];
        let mut columns = Vec::new();
        for (index, name) in self.spec.dimensions.iter().enumerate() {
            let path = format!("spec.dimensions[{index}]");
            let column =
                self.column_of(&path, name, &kinds, "a dimension is a text, a whole number, an enum or a bool");
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

    pub(super) fn metrics(&mut self) -> Vec<Metric> {
        let kinds = [ColumnType::Int, ColumnType::Float];
        let mut metrics: Vec<Metric> = Vec::new();
        for (index, metric) in self.spec.metrics.iter().enumerate() {
            let path = format!("spec.metrics[{index}]");
            if metrics.iter().any(|known| known.name == metric.name.as_str()) {
                let message = format!("metric `{}` stands twice", metric.name);
                self.findings.error(
                    Reason::DuplicateName,
                    format!("{path}.name"),
                    message,
                    "give one of them another name",
                );
            }
            let column = self.column_of(&format!("{path}.column"), &metric.column, &kinds, "a metric is a number");
            if let Some(column) = column {
                let unit = metric.unit.as_deref().unwrap_or_default().to_owned();
                metrics.push(Metric { name: metric.name.to_string(), column, unit });
            }
        }
        metrics
    }

    pub(super) fn multiline(&mut self) -> Option<Multiline> {
        let spec = self.spec.multiline.as_ref()?;
        let what = "lines can only be appended to a string";
        let column = self.column_of("spec.multiline.field", &spec.field, &[ColumnType::String], what);
        match Multiline::compile(spec, column.unwrap_or(Column(u16::MAX))) {
            Ok(multiline) => column.map(|_| multiline),
            Err(problem) => {
                self.findings.error(Reason::BadPattern, "spec.multiline.start", problem.to_string(), problem.remedy());
                None
            }
        }
    }

    pub(super) fn templates(&mut self) -> Option<(Column, Templates)> {
        let spec = self.spec.templates.as_ref()?;
        let what = "templates are mined from text";
        let column = self.column_of("spec.templates.field", &spec.field, &[ColumnType::String], what)?;
        Some((column, spec.clone()))
    }

    pub(super) fn size(&mut self) {
        if self.spec.superlog.max_bytes.as_bytes() == 0 {
            self.findings.error(
                Reason::OutOfBounds,
                "spec.superlog.maxBytes",
                "no line fits in 0 bytes",
                "write a size such as 256KiB",
            );
        }
    }
}
