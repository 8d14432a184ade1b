//! template: which kind of line a line is.
//!
//! Free-text lines of one kind differ in their values only. The miner finds the kinds while the
//! lines pass, and gives each line the id of its *template*, the text with `<*>` for the values.
//!
//! ```text
//!  line ─► user's masks ─► built-in masks ─► grouping ─► id, count
//!          (rules)         (scan, form)      (words, or Drain's tree)
//! ```
//!
//! *Ids.* A template's id is the hash of the masked line that made it, and it stays while the
//! template becomes more general. Two miners that have seen the same lines agree on everything; two that
//! have seen different lines agree on every template whose variables all have the form of a value,
//! and may disagree on one that was generalised from words, whose text is then the same. When
//! templates merge, the oldest id goes on and the others are reported once ([`Fate::MergedInto`]).
//!
//! *Counts* are exact over all lines. A template that must make room is reported with its count
//! ([`Fate::Evicted`]); if its lines come again it is new again, under the same id. The live
//! counts and the evicted counts always add up to the lines ([`Totals`]).
//!
//! *Bounds.* Live templates, bytes and tokens per line ([`Limits`]). The template that makes room is
//! the one whose last line is oldest in the stream.
//!
//! A miner is a pure fold: the same lines give the same state, byte for byte, however they were cut into
//! batches. It never fails on a line, whatever bytes that holds.

mod codec;
mod form;
mod keys;
mod miner;
mod rules;
mod scan;
mod store;
mod tree;
mod variable;
mod words;

#[cfg(test)]
mod tests;

pub use miner::{Fate, Match, Miner, Retired, Totals};
pub use rules::{Grouping, Limits, Mask, Rules, RulesError, Settings};
pub use scan::WILDCARD;
pub use store::{Template, TemplateId};
pub use variable::{Kind, Variable};
