//! Planted shifts are found, quiet data stays quiet, and the state survives a restart.

use super::*;
use crate::sketch::tests::Lcg;
use crate::time::Span;
use crate::wire::{Reader, Snapshot, Writer};
use proptest::prelude::*;

const MINUTE: i64 = 60_000_000;

fn minute(at: i64) -> EventTime {
    EventTime(at * MINUTE)
}

fn lognormal(random: &mut Lcg, n: u64, scale: f64) -> DdSketch {
    (0..n).map(|_| scale * random.lognormal(1.2)).collect()
}

fn close(window: usize, from: i64, to: i64, sketch: &DdSketch) -> Close<'_> {
    Close { window, start: minute(from), end: minute(to), sketch }
}

/// The windows m1 and m5 (sliding by a minute) of one scope, fed minute by minute.
struct Scope {
    rule: RegimeRule,
    regime: Regime,
    minutes: Vec<DdSketch>,
    shifts: Vec<(i64, Shift)>,
}

impl Scope {
    fn new(rule: RegimeRule) -> Self {
        Self { regime: Regime::new(&rule), rule, minutes: Vec::new(), shifts: Vec::new() }
    }

    fn minute(&mut self, sketch: DdSketch) {
        self.minutes.push(sketch);
        let now = self.minutes.len() as i64;
        let last_five: DdSketch = self.minutes.iter().rev().take(5).collect();
        let shortest = self.minutes[self.minutes.len() - 1].clone();
        for (window, from, sketch) in [(0, now - 1, &shortest), (1, now - 5, &last_five)] {
            let verdict = self.regime.fold(&self.rule, close(window, from, now, sketch));
            if let Some(shift) = verdict.shift {
                self.shifts.push((now, *shift));
            }
        }
    }
}

fn default_rule() -> RegimeRule {
    RegimeRule::new(2, 0.001, 0.05, 2)
}

#[test]
fn a_planted_shift_is_found_at_its_second_close_and_once() {
    for (per_minute, factor) in [(300, 2.0), (1000, 1.5), (1000, 0.5), (3000, 3.0)] {
        for seed in 0..20 {
            let mut random = Lcg(seed);
            let mut scope = Scope::new(default_rule().with_reference_cap(1 << 20));
            for at in 0..60 {
                let scale = if at < 30 { 100.0 } else { 100.0 * factor };
                scope.minute(lognormal(&mut random, per_minute, scale));
            }
            let found: Vec<i64> = scope.shifts.iter().map(|(at, _)| *at).collect();
            assert_eq!(found, [32], "x{factor} at {per_minute} a minute, seed {seed}");
            let shift = &scope.shifts[0].1;
            assert_eq!(shift.since, minute(30));
            assert_eq!(scope.regime.since(), minute(30));
            assert_eq!(shift.side, if factor > 1.0 { Side::Above } else { Side::Below });
            assert!(shift.distance > shift.bound && shift.distance >= shift.min_effect);
            assert_eq!((shift.closes, shift.n_after, shift.n_evidence), (2, per_minute, 2 * per_minute));
            let found = shift.median_ratio.unwrap();
            assert!((found / factor - 1.0).abs() < 0.3, "median ratio {found} for x{factor}");
            // The new reference holds the new regime only: 30 minutes of it.
            assert_eq!(scope.regime.reference().count(), 30 * per_minute);
        }
    }
}

#[test]
fn a_shift_in_the_middle_of_a_window_is_found_once() {
    for seed in 0..20 {
        let mut random = Lcg(seed);
        let mut scope = Scope::new(default_rule());
        for at in 0..60 {
            let old = if at < 30 {
                500
            } else if at == 30 {
                50 * (seed % 10)
            } else {
                0
            };
            let mut sketch = lognormal(&mut random, old, 100.0);
            sketch.merge(&lognormal(&mut random, 500 - old, 400.0));
            scope.minute(sketch);
        }
        assert_eq!(scope.shifts.len(), 1, "seed {seed}");
        assert!((32..=33).contains(&scope.shifts[0].0), "seed {seed}");
    }
}

/// x1.2 moves the median by 7.6 % of the distribution (D = .061): above the floor, too little for a
/// minute of 1,000, enough for five.
#[test]
fn longer_windows_find_smaller_shifts() {
    let mut found = 0;
    for seed in 0..20 {
        let mut random = Lcg(seed);
        let mut scope = Scope::new(RegimeRule::new(2, 0.001, 0.04, 2));
        for at in 0..120 {
            let scale = if at < 60 { 100.0 } else { 120.0 };
            scope.minute(lognormal(&mut random, 1000, scale));
        }
        found += usize::from(scope.shifts.iter().any(|(at, shift)| *at > 60 && shift.side == Side::Above));
        assert!(scope.shifts.iter().all(|(at, _)| *at > 60), "seed {seed}: a shift before there was one");
    }
    assert!(found >= 18, "{found} of 20 found");
}

#[test]
fn there_and_back_is_two_shifts() {
    let mut random = Lcg(9);
    let mut scope = Scope::new(default_rule());
    for at in 0..90 {
        let scale = if (30..60).contains(&at) { 250.0 } else { 100.0 };
        scope.minute(lognormal(&mut random, 1000, scale));
    }
    let found: Vec<_> = scope.shifts.iter().map(|(at, shift)| (*at, shift.side)).collect();
    assert_eq!(found, [(32, Side::Above), (62, Side::Below)]);
}

#[test]
fn a_single_bad_close_is_no_shift_and_leaves_the_reference_alone() {
    let mut random = Lcg(10);
    let mut scope = Scope::new(default_rule());
    for at in 0..40 {
        let scale = if at == 20 { 500.0 } else { 100.0 };
        scope.minute(lognormal(&mut random, 300, scale));
    }
    assert_eq!(scope.shifts, []);
    assert!(scope.regime.reference().quantile(0.5).unwrap() < 115.0);
}

/// One comparison per close, no floor, no repetition: then alpha is all that holds false alarms back.
#[test]
fn quiet_data_alarms_no_more_often_than_alpha() {
    let (series, closes) = (200, 50);
    for (windows, alpha) in [(1, 0.01), (2, 0.01)] {
        let mut alarms = 0;
        for seed in 0..series {
            let mut random = Lcg(1_000 + seed);
            let mut scope = Scope::new(RegimeRule::new(windows, alpha, 0.0, 1));
            for _ in 0..closes {
                scope.minute(lognormal(&mut random, 200, 100.0));
            }
            alarms += scope.shifts.len();
        }
        let expected = alpha * f64::from(closes) * series as f64;
        assert!(alarms as f64 <= expected * 1.3, "{windows} windows: {alarms} alarms, {expected} allowed");
        assert!(alarms > 0, "a test that never alarms tests nothing");
    }
}

#[test]
fn the_floor_holds_what_is_certain_but_small() {
    let mut random = Lcg(4);
    let run = |min_effect, random: &mut Lcg| {
        let mut scope = Scope::new(RegimeRule::new(2, 0.001, min_effect, 2));
        for at in 0..40 {
            let scale = if at < 20 { 100.0 } else { 106.0 };
            scope.minute(lognormal(random, 40_000, scale));
        }
        scope.shifts.len()
    };
    assert_eq!(run(0.05, &mut random), 0);
    assert_eq!(run(0.0, &mut random), 1);
}

#[test]
fn small_closes_are_pooled() {
    let mut random = Lcg(6);
    let rule = RegimeRule::new(1, 0.001, 0.05, 2).with_min_samples(300);
    let mut regime = Regime::new(&rule);
    let mut shifts = Vec::new();
    for at in 0..200 {
        let sketch = lognormal(&mut random, 50, if at < 120 { 100.0 } else { 250.0 });
        let verdict = regime.fold(&rule, close(0, at, at + 1, &sketch));
        // Six closes make one of 300 values.
        assert_eq!(verdict.distance.is_some(), at >= 6 && at % 6 == 5);
        shifts.extend(verdict.shift.map(|shift| (at, *shift)));
    }
    assert_eq!(shifts.len(), 1);
    let (at, shift) = &shifts[0];
    assert_eq!((*at, shift.since, shift.n_after, shift.n_evidence), (131, minute(120), 300, 600));
}

/// Sliding closes of one window share values: a run counts only those that do not overlap.
#[test]
fn overlapping_closes_are_not_counted_twice() {
    let mut random = Lcg(8);
    let rule = RegimeRule::new(1, 0.001, 0.05, 2);
    let mut regime = Regime::new(&rule);
    let mut minutes: Vec<DdSketch> = Vec::new();
    let mut shifts = Vec::new();
    for at in 0..60 {
        minutes.push(lognormal(&mut random, 500, if at < 30 { 100.0 } else { 300.0 }));
        if at < 4 {
            continue;
        }
        let five: DdSketch = minutes[at - 4..].iter().collect();
        let now = at as i64 + 1;
        shifts.extend(regime.fold(&rule, close(0, now - 5, now, &five)).shift.map(|shift| (now, *shift)));
    }
    // The first close beyond the bound ends at 31 (one minute of five is new); the next that does not
    // overlap it ends at 36. The first is mostly old, so the new regime starts with the second alone.
    assert_eq!(shifts.len(), 1);
    let (at, shift) = &shifts[0];
    assert_eq!((*at, shift.closes, shift.n_evidence, shift.since), (36, 2, 2500, minute(26)));
    assert_eq!(regime.since(), minute(31));
}

#[test]
fn corrections_and_repeats_change_nothing() {
    let mut random = Lcg(12);
    let rule = default_rule();
    let mut regime = Regime::new(&rule);
    for at in 0..10 {
        regime.fold(&rule, close(0, at, at + 1, &lognormal(&mut random, 500, 100.0)));
    }
    let before = regime.clone();
    let late = lognormal(&mut random, 500, 900.0);
    for at in 0..10 {
        assert_eq!(regime.fold(&rule, close(0, at, at + 1, &late)), Verdict::default());
    }
    assert_eq!(regime.fold(&rule, close(7, 10, 11, &late)), Verdict::default());
    assert_eq!(regime, before);
}

#[test]
fn the_reference_is_bounded_and_forgets() {
    let mut random = Lcg(13);
    let rule = RegimeRule::new(1, 0.001, 1.0, 1).with_reference_cap(4_000);
    let mut regime = Regime::new(&rule);
    for at in 0..200 {
        // A drift too slow for the floor: five times in 200 minutes.
        let scale = 100.0 * (1.0 + at as f64 / 50.0);
        regime.fold(&rule, close(0, at, at + 1, &lognormal(&mut random, 300, scale)));
        assert!(regime.reference().count() <= 4_000);
    }
    let median = regime.reference().quantile(0.5).unwrap();
    assert!(median > 430.0, "the reference still says {median}, the last minutes were at 500");
}

/// By hand: two closes of 4 values against a reference of 4, all apart: D = 1.
#[test]
fn golden_shift() {
    let rule = RegimeRule::new(1, 0.5, 0.5, 2).with_min_samples(4);
    let mut regime = Regime::new(&rule);
    let low: DdSketch = [1.0, 2.0, 3.0, 4.0].into_iter().collect();
    let high: DdSketch = [10.0, 20.0, 30.0, 40.0].into_iter().collect();
    assert_eq!(regime.fold(&rule, close(0, 0, 1, &low)), Verdict::default());
    assert_eq!(regime.fold(&rule, close(0, 1, 2, &high)), Verdict { distance: Some(1.0), shift: None });
    let shift = regime.fold(&rule, close(0, 2, 3, &high)).shift.unwrap();
    let key = |value: f64| crate::sketch::Key::of(value).unwrap().value();
    let expected = Shift {
        window: 0,
        against: Against::Reference,
        distance: 1.0,
        // sqrt(ln 4 / 2) sqrt(2 / 4)
        bound: 0.588_705_011_257_737_3,
        min_effect: 0.5,
        side: Side::Above,
        at: key(4.0),
        n_before: 4,
        n_after: 4,
        closes: 2,
        since: minute(1),
        n_evidence: 8,
        before: Quantiles { p50: key(2.0), p90: key(3.0), p99: key(3.0) },
        after: Quantiles { p50: key(20.0), p90: key(40.0), p99: key(40.0) },
        median_ratio: Some(key(20.0) / key(2.0)),
    };
    assert!((shift.bound - expected.bound).abs() < 1e-15);
    assert_eq!(*shift, Shift { bound: shift.bound, ..expected });
    assert_eq!(regime.reference().count(), 8);
}

/// A regime of windows m1 and m5 after ten quiet minutes.
fn settled(rule: &RegimeRule, random: &mut Lcg) -> Regime {
    let mut regime = Regime::new(rule);
    for at in 0..10 {
        regime.fold(rule, close(0, at, at + 1, &lognormal(random, 500, 100.0)));
        regime.fold(rule, close(1, at - 4, at + 1, &lognormal(random, 2500, 100.0)));
    }
    assert_eq!(regime.reference().count(), 5000);
    regime
}

#[test]
fn the_bound_is_that_of_all_pairs_together() {
    let mut random = Lcg(21);
    let rule = RegimeRule::new(2, 0.001, 0.05, 1);
    let mut regime = settled(&rule, &mut random);
    let shift = regime.fold(&rule, close(0, 10, 11, &lognormal(&mut random, 500, 900.0))).shift.unwrap();
    // m1 against m5, m1 and m5 against the reference: three pairs.
    let expected = ks::bound(ks::critical(0.001 / 3.0), shift.n_before, 500);
    assert!((shift.bound - expected).abs() < 1e-15);
}

#[test]
fn nothing_is_learned_while_a_window_is_in_doubt() {
    let mut random = Lcg(22);
    let rule = RegimeRule::new(2, 0.001, 0.05, 3);
    let mut regime = settled(&rule, &mut random);
    let usual = lognormal(&mut random, 500, 100.0);
    let strange = lognormal(&mut random, 2500, 900.0);
    // The long window is beyond the bounds, the short one is not.
    regime.fold(&rule, close(1, 6, 11, &strange));
    regime.fold(&rule, close(0, 11, 12, &usual));
    assert_eq!(regime.reference().count(), 5000);
    regime.fold(&rule, close(1, 8, 13, &lognormal(&mut random, 2500, 100.0)));
    regime.fold(&rule, close(0, 13, 14, &usual));
    assert_eq!(regime.reference().count(), 5500);
    // The short window is beyond, so the long one does not become what it is compared with.
    let latest = regime.tracks[1].latest.clone();
    regime.fold(&rule, close(0, 14, 15, &strange));
    regime.fold(&rule, close(1, 10, 15, &lognormal(&mut random, 2500, 100.0)));
    assert_eq!(regime.tracks[1].latest, latest);
    regime.fold(&rule, close(0, 15, 16, &usual));
    regime.fold(&rule, close(1, 11, 16, &lognormal(&mut random, 2500, 100.0)));
    assert_ne!(regime.tracks[1].latest, latest);
}

#[test]
fn values_of_overlapping_closes_are_learned_once() {
    let mut random = Lcg(23);
    let rule = RegimeRule::new(1, 0.001, 0.05, 2);
    let mut regime = Regime::new(&rule);
    for at in 0..20 {
        regime.fold(&rule, close(0, at, at + 5, &lognormal(&mut random, 500, 100.0)));
    }
    // Those that start at 0, 5, 10 and 15.
    assert_eq!(regime.reference().count(), 2000);
}

fn round_trip(regime: &Regime) -> Regime {
    let mut out = Writer::new();
    regime.save(&mut out);
    let mut input = Reader::new(out.as_slice());
    let back = Regime::load(&mut input).unwrap();
    input.finish().unwrap();
    back
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_restart_at_any_close_changes_nothing(
        seed: u64,
        sizes in proptest::collection::vec((prop_oneof![Just(0u64), 1..50u64, 80..400u64], 0usize..3), 1..40),
        restarts: u64,
    ) {
        let rule = RegimeRule::new(3, 0.05, 0.02, 2).with_reference_cap(1_000);
        let mut random = Lcg(seed);
        let (mut straight, mut restarted) = (Regime::new(&rule), Regime::new(&rule));
        for (at, (n, window)) in sizes.into_iter().enumerate() {
            let at = at as i64;
            let scale = if seed.rotate_left(at as u32 / 4).is_multiple_of(3) { 300.0 } else { 100.0 };
            let sketch = lognormal(&mut random, n, scale);
            let close = close(window, at - 2 * window as i64, at + 1, &sketch);
            if restarts >> (at % 64) & 1 == 1 {
                restarted = round_trip(&restarted);
            }
            let expected = straight.fold(&rule, close);
            prop_assert_eq!(restarted.fold(&rule, close), expected);
            prop_assert_eq!(&restarted, &straight);
            prop_assert_eq!(restarted.logical_bytes(), straight.logical_bytes());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(mut regime) = Regime::load(&mut Reader::new(&bytes)) {
            let sketch: DdSketch = (1..200).map(f64::from).collect();
            let end = EventTime(5).plus(Span(1));
            for window in 0..9 {
                regime.fold(&default_rule(), Close { window, start: EventTime(5), end, sketch: &sketch });
            }
        }
    }
}
