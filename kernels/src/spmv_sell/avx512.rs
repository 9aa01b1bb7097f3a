//! SpMV from sliced rows for AVX-512.

use super::Sell;
use crate::element::Element;
use crate::memory::Shared;
use crate::simd::avx512::Avx512;
use std::ops::Range;

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn run<T: Element>(
    matrix: &Sell<T>,
    chunks: Range<usize>,
    long: Range<usize>,
    x: &[T],
    y: Shared<'_, T>,
) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Avx512>>(matrix, chunks, long, x, y) }
}
