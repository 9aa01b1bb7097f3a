//! One optimiser step, as a sum over operations, phase by phase.

use super::PerOp;
use super::cap;
use super::communication::{exposed, ring_all_reduce};
use super::load::Load;
use super::memory;
use super::power::PowerLaw;
use super::time::{Timing, Traffic};
use crate::device::Limits;
use crate::step::{ModelError, Phase, RunConfig, StepPrediction};
use crate::workload::{OpClass, Pass, Workload};
use ergometer_record::{Hertz, Seconds, Watts};
use serde::Serialize;

/// What limits a class of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// Arithmetic units.
    Arithmetic,
    /// Memory or cache bandwidth.
    Memory,
    /// Launch gaps.
    Launch,
}

/// Time of one class of operations within a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassTime {
    /// The class.
    pub class: OpClass,
    /// Its time in the step, all passes.
    pub time: Seconds,
    /// The largest of its three terms.
    pub dominant: Term,
}

/// Loads with their traffic and how often each runs.
type Weighted = Vec<(Load, Traffic, f64)>;

/// The sum of a phase's operations at one clock.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    body_s: f64,
    launch_s: f64,
    energy_j: f64,
}

impl PerOp {
    pub(super) fn predict(&self, work: &Workload, run: &RunConfig) -> Result<StepPrediction, ModelError> {
        let (limits, law) = self.prepare(work, run)?;
        let passes = f64::from(run.accumulation);
        let forward = self.loads(work, Pass::Forward, &limits)?;
        let backward = self.loads(work, Pass::Backward, &limits)?;
        let update = self.physics.optimizer_load(&work.optimizer_work)?;
        let update = vec![(update, self.physics.traffic(&update, limits.memory_ratio), 1.0)];
        let top = limits.clock.0 / self.physics.clock_hz;
        let mut phases = Vec::with_capacity(6);
        let (mut launch_s, mut launch_j) = (0.0, 0.0);
        let mut weighted_clock = 0.0;
        let mut backward_pass_s = 0.0;
        for (name, loads, repeats) in
            [("forward", &forward, passes), ("backward", &backward, passes), ("optimizer", &update, 1.0)]
        {
            let ratio = self.clock_under_cap(loads, &limits, &law);
            let sum = self.sum(loads, &law, ratio);
            if name == "backward" {
                backward_pass_s = sum.body_s + sum.launch_s;
            }
            // Gaps between kernels are a phase of their own, at the power of a device that waits.
            let gap_j = law.busy_energy(sum.launch_s, ratio);
            let body_j = sum.energy_j - gap_j;
            launch_s += sum.launch_s * repeats;
            launch_j += gap_j * repeats;
            weighted_clock += ratio * (sum.body_s + sum.launch_s) * repeats;
            push(&mut phases, name, sum.body_s * repeats, body_j * repeats);
        }
        if run.gpus > 1 {
            let (time_s, energy_j) = self.communication(work, run, &law, top, backward_pass_s)?;
            weighted_clock += top * time_s;
            push(&mut phases, "communication", time_s, energy_j);
        }
        push(&mut phases, "launch", launch_s, launch_j);
        let fixed_s = self.physics.need(self.physics.step_fixed_s, "step_fixed_s", "a training step")?;
        weighted_clock += top * fixed_s;
        push(&mut phases, "fixed", fixed_s, law.busy_energy(fixed_s, top));
        let time_s: f64 = phases.iter().map(|phase| phase.time.0).sum();
        let clock = Hertz(self.physics.clock_hz * weighted_clock / time_s);
        Ok(StepPrediction::from_phases(phases, run.gpus, clock))
    }

    /// Time of each class of operations in a step, largest first, with the term that dominates it.
    ///
    /// # Errors
    /// As [`StepModel::step`](crate::StepModel::step).
    pub fn classes(&self, work: &Workload, run: &RunConfig) -> Result<Vec<ClassTime>, ModelError> {
        let (limits, law) = self.prepare(work, run)?;
        let mut classes: Vec<(OpClass, Timing)> = Vec::new();
        for pass in [Pass::Forward, Pass::Backward] {
            let loads = self.loads(work, pass, &limits)?;
            let ratio = self.clock_under_cap(&loads, &limits, &law);
            for (op, (load, traffic, count)) in work.ops.iter().filter(|op| op.pass == pass).zip(&loads) {
                let timing = self.physics.at(load, traffic, ratio);
                let repeats = count * f64::from(run.accumulation);
                let index = classes.iter().position(|(class, _)| *class == op.class).unwrap_or_else(|| {
                    classes.push((op.class, Timing::default()));
                    classes.len() - 1
                });
                if let Some((_, sum)) = classes.get_mut(index) {
                    sum.total_s += timing.total_s * repeats;
                    sum.compute_s += timing.compute_s * repeats;
                    sum.memory_s += timing.memory_s * repeats;
                    sum.launch_s += timing.launch_s * repeats;
                }
            }
        }
        let dominant = |sum: &Timing| {
            if sum.launch_s >= sum.compute_s.max(sum.memory_s) {
                Term::Launch
            } else if sum.compute_s >= sum.memory_s {
                Term::Arithmetic
            } else {
                Term::Memory
            }
        };
        classes.sort_by(|a, b| b.1.total_s.total_cmp(&a.1.total_s));
        Ok(classes
            .iter()
            .map(|(class, sum)| ClassTime { class: *class, time: Seconds(sum.total_s), dominant: dominant(sum) })
            .collect())
    }

    fn prepare(&self, work: &Workload, run: &RunConfig) -> Result<(Limits, PowerLaw), ModelError> {
        crate::step::check_run(run)?;
        if let Some(available) = self.physics.memory_bytes {
            memory::check(work, &self.physics.device, available)?;
        }
        let law = self.physics.power.ok_or_else(|| self.no_power())?;
        Ok((self.device.limits(&run.setting)?, law))
    }

    fn loads(&self, work: &Workload, pass: Pass, limits: &Limits) -> Result<Weighted, ModelError> {
        let ops = work.ops.iter().filter(|op| op.pass == pass);
        ops.map(|op| {
            let load = self.physics.op_load(op, work.precision)?;
            Ok((load, self.physics.traffic(&load, limits.memory_ratio), op.count as f64))
        })
        .collect()
    }

    fn sum(&self, loads: &Weighted, law: &PowerLaw, ratio: f64) -> Sum {
        loads.iter().fold(Sum::default(), |sum, (load, traffic, count)| {
            let timing = self.physics.at(load, traffic, ratio);
            Sum {
                body_s: sum.body_s + (timing.total_s - timing.launch_s) * count,
                launch_s: sum.launch_s + timing.launch_s * count,
                energy_j: sum.energy_j + law.energy(load, &timing, ratio) * count,
            }
        })
    }

    /// Clock ratio of a phase under the cap. The controller averages over tens of milliseconds, which is many kernels
    /// and about one phase, so the cap holds for the mean power of its kernels.
    fn clock_under_cap(&self, loads: &Weighted, limits: &Limits, law: &PowerLaw) -> f64 {
        let top = limits.clock.0 / self.physics.clock_hz;
        let low = limits.lowest_clock.0 / self.physics.clock_hz;
        let Some(cap_w) = limits.cap else { return top };
        cap::invert(low, top, cap_w.0, |ratio| {
            let sum = self.sum(loads, law, ratio);
            let body_j = sum.energy_j - law.busy_energy(sum.launch_s, ratio);
            if sum.body_s > 0.0 { body_j / sum.body_s } else { 0.0 }
        })
    }

    /// Exposed time and energy of the gradient exchange. Only the last pass of an accumulated step can hide it.
    fn communication(
        &self,
        work: &Workload,
        run: &RunConfig,
        law: &PowerLaw,
        ratio: f64,
        backward_pass_s: f64,
    ) -> Result<(f64, f64), ModelError> {
        let physics = &self.physics;
        let purpose = "a job on several GPUs";
        let bandwidth = physics.need(physics.link_bandwidth, "link_bytes_per_s (with sustained_link)", purpose)?;
        let latency = physics.need(physics.link_latency_s, "link_latency_s", purpose)?;
        let overlap = physics.need(physics.comm_overlap, "comm_overlap", purpose)?;
        let bytes = work.gradient_bytes() as f64;
        let full = ring_all_reduce(run.gpus, bytes, bandwidth, Seconds(latency)).0;
        let time_s = exposed(full, overlap, backward_pass_s);
        // Every byte sent is read, and every byte received is written; the hidden part moves them as well.
        let n = f64::from(run.gpus);
        let moved = 2.0 * 2.0 * (n - 1.0) / n * bytes;
        let exposed_share = if full > 0.0 { time_s / full } else { 0.0 };
        Ok((time_s, law.busy_energy(time_s, ratio) + law.dram_j_per_byte * moved * exposed_share))
    }
}

fn push(phases: &mut Vec<Phase>, name: &'static str, time_s: f64, energy_j: f64) {
    if time_s > 0.0 {
        phases.push(Phase { name, time: Seconds(time_s), power: Watts(energy_j / time_s) });
    }
}
