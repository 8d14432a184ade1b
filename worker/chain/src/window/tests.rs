//! Windows against a naive model, and the specifications of the parts.

mod pane;
mod scope;
pub(crate) mod world;
