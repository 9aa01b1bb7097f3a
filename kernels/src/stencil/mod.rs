//! 7-point stencil on a box: `out = c0 u + c1 (sum of the six neighbours)` in the interior.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::Element;
use crate::error::KernelError;
use crate::pool::{Pool, spread};
use crate::simd::Vector;
use crate::tier::{Level, Tier, dispatch};

/// Rows of a plane that are swept through all planes before the next ones, where whole planes are too large to stay in
/// cache: three such blocks of planes stay in L2 for rows of up to some thousand points.
const BLOCK: usize = 64;
/// Bytes of the four planes at work from which they are swept in blocks. Below, blocks lose: `docs/kernels.md`.
const BLOCKED_BYTES: usize = 4 << 20;
/// Bytes of a row from which its stores may be non-temporal; below they lose, whatever the box: `docs/kernels.md`.
const STREAMED_ROW_BYTES: usize = 2000;

/// Extents of a box including its boundary layer: `nx` along the contiguous axis, `nz` along the slowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Points along the contiguous axis.
    pub nx: usize,
    /// Points along the middle axis.
    pub ny: usize,
    /// Points along the slowest axis.
    pub nz: usize,
}

impl Grid {
    /// Points, boundary included.
    ///
    /// # Errors
    /// The product overflows.
    pub fn points(&self) -> Result<usize, KernelError> {
        let plane = self.nx.checked_mul(self.ny);
        plane.and_then(|p| p.checked_mul(self.nz)).ok_or(KernelError::Overflow { what: "the box" })
    }
}

/// `out = c0 u + c1 (((west + east) + (south + north)) + (below + above))` at each interior point; the boundary of
/// `out` is left as it is (Dirichlet). The last operation is fused on AVX2 and AVX-512.
///
/// The result of a tier is the same bit for bit whatever the thread count. Stores are non-temporal when both boxes
/// together exceed the pool's last-level cache and rows are long. A box with an extent below 3 has no interior: nothing is written.
///
/// # Errors
/// Lengths that are not the box's; extents that overflow; a tier that the CPU lacks; nested use of the pool.
pub fn stencil<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    grid: Grid,
    u: &[T],
    out: &mut [T],
    c0: T,
    c1: T,
) -> Result<(), KernelError> {
    let level = tier.level()?;
    let points = grid.points()?;
    for (what, found) in [("u", u.len()), ("out", out.len())] {
        if found != points {
            return Err(KernelError::Length { what, expected: points, found });
        }
    }
    let stream = crate::pool::exceeds_cache(pool, points.saturating_mul(2 * size_of::<T>()));
    let whole = Part::whole(grid, u.as_ptr(), out.as_mut_ptr(), c0, c1, stream);
    // SAFETY: both boxes were checked to be the grid's and stay borrowed until all workers are done; parts are disjoint.
    spread(pool, |w| unsafe { part(level, &whole, w.index, w.of) })
}

/// What one worker computes: rows `y` of planes `z`.
#[derive(Clone)]
pub(crate) struct Part<T> {
    grid: Grid,
    u: *const T,
    out: *mut T,
    c0: T,
    c1: T,
    stream: bool,
    y: std::ops::Range<usize>,
    z: std::ops::Range<usize>,
}

// SAFETY: workers write disjoint rows of `out` and only read `u`.
unsafe impl<T: Send> Send for Part<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Part<T> {}

impl<T: Element> Part<T> {
    /// The whole interior of boxes of `grid`.
    pub(crate) fn whole(grid: Grid, u: *const T, out: *mut T, c0: T, c1: T, stream: bool) -> Self {
        let inner = |n: usize| 1..n.saturating_sub(1).max(1);
        let (y, z) = if grid.nx < 3 { (1..1, 1..1) } else { (inner(grid.ny), inner(grid.nz)) };
        Self { grid, u, out, c0, c1, stream, y, z }
    }
}

/// One worker's share of the interior: planes, or rows where planes are fewer than workers.
///
/// # Safety
/// The boxes of `whole` are alive and as large as its grid says, and no other thread writes this share's rows.
pub(crate) unsafe fn part<T: Element>(level: Level, whole: &Part<T>, index: usize, of: usize) {
    let cut = |range: &std::ops::Range<usize>| {
        let border = |i: usize| range.start + (range.len() as u128 * i as u128 / of as u128) as usize;
        border(index)..border(index + 1)
    };
    let mut mine = whole.clone();
    if whole.z.len() >= of {
        mine.z = cut(&whole.z);
    } else {
        mine.y = cut(&whole.y);
    }
    // SAFETY: the boxes are alive and the rows are this worker's by this function's contract.
    dispatch!(level, scalar: unsafe { scalar(&mine) }, run::<T>(&mine));
}

/// Calls `row` with the offset of the first interior point of each row, blocks of rows outermost.
#[inline(always)]
fn rows<T>(part: &Part<T>, mut row: impl FnMut(usize)) {
    let planes = 4 * part.grid.nx * part.grid.ny * size_of::<T>();
    let block = if planes < BLOCKED_BYTES { usize::MAX } else { BLOCK };
    let mut start = part.y.start;
    while start < part.y.end {
        let end = part.y.end.min(start.saturating_add(block));
        for z in part.z.clone() {
            for y in start..end {
                row((z * part.grid.ny + y) * part.grid.nx + 1);
            }
        }
        start = end;
    }
}

/// # Safety
/// As [`part`].
unsafe fn scalar<T: Element>(part: &Part<T>) {
    let (nx, plane) = (part.grid.nx, part.grid.nx * part.grid.ny);
    let inner = nx.saturating_sub(2);
    rows(part, |at| {
        // SAFETY: `at` is an interior point, so that it has a neighbour on every side inside the box; `u` is not
        // written, and this row of `out` is this worker's.
        unsafe {
            let line = |offset: usize| std::slice::from_raw_parts(part.u.add(offset - 1), nx);
            let out = std::slice::from_raw_parts_mut(part.out.add(at), inner);
            let near = [line(at - nx), line(at + nx), line(at - plane), line(at + plane)];
            (T::RUNGS.stencil_row)(out, line(at), near, part.c0, part.c1);
        }
    });
}

/// # Safety
/// The CPU has the vector's tier; otherwise as [`part`].
#[inline(always)]
unsafe fn body<V: Vector>(part: &Part<V::Elem>) {
    let (nx, plane) = (part.grid.nx, part.grid.nx * part.grid.ny);
    let inner = nx.saturating_sub(2);
    let stream = part.stream && inner * size_of::<V::Elem>() >= STREAMED_ROW_BYTES;
    // SAFETY: rows start at interior points and have `inner` of them, so that every neighbour lies in the box; tails
    // name their lanes; streams are aligned by the head.
    unsafe {
        let (c0, c1) = (V::splat(part.c0), V::splat(part.c1));
        rows(part, |at| {
            let (u, out) = (part.u.add(at), part.out.add(at));
            let full = |i: usize| {
                let p = u.add(i);
                let x = V::load(p.sub(1)).add(V::load(p.add(1)));
                let y = V::load(p.sub(nx)).add(V::load(p.add(nx)));
                let z = V::load(p.sub(plane)).add(V::load(p.add(plane)));
                c0.mul_add(V::load(p), c1.mul(x.add(y).add(z)))
            };
            let some = |i: usize, n: usize| {
                let p = u.add(i);
                let load = |p| V::load_first(p, n);
                let x = load(p.sub(1)).add(load(p.add(1)));
                let y = load(p.sub(nx)).add(load(p.add(nx)));
                let z = load(p.sub(plane)).add(load(p.add(plane)));
                c0.mul_add(load(p), c1.mul(x.add(y).add(z)))
            };
            let mut i = 0;
            if stream {
                let head = out.align_offset(V::LANES * size_of::<V::Elem>()).min(inner);
                if head <= V::LANES {
                    some(0, head).store_first(out, head);
                    i = head;
                    while i + V::LANES <= inner {
                        // Four KiB ahead in the plane that comes into the cache: its own prefetcher stops at pages.
                        V::prefetch(u.wrapping_add(i + plane + 4096 / size_of::<V::Elem>()));
                        full(i).stream(out.add(i));
                        i += V::LANES;
                    }
                }
            }
            while i + V::LANES <= inner {
                full(i).store(out.add(i));
                i += V::LANES;
            }
            if i < inner {
                some(i, inner - i).store_first(out.add(i), inner - i);
            }
        });
        if stream {
            V::fence();
        }
    }
}

#[cfg(test)]
mod tests;
