//! SpMV from compressed rows for AVX2 and FMA.

use super::Csr;
use crate::element::Element;
use crate::simd::avx2::Avx2;
use std::ops::Range;

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<T: Element>(matrix: &Csr<'_, T>, rows: Range<usize>, x: &[T], y: &mut [T]) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Avx2>>(matrix, rows, x, y) }
}
