//! SpMV from sliced rows, one chunk at a time: the format is documented in `ergometer_kernels::spmv_sell`.

/// Rows of a chunk.
pub const SELL_ROWS: usize = 16;

/// One entry of each row of a chunk, or of some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SellStep {
    /// Column of row 0 of the chunk where the columns of the rows follow each other; else where the [`SELL_ROWS`]
    /// columns of the step stand in the list of indices.
    pub first: u32,
    /// Bit `r` is set where row `r` has an entry.
    pub mask: u16,
    /// True: `first` points into the list of indices.
    pub listed: bool,
}

macro_rules! chunk {
    ($name:ident, $t:ty) => {
        /// `y[r] = sum over the steps of value times x`, for the rows of one chunk; `values` has [`SELL_ROWS`] a step.
        #[inline(never)]
        pub(crate) fn $name(steps: &[SellStep], indices: &[u32], values: &[$t], x: &[$t], y: &mut [$t; SELL_ROWS]) {
            *y = [0.0; SELL_ROWS];
            for (step, values) in steps.iter().zip(values.chunks_exact(SELL_ROWS)) {
                for r in 0..SELL_ROWS {
                    if step.mask >> r & 1 == 1 {
                        let first = step.first as usize + r;
                        let column = if step.listed { indices[first] as usize } else { first };
                        y[r] += values[r] * x[column];
                    }
                }
            }
        }
    };
}
chunk!(chunk_f32, f32);
chunk!(chunk_f64, f64);
