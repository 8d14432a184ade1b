//! Local mode: files and standard input in, files out, no cluster and no broker.
//!
//! ```text
//!  input ─► feed ─► run (machine of the chain) ─► output
//!                    └─ checkpoint, ledger
//! ```
//!
//! This room holds the input and output of the local runner. What happens between them is the chain's
//! business ([`logloom_chain`]); the runner only decides when to read, when to save and when to stop.

pub mod checkpoint;
pub mod feed;
pub mod input;
pub mod ledger;
pub mod output;
pub mod resume;
pub mod run;

#[cfg(test)]
mod tests;
