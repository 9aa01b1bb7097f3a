// STREAM triad: a = b + q c. Bound by memory: 3 n values moved, 2 n operations.
//
// A block owns a contiguous run of blockDim * UNROLL packs of 16 bytes, a warp reading 512 consecutive bytes per load. Whole
// blocks run without conditions between their loads, or the compiler would finish one pack before it loads the next; it
// keeps four loads in flight, and with them the 32 registers of full occupancy. The last block checks each pack, and the
// last pack is finished value by value.
//
// -DREAL=float|double, -DUNROLL=packs per thread

__device__ __forceinline__ Pack<REAL> sum(Pack<REAL> x, REAL q, const Pack<REAL>& y) {
    #pragma unroll
    for (u32 j = 0; j < Pack<REAL>::count; ++j) x.value[j] += q * y.value[j];
    return x;
}

KERNEL __launch_bounds__(256) triad(REAL* __restrict__ a, const REAL* __restrict__ b, const REAL* __restrict__ c,
                                    REAL q, u64 n) {
    typedef Pack<REAL> P;
    const u64 packs = n / P::count;
    const u64 first = (u64)blockIdx.x * blockDim.x * UNROLL + threadIdx.x;
    if ((u64)(blockIdx.x + 1) * blockDim.x * UNROLL <= packs) {
        P x[UNROLL], y[UNROLL];
        #pragma unroll
        for (u32 i = 0; i < UNROLL; ++i) {
            const u64 at = (first + (u64)i * blockDim.x) * P::count;
            x[i] = load16(b + at);
            y[i] = load16(c + at);
        }
        #pragma unroll
        for (u32 i = 0; i < UNROLL; ++i) store16(a + (first + (u64)i * blockDim.x) * P::count, sum(x[i], q, y[i]));
    } else {
        for (u64 p = first; p < packs; p += blockDim.x)
            store16(a + p * P::count, sum(load16(b + p * P::count), q, load16(c + p * P::count)));
    }
    const u64 tail = packs * P::count + threadIdx.x;
    if (blockIdx.x == 0 && tail < n) a[tail] = b[tail] + q * c[tail];
}
