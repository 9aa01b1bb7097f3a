//! Scheduling policies: which waiting job next, and where.
//!
//! A policy is one file with one type that implements [`Policy`], and one line in [`registry`]. It says
//! - which placement of a job is best ([`Policy::cost`]);
//! - which job is next ([`Policy::score`]);
//! - what happens when the first in line does not fit ([`Policy::discipline`]);
//! - and, if it preempts, for whom and at whose expense ([`Policy::preemption`]).
//!
//! Policies are named by their rule, with the thesis' name in brackets, because Pollux, Themis, Chronus and Zeus are also
//! other people's systems: the thesis' versions keep one rule of each.

pub mod registry;

mod easy;
mod edp;
mod edp_budget;
mod edp_cap;
mod edp_fair;
mod edp_slack_preempt;
mod fair;
mod fifo;
mod sjf;
mod slack;
mod srtf;

pub use registry::{build, names};

use crate::cluster::Free;
use crate::job::{Configuration, JobId, TemplateId, UserId};
use crate::time::Time;
use std::cmp::Ordering;
use std::fmt::Debug;

/// A placement on offer to a job, as the scheduler believes it to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// Where and how.
    pub configuration: Configuration,
    /// Time for the rest of the job.
    pub time_s: f64,
    /// Power of all GPUs of the job.
    pub power_w: f64,
    /// Power that the cluster draws more once the job runs: its GPUs' less what they draw idle, and the host's share.
    pub added_w: f64,
}

impl Offer {
    /// The energy-delay product P T^2 (eq. 5.1).
    pub fn edp(&self) -> f64 {
        self.power_w * self.time_s * self.time_s
    }

    /// The energy P T.
    pub fn energy_j(&self) -> f64 {
        self.power_w * self.time_s
    }
}

/// What a policy knows of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobView {
    /// Order of arrival.
    pub id: JobId,
    /// Kind.
    pub template: TemplateId,
    /// Submitter.
    pub user: UserId,
    /// Submission (A_j).
    pub submitted: Time,
    /// Deadline (D_j) of an urgent job.
    pub deadline: Option<Time>,
    /// Work left, in samples.
    pub samples: f64,
    /// Time that the work left would take on the best placement of the empty cluster.
    pub least_time_s: f64,
}

impl JobView {
    /// Time since submission.
    pub fn age_s(&self, now: Time) -> f64 {
        now.since(self.submitted).seconds()
    }
}

/// What a policy knows of a running job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunningView {
    /// The job, with the work that would be left if it were stopped now.
    pub job: JobView,
    /// Where it runs.
    pub configuration: Configuration,
    /// Start of this run.
    pub started: Time,
    /// When it should end.
    pub expected_end: Time,
    /// GPU-seconds that would be lost if it were stopped now.
    pub at_stake_gpu_s: f64,
}

/// The state that a decision is made in.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub now: Time,
    /// Free GPUs.
    pub free: &'a Free,
    /// Believed power of the cluster: running jobs, idle GPUs and hosts.
    pub power_w: f64,
    /// GPU-seconds used so far by each user (C_u), running jobs included.
    pub usage_gpu_s: &'a [f64],
}

impl Context<'_> {
    /// GPU-seconds that a user has used so far.
    pub fn usage(&self, user: UserId) -> f64 {
        self.usage_gpu_s.get(user.0 as usize).copied().unwrap_or(0.0)
    }
}

/// A priority: lower tier first, then lower value; equal scores by order of arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Class.
    pub tier: u8,
    /// Within the class.
    pub value: f64,
}

impl Score {
    /// A score in the only class.
    pub fn of(value: f64) -> Self {
        Self { tier: 0, value }
    }

    /// Total order; NaN last.
    pub fn order(&self, other: &Self) -> Ordering {
        self.tier.cmp(&other.tier).then(self.value.total_cmp(&other.value))
    }
}

/// What happens when a job can't start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// Others may: the batch packer of 5.3.2.4. Jobs are scored on what is free at the start of a cycle and started in
    /// order of score while what they were scored on is still free.
    Pack,
    /// Nobody passes: strict order of score.
    Strict,
    /// Others may if the first in line does not start later for it (EASY).
    Easy,
}

/// A scheduling policy. Implementations hold options only and no state, so that one can serve all threads.
pub trait Policy: Send + Sync + Debug {
    /// Its name in scenarios and results, by its rule.
    fn name(&self) -> &'static str;

    /// What the thesis calls it.
    fn thesis_name(&self) -> Option<&'static str> {
        None
    }

    /// Its options as `key = value`, for the header of results.
    fn options(&self) -> String {
        String::new()
    }

    /// What happens when a job can't start.
    fn discipline(&self) -> Discipline {
        Discipline::Pack
    }

    /// Whether it may choose clocks or caps (the fourth axis) or takes the baseline.
    fn uses_settings(&self) -> bool {
        false
    }

    /// How bad a placement is for an urgent or another job; the lowest is taken, the first in loop order (k, b, h,
    /// setting) among equals. It must order the placements of a job the same whatever the work left, as time, energy and
    /// EDP do.
    fn cost(&self, offer: &Offer, urgent: bool) -> f64;

    /// The priority of a job, given its best placement: of those that are free now under [`Discipline::Pack`], of the
    /// empty cluster under the others, which also rank jobs that do not fit now.
    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score;

    /// Whether a job may use a placement now; asked again before each start, with the power of what was started since.
    fn admits(&self, _job: &JobView, _offer: &Offer, _context: &Context<'_>) -> bool {
        true
    }

    /// Whether [`Policy::admits`] is asked only once the best placement has been chosen (as printed in algorithm 8)
    /// and not while choosing it.
    fn admits_late(&self) -> bool {
        false
    }

    /// The next time after `now` at which this waiting job may be treated otherwise though nothing has changed (its slack
    /// is used up); the policy is woken then.
    fn next_wake(&self, _job: &JobView, _now: Time) -> Option<Time> {
        None
    }

    /// Its victim rule, if it preempts.
    fn preemption(&self) -> Option<&dyn Preemption> {
        None
    }
}

/// The victim rule of a policy that preempts.
pub trait Preemption {
    /// Whether running jobs may be stopped for this waiting job.
    fn entitled(&self, job: &JobView, now: Time) -> bool;

    /// Whether this placement would help the job enough to stop others for it.
    fn worthwhile(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> bool;

    /// What stopping this running job for that waiting one costs; `None`: it must not be stopped. The engine takes the
    /// placement whose victims cost least in total. To end, `entitled` jobs and their victims must be ordered: no job
    /// that was stopped may be entitled to stop the one that it was stopped for.
    fn victim_cost(&self, waiting: &JobView, running: &RunningView, context: &Context<'_>) -> Option<f64>;
}
