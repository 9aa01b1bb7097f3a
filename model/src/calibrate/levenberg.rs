//! Levenberg-Marquardt in a box, as an argmin solver: Marquardt's diagonal scaling, damping divided after a step that
//! helped and multiplied after one that did not (Marquardt 1963; Nocedal and Wright, chapter 10).

use super::linear;
use argmin::core::{
    ArgminError, Error, IterState, Jacobian, KV, Operator, Problem, Solver, State, TerminationReason, TerminationStatus,
};

/// State that argmin carries between iterations.
pub(crate) type Carried = IterState<Vec<f64>, (), Vec<Vec<f64>>, (), Vec<f64>, f64>;

/// Minimises half the sum of squares of an [`Operator`]'s residuals.
#[derive(Debug, Clone)]
pub(crate) struct LevenbergMarquardt {
    lower: Vec<f64>,
    upper: Vec<f64>,
    damping: f64,
    tolerance: f64,
    converged: bool,
}

impl LevenbergMarquardt {
    /// A solver for parameters between `lower` and `upper`.
    pub(crate) fn new(lower: Vec<f64>, upper: Vec<f64>) -> Self {
        Self { lower, upper, damping: 1e-3, tolerance: 1e-9, converged: false }
    }

    /// Stops when a step lowers the cost by less than `tolerance` of it.
    pub(crate) fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }
}

fn half_square(residuals: &[f64]) -> f64 {
    0.5 * residuals.iter().map(|r| r * r).sum::<f64>()
}

fn bug(text: &str) -> Error {
    ArgminError::PotentialBug { text: text.to_owned() }.into()
}

impl<O> Solver<O, Carried> for LevenbergMarquardt
where
    O: Operator<Param = Vec<f64>, Output = Vec<f64>> + Jacobian<Param = Vec<f64>, Jacobian = Vec<Vec<f64>>>,
{
    fn name(&self) -> &str {
        "Levenberg-Marquardt"
    }

    fn init(&mut self, problem: &mut Problem<O>, mut state: Carried) -> Result<(Carried, Option<KV>), Error> {
        let param = state.take_param().ok_or_else(|| bug("Levenberg-Marquardt starts without parameters"))?;
        let residuals = problem.apply(&param)?;
        let cost = half_square(&residuals);
        Ok((state.param(param).residuals(residuals).cost(cost), None))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, state: Carried) -> Result<(Carried, Option<KV>), Error> {
        let param = state.get_param().ok_or_else(|| bug("no parameters"))?.clone();
        let residuals = state.get_residuals().ok_or_else(|| bug("no residuals"))?.clone();
        let cost = state.get_cost();
        let jacobian = problem.jacobian(&param)?;
        let (matrix, gradient) = linear::normal_equations(&jacobian, &residuals);
        for _ in 0..20 {
            let mut damped = matrix.clone();
            for (i, row) in damped.iter_mut().enumerate() {
                row[i] += self.damping * row[i].max(1e-12);
            }
            if let Some(factor) = linear::cholesky(&damped) {
                let step = linear::solve(&factor, &gradient);
                let trial: Vec<f64> =
                    (0..param.len()).map(|i| (param[i] - step[i]).clamp(self.lower[i], self.upper[i])).collect();
                let moved = trial.iter().zip(&param).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                let tried = problem.apply(&trial)?;
                let trial_cost = half_square(&tried);
                if trial_cost < cost {
                    self.damping = (self.damping / 5.0).max(1e-12);
                    self.converged = cost - trial_cost <= self.tolerance * cost || moved < 1e-9;
                    return Ok((state.param(trial).residuals(tried).cost(trial_cost), None));
                }
                if moved < 1e-9 {
                    break;
                }
            }
            self.damping *= 4.0;
        }
        // No step of any length helps: a minimum up to rounding, or in a corner of the box.
        self.converged = true;
        Ok((state.param(param).residuals(residuals).cost(cost), None))
    }

    fn terminate(&mut self, _state: &Carried) -> TerminationStatus {
        if self.converged {
            TerminationStatus::Terminated(TerminationReason::SolverConverged)
        } else {
            TerminationStatus::NotTerminated
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argmin::core::Executor;

    /// Rosenbrock's function as residuals (10 (y - x^2), 1 - x).
    struct Rosenbrock;

    impl Operator for Rosenbrock {
        type Param = Vec<f64>;
        type Output = Vec<f64>;
        fn apply(&self, p: &Vec<f64>) -> Result<Vec<f64>, Error> {
            Ok(vec![10.0 * (p[1] - p[0] * p[0]), 1.0 - p[0]])
        }
    }

    impl Jacobian for Rosenbrock {
        type Param = Vec<f64>;
        type Jacobian = Vec<Vec<f64>>;
        fn jacobian(&self, p: &Vec<f64>) -> Result<Vec<Vec<f64>>, Error> {
            Ok(vec![vec![-20.0 * p[0], 10.0], vec![-1.0, 0.0]])
        }
    }

    fn minimise(upper: f64) -> Vec<f64> {
        let solver = LevenbergMarquardt::new(vec![-5.0; 2], vec![upper; 2]);
        let run = Executor::new(Rosenbrock, solver)
            .configure(|state| state.param(vec![-1.2, 1.0]).max_iters(200))
            .timer(false)
            .ctrlc(false)
            .run()
            .unwrap();
        run.state.get_best_param().unwrap().clone()
    }

    #[test]
    fn rosenbrocks_valley_ends_at_one_one() {
        let best = minimise(5.0);
        assert!((best[0] - 1.0).abs() < 1e-6 && (best[1] - 1.0).abs() < 1e-6, "{best:?}");
    }

    #[test]
    fn the_box_is_kept() {
        let best = minimise(0.5);
        assert!(best.iter().all(|x| *x <= 0.5), "{best:?}");
        // On y = 0.5 the cost 50 (y - x^2)^2 + (1 - x)^2 / 2 is least at x = 0.5 within the box.
        assert!((best[0] - 0.5).abs() < 1e-6, "{best:?}");
    }
}
