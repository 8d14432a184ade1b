//! The bin of a value: a monotone map from floats to 16-bit keys with 1 % relative error.
//!
//! DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile sketch with
//! relative-error guarantees", VLDB 2019) puts a value `x` into bin `floor(log(x) / log(gamma))` with
//! `gamma = 1.01 / 0.99`. The logarithm is replaced by exponent bits plus a cubic in the significand
//! (`CubicallyInterpolatedMapping` of the authors' library): with `x = 2^e * (1 + s)`,
//!
//! ```text
//! log2(x) ≈ e + ((A s + B) s + C) s      A = 6/35, B = -3/5, C = 10/7
//! bin     = 35 e + floor(((6 s - 21) s + 50) s)
//! ```
//!
//! The second line is the first, scaled by 35 bins per octave, where all coefficients become whole
//! numbers. A bin is narrowest in `s` where the slope of the cubic by `ln x` is least, and that least
//! slope is 50 bins per e-fold (at `s = 0` and at `s = 2/3`). The guarantee asks for
//! `1 / ln(gamma) = 49.998`, so 35 bins per octave hold it, with 1 % more bins than an exact logarithm.
//!
//! Keys keep the order of the values, across signs too:
//!
//! ```text
//!  key   -3257     -3256 .. -2      -1     0     1       2 .. 3256        3257
//!        huge      -2^63 .. -2^-30  tiny   0    tiny    2^-30 .. 2^63     huge
//! ```
//!
//! `tiny` and `huge` hold the values outside the range: they keep their rank but not the 1 % bound.

/// Bins from a value to its double.
const BINS_PER_OCTAVE: i32 = 35;
/// Exponent of the smallest magnitude with a bin of its own: 2^-30 is 9.3e-10.
const MIN_EXPONENT: i32 = -30;
/// Exponent of the first magnitude beyond the bins: 2^63 is 9.2e18.
const END_EXPONENT: i32 = 63;
/// Key of positive magnitudes below the range.
const TINY: i32 = 1;
/// Key of the first bin.
const FIRST: i32 = 2;
/// Key of positive magnitudes above the range.
const HUGE: i32 = FIRST + (END_EXPONENT - MIN_EXPONENT) * BINS_PER_OCTAVE;

const SIGNIFICAND_BITS: u32 = 52;
const SIGNIFICAND: u64 = (1 << SIGNIFICAND_BITS) - 1;
const ONE: u64 = 1023 << SIGNIFICAND_BITS;

/// Significands at which the bins of an octave begin, and 2.0 behind them.
const LOWER: [f64; BINS_PER_OCTAVE as usize + 1] = lower_bounds();

/// The bin of a value. Keys are ordered as the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(i16);

impl Key {
    /// The least key (huge negative values).
    pub const MIN: Key = Key(-(HUGE as i16));
    /// The greatest key (huge positive values).
    pub const MAX: Key = Key(HUGE as i16);
    /// The key of zero.
    pub const ZERO: Key = Key(0);

    /// The bin of `value`; `None` when it is not a number or infinite.
    #[inline]
    pub fn of(value: f64) -> Option<Key> {
        let bits = value.to_bits();
        let sign = (bits as i64 >> 63) as i32;
        let exponent = ((bits >> SIGNIFICAND_BITS) & 0x7ff) as i32 - 1023;
        let magnitude = if (MIN_EXPONENT..END_EXPONENT).contains(&exponent) {
            let bin = bin_in_octave(f64::from_bits((bits & SIGNIFICAND) | ONE));
            FIRST + (exponent - MIN_EXPONENT) * BINS_PER_OCTAVE + bin
        } else if exponent == 1024 {
            return None;
        } else if exponent >= END_EXPONENT {
            HUGE
        } else if value == 0.0 {
            0
        } else {
            TINY
        };
        Some(Key(((magnitude ^ sign) - sign) as i16))
    }

    /// The number of the bin.
    #[inline]
    pub const fn raw(self) -> i16 {
        self.0
    }

    /// The key with this number; `None` when no value has it.
    #[inline]
    pub fn from_raw(raw: i16) -> Option<Key> {
        (Key::MIN.0..=Key::MAX.0).contains(&raw).then_some(Key(raw))
    }

    /// For numbers that came out of a key.
    #[inline]
    pub(super) fn trusted(raw: i16) -> Key {
        debug_assert!(Key::from_raw(raw).is_some(), "{raw} is no key");
        Key(raw)
    }

    /// The key `distance` bins higher (lower when negative), held within the keys.
    /// Fifty bins are about a factor of e.
    pub fn offset(self, distance: i32) -> Key {
        let moved = i32::from(self.0).saturating_add(distance);
        Key(moved.clamp(-HUGE, HUGE) as i16)
    }

    /// True for the keys of values outside the range of the bins.
    pub fn is_clamped(self) -> bool {
        let magnitude = i32::from(self.0).abs();
        magnitude == TINY || magnitude == HUGE
    }

    /// The value that stands for the bin: at most 1 % from every value in it. The harmonic mean of
    /// the two ends, which is equally far from both in relative terms.
    pub fn value(self) -> f64 {
        let magnitude = i32::from(self.0).abs();
        let value = match magnitude {
            0 => 0.0,
            TINY => power_of_two(MIN_EXPONENT - 1),
            HUGE => power_of_two(END_EXPONENT),
            bin => {
                let (octave, lower, upper) = ends(bin);
                2.0 * lower * upper / (lower + upper) * octave
            }
        };
        if self.0 < 0 { -value } else { value }
    }

    /// The end of the bin that is nearer to zero. It belongs to the bin.
    pub fn inner_end(self) -> f64 {
        let value = match i32::from(self.0).abs() {
            0 | TINY => 0.0,
            HUGE => power_of_two(END_EXPONENT),
            bin => {
                let (octave, lower, _) = ends(bin);
                lower * octave
            }
        };
        if self.0 < 0 { -value } else { value }
    }
}

/// The octave's power of two, and the significands at which the bin begins and ends.
fn ends(bin: i32) -> (f64, f64, f64) {
    let octave = (bin - FIRST).div_euclid(BINS_PER_OCTAVE);
    let within = (bin - FIRST).rem_euclid(BINS_PER_OCTAVE) as usize;
    (power_of_two(octave + MIN_EXPONENT), LOWER[within], LOWER[within + 1])
}

/// 2^exponent, for normal floats.
const fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << SIGNIFICAND_BITS)
}

/// The bin of a significand in [1, 2) within its octave. The last significands round up to the next
/// octave, hence the minimum.
#[inline]
const fn bin_in_octave(significand: f64) -> i32 {
    let s = significand - 1.0;
    let bin = (((6.0 * s - 21.0) * s + 50.0) * s) as i32;
    if bin < BINS_PER_OCTAVE { bin } else { BINS_PER_OCTAVE - 1 }
}

/// For each bin the least significand that [`bin_in_octave`] puts there, by bisection on the bits, so
/// that the ends of the bins are those of the map itself.
const fn lower_bounds() -> [f64; BINS_PER_OCTAVE as usize + 1] {
    let mut bounds = [2.0; BINS_PER_OCTAVE as usize + 1];
    let mut bin = 0;
    while bin < BINS_PER_OCTAVE {
        let (mut below, mut at_or_above) = (0u64, SIGNIFICAND);
        while below < at_or_above {
            let middle = below + (at_or_above - below) / 2;
            if bin_in_octave(f64::from_bits(ONE | middle)) >= bin {
                at_or_above = middle;
            } else {
                below = middle + 1;
            }
        }
        bounds[bin as usize] = f64::from_bits(ONE | below);
        bin += 1;
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_bin_is_at_most_one_percent_wide_on_each_side() {
        for raw in FIRST..HUGE {
            let key = Key::from_raw(raw as i16).unwrap();
            let (octave, lower, upper) = ends(raw);
            let half_width = (upper - lower) / (upper + lower);
            assert!(half_width <= 0.01, "bin {raw} is {half_width} wide");
            assert_eq!(Key::of(lower * octave), Some(key), "the lower end belongs to the bin");
            assert_eq!(key.inner_end(), lower * octave);
            let last = f64::from_bits((upper * octave).to_bits() - 1);
            assert_eq!(Key::of(last), Some(key), "the last float below the upper end belongs to it");
            assert_eq!(Key::of(key.value()), Some(key));
            assert_eq!(Key::of(-key.value()), Some(Key(-key.0)));
        }
    }

    #[test]
    fn edges() {
        assert_eq!(Key::of(0.0), Some(Key::ZERO));
        assert_eq!(Key::of(-0.0), Some(Key::ZERO));
        assert_eq!(Key::of(f64::NAN), None);
        assert_eq!(Key::of(f64::INFINITY), None);
        assert_eq!(Key::of(f64::NEG_INFINITY), None);
        assert_eq!(Key::of(f64::MIN_POSITIVE), Some(Key(1)));
        assert_eq!(Key::of(5e-324), Some(Key(1)));
        assert_eq!(Key::of(-5e-324), Some(Key(-1)));
        assert_eq!(Key::of(f64::MAX), Some(Key::MAX));
        assert_eq!(Key::of(f64::MIN), Some(Key::MIN));
        for inside in [1e-9, 1e12, 1e-9f64.next_up(), 9.2e18, -1e-9, -1e12] {
            assert!(!Key::of(inside).unwrap().is_clamped(), "{inside}");
        }
        assert!(Key::of(9.3e18).unwrap().is_clamped());
        assert!(Key::of(9.3e-10).unwrap().is_clamped());
        assert_eq!(Key::MAX.offset(1), Key::MAX);
        assert_eq!(Key::ZERO.offset(-7).raw(), -7);
    }

    /// Frozen: saved state holds keys, so the map can never change.
    #[test]
    fn golden_keys() {
        let golden = [(1e-9, 5), (0.001, 703), (0.1, 935), (1.0, 1052), (1.5, 1072), (2.0, 1087)];
        let golden = golden.into_iter().chain([(100.0, 1284), (1e6, 1749), (1e12, 2447)]);
        for (value, raw) in golden {
            assert_eq!(Key::of(value).map(Key::raw), Some(raw), "{value}");
            assert_eq!(Key::of(-value).map(Key::raw), Some(-raw), "-{value}");
        }
    }

    proptest! {
        #[test]
        fn keys_keep_the_order_and_the_bound(a in -1e15f64..1e15, b in -1e-3f64..1e-3, scale in -8i32..16) {
            for (x, y) in [(a, b), (a, a.next_up()), (b, 10f64.powi(scale)), (a, -10f64.powi(scale))] {
                let (low, high) = if x <= y { (x, y) } else { (y, x) };
                prop_assert!(Key::of(low) <= Key::of(high));
            }
            for x in [a, 10f64.powi(scale) * (1.0 + b.abs())] {
                let key = Key::of(x).unwrap();
                if !key.is_clamped() {
                    prop_assert!((key.value() - x).abs() <= 0.01 * x.abs());
                }
            }
        }
    }
}
