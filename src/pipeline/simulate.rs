//! Stage 5: the calibrated models as the oracle of a schedule. Joins device files with scenarios.

use super::Observer;
use crate::model::workload::Workload;
use crate::model::workload::preset;
use crate::record::Precision;
use crate::sim::experiment::{self, Results};
use crate::sim::scenario::{Overrides, Scenario};
use anyhow::Context as _;
use std::path::Path;

/// The training jobs of a scenario, characterised at their largest batch, by the name of their template.
///
/// # Errors
/// A template names no preset, or a precision that there is none of.
pub fn workloads(scenario: &Scenario) -> anyhow::Result<Vec<(String, Workload)>> {
    scenario
        .workload
        .templates
        .iter()
        .map(|template| {
            let network = &template.network;
            let mut options = preset::default_options(&network.preset)
                .with_context(|| format!("the job {} names no preset: {:?}", template.name, network.preset))?;
            if let Some(precision) = &network.precision {
                options.precision = precision.parse::<Precision>()?;
            }
            options.sequence = network.sequence.unwrap_or(options.sequence);
            options.image = network.image.unwrap_or(options.image);
            options.classes = network.classes.unwrap_or(options.classes);
            options.batch = template.batches.iter().copied().max().unwrap_or(options.batch);
            Ok((template.name.clone(), preset::build(&network.preset, &options)?))
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
