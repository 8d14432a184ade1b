//! The book in `docs/` against the program: its examples run, its excerpts are what the files say, its lists are whole.
//!
//! ````text
//!  ```yaml,logloom                whole resources: together, per page, they compile and their tests pass
//!  ```yaml,from=tenants/acme/…    an excerpt: its lines stand in that file, in this order
//! ````

use crate::cli::Cli;
use crate::resources::{compile_all, from_text};
use crate::test_run;
use clap::CommandFactory;
use logloom_chain::log::fate::{Reason, ReasonKind};
use logloom_crds::finding::Style;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every page: its path from the root, and its text.
fn pages() -> Vec<(String, String)> {
    fn walk(folder: &Path, pages: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, pages);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join("docs/src"), &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    let pages: Vec<(String, String)> =
        paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect();
    assert!(pages.len() > 10, "{} pages", pages.len());
    pages
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs/src").join(name)).unwrap()
}

/// A fenced block: what stands behind the fence, the line of its first line (from 1), and its lines.
struct Block<'t> {
    info: &'t str,
    first: usize,
    lines: Vec<&'t str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(info), None) => open = Some(Block { info, first: index + 2, lines: Vec::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.lines.push(line),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The whole resources of a page as one YAML text in which every line has the number that it has on the page.
fn resources(text: &str) -> Option<String> {
    let mut lines = vec![""; text.lines().count()];
    let whole: Vec<Block<'_>> = blocks(text).into_iter().filter(|block| block.info == "yaml,logloom").collect();
    for block in &whole {
        lines[block.first - 2] = "---";
        lines[block.first - 1..][..block.lines.len()].copy_from_slice(&block.lines);
    }
    (!whole.is_empty()).then(|| lines.join("\n") + "\n")
}

#[test]
fn whole_examples_compile_and_their_tests_pass() {
    let mut passed = 0;
    for (name, text) in pages() {
        let Some(yaml) = resources(&text) else { continue };
        let report = test_run::run(&compile_all(from_text(&name, yaml.as_bytes())));
        assert!(report.is_clean(), "{}", test_run::human(&report, Style::Plain));
        passed += report.cases.len();
    }
    assert!(passed >= 5, "{passed} tests");
}

#[test]
fn a_wrong_example_is_found_at_its_line() {
    let text = "# Page\n\n```yaml,logloom\napiVersion: logloom.io/v1alpha1\nkind: Tenant\nmetadata: { name: a }\nspec: { colour: red }\n```\n";
    let compilation = compile_all(from_text("page.md", resources(text).unwrap().as_bytes()));
    let report = test_run::human(&test_run::run(&compilation), Style::Plain);
    assert!(!test_run::run(&compilation).is_clean() && report.contains("page.md:7:"), "{report}");
}

#[test]
fn excerpts_stand_in_the_files_that_they_name() {
    let plain = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    let mut checked = 0;
    for (name, text) in pages() {
        for block in blocks(&text) {
            let Some(file) = block.info.strip_prefix("yaml,from=") else { continue };
            let source = fs::read_to_string(root().join(file))
                .unwrap_or_else(|error| panic!("{name}:{}: {file}: {error}", block.first));
            let mut rest = source.lines().map(plain);
            for (index, line) in block
                .lines
                .iter()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'))
            {
                assert!(
                    rest.any(|there| there == plain(line)),
                    "{name}:{}: not in {file}, or not in this order: {line}",
                    block.first + index
                );
            }
            checked += 1;
        }
    }
    assert!(checked >= 5, "{checked} excerpts");
}

#[test]
fn every_command_and_option_is_described() {
    let page = page("commands.md");
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let heading = format!("## logloom {}\n", command.get_name());
        let section = page.split(&heading).nth(1).unwrap_or_else(|| panic!("commands.md has no {heading}"));
        let section = section.split("\n## ").next().unwrap_or_default();
        for option in command.get_arguments().filter(|option| !option.is_hide_set()).filter_map(clap::Arg::get_long) {
            assert!(
                section.contains(&format!("--{option}")),
                "commands.md does not name --{option} of {}",
                command.get_name()
            );
        }
    }
}

#[test]
fn every_reason_is_explained() {
    let page = page("ledger.md");
    for reason in Reason::ALL {
        let kind = match reason.kind() {
            ReasonKind::Dropped => "dropped",
            ReasonKind::Covered => "covered",
            ReasonKind::Passed => "passed",
        };
        let row = format!("| `{}` | {kind} |", reason.name());
        assert!(page.contains(&row), "ledger.md has no row {row}");
    }
}
