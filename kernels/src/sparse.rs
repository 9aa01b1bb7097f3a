//! Generated sparse matrices: Laplacians of regular grids and a power law. All are square, with rows sorted by column.

use crate::error::KernelError;
use crate::random::{hash, unit};
use ergometer_record::kernel::Pattern;
use ergometer_record::{KernelSpec, Size};

/// A matrix in compressed rows, owned: entries of row `r` are `row_pointer[r] .. row_pointer[r + 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// One longer than the number of rows.
    pub row_pointer: Vec<u32>,
    /// Column of each entry, ascending in a row.
    pub columns: Vec<u32>,
}

impl Generated {
    /// Row of each entry: the coordinate format's third array.
    pub fn rows(&self) -> Vec<u32> {
        let mut rows = Vec::with_capacity(self.columns.len());
        for (row, ends) in self.row_pointer.windows(2).enumerate() {
            rows.resize(ends[1] as usize, row as u32);
        }
        rows
    }
}

/// The structure that a specification's size names, with exactly its rows and non-zeros.
///
/// Power law: the row of rank `r` (ranks in an order drawn from `seed`) is about proportional to `(r + 1)^-0.7` long,
/// at least one entry where there are enough; its columns are one of each equal stretch of the row, drawn from `seed`.
///
/// # Errors
/// A size of another kernel; a Laplacian's size that is none of a grid; more entries than places; 2^31 rows or entries
/// and more, which 32-bit indices and signed gathers can't address.
pub fn generate(spec: &KernelSpec, seed: u64) -> Result<Generated, KernelError> {
    let refuse = |reason: String| KernelError::Unsupported { spec: *spec, reason };
    let Size::Sparse { rows, nnz, pattern } = spec.size else {
        return Err(refuse("a sparse matrix needs rows=,nnz=,pattern=".to_owned()));
    };
    if rows >= 1 << 31 || nnz >= 1 << 31 {
        return Err(refuse("its 32-bit indices reach 2^31 - 1 rows and entries: give a smaller size".to_owned()));
    }
    let side = |power: f64| (rows as f64).powf(1.0 / power).round() as u64;
    let (s2, s3) = (side(2.0), side(3.0));
    match pattern {
        Pattern::Laplace5 if Size::laplace5(s2) == spec.size => Ok(laplacian([s2, s2, 1])),
        Pattern::Laplace7 if Size::laplace7(s3) == spec.size => Ok(laplacian([s3, s3, s3])),
        Pattern::PowerLaw if nnz <= rows * rows => Ok(power_law(rows, nnz, seed)),
        Pattern::PowerLaw => Err(refuse(format!("{rows} rows and columns have no room for {nnz} entries"))),
        Pattern::Laplace5 => Err(refuse(format!("the nearest grid, {s2} x {s2}, is {}", Size::laplace5(s2)))),
        Pattern::Laplace7 => Err(refuse(format!("the nearest grid, {s3}^3, is {}", Size::laplace7(s3)))),
    }
}

/// Each point with its neighbours along each axis, in ascending order.
fn laplacian([nx, ny, nz]: [u64; 3]) -> Generated {
    let (mut row_pointer, mut columns) = (vec![0], Vec::new());
    for z in 0..nz {
        for y in 0..ny {
            for x in 0..nx {
                let at = (z * ny + y) * nx + x;
                let neighbours = [
                    (z > 0, at.wrapping_sub(nx * ny)),
                    (y > 0, at.wrapping_sub(nx)),
                    (x > 0, at.wrapping_sub(1)),
                    (true, at),
                    (x + 1 < nx, at + 1),
                    (y + 1 < ny, at + nx),
                    (z + 1 < nz, at + nx * ny),
                ];
                columns.extend(neighbours.into_iter().filter(|n| n.0).map(|n| n.1 as u32));
                row_pointer.push(columns.len() as u32);
            }
        }
    }
    Generated { row_pointer, columns }
}

fn power_law(rows: u64, nnz: u64, seed: u64) -> Generated {
    const EXPONENT: f64 = 0.7;
    let mut ranks: Vec<u64> = (0..rows).collect();
    ranks.sort_unstable_by_key(|r| (hash(seed, *r), *r));
    let weight = |rank: u64| ((rank + 1) as f64).powf(-EXPONENT);
    let total: f64 = (0..rows).map(weight).sum();
    let floor = u64::from(nnz >= rows);
    let spare = nnz - floor * rows;
    let mut lengths = vec![0u64; rows as usize];
    let mut left = nnz;
    for (rank, row) in ranks.iter().enumerate() {
        let ideal = floor + (spare as f64 * weight(rank as u64) / total) as u64;
        let length = ideal.min(rows).min(left);
        lengths[*row as usize] = length;
        left -= length;
    }
    // What rounding and the rows' width cut off goes to the shortest ranks first: they have room.
    for row in ranks.iter().rev().cycle() {
        if left == 0 {
            break;
        }
        // Without a floor one entry a visit keeps the tail flat; a nearly full matrix needs larger strides.
        let length = &mut lengths[*row as usize];
        let more = (rows - *length).min(left).min(1 + left / rows);
        *length += more;
        left -= more;
    }
    let (mut row_pointer, mut columns) = (vec![0], Vec::with_capacity(nnz as usize));
    for (row, length) in lengths.iter().enumerate() {
        for entry in 0..*length {
            let (from, to) = (entry * rows / length, (entry + 1) * rows / length);
            let draw = unit(hash(seed ^ 0x5EED, ((row as u64) << 32) | entry));
            columns.push((from + ((to - from) as f64 * draw) as u64).min(to - 1) as u32);
        }
        row_pointer.push(columns.len() as u32);
    }
    Generated { row_pointer, columns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::{Kernel, Precision};
    use proptest::prelude::*;

    fn build(size: Size) -> Result<Generated, KernelError> {
        generate(&KernelSpec { kernel: Kernel::SpmvCsr, size, precision: Precision::F32 }, 1)
    }

    fn assert_valid(g: &Generated, rows: u64, nnz: u64) {
        assert_eq!((g.row_pointer.len() as u64, g.columns.len() as u64), (rows + 1, nnz));
        for ends in g.row_pointer.windows(2) {
            let row = &g.columns[ends[0] as usize..ends[1] as usize];
            assert!(row.windows(2).all(|w| w[0] < w[1]) && row.iter().all(|c| u64::from(*c) < rows));
        }
    }

    #[test]
    fn laplacians_are_symmetric_and_counted() {
        for size in [Size::laplace5(1), Size::laplace5(7), Size::laplace7(2), Size::laplace7(5)] {
            let Size::Sparse { rows, nnz, .. } = size else { unreachable!() };
            let g = build(size).unwrap();
            assert_valid(&g, rows, nnz);
            let entries: std::collections::BTreeSet<_> = g.rows().into_iter().zip(g.columns.clone()).collect();
            assert!(entries.iter().all(|(r, c)| entries.contains(&(*c, *r))));
        }
    }

    #[test]
    fn a_power_law_is_skewed() {
        let g = build(Size::Sparse { rows: 5000, nnz: 50_000, pattern: Pattern::PowerLaw }).unwrap();
        let longest = g.row_pointer.windows(2).map(|w| w[1] - w[0]).max().unwrap();
        assert!(longest > 500, "the mean is 10, the longest row {longest}");
    }

    #[test]
    fn wrong_sizes_name_the_nearest() {
        let error = build(Size::Sparse { rows: 10, nnz: 40, pattern: Pattern::Laplace5 }).unwrap_err().to_string();
        assert!(error.contains("rows=9,nnz=33"), "{error}");
        assert!(build(Size::Sparse { rows: 3, nnz: 10, pattern: Pattern::PowerLaw }).is_err());
        assert!(build(Size::Sparse { rows: 1 << 40, nnz: 10, pattern: Pattern::PowerLaw }).is_err());
        assert!(build(Size::Vector { n: 4 }).is_err());
    }

    proptest! {
        #[test]
        fn a_power_law_has_exactly_the_entries(rows in 1u64..60, fill in 0.0f64..=1.0) {
            let nnz = ((rows * rows) as f64 * fill) as u64;
            let g = build(Size::Sparse { rows, nnz, pattern: Pattern::PowerLaw }).unwrap();
            assert_valid(&g, rows, nnz);
        }
    }
}
