//! The posterior mode from several starts, and its spread by Laplace's approximation.

use super::CalibrationError;
use super::levenberg::LevenbergMarquardt;
use super::linear;
use super::problem::{Discrepancy, Fit, Target};
use argmin::core::{Executor, TerminationReason, TerminationStatus};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// A mode of the posterior.
#[derive(Debug, Clone)]
pub(crate) struct Mode {
    pub(crate) theta: Vec<f64>,
    pub(crate) cost: f64,
    pub(crate) converged: bool,
}

/// Steps after which a search is called not converged.
const MAX_STEPS: u64 = 200;

/// Below this the discrepancy is lost in the arithmetic; also the accuracy that no measurement here beats.
const LEAST_DISCREPANCY: f64 = 0.002;

/// The mode that a search from `start` ends in.
pub(crate) fn search(fit: &Fit, start: Vec<f64>, tolerance: f64) -> Result<Mode, CalibrationError> {
    let (lower, upper) = fit.bounds();
    let inside = start.iter().zip(lower.iter().zip(&upper)).map(|(x, (low, high))| x.clamp(*low, *high)).collect();
    let solver = LevenbergMarquardt::new(lower, upper).with_tolerance(tolerance);
    let run = Executor::new(fit.clone(), solver)
        .configure(|state| state.param(inside).max_iters(MAX_STEPS))
        .timer(false)
        .ctrlc(false)
        .run()
        .map_err(|error| CalibrationError::Search(error.to_string()))?;
    let converged =
        matches!(run.state.termination_status, TerminationStatus::Terminated(TerminationReason::SolverConverged));
    let theta = run.state.best_param.ok_or_else(|| CalibrationError::Search("it found no parameters".into()))?;
    Ok(Mode { theta, cost: run.state.best_cost, converged })
}

/// Searches from the prior medians and from `starts - 1` draws of the prior; the modes in order of their starts.
///
/// Draws come from one generator before anything runs in parallel, so the thread count changes nothing.
pub(crate) fn multi_start(fit: &Fit, starts: usize, seed: u64) -> Result<Vec<Mode>, CalibrationError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let centre = fit.start();
    let mut all = vec![centre.clone()];
    for _ in 1..starts.max(1) {
        // Uniform over the central two thirds of the prior, which a normal would leave in one draw of three.
        let draw = fit.free.iter().zip(&centre).map(|(f, c)| c + f.prior.sd_log * random.random_range(-1.0..1.0));
        all.push(draw.collect());
    }
    all.into_par_iter().map(|start| search(fit, start, 1e-9)).collect()
}

/// Discrepancy that the misfits at `theta` show, with the degrees of freedom that the data spent on parameters.
pub(crate) fn discrepancy(fit: &Fit, theta: &[f64], shrinkage: &[f64]) -> Result<Discrepancy, CalibrationError> {
    let misfits = fit.misfits(theta)?;
    let spent: f64 = shrinkage.iter().sum();
    let total = fit.observations.len() as f64;
    let of = |target: Target, fallback: f64| {
        let squares: Vec<f64> = fit
            .observations
            .iter()
            .zip(&misfits)
            .filter(|(o, _)| o.target == target)
            // Scatter of the mean is no fault of the model.
            .map(|(o, m)| m * m - o.sd_log * o.sd_log)
            .collect();
        if squares.is_empty() {
            return fallback;
        }
        let n = squares.len() as f64;
        let freedom = (n - spent * n / total).max(0.25 * n);
        (squares.iter().sum::<f64>().max(0.0) / freedom).sqrt().max(LEAST_DISCREPANCY)
    };
    Ok(Discrepancy { time: of(Target::Time, fit.discrepancy.time), power: of(Target::Power, fit.discrepancy.power) })
}

/// Covariance of ln(parameters) at a mode: the inverse of J^T J, prior included.
pub(crate) fn covariance(fit: &Fit, theta: &[f64]) -> Result<Vec<Vec<f64>>, CalibrationError> {
    let jacobian = fit.derivatives(theta)?;
    let (matrix, _) = linear::normal_equations(&jacobian, &vec![0.0; jacobian.len()]);
    let factor = linear::cholesky(&matrix)
        .ok_or_else(|| CalibrationError::Search("the posterior has no curvature at its mode".into()))?;
    Ok(linear::inverse(&factor))
}

/// 1 - posterior / prior variance: how much of each parameter the data determine.
pub(crate) fn shrinkage(fit: &Fit, covariance: &[Vec<f64>]) -> Vec<f64> {
    fit.free
        .iter()
        .enumerate()
        .map(|(i, free)| {
            let posterior = covariance.get(i).and_then(|row| row.get(i)).copied().unwrap_or(f64::INFINITY);
            (1.0 - posterior / free.prior.sd_log.powi(2)).clamp(0.0, 1.0)
        })
        .collect()
}
