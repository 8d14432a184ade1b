//! What the runner does with input that nobody would want: it says so clearly, and loses nothing.

mod inputs;

use super::input::{Partition, Place};
use super::run::{RunError, Settings, Silent, Summary, run};
use crate::resources::{compile_all, from_text};
use logloom_chain::compile::program::Program;
use logloom_crds::finding::{Finding, Reason};
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

mod follow;

const RESOURCES: &str = r#"
apiVersion: logloom.io/v1alpha1
kind: ParsingManifest
metadata: { name: app, namespace: tenant-test }
spec:
  schema:
    message: App
    proto: |
      syntax = "proto3";
      message App { string service = 1; string host = 2; double ms = 3; string msg = 4; }
  decode: [{ json: {} }]
  timestamp: { from: ts, formats: [rfc3339, unix_ms], disorder: 100ms }
  dimensions: [service, host]
---
apiVersion: logloom.io/v1alpha1
kind: TenantPipeline
metadata: { name: app, namespace: tenant-test }
spec:
  limits: { liveScopes: 10000 }
  sources: [{ name: app, external: {}, manifest: app }]
  scopes: [[service], [service, host]]
  metrics: [{ name: latency, value: ms }]
  windows: [{ name: s1, tumbling: 1s }]
  aggregate:
    - { name: hosts, by: [service, host], window: s1 }
    - { name: services, by: [service], window: s1 }
"#;

fn findings(text: &str) -> Vec<Finding> {
    compile_all(from_text("test.yaml", text.as_bytes())).findings
}

fn program() -> Arc<Program> {
    let compilation = compile_all(from_text("test.yaml", RESOURCES.as_bytes()));
    let compiled = compilation.compile(&compilation.resources.pipelines[0]);
    Arc::new(compiled.unwrap_or_else(|findings| panic!("{findings:?}")).program)
}

/// A folder with one input and the output of runs over it.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn with(input: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.log"), input).unwrap();
        Self { folder }
    }

    fn input(&self) -> PathBuf {
        self.folder.path().join("app.log")
    }

    fn run_to(&self, out: &Path, follow: bool, stop: &AtomicBool) -> Result<Summary, RunError> {
        let partitions = [Partition { source: "app".to_owned(), number: 0, place: Place::File(self.input()) }];
        let settings = Settings {
            out: out.to_owned(),
            checkpoints: out.join("checkpoint"),
            globs: Vec::new(),
            follow,
            checkpoint_every: Duration::from_millis(50),
        };
        run(&program(), &partitions, &settings, stop, &mut Silent)
    }

    fn run(&self) -> Summary {
        self.run_to(&self.out(), false, &AtomicBool::new(false)).unwrap()
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn records(&self, stream: &str) -> Vec<Value> {
        records(&self.out(), stream)
    }
}

fn records(out: &Path, stream: &str) -> Vec<Value> {
    let text = fs::read_to_string(out.join(format!("{stream}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn line(time: &str, service: &str, host: &str) -> String {
    format!("{{\"ts\":\"{time}\",\"service\":\"{service}\",\"host\":\"{host}\",\"ms\":7,\"msg\":\"done\"}}\n")
}

/// Sum of the counts of all windows of a rule.
fn counted(records: &[Value], rule: &str) -> u64 {
    records.iter().filter(|record| record["rule"] == rule).map(|record| record["count"].as_u64().unwrap()).sum()
}

fn unbase64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    for chunk in text.as_bytes().chunks(4) {
        let digit = |byte: &u8| ALPHABET.iter().position(|known| known == byte).unwrap_or(0) as u32;
        let word = chunk.iter().fold(0, |word, byte| word << 6 | digit(byte));
        let padding = chunk.iter().filter(|byte| **byte == b'=').count();
        bytes.extend_from_slice(&word.to_be_bytes()[1..4 - padding]);
    }
    bytes
}

#[test]
fn binary_garbage_comes_back_byte_for_byte_in_the_dead_letters() {
    // xorshift: bytes of every value, and line ends where they fall.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let garbage: Vec<u8> = (0..200_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect();
    let place = Site::with(&garbage);
    let summary = place.run();
    assert_eq!((summary.unaccounted, summary.complete), (0, true));
    let mut lines: Vec<&[u8]> = garbage.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    assert_eq!(summary.lines, lines.len() as u64);
    let letters = place.records("deadletter");
    assert!(letters.len() > 500);
    for letter in letters {
        let raw = match letter["raw"].as_str() {
            Some(text) => text.as_bytes().to_vec(),
            None => unbase64(letter["raw_base64"].as_str().unwrap()),
        };
        let whole = lines[letter["offset"].as_u64().unwrap() as usize];
        assert_eq!(raw, whole.strip_suffix(b"\r").unwrap_or(whole));
        assert_eq!(letter["reason"], "decode_failed");
    }
}

#[test]
fn a_line_of_200_mb_costs_its_bound_and_is_told_with_its_length() {
    let place = Site::with(line("2026-01-01T00:00:00Z", "cart", "a").as_bytes());
    let mut file = File::options().append(true).open(place.input()).unwrap();
    for _ in 0..200 {
        file.write_all(&[b'x'; 1_000_000]).unwrap();
    }
    let summary = place.run();
    assert_eq!((summary.lines, summary.unaccounted), (2, 0));
    let letters = place.records("deadletter");
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["bytes"], 200_000_000);
    assert!(letters[0]["raw"].as_str().unwrap().len() <= 256 * 1024);
    assert!(letters[0]["detail"].as_str().unwrap().contains("200000000 bytes"));
}

#[test]
fn text_that_is_not_utf8_is_kept_as_far_as_it_is_text() {
    let mut input = line("2026-01-01T00:00:00Z", "cart", "a").into_bytes();
    let at = input.windows(4).position(|window| window == b"done").unwrap();
    input[at + 1] = 0xff;
    let place = Site::with(&input);
    assert_eq!(place.run().unaccounted, 0);
    let events = place.records("events");
    assert_eq!(events.len(), 1);
    assert!(events[0].to_string().contains("d\u{fffd}ne"), "{}", events[0]);
}

#[test]
fn a_million_scopes_against_a_bound_of_ten_thousand_are_counted_coarser() {
    let mut input = Vec::new();
    for number in 0..1_000_000u32 {
        let _ = writeln!(
            input,
            "{{\"ts\":{},\"service\":\"s{}\",\"host\":\"h{number}\",\"ms\":7}}",
            1_767_225_600_000u64 + u64::from(number) / 2_000,
            number % 5
        );
    }
    let place = Site::with(&input);
    let summary = place.run();
    assert_eq!((summary.lines, summary.unaccounted), (1_000_000, 0));
    let aggregates = place.records("aggregates");
    // Nothing is lost: what has no place at its own scope is counted at the service.
    assert_eq!(counted(&aggregates, "services"), 1_000_000);
    let hosts = aggregates.iter().filter(|record| record["rule"] == "hosts").count();
    assert!((9_000..=10_000).contains(&hosts), "{hosts}");
    let told: Vec<Value> = place.records("findings");
    assert!(told.iter().any(|finding| finding.to_string().contains("coarse")), "{told:?}");
}

#[test]
fn times_of_another_age_are_dead_letters_and_move_no_window() {
    let times = [
        "2026-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "2026-01-01T00:00:00.5Z",
        "0001-01-01T00:00:00Z",
    ];
    let input: String = times.iter().map(|time| line(time, "cart", "a")).collect();
    let place = Site::with(input.as_bytes());
    assert_eq!(place.run().unaccounted, 0);
    assert_eq!(counted(&place.records("aggregates"), "services"), 2);
    assert!(place.records("late").is_empty());
    let reasons: Vec<(u64, String)> = place
        .records("deadletter")
        .iter()
        .map(|letter| (letter["offset"].as_u64().unwrap(), letter["reason"].as_str().unwrap().to_owned()))
        .collect();
    let out_of_range = |offset| (offset, "timestamp_out_of_range".to_owned());
    assert_eq!(reasons, [out_of_range(1), out_of_range(2), out_of_range(4)]);
}

#[test]
fn a_regex_bomb_is_refused_where_it_stands() {
    let bomb = RESOURCES.replace("{ json: {} }", "{ regex: { pattern: '(?P<msg>(a{1000}){1000}{1000})' } }");
    let found = findings(&bomb);
    let finding = found.iter().find(|finding| finding.reason == Reason::BadPattern).unwrap();
    assert_eq!(finding.path, "spec.decode[0].regex.pattern");
    assert_eq!(finding.position.as_ref().map(|position| position.line), Some(11));
    assert!(!finding.remedy.is_empty());
}

#[test]
fn an_alias_bomb_is_refused_before_it_goes_off() {
    let level = |number: usize| {
        let inside = vec![format!("*a{}", number - 1); 9].join(",");
        format!("a{number}: &a{number} [{inside}]\n")
    };
    let levels: String = (1..12).map(level).collect();
    let text = format!(
        "apiVersion: logloom.io/v1alpha1\nkind: TenantPipeline\na0: &a0 [x,x,x,x,x,x,x,x,x]\n{levels}spec: *a11\n"
    );
    let started = Instant::now();
    assert!(findings(&text).iter().any(|finding| finding.reason == Reason::BadAlias));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_unknown_field_is_named_with_its_place() {
    let text = RESOURCES.replace("  dimensions: [service, host]\n", "  dimensions: [service, host]\n  colour: red\n");
    let found = findings(&text);
    let finding = found.iter().find(|finding| finding.reason == Reason::UnknownField).unwrap();
    assert_eq!(finding.path, "spec.colour");
    assert!(finding.remedy.contains("redact"), "{}", finding.remedy);
}

#[test]
fn a_missing_file_is_named() {
    let place = Site::with(b"");
    fs::remove_file(place.input()).unwrap();
    let error = place.run_to(&place.out(), false, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("app.log"), "{error}");
}

/// A file system of a few megabytes; unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let option = format!("size={size}");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &option, "tmpfs"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()).then(|| Self(folder))
    }

    fn grow(&self, size: &str) {
        let option = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The folder itself goes with its own drop.
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_stops_the_run_and_the_next_one_goes_on() {
    let Some(disk) = SmallDisk::mount("2m") else {
        eprintln!("skipped: mounting a small file system needs root");
        return;
    };
    let input: String = (0..40_000)
        .map(|second| {
            line(&format!("2026-01-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60), "cart", "a")
        })
        .collect();
    let place = Site::with(input.as_bytes());
    let whole = place.run();
    let out = disk.0.path().join("out");
    let error = place.run_to(&out, false, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("cannot") && error.contains("No space left"), "{error}");
    disk.grow("100m");
    let summary = place.run_to(&out, false, &AtomicBool::new(false)).unwrap();
    assert_eq!((summary.unaccounted, summary.complete), (0, true));
    assert_eq!(summary.written, whole.written);
    for stream in ["events", "aggregates", "findings", "templates", "late", "deadletter", "alerts"] {
        let name = format!("{stream}.jsonl");
        assert!(fs::read(out.join(&name)).unwrap() == fs::read(place.out().join(&name)).unwrap(), "{name} differs");
    }
}

#[test]
fn a_quiet_file_that_is_followed_closes_its_windows_by_claims() {
    let place = Site::with(b"");
    let stop = AtomicBool::new(false);
    let out = place.out();
    std::thread::scope(|scope| {
        let runner = scope.spawn(|| place.run_to(&out, true, &stop));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let mut file = File::options().append(true).open(place.input()).unwrap();
        writeln!(file, "{{\"ts\":{now},\"service\":\"cart\",\"host\":\"a\",\"ms\":7}}").unwrap();
        // Nothing more comes. The window of one second closes when a claim passes it: disorder and margin later.
        let closed = || out.join("aggregates.jsonl").exists() && !records(&out, "aggregates").is_empty();
        let started = Instant::now();
        while !closed() && started.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(100));
        }
        let aggregates = records(&out, "aggregates");
        stop.store(true, Ordering::Relaxed);
        let summary = runner.join().unwrap().unwrap();
        assert_eq!(counted(&aggregates, "services"), 1);
        assert_eq!((summary.unaccounted, summary.complete), (0, false));
    });
}

#[test]
fn a_scope_of_a_column_that_is_no_dimension_is_refused() {
    let text = RESOURCES.replace("dimensions: [service, host]", "dimensions: [service]");
    let compilation = compile_all(from_text("test.yaml", text.as_bytes()));
    let found = compilation.compile(&compilation.resources.pipelines[0]).unwrap_err();
    let finding = found.iter().find(|finding| finding.path == "spec.scopes[1][1]").unwrap();
    assert_eq!(finding.reason, Reason::UnknownColumn);
    assert!(finding.message.contains("`host` is a column"), "{}", finding.message);
    assert!(finding.remedy.contains("(`service`)"), "{}", finding.remedy);
}

#[test]
fn files_of_somebody_else_are_not_overwritten() {
    let place = Site::with(line("2026-01-01T00:00:00Z", "cart", "a").as_bytes());
    fs::create_dir_all(place.out()).unwrap();
    fs::write(place.out().join("events.jsonl"), "mine\n").unwrap();
    let error = place.run_to(&place.out(), false, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("events.jsonl") && error.contains("choose another output folder"), "{error}");
    assert_eq!(fs::read_to_string(place.out().join("events.jsonl")).unwrap(), "mine\n");
}

#[test]
fn two_processes_do_not_write_into_one_folder() {
    let place = Site::with(line("2026-01-01T00:00:00Z", "cart", "a").as_bytes());
    let held = super::output::lock(&place.out()).unwrap();
    let error = place.run_to(&place.out(), false, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("another process writes"), "{error}");
    drop(held);
    assert!(place.run().complete);
}

#[test]
fn one_clock_far_ahead_is_told_in_the_summary() {
    let mut input = line("2026-01-01T00:00:00Z", "cart", "a");
    input += &line("2126-01-01T00:00:00Z", "cart", "a");
    (1..60).for_each(|second| input += &line(&format!("2026-01-01T00:00:{second:02}Z"), "cart", "a"));
    let summary = Site::with(input.as_bytes()).run();
    assert!(
        summary.notes.iter().any(|note| note.starts_with("59 of 61 lines of app were late")),
        "{:?}",
        summary.notes
    );
    assert_eq!(summary.unaccounted, 0);
}
