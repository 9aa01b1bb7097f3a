//! Differential evolution, best1bin with dither (Storn and Price 1997; the settings of thesis section 4.3.6 and of
//! `scipy.optimize.differential_evolution`).

use super::{SolveError, check_bounds};
use argmin::core::{CostFunction, Error, KV, PopulationState, Problem, Solver, TerminationReason, TerminationStatus};
use ergometer_record::stats;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The members of a generation: enough to go on with the search as if it had not stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Seed of the search.
    pub seed: u64,
    /// Generations that lie behind it.
    pub generation: u64,
    /// One point a member.
    pub members: Vec<Vec<f64>>,
    /// Their costs.
    pub costs: Vec<f64>,
}

/// State that argmin carries between generations: the best member, and the population beside the solver.
pub(super) type Carried = PopulationState<Vec<f64>, f64>;

/// best1bin: trial = best + F (a - b), crossed with the member that it competes with, clipped to the box.
///
/// Each generation draws from a random stream of its own, before anything runs in parallel, and members are replaced
/// after the whole generation is evaluated; so neither the number of threads nor a stop and resume changes anything.
#[derive(Debug, Clone)]
pub struct DifferentialEvolution {
    bounds: Vec<(f64, f64)>,
    size: usize,
    dither: (f64, f64),
    crossover: f64,
    tolerance: f64,
    guesses: Vec<Vec<f64>>,
    population: Population,
}

impl DifferentialEvolution {
    /// A search in a box with the thesis' settings: 15 members a parameter, F drawn from 0.5 to 1.5 for each
    /// generation, CR 0.7, Latin hypercube start; converged when the spread of the costs is below 1 % of their mean.
    ///
    /// # Errors
    /// A bound that is not finite or not ordered, no bounds at all.
    pub fn new(bounds: Vec<(f64, f64)>, seed: u64) -> Result<Self, SolveError> {
        check_bounds(&bounds)?;
        let population = Population { seed, generation: 0, members: Vec::new(), costs: Vec::new() };
        let size = (15 * bounds.len()).max(5);
        Ok(Self { bounds, size, dither: (0.5, 1.5), crossover: 0.7, tolerance: 0.01, guesses: Vec::new(), population })
    }

    /// Another number of members; at least 5 are taken.
    #[must_use]
    pub fn with_members(self, size: usize) -> Self {
        Self { size: size.max(5), ..self }
    }

    /// Stops when the standard deviation of the costs is at most `tolerance` times the magnitude of their mean.
    #[must_use]
    pub fn with_tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// Points that take the place of the first members of the start, clipped to the box. Those of another dimension
    /// are refused when the search begins.
    #[must_use]
    pub fn with_guesses(self, guesses: Vec<Vec<f64>>) -> Self {
        Self { guesses, ..self }
    }

    /// Goes on with a population that an earlier search left.
    ///
    /// # Errors
    /// Another seed, or members of another number, dimension or box.
    pub fn resume(self, population: Population) -> Result<Self, SolveError> {
        let fail = |what: String| Err(SolveError::Checkpoint(what));
        if population.seed != self.population.seed {
            return fail(format!("its seed is {}, not {}", population.seed, self.population.seed));
        }
        if population.members.len() != self.size || population.costs.len() != self.size {
            return fail(format!("it has {} members, not {}", population.members.len(), self.size));
        }
        let inside = |member: &Vec<f64>| {
            member.len() == self.bounds.len()
                && member.iter().zip(&self.bounds).all(|(x, (low, high))| (*low..=*high).contains(x))
        };
        if let Some(index) = population.members.iter().position(|member| !inside(member)) {
            return fail(format!("member {index} is not in the box of {} parameters", self.bounds.len()));
        }
        Ok(Self { population, ..self })
    }

    /// The population as it stands.
    pub fn population(&self) -> &Population {
        &self.population
    }

    fn random(&self, generation: u64) -> ChaCha8Rng {
        let mut random = ChaCha8Rng::seed_from_u64(self.population.seed);
        random.set_stream(generation);
        random
    }

    /// One member in each of `size` equal slices of every axis (McKay, Beckman and Conover 1979).
    fn latin_hypercube(&self) -> Vec<Vec<f64>> {
        let mut random = self.random(0);
        let mut members = vec![Vec::with_capacity(self.bounds.len()); self.size];
        let mut slices: Vec<usize> = (0..self.size).collect();
        for (low, high) in &self.bounds {
            for i in (1..slices.len()).rev() {
                slices.swap(i, random.random_range(0..=i));
            }
            for (member, slice) in members.iter_mut().zip(&slices) {
                let share = (*slice as f64 + random.random::<f64>()) / self.size as f64;
                member.push(low + (high - low) * share);
            }
        }
        for (member, guess) in members.iter_mut().zip(&self.guesses) {
            *member = guess.iter().zip(&self.bounds).map(|(x, (low, high))| x.clamp(*low, *high)).collect();
        }
        members
    }

    fn trials(&self) -> Vec<Vec<f64>> {
        let mut random = self.random(self.population.generation + 1);
        let members = &self.population.members;
        let (from, to) = self.dither;
        let factor = from + (to - from) * random.random::<f64>();
        let best = self.best();
        let dimensions = self.bounds.len();
        (0..members.len())
            .map(|target| {
                let first = other(&mut random, members.len(), [target, target]);
                let second = other(&mut random, members.len(), [target, first]);
                // One coordinate always comes from the mutant, or a trial could be the member itself.
                let sure = random.random_range(0..dimensions);
                (0..dimensions)
                    .map(|axis| {
                        let crossed = random.random::<f64>() < self.crossover || axis == sure;
                        if !crossed {
                            return members[target][axis];
                        }
                        let (low, high) = self.bounds[axis];
                        (members[best][axis] + factor * (members[first][axis] - members[second][axis])).clamp(low, high)
                    })
                    .collect()
            })
            .collect()
    }

    /// The member of least cost; the first of equals.
    fn best(&self) -> usize {
        let costs = self.population.costs.iter().enumerate();
        costs.min_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(index, _)| index)
    }

    fn carry(&self, state: Carried) -> Carried {
        let best = self.best();
        let cost = self.population.costs.get(best).copied().unwrap_or(f64::INFINITY);
        match self.population.members.get(best) {
            Some(member) => state.individual(member.clone()).cost(cost),
            None => state,
        }
    }
}

/// A member other than the two in `taken`, which may be equal.
fn other(random: &mut ChaCha8Rng, count: usize, taken: [usize; 2]) -> usize {
    loop {
        let pick = random.random_range(0..count);
        if !taken.contains(&pick) {
            return pick;
        }
    }
}

/// Costs of points, in parallel; a cost that is not a number loses against every other.
fn costs<O>(problem: &mut Problem<O>, points: &[Vec<f64>]) -> Result<Vec<f64>, Error>
where
    O: CostFunction<Param = Vec<f64>, Output = f64> + Sync,
{
    problem.bulk_problem("cost_count", points.len(), |objective| {
        let cost = |point| objective.cost(point).map(|cost| if cost.is_nan() { f64::INFINITY } else { cost });
        points.par_iter().with_min_len(8).map(cost).collect()
    })
}

impl<O> Solver<O, Carried> for DifferentialEvolution
where
    O: CostFunction<Param = Vec<f64>, Output = f64> + Sync,
{
    fn name(&self) -> &str {
        "Differential evolution (best1bin)"
    }

    fn init(&mut self, problem: &mut Problem<O>, state: Carried) -> Result<(Carried, Option<KV>), Error> {
        if let Some(guess) = self.guesses.iter().find(|guess| guess.len() != self.bounds.len()) {
            let text = format!("a guess has {} parameters and the box {}", guess.len(), self.bounds.len());
            return Err(SolveError::Failed(text).into());
        }
        if self.population.members.is_empty() {
            self.population.members = self.latin_hypercube();
            self.population.costs = costs(problem, &self.population.members)?;
        }
        Ok((self.carry(state), None))
    }

    fn next_iter(&mut self, problem: &mut Problem<O>, state: Carried) -> Result<(Carried, Option<KV>), Error> {
        let trials = self.trials();
        let tried = costs(problem, &trials)?;
        let Population { members, costs, generation, .. } = &mut self.population;
        for ((member, cost), (trial, new)) in members.iter_mut().zip(costs).zip(trials.into_iter().zip(tried)) {
            if new <= *cost {
                (*member, *cost) = (trial, new);
            }
        }
        *generation += 1;
        Ok((self.carry(state), None))
    }

    fn terminate(&mut self, _state: &Carried) -> TerminationStatus {
        let costs = &self.population.costs;
        let settled = match (stats::mean(costs), stats::standard_deviation(costs)) {
            (Some(mean), Some(spread)) => spread <= self.tolerance * mean.abs(),
            _ => false,
        };
        if settled {
            TerminationStatus::Terminated(TerminationReason::SolverConverged)
        } else {
            TerminationStatus::NotTerminated
        }
    }
}
