//! GEMM for AVX-512: tiles of 8 rows x 3 vectors; 24 sums, 3 vectors of B and 1 of A in 32 registers.

use super::Operands;
use super::block::{self, Micro, Scratch};
use super::micro::{self, Call, Tile};
use crate::element::Element;
use crate::pool::Worker;
use crate::simd::avx512::Avx512;

/// Rows of a full tile.
pub(super) const ROWS: usize = 8;
/// Vectors of a full tile.
pub(super) const WIDTH: usize = 3;

/// # Safety
/// The CPU has AVX-512; the rest is the body's contract.
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
pub(super) unsafe fn run<T: Element>(o: &Operands<T>, scratch: &Scratch<T>, w: &Worker<'_>) {
    // SAFETY: this function's contract is the body's, and `choose` is this tier's.
    unsafe { block::body::<T::Vec<Avx512>>(o, scratch, w, choose::<T> as Micro<T>) }
}

/// # Safety
/// As [`micro::tile`].
#[inline(never)]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
unsafe fn tile<T: Element, const R: usize, const W: usize, const PACKED: bool>(
    k: usize,
    a: *const T,
    lda: usize,
    b: *const T,
    next: (*const T, usize),
    t: &Tile<T>,
) {
    // SAFETY: this function's contract is the tile's.
    unsafe { micro::tile::<T::Vec<Avx512>, R, W, PACKED>(k, a, lda, b, next, t) }
}

/// # Safety
/// As [`micro::tile`], with 1 to [`ROWS`] rows and 1 to [`WIDTH`] vectors.
unsafe fn choose<T: Element>(call: &Call<T>) {
    // SAFETY: `run` is entered only where the CPU has the tier; the rest is this function's contract.
    unsafe { micro::choose!(tile::<T>[1 2 3 4 5 6 7 8] x [1 2 3], call) }
}
