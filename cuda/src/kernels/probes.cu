// Probes: what the machine itself can do, for calibration.
//
// -DREAL=float|double (fma only)

// Launch cost.
KERNEL empty() {}

// Arithmetic peak: CHAINS independent chains of fused multiply-adds a thread, enough to hide the latency of four cycles
// with one warp a scheduler. Exactly `count` of them are done on the whole grid. The factor keeps every chain finite
// (its limit is addend / (1 - factor)) and is an argument, so that the compiler can't fold the loop.
#define CHAINS 16u
#define ROUNDS 8u

KERNEL __launch_bounds__(256) fma_peak(REAL* __restrict__ sums, REAL factor, REAL addend, u64 count) {
    const u64 thread = global_thread(), threads = grid_threads();
    const u64 mine = count / threads + (thread < count % threads);
    REAL chain[CHAINS];
    #pragma unroll
    for (u32 i = 0; i < CHAINS; ++i) chain[i] = REAL(i);
    for (u64 left = mine / (CHAINS * ROUNDS); left > 0; --left) {
        #pragma unroll
        for (u32 round = 0; round < ROUNDS; ++round) {
            #pragma unroll
            for (u32 i = 0; i < CHAINS; ++i) chain[i] = chain[i] * factor + addend;
        }
    }
    for (u64 left = mine % (CHAINS * ROUNDS); left > 0; --left) chain[0] = chain[0] * factor + addend;
    REAL sum = 0;
    #pragma unroll
    for (u32 i = 0; i < CHAINS; ++i) sum += chain[i];
    sums[thread] = sum;
}

// Read bandwidth of the level that holds `bytes`: 16-byte loads, four in flight. The exclusive-or of all 32-bit words is
// what makes the loads necessary, and what the host checks: one word a block, to be combined.
KERNEL __launch_bounds__(256) read_words(u32* __restrict__ folds, const u8* __restrict__ from, u64 bytes) {
    typedef Pack<u32> P;
    const u64 packs = bytes / 16;
    u32 fold = 0;
    u64 at = global_thread();
    const u64 stride = grid_threads();
    for (; at + 3 * stride < packs; at += 4 * stride) {
        P p[4];
        #pragma unroll
        for (u32 i = 0; i < 4; ++i) p[i] = load16(reinterpret_cast<const u32*>(from) + (at + i * stride) * P::count);
        #pragma unroll
        for (u32 i = 0; i < 4; ++i) fold ^= p[i].value[0] ^ p[i].value[1] ^ p[i].value[2] ^ p[i].value[3];
    }
    for (; at < packs; at += stride) {
        const P p = load16(reinterpret_cast<const u32*>(from) + at * P::count);
        fold ^= p.value[0] ^ p.value[1] ^ p.value[2] ^ p.value[3];
    }
    const u64 tail = packs * 16 + threadIdx.x;
    if (blockIdx.x == 0 && tail < bytes) fold ^= (u32)from[tail] << (8 * (threadIdx.x % 4));
    #pragma unroll
    for (u32 step = WARP / 2; step > 0; step /= 2) fold ^= __shfl_xor_sync(ALL_LANES, fold, step);
    __shared__ u32 warps[32];
    if (threadIdx.x % WARP == 0) warps[threadIdx.x / WARP] = fold;
    __syncthreads();
    if (threadIdx.x == 0) {
        u32 total = 0;
        for (u32 warp = 0; warp < blockDim.x / WARP; ++warp) total ^= warps[warp];
        folds[blockIdx.x] = total;
    }
}

// Copy bandwidth: 16-byte accesses, four in flight. As in triad.cu, only the last block checks each pack.
KERNEL __launch_bounds__(256) copy_bytes(u8* __restrict__ to, const u8* __restrict__ from, u64 bytes) {
    typedef Pack<u32> P;
    const u64 packs = bytes / 16;
    const u64 first = (u64)blockIdx.x * blockDim.x * 4 + threadIdx.x;
    const u32* in = reinterpret_cast<const u32*>(from);
    u32* out = reinterpret_cast<u32*>(to);
    if ((u64)(blockIdx.x + 1) * blockDim.x * 4 <= packs) {
        P p[4];
        #pragma unroll
        for (u32 i = 0; i < 4; ++i) p[i] = load16(in + (first + (u64)i * blockDim.x) * P::count);
        #pragma unroll
        for (u32 i = 0; i < 4; ++i) store16(out + (first + (u64)i * blockDim.x) * P::count, p[i]);
    } else {
        for (u64 at = first; at < packs; at += blockDim.x) store16(out + at * P::count, load16(in + at * P::count));
    }
    const u64 tail = packs * 16 + threadIdx.x;
    if (blockIdx.x == 0 && tail < bytes) to[tail] = from[tail];
}

// Latency of the level that holds the ring: one thread follows `hops` links, each load depending on the one before.
// Nodes lie 128 bytes apart, a cache line each. result[0] is where it ended, result[1] the sum of the nodes visited.
KERNEL chase(u64* __restrict__ result, const u64* __restrict__ ring, u64 hops) {
    u64 at = 0, sum = 0;
    for (u64 hop = 0; hop < hops; ++hop) {
        at = ring[at * 16];
        sum += at;
    }
    result[0] = at;
    result[1] = sum;
}
