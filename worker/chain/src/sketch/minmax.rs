//! Exact extremes of a multiset of floats.

use super::Taken;
use crate::wire::{Reader, Snapshot, WireError, Writer};

/// The least and the greatest value. The order is total: -0.0 is less than 0.0, so that the saved
/// bytes do not depend on which of them came first.
#[derive(Debug, Clone, Copy)]
pub struct MinMax {
    // Empty is the crossed pair (+inf, -inf); infinities are not taken as values.
    min: f64,
    max: f64,
}

impl MinMax {
    /// The extremes of nothing.
    pub const EMPTY: MinMax = MinMax { min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// Takes in a value; not finite is [`Taken::Rejected`].
    #[inline]
    pub fn add(&mut self, value: f64) -> Taken {
        if !value.is_finite() {
            return Taken::Rejected;
        }
        self.take(value, value);
        Taken::Whole
    }

    /// Takes in the extremes of `other`.
    #[inline]
    pub fn merge(&mut self, other: &MinMax) {
        self.take(other.min, other.max);
    }

    #[inline]
    fn take(&mut self, min: f64, max: f64) {
        if min.total_cmp(&self.min).is_lt() {
            self.min = min;
        }
        if max.total_cmp(&self.max).is_gt() {
            self.max = max;
        }
    }

    /// The least value; `None` of nothing.
    pub fn min(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.min)
    }

    /// The greatest value; `None` of nothing.
    pub fn max(&self) -> Option<f64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// True when no value was taken.
    pub fn is_empty(&self) -> bool {
        self.min > self.max
    }
}

impl Default for MinMax {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl PartialEq for MinMax {
    fn eq(&self, other: &Self) -> bool {
        self.min.to_bits() == other.min.to_bits() && self.max.to_bits() == other.max.to_bits()
    }
}

impl Eq for MinMax {}

impl Snapshot for MinMax {
    fn save(&self, out: &mut Writer) {
        out.bool(!self.is_empty());
        if !self.is_empty() {
            out.f64(self.min);
            out.f64(self.max);
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        if !input.bool()? {
            return Ok(Self::EMPTY);
        }
        let (min, max) = (input.f64()?, input.f64()?);
        if min.is_finite() && max.is_finite() && min.total_cmp(&max).is_le() {
            return Ok(Self { min, max });
        }
        Err(input.invalid("pair of extremes", min.to_bits()))
    }
}
