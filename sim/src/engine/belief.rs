//! What the scheduler believes of a job on a placement.

use super::state::{Engine, Job};
use crate::cluster::Reach;
use crate::job::{JobId, TemplateId};
use crate::oracle::{Candidate, NoiseOn, Performance};
use crate::policy::Offer;

impl<'a> Engine<'a> {
    pub(super) fn candidate(&self, template: TemplateId, index: u32) -> &'a Candidate {
        &self.setup.book.candidates(template)[index as usize]
    }

    /// What the scheduler believes of a job on a candidate.
    pub(super) fn believe(&self, job: JobId, candidate: &Candidate) -> Performance {
        match self.setup.noise.on {
            NoiseOn::Truth => candidate.belief,
            NoiseOn::Belief | NoiseOn::Both => self.noisy(job, candidate, candidate.belief),
        }
    }

    pub(super) fn noisy(&self, job: JobId, candidate: &Candidate, base: Performance) -> Performance {
        let noise = &self.setup.noise;
        if noise.is_none() {
            return base;
        }
        let (time, power) = noise.factors(self.setup.seed, job.0, candidate.key);
        let power_w = base.power_w * power;
        let power_w = if noise.clamp_to_tdp { power_w.min(candidate.limit_w) } else { power_w };
        Performance { seconds_per_sample: base.seconds_per_sample * time, power_w }
    }

    pub(super) fn slowdown(&self, reach: Reach) -> f64 {
        match reach {
            Reach::Within => 1.0,
            Reach::Across => self.setup.cluster.span_slowdown.unwrap_or(1.0),
        }
    }

    /// What the scheduler believes that a candidate offers to a job.
    pub(super) fn offer(&self, job: &Job, candidate: &Candidate, reach: Reach) -> Offer {
        let believed = self.believe(job.id, candidate);
        let seconds_per_sample = believed.seconds_per_sample * self.slowdown(reach);
        Offer {
            configuration: candidate.configuration,
            time_s: self.setup.costs.wall_s(job.left, seconds_per_sample, job.preempted),
            power_w: believed.power_w,
            added_w: believed.power_w - candidate.idle_w + candidate.host_w,
        }
    }
}
