//! Joint fit of a device's response and of its workloads', by maximum a posteriori.

use super::{Bound, DeviceResponse, WorkloadResponse};
use crate::calibrate::levenberg::LevenbergMarquardt;
use crate::calibrate::linear;
use argmin::core::{Error, Executor, Jacobian, Operator, TerminationReason, TerminationStatus};
use serde::{Deserialize, Serialize};

/// One measured point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// What was in force.
    pub bound: Bound,
    /// Time in s (of a step, an epoch, a kernel: any fixed amount of work).
    pub time_s: f64,
    /// Mean power in W.
    pub power_w: f64,
}

/// All known points of one workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its points.
    pub points: Vec<Observation>,
}

/// A fitted device with its workloads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// What is shared.
    pub device: DeviceResponse,
    /// One a series, in their order.
    pub workloads: Vec<WorkloadResponse>,
    /// Posterior standard deviations of the logarithms of the shared numbers, in the order of [`DeviceResponse`].
    pub device_sd_log: [f64; 7],
    /// Standard deviation of ln(time) that the fit leaves.
    pub misfit_time: f64,
    /// Of ln(power).
    pub misfit_power: f64,
    /// Whether the search converged.
    pub converged: bool,
}

/// A fit that can't be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResponseError {
    /// No series, or one without points.
    #[error("{name} has no measured point: leave it out")]
    Empty {
        /// The series, or "the device".
        name: String,
    },
    /// A number that can't be fitted.
    #[error("{name} has a point with {what} = {value}: a positive number is needed")]
    Value {
        /// The series.
        name: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The search failed.
    #[error("the search for the response failed: {0}")]
    Search(String),
}

const SHARED: usize = 7;
const OWN: usize = 4;

/// ln median, standard deviation, and range of a log-normal prior.
#[derive(Clone, Copy)]
struct Prior {
    ln: f64,
    sd: f64,
    range: (f64, f64),
}

fn prior(median: f64, sd: f64, low: f64, high: f64) -> Prior {
    Prior { ln: median.ln(), sd, range: (low.ln(), high.ln()) }
}

#[derive(Clone)]
struct Problem<'a> {
    series: &'a [Series],
    priors: Vec<Prior>,
    sd: (f64, f64),
}

fn shared(theta: &[f64]) -> DeviceResponse {
    let at = |i: usize| theta.get(i).map_or(f64::NAN, |ln| ln.exp());
    DeviceResponse {
        static_w: at(0),
        wait_w: at(1),
        voltage_floor: at(2),
        voltage_knee: at(3),
        lowest_clock: at(4),
        exponent: at(5),
        active_share: at(6),
    }
}

fn own(theta: &[f64], index: usize) -> WorkloadResponse {
    let at = |i: usize| theta.get(SHARED + OWN * index + i).map_or(f64::NAN, |ln| ln.exp());
    WorkloadResponse { compute_s: at(0), memory_s: at(1), wait_s: at(2), dynamic_w: at(3) }
}

impl Problem<'_> {
    fn residuals_of(&self, theta: &[f64], index: usize) -> Vec<f64> {
        let (device, work) = (shared(theta), own(theta, index));
        let Some(series) = self.series.get(index) else { return Vec::new() };
        let of = |point: &Observation| {
            let (time, power) = device.predict(&work, point.bound);
            [(time / point.time_s).ln() / self.sd.0, (power / point.power_w).ln() / self.sd.1]
        };
        series.points.iter().flat_map(of).collect()
    }

    fn residuals(&self, theta: &[f64]) -> Vec<f64> {
        let data = (0..self.series.len()).flat_map(|index| self.residuals_of(theta, index));
        data.chain(self.priors.iter().zip(theta).map(|(prior, t)| (t - prior.ln) / prior.sd)).collect()
    }

    /// One row a residual. A series depends on the shared numbers and its own only.
    fn derivatives(&self, theta: &[f64]) -> Vec<Vec<f64>> {
        const STEP: f64 = 1e-5;
        let mut rows = Vec::new();
        let mut moved = theta.to_vec();
        for index in 0..self.series.len() {
            let first = rows.len();
            let base = self.residuals_of(theta, index);
            rows.resize(first + base.len(), vec![0.0; theta.len()]);
            for column in (0..SHARED).chain((0..OWN).map(|i| SHARED + OWN * index + i)) {
                let high = self.priors[column].range.1;
                let step = if theta[column] + STEP > high { -STEP } else { STEP };
                moved[column] = theta[column] + step;
                let new = self.residuals_of(&moved, index);
                moved[column] = theta[column];
                for (row, (a, b)) in rows.iter_mut().skip(first).zip(new.iter().zip(&base)) {
                    row[column] = (a - b) / step;
                }
            }
        }
        for (column, prior) in self.priors.iter().enumerate() {
            let mut row = vec![0.0; theta.len()];
            row[column] = 1.0 / prior.sd;
            rows.push(row);
        }
        rows
    }
}

impl Operator for Problem<'_> {
    type Param = Vec<f64>;
    type Output = Vec<f64>;
    fn apply(&self, theta: &Vec<f64>) -> Result<Vec<f64>, Error> {
        Ok(self.residuals(theta))
    }
}

impl Jacobian for Problem<'_> {
    type Param = Vec<f64>;
    type Jacobian = Vec<Vec<f64>>;
    fn jacobian(&self, theta: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
        Ok(self.derivatives(theta))
    }
}

fn check(series: &[Series]) -> Result<(), ResponseError> {
    if series.is_empty() {
        return Err(ResponseError::Empty { name: "the device".into() });
    }
    for one in series {
        if one.points.is_empty() {
            return Err(ResponseError::Empty { name: one.name.clone() });
        }
        for point in &one.points {
            let numbers = [
                ("time_s", point.time_s),
                ("power_w", point.power_w),
                ("clock", point.bound.clock),
                ("cap_w", point.bound.cap_w.unwrap_or(1.0)),
            ];
            if let Some((what, value)) = numbers.into_iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
                return Err(ResponseError::Value { name: one.name.clone(), what, value });
            }
        }
    }
    Ok(())
}

/// Priors of the shared numbers, from a scale of power, then of each series from its own fastest point.
fn priors(series: &[Series], tdp_w: f64) -> Vec<Prior> {
    let mut all = vec![
        prior(0.2 * tdp_w, 0.4, 0.01 * tdp_w, tdp_w),
        prior(0.25 * tdp_w, 0.4, 0.01 * tdp_w, tdp_w),
        prior(0.72, 0.12, 0.3, 1.0),
        prior(0.65, 0.3, 0.05, 0.98),
        prior(0.2, 0.4, 0.02, 0.95),
        prior(4.0, 0.7, 1.0, 100.0),
        prior(0.25, 0.5, 0.01, 0.95),
    ];
    for one in series {
        let points = &one.points;
        let time = points.iter().map(|p| p.time_s).fold(f64::INFINITY, f64::min);
        let power = points.iter().map(|p| p.power_w).fold(0.0, f64::max);
        let dynamic = (power - 0.2 * tdp_w).max(0.1 * tdp_w);
        all.extend([
            prior(0.8 * time, 0.4, 1e-4 * time, 2.0 * time),
            prior(0.3 * time, 0.8, 1e-4 * time, 2.0 * time),
            prior(0.08 * time, 0.8, 1e-6 * time, 2.0 * time),
            prior(dynamic * 1.2, 0.5, 0.01 * tdp_w, 5.0 * tdp_w),
        ]);
    }
    all
}

/// Rounds in which the misfit and the mode settle.
const ROUNDS: usize = 4;

/// Fits a device's response to series of points; `tdp_w` is its power limit as found, which scales the priors.
///
/// # Errors
/// No points, numbers that are not positive, a search that fails.
pub fn fit(series: &[Series], tdp_w: f64) -> Result<Fit, ResponseError> {
    check(series)?;
    let priors = priors(series, tdp_w);
    let (lower, upper): (Vec<f64>, Vec<f64>) = priors.iter().map(|prior| prior.range).unzip();
    let mut theta: Vec<f64> = priors.iter().map(|prior| prior.ln.clamp(prior.range.0, prior.range.1)).collect();
    let mut problem = Problem { series, priors, sd: (0.03, 0.03) };
    let mut converged = false;
    for _ in 0..ROUNDS {
        let solver = LevenbergMarquardt::new(lower.clone(), upper.clone()).with_tolerance(1e-7);
        let run = Executor::new(problem.clone(), solver)
            .configure(|state| state.param(theta.clone()).max_iters(500))
            .timer(false)
            .ctrlc(false)
            .run()
            .map_err(|error| ResponseError::Search(error.to_string()))?;
        converged =
            matches!(run.state.termination_status, TerminationStatus::Terminated(TerminationReason::SolverConverged));
        theta = run.state.best_param.ok_or_else(|| ResponseError::Search("it found nothing".into()))?;
        let old = problem.sd;
        problem.sd = misfit(&problem, &theta)?;
        if (problem.sd.0 / old.0 - 1.0).abs() < 0.05 && (problem.sd.1 / old.1 - 1.0).abs() < 0.05 {
            break;
        }
    }
    let variance = covariance(&problem, &theta)?;
    let sd = |i: usize| variance.get(i).and_then(|row| row.get(i)).map_or(f64::NAN, |v| v.sqrt());
    Ok(Fit {
        device: shared(&theta),
        workloads: (0..series.len()).map(|index| own(&theta, index)).collect(),
        device_sd_log: std::array::from_fn(sd),
        misfit_time: problem.sd.0,
        misfit_power: problem.sd.1,
        converged,
    })
}

fn covariance(problem: &Problem<'_>, theta: &[f64]) -> Result<Vec<Vec<f64>>, ResponseError> {
    let rows = problem.derivatives(theta);
    let (matrix, _) = linear::normal_equations(&rows, &vec![0.0; rows.len()]);
    let factor = linear::cholesky(&matrix)
        .ok_or_else(|| ResponseError::Search("the posterior has no curvature at its mode".into()))?;
    Ok(linear::inverse(&factor))
}

/// Standard deviations of ln(time) and ln(power) that are left, with the degrees of freedom that the fit spent.
fn misfit(problem: &Problem<'_>, theta: &[f64]) -> Result<(f64, f64), ResponseError> {
    let variance = covariance(problem, theta)?;
    let spent: f64 = problem
        .priors
        .iter()
        .enumerate()
        .map(|(i, prior)| (1.0 - variance[i][i] / prior.sd.powi(2)).clamp(0.0, 1.0))
        .sum();
    let residuals = problem.residuals(theta);
    let data = residuals.len() - problem.priors.len();
    let points = data as f64 / 2.0;
    let freedom = (points - spent / 2.0).max(0.25 * points);
    let of = |first: usize, sd: f64| {
        let squares: f64 = residuals.iter().take(data).skip(first).step_by(2).map(|r| (r * sd).powi(2)).sum();
        // Readings are not better than this, and a fit must not become certain of itself.
        (squares / freedom).sqrt().max(0.002)
    };
    Ok((of(0, problem.sd.0), of(1, problem.sd.1)))
}
