//! Minimisers in a box, as argmin solvers: global ([`DifferentialEvolution`]) and local ([`BoundedLbfgs`]).
//!
//! Both give the same result for a seed on any number of threads, and both keep every point that they evaluate inside
//! the box.

mod bounded_lbfgs;
mod differential_evolution;
mod progress;
#[cfg(test)]
mod tests;

pub use bounded_lbfgs::BoundedLbfgs;
pub use differential_evolution::{DifferentialEvolution, Population};
pub use progress::{Minimum, Progress, minimise, polish};

/// A search that can't be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// The box is empty or not a box.
    #[error("bound {index} goes from {low} to {high}: finite bounds with low below high are needed")]
    Bounds {
        /// Which parameter.
        index: usize,
        /// Its lower end.
        low: f64,
        /// Its upper end.
        high: f64,
    },
    /// A population to go on with that belongs to another search.
    #[error("the checkpoint does not fit this search: {0}; start anew or give the search that wrote it")]
    Checkpoint(String),
    /// The cost function failed, or argmin did.
    #[error("the search failed: {0}")]
    Failed(String),
}

/// Refuses what is no box.
fn check_bounds(bounds: &[(f64, f64)]) -> Result<(), SolveError> {
    let is_bad = |(low, high): (f64, f64)| !(low.is_finite() && high.is_finite() && low < high);
    if bounds.is_empty() {
        return Err(SolveError::Failed("there is no parameter to search".into()));
    }
    match bounds.iter().position(|range| is_bad(*range)) {
        Some(index) => {
            let (low, high) = bounds.get(index).copied().unwrap_or((f64::NAN, f64::NAN));
            Err(SolveError::Bounds { index, low, high })
        }
        None => Ok(()),
    }
}
