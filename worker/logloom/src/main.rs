//! The `logloom` program.

fn main() {}
