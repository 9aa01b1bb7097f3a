//! Urgent jobs by slack, with preemption when one is at risk; the others by energy-delay product (thesis: AuraChronos,
//! whose algorithm 7 is not listed).
//!
//! Our rules, where the thesis has none:
//! - *urgent* jobs take the fastest free placement if it meets the deadline, and else wait for one that does; a job
//!   whose deadline can't be met any more takes what there is;
//! - *at risk*: an urgent job that still waits when only `guard` times its least run time is left before the latest
//!   start that can meet the deadline;
//! - *worthwhile*: a placement that meets the deadline;
//! - *victims*: running jobs without a deadline, those first that lose the fewest GPU-seconds of work.

use super::edp::Edp;
use super::registry::{Options, not_negative};
use super::slack::slack_s;
use super::{Context, JobView, Offer, Policy, Preemption, RunningView, Score};
use crate::time::Time;
use serde::Deserialize;

/// Slack tiers with preemption on top of `edp`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EdpSlackPreempt {
    /// W_age of the second tier, as in `edp`.
    aging_per_s: f64,
    /// Safety margin of the at-risk test as a multiple of the job's least run time. 0.25 covers a truth that is 10 %
    /// slower than believed twice over.
    guard: f64,
}

impl Default for EdpSlackPreempt {
    fn default() -> Self {
        Self { aging_per_s: Edp::default().aging_per_s, guard: 0.25 }
    }
}

impl EdpSlackPreempt {
    fn at_risk_from(&self, job: &JobView) -> Option<Time> {
        let needed = Time::from_seconds((1.0 + self.guard) * job.least_time_s);
        job.deadline.map(|deadline| deadline.since(needed))
    }
}

/// The last instant at which the best placement of the empty cluster still meets the deadline. Integer time, so that the
/// wake-up at this instant finds the test that it was set for turned over.
fn latest_start(job: &JobView) -> Option<Time> {
    job.deadline.map(|deadline| deadline.since(Time::from_seconds(job.least_time_s)))
}

fn meets_deadline(job: &JobView, offer: &Offer, context: &Context<'_>) -> bool {
    job.deadline.is_some_and(|deadline| context.now.after(Time::from_seconds(offer.time_s)) <= deadline)
}

impl Options for EdpSlackPreempt {
    fn check(&self) -> Result<(), String> {
        not_negative("aging_per_s", self.aging_per_s)?;
        not_negative("guard", self.guard)
    }
}

impl Policy for EdpSlackPreempt {
    fn name(&self) -> &'static str {
        "edp_slack_preempt"
    }

    fn thesis_name(&self) -> Option<&'static str> {
        Some("AuraChronos")
    }

    fn options(&self) -> String {
        format!("aging_per_s = {}, guard = {}", self.aging_per_s, self.guard)
    }

    fn cost(&self, offer: &Offer, urgent: bool) -> f64 {
        if urgent { offer.time_s } else { offer.edp() }
    }

    fn score(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> Score {
        match slack_s(job, offer, context) {
            Some(slack) => Score { tier: 0, value: slack },
            None => {
                let background = Edp { aging_per_s: self.aging_per_s };
                Score { tier: 1, value: background.value(job, offer, context) }
            }
        }
    }

    fn admits(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> bool {
        latest_start(job).is_none_or(|latest| context.now > latest) || meets_deadline(job, offer, context)
    }

    fn next_wake(&self, job: &JobView, now: Time) -> Option<Time> {
        let at_risk = self.at_risk_from(job)?;
        let lost = latest_start(job)?.after(Time(1));
        [at_risk, lost].into_iter().filter(|time| *time > now).min()
    }

    fn preemption(&self) -> Option<&dyn Preemption> {
        Some(self)
    }
}

impl Preemption for EdpSlackPreempt {
    fn entitled(&self, job: &JobView, now: Time) -> bool {
        self.at_risk_from(job).is_some_and(|from| now >= from)
    }

    fn worthwhile(&self, job: &JobView, offer: &Offer, context: &Context<'_>) -> bool {
        meets_deadline(job, offer, context)
    }

    fn victim_cost(&self, _waiting: &JobView, running: &RunningView, _context: &Context<'_>) -> Option<f64> {
        running.job.deadline.is_none().then_some(running.at_stake_gpu_s)
    }
}
