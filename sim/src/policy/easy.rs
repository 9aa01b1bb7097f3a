//! EASY backfilling (Lifka 1995; Mu'alem and Feitelson 2001): first in, first out, but a later job may start if by its
//! predicted end it does not delay the first one in line.

use super::registry::Options;
use super::{Context, Discipline, JobView, Offer, Policy, Score};
use serde::Deserialize;

/// EASY backfilling. No options.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Easy {}

impl Options for Easy {
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Policy for Easy {
    fn name(&self) -> &'static str {
        "easy"
    }

    fn discipline(&self) -> Discipline {
        Discipline::Easy
    }

    fn cost(&self, offer: &Offer, _urgent: bool) -> f64 {
        offer.time_s
    }

    fn score(&self, job: &JobView, _offer: &Offer, _context: &Context<'_>) -> Score {
        Score::of(job.id.0 as f64)
    }
}
