//! Inputs that come through a pipe, are damaged, come late or have gone.

use super::super::input::{Binding, expand};
use super::*;
use std::process::{Child, Stdio};

/// A run over what the bindings name, as the command makes it.
fn run_over(site: &Site, wheres: &[&str], follow: bool, stop: &AtomicBool) -> Result<Summary, RunError> {
    let binding = |place: &&str| Binding {
        source: "app".to_owned(),
        pattern: if *place == "-" { "-".to_owned() } else { site.folder.path().join(place).display().to_string() },
    };
    let bindings: Vec<Binding> = wheres.iter().map(binding).collect();
    let settings = Settings {
        out: site.out(),
        checkpoints: site.out().join("checkpoint"),
        globs: bindings.iter().filter(|binding| binding.is_glob()).cloned().collect(),
        follow,
        checkpoint_every: Duration::from_millis(50),
    };
    run(&program(), &expand(&bindings).unwrap(), &settings, stop, &mut Silent)
}

fn lines(count: u32) -> String {
    let time = |second: u32| format!("2026-01-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
    (0..count).map(|second| line(&time(second), "cart", &format!("h{}", second % 7))).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn append(path: &Path, text: &str) {
    File::options().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

/// Waits until something holds; false after a minute.
fn wait_for(mut holds: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(60) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

const OUT_OF_PIPED_RUN: &str = "LOGLOOM_TEST_PIPED_RUN";

/// The other process of the next test: it follows its standard input and, beside it, a file.
#[test]
fn the_process_that_follows_its_standard_input() {
    let Some(folder) = std::env::var_os(OUT_OF_PIPED_RUN) else { return };
    let stop = AtomicBool::new(false);
    let folder = PathBuf::from(folder);
    let bindings = ["app=-".to_owned(), format!("app={}", folder.join("app.log").display())];
    let bindings: Vec<Binding> = bindings.iter().map(|binding| binding.parse().unwrap()).collect();
    let settings = Settings {
        out: folder.join("out"),
        checkpoints: folder.join("checkpoint"),
        globs: Vec::new(),
        follow: true,
        checkpoint_every: Duration::from_secs(10),
    };
    std::thread::scope(|scope| {
        let runner = scope.spawn(|| run(&program(), &expand(&bindings).unwrap(), &settings, &stop, &mut Silent));
        wait_for(|| folder.join("stop").exists());
        stop.store(true, Ordering::Relaxed);
        let summary = runner.join().unwrap().unwrap();
        assert_eq!((summary.complete, summary.can_go_on, summary.unaccounted), (false, false, 0));
    });
}

fn piped_run(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "local::tests::inputs::the_process_that_follows_its_standard_input"])
        .env(OUT_OF_PIPED_RUN, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn an_empty_pipe_holds_up_nothing_and_its_last_line_needs_no_end() {
    let site = Site::with(b"");
    let mut child = piped_run(site.folder.path());
    let mut pipe = child.stdin.take().unwrap();
    let events = || fs::read_to_string(site.out().join("events.jsonl")).unwrap_or_default().lines().count();
    pipe.write_all(lines(10).as_bytes()).unwrap();
    assert!(wait_for(|| events() == 10), "{} of 10 while the pipe is open", events());
    append(&site.input(), &line("2026-01-01T00:00:09Z", "cart", "b"));
    assert!(wait_for(|| events() == 11), "the file waits for the pipe");
    pipe.write_all(line("2026-01-01T00:00:10Z", "cart", "a").trim_end().as_bytes()).unwrap();
    drop(pipe);
    assert!(wait_for(|| events() == 12), "the unfinished line is missing");
    fs::write(site.folder.path().join("stop"), "").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_complete_run_says_that_it_cannot_take_more() {
    let site = Site::with(lines(10).as_bytes());
    let never = AtomicBool::new(false);
    site.run();
    let again = site.run();
    assert_eq!((again.lines, again.complete), (0, true));
    assert!(again.notes.iter().any(|note| note.contains("complete already")), "{:?}", again.notes);
    let follow = site.run_to(&site.out(), true, &never).unwrap_err().to_string();
    assert!(follow.contains("complete") && follow.contains("new output folder"), "{follow}");
    append(&site.input(), "more\n");
    let grown = site.run_to(&site.out(), false, &never).unwrap_err().to_string();
    assert!(grown.contains("app.log holds 5 bytes behind") && grown.contains("--follow from the start"), "{grown}");
    fs::write(site.input(), lines(1)).unwrap();
    let other = site.run_to(&site.out(), false, &never).unwrap_err();
    assert!(matches!(other, RunError::Input(super::super::input::InputError::Replaced { .. })), "{other}");
}

#[test]
fn a_complete_run_over_compressed_input_counts_what_is_in_it() {
    let site = Site::with(&gzip(&lines(10)));
    site.run();
    assert_eq!(site.run().lines, 0);
    fs::write(site.input(), gzip(&(lines(10) + "more\n"))).unwrap();
    let grown = site.run_to(&site.out(), false, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(grown, RunError::Grown { bytes: 5, .. }), "{grown}");
}

#[test]
fn lines_in_front_of_damage_are_written_and_a_repaired_file_gives_what_a_good_one_gives() {
    let whole = gzip(&lines(20_000));
    let site = Site::with(&whole[..whole.len() / 2]);
    let error = site.run_to(&site.out(), false, &AtomicBool::new(false)).unwrap_err();
    let RunError::Input(super::super::input::InputError::Damaged { line, .. }) = &error else { panic!("{error}") };
    assert!(error.to_string().contains("app.log, behind line") && error.to_string().contains("Repair"), "{error}");
    assert!(*line > 5_000, "{line}");
    assert_eq!(site.records("events").len() as u64, *line);
    let ledger: Value = serde_json::from_slice(&fs::read(site.out().join("ledger.json")).unwrap()).unwrap();
    assert_eq!(ledger["sources"]["app"]["in"], *line);

    fs::write(site.input(), &whole).unwrap();
    let summary = site.run();
    assert_eq!((summary.complete, summary.unaccounted), (true, 0));
    let good = Site::with(&whole);
    good.run();
    for stream in ["events", "aggregates", "findings", "templates", "late", "deadletter", "alerts"] {
        let name = format!("{stream}.jsonl");
        assert!(
            fs::read(site.out().join(&name)).unwrap() == fs::read(good.out().join(&name)).unwrap(),
            "{name} differs"
        );
    }
}

#[test]
fn a_glob_gives_the_files_of_the_checkpoint_and_names_those_that_came_later() {
    let site = Site::with(lines(10).as_bytes());
    let place = |name: &str| site.folder.path().join(name);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let runner = scope.spawn(|| run_over(&site, &["*.log"], true, &stop));
        let events = || fs::read_to_string(site.out().join("events.jsonl")).unwrap_or_default().lines().count();
        assert!(wait_for(|| events() == 10));
        fs::write(place("aa.log"), lines(3)).unwrap();
        stop.store(true, Ordering::Relaxed);
        let summary = runner.join().unwrap().unwrap();
        assert!(summary.notes.iter().any(|note| note.contains("aa.log")), "{:?}", summary.notes);
    });
    let stop = AtomicBool::new(true);
    let summary = run_over(&site, &["*.log"], true, &stop).unwrap();
    assert!(summary.continued_at.is_some());
    assert!(summary.notes.iter().any(|note| note.contains("aa.log") && note.contains("new output folder")));
    // A file that is named is wanted: it cannot be left out in silence.
    let named = run_over(&site, &["app.log", "aa.log"], true, &stop).unwrap_err();
    assert!(matches!(named, RunError::OtherInputs { .. }), "{named}");
    fs::remove_file(site.input()).unwrap();
    let gone = run_over(&site, &["*.log"], true, &stop).unwrap_err().to_string();
    assert!(gone.contains("app.log is an input of the checkpoint and is gone"), "{gone}");
}
