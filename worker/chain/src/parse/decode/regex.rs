//! `regex`: a regular expression with named groups, `(?<level>[A-Z]+) (?<message>.*)`.
//!
//! The pattern may match anywhere in the value; `^` and `$` bind it. Every value is text; a group that takes no part
//! in the match is absent.

use super::error::Problem;
use super::names::{Gives, Wanted};
use super::pattern::{Capture, Conversion, Pattern, compile};

/// Compiles a pattern for the wanted names; also what it gives.
pub(super) fn compile_regex(pattern: &str, wanted: &Wanted<'_>) -> Result<(Pattern, Gives), Problem> {
    let regex = compile(pattern, "regex.pattern")?;
    let named = || regex.capture_names().enumerate().filter_map(|(group, name)| Some((group, name?)));
    if named().next().is_none() {
        return Err(Problem::new(
            "regex.pattern",
            "the pattern has no named group, so it extracts nothing",
            "Name what to extract, such as `(?<level>[A-Z]+)`",
        ));
    }
    let gives = Gives::names(named().map(|(_, name)| name));
    let capture = |(group, name): (usize, &str)| {
        wanted.slot(name).map(|slot| Capture { group, slot, conversion: Conversion::Text })
    };
    let captures = named().filter_map(capture).collect();
    Ok((Pattern::new(regex, captures), gives))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::decode::error::{Fault, FaultKind};
    use crate::parse::decode::testing;
    use crate::parse::fields::SlotTable;
    use proptest::prelude::*;

    fn extract(pattern: &str, names: &[&str], text: impl AsRef<[u8]>) -> Result<Vec<String>, Fault> {
        let compile = |wanted: &Wanted<'_>| compile_regex(pattern, wanted).unwrap().0;
        testing::extract(names, text.as_ref(), compile, |pattern, input, slots| {
            pattern.decode(input, &mut pattern.locations(), slots)
        })
    }

    fn refused(pattern: &str) -> Problem {
        compile_regex(pattern, &Wanted::new(&SlotTable::new(), "")).unwrap_err()
    }

    #[test]
    fn named_groups_become_values() {
        let pattern = r"^(?<time>\S+) (?P<level>[A-Z]+)(?: \[(?<thread>[^]]+)\])? (?<message>.*)$";
        let names = ["time", "level", "thread", "message"];
        assert_eq!(extract(pattern, &names, "17:35 INFO [main] go").unwrap(), ["'17:35'", "'INFO'", "'main'", "'go'"]);
        assert_eq!(extract(pattern, &names, "17:35 INFO go").unwrap(), ["'17:35'", "'INFO'", "Absent", "'go'"]);
        assert_eq!(extract(pattern, &[], "17:35 INFO go").unwrap(), [""; 0]);
        assert_eq!(extract(pattern, &names, "nothing").unwrap_err().kind, FaultKind::NoMatch);
        assert_eq!(extract(pattern, &[], "nothing").unwrap_err().kind, FaultKind::NoMatch);
    }

    #[test]
    fn bytes_that_are_not_utf8_match() {
        assert_eq!(extract("^a(?<x>.*)b$", &["x"], b"a\xff\xfeb").unwrap(), [r"'\xff\xfe'"]);
        let greek = extract(r"(?<x>\p{Greek}+)", &["x"], "αβ ab").unwrap();
        assert_eq!(greek, [format!("'{}'", "αβ".as_bytes().escape_ascii())]);
    }

    #[test]
    fn patterns_that_cannot_work_are_refused_with_a_remedy() {
        assert!(refused("(?<a>x{1000}){1000}").message.contains("larger than 4 MiB"));
        assert!(refused("(a{1000}){1000}").message.contains("larger than 4 MiB"));
        assert!(refused("((((((?<b>a{100}){100}){100}){100}){100}){100})").message.contains("larger than 4 MiB"));
        assert!(refused(r"(?<a>\w+)(?=x)").message.starts_with("look-around at byte 9"));
        assert!(refused(r"(?<a>\w+)\1").message.starts_with("backreference at byte 9"));
        assert!(refused(r"(?<a>(?>x))").remedy.contains("(?:"));
        assert!(refused(r"(?<a>x").message.contains("unclosed group"));
        assert!(refused("plain").message.contains("no named group"));
    }

    proptest! {
        #[test]
        fn arbitrary_patterns_and_bytes_never_panic(pattern in "[(?<a>)|.*+{}0-9\\\\ws\\[\\]^$-]{0,24}", bytes: Vec<u8>) {
            let table = SlotTable::new();
            if compile_regex(&pattern, &Wanted::new(&table, "")).is_ok() {
                let _ = extract(&pattern, &["a"], bytes);
            }
        }
    }
}
