//! Standard functions with known minima (Rosenbrock 1960; Rastrigin 1974), free and against the walls of the box.

use super::*;
use argmin::core::{CostFunction, Error};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A function with the box that it must not be evaluated outside of.
#[derive(Clone)]
struct Inside {
    cost: fn(&[f64]) -> f64,
    bounds: Vec<(f64, f64)>,
    left: Arc<AtomicBool>,
}

impl Inside {
    fn new(cost: fn(&[f64]) -> f64, bounds: Vec<(f64, f64)>) -> Self {
        Self { cost, bounds, left: Arc::default() }
    }
}

impl CostFunction for Inside {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, point: &Vec<f64>) -> Result<f64, Error> {
        if point.iter().zip(&self.bounds).any(|(x, (low, high))| !(*low..=*high).contains(x)) {
            self.left.store(true, Ordering::Relaxed);
        }
        Ok((self.cost)(point))
    }
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|p| 100.0 * (p[1] - p[0] * p[0]).powi(2) + (1.0 - p[0]).powi(2)).sum()
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|v| 10.0 + v * v - 10.0 * (std::f64::consts::TAU * v).cos()).sum()
}

fn evolve(problem: &Inside, generations: u64, tolerance: f64) -> Minimum {
    let solver = DifferentialEvolution::new(problem.bounds.clone(), 7).unwrap().with_tolerance(tolerance);
    let found = minimise(problem.clone(), solver, generations, 50, |_| {}).unwrap();
    assert!(!problem.left.load(Ordering::Relaxed), "a point outside the box was evaluated");
    found
}

#[test]
fn evolution_finds_the_global_minimum_of_rastrigins_many() {
    let found = evolve(&Inside::new(rastrigin, vec![(-5.12, 4.0); 4]), 600, 0.0);
    assert!(found.cost < 1e-6, "{found:?}");
    assert!(found.point.iter().all(|x| x.abs() < 1e-4));
}

#[test]
fn evolution_then_polish_follows_rosenbrocks_valley() {
    let problem = Inside::new(rosenbrock, vec![(-3.0, 3.0); 4]);
    let rough = evolve(&problem, 60, 0.0);
    let fine = polish(problem.clone(), problem.bounds.clone(), rough.point.clone(), 500).unwrap();
    assert!(fine.cost <= rough.cost && fine.cost < 1e-8, "{rough:?} {fine:?}");
    assert!(fine.converged && !problem.left.load(Ordering::Relaxed));
}

#[test]
fn a_minimum_outside_the_box_ends_at_its_wall() {
    // With x at most 0.5 the least of 100 (y - x^2)^2 + (1 - x)^2 is at (0.5, 0.25).
    let problem = Inside::new(rosenbrock, vec![(-2.0, 0.5), (-2.0, 2.0)]);
    let polished = polish(problem.clone(), problem.bounds.clone(), vec![-1.5, 1.5], 500).unwrap();
    for found in [evolve(&problem, 300, 0.0), polished] {
        assert_eq!(found.point[0], 0.5, "{found:?}");
        assert!((found.point[1] - 0.25).abs() < 1e-5 && (found.cost - 0.25).abs() < 1e-8, "{found:?}");
    }
    assert!(!problem.left.load(Ordering::Relaxed));
}

#[test]
fn a_corner_is_found_where_every_coordinate_is_held() {
    let problem = Inside::new(|x| x.iter().sum(), vec![(1.0, 2.0); 3]);
    assert_eq!(polish(problem.clone(), problem.bounds.clone(), vec![1.7; 3], 50).unwrap().point, [1.0; 3]);
}

#[test]
fn threads_stops_and_resumes_change_nothing() {
    let problem = Inside::new(rastrigin, vec![(-5.0, 5.0); 3]);
    let solver = || DifferentialEvolution::new(problem.bounds.clone(), 3).unwrap().with_tolerance(0.0);
    let whole = minimise(problem.clone(), solver(), 40, 40, |_| {}).unwrap();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(|| minimise(problem.clone(), solver(), 40, 7, |_| {}).unwrap());
        assert_eq!((again.point, again.cost), (whole.point.clone(), whole.cost));
    }
    let mut checkpoint = None;
    minimise(problem.clone(), solver(), 13, 13, |progress| {
        checkpoint = Some(serde_json::to_string(progress.population).unwrap());
    })
    .unwrap();
    let population: Population = serde_json::from_str(&checkpoint.unwrap()).unwrap();
    assert_eq!(population.generation, 13);
    let rest = minimise(problem.clone(), solver().resume(population.clone()).unwrap(), 40, 9, |_| {}).unwrap();
    assert_eq!((rest.point, rest.cost, rest.iterations), (whole.point, whole.cost, 40));
    let elsewhere = DifferentialEvolution::new(vec![(0.0, 1.0); 3], 3).unwrap();
    assert!(matches!(elsewhere.resume(population.clone()), Err(SolveError::Checkpoint(_))));
    let reseeded = DifferentialEvolution::new(problem.bounds.clone(), 4).unwrap();
    assert!(matches!(reseeded.resume(population), Err(SolveError::Checkpoint(_))));
}

#[test]
fn the_start_has_one_member_in_every_slice_of_every_axis() {
    let problem = Inside::new(rastrigin, vec![(0.0, 2.0), (-8.0, 8.0)]);
    let solver = DifferentialEvolution::new(problem.bounds.clone(), 1).unwrap();
    let mut start = None;
    minimise(problem.clone(), solver, 0, 1, |progress| start = Some(progress.population.members.clone())).unwrap();
    for (axis, (low, high)) in problem.bounds.iter().enumerate() {
        let start = start.as_ref().unwrap();
        let mut slices: Vec<usize> =
            start.iter().map(|m| ((m[axis] - low) / (high - low) * start.len() as f64) as usize).collect();
        slices.sort_unstable();
        assert_eq!(slices, (0..30).collect::<Vec<_>>());
    }
}

#[test]
fn a_guess_is_never_lost_and_evaluations_are_counted() {
    let problem = Inside::new(rosenbrock, vec![(-2.0, 2.0); 2]);
    let solver = DifferentialEvolution::new(problem.bounds.clone(), 1).unwrap().with_guesses(vec![vec![1.0, 1.0]]);
    let found = minimise(problem, solver.with_tolerance(0.0), 3, 2, |_| {}).unwrap();
    assert_eq!((found.cost, found.evaluations), (0.0, 30 * 4));
}

#[test]
fn what_is_no_box_is_refused() {
    for bad in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
        let error = DifferentialEvolution::new(vec![(0.0, 1.0), bad], 1).unwrap_err();
        assert!(matches!(error, SolveError::Bounds { index: 1, .. }), "{error}");
        assert!(BoundedLbfgs::new(vec![bad]).is_err());
    }
    assert!(DifferentialEvolution::new(Vec::new(), 1).is_err());
}
