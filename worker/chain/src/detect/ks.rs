//! The two-sample Kolmogorov–Smirnov distance on sketches.
//!
//! `D = sup |F1 - F2|` over the ends of the bins. All bins of all sketches have the same ends, so this
//! is the exact distance of the binned samples: no error of the sketch enters, and the bound below
//! needs no term for it. (Binning can only lessen the distance of the raw samples.)

use crate::sketch::{DdSketch, Key};

use super::Side;

/// The distance of two samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// `sup |F1 - F2|`, from 0 to 1.
    pub distance: f64,
    /// Where the second sample lies there, compared with the first.
    pub side: Side,
    /// The bin at whose upper end the distance is greatest (the least such bin).
    pub at: Key,
    /// Size of the first sample.
    pub n1: u64,
    /// Size of the second sample.
    pub n2: u64,
}

/// The distance of two samples; `None` when one is empty.
///
/// Computed in integers, so that equal distances compare as equal: `|c1 n2 - c2 n1| / (n1 n2)`.
pub fn distance(first: &DdSketch, second: &DdSketch) -> Option<Distance> {
    let (n1, n2) = (first.count(), second.count());
    if n1 == 0 || n2 == 0 {
        return None;
    }
    let (bins1, bins2) = (first.bin_list(), second.bin_list());
    let (mut bins1, mut bins2) = (bins1.as_slice(), bins2.as_slice());
    let (mut below1, mut below2) = (0u64, 0u64);
    let (mut greatest, mut side, mut at) = (0u128, Side::Above, Key::MIN.raw());
    // Behind the last bin of either the distance only shrinks.
    while let ([(key1, count1), rest1 @ ..], [(key2, count2), rest2 @ ..]) = (bins1, bins2) {
        let next = *key1.min(key2);
        if *key1 == next {
            below1 = below1.saturating_add(*count1);
            bins1 = rest1;
        }
        if *key2 == next {
            below2 = below2.saturating_add(*count2);
            bins2 = rest2;
        }
        let scaled1 = u128::from(below1) * u128::from(n2);
        let scaled2 = u128::from(below2) * u128::from(n1);
        if scaled1.abs_diff(scaled2) > greatest {
            greatest = scaled1.abs_diff(scaled2);
            // More of the first sample lies below this point, so the second lies above.
            side = if scaled1 > scaled2 { Side::Above } else { Side::Below };
            at = next;
        }
    }
    let at = Key::from_raw(at)?;
    let distance = greatest as f64 / (u128::from(n1) * u128::from(n2)) as f64;
    Some(Distance { distance, side, at, n1, n2 })
}

/// `c(alpha) = sqrt(-ln(alpha / 2) / 2)`: two samples of one distribution have
/// `D > c(alpha) sqrt((n1 + n2) / (n1 n2))` with probability `alpha`.
///
/// The first term of Kolmogorov's series; as a bound it is the two-sample form of the
/// Dvoretzky–Kiefer–Wolfowitz inequality (Wei and Dudley 2012: with this constant for equal sizes from
/// 458 on, and nearly so below). `alpha` is held within 1e-300 and 1.
pub fn critical(alpha: f64) -> f64 {
    (libm::log(alpha.clamp(1e-300, 1.0) / 2.0) / -2.0).sqrt()
}

/// The distance that samples of these sizes exceed by chance with the probability that `critical`
/// stands for. Infinite when a size is 0.
pub fn bound(critical: f64, n1: u64, n2: u64) -> f64 {
    let (n1, n2) = (n1 as f64, n2 as f64);
    critical * (1.0 / n1 + 1.0 / n2).sqrt()
}

/// The `alpha` of one comparison among several, so that all of them together have `alpha` at most
/// (Bonferroni).
pub fn bonferroni(alpha: f64, comparisons: usize) -> f64 {
    alpha / comparisons.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::tests::Lcg;
    use proptest::prelude::*;

    fn sketch(values: &[f64]) -> DdSketch {
        values.iter().copied().collect()
    }

    #[test]
    fn by_hand() {
        // F1 steps at 1, 2, 3, 4; F2 at 3, 4, 5, 6. After 2: 1/2 against 0.
        let found = distance(&sketch(&[1.0, 2.0, 3.0, 4.0]), &sketch(&[3.0, 4.0, 5.0, 6.0])).unwrap();
        assert_eq!((found.distance, found.side), (0.5, Side::Above));
        assert_eq!((found.at, found.n1, found.n2), (Key::of(2.0).unwrap(), 4, 4));
        // Unequal sizes: after -1 it is 0 against 2/3, after 1 it is 1/2 against 2/3.
        let found = distance(&sketch(&[1.0, 9.0]), &sketch(&[-5.0, -1.0, 9.0])).unwrap();
        assert_eq!((found.distance, found.side), (2.0 / 3.0, Side::Below));
        assert_eq!(found.at, Key::of(-1.0).unwrap());
        // Apart, equal, empty.
        assert_eq!(distance(&sketch(&[1.0]), &sketch(&[2.0, 3.0])).unwrap().distance, 1.0);
        assert_eq!(distance(&sketch(&[1.0, 2.0]), &sketch(&[2.0, 1.0])).unwrap().distance, 0.0);
        assert_eq!(distance(&sketch(&[]), &sketch(&[2.0])), None);
    }

    #[test]
    fn constants() {
        // Tables of the two-sample test: 1.358 at .05, 1.628 at .01, 1.949 at .001.
        for (alpha, expected) in [(0.05, 1.358), (0.01, 1.628), (0.001, 1.949)] {
            assert!((critical(alpha) - expected).abs() < 0.001, "c({alpha}) = {}", critical(alpha));
        }
        assert!((bound(1.949, 1000, 1000) - 1.949 * (2000.0f64 / 1e6).sqrt()).abs() < 1e-12);
        assert_eq!(bound(1.0, 0, 10), f64::INFINITY);
        assert_eq!(bonferroni(0.01, 5), 0.002);
        assert!(critical(0.0).is_finite() && critical(2.0).is_finite());
    }

    #[test]
    fn chance_exceeds_the_bound_as_often_as_alpha_says() {
        let mut random = Lcg(5);
        for (n1, n2) in [(100, 100), (300, 3000)] {
            let critical = critical(0.05);
            let mut exceeded = 0;
            for _ in 0..2000 {
                let one: DdSketch = (0..n1).map(|_| random.lognormal(1.2)).collect();
                let two: DdSketch = (0..n2).map(|_| random.lognormal(1.2)).collect();
                let found = distance(&one, &two).unwrap();
                exceeded += usize::from(found.distance > bound(critical, n1, n2));
            }
            // 100 expected; 140 is four standard deviations above. A bound that nothing exceeds
            // would be of no use either.
            assert!((30..=140).contains(&exceeded), "{exceeded} of 2000 exceed the bound for alpha .05");
        }
    }

    proptest! {
        #[test]
        fn equals_the_naive_definition(
            left in proptest::collection::vec(-20i32..20, 1..60),
            right in proptest::collection::vec(-20i32..25, 1..200),
        ) {
            let left: Vec<f64> = left.into_iter().map(f64::from).collect();
            let right: Vec<f64> = right.into_iter().map(f64::from).collect();
            let share = |values: &[f64], x: f64| {
                values.iter().filter(|value| **value <= x).count() as f64 / values.len() as f64
            };
            let naive = (-21..26).map(f64::from).map(|x| (share(&left, x) - share(&right, x)).abs());
            let naive = naive.fold(0.0, f64::max);
            let found = distance(&sketch(&left), &sketch(&right)).unwrap();
            let turned = distance(&sketch(&right), &sketch(&left)).unwrap();
            prop_assert!((found.distance - naive).abs() < 1e-12);
            prop_assert_eq!(found.distance, turned.distance);
            prop_assert_eq!(found.at, turned.at);
            prop_assert!(found.distance == 0.0 || found.side != turned.side);
        }
    }
}
