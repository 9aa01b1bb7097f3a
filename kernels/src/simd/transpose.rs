//! Squares of elements turned over in registers: `to[q * ldt + r] = from[r * ldf + q]`.
//!
//! Each loads halves of rows so that one stage of shuffles across halves is saved.

use std::arch::x86_64::*;

/// A square of 4 x 4.
///
/// # Safety
/// The CPU has SSE2; 4 rows of 4 elements lie at `from`, `ldf` apart, and `to` has room for 4 rows of 4, `ldt` apart.
#[inline(always)]
pub(super) unsafe fn four_f32(from: *const f32, ldf: usize, to: *mut f32, ldt: usize) {
    // SAFETY: by this function's contract.
    unsafe {
        let (a, b) = (_mm_loadu_ps(from), _mm_loadu_ps(from.add(ldf)));
        let (c, d) = (_mm_loadu_ps(from.add(2 * ldf)), _mm_loadu_ps(from.add(3 * ldf)));
        let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
        _mm_storeu_ps(to, _mm_movelh_ps(ab, cd));
        _mm_storeu_ps(to.add(ldt), _mm_movehl_ps(cd, ab));
        let (ab, cd) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
        _mm_storeu_ps(to.add(2 * ldt), _mm_movelh_ps(ab, cd));
        _mm_storeu_ps(to.add(3 * ldt), _mm_movehl_ps(cd, ab));
    }
}

/// A square of 8 x 8.
///
/// # Safety
/// The CPU has AVX; 8 rows of 8 elements lie at `from`, `ldf` apart, and `to` has room for 8 rows of 8, `ldt` apart.
#[inline(always)]
pub(super) unsafe fn eight_f32(from: *const f32, ldf: usize, to: *mut f32, ldt: usize) {
    for half in 0..2 {
        // SAFETY: by this function's contract: columns `4 half` to `4 half + 3` of rows `r` and `r + 4`.
        unsafe {
            let from = from.add(4 * half);
            let pair = |r: usize| {
                let low = _mm256_castps128_ps256(_mm_loadu_ps(from.add(r * ldf)));
                _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(from.add((r + 4) * ldf)))
            };
            let [a, b, c, d] = [pair(0), pair(1), pair(2), pair(3)];
            let join = |low: __m256, high: __m256| (_mm256_castps_pd(low), _mm256_castps_pd(high));
            let store = |q: usize, x: __m256d| _mm256_storeu_ps(to.add((4 * half + q) * ldt), _mm256_castpd_ps(x));
            let (ab, cd) = join(_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            store(0, _mm256_unpacklo_pd(ab, cd));
            store(1, _mm256_unpackhi_pd(ab, cd));
            let (ab, cd) = join(_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            store(2, _mm256_unpacklo_pd(ab, cd));
            store(3, _mm256_unpackhi_pd(ab, cd));
        }
    }
}

/// A square of 2 x 2.
///
/// # Safety
/// The CPU has SSE2; 2 rows of 2 elements lie at `from`, `ldf` apart, and `to` has room for 2 rows of 2, `ldt` apart.
#[inline(always)]
pub(super) unsafe fn two_f64(from: *const f64, ldf: usize, to: *mut f64, ldt: usize) {
    // SAFETY: by this function's contract.
    unsafe {
        let (a, b) = (_mm_loadu_pd(from), _mm_loadu_pd(from.add(ldf)));
        _mm_storeu_pd(to, _mm_unpacklo_pd(a, b));
        _mm_storeu_pd(to.add(ldt), _mm_unpackhi_pd(a, b));
    }
}

/// A square of 4 x 4.
///
/// # Safety
/// The CPU has AVX; 4 rows of 4 elements lie at `from`, `ldf` apart, and `to` has room for 4 rows of 4, `ldt` apart.
#[inline(always)]
pub(super) unsafe fn four_f64(from: *const f64, ldf: usize, to: *mut f64, ldt: usize) {
    for half in 0..2 {
        // SAFETY: by this function's contract: columns `2 half` and `2 half + 1` of rows `r` and `r + 2`.
        unsafe {
            let from = from.add(2 * half);
            let pair = |r: usize| {
                let low = _mm256_castpd128_pd256(_mm_loadu_pd(from.add(r * ldf)));
                _mm256_insertf128_pd::<1>(low, _mm_loadu_pd(from.add((r + 2) * ldf)))
            };
            let (a, b) = (pair(0), pair(1));
            _mm256_storeu_pd(to.add(2 * half * ldt), _mm256_unpacklo_pd(a, b));
            _mm256_storeu_pd(to.add((2 * half + 1) * ldt), _mm256_unpackhi_pd(a, b));
        }
    }
}
