//! `fields`: one plan per column.

use super::super::columns::ValueMap;
use super::Compiler;
use crate::parse::convert::Converter;
use crate::parse::fields::{Extracted, SlotTable};
use crate::parse::program::columns::{ColumnPlan, Constant, Shape, Source};
use crate::parse::regexes;
use crate::parse::schema::Scalar;
use crate::row::{Column, ColumnType};
use bumpalo::Bump;
use logloom_crds::finding::Reason;
use logloom_crds::manifest::Field;
use regex::bytes::Regex;
use std::collections::BTreeSet;

/// True for an entry that says where its value comes from.
pub(super) fn has_source(field: &Field) -> bool {
    field.from.is_some() || !field.first_of.is_empty() || field.value.is_some()
}

impl Compiler<'_> {
    /// One plan per column: by its entry in `fields`, else from the extracted name that equals its own.
    pub(super) fn columns(&mut self, table: &mut SlotTable, extracts: &mut Vec<Regex>) -> Vec<ColumnPlan> {
        let mut plans: Vec<ColumnPlan> = Vec::with_capacity(self.schema.rows().len());
        for (index, info) in self.schema.rows().columns().iter().enumerate() {
            let column = Column(u16::try_from(index).unwrap_or(u16::MAX));
            let converter = self.converter(column, None);
            // Names that an entry replaces are wanted nowhere.
            let mentioned = self.spec.fields.iter().any(|field| field.name == info.name.as_str() && has_source(field));
            let source = if mentioned { Source::FirstOf(Vec::new()) } else { Source::Slot(table.want(&info.name)) };
            plans.push(ColumnPlan { source, shape: None, converter, default: None, required: false });
        }
        let mut seen = BTreeSet::new();
        for (index, field) in self.spec.fields.iter().enumerate() {
            let path = format!("spec.fields[{index}]");
            let Some(column) = self.column(format!("{path}.name"), &field.name) else {
                continue;
            };
            if !seen.insert(column) {
                let message = format!("column `{}` has a second entry", field.name);
                self.findings.error(Reason::DuplicateName, format!("{path}.name"), message, "put both into one entry");
                continue;
            }
            plans[column.index()] = self.field(&path, field, column, table, extracts);
        }
        plans
    }

    fn converter(&self, column: Column, scale: Option<f64>) -> Converter {
        let kind = self.schema.scalar(column).unwrap_or(Scalar::String);
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
        let sources = [field.from.is_some(), !field.first_of.is_empty(), field.value.is_some()];
        if sources.iter().filter(|given| **given).count() > 1 {
            let message = "the field has more than one of `from`, `firstOf` and `value`";
            self.findings.error(Reason::ExactlyOne, path, message, "keep the one that is meant");
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
        let shape = Shape { extract: self.extract(path, field, extracts), map: self.map(path, field, &converter) };
        let has_shape = shape.extract.is_some() || !shape.map.is_empty();
        let default = field.default.as_ref().and_then(|text| self.constant(&format!("{path}.default"), text, column));
        ColumnPlan { source, shape: has_shape.then(|| Box::new(shape)), converter, default, required: field.required }
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
        match self.converter(column, None).cell(Extracted::Text(text.as_bytes()), &arena, &mut false) {
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
            Some(names) => format!("use one of: {}", names.names().collect::<Vec<_>>().join(", ")),
            None => format!("write a value of type {kind}"),
        }
    }

    fn scale(&mut self, path: &str, field: &Field, column: Column) -> Option<f64> {
        let scale = field.scale?;
        let path = format!("{path}.scale");
        if !matches!(self.kind(column), Some(ColumnType::Int | ColumnType::Float)) {
            let message = format!("column `{}` is not a number, so it cannot be scaled", field.name);
            self.findings.error(Reason::TypeMismatch, path, message, "remove `scale`, or make the column a `double`");
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
                let message = format!("the pattern has {} groups, and needs one", compiled.regex.captures_len() - 1);
                let remedy = "put ( ) around the text that is the value, and write other groups as (?: )";
                self.findings.error(Reason::BadPattern, path, message, remedy);
                None
            }
            Err(problem) => {
                self.findings.error(Reason::BadPattern, path, problem.to_string(), problem.remedy());
                None
            }
        }
    }

    fn map(&mut self, path: &str, field: &Field, converter: &Converter) -> ValueMap {
        let arena = Bump::new();
        let mut map = ValueMap::with_capacity(field.map.len());
        for (key, value) in &field.map {
            if let Err(misfit) = converter.cell(Extracted::Text(value.as_bytes()), &arena, &mut false) {
                let column = self.schema.rows().column(&field.name).unwrap_or(Column(0));
                let kind = self.schema.scalar(column).map_or("", |kind| kind.name());
                let remedy = self.value_remedy(column, kind);
                let message = format!("`{value}` does not fit the {kind} column: {misfit}");
                self.findings.error(Reason::TypeMismatch, format!("{path}.map.{key}"), message, remedy);
            }
            map.push((key.as_bytes().into(), value.as_bytes().into()));
        }
        map.sort();
        map
    }
}
