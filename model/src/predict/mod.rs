//! The whole prediction for one question: a network on a device, for the command line.
//!
//! Gives time, power, energy and EDP per step and per epoch, what dominates each class of layers, what a changed device
//! would do ([`what_if`]), the curve over caps or clocks with its EDP minimum ([`sweep`]), and the 95 % intervals that the
//! spreads of the parameters leave ([`predict_with_spread`]).

mod spread;
mod sweep;
#[cfg(test)]
mod tests;
mod what_if;

pub use spread::{EpochIntervals, Intervals, PredictionWithSpread, predict_with_spread};
pub use sweep::{Axis, Sweep, SweepPoint, sweep};
pub use what_if::what_if;

use crate::adept::Adept;
use crate::device::{DeviceError, DeviceModel};
use crate::per_op::{ClassTime, PerOp};
use crate::step::{ModelError, RunConfig, StepModel, StepPrediction};
use crate::workload::Workload;
use ergometer_record::provenance::UnknownName;
use ergometer_record::{Joules, Seconds};
use serde::Serialize;
use std::str::FromStr;

/// Which model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// [`PerOp`].
    #[default]
    PerOp,
    /// [`Adept`].
    Adept,
}

impl FromStr for ModelKind {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        match s {
            "per-op" => Ok(Self::PerOp),
            "adept" => Ok(Self::Adept),
            _ => Err(UnknownName::new(s, ["per-op", "adept"])),
        }
    }
}

/// A question that can't be answered.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A what-if that can't be read.
    #[error("the what-if {found:?} {problem}: write it as l2=80MB,bandwidth=3e12 (keys of the device file, or {aliases})", aliases = what_if::ALIASES.map(|a| a.0).join(", "))]
    WhatIf {
        /// What stood there.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No samples.
    #[error("an epoch of 0 samples has no energy: give the number of training samples")]
    EmptyEpoch,
    /// Too few for the quantiles asked for.
    #[error("{draws} draws do not tell a 95 % interval: take at least {fewest}, better 200")]
    FewDraws {
        /// What was asked.
        draws: usize,
        /// The least.
        fewest: usize,
    },
}

/// The model of a kind on a device.
///
/// # Errors
/// The description lacks what the model needs.
pub fn model(kind: ModelKind, device: DeviceModel) -> Result<Box<dyn StepModel>, ModelError> {
    Ok(match kind {
        ModelKind::PerOp => Box::new(PerOp::new(device)?),
        ModelKind::Adept => Box::new(Adept::new(device)?),
    })
}

/// Time and energy of a pass over the training set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Epoch {
    /// Training samples.
    pub samples: u64,
    /// Optimiser steps; the last may be short and counts as whole.
    pub steps: u64,
    /// Time.
    pub time: Seconds,
    /// Energy of all GPUs.
    pub energy: Joules,
    /// Energy-delay product in joule-seconds.
    pub edp_js: f64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The network.
    pub network: String,
    /// The device.
    pub device: String,
    /// True when the device model was fitted to the virtual node: the numbers are then about no real device.
    pub is_virtual: bool,
    /// Whether any parameter in use was fitted; otherwise the numbers come from data sheets and assumptions.
    pub is_calibrated: bool,
    /// Which model answered.
    pub model: String,
    /// GPUs.
    pub gpus: u32,
    /// Samples of one step over all GPUs and passes.
    pub samples_per_step: u64,
    /// The setting's label.
    pub setting: String,
    /// The step.
    pub step: StepPrediction,
    /// Energy-delay product of the step in joule-seconds.
    pub edp_js: f64,
    /// Samples per second.
    pub samples_per_s: f64,
    /// The pass over the training set, where its size is known.
    pub epoch: Option<Epoch>,
    /// Classes of layers, slowest first, with what limits them; `per-op` only.
    pub classes: Vec<ClassTime>,
}

/// Answers one question.
///
/// # Errors
/// The device lacks the precision or a parameter, the batch does not fit, the setting is not allowed, no samples.
pub fn predict(
    kind: ModelKind,
    device: &DeviceModel,
    work: &Workload,
    run: &RunConfig,
    epoch_samples: Option<u64>,
) -> Result<Prediction, PredictError> {
    let (model, step, classes) = match kind {
        ModelKind::PerOp => {
            let model = PerOp::new(device.clone())?;
            ("per-op", model.step(work, run)?, model.classes(work, run)?)
        }
        ModelKind::Adept => ("adept", Adept::new(device.clone())?.step(work, run)?, Vec::new()),
    };
    let per_pass = work.batch.saturating_mul(u64::from(run.gpus));
    let samples_per_step = per_pass.saturating_mul(u64::from(run.accumulation));
    let epoch = match epoch_samples {
        None => None,
        Some(0) => return Err(PredictError::EmptyEpoch),
        Some(samples) => Some(epoch(samples, samples_per_step, &step)),
    };
    Ok(Prediction {
        network: work.name.clone(),
        device: device.name().to_owned(),
        is_virtual: device.is_virtual(),
        is_calibrated: device.fit().is_some(),
        model: model.to_owned(),
        gpus: run.gpus,
        samples_per_step,
        setting: run.setting.to_string(),
        edp_js: step.edp(),
        samples_per_s: samples_per_step as f64 / step.time.0,
        step,
        epoch,
        classes,
    })
}

fn epoch(samples: u64, samples_per_step: u64, step: &StepPrediction) -> Epoch {
    let steps = samples.div_ceil(samples_per_step.max(1));
    let (time, energy) = (step.time * steps as f64, step.energy * steps as f64);
    Epoch { samples, steps, time, energy, edp_js: energy.edp(time) }
}
