//! The `logloom` program as a library: commands, local input and output, reports.
//!
//! `cli/` has one file per command. `local/` is the edge of local mode. The chain itself is [`logloom_chain`].

pub mod bench;
pub mod cli;
pub mod demo;
#[cfg(test)]
mod docs_test;
pub mod explain;
pub mod local;
pub mod loghub;
pub mod report;
pub mod resources;
pub mod test_run;
