use super::*;
use std::collections::BTreeMap;

/// Values of many kinds, so that every form of the store is met.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        8 => (-3.0f64..8.0).prop_map(f64::exp),
        4 => (0..50i32).prop_map(f64::from),
        2 => -1e6f64..1e6,
        1 => Just(0.0),
        1 => any::<f64>(),
    ];
    prop_oneof![
        proptest::collection::vec(value.clone(), 0..40),
        proptest::collection::vec(value, 0..1500),
        proptest::collection::vec((-1.0f64..1.0).prop_map(|x| 100.0 * x.exp()), 200..3000),
    ]
}

/// What a store must hold, whatever its form.
type Model = BTreeMap<i16, u64>;

fn model_add(model: &mut Model, key: Key, n: u64) {
    if n > 0 {
        let count = model.entry(key.raw()).or_default();
        *count = count.saturating_add(n);
    }
}

fn bins(sketch: &DdSketch) -> Vec<(i16, u64)> {
    sketch.bins().map(|(key, count)| (key.raw(), count)).collect()
}

/// Merges the parts pairwise, in an order drawn from the seed.
fn merge_in_some_order(mut parts: Vec<DdSketch>, seed: u64) -> DdSketch {
    let mut random = Lcg(seed);
    while parts.len() > 1 {
        let part = parts.swap_remove(random.next() as usize % parts.len());
        let into = random.next() as usize % parts.len();
        if random.next().is_multiple_of(2) {
            parts[into].merge(&part);
        } else {
            parts[into] = part.merged(&parts[into]);
        }
    }
    parts.pop().unwrap_or_default()
}

#[derive(Debug, Clone)]
enum Op {
    Add(i16, u64),
    MergeSmall(Vec<i16>),
    MergeWide(i16, i16, u64),
    SaveAndLoad,
    Halve,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = || prop_oneof![5 => 1000i16..1100, 1 => Key::MIN.raw()..=Key::MAX.raw()];
    let count = prop_oneof![
        8 => 1u64..4,
        2 => 1u64..300,
        1 => 1u64..70_000,
        1 => 500_000u64..600_000,
        1 => any::<u64>(),
    ];
    let op = prop_oneof![
        10 => (key(), count.clone()).prop_map(|(key, n)| Op::Add(key, n)),
        2 => proptest::collection::vec(key(), 0..40).prop_map(Op::MergeSmall),
        2 => (key(), 1i16..200, count).prop_map(|(key, step, n)| Op::MergeWide(key, step, n)),
        1 => Just(Op::SaveAndLoad),
        1 => Just(Op::Halve),
    ];
    proptest::collection::vec(op, 0..120)
}

fn key(raw: i16) -> Key {
    Key::from_raw(raw).unwrap()
}

proptest! {
    #[test]
    fn any_order_and_any_grouping_give_the_same_bytes(values in values(), seed: u64, parts in 1usize..9) {
        let straight: DdSketch = values.iter().copied().collect();
        let mut random = Lcg(seed);
        let mut shuffled = values;
        random.shuffle(&mut shuffled);
        let mut groups = vec![DdSketch::new(); parts];
        for value in &shuffled {
            groups[random.next() as usize % parts].add(*value);
        }
        let merged = merge_in_some_order(groups, seed);
        prop_assert_eq!(&merged, &straight);
        prop_assert_eq!(saved(&merged), saved(&straight));
        prop_assert_eq!(merged.logical_bytes(), straight.logical_bytes());
        let back: DdSketch = loaded(&saved(&merged));
        prop_assert_eq!(&back, &straight);
        prop_assert_eq!(saved(&back), saved(&straight));
    }

    #[test]
    fn a_sketch_is_the_multiset_of_its_keys(ops in ops()) {
        let mut sketch = DdSketch::new();
        let mut model = Model::new();
        for op in ops {
            match op {
                Op::Add(raw, n) => {
                    sketch.add_keys(key(raw), n);
                    model_add(&mut model, key(raw), n);
                }
                Op::MergeSmall(keys) => {
                    let mut other = DdSketch::new();
                    for raw in keys {
                        other.add_key(key(raw));
                        model_add(&mut model, key(raw), 1);
                    }
                    sketch.merge(&other);
                }
                Op::MergeWide(start, step, n) => {
                    let mut other = DdSketch::new();
                    for at in 0..30 {
                        let key = key(start).offset(at * i32::from(step));
                        other.add_keys(key, n);
                        model_add(&mut model, key, n);
                    }
                    sketch.merge(&other);
                }
                Op::SaveAndLoad => sketch = loaded(&saved(&sketch)),
                Op::Halve => {
                    sketch = sketch.halved();
                    let mut below = 0u64;
                    for count in model.values_mut() {
                        let upto = below.saturating_add(*count);
                        *count = upto / 2 - below / 2;
                        below = upto;
                    }
                    model.retain(|_, count| *count > 0);
                }
            }
            prop_assert_eq!(bins(&sketch), model.clone().into_iter().collect::<Vec<_>>());
        }
        let count = model.values().fold(0u64, |sum, count| sum.saturating_add(*count));
        prop_assert_eq!(sketch.count(), count);
        prop_assert_eq!(sketch.is_empty(), count == 0);
        let mut below = 0u64;
        for (raw, count) in &model {
            prop_assert_eq!(sketch.key_at(below), Some(key(*raw)));
            below = below.saturating_add(*count);
            prop_assert_eq!(sketch.key_at(below - 1), Some(key(*raw)));
            if below == u64::MAX {
                break;
            }
        }
        prop_assert_eq!(sketch.key_at(count), None);
        prop_assert!(sketch.heap_bytes() <= 8 * 6515 + 64);
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_what_loads_is_canonical(bytes: Vec<u8>) {
        let mut input = Reader::new(&bytes);
        if let Ok(sketch) = DdSketch::load(&mut input) {
            prop_assert!(sketch.heap_bytes() <= 8 * 6515 + 64);
            let again: DdSketch = loaded(&saved(&sketch));
            prop_assert_eq!(&again, &sketch);
        }
    }

    #[test]
    fn halving_moves_the_distribution_by_at_most_one_value(values in values()) {
        let sketch: DdSketch = values.into_iter().collect();
        let halved = sketch.halved();
        prop_assert_eq!(halved.count(), sketch.count() / 2);
        for (key, _) in sketch.bins() {
            let before = sketch.count_above(key);
            let after = 2 * halved.count_above(key);
            prop_assert!(before.abs_diff(after) <= 1);
        }
    }
}

fn check_quantiles(name: &str, mut values: Vec<f64>) {
    let sketch: DdSketch = values.iter().copied().collect();
    assert_eq!(sketch.count(), values.len() as u64, "{name}");
    assert_eq!(sketch.clamped(), 0, "{name}");
    values.sort_by(f64::total_cmp);
    for per_mille in 0..=1000 {
        let q = f64::from(per_mille) / 1000.0;
        let rank = (q * (values.len() - 1) as f64).floor();
        let exact = values[rank as usize];
        let found = sketch.quantile(q).unwrap();
        assert!((found - exact).abs() <= 0.01 * exact.abs(), "{name}: q {q} is {exact}, sketch says {found}");
        let within = sketch.quantile_within(q, values[0], values[values.len() - 1]).unwrap();
        assert!((within - exact).abs() <= 0.01 * exact.abs(), "{name}: q {q} is {exact}, held: {within}");
    }
}

#[test]
fn every_quantile_is_within_one_percent_of_the_exact_one() {
    let mut random = Lcg(7);
    let mut draw = |n: usize, make: &dyn Fn(&mut Lcg) -> f64| (0..n).map(|_| make(&mut random)).collect();
    check_quantiles("lognormal", draw(20_000, &|r| r.lognormal(1.2)));
    check_quantiles("lognormal, wide", draw(20_000, &|r| 1e3 * r.lognormal(6.0)));
    check_quantiles("uniform", draw(20_000, &|r| 1000.0 * r.unit()));
    check_quantiles("negative", draw(5_000, &|r| -r.lognormal(1.0)));
    check_quantiles("both signs", draw(5_000, &|r| 50.0 * r.normal()));
    check_quantiles("integers", draw(5_000, &|r| (r.next() % 100) as f64));
    check_quantiles("constant", draw(70_000, &|_| 42.0));
    check_quantiles("few", draw(3, &|r| r.unit()));
    check_quantiles("one", vec![1.0]);
    check_quantiles("edges of the range", vec![1e-9, 1e12, -1e-9, -1e12, 9.2e18]);
}

#[test]
fn values_outside_the_range_keep_their_rank_and_are_counted() {
    let mut sketch = DdSketch::new();
    assert_eq!(sketch.add(1.0), Taken::Whole);
    assert_eq!(sketch.add(1e300), Taken::Clamped);
    assert_eq!(sketch.add(-1e300), Taken::Clamped);
    assert_eq!(sketch.add(1e-12), Taken::Clamped);
    assert_eq!(sketch.add(f64::NAN), Taken::Rejected);
    assert_eq!(sketch.add(f64::INFINITY), Taken::Rejected);
    assert_eq!(sketch.add(0.0), Taken::Whole);
    assert_eq!((sketch.count(), sketch.clamped()), (5, 3));
    let by_rank: Vec<f64> = (0..5).map(|rank| sketch.key_at(rank).unwrap().value()).collect();
    assert!(by_rank[0] < -9e18 && by_rank[1] == 0.0 && by_rank[2] < 1e-9 && by_rank[4] > 9e18, "{by_rank:?}");
}

#[test]
fn the_empty_sketch_has_no_quantile() {
    assert_eq!(DdSketch::new().quantile(0.5), None);
    assert_eq!(saved(&DdSketch::new()), [0]);
}

#[test]
fn ranks_are_the_lower_ones() {
    let sketch: DdSketch = (1..=10).map(f64::from).collect();
    let rounded = |q: f64| sketch.quantile(q).unwrap().round();
    assert_eq!(rounded(0.0), 1.0);
    assert_eq!(rounded(0.5), 5.0);
    assert_eq!(rounded(0.99), 9.0);
    assert_eq!(rounded(1.0), 10.0);
    assert_eq!(rounded(-3.0), 1.0);
    assert_eq!(rounded(f64::NAN), 1.0);
    assert_eq!(sketch.quantile_within(1.0, 1.0, 10.0), Some(10.0));
}

/// Saved state outlives a release: these bytes must never change.
#[test]
fn golden_bytes() {
    let sketch: DdSketch = [0.0, 1.0, 1.0, 1.0, 1.03, 2.0].into_iter().collect();
    // 4 bins: key 0 once; 1052 (gap 1051) three times; 1053 (gap 0) once; 1087 (gap 33) once.
    assert_eq!(saved(&sketch), [4, 0, 0xb7, 0x10, 1, 0, 66]);
    let mut negative = DdSketch::new();
    negative.add_keys(Key::of(-1.0).unwrap(), 1_000_000);
    // 1 bin: key -1052 (zigzag 2103) a million times.
    assert_eq!(saved(&negative), [1, 0xef, 0x20, 0xbe, 0x84, 0x3d]);
}

/// Memory per live scope is what bounds a worker; these are ceilings, not estimates.
#[test]
fn small_sketches_are_small() {
    let mut random = Lcg(3);
    for (values, ceiling) in [(16, 0), (17, 120), (100, 420), (1_000, 900), (100_000, 2_700)] {
        let sketch: DdSketch = (0..values).map(|_| random.lognormal(1.2)).collect();
        let bytes = sketch.heap_bytes();
        assert!(bytes <= ceiling, "{values} values take {bytes} bytes of heap, at most {ceiling} expected");
    }
    let constant: DdSketch = std::iter::repeat_n(5.0, 1_000_000).collect();
    assert!(constant.heap_bytes() <= 64, "{}", constant.heap_bytes());
    let far_apart: DdSketch = (0..10_000).map(|at| [0.0, 1e-6, 1e9][at % 3]).collect();
    assert!(far_apart.heap_bytes() <= 64, "{}", far_apart.heap_bytes());
}
