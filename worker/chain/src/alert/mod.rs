//! alert: when a rule fires for a scope, why, and what belongs together.
//!
//! ```text
//!  ANALYZE, per (rule, scope)                        ALERT, one task
//!  close ─► true / not / cannot tell                 changes, in order of (end, rule, scope)
//!            └► state: pending ─► firing ─► resolved ──► incident ─► inhibition ─► alerts
//!                      explanation, numbers
//! ```
//!
//! | room | what it holds |
//! |---|---|
//! | [`state`] | the state machine of one rule and scope |
//! | [`explain`] | the sentence with the numbers |
//! | [`record`] | what travels, and what goes out |
//! | [`incident`] | grouping, inhibition |
//!
//! A correction of a closed window never changes the state of an alert: what has fired stays, what has not fired waits
//! for the next close. Corrections go out as aggregates.

pub mod explain;
pub mod incident;
pub mod record;
pub mod state;

pub use record::{AlertChange, AlertRecord, IncidentRecord};
pub use state::{AlertState, Policy, Resolution, Step, Truth};
