//! SpMV from compressed rows: `y = A x`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod rows;
#[cfg(target_arch = "x86_64")]
mod sse;

use crate::element::Element;
use crate::error::KernelError;
use crate::memory::Shared;
use crate::pool::{Pool, spread};
use crate::simd::Vector;
use crate::tier::{Level, Tier, dispatch};
use rows::{Patience, dot, four};
use std::ops::Range;

/// Rows and columns stay below this, so that a signed 32-bit gather reaches every element.
const MOST: usize = 1 << 31;

/// A checked matrix in compressed rows.
#[derive(Debug, Clone, Copy)]
pub struct Csr<'a, T> {
    columns_of_matrix: usize,
    row_pointer: &'a [u32],
    columns: &'a [u32],
    values: &'a [T],
}

impl<'a, T: Element> Csr<'a, T> {
    /// A matrix of `rows` x `columns_of_matrix` whose row `r` holds the entries `row_pointer[r]` to
    /// `row_pointer[r + 1]`. Columns of a row may come in any order and more than once.
    ///
    /// # Errors
    /// Lengths that don't agree; a row pointer that does not start at 0, goes down, or does not end at the number of
    /// entries; a column outside the matrix; 2^31 rows or columns and more.
    pub fn new(
        rows: usize,
        columns_of_matrix: usize,
        row_pointer: &'a [u32],
        columns: &'a [u32],
        values: &'a [T],
    ) -> Result<Self, KernelError> {
        if rows >= MOST || columns_of_matrix >= MOST {
            return Err(KernelError::Overflow { what: "the matrix (32-bit indices)" });
        }
        let length = |what, expected, found| Err(KernelError::Length { what, expected, found });
        if row_pointer.len() != rows + 1 {
            return length("row_pointer", rows + 1, row_pointer.len());
        }
        if values.len() != columns.len() {
            return length("values", columns.len(), values.len());
        }
        let entries = columns.len() as u64;
        let mut least = 0;
        for (index, found) in row_pointer.iter().map(|p| u64::from(*p)).enumerate() {
            let most = if index == 0 { 0 } else { entries };
            let least_here = if index == rows { entries } else { least };
            if found < least_here || found > most.max(least_here) {
                return Err(KernelError::RowPointer { index, found, least: least_here, most: most.max(least_here) });
            }
            least = found;
        }
        check_indices("column", columns, columns_of_matrix)?;
        Ok(Self { columns_of_matrix, row_pointer, columns, values })
    }

    /// As [`Self::new`] without its checks, which take about as long as a product.
    ///
    /// # Safety
    /// [`Self::new`] accepted slices with these contents.
    pub(crate) unsafe fn checked_before(
        columns_of_matrix: usize,
        row_pointer: &'a [u32],
        columns: &'a [u32],
        values: &'a [T],
    ) -> Self {
        Self { columns_of_matrix, row_pointer, columns, values }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.row_pointer.len() - 1
    }

    pub(crate) fn columns_of_matrix(&self) -> usize {
        self.columns_of_matrix
    }

    pub(crate) fn entries(&self) -> usize {
        self.columns.len()
    }

    /// Columns and values of one row.
    pub(crate) fn row(&self, row: usize) -> (&'a [u32], &'a [T]) {
        let entries = self.row_pointer[row] as usize..self.row_pointer[row + 1] as usize;
        (&self.columns[entries.clone()], &self.values[entries])
    }
}

/// All of `indices` are below `limit`.
pub(crate) fn check_indices(what: &'static str, indices: &[u32], limit: usize) -> Result<(), KernelError> {
    match indices.iter().position(|i| *i as usize >= limit) {
        Some(entry) => Err(KernelError::Index { what, entry, found: indices[entry], limit }),
        None => Ok(()),
    }
}

/// `y = A x`. Each row is summed by one worker in an order that depends on its length alone, so that the result of a
/// tier is the same bit for bit whatever the thread count. Error at most `(entries of the row + 1) u` times the sum of
/// absolute products.
///
/// # Errors
/// Lengths that are not the matrix's; a tier that the CPU lacks; nested use of the pool.
pub fn spmv_csr<T: Element>(
    pool: Option<&Pool>,
    tier: Tier,
    matrix: &Csr<'_, T>,
    x: &[T],
    y: &mut [T],
) -> Result<(), KernelError> {
    let level = tier.level()?;
    check_vectors(matrix.rows(), matrix.columns_of_matrix, x, y)?;
    let y = Shared::new(y);
    spread(pool, |w| part(level, matrix, x, y, w.index, w.of))
}

pub(crate) fn check_vectors<T>(rows: usize, columns: usize, x: &[T], y: &[T]) -> Result<(), KernelError> {
    for (what, expected, found) in [("x", columns, x.len()), ("y", rows, y.len())] {
        if expected != found {
            return Err(KernelError::Length { what, expected, found });
        }
    }
    Ok(())
}

/// One worker's rows: about equal numbers of rows plus entries.
pub(crate) fn part<T: Element>(level: Level, matrix: &Csr<'_, T>, x: &[T], y: Shared<'_, T>, index: usize, of: usize) {
    let rows = matrix.rows();
    let total = rows as u64 + matrix.columns.len() as u64;
    let border = |i: usize| {
        let target = (u128::from(total) * i as u128 / of as u128) as u64;
        // The load before a row rises strictly, so that a binary search finds the border.
        let (mut low, mut high) = (0, rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if u64::from(matrix.row_pointer[middle]) + (middle as u64) < target {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low
    };
    let range = border(index)..if index + 1 == of { rows } else { border(index + 1) };
    // SAFETY: borders rise, so that ranges of different workers don't overlap.
    let y = unsafe { y.range(range.clone()) };
    dispatch!(
        level,
        scalar: (T::RUNGS.spmv_csr)(&matrix.row_pointer[range.start..=range.end], matrix.columns, matrix.values, x, y),
        run::<T>(matrix, range, x, y)
    );
}

/// # Safety
/// The CPU has the vector's tier. `x` has the matrix's columns; `y` is as long as `rows`, which lie in the matrix.
#[inline(always)]
unsafe fn body<V: Vector>(matrix: &Csr<'_, V::Elem>, rows: Range<usize>, x: &[V::Elem], y: &mut [V::Elem]) {
    let part = Part {
        pointer: &matrix.row_pointer[rows.start..=rows.end],
        columns: matrix.columns.as_ptr(),
        values: matrix.values.as_ptr(),
        x: x.as_ptr(),
    };
    // Elements of x are asked for ahead of time up to the entry that has as many after it.
    let far = if rows::far(x) { matrix.columns.len().saturating_sub(rows::AHEAD_ENTRIES) } else { 0 };
    let (mut row, mut patience) = (0, Patience::new());
    while row < y.len() {
        let before = row;
        // SAFETY: this function's contract, and `Csr::new` checked pointers and columns.
        row = unsafe {
            match part.pointer[row + 1] - part.pointer[row] {
                1 => part.equal::<V, 1>(row, y),
                2 => part.equal::<V, 2>(row, y),
                3 => part.equal::<V, 3>(row, y),
                4 => part.equal::<V, 4>(row, y),
                5 => part.equal::<V, 5>(row, y),
                6 => part.equal::<V, 6>(row, y),
                7 => part.equal::<V, 7>(row, y),
                8 => part.equal::<V, 8>(row, y),
                _ => row,
            }
        };
        if row > before {
            patience.found();
        }
        let to = (row + patience.missed()).min(y.len());
        for (row, y) in (row..to).zip(&mut y[row..to]) {
            // SAFETY: as above; with `far` the entries after the row are in the matrix.
            *y = unsafe { part.one::<V>(row, far) };
        }
        row = to;
    }
}

/// The rows of one worker: row `r` ends where row `r + 1` of `pointer` begins.
struct Part<'a, T> {
    pointer: &'a [u32],
    columns: *const u32,
    values: *const T,
    x: *const T,
}

impl<T> Part<'_, T> {
    /// From `row` on, fours of rows of `N` entries as long as they come; returns the row after them.
    ///
    /// # Safety
    /// The CPU has the vector's tier; pointers and columns are those of a checked matrix.
    #[inline(always)]
    unsafe fn equal<V: Vector<Elem = T>, const N: usize>(&self, mut row: usize, y: &mut [T]) -> usize {
        while let (Some(ends), Some(y)) = (self.pointer.get(row..row + 5), y.get_mut(row..row + 4)) {
            let from = ends[0];
            if (1..5).any(|r| ends[r] - from != (r * N) as u32) {
                break;
            }
            // SAFETY: `4 * N` entries lie between the ends of four rows; every column is below the length of `x`.
            let sums = unsafe { four::<V, N>(self.columns.add(from as usize), self.values.add(from as usize), self.x) };
            for (y, sum) in y.iter_mut().zip(sums) {
                *y = sum;
            }
            row += 4;
        }
        row
    }

    /// The sum of one row. Elements of x are asked for ahead where its last entry is before `far`.
    ///
    /// # Safety
    /// The CPU has the vector's tier; pointers and columns are those of a checked matrix, in which at least
    /// [`rows::AHEAD_ENTRIES`] entries follow after entry `far - 1`.
    #[inline(always)]
    unsafe fn one<V: Vector<Elem = T>>(&self, row: usize, far: usize) -> T {
        let (from, to) = (self.pointer[row] as usize, self.pointer[row + 1] as usize);
        // SAFETY: `from <= to <= entries` and every column is below the length of `x`.
        unsafe {
            let (columns, values) = (self.columns.add(from), self.values.add(from));
            rows::ahead::<V, _>(columns, 1);
            rows::ahead::<V, _>(values, 1);
            if to <= far {
                dot::<V, true>(to - from, columns, values, self.x)
            } else {
                dot::<V, false>(to - from, columns, values, self.x)
            }
        }
    }
}

#[cfg(test)]
mod tests;
