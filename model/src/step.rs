//! The question that every model answers: one optimiser step of a workload, on a device, under a setting.

use crate::workload::Workload;
use ergometer_record::{Hertz, Joules, Precision, Seconds, Setting, Watts};

/// How a workload is run. The workload itself says the batch of one GPU and one pass.
#[derive(Debug, Clone, PartialEq)]
pub struct RunConfig {
    /// Data-parallel replicas of the job, all on one node; at least 1.
    pub gpus: u32,
    /// Forward and backward passes per optimiser step (G_acc of eq. 4.7); at least 1.
    pub accumulation: u32,
    /// Clocks and caps of every GPU of the job; the default is the device as found.
    pub setting: Setting,
}

impl Default for RunConfig {
    /// One GPU, no accumulation, as found.
    fn default() -> Self {
        Self { gpus: 1, accumulation: 1, setting: Setting::default() }
    }
}

/// A stretch of the step with one kind of activity.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Phase {
    /// `forward`, `backward`, `optimizer`, `communication`, `launch` or `fixed`; `compute` where a model does not tell
    /// forward from backward.
    pub name: &'static str,
    /// Its share of the step; what is hidden behind another phase is not counted again.
    pub time: Seconds,
    /// Mean power of one GPU during it.
    pub power: Watts,
}

/// One optimiser step.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StepPrediction {
    /// Wall time.
    pub time: Seconds,
    /// Mean power of all GPUs of the job together; the host and idle neighbours are not in it.
    pub power: Watts,
    /// `power` times `time`.
    pub energy: Joules,
    /// A partition of `time`: the times add up to it, and the energies of all GPUs to `energy`.
    pub phases: Vec<Phase>,
    /// Compute clock, averaged over the time.
    pub clock: Hertz,
}

impl StepPrediction {
    /// A prediction from its phases, so that time, power and energy cannot disagree with them.
    pub fn from_phases(phases: Vec<Phase>, gpus: u32, clock: Hertz) -> Self {
        let time: Seconds = phases.iter().map(|phase| phase.time).sum();
        let energy = phases.iter().map(|phase| phase.power * phase.time).sum::<Joules>() * f64::from(gpus);
        Self { time, power: energy / time, energy, phases, clock }
    }

    /// Energy-delay product of the step in joule-seconds.
    pub fn edp(&self) -> f64 {
        self.energy.edp(self.time)
    }
}

/// Work plus device plus setting gives time and power.
pub trait StepModel: Send + Sync {
    /// `per-op` or `adept`.
    fn name(&self) -> &str;
    /// Predicts one optimiser step.
    ///
    /// # Errors
    /// The device lacks the precision, memory or power parameters, or the setting is not allowed on it.
    fn step(&self, work: &Workload, run: &RunConfig) -> Result<StepPrediction, ModelError>;
}

/// A prediction that can't be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The device has no unit for this number format.
    #[error("{device} has no {precision} rate: its description gives {known}; choose one of these precisions")]
    Precision {
        /// The device.
        device: String,
        /// What was asked.
        precision: Precision,
        /// What it has.
        known: String,
    },
    /// The description lacks a parameter that the question needs.
    #[error(
        "the description of {device} has no {parameter}, which {purpose} needs: calibrate it from records that \
         identify it, or add it to the device file under [assumed] with a range and a reason"
    )]
    Missing {
        /// The device.
        device: String,
        /// The parameter.
        parameter: String,
        /// What would have been predicted.
        purpose: &'static str,
    },
    /// The batch does not fit.
    #[error(
        "{workload} at batch {batch} needs {needed_gb:.1} GB of memory and {device} has {available_gb:.1} GB: take a \
         smaller batch with gradient accumulation, or a larger device"
    )]
    Memory {
        /// The workload.
        workload: String,
        /// Samples per GPU and pass.
        batch: u64,
        /// The device.
        device: String,
        /// Needed, in 10^9 bytes.
        needed_gb: f64,
        /// There, in 10^9 bytes.
        available_gb: f64,
    },
    /// The setting is outside what the device allows.
    #[error("{device} does not allow {what}: {allowed}")]
    Setting {
        /// The device.
        device: String,
        /// The setting asked for.
        what: String,
        /// What is allowed.
        allowed: String,
    },
    /// The run configuration or the workload makes no sense.
    #[error("{0}")]
    Config(String),
}

/// Refuses a run of no GPUs or no passes.
pub(crate) fn check_run(run: &RunConfig) -> Result<(), ModelError> {
    let named = [("gpus", run.gpus), ("accumulation", run.accumulation)];
    match named.iter().find(|(_, value)| *value == 0) {
        Some((name, _)) => Err(ModelError::Config(format!("{name} is 0: a step needs at least 1"))),
        None => Ok(()),
    }
}
