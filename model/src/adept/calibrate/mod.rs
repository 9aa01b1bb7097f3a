//! ADEPT's own calibration (thesis section 4.3.6): the composite MAPE, minimised by differential evolution and
//! polished by L-BFGS, in the nested stages of table 4.2.
//!
//! The errors reported here are in-sample, as in the thesis; [`crate::validate`] holds points out. What a fit can and
//! cannot tell stands with each parameter ([`FreeValue::told_from`]).

mod free;
mod objective;
mod stage;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiles;

pub use stage::Stage;

use super::{Parameters, Saturation, Scalar};
use crate::calibrate::training::TrainingPoint;
use crate::device::DeviceModel;
use crate::solve::{DifferentialEvolution, SolveError, minimise, polish};
use crate::step::ModelError;
use objective::{Axis, Objective, Point, count, scalar_name};
use serde::{Deserialize, Serialize};

/// How to calibrate. The default is the thesis' choice where it prints one.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Seed of the evolution.
    pub seed: u64,
    /// S_sat.
    pub saturation: Saturation,
    /// Weights of time and power in eq. 4.18.
    pub weights: (f64, f64),
    /// Members of the population for each free parameter.
    pub members_per_parameter: usize,
    /// Most generations of one stage.
    pub generations: u64,
    /// The evolution stops when the spread of the population's costs is below this share of their mean.
    pub tolerance: f64,
    /// Most steps of the polish.
    pub polish_steps: u64,
    /// Whether a stage begins with the result of the one that it contains in its population, which makes the ladder
    /// monotone. Without it every stage searches from nothing, as the thesis did.
    pub nested: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            saturation: Saturation::Sigmoid,
            weights: (0.6, 0.4),
            members_per_parameter: 15,
            generations: 50_000,
            tolerance: 0.01,
            polish_steps: 200,
            nested: true,
        }
    }
}

/// A calibration that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum AdeptError {
    /// Nothing to fit.
    #[error("there are no training measurements: write some with examples/training_steps.py")]
    Empty,
    /// Eq. 4.18 needs both errors.
    #[error("no training measurement has a power: the composite error of eq. 4.18 needs the column power_w")]
    NoPower,
    /// The equations know no clock and no cap.
    #[error("line {line}: the adept model has no clock and no cap, and this row was run with {setting}; leave it out")]
    Setting {
        /// Of the file.
        line: u64,
        /// The setting.
        setting: String,
    },
    /// The equations refuse the device or a row.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The search failed.
    #[error(transparent)]
    Solve(#[from] SolveError),
}

/// One free parameter after a fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FreeValue {
    /// Field of [`Parameters`], or the scalar's condition and term.
    pub name: String,
    /// Where the search ended.
    pub value: f64,
    /// Lower end of its box.
    pub low: f64,
    /// Upper end of its box.
    pub high: f64,
    /// Whether it ended at an end of its box: the box, not the data, then set it.
    pub at_bound: bool,
    /// What a fit can tell of it and what not.
    pub told_from: String,
}

/// A rate above what the hardware can do, which shows that a parameter stands for something else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AbovePeak {
    /// The workload.
    pub network: String,
    /// Line of the training file.
    pub line: u64,
    /// `gemm`, `conv` or `alu` of the fit, or `measured` where the whole step was faster than its products at peak.
    pub unit: String,
    /// Implied rate over the peak rate.
    pub over_peak: f64,
}

/// One stage's fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageFit {
    /// Which.
    pub stage: Stage,
    /// The best parameters found.
    pub parameters: Parameters,
    /// L of eq. 4.18 in percent.
    pub combined_percent: f64,
    /// MAPE of time (4.16), in-sample.
    pub time_percent: f64,
    /// MAPE of power (4.17), in-sample.
    pub power_percent: f64,
    /// Points that were fitted.
    pub points: usize,
    /// Whether the search met its own criterion, and this stage is no worse than the one that it contains.
    pub converged: bool,
    /// By how many percentage points the stage that this one contains fits better. A stage can always do what its
    /// predecessor did, so anything here is a search that ended too early, not a finding about the model.
    pub worse_than_contained: Option<f64>,
    /// What was searched.
    pub free: Vec<FreeValue>,
    /// Parameters and scalars on which no point depends; they stayed where they were, scalars at 1.
    pub silent: Vec<String>,
    /// Rates above the hardware's peak.
    pub above_peak: Vec<AbovePeak>,
    /// Evaluations of the objective.
    pub evaluations: u64,
}

/// Fits the stages S1 to S7 in turn (table 4.2).
///
/// # Errors
/// No points, no power at all, a row with a clock or cap, a device without the precision or the facts that the
/// equations need.
pub fn ladder(device: &DeviceModel, points: &[TrainingPoint], options: &Options) -> Result<Vec<StageFit>, AdeptError> {
    let mut fits: Vec<StageFit> = Vec::with_capacity(Stage::ALL.len());
    for stage in Stage::ALL {
        let fit = fit(device, points, stage, fits.last(), options)?;
        fits.push(fit);
    }
    Ok(fits)
}

/// Fits one stage; `contained` is the fit of a stage before it, for comparison and, where the options say so, as a
/// beginning.
///
/// # Errors
/// As [`ladder`].
pub fn fit(
    device: &DeviceModel,
    points: &[TrainingPoint],
    stage: Stage,
    contained: Option<&StageFit>,
    options: &Options,
) -> Result<StageFit, AdeptError> {
    if points.is_empty() {
        return Err(AdeptError::Empty);
    }
    if points.iter().all(|point| point.power.is_none()) {
        return Err(AdeptError::NoPower);
    }
    let counted = count(device, points)?;
    let base = Parameters::from_device(device)?;
    let (objective, silent) = Objective::new(&counted, &base, stage, options);
    let bounds = vec![(0.0, 1.0); objective.axes.len()];
    let mut guesses = vec![objective.place(&base)];
    if let Some(contained) = contained.filter(|_| options.nested) {
        guesses.insert(0, objective.place(&contained.parameters));
    }
    let solver = DifferentialEvolution::new(bounds.clone(), options.seed)?
        .with_members(options.members_per_parameter.saturating_mul(bounds.len()))
        .with_tolerance(options.tolerance)
        .with_guesses(guesses);
    let found = minimise(objective.clone(), solver, options.generations, u64::MAX, |_| {})?;
    let polished = polish(objective.clone(), bounds, found.point.clone(), options.polish_steps)?;
    let best = if polished.cost <= found.cost { polished.point } else { found.point };
    let errors = objective.errors(&best);
    let combined_percent = objective.composite(errors);
    // Rounding of the box's logarithms may cost the last digits.
    let worse = contained.map(|c| combined_percent - c.combined_percent).filter(|worse| *worse > 1e-9);
    let (parameters, scalars) = objective.parameters(&best);
    Ok(StageFit {
        stage,
        combined_percent,
        time_percent: errors.time,
        power_percent: errors.power,
        points: points.len(),
        converged: found.converged && worse.is_none(),
        worse_than_contained: worse,
        free: objective.axes.iter().zip(&best).map(|(axis, x)| free_value(*axis, *x)).collect(),
        silent,
        above_peak: above_peak(&counted, points, &parameters, &scalars),
        parameters: Parameters { scalars: at(stage, &scalars), ..parameters },
        evaluations: found.evaluations + polished.evaluations,
    })
}

fn at(stage: Stage, factors: &[f64; 6]) -> Vec<Scalar> {
    stage.scalars().into_iter().zip(factors).map(|(scalar, factor)| Scalar { factor: *factor, ..scalar }).collect()
}

fn free_value(axis: Axis, x: f64) -> FreeValue {
    let (low, high) = axis.range();
    let name = match axis {
        Axis::Global(free) => free.name.to_owned(),
        Axis::Scalar(index) => Stage::S7.scalars().get(index).map(scalar_name).unwrap_or_default(),
    };
    let at_bound = !(1e-3..=1.0 - 1e-3).contains(&x);
    FreeValue { name, value: axis.value(x), low, high, at_bound, told_from: axis.told_from().to_owned() }
}

fn above_peak(
    counted: &[Point],
    points: &[TrainingPoint],
    parameters: &Parameters,
    scalars: &[f64; 6],
) -> Vec<AbovePeak> {
    let mut found = Vec::new();
    for (point, origin) in counted.iter().zip(points) {
        let facts = &point.facts;
        let mut flag = |unit: &str, over_peak: f64| {
            if over_peak > 1.0 {
                let (network, unit) = (origin.work.name.clone(), unit.to_owned());
                found.push(AbovePeak { network, line: origin.line, unit, over_peak });
            }
        };
        let implied = parameters.implied(facts, &point.factors(scalars));
        let flops = [facts.gemm_flops, facts.conv_flops, facts.alu_flops];
        for ((unit, rate), flops) in ["gemm", "conv", "alu"].into_iter().zip(implied).zip(flops) {
            if flops > 0.0 {
                flag(unit, rate);
            }
        }
        let passes = f64::from(origin.run.accumulation);
        flag("measured", (facts.gemm_flops + facts.conv_flops) * passes / facts.product_peak / origin.time.0);
    }
    found
}
