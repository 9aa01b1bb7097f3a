//! SpMV from coordinates for AVX2 and FMA.

use super::Coo;
use crate::element::Element;
use crate::simd::avx2::Avx2;
use std::ops::Range;

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<T: Element>(
    matrix: &Coo<'_, T>,
    entries: Range<usize>,
    first_row: usize,
    x: &[T],
    y: &mut [T],
) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Avx2>>(matrix, entries, first_row, x, y) }
}
