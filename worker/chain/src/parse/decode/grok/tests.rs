use std::collections::BTreeMap;

use proptest::prelude::*;

use super::library::library;
use super::*;
use crate::parse::decode::error::{Fault, FaultKind};
use crate::parse::decode::testing;
use crate::parse::fields::SlotTable;

fn extract_with(
    definitions: &[(&str, &str)],
    pattern: &str,
    names: &[&str],
    text: impl AsRef<[u8]>,
) -> Result<Vec<String>, Fault> {
    let definitions: BTreeMap<&str, &str> = definitions.iter().copied().collect();
    let compile = |wanted: &Wanted<'_>| compile_grok(pattern, &definitions, wanted).unwrap().0;
    testing::extract(names, text.as_ref(), compile, |pattern, input, slots| {
        pattern.decode(input, &mut pattern.locations(), slots)
    })
}

fn extract(pattern: &str, names: &[&str], text: &str) -> Vec<String> {
    extract_with(&[], pattern, names, text).unwrap_or_else(|fault| panic!("{pattern} on `{text}`: {fault:?}"))
}

fn refused(definitions: &[(&str, &str)], pattern: &str) -> Problem {
    let definitions: BTreeMap<&str, &str> = definitions.iter().copied().collect();
    let wanted_nothing = SlotTable::new();
    compile_grok(pattern, &definitions, &Wanted::new(&wanted_nothing, "")).unwrap_err()
}

#[test]
fn the_library_is_large_and_every_pattern_of_it_compiles_with_all_its_fields() {
    let names: Vec<&str> = library().keys().copied().collect();
    assert!(names.len() >= 140, "{} patterns", names.len());
    for name in names {
        let mut table = SlotTable::new();
        let none = BTreeMap::new();
        let compiled = compile_grok(&format!("%{{{name}:whole}}"), &none, &Wanted::new(&table, ""));
        let (_, gives) = compiled.unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
        let Gives::Names { names, .. } = gives else { panic!("{name} gives anything") };
        names.iter().for_each(|field| {
            table.want(field);
        });
        let all = compile_grok(&format!("%{{{name}:whole}}"), &none, &Wanted::new(&table, ""));
        assert!(all.is_ok(), "{name} with all fields: {all:?}");
    }
}

/// Name, texts that are one as a whole, texts that are none.
const WHOLE: &[(&str, &[&str], &[&str])] = &[
    ("INT", &["0", "-12", "+7"], &["", "1.5", "x"]),
    ("NUMBER", &["0", "-1.5", ".5", "12"], &["1.", "e", "1e5"]),
    ("FLOATINGPOINT", &["1e5", "-2.5E-3", "7"], &["e5"]),
    ("BASE16NUM", &["0xFF", "dead"], &["xyz"]),
    ("POSINT", &["1", "90"], &["0", "01", "-1"]),
    ("WORD", &["abc_1"], &["a b", ""]),
    ("QS", &["\"a \\\" b\"", "'x'", "``"], &["\"a", "a"]),
    ("UUID", &["a994ac1b-af0a-44a8-a9d1-a768e1d6785d"], &["a994ac1b-af0a-44a8-a9d1"]),
    ("EMAILADDRESS", &["a.b+c@example.org"], &["a@", "@b"]),
    ("MAC", &["00:1b:44:11:3A:B7", "00-1B-44-11-3A-B7", "001b.4411.3ab7"], &["00:1b:44"]),
    ("IPV4", &["0.0.0.0", "255.255.255.255", "10.1.2.3"], &["256.1.1.1", "1.2.3", "1.2.3.4.5"]),
    (
        "IPV6",
        &["::", "::1", "fe80::1%eth0", "2001:db8:0:0:0:0:0:1", "2001:db8::8a2e:370:7334", "::ffff:10.0.0.1"],
        &["12:34:56", "1::2::3", "g::"],
    ),
    ("IP", &["10.0.0.1", "::1"], &["host"]),
    ("HOSTNAME", &["a", "web-1.example.org.", "ts-order-service-5b67c48447-mv5hb"], &["-a", "a b"]),
    ("HOSTPORT", &["10.0.0.1:80", "h:9092"], &["h", "h:0"]),
    ("UNIXPATH", &["/", "/var/log/app.log", "/a%20b"], &["a/b"]),
    ("WINPATH", &[r"C:\Users\x.log", r"\\server\share"], &["/a"]),
    ("PATH", &["/a/b", r"C:\a"], &["a"]),
    ("URI", &["http://example.org/a?b=c", "ftp://u:p@h:21/x"], &["//x", "https://[x"]),
    ("URIPATHPARAM", &["/a/b?x=1&y=[2]", "/"], &["?x"]),
    ("MONTH", &["Jan", "December", "Mar", "March"], &["Foo"]),
    ("YEAR", &["2026", "26"], &["026"]),
    ("TIME", &["23:59:60", "0:00:00.123", "12:00:00,5"], &["24:00:00", "12:60:00", "12:00"]),
    (
        "TIMESTAMP_ISO8601",
        &["2026-11-01T10:42:00Z", "2026-11-01 10:42:00,123", "2026-11-01T10:42+02:00", "2026-11-01T10:42:00.5+0200"],
        &["2026-13-01T10:42:00Z", "2026-11-01"],
    ),
    ("DATE", &["11/30/2026", "30.11.2026", "30-11-26"], &["2026"]),
    ("DATESTAMP_RFC2822", &["Sun, 1 Nov 2026 10:42:00 +0100"], &["1 Nov 2026"]),
    ("DATESTAMP_RFC822", &["Sun Nov 1 2026 10:42:00 UTC"], &[]),
    ("DATESTAMP_OTHER", &["Sun Nov 1 10:42:00 UTC 2026"], &[]),
    ("DATESTAMP_EVENTLOG", &["20261101104200"], &["2026"]),
    ("HTTPDATE", &["11/Oct/2026:22:14:15 +0200"], &["11/10/2026:22:14:15 +0200"]),
    ("SYSLOGTIMESTAMP", &["Oct 11 22:14:15", "Feb  5 17:32:18"], &["Oct 11"]),
    ("LOGLEVEL", &["INFO", "Warning", "err", "FATAL", "severe"], &["LOUD"]),
    ("JAVACLASS", &["o.s.OrderServiceImpl", "Main", "a.B$1"], &["1.A", "a."]),
    ("JAVAMETHOD", &["<init>", "get"], &["get()"]),
    ("UNIXTIME", &["1674984938", "1674984938387", "1674984938.387636"], &["167498"]),
    ("TRACEID", &["0493e2752438fbbe19f9cc7efe9aaaa9", "882624ccb9c39604"], &["0493e2"]),
    ("CISCOTAG", &["ASA-6-302013"], &["ASA"]),
    ("MAVEN_VERSION", &["1.2", "1.2.3-SNAPSHOT"], &["1"]),
];

#[test]
fn simple_patterns_match_what_they_are_named_for() {
    for (name, are, are_not) in WHOLE {
        let pattern = format!("^%{{{name}:it}}$");
        for text in *are {
            let expected = format!("'{}'", text.as_bytes().escape_ascii());
            assert_eq!(extract(&pattern, &["it"], text), [expected], "{name}");
        }
        for text in *are_not {
            let found = extract_with(&[], &pattern, &["it"], text);
            assert!(found.is_err(), "{name} matched `{text}`: {found:?}");
        }
    }
}

/// One line of `examples.json`: what a pattern of the library makes of a real line.
#[derive(serde::Deserialize)]
struct Example {
    pattern: String,
    line: String,
    fields: BTreeMap<String, String>,
}

#[test]
fn whole_lines_give_their_fields() {
    let examples: Vec<Example> = serde_json::from_str(include_str!("examples.json")).unwrap();
    for Example { pattern, line, fields } in examples {
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        let found = extract(&pattern, &names, &line);
        let expected = fields.values().map(|value| format!("'{}'", value.as_bytes().escape_ascii()));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{pattern} on `{line}`");
    }
}

#[test]
fn types_convert_and_text_that_is_none_stays_text() {
    let found =
        extract("%{WORD:a:int} %{NUMBER:b:int} %{NUMBER:c:float} %{NUMBER:d}", &["a", "b", "c", "d"], "x 12 1.5 7");
    assert_eq!(found, ["'x'", "Int(12)", "Float(1.5)", "'7'"]);
}

#[test]
fn definitions_of_the_manifest_come_first() {
    let own = [("ORDER", "%{LETTERS}-[0-9]+"), ("LETTERS", "[A-Z]{2}"), ("WORD", "[a-z]+")];
    let found = extract_with(&own, r"^\[%{ORDER:order}\] %{WORD:word}", &["order", "word"], "[AB-12] abcDEF").unwrap();
    assert_eq!(found, ["'AB-12'", "'abc'"]);
}

#[test]
fn names_in_brackets_and_named_groups_are_fields() {
    let found = extract(
        r"(?<level>[A-Z()]+) %{WORD:[http][request][method]} (x|y)",
        &["level", "http.request.method"],
        "INFO GET x",
    );
    assert_eq!(found, ["'INFO'", "'GET'"]);
}

#[test]
fn rubys_ways_are_translated() {
    let found = extract(r"(?m)(?>(?<id>\h+))-(?<rest>[\h.]+.*)\Z", &["id", "rest"], "beef-c0.ffee\nmore");
    assert_eq!(found, ["'beef'", r"'c0.ffee\nmore'"]);
}

#[test]
fn what_does_not_match_is_an_error() {
    let fault = extract_with(&[], "^%{INT:a}$", &["a"], "x").unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoMatch);
}

#[test]
fn patterns_that_cannot_work_are_refused_with_a_remedy() {
    let unknown = refused(&[], "%{NUMBR:a}");
    assert_eq!(unknown.message, "there is no pattern `NUMBR`");
    assert!(unknown.remedy.starts_with("Write `NUMBER`"), "{}", unknown.remedy);
    let circle = refused(&[("A", "x%{B}"), ("B", "%{A}?")], "%{A:a}");
    assert_eq!(circle.message, "in the definition of `B`: `A` is defined by itself: A > B > A");
    assert_eq!(circle.field, "grok.definitions");
    let doubling: Vec<(String, String)> =
        (0..25).map(|n| (format!("P{n}"), format!("%{{P{}}}%{{P{}}}", n + 1, n + 1))).collect();
    let mut doubling: Vec<(&str, &str)> = doubling.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    doubling.push(("P25", ""));
    assert!(refused(&doubling, "%{P0:a}").message.contains("more than 4096 named patterns"));
    assert!(refused(&[("BOMB", "(a{1000}){1000}")], "%{BOMB:a}").message.contains("larger than"));
    assert!(refused(&[], "[%{WORD:a}]").remedy.contains("\\["));
    assert!(refused(&[], "%{WORD:a:date}").message.contains("no type"));
    assert!(refused(&[], "%{WORD:a").message.contains("no closing brace"));
    assert!(refused(&[], "%{WORD} %{INT}").message.contains("names no field"));
    assert!(refused(&[], r"%{WORD:a}(?!x)").message.starts_with("look-around"));
    assert!(refused(&[], r"(?<=x)%{WORD:a}").message.starts_with("look-around"));
}

proptest! {
    #[test]
    fn arbitrary_patterns_and_bytes_never_panic(
        pattern in "([%{}\\[\\](?<>:)a|\\\\hZ^$*]|%\\{WORD:a\\}|%\\{OWN\\}){0,12}",
        own in "([%{}()?<>a\\[\\]]|%\\{INT:b:int\\}|%\\{OWN\\}){0,6}",
        bytes: Vec<u8>,
    ) {
        let definitions = BTreeMap::from([("OWN", own.as_str())]);
        let mut table = SlotTable::new();
        table.want("a");
        if compile_grok(&pattern, &definitions, &Wanted::new(&table, "")).is_ok() {
            let _ = extract_with(&[("OWN", &own)], &pattern, &["a", "b"], bytes);
        }
    }
}
