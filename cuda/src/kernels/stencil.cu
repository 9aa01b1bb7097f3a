// 7-point stencil, out = c0 u + c1 (sum of the six neighbours) on the interior. Bound by memory: each point read once,
// each interior point written once; 8 operations a point.
//
// 2.5-D (Nguyen et al., SC 2010): a block owns a BX x BY column of the box and walks along z. The plane under work is in
// shared memory with its halo; the planes below and above are in one register a thread. Blocks along z walk DEPTH planes
// each, so that small boxes fill the device too; each such cut reads two planes twice.
//
// -DREAL=float|double, -DBX, -DBY (threads), -DDEPTH (planes a block walks)

KERNEL __launch_bounds__(BX * BY) stencil(REAL* __restrict__ out, const REAL* __restrict__ u, u32 nx, u32 ny, u32 nz,
                                          REAL c0, REAL c1) {
    __shared__ REAL tile[BY + 2][BX + 2];
    const u32 tx = threadIdx.x, ty = threadIdx.y;
    const u32 x = 1 + blockIdx.x * BX + tx, y = 1 + blockIdx.y * BY + ty;
    const u32 z_first = 1 + blockIdx.z * DEPTH;
    const u32 z_end = z_first + DEPTH < nz - 1 ? z_first + DEPTH : nz - 1;
    const u64 plane = (u64)nx * ny;
    // Threads beyond the box stay for the barriers and read a point that is in it.
    const bool mine = x < nx - 1 && y < ny - 1;
    const u32 xi = x < nx - 1 ? x : nx - 1, yi = y < ny - 1 ? y : ny - 1;
    const u64 column = (u64)yi * nx + xi;

    REAL below = u[(z_first - 1) * plane + column];
    REAL here = u[z_first * plane + column];
    for (u32 z = z_first; z < z_end; ++z) {
        const REAL* at = u + z * plane;
        const REAL above = at[plane + column];
        tile[ty + 1][tx + 1] = here;
        if (tx == 0) tile[ty + 1][0] = at[(u64)yi * nx + xi - 1];
        if (ty == 0) tile[0][tx + 1] = at[(u64)(yi - 1) * nx + xi];
        // The far halo lies beside the last thread of the block, which may be outside the box.
        if (tx == BX - 1 && x + 1 < nx) tile[ty + 1][BX + 1] = at[(u64)yi * nx + x + 1];
        if (ty == BY - 1 && y + 1 < ny) tile[BY + 1][tx + 1] = at[(u64)(y + 1) * nx + xi];
        __syncthreads();
        if (mine) {
            const REAL sum = (tile[ty + 1][tx] + tile[ty + 1][tx + 2]) + (tile[ty][tx + 1] + tile[ty + 2][tx + 1])
                           + (below + above);
            out[z * plane + (u64)y * nx + x] = c0 * here + c1 * sum;
        }
        __syncthreads();
        below = here;
        here = above;
    }
}
