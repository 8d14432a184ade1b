//! The parts of a program that do not know how a line is parsed: indices, levels, metrics, windows, rules, bounds.
//!
//! `program` gives them all again; the rooms behind `parse` need nothing else.

use crate::expr::{Compiled, EnumNames, Type};
use crate::row::Column;
use crate::time::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Index of a source in `Program::sources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceIndex(pub u16);

/// Index of a level in `Program::levels`, coarse to fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LevelIndex(pub u8);

/// Index of a metric in `Program::metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricIndex(pub u16);

/// Index of a window in `Program::windows`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowIndex(pub u8);

/// A scope level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Indices into `Program::dimensions`, in the order of the resource.
    pub dimensions: Vec<u16>,
    /// The nearest coarser level (all of its dimensions are among ours), if any: where this
    /// level's scopes roll up to, and the parent that makes siblings of them.
    pub parent: Option<LevelIndex>,
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its name in expressions.
    pub name: String,
    /// What is kept of it.
    pub kind: MetricKind,
    /// Unit for people, may be empty.
    pub unit: String,
}

/// What is kept of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Count, sum, minimum, maximum and a quantile sketch of values.
    Distribution,
    /// A count of events.
    Counter,
    /// A sketch of distinct members.
    Distinct,
    /// A quotient of two others when a window closes; nothing is kept. `None` is the event count.
    Ratio {
        /// Dividend.
        of: MetricIndex,
        /// Divisor.
        over: Option<MetricIndex>,
    },
    /// Another metric's count per second of the window; nothing is kept. `None` is the event count.
    Rate {
        /// What is counted.
        of: Option<MetricIndex>,
    },
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its name in the pipeline.
    pub name: String,
    /// Its shape.
    pub kind: WindowKind,
    /// How long after its end events still correct it.
    pub lateness: Span,
    /// The levels it is kept for.
    pub levels: Vec<LevelIndex>,
}

/// The shape of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// Slots of `size`, aligned to the epoch.
    Tumbling {
        /// Length.
        size: Span,
    },
    /// Windows of `size` that end at every multiple of `slide`.
    Sliding {
        /// Length, a multiple of `slide`.
        size: Span,
        /// Distance of ends.
        slide: Span,
    },
    /// Events of a scope that are less than `gap` apart, cut at `max_length`.
    Session {
        /// Silence that ends it.
        gap: Span,
        /// Greatest length.
        max_length: Span,
    },
    /// The last `size` events of a scope, at every `slide`-th event, in order of (time, id).
    Count {
        /// Events in a window.
        size: u32,
        /// Events between two windows.
        slide: u32,
    },
}

/// Where dimensions and metrics stand in a row. For inner, left and outer joins the row is the rows
/// of the two streams side by side.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// Per entry of `Program::dimensions`: its column, if the row has it.
    pub dimensions: Vec<Option<Column>>,
    /// Per entry of `Program::metrics`: how the row feeds it, if it does.
    pub metrics: Vec<Option<MetricInput>>,
    /// Per entry of `Program::dimensions`: the names of the values where the column is an enum; may be
    /// shorter than the list of dimensions.
    pub names: Vec<Option<Arc<EnumNames>>>,
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
    /// Assemble: bound of the bytes of one group.
    pub group_bytes: u64,
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

impl WindowInput {
    /// The type of the cell that it becomes: what an environment declares for it. Whole numbers are counts; a mean of
    /// counts is not whole.
    pub fn kind(&self) -> Type {
        match self {
            Self::Dimension(_) => Type::String,
            Self::Aggregate { of: Reference::Usual, .. } => Type::Float,
            Self::Aggregate { value, .. } => value.kind(),
            Self::RegimeShifted(_) | Self::Anomalous(_) => Type::Bool,
            Self::RegimeDistance(_) | Self::BaselineRatio(_) => Type::Float,
        }
    }
}

impl Aggregate {
    /// The type of its value.
    pub fn kind(&self) -> Type {
        match self {
            Self::Count | Self::MetricCount(_) | Self::Distinct(_) => Type::Int,
            _ => Type::Float,
        }
    }
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
    /// Dimensions that make an incident (indices into `Program::dimensions`).
    pub group_by: Vec<u16>,
    /// Rules (indices into `Program::alerts`) that silence this one while they fire for a scope
    /// that agrees in all dimensions both have.
    pub inhibited_by: Vec<u16>,
    /// Text for people, with a `{…}` for each of `summary_values`.
    pub summary: String,
    /// What stands for the `{…}` of the summary, in order.
    pub summary_values: Vec<WindowExpression>,
    /// Where to read on.
    pub runbook: String,
    /// Labels that go along.
    pub labels: BTreeMap<String, String>,
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Look in working hours.
    Warning,
    /// Look soon.
    Critical,
    /// Wakes a person.
    Page,
}
