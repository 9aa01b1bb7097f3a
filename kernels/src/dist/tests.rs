use super::*;
use crate::testing::{assert_close, pools, same, tiers, values};
use proptest::prelude::*;

fn check<T: Element>(n: usize, dim: usize, offset: usize) {
    let points = values::<T>(3, n * dim + offset);
    let points = &points[offset..];
    for &tier in tiers() {
        let mut first: Option<Vec<T>> = None;
        for pool in pools() {
            let mut out = vec![T::NAN; n];
            dist(pool.as_ref(), tier, points, dim, &mut out).unwrap();
            for (i, found) in out.iter().enumerate() {
                let squares = points[i * dim..][..dim].iter().map(|x| x.to_f64() * x.to_f64());
                let wanted = squares.sum::<f64>().sqrt();
                assert_close(found.to_f64(), wanted, (dim + 2) as f64 * T::ROUNDOFF * wanted, &(tier, n, dim, i));
            }
            assert!(same(first.get_or_insert_with(|| out.clone()), &out), "{tier} depends on the thread count");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_set(n in 0usize..200, dim in 0usize..70, offset in 0usize..9) {
        check::<f32>(n, dim, offset);
        check::<f64>(n, dim, offset);
    }
}

#[test]
fn a_long_set_is_the_same_for_all_thread_counts() {
    check::<f32>(9000, 3, 1);
    check::<f64>(5, 4096, 0);
}

#[test]
fn the_contract_at_the_ends_of_the_range() {
    for &tier in tiers() {
        for dim in [2, 3, 40] {
            let norm = |x: f32| {
                let mut point = vec![0.0f32; dim];
                point[dim - 1] = x;
                let mut out = [0.0];
                dist(None, tier, &point, dim, &mut out).unwrap();
                out[0]
            };
            assert_eq!((norm(1e30), norm(1e-30), norm(f32::INFINITY)), (f32::INFINITY, 0.0, f32::INFINITY), "{tier}");
            assert!(norm(f32::NAN).is_nan(), "{tier} {dim}");
            assert_eq!(norm(-3.0), 3.0, "{tier} {dim}");
        }
    }
}

#[test]
fn bad_extents_are_refused() {
    let found = dist(None, Tier::Scalar, &[0.0f32; 5], 3, &mut [0.0; 2]);
    assert_eq!(found, Err(KernelError::Length { what: "points", expected: 6, found: 5 }));
    let found = dist(None, Tier::Scalar, &[0.0f32; 5], usize::MAX, &mut [0.0; 2]);
    assert_eq!(found, Err(KernelError::Overflow { what: "points" }));
}
