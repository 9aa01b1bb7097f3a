//! The 7-point stencil for AVX2 and FMA.

use super::Part;
use crate::element::Element;
use crate::simd::avx2::Avx2;

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<T: Element>(part: &Part<T>) {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T::Vec<Avx2>>(part) }
}
