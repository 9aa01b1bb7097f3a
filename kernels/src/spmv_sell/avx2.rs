//! SpMV from sliced rows for AVX2 and FMA.

use super::Sell;
use crate::element::Element;
use crate::memory::Shared;
use crate::simd::avx2::Avx2;
use std::ops::Range;

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<T: Element>(
    matrix: &Sell<T>,
    chunks: Range<usize>,
    long: Range<usize>,
    x: &[T],
    y: Shared<'_, T>,
) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Avx2>>(matrix, chunks, long, x, y) }
}
