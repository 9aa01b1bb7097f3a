//! SpMV from sliced rows for SSE2.

use super::Sell;
use crate::element::Element;
use crate::memory::Shared;
use crate::simd::sse::Sse;
use std::ops::Range;

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn run<T: Element>(
    matrix: &Sell<T>,
    chunks: Range<usize>,
    long: Range<usize>,
    x: &[T],
    y: Shared<'_, T>,
) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Sse>>(matrix, chunks, long, x, y) }
}
