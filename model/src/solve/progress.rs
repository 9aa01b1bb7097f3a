//! Running the two solvers one after the other, with progress and checkpoints in between.

use super::{BoundedLbfgs, DifferentialEvolution, Population, SolveError};
use argmin::core::{CostFunction, Executor, TerminationReason, TerminationStatus};
use serde::{Deserialize, Serialize};

/// Where a search stands, told after every block of generations.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Cost of the best member.
    pub best_cost: f64,
    /// The population: write it to a file, and [`DifferentialEvolution::resume`] goes on from there.
    pub population: &'a Population,
}

/// The end of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Minimum {
    /// The best point found.
    pub point: Vec<f64>,
    /// Its cost.
    pub cost: f64,
    /// Whether the solver's own criterion was met before the limit on iterations.
    pub converged: bool,
    /// Generations (evolution) or steps (polish).
    pub iterations: u64,
    /// Evaluations of the cost.
    pub evaluations: u64,
}

/// Runs differential evolution for at most `generations`, and calls `watch` every `block` generations and at the end.
///
/// A search that is stopped and resumed ends where one run would have ended.
///
/// # Errors
/// The cost fails.
pub fn minimise<O>(
    objective: O,
    mut solver: DifferentialEvolution,
    generations: u64,
    block: u64,
    mut watch: impl FnMut(Progress<'_>),
) -> Result<Minimum, SolveError>
where
    O: CostFunction<Param = Vec<f64>, Output = f64> + Sync + Clone,
{
    let mut evaluations = 0;
    loop {
        let left = generations.saturating_sub(solver.population().generation);
        let run = Executor::new(objective.clone(), solver)
            .configure(|state| state.max_iters(left.min(block.max(1))))
            .timer(false)
            .ctrlc(false)
            .run()
            .map_err(|error| SolveError::Failed(error.to_string()))?;
        evaluations += run.problem.counts.get("cost_count").copied().unwrap_or(0);
        let converged =
            matches!(run.state.termination_status, TerminationStatus::Terminated(TerminationReason::SolverConverged));
        let nothing = || SolveError::Failed("no point of the box has a cost".into());
        let point = run.state.best_individual.ok_or_else(nothing)?;
        let cost = run.state.best_cost;
        solver = run.solver;
        watch(Progress { best_cost: cost, population: solver.population() });
        let generation = solver.population().generation;
        if converged || generation >= generations {
            return Ok(Minimum { point, cost, converged, iterations: generation, evaluations });
        }
    }
}

/// Lowers the cost further from a point by [`BoundedLbfgs`]; never raises it.
///
/// # Errors
/// The bounds are no box, the start is of another dimension, the cost fails.
pub fn polish<O>(objective: O, bounds: Vec<(f64, f64)>, start: Vec<f64>, steps: u64) -> Result<Minimum, SolveError>
where
    O: CostFunction<Param = Vec<f64>, Output = f64>,
{
    let run = Executor::new(objective, BoundedLbfgs::new(bounds)?)
        .configure(|state| state.param(start).max_iters(steps))
        .timer(false)
        .ctrlc(false)
        .run()
        .map_err(|error| SolveError::Failed(error.to_string()))?;
    let converged =
        matches!(run.state.termination_status, TerminationStatus::Terminated(TerminationReason::SolverConverged));
    let evaluations = run.problem.counts.get("cost_count").copied().unwrap_or(0);
    let point = run.state.best_param.ok_or_else(|| SolveError::Failed("the start has no cost".into()))?;
    Ok(Minimum { point, cost: run.state.best_cost, converged, iterations: run.state.iter, evaluations })
}
