//! `logloom demo`.

use super::{CommandError, Outcome, stop_flag};
use crate::bench::Figures;
use crate::demo::serve::Server;
use crate::demo::truth::{LEAST_MINUTES, MINUTE, scope_text};
use crate::demo::{Demo, REPORT, Settings, Watch, html_so_far, run as run_demo, write};
use crate::report::read::Signal;
use crate::report::score::Score;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Time between two looks of the page at what there is.
const SHOW_EVERY: Duration = Duration::from_millis(900);

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder for the logs, the outputs and the report; an earlier demo in it is replaced.
    #[arg(short, long, value_name = "DIR", default_value = "logloom-demo")]
    out: PathBuf,
    /// Fixes the logs and the faults: another seed puts other faults at other places.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Minutes of event time, from 18 to 600.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(i64::from(LEAST_MINUTES)..=600))]
    minutes: u32,
    /// Requests per second to the shop, from 25 to 10,000; each makes five lines or so.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(25..=10_000))]
    requests: u32,
    /// Show the report in a browser while it comes to be, until Ctrl-C. Only on loopback.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:0")]
    serve: Option<SocketAddr>,
    /// Write the figures for machines too, to `figures/demo.json` in the target folder.
    #[arg(long, hide = true)]
    figures: bool,
    /// Say nothing but errors and the verdict.
    #[arg(short, long)]
    quiet: bool,
}

/// Shows how far it is: on the terminal, and on the page.
struct Screen<'a> {
    settings: &'a Settings,
    bar: ProgressBar,
    server: Option<Server>,
    shown: Option<Instant>,
}

impl Watch for Screen<'_> {
    fn step(&mut self, what: &str, done: u64, all: u64) {
        if self.bar.message() != what {
            self.bar.set_message(what.to_owned());
        }
        self.bar.set_length(all);
        self.bar.set_position(done);
        let Some(server) = &self.server else { return };
        if self.shown.is_none_or(|shown| shown.elapsed() >= SHOW_EVERY) {
            // What cannot be shown now is shown later.
            if let Ok(html) = html_so_far(self.settings, what) {
                server.show(html);
            }
            self.shown = Some(Instant::now());
        }
    }
}

/// Makes the demo and says what was found.
///
/// # Errors
/// When files cannot be written, or it is stopped.
pub fn run(arguments: &Arguments) -> Result<Outcome, CommandError> {
    let settings = Settings {
        out: arguments.out.clone(),
        seed: arguments.seed,
        minutes: arguments.minutes,
        requests: f64::from(arguments.requests),
    };
    let server = match arguments.serve {
        Some(address) => Some(Server::start(address).map_err(CommandError::io(format!("cannot serve on {address}")))?),
        None => None,
    };
    if let Some(server) = &server {
        eprintln!("{}", server.url());
    }
    let stop = stop_flag();
    let mut screen = Screen { settings: &settings, bar: bar(arguments.quiet), server, shown: None };
    let demo = run_demo(&settings, &stop, &mut screen);
    screen.bar.finish_and_clear();
    let (demo, html) = demo
        .and_then(|demo| demo.html().map(|html| (demo, html)))
        .map_err(|error| CommandError::Other(error.to_string()))?;
    let report = settings.out.join(REPORT);
    write(&report, html.as_bytes()).map_err(|error| CommandError::Other(error.to_string()))?;
    let (mut text, good) = verdict(&demo, arguments.quiet);
    if arguments.figures {
        figures(&demo).write("demo").map_err(|error| CommandError::Other(error.to_string()))?;
    }
    let _ = writeln!(text, "\nReport: {}", report.display());
    std::io::stdout().write_all(text.as_bytes()).map_err(CommandError::io("standard output"))?;
    if let Some(server) = &screen.server {
        server.show(html);
        eprintln!("{} until Ctrl-C", server.url());
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(if good { Outcome::Done } else { Outcome::Findings })
}

fn bar(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {human_pos} of {human_len} lines  {elapsed}") {
        bar.set_style(style);
    }
    bar
}

/// The table for the terminal, and whether everything was found and nothing else.
fn verdict(demo: &Demo, quiet: bool) -> (String, bool) {
    let (mut table, mut falses) = (String::new(), String::new());
    let (mut found, mut false_alerts, mut others, mut unaccounted) = (0, 0, 0, 0);
    let begin = demo.truth.start;
    for tenant in &demo.tenants {
        let score = Score::of(tenant.name, &demo.truth, &tenant.outputs);
        found += score.found();
        false_alerts += score.false_alerts.len();
        others += score.other_findings.len();
        unaccounted += tenant.summary.unaccounted;
        for verdict in &score.verdicts {
            let fault = verdict.fault;
            let what = verdict.by.map_or("MISSED".to_owned(), |signal| {
                let delay = verdict.delay().unwrap_or(0.0);
                format!("found after {delay:.0} s by {} of {}", signal.name, scope_text(&signal.scope))
            });
            let span = format!("{}–{}", clock(fault.start - begin), clock(fault.end - begin));
            let _ = writeln!(table, "  {:<31} {span}  {:<44} {what}", fault.kind.title(), scope_text(&fault.scope));
        }
        for signal in &score.false_alerts {
            let _ = writeln!(falses, "  FALSE ALERT of {}: {}", tenant.name, line(signal, begin));
        }
        for signal in &score.other_findings {
            let _ = writeln!(falses, "  not explained by a fault, {}: {}", tenant.name, line(signal, begin));
        }
    }
    let all = demo.truth.faults.len();
    let mut text = String::new();
    if !quiet {
        text +=
            &format!("Injected into the logs of acme (none into those of globex), and what was found:\n\n{table}\n");
    }
    text += &falses;
    let good = found == all && false_alerts == 0 && unaccounted == 0;
    let _ = writeln!(
        text,
        "{found} of {all} faults found, {false_alerts} false alerts, {others} other findings, {unaccounted} lines unaccounted for"
    );
    if !quiet {
        text += &runs(demo);
    }
    (text, good)
}

fn line(signal: &Signal, begin: i64) -> String {
    format!("{} of {} at {}: {}", signal.name, scope_text(&signal.scope), clock(signal.at - begin), signal.summary)
}

/// Minutes and seconds since the start.
fn clock(micros: i64) -> String {
    format!("{:02}:{:02}", micros / MINUTE, micros % MINUTE / 1_000_000)
}

fn figures(demo: &Demo) -> Figures {
    let mut figures = Figures::default();
    for tenant in &demo.tenants {
        let score = Score::of(tenant.name, &demo.truth, &tenant.outputs);
        let mut add = |name: &str, value: f64| figures.add(format!("{}_{name}", tenant.name), value);
        let (lines, seconds) = (tenant.summary.lines as f64, tenant.summary.elapsed.as_secs_f64());
        add("faults", score.verdicts.len() as f64);
        add("faults_found", score.found() as f64);
        add("false_alerts", score.false_alerts.len() as f64);
        add("other_findings", score.other_findings.len() as f64);
        let delays: Vec<f64> = score.verdicts.iter().filter_map(|verdict| verdict.delay()).collect();
        if !delays.is_empty() {
            add("mean_delay_s", delays.iter().sum::<f64>() / delays.len() as f64);
        }
        add("lines", lines);
        add("lines_per_s", lines / seconds.max(1e-9));
        add("unaccounted", tenant.summary.unaccounted as f64);
    }
    figures
}

fn runs(demo: &Demo) -> String {
    let mut text = String::from("\n");
    for tenant in &demo.tenants {
        let (lines, seconds) = (tenant.summary.lines, tenant.summary.elapsed.as_secs_f64());
        let _ = writeln!(
            text,
            "{}: {lines} lines in {seconds:.1} s, {:.0} events/s, unaccounted {}\n  again: {}",
            tenant.name,
            lines as f64 / seconds.max(1e-9),
            tenant.summary.unaccounted,
            tenant.command,
        );
    }
    text
}
