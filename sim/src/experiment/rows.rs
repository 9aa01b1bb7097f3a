//! One row per policy and seed, as CSV. What has no value is an empty field, never 0.

use super::Results;
use crate::error::SimError;
use crate::metrics::Metrics;
use ergometer_record::files;
use std::path::Path;

/// Version of the layout.
pub const SCHEMA_VERSION: u32 = 1;

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Name of the scenario.
    pub scenario: String,
    /// Label of the policy.
    pub policy: String,
    /// Seed of arrivals and luck.
    pub seed: u64,
    /// See [`super::PolicyHead::offered_load`].
    pub offered_load: f64,
    /// The figures.
    pub metrics: Metrics,
}

/// A column: its name and its value.
type Column = (&'static str, fn(&Metrics) -> Option<f64>);

/// Columns after `schema_version, scenario, policy, seed, offered_load` and before the utilisation by type.
const COLUMNS: &[Column] = &[
    ("simulated_s", |m| Some(m.simulated_s)),
    ("arrived", |m| Some(m.arrived as f64)),
    ("finished", |m| Some(m.finished as f64)),
    ("running_at_end", |m| Some(m.running_at_end as f64)),
    ("waiting_at_end", |m| Some(m.waiting_at_end as f64)),
    ("throughput_per_h", |m| Some(m.throughput_per_h)),
    ("jct_mean_s", |m| m.jct_mean_s),
    ("jct_p50_s", |m| m.jct_p50_s),
    ("jct_p99_s", |m| m.jct_p99_s),
    ("wait_mean_s", |m| m.wait_mean_s),
    ("wait_p99_s", |m| m.wait_p99_s),
    ("slowdown_mean", |m| m.slowdown_mean),
    ("makespan_s", |m| m.makespan_s),
    ("queue_mean", |m| Some(m.queue_mean)),
    ("in_system_mean", |m| Some(m.in_system_mean)),
    ("queue_growth_per_h", |m| m.queue_growth_per_h),
    ("energy_jobs_j", |m| Some(m.jobs_j)),
    ("energy_idle_j", |m| Some(m.idle_j)),
    ("energy_host_j", |m| Some(m.host_j)),
    ("energy_total_j", |m| Some(m.total_j)),
    ("energy_per_job_j", |m| m.energy_per_job_j),
    ("edp_js", |m| m.edp_js),
    ("power_mean_w", |m| Some(m.mean_w)),
    ("power_peak_w", |m| Some(m.peak_w)),
    ("over_cap_ws", |m| m.over_cap_ws),
    ("deadlines_decided", |m| Some(m.deadlines_decided as f64)),
    ("deadlines_missed", |m| Some(m.deadlines_missed as f64)),
    ("deadline_miss_rate", |m| m.deadline_miss_rate),
    ("jain_jct", |m| m.jain_jct),
    ("jain_slowdown", |m| m.jain_slowdown),
    ("jain_allocation", |m| m.jain_allocation),
    ("preemptions", |m| Some(m.preemptions as f64)),
    ("lost_gpu_s", |m| Some(m.lost_gpu_s)),
    ("utilisation", |m| Some(m.utilisation)),
];

impl Results {
    /// The rows as CSV; equal for equal seeds, byte by byte.
    ///
    /// # Errors
    /// Never for what [`super::run`] gives; a label that is not text a CSV writer takes would be one.
    pub fn to_csv(&self) -> Result<String, SimError> {
        let problem = |error: String| SimError::Parse { file: "simulation rows".to_owned(), problem: error };
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> =
            ["schema_version", "scenario", "policy", "seed", "offered_load"].map(str::to_owned).to_vec();
        header.extend(COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
        header.extend(self.hardware.iter().map(|name| format!("utilisation_{name}")));
        writer.write_record(&header).map_err(|error| problem(error.to_string()))?;
        for row in &self.rows {
            let mut fields = vec![
                SCHEMA_VERSION.to_string(),
                row.scenario.clone(),
                row.policy.clone(),
                row.seed.to_string(),
                row.offered_load.to_string(),
            ];
            let values = COLUMNS.iter().map(|(_, of)| of(&row.metrics));
            fields.extend(values.map(|value| value.map_or_else(String::new, |value| value.to_string())));
            fields.extend(row.metrics.utilisation_by_type.iter().map(f64::to_string));
            writer.write_record(&fields).map_err(|error| problem(error.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|error| problem(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| problem(error.to_string()))
    }

    /// Writes the rows, whole or not at all.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write_csv(&self, path: &Path) -> Result<(), SimError> {
        Ok(files::write_whole(path, self.to_csv()?.as_bytes())?)
    }
}
