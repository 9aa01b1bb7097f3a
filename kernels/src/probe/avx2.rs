//! The probes for AVX2 and FMA.

use crate::element::Element;
use crate::simd::avx2::Avx2;

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn fma<T: Element>(rounds: u64) -> T {
    // SAFETY: this function's contract is the body's.
    unsafe { super::fma_body::<T::Vec<Avx2>>(rounds) }
}

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn read<T: Element>(values: &[T]) -> T {
    // SAFETY: this function's contract is the body's.
    unsafe { super::read_body::<T::Vec<Avx2>>(values) }
}

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn copy<T: Element>(to: &mut [T], from: &[T], stream: bool) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::copy_body::<T::Vec<Avx2>>(to, from, stream) }
}
