//! window: panes in correlate, windows in analyze.
//!
//! Correlate (or ingest, where there is nothing to bring together first) keeps partial windows, *panes*, per scope, and sends those instead of events; analyze puts
//! panes together to windows and closes them when event time has passed their end.
//!
//! ```text
//!  CORRELATE                                    panes link               ANALYZE
//!  row ─► PaneTable ──flush at watermark──► one partition per cohort ─► slices ─close at watermark─► windows
//!          finest level only,                 (scope, start, value)       │ sessions, counts
//!          coarser ones at the flush          samples                     └ late: correction, revision + 1
//! ```
//!
//! | room | what it holds |
//! |---|---|
//! | [`scope`] | keys of scopes, numbers for the live ones |
//! | [`value`] | what is counted of a scope in a span of time |
//! | [`plan`] | what of a program the panes need |
//! | [`pane`] | the open panes of a correlate task |
//! | `intake` | how rows come into them |
//! | `provisional` | the pane table in ingest: what a claim relies on (R25) |
//! | [`standing`] | those, as analyze keeps them until the final comes |
//! | `observe` | from a typed row to dimensions and measures |
//! | [`records`] | what travels on the panes link |
//!
//! Nothing here may depend on the order of arrival of events within the watermark, on the order of a hash table,
//! or on the memory in use. Every bound is a number of things that the fold has counted (rules R7, R18).

pub mod classes;
mod columns;
mod count;
mod intake;
mod observe;
pub mod pane;
mod pane_state;
pub mod plan;
mod provisional;
pub mod records;
pub mod samples;
pub mod scope;
mod session;
pub mod spans;
pub mod standing;
pub mod store;
pub mod value;

pub use observe::row_key;
pub use pane::{Observed, PaneCounts, PaneTable, Placed};
pub use plan::{PanePlan, PaneSettings};
pub use provisional::Provisionals;
pub use records::PaneSink;

#[cfg(test)]
mod tests;
