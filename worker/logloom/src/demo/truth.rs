//! The faults that the demo puts into its logs: what the report is measured against.
//!
//! The pipelines never see this. A fault stands in event time; all faults begin when detectors have had time to learn what
//! is usual, and their places and sizes differ from seed to seed.

use super::random::Random;
use super::shop::{NEW_PHRASE, REGIONS, callers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first instant of the demo: 2026-01-15T09:00:00Z, in microseconds.
pub const START: i64 = 1_768_467_600_000_000;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60_000_000;
/// Fewest minutes of a demo: below, faults would begin before anything is usual.
pub const LEAST_MINUTES: u32 = 18;

/// Names and values of a scope.
pub type Scope = BTreeMap<String, String>;

/// What kind of thing goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// One service of one region becomes slower.
    RegimeShift,
    /// Many errors, with a message that was never seen before.
    ErrorBurst,
    /// A service becomes slow, and with it those that call it.
    SlowDependency,
    /// A region loses traffic.
    TrafficDip,
    /// One host is slower than its siblings.
    BadHost,
}

impl FaultKind {
    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Self::RegimeShift => "latency regime shift",
            Self::ErrorBurst => "error burst with a new template",
            Self::SlowDependency => "slow dependency",
            Self::TrafficDip => "traffic dip",
            Self::BadHost => "lone bad host",
        }
    }
}

/// A fault that was put in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind.
    pub kind: FaultKind,
    /// Whose logs.
    pub tenant: String,
    /// Where.
    pub scope: Scope,
    /// Who else feels it: those that call it.
    pub also: Vec<Scope>,
    /// The metric that shows it: only what speaks of it counts as finding the fault.
    pub metric: String,
    /// Its first instant, in microseconds since 1970.
    pub start: i64,
    /// Its end, exclusive.
    pub end: i64,
    /// Words of the log message that the fault brings, when it brings one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phrase: Option<String>,
    /// How strong: a factor of latency or of traffic, or a share of calls that fail.
    pub strength: f64,
    /// A sentence.
    pub text: String,
}

/// All faults of a demo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The seed.
    pub seed: u64,
    /// First instant of the logs, in microseconds since 1970.
    pub start: i64,
    /// End of the logs, exclusive.
    pub end: i64,
    /// The faults, by start.
    pub faults: Vec<Fault>,
}

/// A scope of names and values.
pub fn scope(pairs: &[(&str, &str)]) -> Scope {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A scope for people.
pub fn scope_text(scope: &Scope) -> String {
    match scope.is_empty() {
        true => "everything".to_owned(),
        false => scope.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", "),
    }
}

/// Draws the faults of a seed. Spans are shares of the whole time, a little moved.
pub fn plan(seed: u64, minutes: u32) -> Truth {
    let mut random = Random::new(seed, 1);
    let total = i64::from(minutes) * MINUTE;
    // A region each, so that what one fault does cannot be taken for another's work.
    let mut regions = REGIONS.map(|region| region.name);
    for place in (1..regions.len()).rev() {
        regions.swap(place, random.below(place + 1));
    }
    let [one, two, three] = regions;
    let mut span = |from: f64, to: f64| {
        let moved = (random.between(-20.0, 20.0) * 1e6) as i64;
        let at = |share: f64| START + (share * total as f64) as i64 + moved;
        (at(from), at(to))
    };
    let spans = [span(0.35, 0.55), span(0.44, 0.54), span(0.625, 0.755), span(0.65, 0.9), span(0.80, 0.925)];
    let draws = [
        FaultKind::RegimeShift,
        FaultKind::ErrorBurst,
        FaultKind::SlowDependency,
        FaultKind::BadHost,
        FaultKind::TrafficDip,
    ];
    // Two digits: a file that holds the truth gives back the same number.
    let strength = |random: &mut Random, low: f64, high: f64| (random.between(low, high) * 100.0).round() / 100.0;
    let faults = draws.into_iter().zip(spans).map(|(kind, span)| match kind {
        FaultKind::RegimeShift => {
            regime_shift(span, ["search", "cart"][random.below(2)], one, strength(&mut random, 1.7, 2.2))
        }
        FaultKind::ErrorBurst => {
            error_burst(span, ["cart", "search"][random.below(2)], two, strength(&mut random, 0.12, 0.2))
        }
        FaultKind::SlowDependency => slow_dependency(span, "payment", strength(&mut random, 3.5, 5.0)),
        FaultKind::BadHost => {
            let host = 1 + random.below(3);
            bad_host(span, ["search", "cart"][random.below(2)], two, host, strength(&mut random, 2.2, 3.0))
        }
        FaultKind::TrafficDip => traffic_dip(span, three, strength(&mut random, 0.25, 0.4)),
    });
    Truth { seed, start: START, end: START + total, faults: faults.collect() }
}

fn fault(kind: FaultKind, (start, end): (i64, i64), scope: Scope, metric: &str, strength: f64, text: String) -> Fault {
    let region = scope.get("region").map(String::as_str);
    let with_region = |service: &&'static str| {
        let mut pairs = vec![("service", *service)];
        pairs.extend(region.map(|region| ("region", region)));
        self::scope(&pairs)
    };
    let of = scope.get("service").map(String::as_str).unwrap_or_default();
    let is_felt = metric == "latency_ms";
    let also = callers(of).iter().filter(|_| is_felt).map(with_region).collect();
    let phrase = (kind == FaultKind::ErrorBurst).then(|| NEW_PHRASE.to_owned());
    Fault {
        kind,
        tenant: "acme".to_owned(),
        scope,
        also,
        metric: metric.to_owned(),
        start,
        end,
        phrase,
        strength,
        text,
    }
}

fn regime_shift(span: (i64, i64), service: &str, region: &str, factor: f64) -> Fault {
    let text = format!("{service} in {region} takes {factor:.1} times as long");
    fault(FaultKind::RegimeShift, span, scope(&[("service", service), ("region", region)]), "latency_ms", factor, text)
}

fn error_burst(span: (i64, i64), service: &str, region: &str, share: f64) -> Fault {
    let text = format!("{:.0} % of the calls of {service} in {region} fail with a message that is new", share * 100.0);
    fault(FaultKind::ErrorBurst, span, scope(&[("service", service), ("region", region)]), "errors", share, text)
}

fn slow_dependency(span: (i64, i64), service: &str, factor: f64) -> Fault {
    let callers = callers(service).join(" and ");
    let text = format!("{service} takes {factor:.1} times as long everywhere; {callers} wait for it");
    fault(FaultKind::SlowDependency, span, scope(&[("service", service)]), "latency_ms", factor, text)
}

fn bad_host(span: (i64, i64), service: &str, region: &str, number: usize, factor: f64) -> Fault {
    let host = format!("{service}-{region}-{number}");
    let text = format!("{host} alone takes {factor:.1} times as long");
    let scope = scope(&[("service", service), ("region", region), ("host", &host)]);
    fault(FaultKind::BadHost, span, scope, "latency_ms", factor, text)
}

fn traffic_dip(span: (i64, i64), region: &str, share: f64) -> Fault {
    let text = format!("{region} gets {:.0} % of its traffic", share * 100.0);
    fault(FaultKind::TrafficDip, span, scope(&[("region", region)]), "calls", share, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_begin_after_the_warm_up_and_end_before_the_logs_do() {
        for seed in 0..200 {
            let truth = plan(seed, LEAST_MINUTES);
            assert_eq!(truth.faults.len(), 5);
            for fault in &truth.faults {
                assert!(
                    fault.start - truth.start >= 5 * MINUTE + 30_000_000,
                    "seed {seed}: {} begins too early",
                    fault.text
                );
                assert!(fault.start < fault.end && fault.end < truth.end, "seed {seed}: {} ends too late", fault.text);
            }
        }
    }

    #[test]
    fn a_seed_is_a_plan() {
        assert_eq!(plan(7, 20), plan(7, 20));
        assert_ne!(plan(7, 20).faults, plan(8, 20).faults);
    }

    #[test]
    fn callers_feel_a_slow_callee() {
        let truth = plan(1, 20);
        let slow = truth.faults.iter().find(|fault| fault.kind == FaultKind::SlowDependency).unwrap();
        assert_eq!(slow.also, [scope(&[("service", "checkout")]), scope(&[("service", "frontend")])]);
    }
}
