//! GEMM for AVX2 and FMA: tiles of 6 rows x 2 vectors; 12 sums, 2 vectors of B and 2 of A fill the 16 registers.

use super::Operands;
use super::block::{self, Micro, Scratch};
use super::micro::{self, Tile};
use crate::element::Element;
use crate::simd::avx2::Avx2;

/// Rows of a full tile.
pub(super) const ROWS: usize = 6;
/// Vectors of a full tile.
pub(super) const WIDTH: usize = 2;

/// # Safety
/// The CPU has AVX2 and FMA; the rest is the body's contract.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<T: Element>(o: &Operands<T>, scratch: &Scratch<T>, index: usize) {
    // SAFETY: this function's contract is the body's, and `choose` is this tier's.
    unsafe { block::body::<T::Vec<Avx2>>(o, scratch, index, choose::<T> as Micro<T>) }
}

/// # Safety
/// As [`micro::tile`].
#[inline(never)]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<T: Element, const R: usize, const W: usize>(k: usize, a: *const T, b: *const T, t: &Tile<T>) {
    // SAFETY: this function's contract is the tile's.
    unsafe { micro::tile::<T::Vec<Avx2>, R, W>(k, a, b, t) }
}

/// # Safety
/// As [`micro::tile`], with `rows` from 1 to [`ROWS`] and `vectors` from 1 to [`WIDTH`].
unsafe fn choose<T: Element>(rows: usize, vectors: usize, k: usize, a: *const T, b: *const T, t: &Tile<T>) {
    // SAFETY: `run` is entered only where the CPU has the tier; the rest is this function's contract.
    unsafe {
        match (rows, vectors) {
            (6, 2) => tile::<T, 6, 2>(k, a, b, t),
            (6, 1) => tile::<T, 6, 1>(k, a, b, t),
            (5, 2) => tile::<T, 5, 2>(k, a, b, t),
            (5, 1) => tile::<T, 5, 1>(k, a, b, t),
            (4, 2) => tile::<T, 4, 2>(k, a, b, t),
            (4, 1) => tile::<T, 4, 1>(k, a, b, t),
            (3, 2) => tile::<T, 3, 2>(k, a, b, t),
            (3, 1) => tile::<T, 3, 1>(k, a, b, t),
            (2, 2) => tile::<T, 2, 2>(k, a, b, t),
            (2, 1) => tile::<T, 2, 1>(k, a, b, t),
            (1, 2) => tile::<T, 1, 2>(k, a, b, t),
            (1, 1) => tile::<T, 1, 1>(k, a, b, t),
            _ => unreachable!("tiles are at most ROWS x WIDTH"),
        }
    }
}
