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

/// A loop over the rows of a tile in stretches of four. The optimiser unrolls a loop of four whatever its body, and only
/// a fully unrolled tile stays in registers; one loop over 14 rows was left rolled, with the tile on the stack.
macro_rules! rows {
    ($i:ident in $rows:ident $body:block) => {
        for $i in 0..if $rows < 4 { $rows } else { 4 } $body
        for $i in 4..if $rows < 8 { $rows } else { 8 } $body
        for $i in 8..if $rows < 12 { $rows } else { 12 } $body
        for $i in 12..$rows $body
    };
}

/// `C = alpha (packed A)(packed B) + beta C` for `R` rows and `W` vectors, over `k` steps.
///
/// `R` is at most 16.
///
/// # Safety
/// The CPU has the vector's tier; `a` has `k R` elements, `b` has `k W LANES`, the tile's rows lie in C.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the rows of the tile and of A and C go together")]
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
            rows!(i in R {
                let left = V::splat(*a.add(i));
                for j in 0..W {
                    sums[i][j] = left.mul_add(right[j], sums[i][j]);
                }
            });
            a = a.add(R);
            b = b.add(W * V::LANES);
        }
        let (alpha, beta) = (V::splat(t.alpha), V::splat(t.beta));
        rows!(i in R {
            for j in 0..W {
                let c = t.c.add(i * t.ldc + j * V::LANES);
                let left = t.columns - (j * V::LANES).min(t.columns);
                let product = alpha.mul(sums[i][j]);
                if left >= V::LANES {
                    let c_new = if t.reads { beta.mul_add(V::load(c), product) } else { product };
                    c_new.store(c);
                } else if left > 0 {
                    let c_new = if t.reads { beta.mul_add(V::load_first(c, left), product) } else { product };
                    c_new.store_first(c, left);
                }
            }
        });
    }
}
