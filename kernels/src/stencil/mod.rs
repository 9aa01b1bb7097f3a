//! 7-point stencil on a box: `out = c0 u + c1 (sum of the six neighbours)` in the interior.
//!
//! [`stencil`] is one sweep; [`stencil_sweeps`] is many, blocked in time as well, with the same results.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sse;
mod streamed;
mod sweeps;
mod tiles;

pub use sweeps::stencil_sweeps;

use crate::element::Element;
use crate::error::KernelError;
use crate::pool::{Pool, spread};
use crate::simd::Vector;
use crate::tier::{Level, Tier, dispatch};

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

    /// Whether both boxes have its points.
    fn check(&self, u: usize, out: usize) -> Result<(), KernelError> {
        let expected = self.points()?;
        for (what, found) in [("u", u), ("out", out)] {
            if found != expected {
                return Err(KernelError::Length { what, expected, found });
            }
        }
        Ok(())
    }
}

/// `out = c0 u + c1 (((west + east) + (south + north)) + (below + above))` at each interior point; the boundary of
/// `out` is left as it is (Dirichlet). The last operation is fused on AVX2 and AVX-512.
///
/// The result of a tier is the same bit for bit whatever the thread count. Stores are non-temporal when both boxes
/// together exceed the pool's last-level cache and rows have at least three vectors. A box with an extent below 3 has no interior: nothing is written.
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
    grid.check(u.len(), out.len())?;
    let stream = crate::pool::exceeds_cache(pool, size_of_val(u).saturating_mul(2));
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
    /// The planes that the next part needs are prefetched.
    ahead: bool,
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
        Self { grid, u, out, c0, c1, stream, ahead: false, y, z }
    }
}

/// One worker's share of the interior: planes, or rows where planes are fewer than workers.
///
/// # Safety
/// The boxes of `whole` are alive and as large as its grid says, and no other thread writes this share's rows.
pub(crate) unsafe fn part<T: Element>(level: Level, whole: &Part<T>, index: usize, of: usize) {
    let mut mine = whole.clone();
    if whole.z.len() >= of {
        mine.z = cut(&whole.z, index, of);
    } else {
        mine.y = cut(&whole.y, index, of);
    }
    // SAFETY: the boxes are alive and the rows are this worker's by this function's contract.
    unsafe { sweep(level, &mine) }
}

/// The share `index` of `of` of a range.
fn cut(range: &std::ops::Range<usize>, index: usize, of: usize) -> std::ops::Range<usize> {
    let border = |i: usize| range.start + (range.len() as u128 * i as u128 / of as u128) as usize;
    border(index)..border(index + 1)
}

/// All rows of a part.
///
/// # Safety
/// The boxes are alive and as large as the grid says, and no other thread writes the part's rows.
unsafe fn sweep<T: Element>(level: Level, part: &Part<T>) {
    if part.y.is_empty() || part.z.is_empty() {
        return;
    }
    // SAFETY: this function's contract is theirs; the grid has an interior, because the part has rows.
    dispatch!(level, scalar: unsafe { scalar(part) }, run::<T>(part));
}

/// # Safety
/// As [`sweep`]; the part has rows.
unsafe fn scalar<T: Element>(part: &Part<T>) {
    let (nx, plane) = (part.grid.nx, part.grid.nx * part.grid.ny);
    for z in part.z.clone() {
        for y in part.y.clone() {
            let at = (z * part.grid.ny + y) * nx + 1;
            // SAFETY: `at` is an interior point, so that it has a neighbour on every side inside the box; `u` is not
            // written, and this row of `out` is this worker's.
            unsafe {
                let line = |offset: usize| std::slice::from_raw_parts(part.u.add(offset - 1), nx);
                let out = std::slice::from_raw_parts_mut(part.out.add(at), nx - 2);
                let near = [line(at - nx), line(at + nx), line(at - plane), line(at + plane)];
                (T::RUNGS.stencil_row)(out, line(at), near, part.c0, part.c1);
            }
        }
    }
}

/// # Safety
/// The CPU has the vector's tier; otherwise as [`sweep`], of a part that has rows.
#[inline(always)]
unsafe fn body<V: Vector>(part: &Part<V::Elem>) {
    // SAFETY: this function's contract is theirs; rows for streams are long enough.
    unsafe {
        if part.stream && part.grid.nx >= streamed::LEAST_VECTORS * V::LANES {
            streamed::sweep::<V>(part);
        } else {
            tiles::sweep::<V>(part);
        }
    }
}

#[cfg(test)]
mod tests;
