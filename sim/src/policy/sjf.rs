//! Shortest job first with aging, malleable: algorithm 3 (thesis: Pollux).
//!
//! score = min T - W_age (now - A_j), the least over the placements that are free now.

use super::registry::{Options, not_negative};
use super::{Context, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// Shortest job first.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sjf {
    /// W_age, seconds of predicted time per second of waiting. The thesis found it by grid search and does not print it;
    /// 0.1 lets a job of an hour overtake one of a minute after ten hours at most.
    pub(super) aging: f64,
}

impl Default for Sjf {
    fn default() -> Self {
        Self { aging: 0.1 }
    }
}

impl Sjf {
    /// The score of algorithm 3.
    pub(super) fn value(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> f64 {
        offer.time_s - self.aging * job.age_s(context.now)
    }
}

impl Options for Sjf {
    fn check(&self) -> Result<(), String> {
        not_negative("aging", self.aging)
    }
}

impl Policy for Sjf {
    fn name(&self) -> &'static str {
        "sjf"
    }

    fn thesis_name(&self) -> Option<&'static str> {
        Some("Pollux")
    }

    fn options(&self) -> String {
        format!("aging = {}", self.aging)
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.time_s
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        Score::of(self.value(job, offer, context))
    }
}
