use super::*;
use crate::testing::{pools, tiers};
use ergometer_record::philox;
use proptest::prelude::*;

fn check(seed: u64, first: u64, blocks: u64) {
    let wanted = (philox::count_inside_f32(seed, first, blocks), philox::count_inside_f64(seed, first, blocks));
    for &tier in tiers() {
        for pool in pools() {
            let narrow = count_inside::<f32>(pool.as_ref(), tier, seed, first, blocks).unwrap();
            let wide = count_inside::<f64>(pool.as_ref(), tier, seed, first, blocks).unwrap();
            assert_eq!((narrow, wide), wanted, "{tier} {pool:?} seed {seed} first {first} blocks {blocks}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_count_is_the_oracles(seed: u64, first in 0u64..u64::MAX / 2, blocks in 0u64..500) {
        check(seed, first, blocks);
    }
}

#[test]
fn the_counter_carries_into_its_second_word() {
    check(7, (1 << 32) - 40, 100);
}

#[test]
fn a_long_stretch() {
    check(1, 0, 50_000);
}

#[test]
fn counters_that_overflow_are_refused() {
    let found = count_inside::<f32>(None, Tier::Scalar, 0, u64::MAX, 1);
    assert_eq!(found, Err(KernelError::Overflow { what: "the block counter" }));
}
