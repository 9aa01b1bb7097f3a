//! From compressed rows to chunks.

use super::{Long, NOBODY, Sell};
use crate::element::{Element, Sealed};
use crate::error::KernelError;
use crate::memory::{Buffer, Plain};
use crate::spmv_csr::Csr;
use ergometer_kernels_scalar::{SELL_ROWS, SellStep};

/// Rows with more entries are summed on their own, along the row.
pub const LONG: usize = 1024;
/// Sigma: rows in whose windows the sorting by length stays.
pub const WINDOW: usize = 1 << 14;
/// Least share of places with an entry at which rows keep their order.
const ENOUGH: f64 = 0.8;

impl<T: Element> Sell<T> {
    /// Converts a matrix. Rows keep their order unless that would leave more than a fifth of the places empty; then they
    /// are sorted in windows of [`WINDOW`].
    ///
    /// # Errors
    /// More stored places than 32-bit positions reach; the system refuses the memory.
    pub fn inspect(matrix: &Csr<'_, T>) -> Result<Self, KernelError> {
        let rows = matrix.rows();
        let natural: Vec<u32> = (0..rows as u32).collect();
        let short = |order: &[u32]| order.iter().copied().filter(|r| matrix.row(*r as usize).0.len() <= LONG).collect();
        let entries = matrix.entries();
        let built = Builder::run(matrix, &natural);
        let kept = built.values.len() as f64 * ENOUGH <= entries as f64;
        let (built, order) = if kept {
            (built, None)
        } else {
            let mut order: Vec<u32> = short(&natural);
            for window in order.chunks_mut(WINDOW) {
                // Longest first; stable, so that equal rows keep their neighbours.
                window.sort_by_key(|r| std::cmp::Reverse(matrix.row(*r as usize).0.len()));
            }
            let built = Builder::run(matrix, &order);
            order.resize(order.len().next_multiple_of(SELL_ROWS), NOBODY);
            (built, Some(order))
        };
        let reach = u32::MAX as usize;
        if built.steps.len().max(built.indices.len()) > reach {
            return Err(KernelError::Overflow { what: "the sliced matrix (32-bit positions)" });
        }
        let long = if kept {
            Vec::new()
        } else {
            natural.into_iter().filter(|r| matrix.row(*r as usize).0.len() > LONG).collect()
        };
        Ok(Self {
            rows,
            columns: matrix.columns_of_matrix(),
            entries,
            chunks: built.chunks,
            steps: built.steps,
            indices: buffer(&built.indices)?,
            values: buffer(&built.values)?,
            order,
            long: Long::of(matrix, long)?,
        })
    }
}

impl<T: Element> Long<T> {
    fn of(matrix: &Csr<'_, T>, rows: Vec<u32>) -> Result<Self, KernelError> {
        let (mut pointer, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for row in &rows {
            let (c, v) = matrix.row(*row as usize);
            columns.extend_from_slice(c);
            values.extend_from_slice(v);
            pointer.push(columns.len());
        }
        Ok(Self { rows, pointer, columns: buffer(&columns)?, values: buffer(&values)? })
    }
}

/// The same elements on pages of their own.
fn buffer<T: Plain>(from: &[T]) -> Result<Buffer<T>, KernelError> {
    let mut to = Buffer::zeroed(from.len())?;
    to.copy_from_slice(from);
    Ok(to)
}

/// Chunks as they grow.
struct Builder<T> {
    chunks: Vec<u32>,
    steps: Vec<SellStep>,
    indices: Vec<u32>,
    values: Vec<T>,
}

impl<T: Element> Builder<T> {
    fn run(matrix: &Csr<'_, T>, order: &[u32]) -> Self {
        let mut built = Self { chunks: vec![0], steps: Vec::new(), indices: Vec::new(), values: Vec::new() };
        for rows in order.chunks(SELL_ROWS) {
            let mut lanes: [(&[u32], &[T]); SELL_ROWS] = [(&[], &[]); SELL_ROWS];
            for (lane, row) in lanes.iter_mut().zip(rows) {
                *lane = matrix.row(*row as usize);
            }
            let longest = lanes.iter().map(|l| l.0.len()).max().unwrap_or(0);
            // An eighth more steps, and one for a chunk at a border, are paid back by the indices that they save.
            let most = longest + longest / 8 + 1;
            if by_diagonal(&lanes, most, |_| ()).is_some() {
                by_diagonal(&lanes, most, |at| built.step(&lanes, at, matrix.columns_of_matrix()));
            } else {
                for i in 0..longest {
                    let at = std::array::from_fn(|l| (i < lanes[l].0.len()).then_some(i));
                    built.step(&lanes, &at, matrix.columns_of_matrix());
                }
            }
            built.chunks.push(built.steps.len() as u32);
        }
        built
    }

    /// One step: the entry `at[l]` of lane `l`.
    fn step(&mut self, lanes: &[(&[u32], &[T]); SELL_ROWS], at: &[Option<usize>; SELL_ROWS], columns: usize) {
        let column = |l: usize| at[l].map(|i| lanes[l].0[i]);
        let mut mask = 0;
        let mut base = None;
        let mut contiguous = true;
        for l in 0..SELL_ROWS {
            if let Some(c) = column(l) {
                mask |= 1 << l;
                contiguous &= *base.get_or_insert(i64::from(c) - l as i64) == i64::from(c) - l as i64;
            }
            self.values.push(at[l].map_or(<T as Sealed>::ZERO, |i| lanes[l].1[i]));
        }
        let base = base.unwrap_or(0);
        let listed = !contiguous || base < 0 || base as usize + SELL_ROWS > columns;
        let first = if listed { self.indices.len() as u32 } else { base as u32 };
        if listed {
            // Lanes without an entry read what another lane reads, and don't use it.
            let any = (0..SELL_ROWS).find_map(column).unwrap_or(0);
            self.indices.extend((0..SELL_ROWS).map(|l| column(l).unwrap_or(any)));
        }
        self.steps.push(SellStep { first, mask, listed });
    }
}

/// Walks the lanes so that each step takes the entries of one diagonal, lowest first, each lane in its own order. `None`
/// as soon as more than `most` steps are needed.
fn by_diagonal<T>(
    lanes: &[(&[u32], &[T]); SELL_ROWS],
    most: usize,
    mut step: impl FnMut(&[Option<usize>; SELL_ROWS]),
) -> Option<()> {
    let mut next = [0; SELL_ROWS];
    for _ in 0..=most {
        let diagonal = |l: usize, i: usize| lanes[l].0.get(i).map(|c| i64::from(*c) - l as i64);
        let Some(lowest) = (0..SELL_ROWS).filter_map(|l| diagonal(l, next[l])).min() else { return Some(()) };
        let at = std::array::from_fn(|l| (diagonal(l, next[l]) == Some(lowest)).then_some(next[l]));
        step(&at);
        for (next, at) in next.iter_mut().zip(at) {
            *next += usize::from(at.is_some());
        }
    }
    None
}
