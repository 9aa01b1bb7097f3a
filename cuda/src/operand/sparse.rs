//! Generated sparse matrices.

use super::hash;

/// A square matrix in compressed rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csr {
    /// rows + 1 offsets into `columns`.
    pub offsets: Vec<u32>,
    /// Column of each non-zero, ascending within a row.
    pub columns: Vec<u32>,
}

impl Csr {
    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The row of each non-zero: the coordinate form.
    pub fn row_of(&self) -> Vec<u32> {
        let lengths = self.offsets.windows(2).map(|w| (w[1] - w[0]) as usize);
        lengths.enumerate().flat_map(|(row, n)| std::iter::repeat_n(row as u32, n)).collect()
    }

    fn from_rows(rows: usize, mut row: impl FnMut(usize, &mut Vec<u32>)) -> Self {
        let mut offsets = vec![0];
        let mut columns = Vec::new();
        for i in 0..rows {
            row(i, &mut columns);
            offsets.push(columns.len() as u32);
        }
        Self { offsets, columns }
    }
}

/// The Laplacian of a grid of `side` points in each of `dimensions`: a point and its neighbours along each axis.
/// `side^dimensions` and the non-zeros must be under 2^32.
pub fn laplacian(side: usize, dimensions: u32) -> Csr {
    let strides: Vec<usize> = (0..dimensions).map(|d| side.pow(d)).collect();
    Csr::from_rows(side.pow(dimensions), |i, columns| {
        for &stride in strides.iter().rev() {
            if i / stride % side > 0 {
                columns.push((i - stride) as u32);
            }
        }
        columns.push(i as u32);
        for &stride in &strides {
            if i / stride % side + 1 < side {
                columns.push((i + stride) as u32);
            }
        }
    })
}

/// `nnz` non-zeros over `rows` rows whose lengths follow a power law, at random columns.
///
/// The weight of the row with rank r is `(r + 1)^-0.8` and ranks are shuffled; no row is longer than the matrix is wide
/// unless `nnz` demands it. Columns may repeat within a row, which adds up as any triple list does.
pub fn power_law(rows: usize, nnz: usize, seed: u64) -> Csr {
    let mut rank: Vec<usize> = (0..rows).collect();
    for i in (1..rows).rev() {
        rank.swap(i, (hash(seed, i as u64) % (i as u64 + 1)) as usize);
    }
    let weight = |r: usize| ((r + 1) as f64).powf(-0.8);
    let total: f64 = (0..rows).map(weight).sum();
    let cap = rows.max(nnz.div_ceil(rows.max(1)));
    let mut length: Vec<usize> = rank.iter().map(|&r| ((weight(r) / total * nnz as f64) as usize).min(cap)).collect();
    // What rounding and the cap left over goes one by one to the rows in turn.
    let mut left = nnz - length.iter().sum::<usize>().min(nnz);
    while left > 0 && rows > 0 {
        for n in length.iter_mut().filter(|n| **n < cap).take(left) {
            *n += 1;
            left -= 1;
        }
    }
    let mut drawn = 0u64;
    Csr::from_rows(rows, |i, columns| {
        let start = columns.len();
        for _ in 0..length[i] {
            columns.push((hash(seed ^ 0x5eed, drawn) % rows as u64) as u32);
            drawn += 1;
        }
        columns[start..].sort_unstable();
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::Size;
    use proptest::prelude::*;

    #[test]
    fn laplacians_have_the_counts_of_their_size() {
        for side in [1, 2, 3, 7] {
            for (dimensions, size) in [(2, Size::laplace5(side)), (3, Size::laplace7(side))] {
                let Size::Sparse { rows, nnz, .. } = size else { unreachable!() };
                let matrix = laplacian(side as usize, dimensions);
                assert_eq!((matrix.rows() as u64, matrix.columns.len() as u64), (rows, nnz), "{side}^{dimensions}");
                assert!(
                    matrix
                        .offsets
                        .windows(2)
                        .all(|w| { matrix.columns[w[0] as usize..w[1] as usize].is_sorted_by(|a, b| a < b) })
                );
            }
        }
    }

    #[test]
    fn power_laws_are_skewed() {
        let matrix = power_law(10_000, 100_000, 1);
        let mut lengths: Vec<u32> = matrix.offsets.windows(2).map(|w| w[1] - w[0]).collect();
        lengths.sort_unstable();
        // The sum of (r+1)^-0.8 over 10,000 ranks is about 27: the heaviest row has 1/27 of all, the median about 5.
        assert!(lengths[9999] > 3000 && lengths[5000] < 8, "{} {}", lengths[9999], lengths[5000]);
    }

    proptest! {
        #[test]
        fn power_laws_have_exactly_the_non_zeros(rows in 1usize..200, nnz in 0usize..3000, seed in 0u64..9) {
            let matrix = power_law(rows, nnz, seed);
            prop_assert_eq!((matrix.rows(), matrix.columns.len()), (rows, nnz));
            prop_assert!(matrix.columns.iter().all(|&c| (c as usize) < rows));
            prop_assert_eq!(matrix.row_of().len(), nnz);
        }
    }
}
