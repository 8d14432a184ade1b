//! The report as JUnit XML, which CI systems read: one suite per resource, one case per test. What keeps tests from running
//! is a suite of errors of its own.

use super::{Case, Report};
use logloom_crds::finding::Position;
use std::fmt::Write as _;

/// The report as JUnit XML.
pub fn junit(report: &Report) -> String {
    let (tests, failed, errors) = (report.cases.len(), report.failed(), report.findings.len());
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuites name=\"logloom\" tests=\"{}\" failures=\"{failed}\" errors=\"{errors}\">",
        tests + errors
    );
    if errors > 0 {
        let _ = writeln!(xml, "  <testsuite name=\"validate\" tests=\"{errors}\" failures=\"0\" errors=\"{errors}\">");
        for finding in &report.findings {
            let name = [finding.resource.as_str(), finding.path.as_str()].join(" ");
            let _ = writeln!(
                xml,
                "    <testcase classname=\"validate\" name=\"{}\"{}>",
                escape(name.trim()),
                place(&finding.position)
            );
            let (reason, message) = (escape(finding.reason.as_str()), escape(&finding.message));
            let _ = writeln!(
                xml,
                "      <error type=\"{reason}\" message=\"{message}\">{}</error>",
                escape(&finding.remedy)
            );
            xml.push_str("    </testcase>\n");
        }
        xml.push_str("  </testsuite>\n");
    }
    for suite in report.cases.chunk_by(|left, right| left.resource == right.resource) {
        let failed = suite.iter().filter(|case| !case.passed()).count();
        let name = suite.first().map_or("", |case| case.resource.as_str());
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\">",
            escape(name),
            suite.len()
        );
        suite.iter().for_each(|case| write_case(&mut xml, case));
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn write_case(xml: &mut String, case: &Case) {
    let _ = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\"{}",
        escape(&case.resource),
        escape(&case.name),
        place(&case.position)
    );
    let Some(first) = case.differences.first() else {
        xml.push_str("/>\n");
        return;
    };
    let message = format!("{}: expected {}, found {}", first.place, first.expected, first.found);
    let _ = write!(xml, ">\n      <failure message=\"{}\">", escape(&message));
    for (index, difference) in case.differences.iter().enumerate() {
        let end = if index + 1 == case.differences.len() { "" } else { "\n" };
        let at = difference.position.as_ref().map_or_else(String::new, |position| format!("{position}: "));
        let line = format!("{at}{}: expected {}, found {}", difference.place, difference.expected, difference.found);
        let _ = write!(xml, "{}{end}", escape(&line));
    }
    xml.push_str("</failure>\n    </testcase>\n");
}

fn place(position: &Option<Position>) -> String {
    position
        .as_ref()
        .map_or_else(String::new, |position| format!(" file=\"{}\" line=\"{}\"", escape(&position.file), position.line))
}

/// Text for element and attribute alike. Characters that XML 1.0 does not allow at all become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(letter));
            }
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn no_text_breaks_the_xml() {
        assert_eq!(
            escape("a<b>&\"c\"\n\t\u{1b}[0m\u{0}é"),
            "a&lt;b&gt;&amp;&quot;c&quot;&#10;&#9;\u{fffd}[0m\u{fffd}é"
        );
    }
}
