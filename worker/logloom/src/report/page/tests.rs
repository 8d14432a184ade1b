use super::*;
use crate::demo::truth::{plan, scope};
use crate::report::read::{Point, Template};

const EVIL: &str = "</title><script>alert('\"x\"')</script><img src=x onerror=alert(1)>";

fn outputs() -> Outputs {
    let signal = |is_alert| Signal {
        is_alert,
        name: EVIL.to_owned(),
        severity: EVIL.to_owned(),
        scope: scope(&[(EVIL, EVIL)]),
        at: crate::demo::truth::START,
        until: None,
        inhibited: false,
        summary: EVIL.to_owned(),
        explanation: EVIL.to_owned(),
        metric: EVIL.to_owned(),
        numbers: vec![("text".to_owned(), EVIL.to_owned())],
    };
    let values = [(EVIL.to_owned(), 1.0), ("x_ms_p50".to_owned(), 2.0)].into();
    let point = Point { start: crate::demo::truth::START, count: 1.0, values };
    let points = [(crate::demo::truth::START + 60_000_000, point)].into();
    Outputs {
        signals: vec![signal(true), signal(false)],
        incidents: 1,
        series: vec![Series { rule: EVIL.to_owned(), scope: scope(&[(EVIL, EVIL)]), points }],
        templates: vec![Template {
            id: EVIL.to_owned(),
            source: EVIL.to_owned(),
            text: EVIL.to_owned(),
            count: 1,
            first: 0,
        }],
        dead: [(EVIL.to_owned(), (EVIL.to_owned(), EVIL.to_owned()))].into(),
        ledger: serde_json::json!({ "sources": { EVIL: { "in": 2, "passed": 1, "dropped": { EVIL: 1 }, "held": 0, "unaccounted": 0 } } }),
    }
}

fn page(truth: Option<&Truth>, running: Option<String>) -> String {
    let outputs = outputs();
    let tenant = Tenant { name: EVIL, outputs: &outputs, pace: Some((1, 1.0)), command: Some(EVIL.to_owned()) };
    Report { title: EVIL, running, truth, tenants: vec![tenant] }.html().unwrap()
}

#[test]
fn what_comes_out_of_logs_is_escaped_everywhere() {
    let truth = plan(1, 20);
    for html in [page(None, None), page(Some(&truth), None), page(Some(&truth), Some(EVIL.to_owned()))] {
        assert!(!html.contains("<script") && !html.contains("<img"), "a tag of the logs came through");
        assert!(html.contains("&lt;script&gt;"));
        assert!(!html.contains("onerror=alert(1)>"), "a quote was closed");
    }
}

#[test]
fn one_file_that_loads_nothing() {
    let html = page(Some(&plan(1, 20)), None);
    for forbidden in ["http:", "https:", "src=", "@import", "<link", "<script", "url(//"] {
        let found = html.replace("src=x onerror", "").contains(forbidden);
        assert!(!found, "the page holds `{forbidden}`");
    }
    assert!(html.contains("prefers-color-scheme:dark") && html.contains("name=\"viewport\""));
}

#[test]
fn it_loads_itself_again_only_while_the_run_goes_on() {
    assert!(page(None, Some("running".to_owned())).contains("http-equiv=\"refresh\""));
    assert!(!page(None, None).contains("http-equiv=\"refresh\""));
}

#[test]
fn every_chart_says_what_it_shows() {
    let html = page(Some(&plan(1, 20)), None);
    let charts = html.matches("role=\"img\"").count();
    assert!(charts >= 3);
    assert_eq!((html.matches("<desc id=").count(), html.matches("<title id=").count()), (charts, charts));
}
