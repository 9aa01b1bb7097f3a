//! When a point is measured well enough: one rule a file.

mod fixed;
mod relative;

pub use fixed::Fixed;
pub use relative::RelativeInterval;

/// Decides after each repeat whether another one is needed. A rule sees the times and, where a sensor exists, the
/// energies of the repeats so far.
pub trait Stop {
    /// One more repeat: seconds per execution, and joules per execution where they are known.
    fn push(&mut self, time_s: f64, energy_j: Option<f64>);
    /// True when no further repeat is needed.
    fn done(&self) -> bool;
}
