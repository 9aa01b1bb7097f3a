//! Dense symmetric systems of a few dozen unknowns.

/// Lower Cholesky factor of a symmetric matrix given by rows; `None` when it is not positive definite.
pub(crate) fn cholesky(matrix: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let n = matrix.len();
    let mut factor = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = factor[i][..j].iter().zip(&factor[j][..j]).map(|(a, b)| a * b).sum();
            let rest = matrix[i][j] - dot;
            if i == j {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                factor[i][i] = rest.sqrt();
            } else {
                factor[i][j] = rest / factor[j][j];
            }
        }
    }
    Some(factor)
}

/// Solves L L^T x = b.
pub(crate) fn solve(factor: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let n = factor.len();
    let mut x = b.to_vec();
    for i in 0..n {
        let dot: f64 = factor[i][..i].iter().zip(&x).map(|(l, x)| l * x).sum();
        x[i] = (x[i] - dot) / factor[i][i];
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|j| factor[j][i] * x[j]).sum();
        x[i] = (x[i] - dot) / factor[i][i];
    }
    x
}

/// The inverse of L L^T.
pub(crate) fn inverse(factor: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = factor.len();
    let column = |j: usize| {
        let mut unit = vec![0.0; n];
        unit[j] = 1.0;
        solve(factor, &unit)
    };
    (0..n).map(column).collect()
}

/// J^T J and J^T r of residuals r with derivatives J (one row a residual).
pub(crate) fn normal_equations(jacobian: &[Vec<f64>], residuals: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let n = jacobian.first().map_or(0, Vec::len);
    let mut matrix = vec![vec![0.0; n]; n];
    let mut vector = vec![0.0; n];
    for (row, r) in jacobian.iter().zip(residuals) {
        for i in 0..n {
            if row[i] == 0.0 {
                continue;
            }
            vector[i] += row[i] * r;
            for j in 0..=i {
                matrix[i][j] += row[i] * row[j];
            }
        }
    }
    let lower = matrix.clone();
    for (i, row) in matrix.iter_mut().enumerate() {
        for (value, below) in row.iter_mut().zip(&lower).skip(i + 1) {
            *value = below[i];
        }
    }
    (matrix, vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_by_hand() {
        let factor = cholesky(&[vec![4.0, 2.0], vec![2.0, 3.0]]).unwrap();
        let x = solve(&factor, &[2.0, 1.0]);
        assert!((x[0] - 0.5).abs() < 1e-12 && x[1].abs() < 1e-12, "{x:?}");
        // The inverse of [[4, 2], [2, 3]] is [[3, -2], [-2, 4]] / 8.
        let inverse = inverse(&factor);
        assert!((inverse[0][0] - 0.375).abs() < 1e-12 && (inverse[0][1] + 0.25).abs() < 1e-12);
        assert!(cholesky(&[vec![1.0, 2.0], vec![2.0, 1.0]]).is_none());
    }

    #[test]
    fn normal_equations_by_hand() {
        let (matrix, vector) = normal_equations(&[vec![1.0, 2.0], vec![0.0, 3.0]], &[1.0, -1.0]);
        assert_eq!(matrix, [vec![1.0, 2.0], vec![2.0, 13.0]]);
        assert_eq!(vector, [1.0, -1.0]);
    }
}
