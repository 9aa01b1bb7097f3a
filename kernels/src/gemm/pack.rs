//! Copies of A and B in the order in which the micro-kernel reads them.

use crate::element::{Element, Sealed};
use crate::simd::Vector;

/// `rows` rows of A over `k` steps: `to[p * rows + i] = A[i][p]`.
///
/// # Safety
/// `rows` rows of `k` elements lie at `a`, `lda` apart; `to` has room for `rows * k`.
#[inline(always)]
pub(super) unsafe fn left<T: Element>(a: *const T, lda: usize, rows: usize, k: usize, to: *mut T) {
    // Blocks of 4 x 4: few enough streams for the prefetcher, whole cache lines of `to` in L1.
    let mut i = 0;
    while i < rows {
        let high = (rows - i).min(4);
        let mut p = 0;
        // SAFETY: `i + high <= rows` and `p + 4 <= k` or `p < k` at each access.
        unsafe {
            while high == 4 && p + 4 <= k {
                let mut square = [[T::ZERO; 4]; 4];
                for (r, row) in square.iter_mut().enumerate() {
                    for (q, x) in row.iter_mut().enumerate() {
                        *x = *a.add((i + r) * lda + p + q);
                    }
                }
                for q in 0..4 {
                    for (r, row) in square.iter().enumerate() {
                        *to.add((p + q) * rows + i + r) = row[q];
                    }
                }
                p += 4;
            }
            while p < k {
                for r in 0..high {
                    *to.add(p * rows + i + r) = *a.add((i + r) * lda + p);
                }
                p += 1;
            }
        }
        i += high;
    }
}

/// `columns` columns of B (at most `width`) over `k` steps: `to[p * width + j] = B[p][j]`, zero beyond `columns`.
/// `width` is a multiple of the lanes.
///
/// # Safety
/// The CPU has the vector's tier; `k` rows of `columns` elements lie at `b`, `ldb` apart; `to` has room for
/// `width * k`.
#[inline(always)]
pub(super) unsafe fn right<V: Vector>(
    b: *const V::Elem,
    ldb: usize,
    columns: usize,
    width: usize,
    k: usize,
    to: *mut V::Elem,
) {
    for p in 0..k {
        let mut j = 0;
        // SAFETY: loads end at `columns`, stores at `width`.
        unsafe {
            while j < width {
                let left = columns - j.min(columns);
                let x = if left >= V::LANES {
                    V::load(b.add(p * ldb + j))
                } else if left > 0 {
                    V::load_first(b.add(p * ldb + j), left)
                } else {
                    V::splat(<V::Elem as Sealed>::ZERO)
                };
                x.store(to.add(p * width + j));
                j += V::LANES;
            }
        }
    }
}
