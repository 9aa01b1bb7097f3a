//! Limited-memory BFGS in a box by projection, as an argmin solver (Nocedal and Wright, sections 7.2 and 16.7;
//! Bertsekas 1982 for the projected search).

use super::{SolveError, check_bounds};
use argmin::core::{
    ArgminError, CostFunction, Error, IterState, KV, Problem, Solver, TerminationReason, TerminationStatus,
};
use std::collections::VecDeque;

/// State that argmin carries between iterations.
pub(super) type Carried = IterState<Vec<f64>, Vec<f64>, (), (), (), f64>;

/// Steps that the inverse Hessian remembers.
const MEMORY: usize = 10;

/// Halvings after which a direction is given up.
const HALVINGS: usize = 40;

/// Minimises a cost in a box with central differences as derivatives.
///
/// Coordinates at a bound whose gradient points outward are held; the others follow the two-loop recursion, and the
/// step is projected onto the box and halved until the cost falls enough (Armijo). Where the memory's direction does not
/// help, the gradient's own is tried with the memory cleared; where that does not help either, the search has
/// converged.
#[derive(Debug, Clone)]
pub struct BoundedLbfgs {
    bounds: Vec<(f64, f64)>,
    memory: VecDeque<Pair>,
    tolerance: f64,
    converged: bool,
}

/// One step and the change of the gradient along it.
#[derive(Debug, Clone)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
}

impl BoundedLbfgs {
    /// A solver for points in a box; it stops when a step lowers the cost by less than 1e-12 of it.
    ///
    /// # Errors
    /// A bound that is not finite or not ordered, no bounds at all.
    pub fn new(bounds: Vec<(f64, f64)>) -> Result<Self, SolveError> {
        check_bounds(&bounds)?;
        Ok(Self { bounds, memory: VecDeque::new(), tolerance: 1e-12, converged: false })
    }

    /// Stops when a step lowers the cost by less than `tolerance` of it.
    #[must_use]
    pub fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    fn project(&self, point: impl Iterator<Item = f64>) -> Vec<f64> {
        point.zip(&self.bounds).map(|(x, (low, high))| x.clamp(*low, *high)).collect()
    }

    /// Central differences, one-sided at a bound; steps are a share of the box's width.
    fn gradient<O>(&self, problem: &mut Problem<O>, at: &[f64]) -> Result<Vec<f64>, Error>
    where
        O: CostFunction<Param = Vec<f64>, Output = f64>,
    {
        let mut moved = at.to_vec();
        let mut gradient = Vec::with_capacity(at.len());
        for (axis, (low, high)) in self.bounds.iter().enumerate() {
            let (centre, step) = (at[axis], 1e-7 * (high - low));
            let (left, right) = ((centre - step).max(*low), (centre + step).min(*high));
            moved[axis] = right;
            let above = problem.cost(&moved)?;
            moved[axis] = left;
            let below = problem.cost(&moved)?;
            moved[axis] = centre;
            gradient.push((above - below) / (right - left));
        }
        Ok(gradient)
    }

    /// - H g by the two-loop recursion over the coordinates that are not held.
    fn direction(&self, gradient: &[f64], held: &[bool]) -> Vec<f64> {
        let free = |values: &[f64]| -> Vec<f64> {
            values.iter().zip(held).map(|(v, held)| if *held { 0.0 } else { *v }).collect()
        };
        let mut q = free(gradient);
        let pairs: Vec<(Vec<f64>, Vec<f64>, f64)> = self
            .memory
            .iter()
            .map(|pair| (free(&pair.step), free(&pair.change)))
            .map(|(step, change)| {
                let curvature = dot(&step, &change);
                (step, change, curvature)
            })
            // Without its held coordinates a pair may lose its curvature.
            .filter(|(step, _, curvature)| *curvature > 1e-12 * dot(step, step))
            .collect();
        let mut alphas = Vec::with_capacity(pairs.len());
        for (step, change, curvature) in pairs.iter().rev() {
            let alpha = dot(step, &q) / curvature;
            add(&mut q, -alpha, change);
            alphas.push(alpha);
        }
        if let Some((_, change, curvature)) = pairs.last() {
            let scale = curvature / dot(change, change);
            q.iter_mut().for_each(|v| *v *= scale);
        }
        for ((step, change, curvature), alpha) in pairs.iter().zip(alphas.iter().rev()) {
            let beta = dot(change, &q) / curvature;
            add(&mut q, alpha - beta, step);
        }
        q.iter().map(|v| -v).collect()
    }

    /// The projected point along `direction` whose cost is low enough, with its cost.
    fn line_search<O>(
        &self,
        problem: &mut Problem<O>,
        (at, cost): (&[f64], f64),
        gradient: &[f64],
        direction: &[f64],
        first: f64,
    ) -> Result<Option<(Vec<f64>, f64)>, Error>
    where
        O: CostFunction<Param = Vec<f64>, Output = f64>,
    {
        let mut length = first;
        for _ in 0..HALVINGS {
            let trial = self.project(at.iter().zip(direction).map(|(x, d)| x + length * d));
            let promised: f64 = trial.iter().zip(at).zip(gradient).map(|((t, x), g)| g * (t - x)).sum();
            if promised < 0.0 {
                let tried = problem.cost(&trial)?;
                if tried <= cost + 1e-4 * promised {
                    return Ok(Some((trial, tried)));
                }
            }
            length *= 0.5;
        }
        Ok(None)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    for (x, y) in to.iter_mut().zip(what) {
        *x += factor * y;
    }
}

impl<O> Solver<O, Carried> for BoundedLbfgs
where
    O: CostFunction<Param = Vec<f64>, Output = f64>,
{
    fn name(&self) -> &str {
        "Projected L-BFGS"
    }

    fn init(&mut self, problem: &mut Problem<O>, mut state: Carried) -> Result<(Carried, Option<KV>), Error> {
        let start = state.take_param().filter(|p| p.len() == self.bounds.len()).ok_or_else(|| {
            Error::from(ArgminError::InvalidParameter { text: "L-BFGS starts from a point of the box".into() })
        })?;
        let start = self.project(start.into_iter());
        let cost = problem.cost(&start)?;
        let gradient = self.gradient(problem, &start)?;
        Ok((state.param(start).cost(cost).gradient(gradient), None))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, mut state: Carried) -> Result<(Carried, Option<KV>), Error> {
        let bug = || Error::from(ArgminError::PotentialBug { text: "L-BFGS lost its point".into() });
        let at = state.take_param().ok_or_else(bug)?;
        let gradient = state.take_gradient().ok_or_else(bug)?;
        let cost = state.get_cost();
        let held: Vec<bool> = at
            .iter()
            .zip(&self.bounds)
            .zip(&gradient)
            .map(|((x, (low, high)), g)| (*x <= *low && *g > 0.0) || (*x >= *high && *g < 0.0))
            .collect();
        let mut found = None;
        if !self.memory.is_empty() {
            let direction = self.direction(&gradient, &held);
            found = self.line_search(problem, (&at, cost), &gradient, &direction, 1.0)?;
        }
        if found.is_none() {
            self.memory.clear();
            let direction = self.direction(&gradient, &held);
            // Without a memory the gradient's length means nothing: the first step tries a tenth of the box.
            let share = direction.iter().zip(&self.bounds).map(|(d, (low, high))| d.abs() / (high - low));
            let steepest = share.fold(0.0, f64::max);
            if steepest > 0.0 {
                found = self.line_search(problem, (&at, cost), &gradient, &direction, 0.1 / steepest)?;
            }
        }
        let Some((next, next_cost)) = found else {
            self.converged = true;
            return Ok((state.param(at).cost(cost).gradient(gradient), None));
        };
        let next_gradient = self.gradient(problem, &next)?;
        let step: Vec<f64> = next.iter().zip(&at).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        self.memory.push_back(Pair { step, change });
        if self.memory.len() > MEMORY {
            self.memory.pop_front();
        }
        self.converged = cost - next_cost <= self.tolerance * cost.abs();
        Ok((state.param(next).cost(next_cost).gradient(next_gradient), None))
    }

    fn terminate(&mut self, _state: &Carried) -> TerminationStatus {
        if self.converged {
            TerminationStatus::Terminated(TerminationReason::SolverConverged)
        } else {
            TerminationStatus::NotTerminated
        }
    }
}
