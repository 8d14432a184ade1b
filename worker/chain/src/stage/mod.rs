//! The stages: the rooms wired into folds over the position log.
//!
//! ```text
//!  lines ─► ingest ─► correlate ─► analyze ─► alert ─► outlets
//! ```
//!
//! Every stage is a pure fold ([`crate::log::Stage`], [`crate::log::Ingest`]). [`plan`] says which tasks and links there
//! are; whoever runs them (the local runner, the Kafka worker, the simulator) carries frames between them.

pub mod alert;
pub mod analyze;
pub mod correlate;
pub mod events;
pub mod finding;
pub mod ingest;
pub mod insight;
pub mod joins;
pub mod json;
pub mod machine;
pub mod object;
pub mod plan;
mod templates;
