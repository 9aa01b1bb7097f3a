//! What happened in a run, for the validator, for plots and for readers. Its memory grows with finished jobs.

use crate::cluster::Allocation;
use crate::job::{Arrival, Configuration, JobId};
use crate::time::Time;

/// How a run of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The job is done.
    Finished,
    /// It was stopped for another.
    Preempted,
    /// The simulation ended.
    Horizon,
}

/// One run of a job from start to stop, on the same GPUs throughout.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The job.
    pub job: JobId,
    /// How it was run.
    pub configuration: Configuration,
    /// On which GPUs.
    pub allocation: Allocation,
    /// From.
    pub start: Time,
    /// To.
    pub end: Time,
    /// Why it ended.
    pub ending: Ending,
    /// Power of all its GPUs, constant.
    pub power_w: f64,
    /// Work done in it.
    pub samples_done: f64,
    /// Work done in it, or in earlier segments, that was lost by stopping it.
    pub samples_lost: f64,
}

/// Power of the cluster from an instant on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerStep {
    /// From when.
    pub time: Time,
    /// GPUs that jobs hold.
    pub jobs_w: f64,
    /// The other GPUs.
    pub idle_w: f64,
    /// Hosts.
    pub host_w: f64,
}

impl PowerStep {
    /// All of it.
    pub fn total_w(&self) -> f64 {
        self.jobs_w + self.idle_w + self.host_w
    }
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    /// Every job that arrived, by id.
    pub arrivals: Vec<Arrival>,
    /// Every run of a job, in order of its end.
    pub segments: Vec<Segment>,
    /// Power as a step series, from time zero; one entry an instant.
    pub power: Vec<PowerStep>,
    /// End of the simulation.
    pub end: Time,
}

impl Log {
    /// Completion time of each finished job, in order of completion.
    pub fn finished(&self) -> impl Iterator<Item = (JobId, Time)> + '_ {
        self.segments.iter().filter(|segment| segment.ending == Ending::Finished).map(|s| (s.job, s.end))
    }
}
