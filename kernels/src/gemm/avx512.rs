//! GEMM for AVX-512: tiles of 8 rows x 3 vectors; 24 sums, 3 vectors of B and 1 of A in 32 registers.

use crate::simd::avx512::Avx512;

/// Rows of a full tile.
pub(super) const ROWS: usize = 8;
/// Vectors of a full tile.
pub(super) const WIDTH: usize = 3;

super::micro::tier!(Avx512, "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma", [1 2 3 4 5 6 7 8] x [1 2 3]);
