//! `redact` of a manifest to rules, or findings.

use super::keyed_hash::KeyedHash;
use super::{Key, KeyRef, PatternRule, Prefilter, Redactor, Rule, SecretSource};
use crate::parse::regexes::{self, PatternProblem};
use crate::row::{Column, ColumnType, RowSchema};
use logloom_crds::finding::{Finding, Reason};
use logloom_crds::manifest::{Redaction, RedactionHash};

impl Redactor {
    /// Compiles the rules over the columns of `schema`. Paths of findings begin with `spec.redact`.
    ///
    /// # Errors
    /// Everything that is wrong with the rules.
    pub fn compile(rules: &[Redaction], schema: &RowSchema, keys: &dyn SecretSource) -> Result<Self, Vec<Finding>> {
        let mut redactor = Self::default();
        let mut findings = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let path = format!("spec.redact[{index}]");
            let compiled = Compiler { path: &path, schema, keys, findings: &mut findings }.rule(rule);
            redactor.rules.extend(compiled);
        }
        for rule in &redactor.rules {
            if let Rule::Drop { columns } | Rule::Hash { columns, .. } = rule {
                redactor.protected.extend(columns);
            }
        }
        redactor.protected.sort_unstable();
        redactor.protected.dedup();
        if findings.is_empty() { Ok(redactor) } else { Err(findings) }
    }
}

struct Compiler<'c> {
    path: &'c str,
    schema: &'c RowSchema,
    keys: &'c dyn SecretSource,
    findings: &'c mut Vec<Finding>,
}

impl Compiler<'_> {
    fn find(&mut self, reason: Reason, below: &str, message: String, remedy: impl Into<String>) {
        self.findings.push(Finding::error(reason, format!("{}{below}", self.path), message, remedy));
    }

    fn rule(&mut self, rule: &Redaction) -> Option<Rule> {
        let columns = self.columns(rule);
        match (&rule.pattern, rule.drop, &rule.hash) {
            (Some(pattern), None, None) => {
                let pattern = self.pattern(pattern, rule)?;
                Some(Rule::Replace { pattern, columns })
            }
            (None, Some(true), None) => Some(Rule::Drop { columns }),
            (None, None, Some(hash)) => {
                let hash = self.hash(hash)?;
                Some(Rule::Hash { hash, columns })
            }
            _ => {
                let message = "the rule needs exactly one of `pattern`, `drop: true` and `hash`".to_owned();
                self.find(Reason::ExactlyOne, "", message, "keep the one that is meant, and write a rule for each");
                None
            }
        }
    }

    fn pattern(&mut self, pattern: &str, rule: &Redaction) -> Option<PatternRule> {
        let compiled = regexes::compile(pattern).and_then(|compiled| {
            let least = compiled.tree.properties().minimum_len();
            if least == Some(0) { Err(PatternProblem::MatchesEmpty) } else { Ok(compiled) }
        });
        match compiled {
            Ok(compiled) => Some(PatternRule {
                prefilter: Prefilter::new(&compiled.tree),
                regex: compiled.regex,
                replacement: rule.replace.as_deref().unwrap_or(Redaction::DEFAULT_REPLACEMENT).as_bytes().into(),
            }),
            Err(problem) => {
                self.find(Reason::BadPattern, ".pattern", problem.to_string(), problem.remedy());
                None
            }
        }
    }

    fn columns(&mut self, rule: &Redaction) -> Vec<Column> {
        let is_text = |column: Column| self.schema.info(column).is_some_and(|info| info.kind == ColumnType::String);
        let all = || (0..self.schema.len()).filter_map(|index| u16::try_from(index).ok().map(Column));
        if rule.fields.is_empty() {
            if rule.pattern.is_some() {
                return all().filter(|column| is_text(*column)).collect();
            }
            let message = "the rule does not say which columns".to_owned();
            self.find(Reason::MissingField, ".fields", message, "list the columns under `fields`");
            return Vec::new();
        }
        let mut columns = Vec::with_capacity(rule.fields.len());
        for (place, name) in rule.fields.iter().enumerate() {
            let below = format!(".fields[{place}]");
            let Some(column) = self.schema.column(name) else {
                let remedy = super::super::suggest::column_remedy(self.schema, name);
                self.find(Reason::UnknownColumn, &below, format!("the message has no column `{name}`"), remedy);
                continue;
            };
            let kind = self.schema.info(column).map(|info| info.kind);
            let holds_bytes = matches!(kind, Some(ColumnType::String | ColumnType::Bytes));
            if rule.drop.is_none() && !holds_bytes {
                let message = format!("column `{name}` holds no text");
                self.find(Reason::TypeMismatch, &below, message, "use `drop: true`, or make the column a `string`");
                continue;
            }
            columns.push(column);
        }
        columns
    }

    fn hash(&mut self, hash: &RedactionHash) -> Option<Option<KeyedHash>> {
        let (reference, below, name) = match (&hash.key_secret_name, &hash.key_env) {
            (Some(name), None) => (KeyRef::Secret(name), ".hash.keySecretName", name.as_str()),
            (None, Some(name)) => (KeyRef::Environment(name), ".hash.keyEnv", name.as_str()),
            _ => {
                let message = "the hash needs exactly one of `keySecretName` and `keyEnv`".to_owned();
                self.find(Reason::ExactlyOne, ".hash", message, "keep the one that holds the key");
                return None;
            }
        };
        let key = match self.keys.key(reference) {
            Key::Bytes(key) => key,
            Key::Withheld => return Some(None),
            Key::Missing => Vec::new(),
        };
        let keyed = KeyedHash::new(&key);
        if keyed.is_none() {
            let (what, remedy) = match reference {
                KeyRef::Secret(_) => ("Secret", "create the Secret with an entry `key` that is not empty"),
                KeyRef::Environment(_) => ("environment variable", "set it to the key before the start"),
            };
            self.find(Reason::UnknownReference, below, format!("the {what} `{name}` has no key"), remedy);
        }
        keyed.map(Some)
    }
}
