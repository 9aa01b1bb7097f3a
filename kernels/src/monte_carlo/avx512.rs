//! Monte Carlo for AVX-512.

use crate::element::Element;
use crate::simd::Isa;
use crate::simd::avx512::Avx512;
use ergometer_kernels_scalar::Bundle;

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn run<T: Element>(seed: u64, first: u64, blocks: u64) -> u64 {
    // SAFETY: this function's contract is the body's.
    unsafe { super::body::<T, <Avx512 as Isa>::Blocks>(seed, first, blocks) }
}

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn xoshiro(bundle: &mut Bundle, steps: u64) -> u64 {
    // SAFETY: this function's contract is the body's; 2 times the lanes divide 16.
    unsafe { super::xoshiro::body::<<Avx512 as Isa>::Blocks, 2>(bundle, steps) }
}
