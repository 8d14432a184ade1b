//! The parts of a program that hold no expression: indices, levels, metrics, windows, bounds.
//!
//! [`super::program`] gives them all again; the rooms that only count and merge need nothing else.

use crate::time::Span;

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

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Look in working hours.
    Warning,
    /// Wakes a person.
    Page,
}

/// Bounds of state; at a bound the stage does what rule R18 says and counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Live scopes of one task; beyond it new scopes fold into their parent.
    pub live_scopes: u32,
    /// Distinct templates of one source partition.
    pub templates: u32,
}
