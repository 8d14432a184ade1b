//! What does not fit together: redaction with what needs the redacted columns, and the manifest's own tests.

use super::Compiler;
use crate::log::Reason as Fate;
use crate::parse::redact::Redactor;
use crate::parse::suggest;
use logloom_crds::finding::Reason;
use logloom_crds::manifest::{ManifestTest, SuperlogAction};

impl Compiler<'_> {
    /// What redaction makes impossible.
    pub(super) fn check_redaction(&mut self, redactor: &Redactor) {
        let spec = self.spec;
        if redactor.protected().is_empty() {
            return;
        }
        if spec.superlog.action == SuperlogAction::ClaimCheck {
            let message =
                "a claim check keeps whole lines, and in a whole line columns can be neither dropped nor hashed";
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
            if self.schema.rows().column(name).is_some_and(|column| redactor.protected().contains(&column)) {
                let message = format!("column `{name}` is dropped or hashed by `redact`, and {why}");
                self.findings.error(
                    Reason::Conflict,
                    path,
                    message,
                    "redact that column with patterns, or use another one",
                );
            }
        }
        let dropped = |name: &str| {
            spec.redact.iter().any(|rule| rule.drop == Some(true) && rule.fields.iter().any(|field| field == name))
        };
        let key = spec.key.iter().map(|name| ("spec.key".to_owned(), name));
        let dimensions =
            spec.dimensions.iter().enumerate().map(|(index, name)| (format!("spec.dimensions[{index}]"), name));
        let metrics = spec
            .metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| (format!("spec.metrics[{index}].column"), &metric.column));
        for (path, name) in key.chain(dimensions).chain(metrics).filter(|(_, name)| dropped(name)) {
            let message = format!("column `{name}` is dropped by `redact`, so it is always empty");
            self.findings.error(
                Reason::Conflict,
                path,
                message,
                "use another column, or hash a text instead of dropping it: equal values stay equal",
            );
        }
    }

    pub(super) fn tests(&mut self) {
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
            let expects = test.expect.is_some() || test.expect_timestamp.is_some() || test.expect_reason.is_some();
            if !expects && test.expect_events.is_none() {
                let remedy = "write `expect`, `expectTimestamp`, `expectReason` or `expectEvents`";
                self.findings.error(Reason::MissingField, &path, "the test expects nothing", remedy);
            }
        }
    }

    fn test_columns(&mut self, path: &str, test: &ManifestTest) {
        let expect = test.expect.iter().flatten().map(|(name, _)| (format!("{path}.expect.{name}"), name));
        let events = test.expect_events.iter().flatten().enumerate();
        let events = events.flat_map(|(place, event)| {
            event.keys().map(move |name| (format!("{path}.expectEvents[{place}].{name}"), name))
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
