//! What the kernels' tests share: tiers, pools and operand values.

use crate::element::Element;
use crate::pool::Pool;
use crate::random::value;
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
