//! DIST for SSE2.

use crate::element::Element;
use crate::simd::sse::Sse;

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn run<T: Element>(points: &[T], dim: usize, out: &mut [T]) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Sse>>(points, dim, out) }
}
