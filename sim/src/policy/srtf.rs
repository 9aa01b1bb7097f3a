//! Shortest remaining time first, preemptive: the lower bound of mean completion time on one machine (Schrage 1968).
//!
//! Jobs are ordered by the time that their remaining work would take on the best placement of the empty cluster, so that
//! the order does not depend on where a job happens to run and two jobs can't stop each other in turn.

use super::registry::Options;
use super::{Context, JobView, Offer, Policy, Preemption, RunningView, Score};
use crate::time::Time;
use serde::Deserialize;

/// Shortest remaining time first. No options.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Srtf {}

impl Options for Srtf {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Policy for Srtf {
    fn name(&self) -> &'static str {
        "srtf"
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.time_s
    }

    fn score(&self, job: &JobView, _offer: &Offer, _context: &Context<'_>) -> Score {
        Score::of(job.least_time_s)
    }

    fn preemption(&self) -> Option<&dyn Preemption> {
        Some(self)
    }
}

impl Preemption for Srtf {
    fn entitled(&self, _job: &JobView, _now: Time) -> bool {
        true
    }

    fn worthwhile(&self, _job: &JobView, _offer: &Offer, _context: &Context<'_>) -> bool {
        true
    }

    fn victim_cost(&self, waiting: &JobView, running: &RunningView, _context: &Context<'_>) -> Option<f64> {
        // The longest rest costs least; a sum of reciprocals prefers few long victims to many short ones.
        (running.job.least_time_s > waiting.least_time_s).then(|| 1.0 / running.job.least_time_s)
    }
}
