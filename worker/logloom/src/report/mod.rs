//! Reports on the output folder of a run: one HTML file that needs nothing else.
//!
//! ```text
//!  alerts, findings, aggregates, templates, deadletter .jsonl, ledger.json ─► read ─► page ─► report.html
//!                                              truth (only the demo has one) ─► score ──┘  └─ chart (SVG)
//! ```
//!
//! Everything that comes out of logs is escaped: templates by minijinja, charts by [`chart`]. The page loads nothing.

pub mod chart;
pub mod page;
pub mod panels;
pub mod read;
pub mod score;
