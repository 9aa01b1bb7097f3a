// C = alpha A B + beta C on CUDA cores, f32 and f64. Row-major A (m x k), B (k x n), C (m x n), leading dimensions a
// multiple of four values; rows and columns beyond the extents are predicated, and the padding of A and B must be zero.
// Bound by the fused multiply-add rate for large extents.
//
// 256 threads make a 16 TM x 16 TN tile of C, a thread TM x TN of it in quads of four, so that a warp's shared-memory reads
// are 16 bytes wide and broadcast. A is kept transposed. While one tile is multiplied, the next is on its way in registers;
// two shared-memory slots make one barrier a tile enough.
//
// -DREAL=float|double, -DTM, -DTN (multiples of 4), -DBK (multiple of 4)

#define BM (16u * TM)
#define BN (16u * TN)
#define THREADS 256u
#define A_QUADS (BM * BK / 4)
#define B_QUADS (BK * BN / 4)
#define A_TURNS ((A_QUADS + THREADS - 1) / THREADS)
#define B_TURNS ((B_QUADS + THREADS - 1) / THREADS)

struct alignas(16) Quad { REAL v[4]; };

__device__ __forceinline__ Quad quad_or_zero(const REAL* from, u32 row, u32 col, u32 rows, u32 ld) {
    if (row < rows && col < ld) return *reinterpret_cast<const Quad*>(from + (u64)row * ld + col);
    return Quad{{0, 0, 0, 0}};
}

KERNEL __launch_bounds__(THREADS, 1) gemm_simt(REAL* __restrict__ c, const REAL* __restrict__ a, const REAL* __restrict__ b,
                                               u32 m, u32 n, u32 k, u32 lda, u32 ldb, u32 ldc, REAL alpha, REAL beta) {
    __shared__ __align__(16) REAL as[2][BK][BM + 4];
    __shared__ __align__(16) REAL bs[2][BK][BN + 4];
    const u32 tid = threadIdx.x, tx = tid % 16, ty = tid / 16;
    const u32 tiles_n = (n + BN - 1) / BN;
    const u32 row0 = blockIdx.x / tiles_n * BM, col0 = blockIdx.x % tiles_n * BN;

    Quad next_a[A_TURNS], next_b[B_TURNS];
    auto fetch = [&](u32 k0) {
        #pragma unroll
        for (u32 i = 0; i < A_TURNS; ++i) {
            const u32 q = tid + i * THREADS;
            if (q < A_QUADS) next_a[i] = quad_or_zero(a, row0 + q / (BK / 4), k0 + q % (BK / 4) * 4, m, lda);
        }
        #pragma unroll
        for (u32 i = 0; i < B_TURNS; ++i) {
            const u32 q = tid + i * THREADS;
            if (q < B_QUADS) next_b[i] = quad_or_zero(b, k0 + q / (BN / 4), col0 + q % (BN / 4) * 4, k, ldb);
        }
    };
    auto put = [&](u32 slot) {
        #pragma unroll
        for (u32 i = 0; i < A_TURNS; ++i) {
            const u32 q = tid + i * THREADS;
            if (q < A_QUADS) {
                #pragma unroll
                for (u32 j = 0; j < 4; ++j) as[slot][q % (BK / 4) * 4 + j][q / (BK / 4)] = next_a[i].v[j];
            }
        }
        #pragma unroll
        for (u32 i = 0; i < B_TURNS; ++i) {
            const u32 q = tid + i * THREADS;
            if (q < B_QUADS) *reinterpret_cast<Quad*>(&bs[slot][q / (BN / 4)][q % (BN / 4) * 4]) = next_b[i];
        }
    };

    REAL acc[TM][TN];
    #pragma unroll
    for (u32 i = 0; i < TM; ++i)
        #pragma unroll
        for (u32 j = 0; j < TN; ++j) acc[i][j] = 0;

    const u32 steps = (k + BK - 1) / BK;
    fetch(0);
    put(0);
    __syncthreads();
    for (u32 t = 0; t < steps; ++t) {
        if (t + 1 < steps) fetch((t + 1) * BK);
        #pragma unroll
        for (u32 kk = 0; kk < BK; ++kk) {
            Quad x[TM / 4], y[TN / 4];
            #pragma unroll
            for (u32 i = 0; i < TM / 4; ++i) x[i] = *reinterpret_cast<const Quad*>(&as[t % 2][kk][i * 64 + ty * 4]);
            #pragma unroll
            for (u32 j = 0; j < TN / 4; ++j) y[j] = *reinterpret_cast<const Quad*>(&bs[t % 2][kk][j * 64 + tx * 4]);
            #pragma unroll
            for (u32 i = 0; i < TM; ++i)
                #pragma unroll
                for (u32 j = 0; j < TN; ++j) acc[i][j] += x[i / 4].v[i % 4] * y[j / 4].v[j % 4];
        }
        if (t + 1 < steps) {
            // The other slot was last read before the barrier that ended the step before.
            put((t + 1) % 2);
            __syncthreads();
        }
    }
    #pragma unroll
    for (u32 i = 0; i < TM; ++i) {
        const u32 row = row0 + i / 4 * 64 + ty * 4 + i % 4;
        #pragma unroll
        for (u32 j = 0; j < TN; ++j) {
            const u32 col = col0 + j / 4 * 64 + tx * 4 + j % 4;
            if (row < m && col < n) {
                REAL* to = c + (u64)row * ldc + col;
                *to = alpha * acc[i][j] + (beta != 0 ? beta * *to : REAL(0));
            }
        }
    }
}
