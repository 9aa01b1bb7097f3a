//! Least energy-delay product under a power budget: algorithm 8 (thesis: Charon).
//!
//! As printed, the best placement is chosen first and tested against the cap after, so that a job whose best placement
//! is above the headroom waits though a smaller one would fit. The default chooses among the placements that fit under
//! the cap, counts idle GPUs and hosts, and keeps a margin for what is not known exactly.

use super::edp::Edp;
use super::registry::{Options, not_negative};
use super::{Context, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// EDP under a power cap.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdpBudget {
    /// Budget of the whole cluster, idle GPUs and hosts included. No default: 4500 W in 5.5.2.4.
    cap_w: f64,
    /// Share of the budget that is kept free, for a truth above the belief. Default: 0.
    #[serde(default)]
    margin: f64,
    /// W_age as in `edp`.
    #[serde(default = "default_aging")]
    aging_per_s: f64,
    /// Test the cap after the placement is chosen, as printed. Default: false.
    #[serde(default)]
    as_printed: bool,
}

fn default_aging() -> f64 {
    Edp::default().aging_per_s
}

impl Options for EdpBudget {
    fn check(&self) -> Result<(), String> {
        not_negative("aging_per_s", self.aging_per_s)?;
        not_negative("cap_w", self.cap_w)?;
        match self.margin {
            margin if (0.0..1.0).contains(&margin) => Ok(()),
            margin => Err(format!("option margin is {margin}, but a share from 0 to below 1 is needed")),
        }
    }
}

impl Policy for EdpBudget {
    fn name(&self) -> &'static str {
        "edp_budget"
    }

    fn thesis_name(&self) -> Option<&'static str> {
        Some("Charon")
    }

    fn options(&self) -> String {
        let Self { cap_w, margin, aging_per_s, as_printed } = self;
        format!("cap_w = {cap_w}, margin = {margin}, aging_per_s = {aging_per_s}, as_printed = {as_printed}")
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.edp()
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        Score::of(Edp { aging_per_s: self.aging_per_s }.value(job, offer, context))
    }

    fn admits(&self, _job: &JobView, offer: &Offer, context: &Context<'_>) -> bool {
        context.power_w + offer.added_w <= self.cap_w * (1.0 - self.margin)
    }

    fn admits_late(&self) -> bool {
        self.as_printed
    }
}
