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
use crate::spmv_csr::rows::{self, Patience, dot, four};
use crate::spmv_csr::{check_indices, check_vectors};
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
/// as many as `y` has at most; `entries` begins where a row begins, and ends where one ends.
#[inline(always)]
unsafe fn body<V: Vector>(
    matrix: &Coo<'_, V::Elem>,
    entries: Range<usize>,
    first_row: usize,
    x: &[V::Elem],
    y: &mut [V::Elem],
) {
    let (columns, values) = (&matrix.columns[entries.clone()], &matrix.values[entries.clone()]);
    // As for compressed rows: elements of x are asked for ahead up to the entry that has as many after it.
    let far = if rows::far(x) { columns.len().saturating_sub(rows::AHEAD_ENTRIES) } else { 0 };
    let mut part = Part {
        rows: &matrix.rows[entries],
        columns: columns.as_ptr(),
        values: values.as_ptr(),
        x: x.as_ptr(),
        far,
        first_row,
        at: 0,
        y,
        next: 0,
    };
    let mut patience = Patience::new();
    while part.at < part.rows.len() {
        let before = part.at;
        // SAFETY: this function's contract, and `Coo::new` checked rows and columns.
        unsafe {
            match part.ends::<V>(part.at).map_or(0, |ends| ends.trailing_zeros() + 1) {
                1 => part.equal::<V, 1>(),
                2 => part.equal::<V, 2>(),
                3 => part.equal::<V, 3>(),
                4 => part.equal::<V, 4>(),
                5 => part.equal::<V, 5>(),
                6 => part.equal::<V, 6>(),
                7 => part.equal::<V, 7>(),
                8 => part.equal::<V, 8>(),
                _ => (),
            }
            if part.at > before {
                patience.found();
            }
            part.one_by_one::<V>(patience.missed());
        }
    }
    // Rows after the last entry have none.
    part.y[part.next..].fill(<V::Elem as Sealed>::ZERO);
}

/// The entries of one worker.
struct Part<'a, T> {
    rows: &'a [u32],
    columns: *const u32,
    values: *const T,
    x: *const T,
    /// Entries before it have [`rows::AHEAD_ENTRIES`] entries after them, and an x worth asking for.
    far: usize,
    /// The row of `y[0]`.
    first_row: usize,
    /// First entry that is not summed; it begins a row.
    at: usize,
    y: &'a mut [T],
    /// First element of `y` that is not written.
    next: usize,
}

impl<T: Element> Part<'_, T> {
    /// Bit `i` of 32 is set where entry `from + i` is the last of its row; `None` where fewer than 33 entries are left.
    ///
    /// # Safety
    /// The CPU has the vector's tier.
    #[inline(always)]
    unsafe fn ends<V: Vector<Elem = T>>(&self, from: usize) -> Option<u32> {
        let rows = self.rows.get(from..from + 33)?;
        // SAFETY: 33 numbers are there.
        Some(unsafe { V::changes(rows.as_ptr()) })
    }

    /// Fours of rows of `N` entries, one row after the other, as long as they come.
    ///
    /// # Safety
    /// The CPU has the vector's tier; rows and columns are those of a checked matrix.
    #[inline(always)]
    unsafe fn equal<V: Vector<Elem = T>, const N: usize>(&mut self) {
        let (all, wanted) =
            const { (u32::MAX >> (32 - 4 * N), 1 << (N - 1) | 1 << (2 * N - 1) | 1 << (3 * N - 1) | 1 << (4 * N - 1)) };
        // SAFETY: 33 entries are left, of which `4 * N` are used; every column is below the length of `x`.
        unsafe {
            while let Some(ends) = self.ends::<V>(self.at) {
                let row = self.rows[self.at] as usize - self.first_row;
                let last = self.rows[self.at + 3 * N] as usize - self.first_row;
                if ends & all != wanted || row != self.next || last != row + 3 {
                    break;
                }
                let Some(y) = self.y.get_mut(row..row + 4) else { break };
                rows::ahead::<V, _>(self.rows.as_ptr().add(self.at), 4 * N * size_of::<u32>());
                let sums = four::<V, N>(self.columns.add(self.at), self.values.add(self.at), self.x);
                for (y, sum) in y.iter_mut().zip(sums) {
                    *y = sum;
                }
                self.at += 4 * N;
                self.next += 4;
            }
        }
    }

    /// At least `wanted` rows of any length, or all that are left.
    ///
    /// # Safety
    /// As [`Self::equal`].
    #[inline(always)]
    unsafe fn one_by_one<V: Vector<Elem = T>>(&mut self, wanted: usize) {
        let mut done = 0;
        // No row after `at` ends before entry `scanned`. Ends are found for 32 entries at once, so that where a row begins
        // does not wait for the row before it.
        let mut scanned = self.at;
        // SAFETY: rows end where the numbers of rows change; columns are those of the matrix.
        unsafe {
            while done < wanted
                && let Some(mut ends) = self.ends::<V>(scanned)
            {
                rows::ahead::<V, _>(self.rows.as_ptr().add(scanned), 32 * size_of::<u32>());
                rows::ahead::<V, _>(self.columns.add(scanned), 32 * size_of::<u32>());
                rows::ahead::<V, _>(self.values.add(scanned), 32 * size_of::<T>());
                while ends != 0 {
                    self.row::<V>(scanned + ends.trailing_zeros() as usize + 1);
                    ends &= ends - 1;
                    done += 1;
                }
                scanned += 32;
            }
            while done < wanted && self.at < self.rows.len() {
                let from = scanned.max(self.at);
                let more = self.rows[from..].iter().take_while(|r| **r == self.rows[self.at]).count();
                self.row::<V>(from + more);
                done += 1;
            }
        }
    }

    /// The row whose entries are `at .. to`.
    ///
    /// # Safety
    /// As [`Self::equal`]; these entries are all of one row, and there is at least one.
    #[inline(always)]
    unsafe fn row<V: Vector<Elem = T>>(&mut self, to: usize) {
        // SAFETY: the entries are there; with `far` as many as `dot` asks for follow them.
        let sum = unsafe {
            let (columns, values) = (self.columns.add(self.at), self.values.add(self.at));
            if to <= self.far {
                dot::<V, true>(to - self.at, columns, values, self.x)
            } else {
                dot::<V, false>(to - self.at, columns, values, self.x)
            }
        };
        let row = self.rows[self.at] as usize - self.first_row;
        if self.next < row {
            self.y[self.next..row].fill(<T as Sealed>::ZERO);
        }
        self.y[row] = sum;
        self.next = row + 1;
        self.at = to;
    }
}

#[cfg(test)]
mod tests;
