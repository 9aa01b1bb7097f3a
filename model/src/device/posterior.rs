//! What a fit leaves uncertain beyond the spread of each value alone.

use crate::calibrate::linear;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Correlation of the fitted values and the misfit that no parameter explains.
///
/// Two values that the records hold only as a product have a correlation near -1: drawn alone, each would spread the
/// product far beyond what the records allow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posterior {
    /// Standard deviation of ln(time) that the model can't describe.
    pub discrepancy_time: f64,
    /// Of ln(power); absent where nothing measured power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discrepancy_power: Option<f64>,
    /// The fitted keys, in the order of the rows below.
    pub keys: Vec<String>,
    /// Lower triangle of the correlation of their logarithms, one row a key, the diagonal included.
    pub correlation: Vec<Vec<f64>>,
}

/// Key, what was found, what is allowed.
pub(super) type Fault = (&'static str, String, &'static str);

impl Posterior {
    /// Refuses what is no correlation matrix, or a discrepancy that is not a spread.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let spread = |key, value: f64| {
            if value >= 0.0 && value.is_finite() {
                return Ok(());
            }
            Err((key, value.to_string(), "a finite number that is not negative is needed"))
        };
        spread("discrepancy_time", self.discrepancy_time)?;
        spread("discrepancy_power", self.discrepancy_power.unwrap_or(0.0))?;
        let triangle = self.correlation.iter().enumerate().all(|(i, row)| row.len() == i + 1);
        if self.correlation.len() != self.keys.len() || !triangle {
            let found = format!("{} rows for {} keys", self.correlation.len(), self.keys.len());
            return Err(("correlation", found, "row i must hold i entries, as many rows as keys"));
        }
        self.factor().map(|_| ()).ok_or((
            "correlation",
            "not positive definite".into(),
            "a matrix of correlations with ones on its diagonal is needed",
        ))
    }

    /// The lower Cholesky factor; `None` where this is no correlation matrix.
    pub(super) fn factor(&self) -> Option<Vec<Vec<f64>>> {
        let n = self.keys.len();
        let entry = |i: usize, j: usize| self.correlation.get(i.max(j)).and_then(|row| row.get(i.min(j))).copied();
        let full: Option<Vec<Vec<f64>>> = (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect();
        let full = full?;
        let ones = (0..n).all(|i| entry(i, i).is_some_and(|d| (d - 1.0).abs() < 1e-9));
        if ones { linear::cholesky(&full) } else { None }
    }

    /// The same of the other keys.
    pub(super) fn without(mut self, key: &str) -> Self {
        if let Some(place) = self.keys.iter().position(|k| k == key) {
            self.keys.remove(place);
            self.correlation.remove(place);
            for row in self.correlation.iter_mut().skip(place) {
                row.remove(place);
            }
        }
        self
    }

    pub(super) fn to_toml(&self) -> String {
        let mut out = format!("[posterior]\ndiscrepancy_time = {:?}\n", self.discrepancy_time);
        // Writing to a String cannot fail.
        if let Some(power) = self.discrepancy_power {
            let _ = writeln!(out, "discrepancy_power = {power:?}");
        }
        let _ = writeln!(out, "keys = {:?}\ncorrelation = [", self.keys);
        for row in &self.correlation {
            let _ = writeln!(out, "  {row:?},");
        }
        out.push_str("]\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Posterior {
        Posterior {
            discrepancy_time: 0.03,
            discrepancy_power: None,
            keys: ["idle_w", "static_w", "active_w"].map(str::to_owned).to_vec(),
            correlation: vec![vec![1.0], vec![0.5, 1.0], vec![-0.25, 0.125, 1.0]],
        }
    }

    #[test]
    fn a_key_leaves_with_its_row_and_column() {
        let two = three().without("static_w");
        assert_eq!(two.keys, ["idle_w", "active_w"]);
        assert_eq!(two.correlation, [vec![1.0], vec![-0.25, 1.0]]);
        assert_eq!(three().without("alu_w"), three());
    }

    #[test]
    fn what_is_no_correlation_is_refused() {
        assert!(three().check().is_ok());
        for change in [
            |p: &mut Posterior| p.correlation[1][0] = 1.5,
            |p: &mut Posterior| p.correlation[1][1] = 2.0,
            |p: &mut Posterior| p.correlation[2].clear(),
            |p: &mut Posterior| p.discrepancy_time = f64::NAN,
        ] {
            let mut bad = three();
            change(&mut bad);
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
