//! SpMV from compressed rows: `y = A x`.

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
use crate::tier::{Level, Tier, dispatch};
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
    let (pointer, columns) = (&matrix.row_pointer[rows.start..=rows.end], matrix.columns.as_ptr());
    let (values, x) = (matrix.values.as_ptr(), x.as_ptr());
    for (y, ends) in y.iter_mut().zip(pointer.windows(2)) {
        let (from, to) = (ends[0] as usize, ends[1] as usize);
        // SAFETY: `from <= to <= entries` and every column is below the length of `x`, by `Csr::new`.
        *y = unsafe { dot::<V>(to - from, columns.add(from), values.add(from), x) };
    }
}

/// A sum of so few products that the loop around them would cost more: straight-line code for each length.
///
/// # Safety
/// As [`dot`] with `n = N`.
#[inline(always)]
unsafe fn few<V: Vector, const N: usize>(columns: *const u32, values: *const V::Elem, x: *const V::Elem) -> V::Elem {
    let mut sum = <V::Elem as Sealed>::ZERO;
    for i in 0..N {
        // SAFETY: `i < N`; columns are valid for `x` by the contract.
        sum = unsafe { V::mul_add_one(*values.add(i), *x.add(*columns.add(i) as usize), sum) };
    }
    sum
}

/// The sum of `values[i] * x[columns[i]]`.
///
/// # Safety
/// The CPU has the vector's tier; `columns` and `values` have `n` elements; `x` reaches every column.
#[inline(always)]
pub(crate) unsafe fn dot<V: Vector>(
    n: usize,
    columns: *const u32,
    values: *const V::Elem,
    x: *const V::Elem,
) -> V::Elem {
    // SAFETY: the contract of `few` is this one's, with `N` equal to `n`.
    unsafe {
        match n {
            0 => <V::Elem as Sealed>::ZERO,
            1 => few::<V, 1>(columns, values, x),
            2 => few::<V, 2>(columns, values, x),
            3 => few::<V, 3>(columns, values, x),
            4 => few::<V, 4>(columns, values, x),
            5 => few::<V, 5>(columns, values, x),
            6 => few::<V, 6>(columns, values, x),
            7 => few::<V, 7>(columns, values, x),
            _ => many::<V>(n, columns, values, x),
        }
    }
}

/// # Safety
/// As [`dot`].
#[inline(always)]
unsafe fn many<V: Vector>(n: usize, columns: *const u32, values: *const V::Elem, x: *const V::Elem) -> V::Elem {
    let mut i = 0;
    let mut sum = <V::Elem as Sealed>::ZERO;
    // SAFETY: `i + lanes <= n` or `i < n` at each access; columns are valid for `x` by the contract.
    unsafe {
        // A gather costs more than the loads that it replaces until a row is a few vectors long.
        if n >= 4 * V::LANES {
            let mut sums = [V::splat(<V::Elem as Sealed>::ZERO); 2];
            while i + 2 * V::LANES <= n {
                for (j, sum) in sums.iter_mut().enumerate() {
                    let at = i + j * V::LANES;
                    *sum = V::load(values.add(at)).mul_add(V::gather(x, columns.add(at)), *sum);
                }
                i += 2 * V::LANES;
            }
            sum = sums[0].add(sums[1]).sum();
        }
        while i < n {
            sum = V::mul_add_one(*values.add(i), *x.add(*columns.add(i) as usize), sum);
            i += 1;
        }
    }
    sum
}

#[cfg(test)]
mod tests;
