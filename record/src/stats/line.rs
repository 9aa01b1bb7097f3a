//! A straight line through points, with the uncertainty of both its coefficients and of what it predicts.

use super::t_quantile;
use serde::{Deserialize, Serialize};

/// A least-squares line y = a + b x with its coefficient of determination.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// a.
    pub intercept: f64,
    /// b.
    pub slope: f64,
    /// Standard error of a; NaN with two points.
    pub intercept_u: f64,
    /// Standard error of b; NaN with two points.
    pub slope_u: f64,
    /// Covariance of a and b: negative where all x are positive, because a line that begins higher rises less.
    pub covariance: f64,
    /// Root mean square residual (n, as in thesis eq. 3.3), without weights.
    pub rmse: f64,
    /// R^2, with the weights of the fit.
    pub r2: f64,
    /// Points.
    pub n: usize,
}

impl Line {
    /// a + b x and its standard uncertainty: u^2 = u_a^2 + x^2 u_b^2 + 2 x cov(a, b).
    pub fn at(&self, x: f64) -> (f64, f64) {
        let variance = self.intercept_u.powi(2) + x * x * self.slope_u.powi(2) + 2.0 * x * self.covariance;
        // Rounding can leave a tiny negative number where the line is exact; NaN stays NaN.
        (self.intercept + self.slope * x, if variance < 0.0 { 0.0 } else { variance.sqrt() })
    }

    /// Half width of the `level` interval of the slope: t at n - 2 degrees of freedom; NaN with two points.
    pub fn slope_half_width(&self, level: f64) -> f64 {
        t_quantile(level, self.n as f64 - 2.0) * self.slope_u
    }
}

/// Fits y = a + b x; `None` under two points or when all x are equal. Eq. 3.2 of the thesis: E_idle(t) = alpha + beta t.
pub fn fit_line(x: &[f64], y: &[f64]) -> Option<Line> {
    fit_weighted_line(x, y, &vec![1.0; x.len()])
}

/// Fits y = a + b x where the variance of y is in proportion to 1 / weight; the factor is found from the residuals.
/// `None` under two points, when all x are equal, or at a weight that is not positive.
///
/// Source: Bevington and Robinson, *Data Reduction and Error Analysis*, section 6.3, with the variance scaled by the
/// residuals.
pub fn fit_weighted_line(x: &[f64], y: &[f64], weights: &[f64]) -> Option<Line> {
    let n = x.len();
    if n != y.len() || n != weights.len() || n < 2 || !weights.iter().all(|w| *w > 0.0 && w.is_finite()) {
        return None;
    }
    let sum = |f: &dyn Fn(usize) -> f64| (0..n).map(|i| weights[i] * f(i)).sum::<f64>();
    let total = sum(&|_| 1.0);
    let (mx, my) = (sum(&|i| x[i]) / total, sum(&|i| y[i]) / total);
    let sxx = sum(&|i| (x[i] - mx).powi(2));
    if sxx.is_nan() || sxx <= 0.0 {
        return None;
    }
    let slope = sum(&|i| (x[i] - mx) * (y[i] - my)) / sxx;
    let intercept = my - slope * mx;
    let residual = |i: usize| y[i] - intercept - slope * x[i];
    let sse = sum(&|i| residual(i).powi(2));
    let syy = sum(&|i| (y[i] - my).powi(2));
    let variance = sse / (n as f64 - 2.0);
    Some(Line {
        intercept,
        slope,
        intercept_u: (variance * (1.0 / total + mx * mx / sxx)).sqrt(),
        slope_u: (variance / sxx).sqrt(),
        covariance: -variance * mx / sxx,
        rmse: ((0..n).map(|i| residual(i).powi(2)).sum::<f64>() / n as f64).sqrt(),
        r2: if syy > 0.0 { 1.0 - sse / syy } else { 1.0 },
        n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idle_line_of_table_3_13_is_recovered() {
        // Thesis table 3.13, AMD, and its regression (eq. 3.3): 1.88 + 56.14 t, RMSE 8.65, R^2 0.9999. The table's
        // energies are rounded and its times are not the real run times, hence the room.
        let time = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
        let energy = [57.74, 111.22, 221.89, 444.98, 904.45, 1817.08, 3585.92];
        let line = fit_line(&time, &energy).unwrap();
        assert!((line.intercept - 1.88).abs() < 0.1 && (line.slope - 56.14).abs() < 0.01, "{line:?}");
        assert!((line.rmse - 8.65).abs() < 0.1 && line.r2 > 0.9999, "{line:?}");
    }

    #[test]
    fn the_uncertainty_of_a_prediction_needs_the_covariance() {
        // By hand: x = 1, 2, 3, y = 1, 2, 4: b = 1.5, a = -2/3, s^2 = 1/6, mean x = 2, Sxx = 2.
        let line = fit_line(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0]).unwrap();
        let variance = 1.0 / 6.0;
        assert!((line.slope_u.powi(2) - variance / 2.0).abs() < 1e-12);
        assert!((line.intercept_u.powi(2) - variance * (1.0 / 3.0 + 2.0)).abs() < 1e-12);
        assert!((line.covariance + variance).abs() < 1e-12);
        // At the mean of x a line is known as well as the mean of y is: s^2 / n, far below what a and b alone say.
        let (y, u) = line.at(2.0);
        assert!((y - 7.0 / 3.0).abs() < 1e-12 && (u.powi(2) - variance / 3.0).abs() < 1e-12, "{y} {u}");
    }

    #[test]
    fn weights_count_as_repeated_points() {
        let (x, y) = ([1.0, 2.0, 5.0], [2.0, 3.5, 10.0]);
        let weighted = fit_weighted_line(&x, &y, &[1.0, 3.0, 2.0]).unwrap();
        let repeated = fit_line(&[1.0, 2.0, 2.0, 2.0, 5.0, 5.0], &[2.0, 3.5, 3.5, 3.5, 10.0, 10.0]).unwrap();
        assert!((weighted.slope - repeated.slope).abs() < 1e-12);
        assert!((weighted.intercept - repeated.intercept).abs() < 1e-12);
        // A common factor changes nothing.
        let scaled = fit_weighted_line(&x, &y, &[10.0, 30.0, 20.0]).unwrap();
        assert!((scaled.slope_u - weighted.slope_u).abs() < 1e-12);
        assert_eq!(fit_weighted_line(&x, &y, &[1.0, 0.0, 1.0]), None);
        assert_eq!(fit_line(&[2.0, 2.0], &[1.0, 3.0]), None);
        assert!(fit_line(&[1.0, 2.0], &[1.0, 3.0]).unwrap().slope_u.is_nan());
    }
}
