//! Sweeps whose operands come from cache: tiles of planes and rows, whose points share what they load.
//!
//! A point alone takes seven loads, and loads that cross lines bound the loop (`docs/kernels.md`). In a tile of 3 planes and 2
//! rows 16 rows of input serve 6 rows of output, and neighbours along the row are shifted out of registers.

use super::Part;
use crate::element::Sealed;
use crate::simd::Vector;
use std::ops::Range;

/// Bytes that the rows at work may take, so that they stay in a second-level cache of 512 KiB.
const AT_WORK: usize = 384 << 10;
/// Planes of a tile where the tier has registers for it, and the rows of every tile.
const PLANES: usize = 3;
const ROWS: usize = 2;

/// Rows of a block: of each, the sweep holds five planes of the input and three of the output.
fn block(row_bytes: usize) -> usize {
    (AT_WORK / (8 * row_bytes.max(1))).max(8)
}

/// # Safety
/// As [`super::body`].
#[inline(always)]
pub(super) unsafe fn sweep<V: Vector>(part: &Part<V::Elem>) {
    let deep = if V::LANES * size_of::<V::Elem>() == 64 { PLANES } else { 1 };
    let mut start = part.y.start;
    while start < part.y.end {
        let end = part.y.end.min(start.saturating_add(block(part.grid.nx * size_of::<V::Elem>())));
        let mut z = part.z.start;
        // SAFETY: the planes and rows are this part's.
        unsafe {
            while deep == PLANES && z + PLANES <= part.z.end {
                pairs::<V, PLANES, false>(part, z, start..end);
                z += PLANES;
            }
            while z < part.z.end {
                if part.ahead {
                    pairs::<V, 1, true>(part, z, start..end);
                } else {
                    pairs::<V, 1, false>(part, z, start..end);
                }
                z += 1;
            }
        }
        start = end;
    }
}

/// The rows `y` of `Z` planes from `z` on.
///
/// # Safety
/// As [`super::body`]; the planes and rows are interior ones of the part.
#[inline(always)]
unsafe fn pairs<V: Vector, const Z: usize, const AHEAD: bool>(part: &Part<V::Elem>, z: usize, y: Range<usize>) {
    let mut at = y.start;
    // SAFETY: the rows are the part's.
    unsafe {
        while at + ROWS <= y.end {
            tile::<V, Z, ROWS, AHEAD>(part, z, at);
            at += ROWS;
        }
        if at < y.end {
            tile::<V, Z, 1, AHEAD>(part, z, at);
        }
    }
}

/// # Safety
/// As [`pairs`].
#[inline(always)]
unsafe fn tile<V: Vector, const Z: usize, const Y: usize, const AHEAD: bool>(part: &Part<V::Elem>, z: usize, y: usize) {
    let (nx, inner) = (part.grid.nx, part.grid.nx - 2);
    let at = (z * part.grid.ny + y) * nx + 1;
    // SAFETY: `at` is the first interior point of an interior row; steps name how many points they have and how many
    // elements of the row follow.
    unsafe {
        let mut step = Step::<V, Z, Y, AHEAD> {
            u: part.u.add(at),
            out: part.out.add(at),
            row: nx,
            plane: nx * part.grid.ny,
            factors: [V::splat(part.c0), V::splat(part.c1)],
            west: [[V::splat(<V::Elem as Sealed>::ZERO); Y]; Z],
        };
        step.start(nx.min(V::LANES));
        let mut i = 0;
        while i + 2 * V::LANES <= nx {
            step.go(V::LANES, V::LANES);
            i += V::LANES;
        }
        while i < inner {
            step.go(V::LANES.min(inner - i), (nx - i).saturating_sub(V::LANES).min(V::LANES));
            i += V::LANES;
        }
    }
}

/// A column of vectors, one a row of the tile, that goes along the rows.
struct Step<V: Vector, const Z: usize, const Y: usize, const AHEAD: bool> {
    /// The points to compute next in the tile's first row.
    u: *const V::Elem,
    out: *mut V::Elem,
    row: usize,
    plane: usize,
    factors: [V; 2],
    /// The vectors that begin one point west of them.
    west: [[V; Y]; Z],
}

/// The first `n` lanes; `n` is known where whole vectors are meant.
///
/// # Safety
/// The CPU has the vector's tier; `n` elements lie at `p`.
#[inline(always)]
unsafe fn load<V: Vector>(p: *const V::Elem, n: usize) -> V {
    // SAFETY: as this function's contract.
    unsafe { if n == V::LANES { V::load(p) } else { V::load_first(p, n) } }
}

impl<V: Vector, const Z: usize, const Y: usize, const AHEAD: bool> Step<V, Z, Y, AHEAD> {
    /// # Safety
    /// `n` elements of the row lie from the western neighbour of its first point on.
    #[inline(always)]
    unsafe fn start(&mut self, n: usize) {
        for k in 0..Z {
            for j in 0..Y {
                // SAFETY: this function's contract, for every row of the tile.
                self.west[k][j] = unsafe { load(self.u.add(k * self.plane + j * self.row).sub(1), n) };
            }
        }
    }

    /// Computes `n` points of every row and goes on by a vector; `after` elements of the row follow the vectors in `west`.
    ///
    /// # Safety
    /// The CPU has the vector's tier; the points are interior ones that nobody else writes.
    #[inline(always)]
    unsafe fn go(&mut self, n: usize, after: usize) {
        let (row, plane) = (self.row, self.plane);
        let mut centre = self.west;
        let mut across = self.west;
        // SAFETY: points have their six neighbours in the box; `after` says what may be read behind them.
        unsafe {
            for k in 0..Z {
                for j in 0..Y {
                    let p = self.u.add(k * plane + j * row);
                    let next = load::<V>(p.wrapping_sub(1).wrapping_add(V::LANES), after);
                    let west = self.west[k][j];
                    centre[k][j] = west.shifted::<1>(next, p, n);
                    across[k][j] = west.add(west.shifted::<2>(next, p.add(1), n));
                    self.west[k][j] = next;
                    if AHEAD {
                        // What the next plane's sweep reads and writes first.
                        V::prefetch_far(p.wrapping_add(2 * plane));
                        V::prefetch_far(self.out.wrapping_add(k * plane + j * row + plane));
                    }
                }
            }
            for k in 0..Z {
                for j in 0..Y {
                    let p = self.u.add(k * plane + j * row);
                    let south = if j > 0 { centre[k][j - 1] } else { load(p.sub(row), n) };
                    let north = if j + 1 < Y { centre[k][j + 1] } else { load(p.add(row), n) };
                    let below = if k > 0 { centre[k - 1][j] } else { load(p.sub(plane), n) };
                    let above = if k + 1 < Z { centre[k + 1][j] } else { load(p.add(plane), n) };
                    let sum = across[k][j].add(south.add(north)).add(below.add(above));
                    let value = self.factors[0].mul_add(centre[k][j], self.factors[1].mul(sum));
                    let out = self.out.add(k * plane + j * row);
                    if n == V::LANES { value.store(out) } else { value.store_first(out, n) }
                }
            }
            self.u = self.u.wrapping_add(V::LANES);
            self.out = self.out.wrapping_add(V::LANES);
        }
    }
}
