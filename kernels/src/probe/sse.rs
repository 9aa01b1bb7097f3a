//! The probes for SSE2.

use crate::element::Element;
use crate::simd::sse::Sse;

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn fma<T: Element>(rounds: u64) -> T {
    // SAFETY: this function's contract is the body's.
    unsafe { super::fma_body::<T::Vec<Sse>>(rounds) }
}

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn read<T: Element>(values: &[T]) -> T {
    // SAFETY: this function's contract is the body's.
    unsafe { super::read_body::<T::Vec<Sse>>(values) }
}

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn copy<T: Element>(to: &mut [T], from: &[T], stream: bool) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::copy_body::<T::Vec<Sse>>(to, from, stream) }
}
