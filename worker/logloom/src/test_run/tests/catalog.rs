//! The manifests that ship with Logloom: their own tests, and the raw lines of LogHub where that data set is at hand.

use crate::resources::{Compilation, compile_all, load};
use crate::test_run::{human, run};
use logloom_chain::log::RawLine;
use logloom_chain::parse::multiline::PartialLines;
use logloom_chain::parse::program::{Outcome, ParseProgram, Scratch};
use logloom_chain::parse::timestamp::TimeHint;
use logloom_crds::finding::Style;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../manifests/catalog"))
}

fn catalog() -> Compilation {
    compile_all(load(&[folder()]).unwrap())
}

#[test]
fn every_test_of_the_catalog_passes() {
    let compilation = catalog();
    let report = run(&compilation);
    assert!(report.is_clean(), "{}", human(&report, Style::Plain));
    assert!(report.cases.len() >= 3 * compilation.resources.manifests.len(), "{} tests", report.cases.len());
}

#[test]
fn every_manifest_has_a_typical_line_and_a_bad_one_and_is_in_the_table() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for manifest in &catalog().resources.manifests {
        let (name, spec) = (&manifest.document.name, &manifest.resource.spec);
        assert!(spec.tests.len() >= 3, "{name} has {} tests", spec.tests.len());
        assert!(spec.tests.iter().any(|test| test.expect_reason.is_some()), "{name} has no malformed line");
        assert!(
            spec.tests.iter().any(|test| test.expect.is_some() || test.expect_events.is_some()),
            "{name} has no event"
        );
        assert!(spec.description.is_some(), "{name} has no description");
        assert!(!spec.dimensions.is_empty(), "{name} has no dimensions");
        assert!(readme.contains(&format!("\n| `{name}` |")), "README.md does not list {name}");
        assert!(
            manifest.document.file.ends_with(&format!("/{name}.yaml")),
            "{name} stands in {}",
            manifest.document.file
        );
    }
}

/// Each system of LogHub that is there, with its manifest.
const LOGHUB: [(&str, &str); 10] = [
    ("Apache", "apache-error"),
    ("BGL", "bgl"),
    ("HDFS", "hdfs"),
    ("HPC", "hpc"),
    ("Hadoop", "hadoop"),
    ("OpenStack", "openstack"),
    ("Spark", "spark"),
    ("Thunderbird", "thunderbird"),
    ("Windows", "windows-cbs"),
    ("Zookeeper", "zookeeper"),
];

#[test]
fn every_line_of_loghub_is_an_event() {
    let shared = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = std::env::var_os("LOGLOOM_DATA").map_or(shared, PathBuf::from).join("loghub");
    if !folder.is_dir() {
        eprintln!("skipped: no LogHub data in {} (set LOGLOOM_DATA)", folder.display());
        return;
    }
    let compilation = catalog();
    let programs = compilation.manifests.get("").unwrap();
    for (system, manifest) in LOGHUB {
        let program = programs.get(manifest).unwrap().as_ref().unwrap();
        let bytes = std::fs::read(folder.join(system).join(format!("{system}_2k.log"))).unwrap();
        let lines: Vec<&[u8]> = bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|byte| *byte == b'\n').collect();
        assert_eq!(lines.len(), 2_000, "{system}");
        lines.iter().for_each(|line| is_event(program, line.strip_suffix(b"\r").unwrap_or(line), system));
    }
}

fn is_event(program: &ParseProgram, line: &[u8], system: &str) {
    let (scratch, mut partial) = (Scratch::new(), PartialLines::default());
    let outcome = program.parse(RawLine::new(line), None, TimeHint(None), &mut partial, &scratch);
    let Outcome::Event { row, .. } = outcome else {
        panic!("{system}: {outcome:?}\n{}", String::from_utf8_lossy(line));
    };
    // A manifest that puts everything into one column reads nothing: what scopes are made of must have values.
    let filled = program
        .dimensions()
        .iter()
        .filter(|column| row.get(column.index()).is_some_and(|cell| !cell.is_null()))
        .count();
    assert!(filled > 0, "{system}: no dimension in {}", String::from_utf8_lossy(line));
}
