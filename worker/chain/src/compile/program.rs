//! The program of a pipeline: what `compile` makes of the resources and what the stages run.
//!
//! Every name is resolved to an index, every expression is compiled, every duration is a number.
//! A program is immutable and shared; state never points into it except by index.
//!
//! Dimensions, levels, metrics and windows are numbered in the order of the resources. A *level* is one
//! entry of `scopes` (a list of dimensions); a *scope* is a level with a value for each dimension.

pub use super::shape::*;
use crate::expr::Compiled;
use crate::parse::program::ParseProgram;
use crate::row::Column;
use crate::time::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The semantic version of the chain: raised when any golden output changes (rule R8).
pub const LOGIC_VERSION: u32 = 1;

/// A pipeline, compiled.
#[derive(Debug, Clone)]
pub struct Program {
    /// Tenant name; part of every id.
    pub tenant: String,
    /// Pipeline name.
    pub pipeline: String,
    /// Hash of the definition and [`LOGIC_VERSION`]; state of another generation is never loaded.
    pub generation: u64,
    /// Sources in the order of `spec.sources`.
    pub sources: Vec<Source>,
    /// How events of several sources come together.
    pub join: Option<Join>,
    /// Names of all dimensions that levels use, each once.
    pub dimensions: Vec<String>,
    /// Scope levels, coarse to fine.
    pub levels: Vec<Level>,
    /// Metrics.
    pub metrics: Vec<Metric>,
    /// Windows.
    pub windows: Vec<Window>,
    /// Width of the panes that time windows are made of (greatest common divisor of sizes and
    /// slides); zero when there is no tumbling or sliding window.
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
    /// Bounds of state.
    pub limits: Limits,
}

/// One source.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in the pipeline.
    pub name: String,
    /// Its manifest, compiled.
    pub parse: Arc<ParseProgram>,
    /// Allowed disorder D of rule R3.
    pub disorder: Span,
    /// Whether an idle partition may advance time by a log-end claim (`idle: claim`) or holds it (`hold`).
    pub claims: bool,
    /// Content dedupe window, if wanted.
    pub dedupe: Option<Span>,
    /// What its rows contribute to windows when they are observed on their own (no join, or assemble).
    pub observe: Observation,
}

/// Where dimensions and metrics stand in a row. For inner, left and outer joins the row is the rows
/// of the two streams side by side.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// Per entry of [`Program::dimensions`]: its column, if the row has it.
    pub dimensions: Vec<Option<Column>>,
    /// Per entry of [`Program::metrics`]: how the row feeds it, if it does.
    pub metrics: Vec<Option<MetricInput>>,
}

/// How a row feeds a metric.
#[derive(Debug, Clone)]
pub enum MetricInput {
    /// A numeric column as it is (the usual case, without an expression).
    Column(Column),
    /// The value of an expression.
    Value(Compiled),
    /// One when the expression is true.
    CountWhere(Compiled),
    /// A member of a set, by the hash of its value.
    Distinct(Compiled),
}

/// A join.
#[derive(Debug, Clone)]
pub struct Join {
    /// What comes out.
    pub mode: JoinMode,
    /// Event-time bound. Inner, left, outer: greatest distance of two partners. Assemble: greatest
    /// distance of a member from the first one of its group.
    pub within: Span,
    /// Streams in the order of `spec.join.streams`; exactly two unless the mode is assemble.
    pub streams: Vec<JoinStream>,
    /// What joined rows contribute to windows (inner, left, outer), over the rows side by side.
    pub observe: Observation,
    /// Bound of members of one group or partners of one row.
    pub max_events: u32,
    /// Bound of buffered bytes of one task, logical (R18).
    pub max_bytes: u64,
    /// Whether partners that come after emission go out as updates.
    pub late_updates: bool,
    /// Assemble: a group is complete, before its time is up, once a member fulfils this, per stream.
    pub complete: Vec<Option<Compiled>>,
}

/// Which partners a join needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinMode {
    /// Pairs only.
    Inner,
    /// Pairs, and rows of the first stream without a partner.
    Left,
    /// Pairs, and rows of either stream without a partner.
    Outer,
    /// All events of the key as one.
    Assemble,
}

/// One stream of a join.
#[derive(Debug, Clone)]
pub struct JoinStream {
    /// The source.
    pub source: SourceIndex,
    /// The key's column in the source's rows.
    pub key: Column,
    /// Assemble: a group without an event of a required stream goes out marked incomplete.
    pub required: bool,
    /// Index of the stream's first column in rows side by side.
    pub offset: u16,
}

/// Closed window values that events take along.
#[derive(Debug, Clone)]
pub struct Augment {
    /// Name of the object in the event.
    pub name: String,
    /// Which window.
    pub window: WindowIndex,
    /// At which level; the event's own dimensions choose the scope.
    pub level: LevelIndex,
    /// Named values.
    pub values: Vec<(String, WindowExpression)>,
}

/// An expression over a closed window: `inputs[i]` is computed into cell `i` of a row, then the
/// expression reads that row.
#[derive(Debug, Clone)]
pub struct WindowExpression {
    /// The expression.
    pub expression: Compiled,
    /// What its cells are.
    pub inputs: Arc<Vec<WindowInput>>,
}

/// One value of a closed window that an expression reads.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowInput {
    /// A dimension of the scope, as text; null where the level does not have it.
    Dimension(u16),
    /// An aggregate of the window or of something that it is compared with.
    Aggregate {
        /// Of which window or group.
        of: Reference,
        /// Which aggregate.
        value: Aggregate,
    },
    /// True when the regime of this metric shifted at this close (`regime.shifted(m)`).
    RegimeShifted(MetricIndex),
    /// Distance of this window's distribution from the regime's, 0 to 1 (`regime.distance(m)`).
    RegimeDistance(MetricIndex),
    /// True when the scope is outside its siblings' common baseline (`baseline.anomalous(m)`).
    Anomalous(MetricIndex),
    /// The scope's quantile divided by the common baseline's (`baseline.ratio(m)`).
    BaselineRatio(MetricIndex),
}

/// Which values an aggregate is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reference {
    /// The window itself.
    Window,
    /// The window before it, same scope (`previous.`).
    Previous,
    /// An exponentially weighted mean of earlier closes, weight 0.1; null before five (`usual.`).
    Usual,
    /// The merged sketch of the siblings in the common baseline (`baseline.`).
    Baseline,
    /// The parent scope's window (`parent.`).
    Parent,
}

/// An aggregate of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// Events (`count`).
    Count,
    /// Events per second of the window (`rate`).
    Rate,
    /// Values of a distribution, or the count of a counter (`count(m)`, or a counter's bare name).
    MetricCount(MetricIndex),
    /// `sum(m)`
    Sum(MetricIndex),
    /// `avg(m)`
    Mean(MetricIndex),
    /// `min(m)`
    Min(MetricIndex),
    /// `max(m)`
    Max(MetricIndex),
    /// `p99(m)`, `quantile(m, 0.999)`
    Quantile(MetricIndex, f64),
    /// `distinct(m)`
    Distinct(MetricIndex),
    /// A ratio or rate metric's bare name.
    Derived(MetricIndex),
}

/// A regime shift detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Regime {
    /// The metric, a distribution.
    pub metric: MetricIndex,
    /// The windows that are compared, time windows only.
    pub windows: Vec<WindowIndex>,
    /// False alarm bound of one comparison.
    pub alpha: f64,
    /// Least KS distance that matters.
    pub min_effect: f64,
    /// Closes in a row that must agree.
    pub consecutive: u32,
}

/// A common baseline detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// The metric, a distribution.
    pub metric: MetricIndex,
    /// The window whose closes are compared.
    pub window: WindowIndex,
    /// The level whose scopes are compared with their siblings.
    pub level: LevelIndex,
    /// The quantile that is compared.
    pub quantile: f64,
    /// Confidence of each scope's interval, e.g. 0.84.
    pub confidence: f64,
    /// False discovery rate over the siblings.
    pub false_discovery: f64,
    /// Scopes with fewer values do not take part.
    pub min_samples: u64,
    /// Least ratio to the baseline that matters, e.g. 1.2.
    pub min_ratio: f64,
}

/// Dynamic scoping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DynamicScoping {
    /// The effect that must be detectable, as a factor (2.0 needs 300 samples).
    pub effect: f64,
}

/// An aggregation rule.
#[derive(Debug, Clone)]
pub struct AggregateRule {
    /// Its name.
    pub name: String,
    /// The level (the `by` list).
    pub level: LevelIndex,
    /// The window.
    pub window: WindowIndex,
    /// Threshold; absent is always.
    pub emit_when: Option<WindowExpression>,
    /// Named values; empty means count and every metric's usual aggregates.
    pub values: Vec<(String, WindowExpression)>,
}

/// An alert rule.
#[derive(Debug, Clone)]
pub struct AlertRule {
    /// Its name.
    pub name: String,
    /// Condition.
    pub when: WindowExpression,
    /// Condition to resolve; absent is "when is not true".
    pub resolve_when: Option<WindowExpression>,
    /// The window.
    pub window: WindowIndex,
    /// The level.
    pub level: LevelIndex,
    /// Closes in a row before it fires, at least 1.
    pub for_closes: u32,
    /// Closes in a row before it resolves, at least 1.
    pub resolve_after: u32,
    /// How urgent.
    pub severity: Severity,
    /// Dimensions that make an incident (indices into [`Program::dimensions`]).
    pub group_by: Vec<u16>,
    /// Rules (indices into [`Program::alerts`]) that silence this one while they fire for a scope
    /// that agrees in all dimensions both have.
    pub inhibited_by: Vec<u16>,
    /// Text for people.
    pub summary: String,
    /// Where to read on.
    pub runbook: String,
    /// Labels that go along.
    pub labels: BTreeMap<String, String>,
}

