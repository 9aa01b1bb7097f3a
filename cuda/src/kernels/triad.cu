// STREAM triad: a = b + q c. Bound by memory: 3 n values moved, 2 n operations.
//
// A block owns a contiguous run of blockDim * UNROLL packs of 16 bytes. Each thread issues its 2 * UNROLL loads before
// the first use, a whole warp reading 512 consecutive bytes per load. The last pack is finished value by value.
//
// -DREAL=float|double, -DUNROLL=packs per thread

KERNEL __launch_bounds__(256) triad(REAL* __restrict__ a, const REAL* __restrict__ b, const REAL* __restrict__ c,
                                    REAL q, u64 n) {
    typedef Pack<REAL> P;
    const u64 packs = n / P::count;
    const u64 first = (u64)blockIdx.x * blockDim.x * UNROLL + threadIdx.x;
    P x[UNROLL], y[UNROLL];
    #pragma unroll
    for (u32 i = 0; i < UNROLL; ++i) {
        const u64 p = first + (u64)i * blockDim.x;
        if (p < packs) {
            x[i] = load16(b + p * P::count);
            y[i] = load16(c + p * P::count);
        }
    }
    #pragma unroll
    for (u32 i = 0; i < UNROLL; ++i) {
        const u64 p = first + (u64)i * blockDim.x;
        if (p < packs) {
            #pragma unroll
            for (u32 j = 0; j < P::count; ++j) x[i].value[j] += q * y[i].value[j];
            store16(a + p * P::count, x[i]);
        }
    }
    const u64 tail = packs * P::count + threadIdx.x;
    if (blockIdx.x == 0 && tail < n) a[tail] = b[tail] + q * c[tail];
}
