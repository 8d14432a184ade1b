//! What was found, beside what was there.
//!
//! A signal *explains itself* by a fault when its scope is the fault's, lies inside it or around it, and it fired between the
//! fault's start and [`AFTER`] behind its end. A fault is *found* by an alert or finding that explains itself by it and
//! speaks of the fault's metric (or shows its new message). An alert that explains itself by no fault is *false*.

use super::read::{Outputs, Signal};
use crate::demo::truth::{Fault, MINUTE, Scope, Truth};

/// How long behind the end of a fault signals may still come from it: the longest window of the demo, and a close.
pub const AFTER: i64 = 6 * MINUTE;

/// A fault beside what was found of it.
#[derive(Debug, Clone)]
pub struct Verdict<'a> {
    /// The fault.
    pub fault: &'a Fault,
    /// The first signal that finds it.
    pub by: Option<&'a Signal>,
    /// All that find it.
    pub signals: Vec<&'a Signal>,
}

impl Verdict<'_> {
    /// Event time from the fault's start to the first signal, in seconds.
    pub fn delay(&self) -> Option<f64> {
        self.by.map(|signal| (signal.at - self.fault.start) as f64 / 1e6)
    }
}

/// Findings beside the truth, for one tenant.
#[derive(Debug, Clone, Default)]
pub struct Score<'a> {
    /// The tenant's faults.
    pub verdicts: Vec<Verdict<'a>>,
    /// Alerts that no fault explains.
    pub false_alerts: Vec<&'a Signal>,
    /// Findings of detectors that no fault explains: worth a look, nobody was woken.
    pub other_findings: Vec<&'a Signal>,
}

impl<'a> Score<'a> {
    /// Compares a tenant's outputs with the truth.
    pub fn of(tenant: &str, truth: &'a Truth, outputs: &'a Outputs) -> Self {
        let faults: Vec<&Fault> = truth.faults.iter().filter(|fault| fault.tenant == tenant).collect();
        let verdict = |fault: &&'a Fault| {
            let signals: Vec<&Signal> = outputs.signals.iter().filter(|signal| finds(fault, signal)).collect();
            Verdict { fault, by: signals.first().copied(), signals }
        };
        let verdicts = faults.iter().map(verdict).collect();
        let unexplained = outputs.signals.iter().filter(|signal| !faults.iter().any(|fault| explains(fault, signal)));
        let (false_alerts, other_findings) = unexplained.partition(|signal| signal.is_alert);
        Self { verdicts, false_alerts, other_findings }
    }

    /// Faults that were found.
    pub fn found(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.by.is_some()).count()
    }
}

/// True when every name of one has the same value in the other: it lies around it.
fn is_around(outer: &Scope, inner: &Scope) -> bool {
    outer.iter().all(|(name, value)| inner.get(name) == Some(value))
}

/// True when one scope is the other, or lies inside it.
pub fn is_related(left: &Scope, right: &Scope) -> bool {
    is_around(left, right) || is_around(right, left)
}

/// True when a signal may come from a fault.
pub fn explains(fault: &Fault, signal: &Signal) -> bool {
    let is_in_time = (fault.start..=fault.end + AFTER).contains(&signal.at);
    is_in_time && std::iter::once(&fault.scope).chain(&fault.also).any(|scope| is_related(scope, &signal.scope))
}

/// True when a signal finds a fault: it is about the fault's own scope, and about what the fault changes.
fn finds(fault: &Fault, signal: &Signal) -> bool {
    let shows =
        |phrase: &String| !signal.is_alert && signal.name == "new_template" && signal.summary.contains(phrase.as_str());
    let fits = signal.speaks_of(&fault.metric) || fault.phrase.as_ref().is_some_and(shows);
    fits && is_related(&fault.scope, &signal.scope) && explains(fault, signal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::truth::{FaultKind, scope};

    fn fault() -> Fault {
        Fault {
            kind: FaultKind::RegimeShift,
            tenant: "acme".to_owned(),
            scope: scope(&[("service", "cart"), ("region", "eu")]),
            also: vec![scope(&[("service", "frontend"), ("region", "eu")])],
            metric: "latency_ms".to_owned(),
            start: 10 * MINUTE,
            end: 14 * MINUTE,
            phrase: None,
            strength: 2.0,
            text: String::new(),
        }
    }

    fn alert(pairs: &[(&str, &str)], minute: i64) -> Signal {
        Signal {
            is_alert: true,
            name: "slow".to_owned(),
            severity: "page".to_owned(),
            scope: scope(pairs),
            at: minute * MINUTE,
            until: None,
            inhibited: false,
            summary: String::new(),
            explanation: String::new(),
            metric: String::new(),
            numbers: vec![("usual.p90(latency_ms)".to_owned(), "1".to_owned())],
        }
    }

    #[test]
    fn scopes_match_by_containment() {
        let (cart, eu, both) = (scope(&[("service", "cart")]), scope(&[("region", "eu")]), fault().scope);
        assert!(is_related(&cart, &both) && is_related(&both, &cart) && is_related(&both, &both));
        assert!(is_related(&Scope::new(), &both), "what is about everything is about this too");
        assert!(!is_related(&cart, &eu), "neither lies inside the other");
        assert!(!is_related(&scope(&[("service", "cart"), ("region", "us")]), &both));
    }

    #[test]
    fn time_counts_from_the_start_to_some_minutes_behind_the_end() {
        let at = |minute| explains(&fault(), &alert(&[("service", "cart")], minute));
        assert_eq!([9, 10, 14, 20, 21].map(at), [false, true, true, true, false]);
    }

    #[test]
    fn callers_explain_alerts_but_do_not_find_the_fault() {
        let felt = alert(&[("service", "frontend"), ("region", "eu")], 12);
        assert!(explains(&fault(), &felt) && !finds(&fault(), &felt));
        let other =
            Signal { numbers: vec![("usual.calls".to_owned(), "1".to_owned())], ..alert(&[("service", "cart")], 12) };
        assert!(explains(&fault(), &other) && !finds(&fault(), &other), "a metric that the fault does not change");
    }

    #[test]
    fn a_score_counts_found_missed_and_false() {
        let truth = Truth { seed: 1, start: 0, end: 30 * MINUTE, faults: vec![fault()] };
        let signals = vec![
            alert(&[("service", "cart"), ("region", "us")], 12),
            alert(&[("service", "cart"), ("region", "eu"), ("host", "cart-eu-1")], 13),
        ];
        let outputs = Outputs { signals, ..Outputs::default() };
        let score = Score::of("acme", &truth, &outputs);
        assert_eq!((score.found(), score.false_alerts.len()), (1, 1));
        assert_eq!(score.verdicts[0].delay(), Some(180.0));
        let quiet = Score::of("globex", &truth, &outputs);
        assert_eq!((quiet.verdicts.len(), quiet.false_alerts.len()), (0, 2), "another tenant's faults explain nothing");
        let missed = Outputs { signals: outputs.signals[..1].to_vec(), ..Outputs::default() };
        assert_eq!(Score::of("acme", &truth, &missed).found(), 0);
    }
}
