//! Monte Carlo for SSE2.

use crate::element::Element;
use crate::simd::Isa;
use crate::simd::sse::Sse;
use ergometer_kernels_scalar::Bundle;

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn run<T: Element>(seed: u64, first: u64, blocks: u64) -> u64 {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T, <Sse as Isa>::Blocks>(seed, first, blocks) }
}

/// # Safety
/// The CPU has SSE2; the rest is the body's contract.
#[target_feature(enable = "sse2")]
pub(super) unsafe fn xoshiro(bundle: &mut Bundle, steps: u64) -> u64 {
    // SAFETY: this function's contract is the body's; 1 times the lanes divide 16.
    unsafe { super::xoshiro::body::<<Sse as Isa>::Blocks, 1>(bundle, steps) }
}
