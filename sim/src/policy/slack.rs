//! Two tiers: urgent jobs by slack, then the others by time: algorithm 5 (thesis: Chronos).
//!
//! slack = D_j - (now + T), with T of the fastest placement that is free now. Nobody is preempted.

use super::registry::Options;
use super::sjf::Sjf;
use super::{Context, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// Slack-aware tiers. Options as `sjf`, for the second tier.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub(super) struct Slack(Sjf);

/// The slack of algorithm 5 if the job started now, negative when it would be late; `None` without a deadline.
pub(super) fn slack_s(job: &JobView, offer: &Offer, context: &Context<'_>) -> Option<f64> {
    job.deadline.map(|deadline| deadline.seconds() - (context.now.seconds() + offer.time_s))
}

impl Options for Slack {
    fn check(&self) -> Result<(), String> {
        self.0.check()
    }
}

impl Policy for Slack {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn thesis_name(&self) -> Option<&'static str> {
        Some("Chronos")
    }

    fn options(&self) -> String {
        self.0.options()
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.time_s
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        match slack_s(job, offer, context) {
            Some(slack) => Score { tier: 0, value: slack },
            None => Score { tier: 1, value: self.0.value(job, offer, context) },
        }
    }
}
