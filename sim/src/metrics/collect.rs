//! Sums kept while a run goes on; their memory grows with users, not with jobs.

use super::quantiles::Quantiles;
use super::{Energy, Metrics, jain};
use crate::cluster::{Cluster, HardwareId};
use crate::job::Arrival;
use crate::time::Time;

/// A finished job.
#[derive(Debug)]
pub(crate) struct Departure<'a> {
    pub(crate) arrival: &'a Arrival,
    pub(crate) finished: Time,
    /// Least predicted run time, which the slowdown refers to.
    pub(crate) least_s: f64,
}

/// Completion times and slowdowns of one user.
#[derive(Debug, Clone, Copy, Default)]
struct User {
    finished: u64,
    jct_s: f64,
    slowdown: f64,
}

#[derive(Debug)]
pub(crate) struct Collector {
    gpus: Vec<u32>,
    busy: Vec<u64>,
    busy_time: Vec<u128>,
    running: u64,
    half: Option<Time>,
    /// Waiting jobs times time, in the first half and after it.
    queue: [u128; 2],
    running_time: u128,
    arrived: u64,
    jct: Quantiles,
    wait: Quantiles,
    slowdown: f64,
    last_finish: Option<Time>,
    decided: u64,
    missed: u64,
    users: Vec<User>,
    preemptions: u64,
    lost_gpu_s: f64,
}

impl Collector {
    pub(crate) fn new(cluster: &Cluster, horizon: Option<Time>) -> Self {
        let types = cluster.hardware.len();
        Self {
            gpus: cluster.hardware_ids().map(|id| cluster.gpus_of(id)).collect(),
            busy: vec![0; types],
            busy_time: vec![0; types],
            running: 0,
            half: horizon.map(|time| Time(time.0 / 2)),
            queue: [0; 2],
            running_time: 0,
            arrived: 0,
            jct: Quantiles::default(),
            wait: Quantiles::default(),
            slowdown: 0.0,
            last_finish: None,
            decided: 0,
            missed: 0,
            users: Vec::new(),
            preemptions: 0,
            lost_gpu_s: 0.0,
        }
    }

    pub(crate) fn advance(&mut self, from: Time, span: Time, waiting: usize) {
        let first = self.half.map_or(Time::ZERO, |half| half.since(from).min(span));
        self.queue[0] += waiting as u128 * u128::from(first.0);
        self.queue[1] += waiting as u128 * u128::from(span.0 - first.0);
        self.running_time += u128::from(self.running) * u128::from(span.0);
        for (time, busy) in self.busy_time.iter_mut().zip(&self.busy) {
            *time += u128::from(*busy) * u128::from(span.0);
        }
    }

    pub(crate) fn arrive(&mut self, arrival: &Arrival) {
        self.arrived += 1;
        let users = arrival.user.0 as usize + 1;
        if self.users.len() < users {
            self.users.resize(users, User::default());
        }
    }

    pub(crate) fn first_start(&mut self, waited: Time) {
        self.wait.add(waited.seconds());
    }

    pub(crate) fn start(&mut self, hardware: HardwareId, gpus: u32) {
        self.running += 1;
        self.busy[usize::from(hardware.0)] += u64::from(gpus);
    }

    pub(crate) fn stop(&mut self, hardware: HardwareId, gpus: u32) {
        self.running -= 1;
        self.busy[usize::from(hardware.0)] -= u64::from(gpus);
    }

    pub(crate) fn depart(&mut self, job: &Departure<'_>) {
        let jct_s = job.finished.since(job.arrival.time).seconds();
        let slowdown = jct_s / job.least_s;
        self.jct.add(jct_s);
        self.slowdown += slowdown;
        self.last_finish = Some(job.finished);
        let user = &mut self.users[job.arrival.user.0 as usize];
        user.finished += 1;
        user.jct_s += jct_s;
        user.slowdown += slowdown;
        if let Some(deadline) = job.arrival.deadline {
            self.decided += 1;
            self.missed += u64::from(job.finished > deadline);
        }
    }

    /// A job that is not done at the end: its deadline is decided if it has passed.
    pub(crate) fn censor(&mut self, arrival: &Arrival, end: Time) {
        let missed = arrival.deadline.is_some_and(|deadline| deadline <= end);
        self.decided += u64::from(missed);
        self.missed += u64::from(missed);
    }

    pub(crate) fn preempt(&mut self, lost_gpu_s: f64) {
        self.preemptions += 1;
        self.lost_gpu_s += lost_gpu_s;
    }

    pub(crate) fn finish(
        &self,
        end: Time,
        energy: Energy,
        usage_gpu_s: &[f64],
        running_at_end: u64,
        waiting_at_end: u64,
    ) -> Metrics {
        let span = (end.0 as f64).max(1.0);
        let simulated_s = end.seconds();
        let finished = self.jct.count();
        let share = |time: u128, gpus: u32| if gpus == 0 { 0.0 } else { time as f64 / (span * f64::from(gpus)) };
        let [jobs_j, idle_j, host_j] = energy.parts_j;
        let total_j = jobs_j + idle_j + host_j;
        let per_job = |sum: f64| (finished > 0).then(|| sum / finished as f64);
        let of_users = |of: fn(&User) -> f64| -> Vec<f64> {
            self.users.iter().filter(|user| user.finished > 0).map(|user| of(user) / user.finished as f64).collect()
        };
        let half_h = self.half.map(|half| half.seconds() / 3600.0).filter(|hours| *hours > 0.0);
        Metrics {
            simulated_s,
            arrived: self.arrived,
            finished,
            running_at_end,
            waiting_at_end,
            throughput_per_h: finished as f64 * 3600.0 / simulated_s.max(1e-9),
            jct_mean_s: self.jct.mean(),
            jct_p50_s: self.jct.quantile(0.5),
            jct_p99_s: self.jct.quantile(0.99),
            wait_mean_s: self.wait.mean(),
            wait_p99_s: self.wait.quantile(0.99),
            slowdown_mean: per_job(self.slowdown),
            makespan_s: self.last_finish.map(Time::seconds),
            queue_mean: (self.queue[0] + self.queue[1]) as f64 / span,
            in_system_mean: (self.queue[0] + self.queue[1] + self.running_time) as f64 / span,
            queue_growth_per_h: half_h.map(|hours| {
                let [first, second] = self.queue.map(|sum| sum as f64 / (span / 2.0));
                (second - first) / hours
            }),
            utilisation: share(self.busy_time.iter().sum(), self.gpus.iter().sum()),
            utilisation_by_type: self
                .busy_time
                .iter()
                .zip(&self.gpus)
                .map(|(time, gpus)| share(*time, *gpus))
                .collect(),
            jobs_j,
            idle_j,
            host_j,
            total_j,
            energy_per_job_j: per_job(total_j),
            edp_js: per_job(total_j).zip(self.jct.mean()).map(|(energy, jct)| energy * jct),
            mean_w: total_j / simulated_s.max(1e-9),
            peak_w: energy.peak_w,
            over_cap_ws: energy.over_cap_j,
            deadlines_decided: self.decided,
            deadlines_missed: self.missed,
            deadline_miss_rate: (self.decided > 0).then(|| self.missed as f64 / self.decided as f64),
            jain_jct: jain(&of_users(|user| user.jct_s)),
            jain_slowdown: jain(&of_users(|user| user.slowdown)),
            jain_allocation: jain(usage_gpu_s),
            preemptions: self.preemptions,
            lost_gpu_s: self.lost_gpu_s,
        }
    }
}
