//! GEMM for SSE2: tiles of 6 rows x 2 vectors; 12 sums, 2 vectors of B, 1 of A and 1 product fill the 16 registers.

use crate::simd::sse::Sse;

/// Rows of a full tile.
pub(super) const ROWS: usize = 6;
/// Vectors of a full tile.
pub(super) const WIDTH: usize = 2;

super::micro::tier!(Sse, "sse2", [1 2 3 4 5 6] x [1 2]);
