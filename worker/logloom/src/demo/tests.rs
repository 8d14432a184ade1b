use super::*;
use crate::report::score::Score;

struct Nobody;

impl Watch for Nobody {
    fn step(&mut self, _what: &str, _done: u64, _all: u64) {}
}

fn settings(out: &Path, seed: u64) -> Settings {
    Settings { out: out.to_owned(), seed, minutes: 20, requests: 26.0 }
}

#[test]
fn every_fault_is_found_and_no_alert_is_false() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let demo = run(&settings(&out, 1), &AtomicBool::new(false), &mut Nobody).unwrap();
    for tenant in &demo.tenants {
        let score = Score::of(tenant.name, &demo.truth, &tenant.outputs);
        let missed: Vec<&str> = score
            .verdicts
            .iter()
            .filter(|verdict| verdict.by.is_none())
            .map(|verdict| verdict.fault.text.as_str())
            .collect();
        assert_eq!(missed, Vec::<&str>::new());
        assert_eq!(score.false_alerts, Vec::<&crate::report::read::Signal>::new());
        assert_eq!(tenant.summary.unaccounted, 0);
        assert!(tenant.summary.lines > 20_000, "{} lines of {}", tenant.summary.lines, tenant.name);
    }
    assert_eq!(
        demo.tenants[0]
            .outputs
            .signals
            .iter()
            .filter(|signal| signal.is_alert && signal.at < demo.truth.faults[0].start)
            .count(),
        0
    );
    assert_eq!(
        demo.tenants[1].outputs.signals.iter().filter(|signal| signal.is_alert).count(),
        0,
        "the quiet tenant is quiet"
    );
    let html = demo.html().unwrap();
    assert!(html.contains("5 of 5 faults found") && !html.contains("http:") && !html.contains("<script"));
    let truth: Truth = serde_json::from_slice(&std::fs::read(out.join(TRUTH)).unwrap()).unwrap();
    assert_eq!(truth, demo.truth);
}

#[test]
fn without_faults_nothing_fires() {
    let folder = tempfile::tempdir().unwrap();
    let truth = Truth { faults: Vec::new(), ..truth::plan(2, 20) };
    let demo = run_truth(&settings(folder.path(), 2), truth, &AtomicBool::new(false), &mut Nobody).unwrap();
    let alerts = demo.tenants.iter().flat_map(|tenant| &tenant.outputs.signals).filter(|signal| signal.is_alert);
    assert_eq!(alerts.map(|alert| alert.explanation.as_str()).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn an_earlier_demo_is_replaced_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    clear(folder.path()).unwrap();
    let error = clear(folder.path()).unwrap_err();
    assert!(matches!(error, DemoError::Occupied(_)), "folders of tenants without a truth are somebody else's: {error}");
    write(&folder.path().join(TRUTH), b"{}").unwrap();
    let mine = folder.path().join("notes.txt");
    write(&mine, b"mine").unwrap();
    write(&folder.path().join("acme/events.jsonl"), b"old").unwrap();
    clear(folder.path()).unwrap();
    assert!(mine.is_file() && !folder.path().join("acme/events.jsonl").exists());
}

#[test]
fn a_demo_that_is_stopped_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let stopped = run(&settings(folder.path(), 1), &AtomicBool::new(true), &mut Nobody).err().unwrap();
    assert!(matches!(stopped, DemoError::Stopped), "{stopped}");
}

#[test]
fn the_page_of_a_running_demo_shows_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let html = html_so_far(&settings(folder.path(), 1), "running acme").unwrap();
    assert!(html.contains("running acme …") && html.contains("http-equiv=\"refresh\""));
}
