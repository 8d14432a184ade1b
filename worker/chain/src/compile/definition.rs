//! The part of a program that the stages behind the panes run: everything but how lines are parsed and joined.

use super::shape::{
    Aggregate, AggregateRule, AlertRule, Augment, Baseline, DynamicScoping, Level, LevelIndex, Metric, MetricIndex,
    MetricKind, Reference, Regime, Window, WindowIndex, WindowInput,
};
use crate::id::IdBuilder;
use crate::time::Span;
use crate::window::scope::{Tag, values};
use std::borrow::Cow;

/// What analyze and alert run.
#[derive(Debug, Clone, Default)]
pub struct Definition {
    /// Tenant name; part of every id.
    pub tenant: String,
    /// Pipeline name.
    pub pipeline: String,
    /// Names of all dimensions that levels use, each once.
    pub dimensions: Vec<String>,
    /// Scope levels, coarse to fine.
    pub levels: Vec<Level>,
    /// Metrics.
    pub metrics: Vec<Metric>,
    /// Windows.
    pub windows: Vec<Window>,
    /// Width of the panes that time windows are made of (greatest common divisor of sizes and slides); zero when there is
    /// no tumbling or sliding window.
    pub pane: Span,
    /// Closed window values that events take along.
    pub augment: Vec<Augment>,
    /// Regime shift detectors.
    pub regimes: Vec<Regime>,
    /// Common baseline detectors.
    pub baselines: Vec<Baseline>,
    /// Scopes with too few samples report at their parent.
    pub dynamic_scoping: Option<DynamicScoping>,
    /// Aggregation rules.
    pub aggregates: Vec<AggregateRule>,
    /// Alert rules.
    pub alerts: Vec<AlertRule>,
    /// Names of sources.
    pub sources: Vec<String>,
    /// Bound of live scopes of one task.
    pub live_scopes: u32,
    /// Bound of distinct templates of one source partition.
    pub templates: u32,
}

impl Definition {
    /// A level of the program.
    pub fn level(&self, level: LevelIndex) -> Option<&Level> {
        self.levels.get(usize::from(level.0))
    }

    /// A window of the program.
    pub fn window(&self, window: WindowIndex) -> Option<&Window> {
        self.windows.get(usize::from(window.0))
    }

    /// A metric of the program.
    pub fn metric(&self, metric: MetricIndex) -> Option<&Metric> {
        self.metrics.get(usize::from(metric.0))
    }

    fn metric_name(&self, metric: MetricIndex) -> &str {
        self.metric(metric).map_or("?", |metric| metric.name.as_str())
    }

    /// The unit of a metric; empty when it has none.
    pub fn unit(&self, metric: MetricIndex) -> &str {
        self.metric(metric).map_or("", |metric| metric.unit.as_str())
    }

    /// The level whose dimensions a scope has values of; none for a cohort of the whole.
    pub fn level_of(&self, key: &[u8]) -> Option<LevelIndex> {
        match Tag::of(key) {
            Tag::Scope(level) => Some(level),
            Tag::Cohort(level) => self.level(level).and_then(|level| level.parent),
        }
    }

    /// Names and values of a scope's dimensions, in the order of its level.
    pub fn scope<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        let level = self.level_of(key);
        let dimensions = level.and_then(|level| self.level(level)).map_or(&[][..], |level| &level.dimensions);
        let names = dimensions.iter().map(|d| self.dimensions.get(usize::from(*d)).map_or("?", String::as_str));
        names.zip(values(key).map(text))
    }

    /// The dimension `index` of the program in a scope, if its level has it.
    pub fn dimension<'a>(&self, key: &'a [u8], index: u16) -> Option<Cow<'a, [u8]>> {
        let Tag::Scope(level) = Tag::of(key) else { return None };
        let place = self.level(level)?.dimensions.iter().position(|d| *d == index)?;
        values(key).nth(place)
    }

    /// A scope for people: `org=acme, service=cart`.
    pub fn scope_text(&self, key: &[u8]) -> String {
        let parts: Vec<String> = self.scope(key).map(|(name, value)| format!("{name}={value}")).collect();
        match parts.is_empty() {
            true => "everything".to_owned(),
            false => parts.join(", "),
        }
    }

    /// An id of this pipeline: `kind` and what follows make it; the scope goes in by names and values, so it does
    /// not depend on the order of levels.
    pub fn id(&self, kind: &str, rule: &str, key: &[u8]) -> IdBuilder {
        let mut id = self.id_of_rule(kind, rule);
        for (name, value) in self.scope(key) {
            id = id.str(name).str(&value);
        }
        id
    }

    /// What all ids of a kind and rule begin with.
    pub fn id_of_rule(&self, kind: &str, rule: &str) -> IdBuilder {
        IdBuilder::new(kind).str(&self.tenant).str(&self.pipeline).str(rule)
    }

    /// How an expression writes this input.
    pub fn input_name(&self, input: &WindowInput) -> String {
        match input {
            WindowInput::Dimension(index) => {
                self.dimensions.get(usize::from(*index)).cloned().unwrap_or_else(|| "?".to_owned())
            }
            WindowInput::Aggregate { of, value } => format!("{}{}", reference_name(*of), self.aggregate_name(*value)),
            WindowInput::RegimeShifted(metric) => format!("regime.shifted({})", self.metric_name(*metric)),
            WindowInput::RegimeDistance(metric) => format!("regime.distance({})", self.metric_name(*metric)),
            WindowInput::Anomalous(metric) => format!("baseline.anomalous({})", self.metric_name(*metric)),
            WindowInput::BaselineRatio(metric) => format!("baseline.ratio({})", self.metric_name(*metric)),
        }
    }

    /// How an expression writes this aggregate.
    pub fn aggregate_name(&self, aggregate: Aggregate) -> String {
        match aggregate {
            Aggregate::Count => "count".to_owned(),
            Aggregate::Rate => "rate".to_owned(),
            Aggregate::MetricCount(metric) => match self.metric(metric).map(|metric| metric.kind) {
                Some(MetricKind::Distribution) => format!("count({})", self.metric_name(metric)),
                _ => self.metric_name(metric).to_owned(),
            },
            Aggregate::Sum(metric) => format!("sum({})", self.metric_name(metric)),
            Aggregate::Mean(metric) => format!("avg({})", self.metric_name(metric)),
            Aggregate::Min(metric) => format!("min({})", self.metric_name(metric)),
            Aggregate::Max(metric) => format!("max({})", self.metric_name(metric)),
            Aggregate::Distinct(metric) => format!("distinct({})", self.metric_name(metric)),
            Aggregate::Derived(metric) => self.metric_name(metric).to_owned(),
            Aggregate::Quantile(metric, q) => match quantile_name(q) {
                Some(name) => format!("{name}({})", self.metric_name(metric)),
                None => format!("quantile({}, {q})", self.metric_name(metric)),
            },
        }
    }

    /// The unit of an aggregate's value.
    pub fn aggregate_unit(&self, aggregate: Aggregate) -> &str {
        match aggregate {
            Aggregate::Sum(metric)
            | Aggregate::Mean(metric)
            | Aggregate::Min(metric)
            | Aggregate::Max(metric)
            | Aggregate::Quantile(metric, _)
            | Aggregate::Derived(metric) => self.unit(metric),
            Aggregate::Rate => "/s",
            Aggregate::Count | Aggregate::MetricCount(_) | Aggregate::Distinct(_) => "",
        }
    }
}

/// `p50`, `p99`, `p999`: for quantiles of two or three digits.
pub fn quantile_name(q: f64) -> Option<String> {
    let hundredths = (q * 100.0).round();
    if (q - hundredths / 100.0).abs() < 1e-12 {
        return Some(format!("p{hundredths}"));
    }
    let thousandths = (q * 1000.0).round();
    ((q - thousandths / 1000.0).abs() < 1e-12).then(|| format!("p{thousandths:03}"))
}

fn reference_name(of: Reference) -> &'static str {
    match of {
        Reference::Window => "",
        Reference::Previous => "previous.",
        Reference::Usual => "usual.",
        Reference::Baseline => "baseline.",
        Reference::Parent => "parent.",
    }
}

/// Dimension values are text; what is not is shown with replacement characters.
fn text(value: Cow<'_, [u8]>) -> Cow<'_, str> {
    match value {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
