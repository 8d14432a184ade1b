use super::*;
use std::collections::BTreeSet;

fn hashes(seed: u64, n: usize) -> Vec<u64> {
    let mut random = Lcg(seed);
    (0..n).map(|_| random.next()).collect()
}

fn counter(hashes: &[u64]) -> Hll {
    let mut hll = Hll::new();
    for hash in hashes {
        hll.add(*hash);
    }
    hll
}

proptest! {
    #[test]
    fn any_order_grouping_and_repetition_give_the_same_bytes(
        seed: u64,
        n in prop_oneof![0usize..20, 0usize..600, 500usize..530, 0usize..5000],
        parts in 1usize..6,
    ) {
        let mut all = hashes(seed, n);
        let straight = counter(&all);
        let mut random = Lcg(!seed);
        random.shuffle(&mut all);
        let mut groups = vec![Hll::new(); parts];
        for hash in &all {
            groups[random.next() as usize % parts].add(*hash);
            groups[random.next() as usize % parts].add(*hash);
        }
        random.shuffle(&mut groups);
        while groups.len() > 1 {
            let part = groups.swap_remove(random.next() as usize % groups.len());
            let into = random.next() as usize % groups.len();
            groups[into].merge(&part);
        }
        let merged = groups.pop().unwrap();
        prop_assert_eq!(&merged, &straight);
        prop_assert_eq!(saved(&merged), saved(&straight));
        prop_assert_eq!(&loaded::<Hll>(&saved(&merged)), &straight);
    }

    /// Hashes that share high bits or have long runs of zeros: the coupon and the register must agree.
    #[test]
    fn registers_are_the_same_by_way_of_coupons(
        hashes in proptest::collection::vec((any::<u64>(), 0u32..64), 0..40)
    ) {
        let hashes: Vec<u64> = hashes.into_iter().map(|(hash, shift)| hash >> shift).collect();
        let mut filler = counter(&self::hashes(1, 2000));
        let mut direct = filler.clone();
        for hash in &hashes {
            direct.add(*hash);
        }
        filler.merge(&counter(&hashes));
        prop_assert_eq!(filler, direct);
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>, long: bool) {
        if long {
            bytes.insert(0, 1);
            bytes.resize(3073, 0x41);
        }
        if let Ok(hll) = Hll::load(&mut Reader::new(&bytes)) {
            prop_assert!(hll.estimate() >= 0.0);
            prop_assert_eq!(&loaded::<Hll>(&saved(&hll)), &hll);
        }
    }
}

#[test]
fn small_counts_are_exact() {
    for n in [0, 1, 7, 8, 100, 512] {
        let all = hashes(11, n);
        let distinct: BTreeSet<u64> = all.iter().copied().collect();
        let mut hll = counter(&all);
        hll.merge(&counter(&all));
        assert_eq!(hll.estimate(), distinct.len() as f64);
    }
}

/// The relative standard error of 4,096 registers is 1.04 / 64 = 1.6 %. Over 40 seeds the error of
/// the mean stays below .8 %, and no single count is off by more than 4 standard errors.
#[test]
fn large_counts_are_within_the_standard_error() {
    for n in [600, 3_000, 12_000, 100_000] {
        let mut sum = 0.0;
        for seed in 0..40 {
            let error = counter(&hashes(1000 + seed, n)).estimate() / n as f64 - 1.0;
            assert!(error.abs() < 0.065, "{n} distinct, seed {seed}: off by {error}");
            sum += error;
        }
        assert!((sum / 40.0f64).abs() < 0.008, "{n} distinct: biased by {}", sum / 40.0);
    }
}

/// Saved state outlives a release: these bytes must never change.
#[test]
fn golden_bytes() {
    assert_eq!(saved(&Hll::new()), [0, 0]);
    // Hash 1 << 38: coupon index 1, rank 39. Hash 1 << 37: coupon index 0, rank 1.
    assert_eq!(saved(&counter(&[1 << 38, 1 << 37])), [0, 2, 1, 102]);
    let dense = saved(&counter(&hashes(5, 1000)));
    assert_eq!(dense.len(), 3073);
    assert_eq!(dense[0], 1);
}
