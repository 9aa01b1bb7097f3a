//! What a run is judged by.
//!
//! - [`collect`]: sums kept while the run goes on; [`quantiles`]: percentiles in bounded memory;
//! - [`load`]: what load is offered, and whether the cluster can bear it.
//!
//! What did not happen has no value: a run in which no job finished has no mean completion time, and `None` is never 0.

pub mod collect;
pub mod load;
pub mod quantiles;

use serde::Serialize;

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// Simulated time.
    pub simulated_s: f64,
    /// Jobs submitted.
    pub arrived: u64,
    /// Jobs done.
    pub finished: u64,
    /// Jobs that were running at the end: censored, not in any completion time.
    pub running_at_end: u64,
    /// Jobs that were waiting at the end: the backlog.
    pub waiting_at_end: u64,
    /// Jobs done per hour of simulated time.
    pub throughput_per_h: f64,
    /// Mean job completion time (submission to end) of the jobs that are done.
    pub jct_mean_s: Option<f64>,
    /// Median completion time.
    pub jct_p50_s: Option<f64>,
    /// 99th percentile of completion times.
    pub jct_p99_s: Option<f64>,
    /// Mean time from submission to first start, of the jobs that started.
    pub wait_mean_s: Option<f64>,
    /// 99th percentile of it.
    pub wait_p99_s: Option<f64>,
    /// Mean completion time over the least predicted run time.
    pub slowdown_mean: Option<f64>,
    /// Last completion.
    pub makespan_s: Option<f64>,
    /// Waiting jobs, time average.
    pub queue_mean: f64,
    /// Waiting and running jobs, time average.
    pub in_system_mean: f64,
    /// Mean queue of the second half less that of the first, per hour: well above zero where load exceeds capacity.
    pub queue_growth_per_h: Option<f64>,
    /// Share of GPU time that jobs held, all types.
    pub utilisation: f64,
    /// The same by type, in the order of the cluster.
    pub utilisation_by_type: Vec<f64>,
    /// Energy of GPUs while jobs held them.
    pub jobs_j: f64,
    /// Energy of the other GPUs.
    pub idle_j: f64,
    /// Energy of hosts.
    pub host_j: f64,
    /// All of it.
    pub total_j: f64,
    /// Total energy per finished job.
    pub energy_per_job_j: Option<f64>,
    /// Total energy per finished job times mean completion time.
    pub edp_js: Option<f64>,
    /// Mean power.
    pub mean_w: f64,
    /// Highest power.
    pub peak_w: f64,
    /// Energy above the reported cap (watt-seconds), if there was one to report.
    pub over_cap_ws: Option<f64>,
    /// Urgent jobs whose deadline has passed or that are done.
    pub deadlines_decided: u64,
    /// Of these, those not done in time.
    pub deadlines_missed: u64,
    /// Missed over decided.
    pub deadline_miss_rate: Option<f64>,
    /// Jain's index of the users' mean completion times (5.2.2.3).
    pub jain_jct: Option<f64>,
    /// Jain's index of the users' mean slowdowns.
    pub jain_slowdown: Option<f64>,
    /// Jain's index of the users' GPU time.
    pub jain_allocation: Option<f64>,
    /// Runs that were stopped for others.
    pub preemptions: u64,
    /// GPU-seconds of work that was lost by that.
    pub lost_gpu_s: f64,
}

/// Energy of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Energy {
    /// Jobs, idle GPUs, hosts.
    pub(crate) parts_j: [f64; 3],
    pub(crate) peak_w: f64,
    pub(crate) over_cap_j: Option<f64>,
}

/// Jain's fairness index (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has everything; `None` of nothing or
/// of zeros only.
pub fn jain(values: &[f64]) -> Option<f64> {
    let (sum, squares) = values.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    (squares > 0.0).then(|| sum * sum / (values.len() as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_of_equals_is_one_and_of_a_monopoly_one_over_n() {
        assert_eq!(jain(&[2.0, 2.0, 2.0]), Some(1.0));
        assert_eq!(jain(&[5.0, 0.0, 0.0, 0.0]), Some(0.25));
        assert_eq!(jain(&[]), None);
        assert_eq!(jain(&[0.0]), None);
    }
}
