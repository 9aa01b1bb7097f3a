//! Power and energy of the cluster, exact: microwatts times nanoseconds in 128-bit integers, so that no order of events
//! can lose a joule to rounding.

use crate::cluster::{Allocation, Cluster};
use crate::time::Time;

/// Joules of one microwatt-nanosecond.
const JOULES: f64 = 1e-15;

/// A power in microwatts; saturates, and what is not a positive number is zero.
pub(super) fn microwatts(watts: f64) -> u64 {
    // Sixteen megawatt a job keep sums of millions of jobs within 64 bits.
    (watts * 1e6).round().min(1.6e13) as u64
}

/// Power now, and energy so far.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    gpu_idle_uw: Vec<u64>,
    host_per_gpu_uw: Vec<u64>,
    pub(super) jobs_uw: u64,
    pub(super) idle_uw: u64,
    pub(super) host_uw: u64,
    jobs: u128,
    idle: u128,
    host: u128,
    over_cap: u128,
    pub(super) peak_uw: u64,
    cap_uw: Option<u64>,
}

impl Meter {
    pub(super) fn new(cluster: &Cluster, cap_w: Option<f64>) -> Self {
        let per_node = |of: &dyn Fn(usize) -> f64| -> Vec<u64> {
            (0..cluster.nodes.len()).map(|node| microwatts(of(node))).collect()
        };
        let gpu_idle_uw = per_node(&|node| cluster.hardware(cluster.nodes[node].hardware).idle.0);
        let idle_uw = gpu_idle_uw.iter().zip(&cluster.nodes).map(|(idle, node)| idle * u64::from(node.gpus)).sum();
        let host_uw = cluster.nodes.iter().map(|node| microwatts(node.host.0)).sum();
        Self {
            gpu_idle_uw,
            host_per_gpu_uw: per_node(&|node| cluster.nodes[node].host_per_busy_gpu.0),
            jobs_uw: 0,
            idle_uw,
            host_uw,
            jobs: 0,
            idle: 0,
            host: 0,
            over_cap: 0,
            peak_uw: idle_uw + host_uw,
            cap_uw: cap_w.map(microwatts),
        }
    }

    pub(super) fn total_uw(&self) -> u64 {
        self.jobs_uw + self.idle_uw + self.host_uw
    }

    /// Lets `span` pass at the present power, which is also when a peak counts: not within an instant.
    pub(super) fn advance(&mut self, span: Time) {
        if span == Time::ZERO {
            return;
        }
        let time = u128::from(span.0);
        self.jobs += u128::from(self.jobs_uw) * time;
        self.idle += u128::from(self.idle_uw) * time;
        self.host += u128::from(self.host_uw) * time;
        let total = self.total_uw();
        self.peak_uw = self.peak_uw.max(total);
        if let Some(cap) = self.cap_uw {
            self.over_cap += u128::from(total.saturating_sub(cap)) * time;
        }
    }

    pub(super) fn start(&mut self, power_uw: u64, allocation: &Allocation) {
        self.jobs_uw += power_uw;
        for &(node, mask) in &allocation.parts {
            let gpus = u64::from(mask.count_ones());
            self.idle_uw -= self.gpu_idle_uw[node.0 as usize] * gpus;
            self.host_uw += self.host_per_gpu_uw[node.0 as usize] * gpus;
        }
    }

    pub(super) fn stop(&mut self, power_uw: u64, allocation: &Allocation) {
        self.jobs_uw -= power_uw;
        for &(node, mask) in &allocation.parts {
            let gpus = u64::from(mask.count_ones());
            self.idle_uw += self.gpu_idle_uw[node.0 as usize] * gpus;
            self.host_uw -= self.host_per_gpu_uw[node.0 as usize] * gpus;
        }
    }

    /// Energy of jobs, idle GPUs and hosts in joules.
    pub(super) fn energy_j(&self) -> [f64; 3] {
        [self.jobs, self.idle, self.host].map(|energy| energy as f64 * JOULES)
    }

    /// Energy above the cap; `None` when no cap was to be reported.
    pub(super) fn over_cap_j(&self) -> Option<f64> {
        self.cap_uw.map(|_| self.over_cap as f64 * JOULES)
    }
}
