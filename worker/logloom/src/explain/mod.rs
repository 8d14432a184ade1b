//! explain: the chain of a pipeline as a picture.
//!
//! ```text
//!  Program + resources ─► Chart (blocks with facts, arrows) ─┬─► text, for people at 100 columns
//!                                                            ├─► mermaid
//!                                                            └─► dot
//! ```
//!
//! Numbers come from the compiled program, words (expressions, decode steps) from the resources it was made of. Nothing is
//! measured here and nothing runs.

mod build;
mod graph;
mod source;
mod stages;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use build::chart;
pub use graph::{dot, mermaid};
pub use text::text;

/// What is drawn of one pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// Tenant and pipeline.
    pub title: String,
    /// What the pipeline is for; may be empty.
    pub description: String,
    /// In the order in which a line goes through them.
    pub blocks: Vec<Block>,
    /// Who sends what to whom.
    pub arrows: Vec<Arrow>,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A source.
    Source,
    /// A stage.
    Stage,
    /// What leaves the chain.
    Outputs,
}

/// A part of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Unique in the chart; a word.
    pub id: String,
    /// What it is.
    pub room: Room,
    /// Its heading.
    pub title: String,
    /// What there is to know.
    pub facts: Vec<Fact>,
}

/// One thing to know of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// `key`, `state`, `window m1`.
    pub name: String,
    /// One or more sentences or lists.
    pub text: String,
}

/// Records that go from one block to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrow {
    /// Id of the sender.
    pub from: String,
    /// Id of the receiver.
    pub to: String,
    /// What goes.
    pub label: String,
}

impl Block {
    fn new(id: impl Into<String>, room: Room, title: impl Into<String>) -> Self {
        Self { id: id.into(), room, title: title.into(), facts: Vec::new() }
    }

    /// Adds a fact, unless there is nothing to say.
    fn fact(&mut self, name: impl Into<String>, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.facts.push(Fact { name: name.into(), text });
        }
    }
}
