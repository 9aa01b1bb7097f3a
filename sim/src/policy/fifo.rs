//! First in, first out: strict order of submission, each job on the fastest placement that is free.

use super::registry::Options;
use super::{Context, Discipline, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// First in, first out. No options.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fifo {}

impl Options for Fifo {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Policy for Fifo {
    fn name(&self) -> &'static str {
        "fifo"
    }

    fn discipline(&self) -> Discipline {
        Discipline::Strict
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.time_s
    }

    fn score(&self, job: &JobView, _offer: &Offer, _context: &Context<'_>) -> Score {
        Score::of(job.id.0 as f64)
    }
}
