//! Benchmarks and scorers: each prints a table for people and writes the same figures as flat JSON.

pub mod chain;
mod cpu;
mod figures;
pub mod templates;

pub use cpu::CpuClock;
pub use figures::{Figures, FiguresError};
