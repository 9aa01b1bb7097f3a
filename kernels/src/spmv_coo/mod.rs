//! SpMV from coordinates sorted by row: `y = A x`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::{Element, Sealed};
use crate::error::KernelError;
use crate::memory::Shared;
use crate::pool::{Pool, spread};
use crate::simd::Vector;
use crate::spmv_csr::{check_indices, check_vectors, dot};
use crate::tier::{Level, Tier, dispatch};
use std::ops::Range;

/// A checked matrix in coordinates.
#[derive(Debug, Clone, Copy)]
pub struct Coo<'a, T> {
    rows_of_matrix: usize,
    columns_of_matrix: usize,
    rows: &'a [u32],
    columns: &'a [u32],
    values: &'a [T],
}

impl<'a, T: Element> Coo<'a, T> {
    /// A matrix whose entry `i` is `values[i]` at (`rows[i]`, `columns[i]`). Entries are sorted by row; columns of a row
    /// may come in any order and more than once.
    ///
    /// # Errors
    /// Lengths that don't agree; rows that go down; an index outside the matrix; 2^31 rows, columns and more.
    pub fn new(
        rows_of_matrix: usize,
        columns_of_matrix: usize,
        rows: &'a [u32],
        columns: &'a [u32],
        values: &'a [T],
    ) -> Result<Self, KernelError> {
        if rows_of_matrix >= 1 << 31 || columns_of_matrix >= 1 << 31 {
            return Err(KernelError::Overflow { what: "the matrix (32-bit indices)" });
        }
        for (what, found) in [("columns", columns.len()), ("values", values.len())] {
            if found != rows.len() {
                return Err(KernelError::Length { what, expected: rows.len(), found });
            }
        }
        check_indices("row", rows, rows_of_matrix)?;
        check_indices("column", columns, columns_of_matrix)?;
        if let Some(at) = rows.windows(2).position(|w| w[0] > w[1]) {
            return Err(KernelError::Unsorted { entry: at + 1, found: rows[at + 1], before: rows[at] });
        }
        Ok(Self { rows_of_matrix, columns_of_matrix, rows, columns, values })
    }

    /// As [`Self::new`] without its checks, which take about as long as a product.
    ///
    /// # Safety
    /// [`Self::new`] accepted slices with these contents.
    pub(crate) unsafe fn checked_before(
        [rows_of_matrix, columns_of_matrix]: [usize; 2],
        rows: &'a [u32],
        columns: &'a [u32],
        values: &'a [T],
    ) -> Self {
        Self { rows_of_matrix, columns_of_matrix, rows, columns, values }
    }
}

/// `y = A x`; rows without entries become 0. Each row is summed by one worker in an order that depends on its length
/// alone, so that the result of a tier is the same bit for bit whatever the thread count; error as for
/// [`crate::spmv_csr::spmv_csr`].
///
/// # Errors
/// Lengths that are not the matrix's; a tier that the CPU lacks; nested use of the pool.
pub fn spmv_coo<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    matrix: &Coo<'_, T>,
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let level = tier.level()?;
    check_vectors(matrix.rows_of_matrix, matrix.columns_of_matrix, x, y)?;
    let y = Shared::new(y);
    spread(pool, |w| part(level, matrix, x, y, w.index, w.of))
}

/// One worker's entries: about equal numbers, cut where a row begins, with the rows from its first entry's to the next
/// worker's.
pub(crate) fn part<T: Element>(level: Level, matrix: &Coo<'_, T>, x: &[T], y: Shared<'_, T>, index: usize, of: usize) {
    let border = |i: usize| {
        let target = (matrix.rows.len() as u128 * i as u128 / of as u128) as usize;
        match matrix.rows.get(target) {
            Some(row) => matrix.rows.partition_point(|r| r < row),
            None => matrix.rows.len(),
        }
    };
    // The rows before an entry that begins a row belong to whoever comes before; the first takes those in front.
    let row_at = |i: usize, entry: usize| match i {
        0 => 0,
        _ if i == of => matrix.rows_of_matrix,
        _ => matrix.rows.get(entry).map_or(matrix.rows_of_matrix, |r| *r as usize),
    };
    let (from, to) = (border(index), if index + 1 == of { matrix.rows.len() } else { border(index + 1) });
    let first = row_at(index, from);
    // SAFETY: entries are sorted by row and borders rise, so that ranges of different workers don't overlap.
    let y = unsafe { y.range(first..row_at(index + 1, to).max(first)) };
    dispatch!(
        level,
        scalar: (T::RUNGS.spmv_coo)(first, &matrix.rows[from..to], &matrix.columns[from..to], &matrix.values[from..to], x, y),
        run::<T>(matrix, from..to, first, x, y)
    );
}

/// # Safety
/// The CPU has the vector's tier. `x` has the matrix's columns; the rows of `entries` are `first_row` and those after,
/// as many as `y` has at most.
#[inline(always)]
unsafe fn body<V: Vector>(
    matrix: &Coo<'_, V::Elem>,
    entries: Range<usize>,
    first_row: usize,
    x: &[V::Elem],
    y: &mut [V::Elem],
) {
    y.fill(<V::Elem as Sealed>::ZERO);
    let (rows, columns, values) =
        (&matrix.rows[entries.clone()], &matrix.columns[entries.clone()], &matrix.values[entries]);
    let (columns, values, x) = (columns.as_ptr(), values.as_ptr(), x.as_ptr());
    let mut start = 0;
    while start < rows.len() {
        let row = rows[start];
        let mut end = start + 1;
        if rows.len() - start >= 8 {
            // SAFETY: eight rows are there, and the CPU has the tier.
            end = start + unsafe { V::equal_of_eight(rows.as_ptr().add(start)) };
        }
        if end - start == 8 || rows.len() - start < 8 {
            end += rows[end..].iter().take_while(|r| **r == row).count();
        }
        // SAFETY: the entries are in both arrays, and every column is below the length of `x`, by `Coo::new`.
        y[row as usize - first_row] = unsafe { dot::<V>(end - start, columns.add(start), values.add(start), x) };
        start = end;
    }
}

#[cfg(test)]
mod tests;
