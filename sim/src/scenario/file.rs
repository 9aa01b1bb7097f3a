//! The layout of a scenario file. Unknown keys are refused.

use crate::input::Input;
use crate::oracle::NoiseOn;
use serde::Deserialize;

/// A scenario as it stands in its file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// Layout of the file.
    pub schema_version: u32,
    /// Name in results.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Cluster: preset name, or path relative to this file.
    pub cluster: String,
    /// Workload: preset name, or path relative to this file.
    pub workload: String,
    /// Arrivals per second.
    pub arrival_rate_per_s: Input<f64>,
    /// Simulated time.
    pub horizon_s: Input<f64>,
    /// Number of seeds.
    pub seeds: Input<u32>,
    /// First seed; 1 if absent.
    pub first_seed: Option<u64>,
    /// Decisions at its multiples; absent: when something changes.
    pub quantum_s: Option<Input<f64>>,
    /// Label of the policy that the others are compared with; the first if absent.
    pub baseline: Option<String>,
    /// A power to report when exceeded.
    pub report_cap_w: Option<Input<f64>>,
    /// What the scheduler believes.
    pub oracle: OracleFile,
    /// What happens; absent: the same oracle.
    pub truth: Option<OracleFile>,
    /// How belief and truth differ; absent: not at all.
    pub noise: Option<NoiseFile>,
    /// What preemption costs; absent: the last iteration (5.3.2.4).
    pub preemption: Option<PreemptionFile>,
    /// The policies.
    pub policies: Vec<PolicyFile>,
}

/// An oracle as it stands in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OracleFile {
    /// The devices of the cluster's GPU types.
    Model {
        /// Kind of model: `per-op`.
        model: String,
    },
    /// Throughputs in a CSV file.
    Table {
        /// Path relative to the scenario.
        file: String,
    },
    /// One rate.
    Constant {
        /// Rate of one GPU.
        samples_per_s: Input<f64>,
        /// Power of one GPU.
        power_per_gpu_w: Input<f64>,
        /// Scaling exponent; 1 if absent.
        exponent: Option<Input<f64>>,
    },
}

/// Noise as it stands in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoiseFile {
    /// Half width on time.
    pub time: Input<f64>,
    /// Half width on power.
    pub power: Input<f64>,
    /// `truth`, `belief` or `both`.
    pub on: Input<NoiseOn>,
    /// Noisy power is at most k TDP.
    pub clamp_to_tdp: Input<bool>,
}

/// Preemption as it stands in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreemptionFile {
    /// `last-iteration`, `last-checkpoint` or `all`.
    pub loss: Input<String>,
    /// Time to go on; 0 if absent.
    pub restart_s: Option<Input<f64>>,
    /// Useful time between checkpoints.
    pub period_s: Option<Input<f64>>,
    /// Time to write one; 0 if absent.
    pub save_s: Option<Input<f64>>,
}

/// A policy as it stands in the file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Name in the registry.
    pub name: String,
    /// Name in results; the name if absent.
    pub label: Option<String>,
    /// Jobs run as their rigid request says.
    #[serde(default)]
    pub rigid: bool,
    /// Its options.
    #[serde(default)]
    pub options: toml::Table,
}

impl PolicyFile {
    /// A policy with default options.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), label: None, rigid: false, options: toml::Table::new() }
    }

    /// Its name in results.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }
}
