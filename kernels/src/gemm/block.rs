//! The loops around the micro-kernel, and the memory that they pack into.

use super::grid::{self, Block};
use super::micro::Tile;
use super::{Gemm, Operands, pack};
use crate::element::{Element, Sealed};
use crate::error::KernelError;
use crate::memory::Buffer;
use crate::simd::Vector;
use crate::tier::Level;

/// Bytes of a packed block of B: half of an L2 of 1 MiB, so that the tiles of C find room.
const RIGHT_BYTES: usize = 512 << 10;
/// Bytes of packed A a worker: a share of L3.
const LEFT_BYTES: usize = 2 << 20;

/// Rows and vectors of a level's tile, and steps that are packed at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) width: usize,
    pub(super) steps: usize,
}

impl Shape {
    pub(super) fn of<T>(level: Level) -> Self {
        let per = |bytes: usize| bytes / size_of::<T>();
        match level {
            Level::Scalar => Self { rows: 1, width: usize::MAX, steps: 1 },
            #[cfg(target_arch = "x86_64")]
            Level::Sse => Self { rows: super::sse::ROWS, width: super::sse::WIDTH * per(16), steps: per(1024) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Self { rows: super::avx2::ROWS, width: super::avx2::WIDTH * per(32), steps: per(1024) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Self { rows: super::avx512::ROWS, width: super::avx512::WIDTH * per(64), steps: per(1024) }
            }
        }
    }

    /// Columns of a packed block of B.
    fn columns<T>(&self) -> usize {
        (RIGHT_BYTES / size_of::<T>() / self.steps / self.width * self.width).max(self.width)
    }

    /// Rows of packed A.
    fn height<T>(&self) -> usize {
        (LEFT_BYTES / size_of::<T>() / self.steps / self.rows * self.rows).max(self.rows)
    }
}

/// Packing memory and the division of C, made once for a product that may run many times.
pub(crate) struct Scratch<T: Element> {
    shape: Shape,
    grid: (usize, usize),
    each: usize,
    left: usize,
    memory: Buffer<u64>,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Scratch<T> {
    /// For `workers` workers at `level`.
    pub(crate) fn new(level: Level, g: &Gemm<T>, workers: usize) -> Result<Self, KernelError> {
        let shape = Shape::of::<T>(level);
        let (grid, left, right) = if level == Level::Scalar {
            ((workers, 1), 0, 0)
        } else {
            let steps = g.k.min(shape.steps);
            let rows = g.m.min(shape.height::<T>()).next_multiple_of(shape.rows);
            let columns = g.n.min(shape.columns::<T>()).next_multiple_of(shape.width);
            (grid::shape(g.m, g.n, workers), rows * steps, columns * steps)
        };
        // Each worker's part starts on a page, so that first touch by the worker places it.
        let line = 4096 / size_of::<T>();
        let left = left.next_multiple_of(line);
        let each = left + right.next_multiple_of(line);
        let words = (each * workers * size_of::<T>()).div_ceil(8);
        let element = std::marker::PhantomData;
        Ok(Self { shape, grid, each, left, memory: Buffer::zeroed(words)?, element })
    }

    /// Bytes of packing memory.
    pub(crate) fn bytes(&self) -> u64 {
        8 * self.memory.len() as u64
    }

    /// The block of C of worker `index`.
    pub(super) fn block(&self, g: &Gemm<T>, index: usize) -> Block {
        let width = self.shape.width.min(g.n.max(1));
        grid::block(g.m, g.n, self.grid, (self.shape.rows, width), index)
    }

    /// Packed A and packed B of worker `index`.
    fn panels(&self, index: usize) -> (*mut T, *mut T) {
        let start = self.memory.as_ptr().cast_mut().cast::<T>();
        // Both are inside the buffer, or one past its end and then of length 0.
        let left = start.wrapping_add(index * self.each);
        (left, left.wrapping_add(self.left))
    }
}

/// Runs a tile of so many rows and vectors: the tier's micro-kernels.
pub(super) type Micro<T> = unsafe fn(rows: usize, vectors: usize, k: usize, a: *const T, b: *const T, tile: &Tile<T>);

/// One worker's block: `micro` around packed panels.
///
/// # Safety
/// The CPU has the vector's tier, and `micro` is that tier's; the rest as [`super::part`].
#[inline(always)]
pub(super) unsafe fn body<V: Vector>(
    o: &Operands<V::Elem>,
    scratch: &Scratch<V::Elem>,
    index: usize,
    micro: Micro<V::Elem>,
) {
    let g = &o.g;
    let shape = scratch.shape;
    let block = scratch.block(g, index);
    let (left, right) = scratch.panels(index);
    let (height, wide) = (shape.height::<V::Elem>(), shape.columns::<V::Elem>());
    for i0 in block.rows.clone().step_by(height) {
        let rows = height.min(block.rows.end - i0);
        // Equal panels instead of full ones and a thin rest.
        let panels = rows.div_ceil(shape.rows);
        let panel = |i: usize| rows * i / panels;
        for p0 in (0..g.k).step_by(shape.steps) {
            let k = shape.steps.min(g.k - p0);
            for i in 0..panels {
                let (from, to) = (panel(i), panel(i + 1));
                // SAFETY: the panel's rows and steps are in A; `left` has room for `rows * k`.
                unsafe {
                    pack::left(o.a.0.add((i0 + from) * g.lda + p0), g.lda, to - from, k, left.add(from * k));
                }
            }
            for j0 in block.columns.clone().step_by(wide) {
                let columns = wide.min(block.columns.end - j0);
                for j in (0..columns).step_by(shape.width) {
                    let (take, width) = panel_width::<V>(columns - j, shape.width);
                    // SAFETY: the panel's steps and columns are in B; `right` has room for the block.
                    unsafe {
                        pack::right::<V>(o.b.0.add(p0 * g.ldb + j0 + j), g.ldb, take, width, k, right.add(j * k))
                    };
                }
                let first = p0 == 0;
                let beta = if first { g.beta } else { <V::Elem as Sealed>::ONE };
                let reads = !first || g.beta != <V::Elem as Sealed>::ZERO;
                for i in 0..panels {
                    let (from, to) = (panel(i), panel(i + 1));
                    for j in (0..columns).step_by(shape.width) {
                        let (take, width) = panel_width::<V>(columns - j, shape.width);
                        // SAFETY: the tile lies in this worker's block of C; both panels were packed above with these
                        // extents.
                        unsafe {
                            let c = o.c.add((i0 + from) * g.ldc + j0 + j);
                            let tile = Tile { c, ldc: g.ldc, columns: take, alpha: g.alpha, beta, reads };
                            micro(to - from, width / V::LANES, k, left.add(from * k), right.add(j * k), &tile);
                        }
                    }
                }
            }
        }
    }
}

/// Columns taken and packed width of the next panel of B: a rest that fits one vector is packed one vector wide.
fn panel_width<V: Vector>(left: usize, width: usize) -> (usize, usize) {
    let take = left.min(width);
    (take, take.next_multiple_of(V::LANES))
}
