// DIST: the Euclidean norm of each point of a row-major set. Bound by memory: n (d + 1) values, 2 n d operations.
//
// LANES neighbouring lanes share one point, so that a warp reads whole 32-byte sectors whatever the dimension; the
// sum over the lanes is a butterfly of shuffles. With PACKED (dimension a multiple of 16 bytes) loads are 16 bytes wide.
//
// -DREAL=float|double, -DLANES=1|2|4|8|16|32, -DPACKED=0|1

KERNEL __launch_bounds__(256) dist(REAL* __restrict__ norms, const REAL* __restrict__ points, u64 count, u64 dim) {
    typedef Pack<REAL> P;
    const u32 lane = threadIdx.x % LANES;
    const u64 groups = grid_threads() / LANES;
    // All lanes of a warp make the same number of turns, because the shuffles need them all.
    const u64 turns = (count + groups - 1) / groups;
    u64 point = global_thread() / LANES;
    for (u64 turn = 0; turn < turns; ++turn, point += groups) {
        const bool mine = point < count;
        const REAL* row = points + (mine ? point : 0) * dim;
        REAL sum = 0;
        if (mine) {
#if PACKED
            #pragma unroll 4
            for (u64 at = (u64)lane * P::count; at < dim; at += LANES * P::count) {
                const P p = load16(row + at);
                #pragma unroll
                for (u32 j = 0; j < P::count; ++j) sum += p.value[j] * p.value[j];
            }
#else
            #pragma unroll 4
            for (u64 at = lane; at < dim; at += LANES) sum += row[at] * row[at];
#endif
        }
        #pragma unroll
        for (u32 step = LANES / 2; step > 0; step /= 2) sum += __shfl_xor_sync(ALL_LANES, sum, step);
        if (mine && lane == 0) norms[point] = sqrt(sum);
    }
}
