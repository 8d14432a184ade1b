//! Dynamic scoping: how many values a scope needs before a change of a given size can be found in it.
//!
//! Measured with the two-sample test on lognormal data (sigma 1.2, alpha .001): a doubling is found
//! from 300 values on, a factor 1.5 from 1,000, a factor 1.2 from 5,000. Between the measured points
//! the number is a power of the effect's logarithm; beyond them it follows the law of all such tests,
//! `n` proportional to `1 / effect²` (the three points give 144, 164 and 166 for `n ln² effect`).

/// Measured: factor of change, values needed. Ascending by factor.
const MEASURED: [(f64, f64); 3] = [(1.2, 5000.0), (1.5, 1000.0), (2.0, 300.0)];

/// No distribution can be told from fewer values than this.
const LEAST: u64 = 30;

/// Values needed to find a change by the factor `effect`. A factor below 1 is a fall and counts as its
/// inverse. `u64::MAX` for no change at all, and for what is not a positive number.
///
/// Never more for a greater change; never below 30.
pub fn needed_samples(effect: f64) -> u64 {
    let size = libm::log(effect).abs();
    if !(size > 0.0 && size.is_finite()) {
        return u64::MAX;
    }
    let points = MEASURED.map(|(factor, needed)| (libm::log(factor), needed));
    let [first, .., last] = points;
    let needed = if size <= first.0 {
        power_law(first, size, -2.0)
    } else if size >= last.0 {
        power_law(last, size, -2.0)
    } else {
        let right = points.iter().position(|point| size < point.0).unwrap_or(points.len() - 1);
        let (left, right) = (points[right - 1], points[right]);
        let exponent = libm::log(right.1 / left.1) / libm::log(right.0 / left.0);
        power_law(left, size, exponent)
    };
    // Rounded up, but not for a last bit: the measured points stay what they are.
    ((needed - 1e-6).ceil() as u64).max(LEAST)
}

fn power_law((size, needed): (f64, f64), wanted: f64, exponent: f64) -> f64 {
    needed * libm::pow(wanted / size, exponent)
}

/// True when a scope with `n` values reports at its parent instead.
pub fn reports_at_parent(n: u64, effect: f64) -> bool {
    n < needed_samples(effect)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn measured_points_and_the_law_beyond() {
        assert_eq!(needed_samples(1.2), 5000);
        assert_eq!(needed_samples(1.5), 1000);
        assert_eq!(needed_samples(2.0), 300);
        assert_eq!(needed_samples(0.5), 300);
        // Half the effect takes four times the values: ln 4 = 2 ln 2, ln 1.2 = 2 ln sqrt(1.2).
        assert_eq!(needed_samples(4.0), 75);
        assert_eq!(needed_samples(1.2f64.sqrt()), 20_000);
        assert_eq!(needed_samples(1000.0), LEAST);
        for nothing in [1.0, 0.0, -2.0, f64::NAN, f64::INFINITY] {
            assert_eq!(needed_samples(nothing), u64::MAX, "{nothing}");
        }
        assert!(reports_at_parent(299, 2.0));
        assert!(!reports_at_parent(300, 2.0));
    }

    proptest! {
        #[test]
        fn a_greater_change_never_needs_more(a in 1.001f64..20.0, b in 1.001f64..20.0) {
            let (small, great) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(needed_samples(small) >= needed_samples(great));
            prop_assert!(needed_samples(1.0 / a).abs_diff(needed_samples(a)) <= 1);
        }
    }
}
