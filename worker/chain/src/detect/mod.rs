//! Detectors: what changed, and who differs.
//!
//! Pure statistics on [`DdSketch`](crate::sketch::DdSketch)es. This room knows neither windows nor
//! rules; the stage gives it sketches and gets numbers back. Every finding carries the numbers that
//! made it.
//!
//! ```text
//!  closed window ─► Regime::fold ─────► Shift      this scope is not what it was
//!  siblings ──────► baseline::find ───► Common     this scope is not as the others are
//!  n, effect ─────► power ────────────► report here, or at the parent
//! ```
//!
//! It must never use a float function of the platform (`f64::ln` and the like differ in the last bit
//! from one system to the next, and a decision may hang on it): `libm` is the same everywhere. Square
//! roots are exact by the standard and may be used.

pub mod baseline;
pub mod ks;
pub mod power;
pub mod regime;
pub mod stats;

/// Where a sample lies, compared with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Its values are greater.
    Above,
    /// Its values are less.
    Below,
}

/// `value / base`, where that says how much: both of one sign and neither zero.
pub fn ratio(value: f64, base: f64) -> Option<f64> {
    let ratio = value / base;
    (ratio > 0.0 && ratio.is_finite()).then_some(ratio)
}
