//! GEMM for AVX2 and FMA: tiles of 6 rows x 2 vectors; 12 sums, 2 vectors of B and 2 of A fill the 16 registers.

use crate::simd::avx2::Avx2;

/// Rows of a full tile.
pub(super) const ROWS: usize = 6;
/// Vectors of a full tile.
pub(super) const WIDTH: usize = 2;

super::micro::tier!(Avx2, "avx2,fma", [1 2 3 4 5 6] x [1 2]);
