//! The probes for AVX-512.

use crate::element::Element;
use crate::simd::avx512::Avx512;

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn fma<T: Element>(rounds: u64) -> T {
    // SAFETY: this function's contract is the body's.
    unsafe { super::fma_body::<T::Vec<Avx512>>(rounds) }
}

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn read<T: Element>(values: &[T]) -> T {
    // SAFETY: this function's contract is the body's.
    unsafe { super::read_body::<T::Vec<Avx512>>(values) }
}

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn copy<T: Element>(to: &mut [T], from: &[T], stream: bool) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::copy_body::<T::Vec<Avx512>>(to, from, stream) }
}
