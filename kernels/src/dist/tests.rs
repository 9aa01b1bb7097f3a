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
fn short_rows_of_every_length() {
    // One point, less than a group of waiting roots, exactly one, and more.
    for dim in 1..=9 {
        for n in [1, 15, 63, 64, 65, 131] {
            check::<f32>(n, dim, dim % 3);
            check::<f64>(n, dim, dim % 2);
        }
    }
}

#[test]
fn a_long_set_is_the_same_for_all_thread_counts() {
    check::<f32>(9000, 3, 1);
    check::<f64>(5, 4096, 0);
}

/// The norm of a point of `dim` coordinates that are all `x`, between two ordinary points.
fn norm_of<T: Element>(tier: Tier, dim: usize, x: T) -> T {
    let mut points = vec![T::ONE; 3 * dim];
    points[dim..2 * dim].fill(x);
    let mut out = [T::NAN; 3];
    dist(None, tier, &points, dim, &mut out).unwrap();
    assert_close(out[0].to_f64(), (dim as f64).sqrt(), 1e-5 * dim as f64, &tier);
    out[1]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// The whole range: f64 holds the squares of every f32 without rounding away its range.
    #[test]
    fn no_spurious_overflow_in_f32(dim in 1usize..40, exponent in -149i32..128, factor in 1.0f64..2.0) {
        let x = (factor * 2f64.powi(exponent)) as f32;
        let wanted = f64::from(x) * (dim as f64).sqrt();
        for &tier in tiers() {
            let found = norm_of(tier, dim, x);
            if wanted < f64::from(f32::MAX) * 0.999 {
                let tiny = f64::from(f32::from_bits(1));
                let bound = (dim + 3) as f64 * f32::ROUNDOFF * wanted + tiny;
                assert_close(found.into(), wanted, bound, &(tier, dim, x));
            }
        }
    }

    /// Exact by construction: 16 equal coordinates have four times their size as norm.
    #[test]
    fn no_spurious_overflow_in_f64(exponent in -1074i32..1021, factor in 1.0f64..2.0) {
        let x = factor * 2f64.powi(exponent.max(-1022)) * 2f64.powi((exponent + 1022).min(0));
        for &tier in tiers() {
            assert_close(norm_of(tier, 16, x), 4.0 * x, 20.0 * f64::ROUNDOFF * 4.0 * x + f64::from_bits(1), &(tier, x));
        }
    }
}

#[test]
fn the_contract_at_the_ends_of_the_range() {
    for &tier in tiers() {
        for dim in [1, 2, 3, 40] {
            let last = |x: f32, first: f32| {
                let mut point = vec![0.0f32; dim];
                point[0] = first;
                point[dim - 1] = x;
                let mut out = [0.0];
                dist(None, tier, &point, dim, &mut out).unwrap();
                out[0]
            };
            let known = [1e30, 1e-30, f32::from_bits(1), f32::MAX, f32::INFINITY, 0.0, 3.0];
            for x in known {
                assert_eq!((last(x, 0.0), last(-x, 0.0)), (x, x), "{tier} {dim}");
            }
            assert!(last(f32::NAN, 0.0).is_nan() && last(f32::NAN, f32::INFINITY).is_nan(), "{tier} {dim}");
        }
        assert_eq!(norm_of(tier, 4, f32::MAX), f32::INFINITY, "{tier}: twice the largest number");
        assert_eq!(norm_of(tier, 4, f64::MAX / 4.0), f64::MAX / 2.0, "{tier}");
    }
}

#[test]
fn bad_extents_are_refused() {
    let found = dist(None, Tier::Scalar, &[0.0f32; 5], 3, &mut [0.0; 2]);
    assert_eq!(found, Err(KernelError::Length { what: "points", expected: 6, found: 5 }));
    let found = dist(None, Tier::Scalar, &[0.0f32; 5], usize::MAX, &mut [0.0; 2]);
    assert_eq!(found, Err(KernelError::Overflow { what: "points" }));
}
