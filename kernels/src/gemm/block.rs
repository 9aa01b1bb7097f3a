//! The loops around the micro-kernel, and the memory that they pack into.

use super::grid::{self, Block};
use super::micro::{Call, Tile};
use super::{Gemm, Operands, pack};
use crate::element::{Element, Sealed};
use crate::error::KernelError;
use crate::memory::Buffer;
use crate::pool::Worker;
use crate::simd::Vector;
use crate::tier::Level;

/// Bytes of a packed block of B: half of an L2 of 1 MiB, so that the tiles of C find room.
const RIGHT_BYTES: usize = 512 << 10;
/// Bytes of packed A a worker: a share of L3.
const LEFT_BYTES: usize = 2 << 20;
/// Up to so many panels of B, A is read where it is.
const NARROW: usize = 2;
/// Up to so many panels of A, a block of B is half as large: it is packed as often as it is used, and the next one is
/// brought into L2 meanwhile.
const SHORT: usize = 8;

/// How a product is cut: by its own extents alone, so that results don't depend on the threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Rows and columns of a tile of C.
    pub(super) rows: usize,
    pub(super) width: usize,
    /// Columns of one vector.
    pub(super) lanes: usize,
    /// Steps that are packed at once.
    pub(super) steps: usize,
    /// Bytes of a packed block of B.
    pub(super) right_bytes: usize,
    /// False: A is read where it is.
    pub(super) packs_left: bool,
}

impl Shape {
    pub(super) fn of<T>(level: Level, g: &Gemm<T>) -> Self {
        let per = |bytes: usize| bytes / size_of::<T>();
        let (rows, vectors, lanes, steps): (usize, usize, usize, usize) = match level {
            Level::Scalar => {
                return Self {
                    rows: 1,
                    width: usize::MAX,
                    lanes: usize::MAX,
                    steps: 1,
                    right_bytes: 0,
                    packs_left: false,
                };
            }
            #[cfg(target_arch = "x86_64")]
            Level::Sse => (super::sse::ROWS, super::sse::WIDTH, per(16), per(1024)),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => (super::avx2::ROWS, super::avx2::WIDTH, per(32), per(1024)),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => (super::avx512::ROWS, super::avx512::WIDTH, per(64), per(2048)),
        };
        let width = vectors * lanes;
        if g.n > NARROW * width {
            let right_bytes = if g.m > SHORT * rows { RIGHT_BYTES } else { RIGHT_BYTES / 2 };
            return Self { rows, width, lanes, steps, right_bytes, packs_left: true };
        }
        // An element of A meets too few of B to pay for its copy. Equal panels; all steps of B that L2 takes at once,
        // so that rows of A are read from end to end.
        let width = g.n.div_ceil(lanes).div_ceil(g.n.div_ceil(width).max(1)).max(1) * lanes;
        let steps = steps.max(per(RIGHT_BYTES) / g.n.next_multiple_of(width).max(1));
        Self { rows, width, lanes, steps, right_bytes: RIGHT_BYTES, packs_left: false }
    }

    /// Columns of a packed block of B.
    fn columns<T>(&self) -> usize {
        (self.right_bytes / size_of::<T>() / self.steps / self.width * self.width).max(self.width)
    }

    /// Rows of packed A.
    fn height<T>(&self) -> usize {
        (LEFT_BYTES / size_of::<T>() / self.steps / self.rows * self.rows).max(self.rows)
    }
}

/// Packing memory and the division of C, made once for a product that may run many times.
///
/// Workers whose blocks lie side by side have the same rows of A: they pack them together, into two places in turn, so
/// that one meeting a stretch is enough.
pub(crate) struct Scratch<T: Element> {
    shape: Shape,
    /// Blocks of C from top to bottom, and from left to right.
    grid: (usize, usize),
    /// Elements of one place for packed A, and of one worker's packed B.
    left: usize,
    right: usize,
    memory: Buffer<u64>,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Scratch<T> {
    /// For `workers` workers at `level`.
    pub(crate) fn new(level: Level, g: &Gemm<T>, workers: usize) -> Result<Self, KernelError> {
        let shape = Shape::of(level, g);
        let (grid, left, right) = if level == Level::Scalar {
            ((workers, 1), 0, 0)
        } else {
            let steps = g.k.min(shape.steps);
            let rows = g.m.min(shape.height::<T>()).next_multiple_of(shape.rows);
            let columns = g.n.min(shape.columns::<T>()).next_multiple_of(shape.width);
            let left = if shape.packs_left { rows * steps } else { 0 };
            (grid::shape(g.m, g.n, workers), left, columns * steps)
        };
        // Each part starts on a page, so that first touch places it.
        let page = 4096 / size_of::<T>();
        let (left, right) = (left.next_multiple_of(page), right.next_multiple_of(page));
        let elements = 2 * grid.0 * left + workers * right;
        let memory = Buffer::zeroed((elements * size_of::<T>()).div_ceil(8))?;
        Ok(Self { shape, grid, left, right, memory, element: std::marker::PhantomData })
    }

    /// Bytes of packing memory.
    pub(crate) fn bytes(&self) -> u64 {
        8 * self.memory.len() as u64
    }

    /// The block of C of worker `index`.
    pub(super) fn block(&self, g: &Gemm<T>, index: usize) -> Block {
        // Cut between vectors: between tiles, two workers' shares of a small product would differ by a tenth.
        let lanes = self.shape.lanes.min(g.n.max(1));
        grid::block(g.m, g.n, self.grid, (self.shape.rows, lanes), index)
    }

    /// Stretches of rows that the highest block is packed in: every worker goes through so many.
    fn stretches(&self, g: &Gemm<T>) -> usize {
        let highest = (0..self.grid.0).map(|down| self.block(g, down * self.grid.1).rows.len()).max();
        highest.unwrap_or(0).div_ceil(self.shape.height::<T>())
    }

    /// Where the neighbours of worker `index` pack A in their stretch number `turn`.
    fn left(&self, index: usize, turn: usize) -> *mut T {
        // Inside the buffer, or one past its end and then of length 0; as below.
        self.start().wrapping_add((2 * (index / self.grid.1) + turn % 2) * self.left)
    }

    /// Where worker `index` packs B.
    fn right(&self, index: usize) -> *mut T {
        self.start().wrapping_add(2 * self.grid.0 * self.left + index * self.right)
    }

    fn start(&self) -> *mut T {
        self.memory.as_ptr().cast_mut().cast()
    }
}

/// Runs a tile: the tier's micro-kernels.
pub(super) type Micro<T> = unsafe fn(&Call<T>);

/// One worker's block: `micro` around packed panels.
///
/// # Safety
/// The CPU has the vector's tier, and `micro` is that tier's; the rest as [`super::part`].
#[inline(always)]
pub(super) unsafe fn body<V: Vector>(
    o: &Operands<V::Elem>,
    scratch: &Scratch<V::Elem>,
    w: &Worker<'_>,
    micro: Micro<V::Elem>,
) {
    let g = &o.g;
    let shape = scratch.shape;
    let block = scratch.block(g, w.index);
    let (beside, place) = (scratch.grid.1, w.index % scratch.grid.1);
    let right = scratch.right(w.index);
    let (height, wide) = (shape.height::<V::Elem>(), shape.columns::<V::Elem>());
    let mut turn = 0;
    for stretch in 0..scratch.stretches(g) {
        let i0 = (block.rows.start + stretch * height).min(block.rows.end);
        let rows = height.min(block.rows.end - i0);
        // Equal panels instead of full ones and a thin rest.
        let panels = rows.div_ceil(shape.rows);
        let panel = |i: usize| rows * i / panels;
        for p0 in (0..g.k).step_by(shape.steps) {
            let k = shape.steps.min(g.k - p0);
            // SAFETY: row and step are in A.
            let a = |i: usize| unsafe { o.a.0.add((i0 + panel(i)) * g.lda + p0) };
            let left = scratch.left(w.index, turn);
            if shape.packs_left {
                for i in panels * place / beside..panels * (place + 1) / beside {
                    let (from, to) = (panel(i), panel(i + 1));
                    // SAFETY: the panel's rows and steps are in A; `left` has room for `rows * k`; nobody else packs
                    // this panel, and those who read this place two turns ago have met this worker since.
                    unsafe { pack::left::<V>(a(i), g.lda, to - from, k, left.add(from * k)) };
                }
                if beside > 1 {
                    w.barrier();
                }
            }
            turn += 1;
            for j0 in block.columns.clone().step_by(wide) {
                let columns = wide.min(block.columns.end - j0);
                // SAFETY: the block's steps and columns are in B; `right` has room for them.
                unsafe { pack::right::<V>(o.b.0.add(p0 * g.ldb + j0), g.ldb, columns, shape.width, k, right) };
                let mut following = following::<V>(o, &block, (p0, j0), (shape.steps, wide));
                let first = p0 == 0;
                let beta = if first { g.beta } else { <V::Elem as Sealed>::ONE };
                let reads = !first || g.beta != <V::Elem as Sealed>::ZERO;
                for i in 0..panels {
                    let (from, to) = (panel(i), panel(i + 1));
                    for j in (0..columns).step_by(shape.width) {
                        let take = (columns - j).min(shape.width);
                        // SAFETY: the tile lies in this worker's block of C; both panels have these extents.
                        unsafe {
                            let c = o.c.add((i0 + from) * g.ldc + j0 + j);
                            micro(&Call {
                                rows: to - from,
                                vectors: take.div_ceil(V::LANES),
                                k,
                                packed: shape.packs_left,
                                a: if shape.packs_left { left.add(from * k) } else { a(i) },
                                lda: g.lda,
                                b: right.add(j * k),
                                next: following.next().unwrap_or((o.b.0, 0)),
                                tile: Tile { c, ldc: g.ldc, columns: take, alpha: g.alpha, beta, reads },
                            });
                        }
                    }
                }
            }
        }
    }
}

/// The columns of lines of the block of B that is packed after the one at step and column `at`, in a worker's `block`
/// of C, with blocks of `size` steps and columns; none behind the last.
#[inline(always)]
fn following<V: Vector>(
    o: &Operands<V::Elem>,
    block: &Block,
    (p0, j0): (usize, usize),
    (steps, wide): (usize, usize),
) -> impl Iterator<Item = (*const V::Elem, usize)> {
    let beside = j0 + wide < block.columns.end;
    let (p, j) = if beside { (p0, j0 + wide) } else { (p0 + steps, block.columns.start) };
    let end = if p < o.g.k { block.columns.end.min(j + wide) } else { j };
    let start = o.b.0.wrapping_add(p * o.g.ldb);
    (j..end).step_by(64 / size_of::<V::Elem>()).map(move |j| (start.wrapping_add(j), o.g.ldb))
}
