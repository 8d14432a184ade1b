//! The program of a pipeline: what `compile` makes of the resources and what the stages run.
//!
//! Every name is resolved to an index, every expression is compiled, every duration is a number.
//! A program is immutable and shared; state never points into it except by index.
//!
//! Dimensions, levels, metrics and windows are numbered in the order of the resources. A *level* is one
//! entry of `scopes` (a list of dimensions); a *scope* is a level with a value for each dimension.

use super::definition::Definition;
pub use super::shape::*;
use crate::parse::program::ParseProgram;
use crate::parse::template;
use crate::row::Column;
use crate::time::Span;
use regex::bytes::RegexSet;
use std::sync::Arc;

/// The semantic version of the chain: raised when any golden output changes (rule R8).
pub const LOGIC_VERSION: u32 = 1;

/// A pipeline, compiled.
#[derive(Debug, Clone)]
pub struct Program {
    /// What windows hold and rules say: all that the stages behind the panes run.
    pub definition: Arc<Definition>,
    /// Hash of the definition and [`LOGIC_VERSION`]; state of another generation is never loaded.
    pub generation: u64,
    /// Sources in the order of `spec.sources`.
    pub sources: Vec<Source>,
    /// How events of several sources come together.
    pub join: Option<Join>,
    /// Ingest folds the panes itself, and its panes link needs no `joins` hop (rule R25).
    ///
    /// So it is for a pipeline with windows that are all made of panes and in which nothing has to be brought together
    /// first. What needs the hop, because it wants one log per key or all upstreams in one order:
    ///
    /// - a join;
    /// - a session or count window: its events are put in order over all sources;
    /// - content dedupe: a repeat may come from another partition;
    /// - multi-line events: they are assembled behind the joins link (R6), so in ingest there is never an open
    ///   assembly to hold time for;
    /// - augmentation: an event takes along what windows of all sources closed with.
    ///
    /// Live scopes are then bounded per source partition, and a row is late by its own source's watermark.
    pub panes_in_ingest: bool,
}

/// Removal of lines that were shipped twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dedupe {
    /// How long, in event time, a line is remembered.
    pub window: Span,
    /// Column of the host that wrote the line; without, the source partition stands for it.
    pub host: Option<Column>,
}

/// Template mining of one source.
#[derive(Debug, Clone)]
pub struct Mining {
    /// The column whose text is mined.
    pub column: Column,
    /// The miner's settings.
    pub rules: Arc<template::Rules>,
    /// Texts that are not mined.
    pub exclude: RegexSet,
}

/// One source.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in the pipeline.
    pub name: String,
    /// Its manifest, compiled.
    pub parse: Arc<ParseProgram>,
    /// Allowed disorder D of rule R3.
    pub disorder: Span,
    /// Whether an idle partition may advance time by a log-end claim (`idle: claim`) or holds it (`hold`).
    pub claims: bool,
    /// Content dedupe, if wanted.
    pub dedupe: Option<Dedupe>,
    /// Template mining, if its manifest asks for it.
    pub mining: Option<Mining>,
    /// What its rows contribute to windows when they are observed on their own (no join, or assemble).
    pub observe: Observation,
}
