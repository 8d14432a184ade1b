//! Compilation: resources in, a program or findings out.

pub mod program;
