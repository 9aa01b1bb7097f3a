//! Section: scheduling policies on the simulated cluster.

use super::value::{Estimate, Origin};
use ergometer_record::Interval;
use serde::{Deserialize, Serialize};

/// Policies compared on one cluster and one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Cluster, load, horizon and oracle in a sentence or two.
    pub description: String,
    /// `Modelled`, or `Virtual` when a device of the oracle was calibrated from the virtual node.
    pub origin: Origin,
    /// Seeds that every policy ran with.
    pub seeds: usize,
    /// The policy that differences are taken against.
    pub reference: String,
    /// One row per policy.
    pub policies: Vec<PolicyRow>,
    /// Sentences shown under the table: inputs that are assumed rather than printed in a source.
    pub notes: Vec<String>,
}

/// One policy over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// Its rule with the thesis' name, such as "sjf (thesis: Pollux)".
    pub policy: String,
    /// Jobs finished per hour.
    pub throughput_per_h: Metric,
    /// Energy of the cluster in kWh, idle and host power included.
    pub energy_kwh: Metric,
    /// Mean job completion time in hours; `None` when no job finished.
    pub jct_h: Option<Metric>,
    /// Deadlines missed in percent of the jobs that have one; `None` when none has.
    pub misses_pct: Option<Metric>,
}

/// A value over seeds, and its paired difference to the reference policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// The mean over seeds.
    pub value: Estimate,
    /// This policy minus the reference, seed by seed; `None` for the reference itself or under two seeds.
    pub difference: Option<Interval>,
}
