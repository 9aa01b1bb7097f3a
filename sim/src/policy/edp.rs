//! Least energy-delay product first with aging, malleable: algorithm 6 (thesis: Zeus).
//!
//! score = min P T^2 / (1 + W_age (now - A_j)), the least over the placements that are free now.

use super::registry::{Options, not_negative};
use super::{Context, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// Least energy-delay product first.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Edp {
    /// W_age per second of waiting. The thesis found it by grid search and does not print it; 1/600 halves the score of
    /// a job after ten minutes, the time of a typical job.
    pub(super) aging_per_s: f64,
}

impl Default for Edp {
    fn default() -> Self {
        Self { aging_per_s: 1.0 / 600.0 }
    }
}

impl Edp {
    /// The score of algorithm 6.
    pub(super) fn value(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> f64 {
        offer.edp() / (1.0 + self.aging_per_s * job.age_s(context.now))
    }
}

impl Options for Edp {
    fn check(&self) -> Result<(), String> {
        not_negative("aging_per_s", self.aging_per_s)
    }
}

impl Policy for Edp {
    fn name(&self) -> &'static str {
        "edp"
    }

    fn thesis_name(&self) -> Option<&'static str> {
        Some("Zeus")
    }

    fn options(&self) -> String {
        format!("aging_per_s = {}", self.aging_per_s)
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.edp()
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        Score::of(self.value(job, offer, context))
    }
}
