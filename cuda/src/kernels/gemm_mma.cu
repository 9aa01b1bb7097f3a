// C = alpha A B + beta C on tensor cores by mma.sync, sm_80 and later. Row-major A (m x k), B (k x n), C (m x n), leading
// dimensions a multiple of 16 bytes; rows and columns beyond the extents are predicated, and the padding of A and B must
// be zero. Bound by the tensor cores' rate for large extents.
//
// A block of 8 warps makes a 128 x 128 tile of C, a warp 64 x 32 of it. Tiles of A (128 x 64 bytes) and B (64 bytes' worth
// of k x 128) go through STAGES slots of shared memory by cp.async, so that STAGES - 1 of them are on their way while one
// is multiplied. Sixteen-byte chunks are swizzled so that every ldmatrix and every fragment load touches each bank once:
//
//   A, 4 chunks a row:              chunk ^ (row / 2 % 4)   8 rows of one ldmatrix cover 8 chunks of 16 bytes
//   B of 16 bits, 16 chunks a row:  chunk ^ (row % 8)       likewise
//   B of 32 bits, 32 chunks a row:  chunk ^ (row % 4 * 2)   a fragment is 4 rows x 8 columns: 8 chunks x 4 words
//
// Blocks are numbered so that GROUP rows of tiles are swept together and share B's columns in L2.
//
// -DFORMAT=0 (tf32) | 1 (bf16) | 2 (f16), -DSTAGES=2..6

#if FORMAT == 0
typedef float Elem;
#else
typedef u16 Elem;
#endif

#define BM 128u
#define BN 128u
#define BK (64u / (u32)sizeof(Elem))
#define THREADS 256u
#define GROUP 8u
#define CHUNK (16u / (u32)sizeof(Elem))
#define A_CHUNKS 4u
#define B_CHUNKS (BN / CHUNK)
#define A_BYTES (BM * 64u)
#define STAGE_BYTES (2u * A_BYTES)

__device__ __forceinline__ u32 a_offset(u32 row, u32 chunk) { return (row * A_CHUNKS + (chunk ^ (row / 2 % 4))) * 16; }

__device__ __forceinline__ u32 b_offset(u32 row, u32 chunk) {
#if FORMAT == 0
    return (row * B_CHUNKS + (chunk ^ (row % 4 * 2))) * 16;
#else
    return (row * B_CHUNKS + (chunk ^ (row % 8))) * 16;
#endif
}

__device__ __forceinline__ void fetch(u8* stage, const Elem* a, const Elem* b, u32 row0, u32 col0, u32 k0, u32 m, u32 k,
                                      u32 lda, u32 ldb) {
    #pragma unroll
    for (u32 i = 0; i < BM * A_CHUNKS / THREADS; ++i) {
        const u32 piece = threadIdx.x + i * THREADS, row = piece / A_CHUNKS, chunk = piece % A_CHUNKS;
        const u32 r = row0 + row, c = k0 + chunk * CHUNK;
        const bool valid = r < m && c < lda;
        cp_async16(stage + a_offset(row, chunk), valid ? a + (u64)r * lda + c : a, valid);
    }
    #pragma unroll
    for (u32 i = 0; i < BK * B_CHUNKS / THREADS; ++i) {
        const u32 piece = threadIdx.x + i * THREADS, row = piece / B_CHUNKS, chunk = piece % B_CHUNKS;
        const u32 r = k0 + row, c = col0 + chunk * CHUNK;
        const bool valid = r < k && c < ldb;
        cp_async16(stage + A_BYTES + b_offset(row, chunk), valid ? b + (u64)r * ldb + c : b, valid);
    }
}

__device__ __forceinline__ void multiply(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if FORMAT == 0
    mma_tf32(d, a, b0, b1);
#elif FORMAT == 1
    mma_bf16(d, a, b0, b1);
#else
    mma_f16(d, a, b0, b1);
#endif
}

// Fragments of B for the four 8-column tiles of a warp; `step` counts 32 bytes' worth of k.
__device__ __forceinline__ void load_b(u32 (&b)[4][2], const u8* tile, u32 step, u32 col, u32 lane) {
#if FORMAT == 0
    #pragma unroll
    for (u32 j = 0; j < 4; ++j) {
        const u32 c = col + j * 8 + lane / 4;
        #pragma unroll
        for (u32 half = 0; half < 2; ++half) {
            const u32 row = step * 8 + half * 4 + lane % 4;
            b[j][half] = round_tf32(*reinterpret_cast<const u32*>(tile + b_offset(row, c / 4) + c % 4 * 4));
        }
    }
#else
    #pragma unroll
    for (u32 j = 0; j < 4; j += 2) {
        u32 r[4];
        ldmatrix4_trans(r, tile + b_offset(step * 16 + lane % 16, col / 8 + j + lane / 16));
        b[j][0] = r[0];
        b[j][1] = r[1];
        b[j + 1][0] = r[2];
        b[j + 1][1] = r[3];
    }
#endif
}

#if FORMAT == 0
__device__ __forceinline__ void store_pair(float* c, float x, float y, float beta) {
    float2* to = reinterpret_cast<float2*>(c);
    if (beta != 0) {
        const float2 old = *to;
        x += beta * old.x;
        y += beta * old.y;
    }
    *to = make_float2(x, y);
}
#else
__device__ __forceinline__ float widen(u16 bits) {
#if FORMAT == 1
    return __uint_as_float((u32)bits << 16);
#else
    return unpack_f16(bits);
#endif
}

__device__ __forceinline__ void store_pair(u16* c, float x, float y, float beta) {
    u32* to = reinterpret_cast<u32*>(c);
    if (beta != 0) {
        const u32 old = *to;
        x += beta * widen((u16)old);
        y += beta * widen((u16)(old >> 16));
    }
#if FORMAT == 1
    *to = pack_bf16(x, y);
#else
    *to = pack_f16(x, y);
#endif
}
#endif

KERNEL __launch_bounds__(THREADS, 2) gemm_mma(Elem* __restrict__ c, const Elem* __restrict__ a, const Elem* __restrict__ b,
                                              u32 m, u32 n, u32 k, u32 lda, u32 ldb, u32 ldc, float alpha, float beta) {
    DYNAMIC_SHARED(stages);
    const u32 tiles_m = (m + BM - 1) / BM, tiles_n = (n + BN - 1) / BN;
    const u32 group = blockIdx.x / (GROUP * tiles_n), first = group * GROUP;
    const u32 height = tiles_m - first < GROUP ? tiles_m - first : GROUP;
    const u32 within = blockIdx.x - group * GROUP * tiles_n;
    const u32 row0 = (first + within % height) * BM, col0 = within / height * BN;
    const u32 lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const u32 warp_row = warp / 4 * 64, warp_col = warp % 4 * 32;

    float acc[4][4][4];
    #pragma unroll
    for (u32 i = 0; i < 4; ++i)
        #pragma unroll
        for (u32 j = 0; j < 4; ++j)
            #pragma unroll
            for (u32 r = 0; r < 4; ++r) acc[i][j][r] = 0;

    const u32 steps = (k + BK - 1) / BK;
    #pragma unroll
    for (u32 s = 0; s < STAGES - 1; ++s) {
        if (s < steps) fetch(stages + s * STAGE_BYTES, a, b, row0, col0, s * BK, m, k, lda, ldb);
        cp_async_commit();
    }
    for (u32 t = 0; t < steps; ++t) {
        // Tile t has arrived for this thread, then for all; and all have left the slot that is filled next.
        cp_async_wait<STAGES - 2>();
        __syncthreads();
        const u32 next = t + STAGES - 1;
        if (next < steps) fetch(stages + next % STAGES * STAGE_BYTES, a, b, row0, col0, next * BK, m, k, lda, ldb);
        cp_async_commit();
        const u8* tile = stages + t % STAGES * STAGE_BYTES;
        #pragma unroll
        for (u32 step = 0; step < 2; ++step) {
            u32 bf[4][2];
            load_b(bf, tile + A_BYTES, step, warp_col, lane);
            #pragma unroll
            for (u32 i = 0; i < 4; ++i) {
                u32 af[4];
                ldmatrix4(af, tile + a_offset(warp_row + i * 16 + lane % 16, step * 2 + lane / 16));
#if FORMAT == 0
                #pragma unroll
                for (u32 r = 0; r < 4; ++r) af[r] = round_tf32(af[r]);
#endif
                #pragma unroll
                for (u32 j = 0; j < 4; ++j) multiply(acc[i][j], af, bf[j][0], bf[j][1]);
            }
        }
    }
    #pragma unroll
    for (u32 i = 0; i < 4; ++i) {
        #pragma unroll
        for (u32 j = 0; j < 4; ++j) {
            const u32 col = col0 + warp_col + j * 8 + lane % 4 * 2;
            #pragma unroll
            for (u32 half = 0; half < 2; ++half) {
                const u32 row = row0 + warp_row + i * 16 + half * 8 + lane / 4;
                if (row < m && col < n)
                    store_pair(c + (u64)row * ldc + col, alpha * acc[i][j][half * 2], alpha * acc[i][j][half * 2 + 1], beta);
            }
        }
    }
}
