//! Stage 5: the calibrated models as the oracle of a schedule. Joins device files with scenarios.

use super::Observer;
use crate::model::workload::Workload;
use crate::model::workload::preset::{self, Options};
use crate::record::Precision;
use crate::sim::experiment::{self, Results};
use crate::sim::scenario::{Overrides, Scenario};
use anyhow::Context as _;
use std::path::Path;

/// The three jobs of thesis 5.5.1: network, batch per GPU, precision.
pub const JOBS: [(&str, Precision); 3] =
    [("vit-b16", Precision::F32), ("albert-base-v2", Precision::Bf16), ("resnet50", Precision::F32)];

/// The training jobs of the simulation, characterised.
///
/// # Errors
/// A preset is missing or refuses its own defaults, which would be a defect.
pub fn workloads() -> anyhow::Result<Vec<Workload>> {
    JOBS.iter()
        .map(|(name, precision)| {
            let defaults = preset::default_options(name).with_context(|| format!("{name} is no preset"))?;
            Ok(preset::build(name, &Options { precision: *precision, ..defaults })?)
        })
        .collect()
}

/// Loads a scenario; `device` is the file of a calibrated GPU for the type `calibrated`.
///
/// # Errors
/// The scenario or a file that it names makes no sense.
pub fn scenario(name: &str, device: Option<&Path>, overrides: Overrides) -> anyhow::Result<Scenario> {
    let mut overrides = overrides;
    if let Some(device) = device {
        overrides.devices.insert("calibrated".to_owned(), device.display().to_string());
    }
    Scenario::load(name, &overrides).with_context(|| format!("the scenario {name} can't be run"))
}

/// Runs every policy on every seed.
pub fn run(scenario: &Scenario, observer: &dyn Observer) -> Results {
    experiment::run(scenario, &|done, total| observer.progress(done as u64, total as u64, &scenario.name))
}
