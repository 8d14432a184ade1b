//! The chain: parse, join, window, detect, aggregate, alert, and the position log they stand on.
//!
//! This crate is pure. It has no clock, no randomness, no input or output, no threads, and nothing
//! that it emits or saves depends on the order of a hash map. Everything that runs Logloom (the local
//! runner, the Kafka worker, the simulator) drives the same [`stage`] functions.
//!
//! ```text
//!  line ─► parse ─┐            ┌► window (panes) ─► window (windows) ─► detect ─► aggregate ─► alert
//!                 └► join ─────┤
//!                              └► augmented events
//! ```

pub mod aggregate;
pub mod alert;
pub mod compile;
pub mod detect;
pub mod expr;
pub mod id;
pub mod join;
pub mod log;
pub mod parse;
pub mod row;
pub mod sketch;
pub mod stage;
pub mod time;
pub mod window;
pub mod wire;
