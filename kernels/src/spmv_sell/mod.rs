//! SpMV from sliced rows after an inspection: `y = A x` in SELL-16-sigma.
//!
//! SELL-C-sigma (M. Kreutzer et al., *A unified sparse matrix data format for efficient general sparse matrix-vector
//! multiplication on modern processors with wide SIMD units*, SIAM J. Sci. Comput. 36, 2014): rows in chunks of C = 16,
//! one row a lane, after sorting by length in windows of sigma rows where that saves padding. Three additions:
//!
//! - rows of a chunk are aligned by diagonal where that takes hardly more steps, so that the rows of a stencil matrix read
//!   a contiguous stretch of x, and then one index stands for the 16;
//! - a mask a step says which rows have an entry there, so that padding never multiplies an element of x: infinities and
//!   NaN reach only the rows that they belong to;
//! - rows longer than [`LONG`] stay as they are, outside of the chunks.
//!
//! The conversion ([`Sell::inspect`]) is not part of a product and must be timed and reported apart from it.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod inspect;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::{Element, Sealed};
use crate::error::KernelError;
use crate::memory::{Buffer, Shared};
use crate::pool::{Pool, spread};
use crate::simd::Vector;
use crate::spmv_csr::check_vectors;
use crate::spmv_csr::rows::{self, dot};
use crate::tier::{Level, Tier, dispatch};
use ergometer_kernels_scalar::{SELL_ROWS, SellStep};
pub use inspect::{LONG, WINDOW};
use std::ops::Range;

/// A matrix after inspection.
pub struct Sell<T: Element> {
    rows: usize,
    columns: usize,
    entries: usize,
    /// First step of each chunk, and the number of steps.
    chunks: Vec<u32>,
    steps: Vec<SellStep>,
    indices: Buffer<u32>,
    values: Buffer<T>,
    /// Row of each lane, [`NOBODY`] beyond the last; `None` where lanes follow the rows.
    order: Option<Vec<u32>>,
    long: Long<T>,
}

/// A lane without a row.
const NOBODY: u32 = u32::MAX;

/// Rows outside of the chunks, in compressed form.
struct Long<T: Element> {
    rows: Vec<u32>,
    pointer: Vec<usize>,
    columns: Buffer<u32>,
    values: Buffer<T>,
}

impl<T: Element> std::fmt::Debug for Sell<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sell")
            .field("rows", &self.rows)
            .field("entries", &self.entries)
            .field("sorted", &self.order.is_some())
            .field("fill", &self.fill())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

impl<T: Element> Sell<T> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether rows were sorted by length.
    pub fn is_sorted(&self) -> bool {
        self.order.is_some()
    }

    /// Share of the stored places that hold an entry, from 0 to 1; 1 for a matrix without entries.
    pub fn fill(&self) -> f64 {
        let places = self.values.len() + self.long.values.len();
        if places == 0 { 1.0 } else { self.entries as f64 / places as f64 }
    }

    /// Bytes of the matrix that a product reads.
    pub fn bytes(&self) -> usize {
        let order = self.order.as_deref().map_or(0, size_of_val);
        size_of_val(&*self.chunks)
            + size_of_val(&*self.steps)
            + size_of_val(&*self.indices)
            + size_of_val(&*self.values)
            + order
            + size_of_val(&*self.long.columns)
            + size_of_val(&*self.long.values)
    }
}

/// `y = A x`. Each row in a chunk is summed entry by entry in the order of the compressed rows, a long row as by
/// [`crate::spmv_csr::spmv_csr`]; the result of a tier is the same bit for bit whatever the thread count. Error at most
/// `(entries of the row + 1) u` times the sum of absolute products.
///
/// # Errors
/// Lengths that are not the matrix's; a tier that the CPU lacks; nested use of the pool.
pub fn spmv_sell<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    matrix: &Sell<T>,
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let level = tier.level()?;
    check_vectors(matrix.rows, matrix.columns, x, y)?;
    let y = Shared::new(y);
    // SAFETY: every worker writes the rows of its own chunks and long rows, and each row is in one of them.
    spread(pool, |w| unsafe { part(level, matrix, x, y, w.index, w.of) })
}

/// One worker's chunks, about equal numbers of steps, and long rows, about equal numbers of entries.
///
/// # Safety
/// No other thread touches the rows of this worker. `x` and `y` have the matrix's lengths.
unsafe fn part<T: Element>(level: Level, matrix: &Sell<T>, x: &[T], y: Shared<'_, T>, index: usize, of: usize) {
    let cut = |total: usize, i: usize| (total as u128 * i as u128 / of as u128) as usize;
    let chunks = |i: usize| {
        let target = cut(matrix.steps.len() + matrix.chunks.len(), i);
        // Empty chunks weigh too, so that their rows are written by somebody and the borders rise strictly.
        let last = matrix.chunks.len() - 1;
        if i == of { last } else { partition(last, |c| matrix.chunks[c] as usize + c < target) }
    };
    let long = |i: usize| {
        let target = cut(matrix.long.values.len(), i);
        if i == of {
            matrix.long.rows.len()
        } else {
            matrix.long.pointer[..matrix.long.rows.len()].partition_point(|p| *p < target)
        }
    };
    let (chunks, long) = (chunks(index)..chunks(index + 1), long(index)..long(index + 1));
    dispatch!(
        level,
        // SAFETY: this function's contract.
        scalar: unsafe { scalar(matrix, chunks, long, x, y) },
        run::<T>(matrix, chunks, long, x, y)
    );
}

/// The first of `0..n` for which `before` is false; it is true for all in front of it.
fn partition(n: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// # Safety
/// As [`part`].
unsafe fn scalar<T: Element>(m: &Sell<T>, chunks: Range<usize>, long: Range<usize>, x: &[T], y: Shared<'_, T>) {
    let mut sums = [T::ZERO; SELL_ROWS];
    for chunk in chunks {
        let steps = m.chunks[chunk] as usize..m.chunks[chunk + 1] as usize;
        let values = &m.values[steps.start * SELL_ROWS..steps.end * SELL_ROWS];
        (T::RUNGS.sell_chunk)(&m.steps[steps], &m.indices, values, x, &mut sums);
        // SAFETY: the chunk's rows are this worker's.
        unsafe { m.write(chunk, &sums, y) };
    }
    for i in long {
        let entries = m.long.pointer[i]..m.long.pointer[i + 1];
        let pointer = [0, entries.len() as u32];
        let row = m.long.rows[i] as usize;
        // SAFETY: the long row is this worker's.
        let y = unsafe { y.range(row..row + 1) };
        (T::RUNGS.spmv_csr)(&pointer, &m.long.columns[entries.clone()], &m.long.values[entries], x, y);
    }
}

impl<T: Element> Sell<T> {
    /// # Safety
    /// No other thread touches the rows of this chunk.
    #[inline(always)]
    unsafe fn write(&self, chunk: usize, sums: &[T; SELL_ROWS], y: Shared<'_, T>) {
        let first = chunk * SELL_ROWS;
        match &self.order {
            None => {
                // SAFETY: the chunk's rows are the caller's.
                let y = unsafe { y.range(first..(first + SELL_ROWS).min(self.rows)) };
                y.copy_from_slice(&sums[..y.len()]);
            }
            Some(order) => {
                for (row, sum) in order[first..first + SELL_ROWS].iter().zip(sums) {
                    if *row != NOBODY {
                        // SAFETY: the chunk's rows are the caller's, and a row stands in one lane.
                        unsafe { y.range(*row as usize..*row as usize + 1).fill(*sum) };
                    }
                }
            }
        }
    }
}

/// # Safety
/// The CPU has the vector's tier; otherwise as [`part`].
#[inline(always)]
unsafe fn body<V: Vector>(
    m: &Sell<V::Elem>,
    chunks: Range<usize>,
    long: Range<usize>,
    x: &[V::Elem],
    y: Shared<'_, V::Elem>,
) {
    let parts = SELL_ROWS / V::LANES;
    let (x, indices) = (x.as_ptr(), m.indices.as_ptr());
    for chunk in chunks {
        let steps = m.chunks[chunk] as usize..m.chunks[chunk + 1] as usize;
        // SAFETY: the inspection stored `SELL_ROWS` values a step; a listed step has as many indices, all of columns of
        // the matrix; another one was stored only if all its `SELL_ROWS` columns are in the matrix.
        unsafe {
            let mut values = m.values.as_ptr().add(steps.start * SELL_ROWS);
            // The narrowest vector needs 8 of them.
            let mut sums = [V::splat(<V::Elem as Sealed>::ZERO); 8];
            for step in &m.steps[steps] {
                let first = step.first as usize;
                rows::ahead::<V, _>(values, SELL_ROWS * size_of::<V::Elem>());
                if step.listed {
                    rows::ahead::<V, _>(indices.wrapping_add(first), SELL_ROWS * size_of::<u32>());
                }
                for (p, sum) in sums.iter_mut().enumerate().take(parts) {
                    let value = V::load(values.add(p * V::LANES));
                    let x = if step.listed {
                        V::gather(x, indices.add(first + p * V::LANES))
                    } else {
                        V::load(x.add(first + p * V::LANES))
                    };
                    *sum = if step.mask == u16::MAX {
                        value.mul_add(x, *sum)
                    } else {
                        value.mul_add_where(x, *sum, u32::from(step.mask) >> (p * V::LANES))
                    };
                }
                values = values.add(SELL_ROWS);
            }
            let mut lanes = [<V::Elem as Sealed>::ZERO; SELL_ROWS];
            let first = chunk * SELL_ROWS;
            let whole = m.order.is_none() && first + SELL_ROWS <= m.rows;
            // A chunk of neighbours goes where it belongs without a stop.
            let to = if whole { y.range(first..first + SELL_ROWS).as_mut_ptr() } else { lanes.as_mut_ptr() };
            for (p, sum) in sums.iter().enumerate().take(parts) {
                sum.store(to.add(p * V::LANES));
            }
            if !whole {
                m.write(chunk, &lanes, y);
            }
        }
    }
    for i in long {
        let entries = m.long.pointer[i]..m.long.pointer[i + 1];
        let row = m.long.rows[i] as usize;
        // SAFETY: the long row is this worker's; its columns are of the matrix, as checked when it was compressed.
        unsafe {
            let (columns, values) = (m.long.columns.as_ptr(), m.long.values.as_ptr());
            let (from, n) = (entries.start, entries.len());
            y.range(row..row + 1)[0] = dot::<V, false>(n, columns.add(from), values.add(from), x);
        }
    }
}

#[cfg(test)]
mod tests;
