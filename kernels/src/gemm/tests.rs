use super::*;
use crate::testing::{assert_close, pools, same, tiers, values};
use proptest::prelude::*;

/// Every tier and thread count against three loops in f64.
fn check<T: Element>(g: &Gemm<T>, offset: usize) {
    let len = |rows: usize, lead: usize| rows * lead + offset;
    let (a, b) = (values::<T>(7, len(g.m, g.lda)), values::<T>(8, len(g.k, g.ldb)));
    let old = values::<T>(9, len(g.m, g.ldc));
    let (a, b) = (&a[offset..], &b[offset..]);
    for &tier in tiers() {
        let mut first: Option<Vec<T>> = None;
        for pool in pools() {
            let mut c = old.clone();
            gemm(pool.as_ref(), tier, g, a, b, &mut c[offset..]).unwrap();
            for (at, (found, old)) in c[offset..].iter().zip(&old[offset..]).enumerate() {
                let (i, j) = (at / g.ldc, at % g.ldc);
                if j >= g.n {
                    assert_eq!(found, old, "{tier} touched the padding of C");
                    continue;
                }
                let products = (0..g.k).map(|p| a[i * g.lda + p].to_f64() * b[p * g.ldb + j].to_f64());
                let (sum, size) = products.fold((0.0, 0.0), |(s, a), p| (s + p, a + p.abs()));
                let (alpha, beta) = (g.alpha.to_f64(), g.beta.to_f64() * old.to_f64());
                let bound = (g.k + 3) as f64 * 2.0 * T::ROUNDOFF * (alpha.abs() * size + beta.abs());
                assert_close(found.to_f64(), alpha * sum + beta, bound, &(tier, g, i, j));
            }
            assert!(same(first.get_or_insert_with(|| c.clone()), &c), "{tier} depends on the thread count");
        }
    }
}

fn plain<T: Element>(m: usize, n: usize, k: usize) -> Gemm<T> {
    Gemm { m, n, k, alpha: T::ONE, beta: T::ZERO, lda: k, ldb: n, ldc: n }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_extents(
        (m, n, k) in (0usize..50, 0usize..80, 0usize..40),
        (pa, pb, pc) in (0usize..4, 0usize..4, 0usize..4),
        alpha in prop_oneof![Just(0.0), Just(1.0), -2.0f64..2.0],
        beta in prop_oneof![Just(0.0), Just(1.0), -2.0f64..2.0],
        offset in 0usize..4,
        // Narrow products are read in place, wide ones are packed.
        wide in prop_oneof![Just(0usize), Just(100), Just(200)],
    ) {
        let n = n + wide;
        // A leading dimension of 0 belongs to a matrix without columns; the oracle divides by it.
        let lead = |columns: usize, padding: usize| (columns + padding).max(1);
        let (lda, ldb, ldc) = (lead(k, pa), lead(n, pb), lead(n, pc));
        check::<f32>(&Gemm { m, n, k, alpha: alpha as f32, beta: beta as f32, lda, ldb, ldc }, offset);
        check::<f64>(&Gemm { m, n, k, alpha, beta, lda, ldb, ldc }, offset);
    }
}

#[test]
fn larger_than_one_packed_block() {
    // Several stretches of steps; several blocks of columns; more rows than are packed at once.
    check::<f32>(&plain(31, 137, 600), 0);
    check::<f64>(&Gemm { beta: 0.5, alpha: -1.0, ..plain(17, 119, 300) }, 1);
    check::<f32>(&plain(3, 1100, 20), 0);
    check::<f64>(&Gemm { beta: -1.0, ..plain(1100, 70, 260) }, 0);
}

#[test]
fn narrow_products_longer_than_one_stretch_of_steps() {
    check::<f32>(&Gemm { lda: 1405, ..plain(10, 90, 1400) }, 0);
    check::<f64>(&Gemm { beta: 0.5, alpha: -1.0, ..plain(9, 33, 1400) }, 1);
}

#[test]
fn beta_zero_overwrites_nan_and_alpha_zero_ignores_it() {
    for &tier in tiers() {
        let g = plain::<f32>(2, 2, 2);
        let mut c = [f32::NAN; 4];
        gemm(None, tier, &g, &[1.0; 4], &[2.0; 4], &mut c).unwrap();
        assert_eq!(c, [4.0; 4], "{tier}");
        gemm(None, tier, &Gemm { alpha: 0.0, beta: 0.5, ..g }, &[f32::NAN; 4], &[1.0; 4], &mut c).unwrap();
        assert_eq!(c, [2.0; 4], "{tier}");
        gemm(None, tier, &g, &[f32::NAN, 1.0, 1.0, 1.0], &[1.0; 4], &mut c).unwrap();
        assert!(c[0].is_nan() && c[1].is_nan() && c[2] == 2.0, "{tier}: {c:?}");
    }
}

#[test]
fn bad_extents_are_refused() {
    let run = |g: &Gemm<f32>| gemm(None, Tier::Scalar, g, &[0.0; 6], &[0.0; 6], &mut [0.0; 4]).unwrap_err();
    let g = plain(2, 2, 3);
    assert_eq!(run(&Gemm { lda: 2, ..g }), KernelError::LeadingDimension { what: "a", columns: 3, found: 2 });
    assert_eq!(run(&Gemm { ldb: 3, ..g }), KernelError::Length { what: "b", expected: 8, found: 6 });
    assert_eq!(run(&Gemm { m: 3, lda: usize::MAX, ..g }), KernelError::Overflow { what: "a" });
}
