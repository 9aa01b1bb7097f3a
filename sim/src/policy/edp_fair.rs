//! Least energy-delay product, weighted by what its user has used so far: algorithm 9 (thesis: Hades).
//!
//! The sign of the weight is the choice described in `fair`.

use super::fair::Fair;
use super::registry::Options;
use super::{Context, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// Fair sharing on the energy-delay product. Options as `fair`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(super) struct EdpFair(Fair);

impl Options for EdpFair {
    fn check(&self) -> Result<(), String> {
        self.0.check()
    }
}

impl Policy for EdpFair {
    fn name(&self) -> &'static str {
        "edp_fair"
    }

    fn thesis_name(&self) -> Option<&'static str> {
        Some("Hades")
    }

    fn options(&self) -> String {
        self.0.options()
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.edp()
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        Score::of(self.0.weigh(offer.edp(), job, context))
    }
}
