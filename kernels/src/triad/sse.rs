//! TRIAD for SSE2.

use crate::element::Element;
use crate::simd::sse::Sse;

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn run<T: Element>(a: &mut [T], b: &[T], c: &[T], q: T, stream: bool) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Sse>>(a, b, c, q, stream) }
}
