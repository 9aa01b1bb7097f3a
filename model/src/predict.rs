//! The whole prediction for one question: a network on a device, for the command line.
//!
//! Gives time, power, energy and EDP per step and per epoch, what dominates each class of layers, what a changed device
//! would do ([`what_if`]), and the curve over caps or clocks with its EDP minimum ([`sweep`]).

use crate::adept::Adept;
use crate::device::{DeviceError, DeviceModel};
use crate::per_op::{ClassTime, PerOp};
use crate::step::{ModelError, RunConfig, StepModel, StepPrediction};
use crate::workload::Workload;
use ergometer_record::provenance::UnknownName;
use ergometer_record::{Hertz, Joules, Seconds, Setting, Watts};
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
    #[error("the what-if {found:?} {problem}: write it as l2=80MB,bandwidth=3e12 (keys of the device file, or {aliases})", aliases = ALIASES.map(|a| a.0).join(", "))]
    WhatIf {
        /// What stood there.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No samples.
    #[error("an epoch of 0 samples has no energy: give the number of training samples")]
    EmptyEpoch,
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

/// Short names of the keys that people ask about.
const ALIASES: [(&str, &str); 6] = [
    ("l2", "l2_bytes"),
    ("bandwidth", "memory_bytes_per_s"),
    ("memory", "memory_bytes"),
    ("link", "link_bytes_per_s"),
    ("tdp", "tdp_w"),
    ("sms", "compute_units"),
];

/// The device with the values of `changes` (`l2=80MB,bandwidth=3e12`) put in place of its own. Numbers may end in k, M,
/// G or T, with or without B.
///
/// # Errors
/// Not of that form, a key that is not in the vocabulary, a value out of its range.
pub fn what_if(device: &DeviceModel, changes: &str) -> Result<DeviceModel, PredictError> {
    let fail = |problem: &str| PredictError::WhatIf { found: changes.to_owned(), problem: problem.to_owned() };
    let mut changed = device.clone();
    for part in changes.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| fail("lacks a ="))?;
        let key = key.trim();
        let key = ALIASES.iter().find(|(alias, _)| *alias == key).map_or(key, |(_, full)| *full);
        let number = scaled(value.trim()).ok_or_else(|| fail("has a value that is no number"))?;
        changed = changed.with_value(key, number)?;
    }
    Ok(changed)
}

fn scaled(text: &str) -> Option<f64> {
    let bare = text.strip_suffix('B').unwrap_or(text);
    let (digits, factor) = match bare.chars().last()? {
        'k' | 'K' => (&bare[..bare.len() - 1], 1e3),
        'M' => (&bare[..bare.len() - 1], 1e6),
        'G' => (&bare[..bare.len() - 1], 1e9),
        'T' => (&bare[..bare.len() - 1], 1e12),
        _ => (bare, 1.0),
    };
    digits.parse::<f64>().ok().map(|value| value * factor).filter(|value| value.is_finite())
}

/// What a sweep varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Power caps.
    Cap,
    /// Locked clocks.
    Clock,
}

/// One point of a predicted sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepPoint {
    /// What was set.
    pub setting: Setting,
    /// The step under it.
    pub step: StepPrediction,
    /// Its energy-delay product in joule-seconds.
    pub edp_js: f64,
}

/// A predicted sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// The device as found.
    pub baseline: SweepPoint,
    /// From the lowest to the highest setting.
    pub points: Vec<SweepPoint>,
    /// The point of least EDP, baseline included.
    pub best: SweepPoint,
}

/// Predicts `count` settings over the range that the device allows.
///
/// # Errors
/// As [`predict`]; a device without a range on this axis.
pub fn sweep(
    device: &DeviceModel,
    work: &Workload,
    run: &RunConfig,
    axis: Axis,
    count: usize,
) -> Result<Sweep, PredictError> {
    let model = PerOp::new(device.clone())?;
    let (range, what) = match axis {
        Axis::Cap => (device.allowed().caps_w, "a sweep over caps"),
        Axis::Clock => (device.allowed().clocks_mhz, "a sweep over clocks"),
    };
    let range = range.ok_or_else(|| ModelError::Setting {
        device: device.name().to_owned(),
        what: what.to_owned(),
        allowed: "its description gives no such range; add it under [allowed]".into(),
    })?;
    let at = |setting: Setting| -> Result<SweepPoint, PredictError> {
        let step = model.step(work, &RunConfig { setting: setting.clone(), ..run.clone() })?;
        Ok(SweepPoint { setting, edp_js: step.edp(), step })
    };
    let set = |value: f64| match axis {
        Axis::Cap => Setting { gpu_cap_w: Some(Watts(value)), ..Setting::default() },
        Axis::Clock => Setting { gpu_clock_hz: Some(Hertz::from_mhz(value)), ..Setting::default() },
    };
    let baseline = at(Setting::default())?;
    let points = range.spread(count).into_iter().map(|value| at(set(value))).collect::<Result<Vec<_>, _>>()?;
    let best = points.iter().chain([&baseline]).min_by(|a, b| a.edp_js.total_cmp(&b.edp_js)).unwrap_or(&baseline);
    Ok(Sweep { best: best.clone(), baseline, points })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::toy_workload;

    fn a100() -> DeviceModel {
        DeviceModel::builtin("a100").unwrap()
    }

    #[test]
    fn an_epoch_is_its_steps() {
        let run = RunConfig { gpus: 2, accumulation: 3, ..RunConfig::default() };
        let answer = predict(ModelKind::PerOp, &a100(), &toy_workload(), &run, Some(1000)).unwrap();
        assert_eq!(answer.samples_per_step, 32 * 2 * 3);
        let epoch = answer.epoch.unwrap();
        assert_eq!(epoch.steps, 6);
        assert!((epoch.energy.0 / (6.0 * answer.step.energy.0) - 1.0).abs() < 1e-12);
        assert!((epoch.edp_js / (36.0 * answer.edp_js) - 1.0).abs() < 1e-12);
        assert!(!answer.is_calibrated && !answer.is_virtual);
        assert!(matches!(
            predict(ModelKind::Adept, &a100(), &toy_workload(), &run, Some(0)),
            Err(PredictError::EmptyEpoch)
        ));
    }

    #[test]
    fn classes_are_named_with_what_limits_them() {
        let answer = predict(ModelKind::PerOp, &a100(), &toy_workload(), &RunConfig::default(), None).unwrap();
        let dominant = |class: &str| answer.classes.iter().find(|c| c.class.name() == class).unwrap().dominant;
        assert_eq!(dominant("linear"), crate::per_op::Term::Arithmetic);
        assert_eq!(dominant("activation"), crate::per_op::Term::Memory);
        assert!(answer.classes.windows(2).all(|pair| pair[0].time.0 >= pair[1].time.0));
    }

    #[test]
    fn a_what_if_reads_suffixes_and_aliases_and_names_what_it_cannot_read() {
        let changed = what_if(&a100(), "l2=80MB,bandwidth=3e12, tdp=0.5k").unwrap();
        assert_eq!(changed.value("l2_bytes"), Some(80e6));
        assert_eq!(changed.value("memory_bytes_per_s"), Some(3e12));
        assert_eq!(changed.value("tdp_w"), Some(500.0));
        for bad in ["l2", "l2=many", "l3=4MB", "", "l2=", "l2=-4", "l2=µ"] {
            let error = what_if(&a100(), bad).unwrap_err().to_string();
            assert!(error.contains("what-if"), "{bad}: {error}");
        }
        let fast = |device: &DeviceModel| {
            predict(ModelKind::PerOp, device, &toy_workload(), &RunConfig::default(), None).unwrap().step.time.0
        };
        assert!(fast(&changed) < fast(&a100()));
    }

    #[test]
    fn a_sweep_finds_a_minimum_inside_the_range() {
        let sweep = sweep(&a100(), &toy_workload(), &RunConfig::default(), Axis::Clock, 9).unwrap();
        assert_eq!(sweep.points.len(), 9);
        assert!(sweep.points.windows(2).all(|pair| pair[0].step.time.0 >= pair[1].step.time.0 * (1.0 - 1e-9)));
        assert!(sweep.points.iter().all(|p| p.edp_js >= sweep.best.edp_js));
        // The lowest clock saves no voltage and costs time: it can't be best.
        assert!(sweep.best.step.clock.mhz() > 600.0, "{:?}", sweep.best.setting);
    }

    #[test]
    fn every_preset_on_every_device_is_predicted_or_refused_with_a_reason() {
        use crate::workload::preset;
        for network in preset::NAMES {
            let options = preset::default_options(network).unwrap();
            let work = preset::build(network, &options).unwrap();
            for name in crate::device::BUILTIN_NAMES {
                let device = DeviceModel::builtin(name).unwrap();
                for gpus in [1, 4] {
                    let run = RunConfig { gpus, ..RunConfig::default() };
                    match predict(ModelKind::PerOp, &device, &work, &run, None) {
                        Ok(answer) => {
                            let mean = answer.step.power.0 / f64::from(gpus);
                            let tdp = device.value("tdp_w").unwrap();
                            assert!(mean > 0.1 * tdp && mean <= tdp * 1.0001, "{network} on {name}: {mean} W");
                            assert!(answer.step.time.0 > 1e-3 && answer.step.time.0 < 100.0, "{network} on {name}");
                        }
                        Err(PredictError::Model(ModelError::Memory { .. } | ModelError::Precision { .. })) => {}
                        Err(error) => panic!("{network} on {name}: {error}"),
                    }
                }
            }
        }
    }
}
