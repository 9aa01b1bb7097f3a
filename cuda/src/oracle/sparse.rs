//! SpMV in both formats.

use ergometer_record::Kernel;

/// The largest componentwise error of y. `structure` is offsets (compressed rows) or the row of each non-zero.
pub(super) fn worst(kernel: Kernel, y: &[f64], structure: &[u8], columns: &[u8], values: &[f64], x: &[f64]) -> f64 {
    let indices =
        |bytes: &[u8]| -> Vec<usize> { bytes.as_chunks().0.iter().map(|c| u32::from_le_bytes(*c) as usize).collect() };
    let (structure, columns) = (indices(structure), indices(columns));
    let mut expected = vec![(0.0, 0.0); y.len()];
    let mut add = |row: usize, at: usize| {
        let product = values[at] * x[columns[at]];
        expected[row].0 += product;
        expected[row].1 += f64::abs(product);
    };
    if kernel == Kernel::SpmvCoo {
        structure.iter().enumerate().for_each(|(at, &row)| add(row, at));
    } else {
        structure.windows(2).enumerate().for_each(|(row, w)| (w[0]..w[1]).for_each(|at| add(row, at)));
    }
    super::worst(y.iter().zip(expected).map(|(&got, (sum, scale))| (got, sum, scale)))
}
