//! Intervals of a prediction from what is not known about the device.

use super::{ModelKind, PredictError, Prediction, predict};
use crate::adept::Adept;
use crate::device::{DeviceModel, Draws, normal};
use crate::per_op::PerOp;
use crate::step::{ModelError, RunConfig, StepModel, StepPrediction};
use crate::workload::Workload;
use ergometer_record::{Interval, stats};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::Serialize;

/// A prediction with its 95 % intervals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictionWithSpread {
    /// The prediction at the central values.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// What the unknown leaves open.
    pub intervals: Intervals,
}

/// Central 95 % of the predictions of drawn devices; `estimate` is the prediction at the central values and `n` the
/// number of draws.
///
/// A draw moves every value that is not from a document: a fitted one by its posterior spread, an assumed one within its
/// range. Fitted values are drawn together where the device file holds their correlation (`is_joint`), otherwise each
/// alone, which makes intervals too wide where two values are known only as a product; assumed values are always drawn
/// alone. The misfit that no parameter explained in the calibration (`has_model_error`) multiplies time and power; it is
/// that of single kernels, and errors of many kernels in one step partly cancel. A description without a fit has no such
/// term: its intervals say what the assumed ranges leave open and nothing about the equations. Workload counts,
/// and the parameters of the adept model that no device file holds (saturation references, scalars, utilisations), are
/// taken as exact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Intervals {
    /// Time of the step in s.
    pub time_s: Interval,
    /// Mean power of all GPUs of the job in W.
    pub power_w: Interval,
    /// Energy of the step in J.
    pub energy_j: Interval,
    /// Energy-delay product of the step in joule-seconds.
    pub edp_js: Interval,
    /// Of the pass over the training set, where its size is known.
    pub epoch: Option<EpochIntervals>,
    /// Whether fitted values were drawn with their correlation.
    pub is_joint: bool,
    /// Whether the calibration's unexplained misfit is in the intervals.
    pub has_model_error: bool,
    /// Seed of the draws. The same seed draws the same devices for every question, so that two answers can be compared
    /// draw by draw.
    pub seed: u64,
}

/// Intervals of the pass over the training set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpochIntervals {
    /// Time in s.
    pub time_s: Interval,
    /// Energy of all GPUs in J.
    pub energy_j: Interval,
    /// Energy-delay product in joule-seconds.
    pub edp_js: Interval,
}

/// Fewest draws whose 2.5 % and 97.5 % quantiles lie inside the sample.
const FEWEST_DRAWS: usize = 40;

/// [`predict`], with the 95 % intervals that `draws` drawn devices give (200 are enough for two digits). The same for
/// a seed on any number of threads.
///
/// # Errors
/// As [`predict`]; fewer than 40 draws.
pub fn predict_with_spread(
    kind: ModelKind,
    device: &DeviceModel,
    work: &Workload,
    run: &RunConfig,
    epoch_samples: Option<u64>,
    draws: usize,
    seed: u64,
) -> Result<PredictionWithSpread, PredictError> {
    if draws < FEWEST_DRAWS {
        return Err(PredictError::FewDraws { draws, fewest: FEWEST_DRAWS });
    }
    let prediction = predict(kind, device, work, run, epoch_samples)?;
    let around = Draws::around(device, seed);
    let steps: Vec<(f64, f64)> = match kind {
        ModelKind::PerOp => (0..draws)
            .into_par_iter()
            .map_with(PerOp::new(device.clone())?, |model, index| {
                let mut random = None;
                model.change(|device| random = Some(around.put(index, device)))?;
                Ok(with_model_error(&model.step(work, run)?, device, random))
            })
            .collect::<Result<_, ModelError>>()?,
        ModelKind::Adept => (0..draws)
            .into_par_iter()
            .map_with(device.clone(), |drawn, index| {
                let random = around.put(index, drawn);
                Ok(with_model_error(&Adept::new(drawn.clone())?.step(work, run)?, device, Some(random)))
            })
            .collect::<Result<_, ModelError>>()?,
    };
    let interval = |estimate: f64, of: &dyn Fn(f64, f64) -> f64| {
        let mut values: Vec<f64> = steps.iter().map(|(time, power)| of(*time, *power)).collect();
        values.sort_by(f64::total_cmp);
        let at = |q: f64| stats::quantile(&values, q).unwrap_or(f64::NAN);
        Interval { estimate, low: at(0.025), high: at(0.975), level: 0.95, n: draws }
    };
    let step = &prediction.step;
    let energy = |time: f64, power: f64| time * power;
    let edp = |time: f64, power: f64| time * time * power;
    let intervals = Intervals {
        time_s: interval(step.time.0, &|time, _| time),
        power_w: interval(step.power.0, &|_, power| power),
        energy_j: interval(step.energy.0, &energy),
        edp_js: interval(prediction.edp_js, &edp),
        epoch: prediction.epoch.map(|whole| {
            let steps = whole.steps as f64;
            EpochIntervals {
                time_s: interval(whole.time.0, &|time, _| time * steps),
                energy_j: interval(whole.energy.0, &|time, power| energy(time, power) * steps),
                edp_js: interval(whole.edp_js, &|time, power| edp(time, power) * steps * steps),
            }
        }),
        is_joint: device.posterior().is_some(),
        has_model_error: device.posterior().is_some(),
        seed,
    };
    Ok(PredictionWithSpread { prediction, intervals })
}

/// Time in s and power in W of one draw, moved by the misfit that the calibration could not explain.
fn with_model_error(step: &StepPrediction, device: &DeviceModel, random: Option<ChaCha8Rng>) -> (f64, f64) {
    let (time, power) = (step.time.0, step.power.0);
    match (device.posterior(), random) {
        (Some(posterior), Some(mut random)) => {
            let time_factor = (posterior.discrepancy_time * normal(&mut random)).exp();
            let power_factor = (posterior.discrepancy_power.unwrap_or(0.0) * normal(&mut random)).exp();
            (time * time_factor, power * power_factor)
        }
        _ => (time, power),
    }
}
