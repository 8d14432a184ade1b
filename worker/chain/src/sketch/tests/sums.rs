use super::*;

proptest! {
    #[test]
    fn sums_do_not_depend_on_order_or_grouping(values: Vec<f64>, small in proptest::collection::vec(-1e6f64..1e6, 0..200), seed: u64) {
        let mut all: Vec<f64> = values.into_iter().chain(small).collect();
        let mut straight = FixedSum::ZERO;
        for value in &all {
            straight.add(*value);
        }
        Lcg(seed).shuffle(&mut all);
        let (left, right) = all.split_at(all.len() / 3);
        let mut sums = [FixedSum::ZERO; 2];
        for (sum, part) in sums.iter_mut().zip([left, right]) {
            for value in part {
                sum.add(*value);
            }
        }
        let mut merged = sums[1];
        merged.merge(&sums[0]);
        prop_assert_eq!(merged, straight);
        prop_assert_eq!(saved(&merged), saved(&straight));
        merged.subtract(&sums[0]);
        prop_assert_eq!(merged, sums[1]);
    }

    #[test]
    fn whole_numbers_and_binary_fractions_are_exact(units in proptest::collection::vec(-(1i64 << 52)..(1 << 52), 0..100)) {
        let mut sum = FixedSum::ZERO;
        for unit in &units {
            prop_assert_eq!(sum.add(*unit as f64 / 4294967296.0), Taken::Whole);
        }
        let exact: i128 = units.iter().map(|unit| i128::from(*unit)).sum();
        prop_assert_eq!(sum.units(), exact);
    }

    #[test]
    fn a_value_is_rounded_to_the_nearest_unit(value in -1e15f64..1e15) {
        let mut sum = FixedSum::ZERO;
        sum.add(value);
        // Scaling by 2^32 is exact, and so is the rounding of the standard library.
        prop_assert_eq!(sum.units(), (value * 4294967296.0).round_ties_even() as i128);
        prop_assert!((sum.to_f64() - value).abs() <= 1.2e-10);
    }

    #[test]
    fn sums_and_extremes_round_trip(units: i128, values in proptest::collection::vec(any::<f64>(), 0..5)) {
        let sum = FixedSum::from_units(units);
        prop_assert_eq!(loaded::<FixedSum>(&saved(&sum)), sum);
        let mut extremes = MinMax::EMPTY;
        values.iter().for_each(|value| { extremes.add(*value); });
        prop_assert_eq!(loaded::<MinMax>(&saved(&extremes)), extremes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(sum) = FixedSum::load(&mut Reader::new(&bytes)) {
            prop_assert_eq!(loaded::<FixedSum>(&saved(&sum)), sum);
        }
        if let Ok(extremes) = MinMax::load(&mut Reader::new(&bytes)) {
            prop_assert_eq!(loaded::<MinMax>(&saved(&extremes)), extremes);
        }
    }

    #[test]
    fn extremes_are_those_of_the_values(values in proptest::collection::vec(-1e9f64..1e9, 1..50), cut in 0usize..50) {
        let (left, right) = values.split_at(cut.min(values.len()));
        let mut parts = [MinMax::EMPTY; 2];
        for (part, values) in parts.iter_mut().zip([left, right]) {
            values.iter().for_each(|value| { part.add(*value); });
        }
        let mut merged = parts[1];
        merged.merge(&parts[0]);
        prop_assert_eq!(merged.min(), values.iter().copied().reduce(f64::min));
        prop_assert_eq!(merged.max(), values.iter().copied().reduce(f64::max));
    }
}

#[test]
fn sums_hold_at_the_edges() {
    let mut sum = FixedSum::ZERO;
    assert_eq!(sum.add(f64::NAN), Taken::Rejected);
    assert_eq!(sum.add(f64::NEG_INFINITY), Taken::Rejected);
    assert_eq!(sum.add(1e300), Taken::Clamped);
    assert_eq!(sum.add(-1e300), Taken::Clamped);
    assert_eq!(sum, FixedSum::ZERO);
    assert_eq!(sum.add(9.2e18), Taken::Whole);
    assert_eq!(sum.to_f64(), 9.2e18);
    assert_eq!(sum.add(-9.2e18), Taken::Whole);
    assert_eq!(sum.add(5e-324), Taken::Whole);
    assert_eq!(sum.to_f64(), 0.0);
    // What floats lose: 1e15 + 0.25 - 1e15.
    for value in [1e15, 0.25, -1e15] {
        sum.add(value);
    }
    assert_eq!(sum.to_f64(), 0.25);
}

#[test]
fn extremes_order_the_zeros() {
    let of = |values: [f64; 2]| {
        let mut extremes = MinMax::default();
        values.iter().for_each(|value| {
            extremes.add(*value);
        });
        saved(&extremes)
    };
    assert_eq!(of([0.0, -0.0]), of([-0.0, 0.0]));
    assert_eq!(MinMax::EMPTY.min(), None);
    assert_eq!(saved(&MinMax::EMPTY), [0]);
    assert_eq!(MinMax::default().add(f64::INFINITY), Taken::Rejected);
}

/// Saved state outlives a release: these bytes must never change.
#[test]
fn golden_bytes() {
    let of = |value: f64| {
        let mut sum = FixedSum::ZERO;
        sum.add(value);
        saved(&sum)
    };
    assert_eq!(of(0.0), [0]);
    assert_eq!(of(-1.0), [0xff, 0xff, 0xff, 0xff, 0x1f]);
    assert_eq!(saved(&FixedSum::from_units(i128::MIN)).len(), 19);
}
