//! The command line: runs of many seeds, one seed again, and every rule lifted in turn.

use clap::{Args, Parser, Subcommand};
use logloom_chain::log::Rule;
use logloom_sim::{Config, Figures, Outcome, Pipeline, Pipelines, Violation, Weather, run};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Drives Logloom's own stages through faults, each run from one seed, and compares the outcome with an undisturbed pass.
#[derive(Debug, Parser)]
#[command(name = "logloom-sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs many seeds; stops at the first violation.
    Run(Many),
    /// Runs one seed again.
    Replay(Replay),
    /// Lifts each rule in turn, and runs seeds until one shows a violation.
    Mutants(Mutants),
}

#[derive(Debug, Clone, Copy, Args)]
struct WeatherFlags {
    /// No faults at all.
    #[arg(long, conflicts_with = "storm")]
    calm: bool,
    /// Many faults.
    #[arg(long)]
    storm: bool,
    /// Which pipeline; else each seed draws.
    #[arg(long)]
    shape: Option<Pipeline>,
}

impl WeatherFlags {
    fn weather(self) -> Weather {
        match (self.calm, self.storm) {
            (true, _) => Weather::Calm,
            (_, true) => Weather::Storm,
            _ => Weather::Mixed,
        }
    }
}

#[derive(Debug, Args)]
struct Many {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// A rule to lift.
    #[arg(long, value_name = "RULE")]
    without: Option<Rule>,
    #[command(flatten)]
    weather: WeatherFlags,
    /// Threads; each runs whole seeds.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Go on after a violation, and count them by kind.
    #[arg(long)]
    keep_going: bool,
    /// File for the figures, as flat JSON.
    #[arg(long, value_name = "PATH")]
    figures: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Replay {
    /// The seed.
    seed: u64,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// A rule to lift.
    #[arg(long, value_name = "RULE")]
    without: Option<Rule>,
    #[command(flatten)]
    weather: WeatherFlags,
}

#[derive(Debug, Args)]
struct Mutants {
    /// Most seeds per rule.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// Only these rules.
    #[arg(long, value_name = "RULE")]
    only: Vec<Rule>,
    /// Which pipeline; else each seed draws, and rules of provisionals run where they matter.
    #[arg(long)]
    shape: Option<Pipeline>,
    /// Threads; each runs whole seeds.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Run all seeds and count how many show a violation.
    #[arg(long)]
    count: bool,
    /// File for the figures, as flat JSON.
    #[arg(long, value_name = "PATH")]
    figures: Option<PathBuf>,
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let pipelines = match Pipelines::compile() {
        Ok(pipelines) => pipelines,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match arguments.command {
        Command::Run(many) => run_many(&pipelines, &many),
        Command::Replay(one) => replay(&pipelines, &one),
        Command::Mutants(mutants) => lift_each(&pipelines, &mutants),
    }
}

fn config(seed: u64, without: Option<Rule>, weather: Weather, pipeline: Option<Pipeline>) -> Config {
    let config = Config { weather, pipeline, ..Config::new(seed) };
    without.map_or(config, |rule| config.without(rule))
}

/// What many seeds gave.
#[derive(Default)]
struct Sum {
    runs: u64,
    figures: Figures,
    violations: BTreeMap<u64, Violation>,
}

/// Runs seeds on some threads; each takes the next one. With `stop`, no seed behind a violation is begun.
fn sweep(
    pipelines: &Pipelines,
    seeds: std::ops::Range<u64>,
    jobs: usize,
    stop: bool,
    config: impl Fn(u64) -> Config + Sync,
) -> Sum {
    let next = AtomicU64::new(seeds.start);
    let bound = AtomicU64::new(seeds.end);
    let work = || {
        let mut sum = Sum::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= bound.load(Ordering::Relaxed) {
                return sum;
            }
            let Outcome { violation, figures } = run(pipelines, config(seed));
            sum.runs += 1;
            sum.figures.add(&figures);
            if let Some(violation) = violation {
                sum.violations.insert(seed, violation);
                if stop {
                    bound.fetch_min(seed, Ordering::Relaxed);
                }
            }
        }
    };
    let mut all = Sum::default();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        for sum in handles.into_iter().filter_map(|handle| handle.join().ok()) {
            all.runs += sum.runs;
            all.figures.add(&sum.figures);
            all.violations.extend(sum.violations);
        }
    });
    all
}

fn run_many(pipelines: &Pipelines, many: &Many) -> ExitCode {
    let weather = many.weather.weather();
    let begun = Instant::now();
    let seeds = many.from..many.from + many.seeds;
    let sum = sweep(pipelines, seeds, many.jobs, !many.keep_going, |seed| {
        config(seed, many.without, weather, many.weather.shape)
    });
    let seconds = begun.elapsed().as_secs_f64();
    for (seed, violation) in sum.violations.iter().take(20) {
        println!("seed {seed}: {}: {}", violation.kind, violation.detail);
        println!("  again: logloom-sim replay {seed} --trace{}{}", without(many.without), flag(weather));
        if let Some(pipeline) = many.weather.shape {
            println!("  (with --shape {})", format!("{pipeline:?}").to_lowercase());
        }
    }
    let mut figures = Map::new();
    figures.insert("sim.seeds".to_owned(), sum.runs.into());
    figures.insert("sim.violations".to_owned(), sum.violations.len().into());
    figures.insert("sim.runs_per_second".to_owned(), (sum.runs as f64 / seconds).into());
    for (name, value) in sum.figures.pairs() {
        figures.insert(format!("sim.{name}"), value.into());
    }
    for (name, value) in &figures {
        println!("{name:<28} {value}");
    }
    finish(many.figures.as_ref(), figures, sum.violations.is_empty())
}

fn without(rule: Option<Rule>) -> String {
    rule.map(|rule| format!(" --without {rule}")).unwrap_or_default()
}

fn flag(weather: Weather) -> &'static str {
    match weather {
        Weather::Calm => " --calm",
        Weather::Mixed => "",
        Weather::Storm => " --storm",
    }
}

fn replay(pipelines: &Pipelines, one: &Replay) -> ExitCode {
    let config = Config { trace: one.trace, ..config(one.seed, one.without, one.weather.weather(), one.weather.shape) };
    let outcome = run(pipelines, config);
    match &outcome.violation {
        None => println!("seed {}: no violation", one.seed),
        Some(violation) => println!("seed {}: {}: {}", one.seed, violation.kind, violation.detail),
    }
    for (name, value) in outcome.figures.pairs().into_iter().filter(|(_, value)| *value > 0) {
        println!("{name:<24} {value}");
    }
    if outcome.violation.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lift_each(pipelines: &Pipelines, mutants: &Mutants) -> ExitCode {
    let rules = if mutants.only.is_empty() { Rule::ALL } else { &mutants.only };
    println!("{:<26} {:<6} {:>7} {:>6} {:>6}  violations", "without", "rule", "first", "runs", "caught");
    let mut figures = Map::new();
    let mut blind = 0;
    for rule in rules {
        let stop = !mutants.count;
        let sum = sweep(pipelines, 1..mutants.seeds + 1, mutants.jobs, stop, |seed| {
            config(seed, Some(*rule), Weather::Mixed, mutants.shape)
        });
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for violation in sum.violations.values() {
            *kinds.entry(violation.kind).or_default() += 1;
        }
        let first = sum.violations.keys().next().copied();
        blind += u64::from(first.is_none());
        let shown = first.map_or("none".to_owned(), |seed| seed.to_string());
        let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
        println!(
            "{:<26} {:<6} {shown:>7} {:>6} {:>6}  {}",
            rule.name(),
            rule.number(),
            sum.runs,
            sum.violations.len(),
            kinds.join(", ")
        );
        figures.insert(format!("sim.mutant.{}.first_seed", rule.name()), first.map_or(Value::Null, Value::from));
    }
    figures.insert("sim.mutants".to_owned(), rules.len().into());
    figures.insert("sim.mutants_not_caught".to_owned(), blind.into());
    finish(mutants.figures.as_ref(), figures, blind == 0)
}

/// Writes the figures, and says how it ended.
fn finish(path: Option<&PathBuf>, figures: Map<String, Value>, good: bool) -> ExitCode {
    if let Some(path) = path
        && let Err(error) = std::fs::write(path, format!("{:#}\n", Value::Object(figures)))
    {
        eprintln!("cannot write the figures to {}: {error}", path.display());
        return ExitCode::from(2);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
