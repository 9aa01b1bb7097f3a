//! Least energy-delay product with the power cap or clock as a fourth axis of the placement (k, b, h, setting).
//!
//! The score is that of `edp`; the placements also differ by the settings that the cluster offers, so that a job may
//! run capped where that lowers P T^2.

use super::edp::Edp;
use super::registry::Options;
use super::{Context, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// Least energy-delay product over placements and settings. Options as `edp`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(super) struct EdpCap(Edp);

impl Options for EdpCap {
    fn check(&self) -> Result<(), String> {
        self.0.check()
    }
}

impl Policy for EdpCap {
    fn name(&self) -> &'static str {
        "edp_cap"
    }

    fn options(&self) -> String {
        self.0.options()
    }

    fn uses_settings(&self) -> bool {
        true
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.edp()
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        Score::of(self.0.value(job, offer, context))
    }
}
