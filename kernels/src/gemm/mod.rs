//! GEMM: `C = alpha A B + beta C`, row-major.
//!
//! Five loops around a micro-kernel, after BLIS (F. G. Van Zee and R. A. van de Geijn, *BLIS: a framework for rapidly
//! instantiating BLAS functionality*, ACM TOMS 41, 2015), with the roles of A and B exchanged because rows, not columns,
//! are contiguous: a panel of A stays in L1, a block of B in L2, and the micro-kernel keeps a tile of C in registers.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod block;
mod grid;
mod micro;
mod pack;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::Element;
use crate::error::KernelError;
use crate::pool::{Pool, Worker, spread};
use crate::tier::{Level, Tier, dispatch};
pub use ergometer_kernels_scalar::Gemm;

pub(crate) use block::Scratch;

/// `C = alpha A B + beta C` with the extents, factors and leading dimensions of `g`.
///
/// As in BLAS, C is not read where `beta == 0`, and A and B are not read where `alpha == 0` or `k == 0`; elements
/// between the columns of a matrix and its leading dimension are never touched. Error of an element at most
/// `(k + 3) u` times (`|alpha|` sum of absolute products + `|beta c|`), with `u` the unit roundoff. The order of
/// summation depends on `k` alone, so that the result of a tier is the same bit for bit whatever the thread count.
///
/// # Errors
/// A leading dimension below the columns; a slice too short for its last row; extents that overflow; a tier that the
/// CPU lacks; no memory for the packed panels; nested use of the pool.
pub fn gemm<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    g: &Gemm<T>,
    a: &[T],
    b: &[T],
    c: &mut [T],
) -> Result<(), KernelError> {
    let level = tier.level()?;
    check("a", g.m, g.k, g.lda, a.len())?;
    check("b", g.k, g.n, g.ldb, b.len())?;
    check("c", g.m, g.n, g.ldc, c.len())?;
    let threads = pool.map_or(1, Pool::threads);
    let scratch = Scratch::new(level, g, threads)?;
    let operands = Operands::new(g, a, b, c);
    // SAFETY: `operands` borrows the three matrices until all workers are done, and their extents were checked.
    spread(pool, |w| unsafe { part(level, &operands, &scratch, w) })
}

fn check(what: &'static str, rows: usize, columns: usize, lead: usize, found: usize) -> Result<(), KernelError> {
    if lead < columns {
        return Err(KernelError::LeadingDimension { what, columns, found: lead });
    }
    let expected = match (rows, columns) {
        (0, _) | (_, 0) => Some(0),
        _ => (rows - 1).checked_mul(lead).and_then(|x| x.checked_add(columns)),
    };
    match expected {
        None => Err(KernelError::Overflow { what }),
        Some(expected) if found < expected => Err(KernelError::Length { what, expected, found }),
        Some(_) => Ok(()),
    }
}

/// The three matrices of one product, for all workers.
pub(crate) struct Operands<T> {
    g: Gemm<T>,
    a: (*const T, usize),
    b: (*const T, usize),
    c: *mut T,
    c_len: usize,
}

// SAFETY: workers write disjoint blocks of C and only read A and B.
unsafe impl<T: Send> Send for Operands<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Operands<T> {}

impl<T: Copy> Operands<T> {
    pub(crate) fn new(g: &Gemm<T>, a: &[T], b: &[T], c: &mut [T]) -> Self {
        Self { g: *g, a: (a.as_ptr(), a.len()), b: (b.as_ptr(), b.len()), c: c.as_mut_ptr(), c_len: c.len() }
    }
}

/// One worker's block of C. Every worker of the pool calls it: they meet in it.
///
/// # Safety
/// The matrices of `o` are alive and have the extents that `o.g` says; no other thread writes this block of C, and
/// `scratch` was made for this level and these extents.
pub(crate) unsafe fn part<T: Element>(level: Level, o: &Operands<T>, scratch: &Scratch<T>, w: &Worker<'_>) {
    if o.g.m == 0 || o.g.n == 0 {
        return;
    }
    if level != Level::Scalar && (o.g.k == 0 || o.g.alpha == T::ZERO) {
        // SAFETY: the block is this worker's by this function's contract.
        return unsafe { scale(o, &scratch.block(&o.g, w.index)) };
    }
    dispatch!(
        level,
        // SAFETY: as this function's.
        scalar: unsafe { scalar(o, &scratch.block(&o.g, w.index)) },
        run::<T>(o, scratch, w)
    );
}

/// C = beta C in one block.
///
/// # Safety
/// As [`part`].
unsafe fn scale<T: Element>(o: &Operands<T>, block: &grid::Block) {
    for i in block.rows.clone() {
        for j in block.columns.clone() {
            // SAFETY: row and column are in C.
            unsafe {
                let c = o.c.add(i * o.g.ldc + j);
                *c = if o.g.beta == T::ZERO { T::ZERO } else { T::from_f64(o.g.beta.to_f64() * (*c).to_f64()) };
            }
        }
    }
}

/// The scalar rung on whole rows of C: the scalar level's blocks are as wide as C.
///
/// # Safety
/// As [`part`].
unsafe fn scalar<T: Element>(o: &Operands<T>, block: &grid::Block) {
    if block.rows.is_empty() {
        return;
    }
    let (first, rows) = (block.rows.start, block.rows.len());
    let mut g = Gemm { m: rows, ..o.g };
    // With alpha 0 the product is not formed, so that NaN in A or B does not come through.
    if g.alpha == T::ZERO {
        g.k = 0;
    }
    let end = (first + rows - 1) * g.ldc + g.n;
    // SAFETY: A and B are alive and not written; the rows of C from `first` to `end` are this worker's, and inside C
    // because its last row was checked.
    unsafe {
        let a = std::slice::from_raw_parts(o.a.0, o.a.1);
        let b = std::slice::from_raw_parts(o.b.0, o.b.1);
        let c = std::slice::from_raw_parts_mut(o.c.add(first * g.ldc), end.min(o.c_len) - first * g.ldc);
        (T::RUNGS.gemm)(&g, if g.k == 0 { a } else { &a[first * g.lda..] }, b, c);
    }
}

#[cfg(test)]
mod tests;
