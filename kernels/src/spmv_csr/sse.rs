//! SpMV from compressed rows for SSE2.

use super::Csr;
use crate::element::Element;
use crate::simd::sse::Sse;
use std::ops::Range;

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn run<T: Element>(matrix: &Csr<'_, T>, rows: Range<usize>, x: &[T], y: &mut [T]) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Sse>>(matrix, rows, x, y) }
}
