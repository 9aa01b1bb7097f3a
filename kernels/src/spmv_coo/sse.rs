//! SpMV from coordinates for SSE2.

use super::Coo;
use crate::element::Element;
use crate::simd::sse::Sse;
use std::ops::Range;

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn run<T: Element>(
    matrix: &Coo<'_, T>,
    entries: Range<usize>,
    first_row: usize,
    x: &[T],
    y: &mut [T],
) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Sse>>(matrix, entries, first_row, x, y) }
}
