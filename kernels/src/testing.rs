//! What the kernels' tests share: tiers, pools and operand values.

use crate::element::Element;
use crate::pool::Pool;
use crate::random::{hash, value};
use crate::tier::Tier;
use std::sync::OnceLock;

/// Every tier that this CPU has; the others are named once.
pub(crate) fn tiers() -> &'static [Tier] {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        for tier in Tier::ALL.into_iter().filter(|t| !t.is_available()) {
            println!("skipped: this CPU has no {tier}");
        }
    });
    Tier::available()
}

/// No pool, and pools of one to five workers.
pub(crate) fn pools() -> &'static [Option<Pool>] {
    static POOLS: OnceLock<Vec<Option<Pool>>> = OnceLock::new();
    POOLS.get_or_init(|| [0, 1, 2, 3, 5].map(|n| Pool::unpinned(n).ok()).into())
}

/// `n` values in [-1, 1).
pub(crate) fn values<T: Element>(seed: u64, n: usize) -> Vec<T> {
    (0..n).map(|i| T::from_f64(value(seed, i))).collect()
}

/// As [`values`], with about one in eight a NaN, an infinity of either sign, a zero of either sign or a denormal number.
pub(crate) fn special_values<T: Element>(seed: u64, n: usize) -> Vec<T> {
    let least = least::<T>();
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 3.0 * least, -least, 1000.0 * least];
    let mut all = values(seed, n);
    for (i, x) in all.iter_mut().enumerate() {
        let drawn = hash(seed + 1, i as u64);
        if drawn.is_multiple_of(8) {
            *x = T::from_f64(special[(drawn >> 8) as usize % special.len()]);
        }
    }
    all
}

/// The least positive number, which a product of denormal numbers may be off by.
pub(crate) fn least<T: Element>() -> f64 {
    if size_of::<T>() == 4 { f64::from(f32::from_bits(1)) } else { f64::from_bits(1) }
}

/// Equal bit for bit, with NaN equal to NaN.
pub(crate) fn same<T: Element>(a: &[T], b: &[T]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_f64().to_bits() == b.to_f64().to_bits())
}

/// The error is within the bound, or both are NaN, or both the same infinity.
#[track_caller]
pub(crate) fn assert_close(found: f64, wanted: f64, bound: f64, what: &dyn std::fmt::Debug) {
    let same = found == wanted || (found.is_nan() && wanted.is_nan());
    assert!(same || (found - wanted).abs() <= bound, "{found} instead of {wanted} +- {bound}: {what:?}");
}
