//! GEMM: every element for small products; Freivalds' test for large ones.

use crate::operand::hash;

/// Multiplications up to which the whole product is computed again.
const FULL: usize = 1 << 24;
/// Random vectors of Freivalds' test.
const VECTORS: u64 = 4;

/// The largest row error over the root mean square of the row norms. The leading dimensions follow from the lengths.
///
/// Beyond [`FULL`], C x is compared with A (B x) for random vectors x of +-1 (R. Freivalds, 1977): the residual of a row
/// is then a random variable whose variance is the squared norm of the row's error, so its root mean square over the
/// vectors estimates that norm at O(n^2) cost, and every element of C takes part.
pub(super) fn worst_row([m, n, k]: [usize; 3], c: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let (lda, ldb, ldc) = (a.len() / m, b.len() / k, c.len() / m);
    let (mut errors, mut norms) = (vec![0.0; m], vec![0.0; m]);
    let mut add = |row: usize, got: f64, expected: f64| {
        errors[row] += (got - expected).powi(2);
        norms[row] += expected.powi(2);
    };
    if m * n * k <= FULL {
        for i in 0..m {
            let mut row = vec![0.0; n];
            for (p, &x) in a[i * lda..i * lda + k].iter().enumerate() {
                for (sum, &y) in row.iter_mut().zip(&b[p * ldb..p * ldb + n]) {
                    *sum += x * y;
                }
            }
            for (j, &expected) in row.iter().enumerate() {
                add(i, c[i * ldc + j], expected);
            }
        }
    } else {
        for vector in 0..VECTORS {
            let x: Vec<f64> =
                (0..n as u64).map(|j| if hash(vector ^ 0xf4e1, j) & 1 == 0 { 1.0 } else { -1.0 }).collect();
            let times = |row: &[f64], x: &[f64]| row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>();
            let bx: Vec<f64> = (0..k).map(|p| times(&b[p * ldb..p * ldb + n], &x)).collect();
            for i in 0..m {
                add(i, times(&c[i * ldc..i * ldc + n], &x), times(&a[i * lda..i * lda + k], &bx));
            }
        }
    }
    let typical = (norms.iter().sum::<f64>() / m as f64).sqrt();
    super::worst(errors.iter().map(|e| (e.sqrt(), 0.0, typical)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operand::uniform;

    /// A product large enough for Freivalds' test: one element wrong by a typical element is found, rounding is not
    /// mistaken for an error.
    #[test]
    fn one_wrong_element_of_many_is_found() {
        let [m, n, k] = [260, 300, 256];
        assert!(m * n * k > FULL);
        let a: Vec<f64> = (0..(m * k) as u64).map(|i| uniform(1, i)).collect();
        let b: Vec<f64> = (0..(k * n) as u64).map(|i| uniform(2, i)).collect();
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for p in 0..k {
                for j in 0..n {
                    c[i * n + j] += a[i * k + p] * b[p * n + j];
                }
            }
        }
        assert!(worst_row([m, n, k], &c, &a, &b) < 1e-13);
        let rounded: Vec<f64> = c.iter().map(|&x| half::bf16::from_f64(x).to_f64()).collect();
        let error = worst_row([m, n, k], &rounded, &a, &b);
        // Rounding to 8 bits: 2^-9 / sqrt(3) of each element at most, about 1.2e-3 of the row.
        assert!((3e-4..5e-3).contains(&error), "{error}");
        // A typical element is a sum of 256 products of variance 1/9.
        let mut wrong = c.clone();
        wrong[77 * n + 5] += (256.0f64 / 9.0).sqrt();
        let error = worst_row([m, n, k], &wrong, &a, &b);
        assert!(error > 1e-2, "{error}");
        wrong[77 * n + 5] = f64::NAN;
        assert_eq!(worst_row([m, n, k], &wrong, &a, &b), f64::INFINITY);
    }
}
