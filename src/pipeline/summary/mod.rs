//! From what the stages gave to what the report shows: one file a section. Nothing is computed here that a stage
//! already knows; intervals come from rows.

pub mod calibration;
pub mod findings;
pub mod kernels;
pub mod simulation;
pub mod sweep;

use crate::record::stats;
use crate::report::Estimate;

/// Coverage of all intervals.
pub const LEVEL: f64 = 0.95;

/// The geometric mean of positive repeats with the t-interval of their logarithms, so that neither end of a time or an
/// energy, nor of a rate made from it, can be negative; a single repeat stays single. `None` of nothing.
fn estimate(samples: &[f64]) -> Option<Estimate> {
    if samples.iter().any(|x| x.is_nan() || *x <= 0.0) {
        return None;
    }
    let logs: Vec<f64> = samples.iter().map(|x| x.ln()).collect();
    match stats::t_interval(&logs, LEVEL) {
        Some(interval) => Some(interval.map(f64::exp).into()),
        None => stats::mean(samples).map(Estimate::Single),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_times_have_positive_ends() {
        let wide = estimate(&[1.0, 10.0, 2.0]).and_then(Estimate::range);
        assert!(wide.is_some_and(|(low, high)| 0.0 < low && low < 1.0 && high > 10.0), "{wide:?}");
        assert_eq!(estimate(&[3.0]), Some(Estimate::Single(3.0)));
        assert_eq!(estimate(&[]), None);
        assert_eq!(estimate(&[1.0, -1.0]), None);
    }
}
