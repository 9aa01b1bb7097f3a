//! The 7-point stencil for AVX-512.

use super::Part;
use crate::element::Element;
use crate::simd::avx512::Avx512;

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn run<T: Element>(part: &Part<T>) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Avx512>>(part) }
}
