//! The simulator: Logloom's own stages, driven through faults from one seed, with an oracle at the end.
//!
//! ```text
//!                        ┌──────────────────────────── world: time, queue, randomness ───────────────────────────┐
//!   sources ──lines──►   │  owners of ingest ──frames──► joins ──► owners of correlate ──► panes ──► … ──► sinks  │
//!   (holes, late, idle)  │     ▲    │  ▲     (lost, slow,  ▲                                                      │
//!                        │     │    ▼  │      twice, …)    └── requests for repair                                │
//!                        │     │  store of checkpoints (create-only; they rot, come late, or never)               │
//!                        │   faults: crashes, zombies, pauses, clocks, versions, trims, changes of generation     │
//!                        └───────────────────────────────────────────────────────────────────────────────────────┘
//!   oracle: refold of every log from its beginning = what receivers took; one undisturbed pass over the sources = the
//!           end of the chain; equal states at equal positions; ledger even; sinks exact; everything arrives
//! ```
//!
//! A run is a function of its seed: no clock, no threads, no hash order. Owners may do what the protocol allows them, drawn
//! from the seed; what they may not do is decided by the chain's code alone. Each rule of [`logloom_chain::log::Rules`]
//! can be lifted, and then some seed shows a violation; else the oracle is blind to that rule.
//!
//! The simulator must never correct the chain: it carries bytes, and compares.

pub mod config;
mod faults;
pub mod figures;
mod generations;
mod lanes;
mod oracle;
mod owner;
pub mod program;
mod rng;
mod source;
mod stage;
mod store;
mod topology;
pub mod world;

pub use config::{Config, Weather};
pub use figures::Figures;
pub use program::{Pipeline, Pipelines, Programs};
pub use world::{Outcome, Violation, run};
