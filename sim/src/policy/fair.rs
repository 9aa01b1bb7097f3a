//! Shortest job first, weighted by what its user has used so far: algorithm 4 (thesis: Themis).
//!
//! Section 5.4.1 says that a job of a user who has consumed little is prioritised; the printed formula divides by the
//! consumption and, lower scores being first, does the opposite. The default follows the text; `as_printed` the formula.

use super::registry::Options;
use super::{Context, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// Fair sharing of GPU-seconds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fair {
    /// Divide by the user's consumption, as printed: heavy users come first. Default: false.
    pub(super) as_printed: bool,
}

impl Fair {
    /// A base score weighted by C_u + 1, in GPU-seconds.
    pub(super) fn weigh(&self, base: f64, job: &JobView, context: &Context<'_>) -> f64 {
        let share = context.usage(job.user) + 1.0;
        if self.as_printed { base / share } else { base * share }
    }
}

impl Options for Fair {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Policy for Fair {
    fn name(&self) -> &'static str {
        "fair"
    }

    fn thesis_name(&self) -> Option<&'static str> {
        Some("Themis")
    }

    fn options(&self) -> String {
        format!("as_printed = {}", self.as_printed)
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.time_s
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        Score::of(self.weigh(offer.time_s, job, context))
    }
}
