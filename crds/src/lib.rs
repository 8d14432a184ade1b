//! The Logloom API: `Tenant`, `ParsingManifest` and `TenantPipeline`, group `logloom.io`, version
//! `v1alpha1`.
//!
//! What this crate is: the types with their bounds, the rules between fields (as CEL for the API
//! server and as code for everybody else, from one table), the reader that turns YAML text into
//! them with positions, and the generated CRDs and JSON schemas. What it must never do: decide what
//! a pipeline means (that is the chain's `compile`), or read files, clocks or networks.
//!
//! ```text
//! YAML text ─► read ─► Document (JSON value + positions) ─► typed ─► TenantPipeline
//!                 └───────────── findings (path, position, reason, remedy) ─────────┘
//! types ─► generate ─► crds/generated/*.yaml, *.schema.json, docs/src/reference/*.md
//! ```

// Several printer columns of one type: clippy takes their fields for one attribute given twice.
#![allow(clippy::duplicated_attributes)]

pub mod finding;
pub mod generate;
pub mod kind;
pub mod manifest;
pub mod path;
pub mod pipeline;
pub mod read;
mod reference;
pub mod rules;
mod shape;
pub mod status;
mod suggest;
pub mod tenant;
#[cfg(test)]
mod tests;
pub mod text;
pub mod units;

pub use finding::{Finding, Position, Reason};
pub use kind::{ApiKind, Kind};
pub use manifest::{ParsingManifest, ParsingManifestSpec, ParsingManifestStatus};
pub use pipeline::{TenantPipeline, TenantPipelineSpec, TenantPipelineStatus};
pub use tenant::{Tenant, TenantSpec, TenantStatus};
pub use units::{ByteSize, Duration, Quantity};

/// API group of every kind.
pub const GROUP: &str = "logloom.io";
/// API version of every kind.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of every resource.
pub const API_VERSION: &str = "logloom.io/v1alpha1";
