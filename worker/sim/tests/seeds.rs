//! The chain holds under faults, and the simulator can fail.

#![allow(clippy::unwrap_used, reason = "tests")]

use logloom_chain::log::Rule;
use logloom_sim::{Config, Outcome, Pipeline, Pipelines, Weather, run};

/// Runs seeds on two threads; gives back those with a violation.
fn failures(configs: Vec<Config>) -> Vec<(u64, String)> {
    let pipelines = Pipelines::compile().unwrap();
    let halves = configs.chunks(configs.len().div_ceil(2));
    std::thread::scope(|scope| {
        let pipelines = &pipelines;
        let half = |half: &[Config]| -> Vec<(u64, String)> {
            let failed = |config: &Config| {
                let violation = run(pipelines, *config).violation?;
                Some((config.seed, format!("{}: {}", violation.kind, violation.detail)))
            };
            half.iter().filter_map(failed).collect()
        };
        let threads: Vec<_> = halves.map(|chunk| scope.spawn(move || half(chunk))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn shown(failures: &[(u64, String)]) -> String {
    let line =
        |(seed, what): &(u64, String)| format!("seed {seed}: {what}\n  again: logloom-sim replay {seed} --trace\n");
    failures.iter().map(line).collect()
}

#[test]
fn two_thousand_seeds_show_no_violation() {
    let failed = failures((1..=2_000).map(Config::new).collect());
    assert!(failed.is_empty(), "{}", shown(&failed));
}

#[test]
fn neither_do_calm_runs_nor_storms() {
    let weathers = [Weather::Calm, Weather::Storm];
    let configs = (1..=60).flat_map(|seed| weathers.map(|weather| Config { weather, ..Config::new(seed) }));
    let failed = failures(configs.collect());
    assert!(failed.is_empty(), "{}", shown(&failed));
}

/// `logloom-sim mutants` does this for every rule.
#[test]
fn a_lifted_rule_is_seen() {
    let pipelines = Pipelines::compile().unwrap();
    for rule in [
        Rule::SubPositions,
        Rule::MarksFromRepeats,
        Rule::Coverage,
        Rule::EndByPosition,
        Rule::ObjectsIfAbsent,
        Rule::AssemblyHolds,
    ] {
        let caught = (1..=40).find(|seed| run(&pipelines, Config::new(*seed).without(rule)).violation.is_some());
        assert!(caught.is_some(), "40 seeds without {rule} look clean");
    }
}

/// Panes in ingest: each rule of provisionals (R25) has seeds that need it.
#[test]
fn a_lifted_rule_of_provisionals_is_seen() {
    let pipelines = Pipelines::compile().unwrap();
    for rule in Rule::ALL.iter().filter(|rule| rule.number() == "R25") {
        let caught = (1..=20).find(|seed| run(&pipelines, Config::new(*seed).without(*rule)).violation.is_some());
        assert!(caught.is_some(), "20 seeds without {rule} look clean");
    }
}

#[test]
fn both_pipelines_are_drawn() {
    let pipelines = Pipelines::compile().unwrap();
    let in_ingest = |seed: &u64| pipelines.choose(&Config::new(*seed)).pipeline == Pipeline::Ingest;
    let drawn = (1..=2_000).filter(in_ingest).count();
    assert!((500..=840).contains(&drawn), "{drawn} of 2,000 seeds have panes in ingest");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    let pipelines = Pipelines::compile().unwrap();
    for seed in [3, 17, 99] {
        let Outcome { violation, figures } = run(&pipelines, Config::new(seed));
        let again = run(&pipelines, Config::new(seed));
        assert_eq!((violation, figures), (again.violation, again.figures));
    }
}
