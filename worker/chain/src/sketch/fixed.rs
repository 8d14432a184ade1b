//! A sum of floats that does not depend on the order.
//!
//! Float addition rounds, so the order of adding shows in the last bits. Here each value is rounded
//! once, to a multiple of 2^-32, and the multiples are added as integers. The error is at most 2^-33
//! per value; whole numbers and binary fractions down to 2^-32 are exact.
//!
//! Range: a value is held within ±2^63 (9.2e18). The sum has 128 bits, so it is right as long as the
//! magnitudes of the values add up to less than 2^95 (4e28); beyond that it wraps, which is still free
//! of order.

use super::Taken;
use crate::wire::{Reader, Snapshot, WireError, Writer};

/// Units per one: 2^32.
const SCALE: f64 = 4_294_967_296.0;
/// Greatest magnitude of a scaled value: 2^95.
const LIMIT: f64 = (1u128 << 95) as f64;
/// Scaled values below this are rounded by [`ROUNDER`]: 2^51.
const SMALL: f64 = (1u64 << 51) as f64;
/// 1.5 * 2^52. Between 2^52 and 2^53 floats are whole numbers, so adding this rounds to the nearest
/// one, ties to even, and subtracting it again is exact.
const ROUNDER: f64 = (3u64 << 51) as f64;

/// An exact sum in units of 2^-32. 16 bytes, aligned to 8 (an `i128` would need 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FixedSum {
    low: u64,
    high: i64,
}

impl FixedSum {
    /// The sum of nothing.
    pub const ZERO: FixedSum = FixedSum { low: 0, high: 0 };

    /// Adds a value. Beyond ±2^63 it is [`Taken::Clamped`]; not finite, [`Taken::Rejected`].
    #[inline]
    pub fn add(&mut self, value: f64) -> Taken {
        let scaled = value * SCALE;
        if scaled.abs() < SMALL {
            let units = ((scaled + ROUNDER) - ROUNDER) as i64;
            self.add_parts(units as u64, units >> 63);
            return Taken::Whole;
        }
        self.add_wide(value, scaled)
    }

    #[cold]
    fn add_wide(&mut self, value: f64, scaled: f64) -> Taken {
        if !value.is_finite() {
            return Taken::Rejected;
        }
        let held = scaled.clamp(-LIMIT, LIMIT).round_ties_even();
        self.add_units(held as i128);
        if scaled.abs() > LIMIT { Taken::Clamped } else { Taken::Whole }
    }

    /// Adds all of `other`.
    #[inline]
    pub fn merge(&mut self, other: &FixedSum) {
        self.add_parts(other.low, other.high);
    }

    /// Takes `other` away again: for windows that slide.
    #[inline]
    pub fn subtract(&mut self, other: &FixedSum) {
        *self = Self::from_units(self.units().wrapping_sub(other.units()));
    }

    /// The sum, rounded to the nearest float.
    pub fn to_f64(&self) -> f64 {
        self.units() as f64 / SCALE
    }

    /// The sum in units of 2^-32.
    #[inline]
    pub fn units(&self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }

    /// From units of 2^-32.
    #[inline]
    pub fn from_units(units: i128) -> Self {
        Self { low: units as u64, high: (units >> 64) as i64 }
    }

    fn add_units(&mut self, units: i128) {
        self.add_parts(units as u64, (units >> 64) as i64);
    }

    #[inline]
    fn add_parts(&mut self, low: u64, high: i64) {
        let (sum, carry) = self.low.overflowing_add(low);
        self.low = sum;
        self.high = self.high.wrapping_add(high).wrapping_add(i64::from(carry));
    }
}

/// Saved as a zigzag varint of up to 128 bits (19 bytes).
impl Snapshot for FixedSum {
    fn save(&self, out: &mut Writer) {
        let units = self.units();
        let mut zigzag = ((units << 1) ^ (units >> 127)) as u128;
        while zigzag >= 0x80 {
            out.u8(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        out.u8(zigzag as u8);
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let at = input.position();
        let mut zigzag = 0u128;
        let mut shift = 0;
        loop {
            let byte = input.u8()?;
            // The nineteenth byte holds the last two bits.
            if shift == 126 && byte > 3 {
                return Err(WireError::Overlong { at });
            }
            zigzag |= u128::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
            shift += 7;
        }
        Ok(Self::from_units((zigzag >> 1) as i128 ^ -((zigzag & 1) as i128)))
    }
}
