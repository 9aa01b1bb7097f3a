//! The micro-kernel: a tile of C in registers.

use crate::simd::Vector;

/// Where a tile of C is, and what happens to it.
#[derive(Clone, Copy)]
pub(super) struct Tile<T> {
    pub(super) c: *mut T,
    pub(super) ldc: usize,
    /// Columns to write: the rest of the last vector is padding.
    pub(super) columns: usize,
    pub(super) alpha: T,
    pub(super) beta: T,
    /// False: C is overwritten without being read.
    pub(super) reads: bool,
}

/// `C = alpha (packed A)(packed B) + beta C` for `R` rows and `W` vectors, over `k` steps.
///
/// # Safety
/// The CPU has the vector's tier; `a` has `k R` elements, `b` has `k W LANES`, the tile's rows lie in C.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const R: usize, const W: usize>(
    k: usize,
    mut a: *const V::Elem,
    mut b: *const V::Elem,
    t: &Tile<V::Elem>,
) {
    // SAFETY: by this function's contract; `a` and `b` advance by one step `k` times.
    unsafe {
        for i in 0..R {
            V::prefetch(t.c.wrapping_add(i * t.ldc));
            if W > 1 {
                V::prefetch(t.c.wrapping_add(i * t.ldc + (W - 1) * V::LANES));
            }
        }
        let zero = V::splat(<V::Elem as crate::element::Sealed>::ZERO);
        let mut sums = [[zero; W]; R];
        for _ in 0..k {
            let mut right = [zero; W];
            for (j, right) in right.iter_mut().enumerate() {
                *right = V::load(b.add(j * V::LANES));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let left = V::splat(*a.add(i));
                for (sum, right) in sums.iter_mut().zip(right) {
                    *sum = left.mul_add(right, *sum);
                }
            }
            a = a.add(R);
            b = b.add(W * V::LANES);
        }
        let (alpha, beta) = (V::splat(t.alpha), V::splat(t.beta));
        for (i, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                let c = t.c.add(i * t.ldc + j * V::LANES);
                let left = t.columns - (j * V::LANES).min(t.columns);
                let product = alpha.mul(*sum);
                if left >= V::LANES {
                    let c_new = if t.reads { beta.mul_add(V::load(c), product) } else { product };
                    c_new.store(c);
                } else if left > 0 {
                    let c_new = if t.reads { beta.mul_add(V::load_first(c, left), product) } else { product };
                    c_new.store_first(c, left);
                }
            }
        }
    }
}
