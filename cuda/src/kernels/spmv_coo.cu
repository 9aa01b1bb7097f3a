// y = A x, coordinate triples sorted by row, 32-bit indices. Bound by memory: nnz (s + 8) + s (rows + columns) bytes at
// least.
//
// One thread a non-zero. A warp adds the products of equal rows by a segmented scan of shuffles (Bell and Garland, SC
// 2009), and the last lane of each run adds the run's sum to y atomically, once a run instead of once a non-zero. The
// order of those additions is not fixed, so y may differ in the last bits between runs. y is zeroed by `zero` before.
//
// -DREAL=float|double

KERNEL __launch_bounds__(256) zero(REAL* __restrict__ y, u32 rows) {
    for (u64 i = global_thread(); i < rows; i += grid_threads()) y[i] = 0;
}

KERNEL __launch_bounds__(256) spmv_coo(REAL* __restrict__ y, const u32* __restrict__ row_of,
                                       const u32* __restrict__ columns, const REAL* __restrict__ values,
                                       const REAL* __restrict__ x, u64 nnz) {
    const u32 lane = threadIdx.x % WARP;
    const u64 turns = (nnz + grid_threads() - 1) / grid_threads();
    u64 at = global_thread();
    for (u64 turn = 0; turn < turns; ++turn, at += grid_threads()) {
        const bool mine = at < nnz;
        // No row has this number: the matrix has fewer than 2^32 - 1 rows.
        const u32 row = mine ? row_of[at] : 0xffffffffu;
        REAL sum = mine ? values[at] * x[columns[at]] : REAL(0);
        #pragma unroll
        for (u32 step = 1; step < WARP; step *= 2) {
            const REAL before = __shfl_up_sync(ALL_LANES, sum, step);
            const u32 row_before = __shfl_up_sync(ALL_LANES, row, step);
            if (lane >= step && row_before == row) sum += before;
        }
        const u32 row_after = __shfl_down_sync(ALL_LANES, row, 1);
        if (mine && (lane == WARP - 1 || row_after != row)) atomicAdd(y + row, sum);
    }
}
