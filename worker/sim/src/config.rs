//! What a run is given, and the scales of simulated time.

use crate::program::Pipeline;
use logloom_chain::log::{Rule, Rules};

/// Simulated time, microseconds since the Unix epoch.
pub type Time = i64;

/// One millisecond of simulated time.
pub const MS: Time = 1_000;
/// One second.
pub const SECOND: Time = 1_000 * MS;
/// When every run begins: a multiple of all window lengths.
pub const BEGIN: Time = 1_700_000_000 * SECOND;
/// Never.
pub const NEVER: Time = Time::MAX / 4;

/// How often faults strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weather {
    /// No faults at all.
    Calm,
    /// A fault now and then.
    #[default]
    Mixed,
    /// Many.
    Storm,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Decides everything.
    pub seed: u64,
    /// Rules in force.
    pub rules: Rules,
    /// How often faults strike.
    pub weather: Weather,
    /// Which pipeline; none: the seed draws.
    pub pipeline: Option<Pipeline>,
    /// Print what happens.
    pub trace: bool,
}

impl Config {
    /// A run with all rules.
    pub fn new(seed: u64) -> Self {
        Self { seed, rules: Rules::ALL, weather: Weather::Mixed, pipeline: None, trace: false }
    }

    /// The same without a rule. Rules that protect each other from inside are lifted together: with repair by request a
    /// lost prefix heals, so the rules of coverage show only without it (R9 and R13+R14 are two lines of defence).
    #[must_use]
    pub fn without(mut self, rule: Rule) -> Self {
        self.rules = self.rules.without(rule);
        if matches!(rule, Rule::Coverage | Rule::CoverageContiguous | Rule::ResendInOrder | Rule::ResendAcked) {
            self.rules = self.rules.without(Rule::Repair);
        }
        if rule.number() == "R25" {
            self.pipeline.get_or_insert(Pipeline::Ingest);
        }
        if rule == Rule::Fingerprint {
            self.rules = self.rules.without(Rule::LogIsAppendOnly);
        }
        self
    }
}
