//! Distributions and corrections that the detectors need.

use std::f64::consts::FRAC_1_SQRT_2;

/// Beyond this many trials the binomial tail is the normal one with continuity correction.
const EXACT_TRIALS: u64 = 1_000_000;

/// `P(Z >= z)` of the standard normal distribution.
pub fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * FRAC_1_SQRT_2)
}

/// The `z` with `P(|Z| <= z) = confidence`: half the width of an interval, in standard deviations.
/// `confidence` is held within 0 and 1 - 1e-15. By bisection; not for hot paths.
pub fn normal_half_width(confidence: f64) -> f64 {
    let tail = (1.0 - confidence.clamp(0.0, 1.0 - 1e-15)) / 2.0;
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if normal_tail(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// `P(X >= x)` for `X` binomial with `n` trials of probability `p`. Exact up to a million trials.
pub fn binomial_at_least(n: u64, x: u64, p: f64) -> f64 {
    if x == 0 {
        return 1.0;
    }
    if x > n || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let mean = n as f64 * p;
    if n > EXACT_TRIALS {
        return normal_tail((x as f64 - 0.5 - mean) / (mean * (1.0 - p)).sqrt());
    }
    // The tail on the far side of the mean is the one whose terms shrink from the first.
    let probability = if x as f64 > mean { upward(n, x, p) } else { 1.0 - downward(n, x - 1, p) };
    probability.clamp(0.0, 1.0)
}

/// `P(X = x)`, for 0 < p < 1.
fn binomial_exactly(n: u64, x: u64, p: f64) -> f64 {
    let (n, x) = (n as f64, x as f64);
    let ways = libm::lgamma(n + 1.0) - libm::lgamma(x + 1.0) - libm::lgamma(n - x + 1.0);
    libm::exp(ways + x * libm::log(p) + (n - x) * libm::log1p(-p))
}

/// `P(X >= x)` by adding terms upward from `x`.
fn upward(n: u64, x: u64, p: f64) -> f64 {
    let odds = p / (1.0 - p);
    let mut term = binomial_exactly(n, x, p);
    let mut sum = term;
    for k in x..n {
        term *= (n - k) as f64 / (k + 1) as f64 * odds;
        let before = sum;
        sum += term;
        if sum <= before {
            break;
        }
    }
    sum
}

/// `P(X <= x)` by adding terms downward from `x`.
fn downward(n: u64, x: u64, p: f64) -> f64 {
    let odds = (1.0 - p) / p;
    let mut term = binomial_exactly(n, x, p);
    let mut sum = term;
    for k in (1..=x).rev() {
        term *= k as f64 / (n - k + 1) as f64 * odds;
        let before = sum;
        sum += term;
        if sum <= before {
            break;
        }
    }
    sum
}

/// Adjusted p-values (Benjamini and Hochberg 1995): rejecting all hypotheses whose adjusted value is
/// at most `q` keeps the expected share of false rejections at most `q`. In the order of the input.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 1.0f64;
    for (below, index) in order.iter().enumerate().rev() {
        least = least.min(p_values[*index] * p_values.len() as f64 / (below + 1) as f64);
        adjusted[*index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normal() {
        for (confidence, z) in [(0.95, 1.959_964), (0.99, 2.575_829), (0.84, 1.405_072), (0.5, 0.674_490)] {
            assert!((normal_half_width(confidence) - z).abs() < 1e-6, "{confidence}");
        }
        assert!((normal_tail(1.959_964) - 0.025).abs() < 1e-8);
        assert_eq!(normal_half_width(-1.0), normal_half_width(0.0));
        assert!(normal_half_width(1.0) < 9.0);
    }

    #[test]
    fn binomial_by_hand() {
        let close = |found: f64, exact: f64| assert!((found - exact).abs() < 1e-13, "{found} is not {exact}");
        close(binomial_at_least(10, 8, 0.5), 56.0 / 1024.0);
        close(binomial_at_least(3, 1, 0.1), 1.0 - 0.729);
        close(binomial_at_least(5, 0, 0.3), 1.0);
        close(binomial_at_least(5, 6, 0.3), 0.0);
        close(binomial_at_least(5, 5, 1.0), 1.0);
        close(binomial_at_least(5, 1, 0.0), 0.0);
    }

    #[test]
    fn the_normal_tail_takes_over_smoothly() {
        let (n, p) = (EXACT_TRIALS, 0.01);
        for x in [9_700, 10_000, 10_001, 10_300] {
            let exact = binomial_at_least(n, x, p);
            let normal = binomial_at_least(n + 1, x, p);
            assert!((exact / normal - 1.0).abs() < 0.05, "{x}: {exact} against {normal}");
        }
    }

    #[test]
    fn benjamini_hochberg_by_hand() {
        // Sorted .01 .02 .03 .04 .05 with m = 5: all become .05.
        let found = benjamini_hochberg(&[0.04, 0.01, 0.05, 0.03, 0.02]);
        assert!(found.iter().all(|value| (value - 0.05).abs() < 1e-15), "{found:?}");
        // .001 * 3 / 1, .3 * 3 / 2, .9.
        let found = benjamini_hochberg(&[0.9, 0.001, 0.3]);
        assert!((found[1] - 0.003).abs() < 1e-15 && (found[2] - 0.45).abs() < 1e-15 && found[0] == 0.9);
        assert_eq!(benjamini_hochberg(&[]), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn the_two_tails_meet(n in 1u64..3000, share in 0.0f64..1.0, p in 0.0001f64..0.9999) {
            let x = (share * n as f64) as u64;
            let sum = binomial_at_least(n, n - x, 1.0 - p) + binomial_at_least(n, x + 1, p);
            prop_assert!((sum - 1.0).abs() < 1e-9, "{}", sum);
        }
    }
}
