use super::*;
use crate::testing::{assert_close, pools, same, tiers, values};
use proptest::prelude::*;

fn check<T: Element>(n: usize, offset: usize) {
    let (b, c) = (values::<T>(1, n + offset), values::<T>(2, n + offset));
    let (b, c, q) = (&b[offset..], &c[offset..], T::from_f64(-1.7));
    for &tier in tiers() {
        let mut first: Option<Vec<T>> = None;
        for pool in pools() {
            let mut a = vec![T::NAN; n + 2 * offset];
            triad(pool.as_ref(), tier, &mut a[offset..offset + n], b, c, q).unwrap();
            for i in 0..n {
                let (b, qc) = (b[i].to_f64(), q.to_f64() * c[i].to_f64());
                let bound = 2.0 * T::ROUNDOFF * (b.abs() + qc.abs());
                assert_close(a[offset + i].to_f64(), b + qc, bound, &(tier, n, i));
            }
            let outside = a[..offset].iter().chain(&a[offset + n..]);
            assert!(outside.into_iter().all(|x| x.to_f64().is_nan()), "{tier} wrote outside");
            assert!(same(first.get_or_insert_with(|| a.clone()), &a), "{tier} depends on the thread count");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_length_and_alignment(n in 0usize..3000, offset in 0usize..9) {
        check::<f32>(n, offset);
        check::<f64>(n, offset);
    }
}

#[test]
fn streaming_gives_the_same_bits() {
    for &tier in tiers() {
        for n in [0, 1, 15, 16, 17, 100, 1000] {
            let (b, c) = (values::<f32>(1, n), values::<f32>(2, n));
            let results = [false, true].map(|stream| {
                let mut a = vec![0.0; n + 1];
                part(tier.level().unwrap(), Shared::new(&mut a[1..]), &b, &c, 0.3, stream, 0, 1);
                a
            });
            assert!(same(&results[0], &results[1]), "{tier} {n}");
        }
    }
}

#[test]
fn specials_follow_ieee() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for &tier in tiers() {
        let mut a = [0.0f32; 4];
        triad(None, tier, &mut a, &[nan, inf, 1.0, 1e-45], &[1.0, -inf, inf, 0.0], 1.0).unwrap();
        assert!(a[0].is_nan() && a[1].is_nan() && a[2] == inf && a[3] == 1e-45, "{tier}: {a:?}");
    }
}

#[test]
fn lengths_that_differ_are_refused() {
    let error = triad(None, Tier::Scalar, &mut [0.0; 3], &[0.0; 3], &[0.0; 2], 1.0).unwrap_err();
    assert_eq!(error, KernelError::Length { what: "c", expected: 3, found: 2 });
}
