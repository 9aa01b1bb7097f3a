//! SpMV in both formats, on generated matrices.

use super::reference::{MOST, dot, over_bound, sample};
use super::{SEED, Work};
use crate::element::Element;
use crate::error::KernelError;
use crate::memory::{Buffer, Shared, check_fits};
use crate::pool::{Pool, Worker};
use crate::random::value;
use crate::spmv_coo::{self, Coo};
use crate::spmv_csr::{self, Csr};
use crate::tier::Level;
use bytemuck::Pod;
use ergometer_record::{Kernel, KernelSpec};

/// y = A x. The coordinate format keeps the row pointer too, for the check.
pub(super) struct Spmv<T: Element + Pod> {
    format: Format,
    row_pointer: Buffer<u32>,
    columns: Buffer<u32>,
    values: Buffer<T>,
    x: Buffer<T>,
    y: Buffer<T>,
}

enum Format {
    Compressed,
    Coordinates(Buffer<u32>),
}

impl<T: Element + Pod> Spmv<T> {
    pub(super) fn new(spec: &KernelSpec, pool: &Pool) -> Result<Self, KernelError> {
        // Twice: the structure is generated first and then laid out by the workers.
        check_fits(spec, (2.0 * spec.least_bytes()) as u64)?;
        let structure = crate::sparse::generate(spec, SEED)?;
        let format = match spec.kernel {
            Kernel::SpmvCoo => {
                let rows = structure.rows();
                Format::Coordinates(Buffer::filled(rows.len(), pool, |i| rows[i])?)
            }
            _ => Format::Compressed,
        };
        let (pointer, columns) = (&structure.row_pointer, &structure.columns);
        let rows = pointer.len() - 1;
        let work = Self {
            format,
            row_pointer: Buffer::filled(pointer.len(), pool, |i| pointer[i])?,
            columns: Buffer::filled(columns.len(), pool, |i| columns[i])?,
            values: Buffer::filled(columns.len(), pool, |i| T::from_f64(value(SEED, i)))?,
            x: Buffer::filled(rows, pool, |i| T::from_f64(value(SEED + 1, i)))?,
            y: Buffer::filled(rows, pool, |_| T::ZERO)?,
        };
        // Checked once here, so that the executions need not.
        match &work.format {
            Format::Compressed => drop(Csr::new(rows, rows, &work.row_pointer, &work.columns, &work.values)?),
            Format::Coordinates(r) => drop(Coo::new(rows, rows, r, &work.columns, &work.values)?),
        }
        Ok(work)
    }
}

impl<T: Element + Pod> Work for Spmv<T> {
    fn execution(&mut self, level: Level, _pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync {
        let n = self.x.len();
        let (x, y) = (&*self.x, Shared::new(&mut self.y));
        let (columns, values) = (&*self.columns, &*self.values);
        // SAFETY: `new` checked these very buffers, and nothing has written to them since.
        let (csr, coo) = unsafe {
            match &self.format {
                Format::Compressed => (Some(Csr::checked_before(n, &self.row_pointer, columns, values)), None),
                Format::Coordinates(rows) => (None, Some(Coo::checked_before([n, n], rows, columns, values))),
            }
        };
        move |_, w| {
            if let Some(matrix) = &csr {
                spmv_csr::part(level, matrix, x, y, w.index, w.of);
            }
            if let Some(matrix) = &coo {
                spmv_coo::part(level, matrix, x, y, w.index, w.of);
            }
        }
    }

    fn poison(&mut self, pool: &Pool) -> Result<(), KernelError> {
        Ok(self.y.fill(pool, |_| T::NAN)?)
    }

    fn error(&self) -> Option<f64> {
        let worst = sample(self.y.len(), MOST / 4).into_iter().map(|row| {
            let (from, to) = (self.row_pointer[row] as usize, self.row_pointer[row + 1] as usize);
            let pairs = (from..to).map(|i| (self.values[i].to_f64(), self.x[self.columns[i] as usize].to_f64()));
            let (wanted, size) = dot(pairs);
            over_bound(self.y[row].to_f64(), wanted, (to - from + 1) as f64 * T::ROUNDOFF * size)
        });
        Some(worst.fold(0.0, f64::max))
    }
}
