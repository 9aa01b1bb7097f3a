//! Copies of A and B in the order in which the micro-kernel reads them.

use crate::element::Element;
use crate::simd::Vector;

/// `rows` rows of A over `k` steps: `to[p * rows + i] = A[i][p]`.
///
/// # Safety
/// The CPU has the vector's tier; `rows` rows of `k` elements lie at `a`, `lda` apart; `to` has room for `rows * k`.
#[inline(always)]
pub(super) unsafe fn left<V: Vector>(a: *const V::Elem, lda: usize, rows: usize, k: usize, to: *mut V::Elem) {
    let squares = (rows / V::SQUARE * V::SQUARE, k / V::SQUARE * V::SQUARE);
    // SAFETY: a square has `i + SQUARE <= rows` and `p + SQUARE <= k`; the rest has `i < rows` and `p < k`.
    unsafe {
        for i in (0..squares.0).step_by(V::SQUARE) {
            for p in (0..squares.1).step_by(V::SQUARE) {
                for r in 0..V::SQUARE {
                    V::prefetch(a.wrapping_add((i + rows + r) * lda + p));
                }
                V::transpose(a.add(i * lda + p), lda, to.add(p * rows + i), rows);
            }
            single(a, lda, rows, i..i + V::SQUARE, squares.1..k, to);
        }
        single(a, lda, rows, squares.0..rows, 0..k, to);
    }
}

/// What is left beside the squares, element by element.
///
/// # Safety
/// As [`left`], with rows and steps within its own.
#[inline(always)]
unsafe fn single<T: Element>(
    a: *const T,
    lda: usize,
    rows: usize,
    these: std::ops::Range<usize>,
    steps: std::ops::Range<usize>,
    to: *mut T,
) {
    for p in steps {
        for i in these.clone() {
            // SAFETY: row and step are the caller's.
            unsafe { *to.add(p * rows + i) = *a.add(i * lda + p) };
        }
    }
}

/// `columns` columns of B over `k` steps, in panels of `width`, a multiple of the lanes: panel `j` starts at
/// `to[j * width * k]`, and its step `p` at `p * width` behind. The last panel is only as wide as whole vectors need,
/// and zero beyond `columns`.
///
/// Rows of B are read from end to end, which is how they lie in memory; a row's turn comes when it has been asked for
/// [`AHEAD`] rows before.
///
/// # Safety
/// The CPU has the vector's tier; `k` rows of `columns` elements lie at `b`, `ldb` apart; `to` has room for `k` times
/// `columns`, rounded up to whole vectors.
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
        for j in (0..columns).step_by(width) {
            let wide = (columns - j).min(width).next_multiple_of(V::LANES);
            for l in (0..wide).step_by(V::LANES) {
                let left = columns - j - l;
                // SAFETY: loads end at `columns`; stores stay in step `p` of this panel.
                unsafe {
                    let from = b.add(p * ldb + j + l);
                    V::prefetch(from.wrapping_add(AHEAD * ldb));
                    let x = if left >= V::LANES { V::load(from) } else { V::load_first(from, left) };
                    x.store(to.add(j * k + p * wide + l));
                }
            }
        }
    }
}

/// Rows of B that are asked for before they are copied.
const AHEAD: usize = 4;
