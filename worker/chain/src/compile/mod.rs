//! Compilation: resources in, a program or findings out.

// `pub mod program;` stands here as soon as the rooms that it names, `expr` and `parse::program`, do.
pub mod shape;
