//! Sweeps that go to memory: whole lines by non-temporal stores, and the plane that comes in prefetched.
//!
//! The rows of a plane are swept as one stretch of aligned vectors, also where a row ends inside of one: a line that one row's
//! end shares with the next one's beginning is written in that turn, element by element and never by an ordinary store, which
//! would wait for the line to be read (`docs/kernels.md`). Elements of the boundary are not written.

use super::Part;
use crate::simd::Vector;

/// How far ahead the plane that comes in is prefetched: the hardware's prefetchers stop at the end of a page of 4 KiB.
const AHEAD_BYTES: usize = 8192;
/// Bytes of each plane that are swept through all planes before the next ones, where three planes would not stay in cache.
const BLOCK_BYTES: usize = 160 << 10;
/// Bytes of the three planes of the input from which they are swept in blocks.
const BLOCKED_BYTES: usize = 1 << 20;

/// The shortest row, in vectors: each end of a row then has a vector of its own.
pub(super) const LEAST_VECTORS: usize = 3;

/// # Safety
/// As [`super::body`]; rows have at least [`LEAST_VECTORS`] vectors.
#[inline(always)]
pub(super) unsafe fn sweep<V: Vector>(part: &Part<V::Elem>) {
    let row = part.grid.nx * size_of::<V::Elem>();
    let block = if 3 * part.grid.ny * row < BLOCKED_BYTES { usize::MAX } else { (BLOCK_BYTES / row).max(8) };
    let mut start = part.y.start;
    while start < part.y.end {
        let end = part.y.end.min(start.saturating_add(block));
        for z in part.z.clone() {
            // SAFETY: the rows are this part's.
            unsafe { rows::<V>(part, z, start, end) };
        }
        start = end;
    }
    // SAFETY: a fence only orders stores; the tier is the caller's to guarantee.
    unsafe { V::fence() };
}

/// The rows `start .. end` of plane `z`.
///
/// # Safety
/// As [`sweep`].
#[inline(always)]
unsafe fn rows<V: Vector>(part: &Part<V::Elem>, z: usize, start: usize, end: usize) {
    let nx = part.grid.nx;
    // The first index from `i` on whose place in `out` is aligned to a vector.
    let skew = (part.out.addr() / size_of::<V::Elem>()) % V::LANES;
    let aligned = |i: usize| (i + skew).next_multiple_of(V::LANES) - skew;
    let first = (z * part.grid.ny + start) * nx + 1;
    let last = (z * part.grid.ny + end - 1) * nx + nx - 1;
    let mut i = aligned(first);
    // SAFETY: `first .. last` is the stretch from the first to the last interior point of these rows. Every index in it lies
    // in an interior row of an interior plane, also the boundary's two between rows, so that all its neighbours are in the
    // box; what is computed for those two is not stored.
    unsafe {
        let line = Line::<V>::new(part);
        line.scatter(first, i - first, last);
        for y in start..end {
            // The two elements of the boundary between this row and the next.
            let edge = (z * part.grid.ny + y) * nx + nx - 1;
            // The vector that holds the first of them, and the one after the second's.
            let whole = aligned(edge + 1) - V::LANES;
            let turn = if y + 1 < end { aligned(edge + 2) } else { whole };
            i = line.stretch(i, whole);
            while i < turn {
                line.scatter(i, V::LANES, edge);
                i += V::LANES;
            }
        }
        line.scatter(i, last - i, last);
    }
}

/// The operands of a stretch.
struct Line<V: Vector> {
    u: *const V::Elem,
    out: *mut V::Elem,
    row: usize,
    plane: usize,
    factors: [V; 2],
}

impl<V: Vector> Line<V> {
    /// # Safety
    /// The CPU has the vector's tier.
    #[inline(always)]
    unsafe fn new(part: &Part<V::Elem>) -> Self {
        // SAFETY: the tier is the caller's to guarantee.
        let factors = unsafe { [V::splat(part.c0), V::splat(part.c1)] };
        Self { u: part.u, out: part.out, row: part.grid.nx, plane: part.grid.nx * part.grid.ny, factors }
    }

    /// The value of `n` points from the sum of the two neighbours along the row.
    ///
    /// # Safety
    /// `p` is where the first of them lies, and each has its neighbours in the box; the CPU has the tier.
    #[inline(always)]
    unsafe fn value(&self, p: *const V::Elem, centre: V, across: V, load: impl Fn(*const V::Elem) -> V) -> V {
        // SAFETY: as this function's contract.
        unsafe {
            let beside = load(p.sub(self.row)).add(load(p.add(self.row)));
            let through = load(p.sub(self.plane)).add(load(p.add(self.plane)));
            self.factors[0].mul_add(centre, self.factors[1].mul(across.add(beside).add(through)))
        }
    }

    /// Asks for the line of the plane that comes in, [`AHEAD_BYTES`] behind `p`'s: for each vector, since one line a row that
    /// nobody asked for cost a third of the sweep.
    ///
    /// # Safety
    /// The CPU has the vector's tier.
    #[inline(always)]
    unsafe fn ahead(&self, p: *const V::Elem) {
        // SAFETY: the tier is the caller's to guarantee; a prefetch takes any address.
        unsafe { V::prefetch_far(p.wrapping_add(self.plane + AHEAD_BYTES / size_of::<V::Elem>())) };
    }

    /// Whole vectors from `i` until `end`, streamed; returns where it stopped.
    ///
    /// # Safety
    /// `i` is aligned in `out`, all points up to `end` are interior ones of this worker; otherwise as [`sweep`].
    #[inline(always)]
    unsafe fn stretch(&self, mut i: usize, end: usize) -> usize {
        // SAFETY: a vector behind `end` there is at least a row of the box.
        unsafe {
            let mut west = V::load(self.u.add(i).sub(1));
            while i < end {
                let p = self.u.add(i);
                self.ahead(p);
                let next = V::load(p.add(V::LANES).sub(1));
                let centre = west.shifted::<1>(next, p, V::LANES);
                let across = west.add(west.shifted::<2>(next, p.add(1), V::LANES));
                self.value(p, centre, across, |p| V::load(p)).stream(self.out.add(i));
                west = next;
                i += V::LANES;
            }
        }
        i
    }

    /// The `n` values from `i` on, element by element without `edge` and `edge + 1`.
    ///
    /// # Safety
    /// As [`sweep`]; the other points are interior ones of this worker.
    #[inline(always)]
    unsafe fn scatter(&self, i: usize, n: usize, edge: usize) {
        // SAFETY: by this function's contract; loads name their number.
        unsafe {
            let p = self.u.add(i);
            self.ahead(p);
            let load = |p| V::load_first(p, n);
            let value = self.value(p, load(p), load(p.sub(1)).add(load(p.add(1))), load);
            let mut lanes = [<V::Elem as crate::element::Sealed>::ZERO; 16];
            value.store(lanes.as_mut_ptr());
            for (j, x) in lanes.iter().enumerate().take(n) {
                if i + j != edge && i + j != edge + 1 {
                    V::stream_one(*x, self.out.add(i + j));
                }
            }
        }
    }
}
