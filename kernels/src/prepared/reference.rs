//! What the checks compare with.

use super::SEED;
use crate::random::hash;

/// Outputs compared where each costs little.
pub(super) const MOST: usize = 1 << 16;

/// All of `0..len`, or `most` of them: the first and last 64 and a seeded random rest.
pub(super) fn sample(len: usize, most: usize) -> Vec<usize> {
    if len <= most {
        return (0..len).collect();
    }
    let ends = 64.min(most / 4);
    let random = (0..most - 2 * ends).map(|i| (hash(SEED ^ 0xC4EC, i as u64) % len as u64) as usize);
    (0..ends).chain(len - ends..len).chain(random).collect()
}

/// `|found - wanted|` over `bound`; infinity for a NaN, and for any difference where the bound is 0.
pub(super) fn over_bound(found: f64, wanted: f64, bound: f64) -> f64 {
    let error = (found - wanted).abs();
    if found == wanted {
        0.0
    } else if error.is_nan() || bound <= 0.0 {
        f64::INFINITY
    } else {
        error / bound
    }
}

/// The sum of products to about twice f64's precision, and the sum of absolute products (T. Ogita et al., *Accurate
/// sum and dot product*, SIAM J. Sci. Comput. 26, 2005: Dot2).
pub(super) fn dot(pairs: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let (mut high, mut low, mut size) = (0.0f64, 0.0f64, 0.0f64);
    for (a, b) in pairs {
        let product = a * b;
        let product_error = a.mul_add(b, -product);
        let sum = high + product;
        let shadow = sum - high;
        low += (high - (sum - shadow)) + (product - shadow) + product_error;
        high = sum;
        size += product.abs();
    }
    (high + low, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_survives_cancellation() {
        let (sum, size) = dot([(1e16, 1.0), (1.0, 1.0), (-1e16, 1.0)].into_iter());
        assert_eq!((sum, size), (1.0, 2e16 + 1.0));
    }

    #[test]
    fn poison_fails() {
        assert_eq!(over_bound(f64::NAN, 1.0, 1.0), f64::INFINITY);
        assert_eq!(over_bound(1.0, 1.0, 0.0), 0.0);
        assert_eq!(over_bound(1.5, 1.0, 1.0), 0.5);
    }

    #[test]
    fn samples_hold_the_ends_and_stay_inside() {
        assert_eq!(sample(3, 10), [0, 1, 2]);
        let some = sample(1_000_000, 1000);
        assert_eq!(some.len(), 1000);
        assert!(some.contains(&0) && some.contains(&999_999) && some.iter().all(|i| *i < 1_000_000));
    }
}
