// y = A x, compressed rows with 32-bit indices. Bound by memory: nnz (s + 4) + 4 (rows + 1) + s (rows + columns) bytes at
// least; x is gathered, and hits the cache as far as the columns of neighbouring rows are near.
//
// LANES neighbouring lanes share one row (Bell and Garland, SC 2009: 1 is their scalar, 32 their vector kernel). The host
// picks LANES from the mean row length: short rows need few lanes, or most of them would idle.
//
// -DREAL=float|double, -DLANES=1|2|4|8|16|32

KERNEL __launch_bounds__(256) spmv_csr(REAL* __restrict__ y, const u32* __restrict__ offsets,
                                       const u32* __restrict__ columns, const REAL* __restrict__ values,
                                       const REAL* __restrict__ x, u32 rows) {
    const u32 lane = threadIdx.x % LANES;
    const u64 groups = grid_threads() / LANES;
    // All lanes of a warp make the same number of turns, because the shuffles need them all.
    const u64 turns = (rows + groups - 1) / groups;
    u64 row = global_thread() / LANES;
    for (u64 turn = 0; turn < turns; ++turn, row += groups) {
        const bool mine = row < rows;
        REAL sum = 0;
        if (mine) {
            const u32 end = offsets[row + 1];
            // 64-bit, because the last step may pass 2^32.
            for (u64 at = (u64)offsets[row] + lane; at < end; at += LANES) sum += values[at] * x[columns[at]];
        }
        #pragma unroll
        for (u32 step = LANES / 2; step > 0; step /= 2) sum += __shfl_xor_sync(ALL_LANES, sum, step);
        if (mine && lane == 0) y[row] = sum;
    }
}
