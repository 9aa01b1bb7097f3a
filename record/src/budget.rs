//! The parts of an energy's standard uncertainty, by cause (DESIGN 3.3).

use crate::units::Joules;
use serde::{Deserialize, Serialize};

/// The parts of a standard uncertainty, in joules. They are independent: the total is the root of the sum of squares.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Finite step of the readings: each is uniform within one step.
    pub quantisation_j: f64,
    /// A reading can be up to one update period old.
    pub period_j: f64,
    /// Standard uncertainty of the sensor's gain.
    pub gain_j: f64,
}

impl Budget {
    /// Standard uncertainty of the energy.
    pub fn total(&self) -> Joules {
        Joules(self.random_j().hypot(self.gain_j))
    }

    /// Quantisation and update period together: what differs from window to window, while a gain is shared by all.
    pub fn random_j(&self) -> f64 {
        self.quantisation_j.hypot(self.period_j)
    }

    /// The budget of an energy that is `factor` times this one's.
    pub fn scaled(&self, factor: f64) -> Self {
        let Self { quantisation_j, period_j, gain_j } = *self;
        Self { quantisation_j: quantisation_j * factor, period_j: period_j * factor, gain_j: gain_j * factor }
    }
}
