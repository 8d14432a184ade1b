//! Planted outliers are found, equal siblings stay unremarked, and order does not matter.

use super::*;
use crate::sketch::tests::Lcg;
use proptest::prelude::*;

fn lognormal(random: &mut Lcg, n: usize, scale: f64) -> DdSketch {
    (0..n).map(|_| scale * random.lognormal(1.2)).collect()
}

fn find_in(rule: &BaselineRule, siblings: &[DdSketch]) -> Common {
    find(rule, &siblings.iter().collect::<Vec<_>>())
}

fn found(common: Common) -> Baseline {
    match common {
        Common::Found(baseline) => *baseline,
        other => panic!("no baseline: {other:?}"),
    }
}

fn default_rule() -> BaselineRule {
    BaselineRule::new(0.99, 0.84, 0.05, 300, 1.2)
}

fn key(value: f64) -> f64 {
    Key::of(value).unwrap().value()
}

/// By hand. Median, n = 4, z = 0: order statistic ceil(2) = 2, so each interval is one bin.
/// Three siblings have 2.0 there, one has 20.0.
#[test]
fn golden() {
    let rule = BaselineRule::new(0.5, 0.0, 1.0, 4, 1.0);
    let like = |second: f64, third: f64| -> DdSketch { [1.0, second, third, 50.0].into_iter().collect() };
    let siblings = [like(2.0, 3.0), like(20.0, 30.0), like(2.0, 4.0), like(2.0, 5.0)];
    let baseline = found(find_in(&rule, &siblings));
    assert_eq!((baseline.members, baseline.n), (3, 12));
    // Of 1 1 1 2 2 2 3 4 5 50 50 50 the value at rank floor(.5 * 11) = 5 is 2, and 6 of 12 are above.
    assert_eq!((baseline.value, baseline.interval.low), (key(2.0), Some(key(2.0))));
    let anomalies: Vec<_> = baseline.anomalies().collect();
    assert_eq!(anomalies.len(), 1);
    let (index, side, numbers) = anomalies[0];
    assert_eq!((index, side, numbers.n, numbers.beyond), (1, Side::Above, 4, 3));
    assert_eq!((numbers.value, numbers.ratio), (key(20.0), Some(key(20.0) / key(2.0))));
    assert_eq!(numbers.interval, Interval { low: Some(key(20.0)), high: Some(key(20.0)) });
    // P(X >= 3) with 4 trials of (6 + 1) / (12 + 1) is 4 (7/13)^3 (6/13) + (7/13)^4 = 10,633 / 28,561.
    // The members have the baseline's own median, p = 1.
    assert!((numbers.p_value - 2.0 * 10_633.0 / 28_561.0).abs() < 1e-12 && numbers.adjusted == 1.0);
    assert!((numbers.expected - 2.0).abs() < 1e-12);
}

#[test]
fn planted_outliers_are_found_with_side_and_size() {
    for (n, factor) in [(300, 3.0), (1000, 2.0), (5000, 1.5), (5000, 0.5)] {
        let mut hits = 0;
        for seed in 0..20 {
            let mut random = Lcg(seed);
            let mut siblings: Vec<_> = (0..12).map(|_| lognormal(&mut random, n, 100.0)).collect();
            siblings[7] = lognormal(&mut random, n, 100.0 * factor);
            let baseline = found(find_in(&default_rule(), &siblings));
            assert!(baseline.members >= 9, "seed {seed}: {} members", baseline.members);
            // All other scopes are alike; one of them now and then is within the accepted share.
            assert!(baseline.anomalies().filter(|(index, ..)| *index != 7).count() <= 1);
            let Some((_, side, numbers)) = baseline.anomalies().find(|(index, ..)| *index == 7) else {
                continue;
            };
            hits += 1;
            assert_eq!(side, if factor > 1.0 { Side::Above } else { Side::Below });
            let size = numbers.ratio.unwrap() / factor;
            assert!((0.4..2.5).contains(&size), "size {:?} for x{factor}", numbers.ratio);
            assert!(numbers.p_value <= numbers.adjusted && numbers.adjusted <= 0.05);
        }
        assert!(hits >= 18, "x{factor} with {n} values: {hits} of 20 found");
    }
}

#[test]
fn equal_siblings_are_anomalous_no_more_often_than_accepted() {
    for (scopes, n, quantile) in [(3, 1000, 0.5), (20, 500, 0.99), (20, 500, 0.9), (8, 5000, 0.99)] {
        let rule = BaselineRule::new(quantile, 0.84, 0.05, 300, 1.0);
        let (runs, mut with_anomaly) = (300, 0);
        for seed in 0..runs {
            let mut random = Lcg(seed);
            let siblings: Vec<_> = (0..scopes).map(|_| lognormal(&mut random, n, 100.0)).collect();
            if let Common::Found(baseline) = find_in(&rule, &siblings) {
                with_anomaly += usize::from(baseline.anomalies().count() > 0);
            }
        }
        // With no true anomaly every one is false, so the share of runs with any is the rate: 5 %,
        // and four standard deviations of luck.
        assert!(with_anomaly <= 30, "{scopes} x {n} at {quantile}: {with_anomaly} of {runs} runs");
    }
}

/// Some scopes can have many values and small intervals: differences that do not matter must not
/// break up the baseline.
#[test]
fn busy_scopes_neither_outvote_nor_break_up_the_baseline() {
    let mut random = Lcg(3);
    let mut siblings: Vec<_> =
        (0..10).map(|at| lognormal(&mut random, 100_000, 100.0 * (1.0 + at as f64 / 100.0))).collect();
    let baseline = found(find_in(&default_rule(), &siblings));
    assert_eq!((baseline.members, baseline.anomalies().count()), (10, 0));
    // One that has more values than all others together, and is slow.
    siblings[4] = (0..3_000_000).map(|_| 300.0 * random.lognormal(1.2)).collect();
    let baseline = found(find_in(&default_rule(), &siblings));
    assert_eq!(baseline.members, 9);
    assert_eq!(baseline.anomalies().map(|(index, side, _)| (index, side)).collect::<Vec<_>>(), [(4, Side::Above)]);
}

#[test]
fn too_few_and_nothing_in_common() {
    let mut random = Lcg(2);
    let rule = default_rule();
    assert_eq!(find_in(&rule, &[]), Common::TooFew { eligible: 0 });
    let siblings = [lognormal(&mut random, 299, 1.0), lognormal(&mut random, 300, 1.0)];
    assert_eq!(find_in(&rule, &siblings), Common::TooFew { eligible: 1 });
    let siblings: Vec<_> = (0..6).map(|at| lognormal(&mut random, 5000, 10f64.powi(at))).collect();
    assert_eq!(find_in(&rule, &siblings), Common::Nothing { eligible: 6, largest: 1 });
    // Half against half is no majority.
    let siblings: Vec<_> = (0..6).map(|at| lognormal(&mut random, 5000, 10f64.powi(at % 2))).collect();
    assert!(matches!(find_in(&rule, &siblings), Common::Nothing { eligible: 6, largest: 3 }));
}

#[test]
fn small_siblings_are_left_out_and_say_so() {
    let mut random = Lcg(1);
    let mut siblings: Vec<_> = (0..5).map(|_| lognormal(&mut random, 2000, 100.0)).collect();
    siblings.insert(2, lognormal(&mut random, 40, 900.0));
    let baseline = found(find_in(&default_rule(), &siblings));
    assert_eq!(baseline.scopes.len(), 6);
    assert_eq!(baseline.scopes[2], ScopeVerdict::TooFew { n: 40 });
    assert_eq!(baseline.scopes[2].numbers(), None);
    assert!(baseline.n <= 10_000);
}

/// Error rates are mostly zero: a quantile of zero has no ratio, yet who leaves it is found.
#[test]
fn a_baseline_of_zero() {
    let zeros: DdSketch = std::iter::repeat_n(0.0, 1000).collect();
    let bad: DdSketch = (0..1000).map(|at| if at % 10 == 0 { 1.0 } else { 0.0 }).collect();
    let siblings = [zeros.clone(), bad, zeros.clone(), zeros];
    let baseline = found(find_in(&default_rule(), &siblings));
    let anomalies: Vec<_> = baseline.anomalies().collect();
    assert_eq!((anomalies.len(), anomalies[0].0, anomalies[0].1), (1, 1, Side::Above));
    assert!(anomalies[0].2.ratio.is_none() && anomalies[0].2.p_value < 1e-9);
}

/// Many equal values: the test must count on the side where the scope lies. Of its values 60 % are
/// less than all of the baseline's and 40 % are greater.
#[test]
fn ties_are_counted_on_the_side_of_the_scope() {
    let rule = BaselineRule::new(0.5, 0.84, 0.05, 300, 1.2);
    let fives: DdSketch = std::iter::repeat_n(5.0, 1000).collect();
    let split: DdSketch = (0..1000).map(|at| if at % 10 < 6 { 1.0 } else { 9.0 }).collect();
    let siblings = [fives.clone(), split, fives.clone(), fives];
    let baseline = found(find_in(&rule, &siblings));
    let anomalies: Vec<_> = baseline.anomalies().collect();
    assert_eq!(anomalies.len(), 1);
    let (index, side, numbers) = anomalies[0];
    assert_eq!((index, side, numbers.beyond, numbers.expected), (1, Side::Below, 600, 0.0));
}

/// A scope can miss the common point though its quantile is close to the baseline's: it is outside,
/// with certainty, and yet not anomalous. Widened by 4 bins each, 1000 and 1008 meet at 1004, and 999
/// ends at 1003.
#[test]
fn certain_but_small_is_outside_and_not_anomalous() {
    let rule = BaselineRule::new(0.5, 0.84, 0.05, 300, 1.2);
    let at = |raw: i16| {
        let mut sketch = DdSketch::new();
        sketch.add_keys(Key::from_raw(raw).unwrap(), 1000);
        sketch
    };
    let siblings = [1000, 999, 1000, 1008, 1000, 1008].map(at);
    let baseline = found(find_in(&rule, &siblings));
    assert_eq!((baseline.members, baseline.anomalies().count()), (5, 0));
    let ScopeVerdict::Outside(numbers) = &baseline.scopes[1] else {
        panic!("{:?}", baseline.scopes[1]);
    };
    assert!(numbers.adjusted < 1e-9 && numbers.ratio.is_some_and(|ratio| ratio > 0.97));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_the_siblings_does_not_matter(
        seed: u64,
        kinds in proptest::collection::vec((10usize..600, 0usize..4), 0..14),
    ) {
        let rule = BaselineRule::new(0.9, 0.84, 0.2, 100, 1.1);
        let mut random = Lcg(seed);
        let siblings: Vec<DdSketch> = kinds
            .into_iter()
            .map(|(n, kind)| lognormal(&mut random, n, [100.0, 100.0, 130.0, 400.0][kind]))
            .collect();
        let mut order: Vec<usize> = (0..siblings.len()).collect();
        random.shuffle(&mut order);
        let shuffled: Vec<&DdSketch> = order.iter().map(|index| &siblings[*index]).collect();
        match (find_in(&rule, &siblings), find(&rule, &shuffled)) {
            (Common::Found(straight), Common::Found(turned)) => {
                prop_assert_eq!(&straight.sketch, &turned.sketch);
                for (at, index) in order.iter().enumerate() {
                    prop_assert_eq!(&turned.scopes[at], &straight.scopes[*index]);
                }
                let members = straight.scopes.iter().filter(|scope| matches!(scope, ScopeVerdict::Member(_)));
                prop_assert_eq!(members.count(), straight.members);
            }
            (straight, turned) => prop_assert_eq!(straight, turned),
        }
    }

    /// The sweep against every point that could be the best one.
    #[test]
    fn the_common_point_is_the_best_of_all(
        intervals in proptest::collection::vec((-50i16..50, 0i16..30, 1u64..9), 1..20)
    ) {
        let weights: Vec<u64> = intervals.iter().map(|(.., weight)| *weight).collect();
        let intervals: Vec<KeyInterval> = intervals
            .iter()
            .map(|(low, len, _)| KeyInterval {
                low: Key::ZERO.offset(i32::from(*low)),
                high: Key::ZERO.offset(i32::from(low + len)),
            })
            .collect();
        let weight_at = |point: Key| -> u64 {
            intervals.iter().zip(&weights).filter(|(interval, _)| interval.holds(point)).map(|(_, w)| *w).sum()
        };
        let best = (-60..90).map(|at| weight_at(Key::ZERO.offset(at))).max().unwrap();
        prop_assert_eq!(weight_at(most_common_point(&intervals, &weights)), best);
    }
}
