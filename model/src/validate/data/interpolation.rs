//! Monotone piecewise cubic interpolation (Fritsch and Butland 1984): what needs no model at all.

/// The value at `at` of the curve through the points, which are in order of `x`; beyond the ends the nearest point.
/// `None` of no points or of points out of order.
pub(super) fn monotone(x: &[f64], y: &[f64], at: f64) -> Option<f64> {
    let (first, last) = (*x.first()?, *x.last()?);
    if x.len() != y.len() || !x.windows(2).all(|pair| pair[0] < pair[1]) {
        return None;
    }
    if at <= first {
        return y.first().copied();
    }
    if at >= last {
        return y.last().copied();
    }
    let i = x.windows(2).position(|pair| at < pair[1])?;
    let h = x[i + 1] - x[i];
    let t = (at - x[i]) / h;
    let (a, b) = (slope(x, y, i), slope(x, y, i + 1));
    let value = y[i] * (1.0 + 2.0 * t) * (1.0 - t).powi(2)
        + h * a * t * (1.0 - t).powi(2)
        + y[i + 1] * t * t * (3.0 - 2.0 * t)
        + h * b * t * t * (t - 1.0);
    Some(value)
}

/// Weighted harmonic mean of the neighbouring secants, zero at a turn; the secant itself at an end.
fn slope(x: &[f64], y: &[f64], i: usize) -> f64 {
    let secant = |j: usize| (y[j + 1] - y[j]) / (x[j + 1] - x[j]);
    if i == 0 {
        return secant(0);
    }
    if i + 1 == x.len() {
        return secant(i - 1);
    }
    let (left, right) = (secant(i - 1), secant(i));
    if left * right <= 0.0 {
        return 0.0;
    }
    let (h0, h1) = (x[i] - x[i - 1], x[i + 1] - x[i]);
    let (w0, w1) = (2.0 * h1 + h0, h1 + 2.0 * h0);
    (w0 + w1) / (w0 / left + w1 / right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn points_and_lines_are_kept() {
        let (x, y) = ([1.0, 2.0, 4.0], [3.0, 5.0, 9.0]);
        for at in [1.0, 1.3, 2.0, 3.7, 4.0] {
            assert!((monotone(&x, &y, at).unwrap() - (1.0 + 2.0 * at)).abs() < 1e-12);
        }
        assert_eq!(monotone(&x, &y, 9.0), Some(9.0));
        assert_eq!(monotone(&[2.0, 1.0], &[0.0, 0.0], 1.5), None);
        assert_eq!(monotone(&[], &[], 1.5), None);
    }

    proptest! {
        #[test]
        fn falling_points_give_a_falling_curve(steps in prop::collection::vec((0.1..3f64, 0.0..5f64), 2..6)) {
            let (mut x, mut y) = (vec![0.0], vec![100.0]);
            for (dx, dy) in steps {
                x.push(x[x.len() - 1] + dx);
                y.push(y[y.len() - 1] - dy);
            }
            let end = x[x.len() - 1];
            let curve: Vec<f64> = (0..=50).map(|i| monotone(&x, &y, end * f64::from(i) / 50.0).unwrap()).collect();
            prop_assert!(curve.windows(2).all(|pair| pair[1] <= pair[0] + 1e-9));
        }
    }
}
