// Monte Carlo estimate of pi with Philox4x32-10. Bound by integer arithmetic: 20 wide multiplications a block of two
// samples. The count is the CPU's to the last sample, so nothing here may be contracted or approximated: coordinates are
// exact products with a power of two, and x*x + y*y is rounded three times, by the _rn intrinsics.
//
// Each block of threads writes its own partial count; the host adds them. Definition of counters, keys and samples:
// record/src/philox.rs. Generator: Salmon et al., SC 2011.
//
// -DREAL=float|double

struct Words { u32 w[4]; };

__device__ __forceinline__ Words philox4x32(u32 c0, u32 c1, u32 c2, u32 c3, u32 k0, u32 k1) {
    #pragma unroll
    for (u32 round = 0; round < 10; ++round) {
        const u64 p0 = (u64)0xD2511F53u * c0;
        const u64 p1 = (u64)0xCD9E8D57u * c2;
        c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
        c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
        c1 = (u32)p1;
        c3 = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return Words{{c0, c1, c2, c3}};
}

__device__ __forceinline__ u32 inside(u32 a, u32 b, float) {
    const float scale = 1.0f / 16777216.0f;
    const float x = __fmul_rn((float)(a >> 8), scale), y = __fmul_rn((float)(b >> 8), scale);
    return __fadd_rn(__fmul_rn(x, x), __fmul_rn(y, y)) < 1.0f;
}

__device__ __forceinline__ u32 inside(u32 a, u32 b, double) {
    const double scale = 1.0 / 4294967296.0;
    const double x = __dmul_rn((double)a, scale), y = __dmul_rn((double)b, scale);
    return __dadd_rn(__dmul_rn(x, x), __dmul_rn(y, y)) < 1.0;
}

KERNEL __launch_bounds__(256) monte_carlo(u64* __restrict__ counts, u64 seed, u64 first, u64 blocks) {
    u64 count = 0;
    for (u64 i = global_thread(); i < blocks; i += grid_threads()) {
        const u64 block = first + i;
        const Words r = philox4x32((u32)block, (u32)(block >> 32), 0, 0, (u32)seed, (u32)(seed >> 32));
        count += inside(r.w[0], r.w[1], REAL()) + inside(r.w[2], r.w[3], REAL());
    }
    #pragma unroll
    for (u32 step = WARP / 2; step > 0; step /= 2) count += __shfl_xor_sync(ALL_LANES, count, step);
    __shared__ u64 warps[32];
    if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = count;
    __syncthreads();
    if (threadIdx.x == 0) {
        u64 total = 0;
        for (u32 warp = 0; warp < blockDim.x / WARP; ++warp) total += warps[warp];
        counts[blockIdx.x] = total;
    }
}
