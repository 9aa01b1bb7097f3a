//! Waiting and running jobs, and what arrivals and completions do to them.

use super::events::Events;
use super::log::{Ending, Log, PowerStep, Segment};
use super::meter::{Meter, microwatts};
use super::progress::Pace;
use super::usage::Usage;
use super::{Outcome, Setup};
use crate::cluster::{Allocation, Free, Reach};
use crate::job::{Arrival, JobId};
use crate::metrics::collect::{Collector, Departure};
use crate::oracle::NoiseOn;
use crate::policy::{JobView, RunningView};
use crate::time::Time;

/// A job from its submission to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) arrival: Arrival,
    /// Work left, in samples.
    pub(super) left: f64,
    pub(super) first_start: Option<Time>,
    pub(super) preempted: bool,
    /// It has been started in the present pass and leaves the queue at its end.
    pub(super) taken: bool,
}

/// A job that holds GPUs.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) job: Job,
    pub(super) candidate: u32,
    pub(super) allocation: Allocation,
    pub(super) started: Time,
    pub(super) expected_end: Time,
    pub(super) power_uw: u64,
    pub(super) believed_uw: u64,
    pub(super) seconds_per_sample: f64,
}

/// A place for a running job; `epoch` tells the runs that used it apart, so that the completion of a preempted run is
/// recognised as void.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) epoch: u32,
    pub(super) running: Option<Running>,
}

/// The state of a run.
pub(super) struct Engine<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) now: Time,
    pub(super) events: Events,
    pub(super) free: Free,
    /// In order of arrival.
    pub(super) waiting: Vec<Job>,
    pub(super) slots: Vec<Slot>,
    vacant: Vec<u32>,
    pub(super) plan: super::decide::Plan,
    meter: Meter,
    /// Power of running jobs as the scheduler believes it.
    believed_uw: u64,
    arrived: u64,
    usage: Usage,
    collector: Collector,
    log: Option<Log>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(setup: &'a Setup<'a>) -> Self {
        Self {
            setup,
            now: Time::ZERO,
            events: Events::default(),
            free: Free::new(setup.cluster),
            waiting: Vec::new(),
            slots: Vec::new(),
            vacant: Vec::new(),
            plan: super::decide::Plan::new(setup),
            meter: Meter::new(setup.cluster, setup.report_cap_w),
            believed_uw: 0,
            arrived: 0,
            usage: Usage::default(),
            collector: Collector::new(setup.cluster, setup.horizon),
            log: setup.keep_log.then(Log::default),
        }
    }

    /// Lets time pass at the present state.
    pub(super) fn advance(&mut self, time: Time) {
        let span = time.since(self.now);
        if span == Time::ZERO {
            return;
        }
        self.record_power();
        self.meter.advance(span);
        self.collector.advance(self.now, span, self.waiting.len());
        self.now = time;
    }

    /// Notes the power that has held since `now`, once an instant is over and only when it has changed.
    fn record_power(&mut self) {
        let watts = |uw: u64| uw as f64 * 1e-6;
        let step = PowerStep {
            time: self.now,
            jobs_w: watts(self.meter.jobs_uw),
            idle_w: watts(self.meter.idle_uw),
            host_w: watts(self.meter.host_uw),
        };
        if let Some(log) = &mut self.log {
            let same = log.power.last().is_some_and(|last| PowerStep { time: step.time, ..*last } == step);
            if !same {
                log.power.push(step);
            }
        }
    }

    pub(super) fn arrive(&mut self, arrival: &Arrival) {
        let arrival = Arrival { time: self.now, ..*arrival };
        let job = Job {
            id: JobId(self.arrived),
            arrival,
            left: arrival.samples,
            first_start: None,
            preempted: false,
            taken: false,
        };
        self.arrived += 1;
        self.usage.see(arrival.user);
        self.collector.arrive(&arrival);
        if let Some(log) = &mut self.log {
            log.arrivals.push(arrival);
        }
        self.waiting.push(job);
        self.ask_for_decision();
    }

    pub(super) fn complete(&mut self, slot: u32, epoch: u32) {
        let index = slot as usize;
        if self.slots[index].epoch == epoch && self.slots[index].running.is_some() {
            self.stop(index, Ending::Finished);
            self.ask_for_decision();
        }
    }

    fn ask_for_decision(&mut self) {
        self.events.decide_at(self.now.round_up(self.setup.quantum));
    }

    pub(super) fn view(&self, job: &Job) -> JobView {
        JobView {
            id: job.id,
            template: job.arrival.template,
            user: job.arrival.user,
            submitted: job.arrival.time,
            deadline: job.arrival.deadline,
            samples: job.left,
            least_time_s: job.left * self.plan.least_seconds_per_sample(job.arrival.template),
        }
    }

    pub(super) fn running_view(&self, running: &Running) -> RunningView {
        let (done, kept) = self.done_and_kept(running);
        let left = self.left_after(&running.job, kept);
        // Under `Loss::All` the work of earlier runs is at stake too.
        let lost_samples = (done - kept) + (left - (running.job.left - kept)).max(0.0);
        let gpus = f64::from(running.allocation.gpus());
        RunningView {
            job: self.view(&Job { left, ..running.job }),
            configuration: self.candidate(running.job.arrival.template, running.candidate).configuration,
            started: running.started,
            expected_end: running.expected_end,
            at_stake_gpu_s: lost_samples * running.seconds_per_sample * gpus,
        }
    }

    fn pace(&self, running: &Running) -> Pace {
        let candidate = self.candidate(running.job.arrival.template, running.candidate);
        Pace {
            samples: running.job.left,
            seconds_per_sample: running.seconds_per_sample,
            step_samples: candidate.step_samples(),
            restarted: running.job.preempted,
        }
    }

    fn done_and_kept(&self, running: &Running) -> (f64, f64) {
        let wall_s = self.now.since(running.started).seconds();
        self.setup.costs.done_and_kept(wall_s, &self.pace(running))
    }

    fn left_after(&self, job: &Job, kept: f64) -> f64 {
        match self.setup.costs.loss {
            super::Loss::All => job.arrival.samples,
            _ => (job.left - kept).max(0.0),
        }
    }

    /// Believed power of the cluster now, idle GPUs and hosts included.
    pub(super) fn believed_power_w(&self) -> f64 {
        (self.believed_uw + self.meter.idle_uw + self.meter.host_uw) as f64 * 1e-6
    }

    pub(super) fn usage(&self, into: &mut Vec<f64>) {
        self.usage.gpu_seconds(self.now, into);
    }

    /// Starts a waiting job on GPUs that have been taken for it.
    pub(super) fn start(&mut self, position: usize, candidate: u32, reach: Reach, allocation: Allocation) {
        let job = self.waiting[position];
        self.waiting[position].taken = true;
        let chosen = self.candidate(job.arrival.template, candidate);
        let believed = self.offer(&job, chosen, reach);
        let truth = match self.setup.noise.on {
            NoiseOn::Belief => chosen.truth,
            NoiseOn::Truth | NoiseOn::Both => self.noisy(job.id, chosen, chosen.truth),
        };
        let seconds_per_sample = truth.seconds_per_sample * self.slowdown(reach);
        let wall_s = self.setup.costs.wall_s(job.left, seconds_per_sample, job.preempted);
        // A run takes time, however little work it has: two events of one job are never at one instant.
        let ends = self.now.after(Time::from_seconds(wall_s).max(Time(1)));
        let gpus = allocation.gpus();
        let running = Running {
            job: Job { first_start: job.first_start.or(Some(self.now)), ..job },
            candidate,
            started: self.now,
            expected_end: self.now.after(Time::from_seconds(believed.time_s)),
            power_uw: microwatts(truth.power_w),
            believed_uw: microwatts(believed.power_w),
            seconds_per_sample,
            allocation,
        };
        self.meter.start(running.power_uw, &running.allocation);
        self.believed_uw += running.believed_uw;
        self.usage.start(job.arrival.user, gpus, self.now);
        self.collector.start(chosen.configuration.hardware, gpus);
        if job.first_start.is_none() {
            self.collector.first_start(self.now.since(job.arrival.time));
        }
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        entry.epoch = entry.epoch.wrapping_add(1);
        entry.running = Some(running);
        self.events.complete_at(ends, slot, entry.epoch);
    }

    /// Ends the run in a slot and gives its GPUs back; a preempted job goes back to its place in the queue.
    pub(super) fn stop(&mut self, slot: usize, ending: Ending) {
        let Some(running) = self.slots[slot].running.take() else { return };
        self.vacant.push(slot as u32);
        self.free.release(&running.allocation);
        self.meter.stop(running.power_uw, &running.allocation);
        self.believed_uw -= running.believed_uw;
        let gpus = running.allocation.gpus();
        let user = running.job.arrival.user;
        self.usage.stop(user, gpus, running.started, self.now);
        let hardware = self.candidate(running.job.arrival.template, running.candidate).configuration.hardware;
        self.collector.stop(hardware, gpus);
        let (mut samples_done, mut samples_lost) = (running.job.left, 0.0);
        match ending {
            Ending::Finished => {
                let arrival = &running.job.arrival;
                let least_s = arrival.samples * self.plan.least_seconds_per_sample(arrival.template);
                self.collector.depart(&Departure { arrival, finished: self.now, least_s });
            }
            Ending::Preempted => {
                let (done, kept) = self.done_and_kept(&running);
                let left = self.left_after(&running.job, kept);
                samples_done = done;
                samples_lost = left - (running.job.left - done);
                self.collector.preempt(samples_lost * running.seconds_per_sample * f64::from(gpus));
                let job = Job { left, preempted: true, taken: false, ..running.job };
                let position = self.waiting.partition_point(|other| other.id < job.id);
                self.waiting.insert(position, job);
            }
            Ending::Horizon => {
                samples_done = self.done_and_kept(&running).0;
                self.collector.censor(&running.job.arrival, self.now);
            }
        }
        if let Some(log) = &mut self.log {
            log.segments.push(Segment {
                job: running.job.id,
                configuration: self.setup.book.candidates(running.job.arrival.template)[running.candidate as usize]
                    .configuration,
                allocation: running.allocation,
                start: running.started,
                end: self.now,
                ending,
                power_w: running.power_uw as f64 * 1e-6,
                samples_done,
                samples_lost,
            });
        }
    }

    /// Closes the books.
    pub(super) fn finish(mut self) -> Outcome {
        self.record_power();
        let running: Vec<usize> = (0..self.slots.len()).filter(|&slot| self.slots[slot].running.is_some()).collect();
        let (running_at_end, waiting_at_end) = (running.len() as u64, self.waiting.len() as u64);
        let mut usage = Vec::new();
        self.usage(&mut usage);
        for slot in running {
            self.stop(slot, Ending::Horizon);
        }
        for job in &self.waiting {
            self.collector.censor(&job.arrival, self.now);
        }
        if let Some(log) = &mut self.log {
            log.end = self.now;
        }
        let energy = crate::metrics::Energy {
            parts_j: self.meter.energy_j(),
            peak_w: self.meter.peak_uw as f64 * 1e-6,
            over_cap_j: self.meter.over_cap_j(),
        };
        let metrics = self.collector.finish(self.now, energy, &usage, running_at_end, waiting_at_end);
        Outcome { metrics, log: self.log }
    }
}
