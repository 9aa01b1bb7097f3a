//! Policies times seeds: every policy on the same arrivals and the same luck, on all cores.
//!
//! - [`rows`]: one row per policy and seed as CSV; [`compare`]: paired differences with intervals.

pub mod compare;
pub mod rows;

pub use compare::{Figure, PolicySummary, Summary};
pub use rows::Row;

use crate::engine::{Outcome, simulate};
use crate::metrics::load::capacity_per_s;
use crate::scenario::{Entry, Scenario};
use rayon::prelude::*;

/// What an experiment gave: rows in the order of (policy, seed), whatever the number of threads.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// Name of the scenario.
    pub scenario: String,
    /// Names of the GPU types, for the columns of their utilisation.
    pub hardware: Vec<String>,
    /// Those of them whose device model was calibrated on the virtual node: wherever these results are shown, so is this.
    pub virtual_hardware: Vec<String>,
    /// Label of the baseline.
    pub baseline: String,
    /// Label, title and options of each policy, in order.
    pub policies: Vec<PolicyHead>,
    /// One row per policy and seed.
    pub rows: Vec<Row>,
}

/// What is to be known of a policy beside its rows.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct PolicyHead {
    /// Name in rows.
    pub label: String,
    /// With the thesis' name: `sjf (thesis: Pollux)`.
    pub title: String,
    /// Options as `key = value`.
    pub options: String,
    /// Arrival rate over the highest that the cluster could bear in the fluid limit with this policy's placements.
    pub offered_load: f64,
}

impl PolicyHead {
    /// False when queues must grow without bound whatever the policy does.
    pub fn can_be_stable(&self) -> bool {
        self.offered_load < 1.0
    }
}

/// Runs every policy of a scenario on every seed. `progress` is told after each run how many of how many are done.
pub fn run(scenario: &Scenario, progress: &(dyn Fn(usize, usize) + Sync)) -> Results {
    let policies: Vec<PolicyHead> = scenario.policies.iter().map(|entry| head(scenario, entry)).collect();
    let total = scenario.policies.len() * scenario.seeds.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let rows = (0..total)
        .into_par_iter()
        .map(|index| {
            let (policy, seed) = (index / scenario.seeds.len(), scenario.seeds[index % scenario.seeds.len()]);
            let outcome = run_one(scenario, &scenario.policies[policy], seed, false);
            progress(done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1, total);
            Row {
                scenario: scenario.name.clone(),
                policy: policies[policy].label.clone(),
                seed,
                offered_load: policies[policy].offered_load,
                metrics: outcome.metrics,
            }
        })
        .collect();
    Results {
        scenario: scenario.name.clone(),
        hardware: scenario.cluster.hardware.iter().map(|hardware| hardware.name.clone()).collect(),
        virtual_hardware: {
            let types = scenario.cluster.hardware.iter().filter(|hardware| hardware.is_virtual);
            types.map(|hardware| hardware.name.clone()).collect()
        },
        baseline: policies[scenario.baseline].label.clone(),
        policies,
        rows,
    }
}

/// One run of one policy on one seed; with a log for plots of power over time and for the validator.
pub fn run_one(scenario: &Scenario, entry: &Entry, seed: u64, keep_log: bool) -> Outcome {
    simulate(&scenario.setup(entry, seed, keep_log), scenario.arrivals(seed))
}

fn head(scenario: &Scenario, entry: &Entry) -> PolicyHead {
    let templates = &scenario.workload.templates;
    let settings = entry.policy.uses_settings();
    let capacity = capacity_per_s(&scenario.cluster, templates, &scenario.book, entry.rigid, settings);
    PolicyHead {
        label: entry.label.clone(),
        title: entry.title(),
        options: entry.policy.options(),
        offered_load: scenario.arrival_rate_per_s / capacity,
    }
}
