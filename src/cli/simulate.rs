//! `ergometer simulate`.

use super::context::{Context, Outcome, usage};
use super::output;
use super::progress::Watch;
use crate::pipeline::{Observer, simulate};
use crate::record::Manifest;
use crate::record::format::json;
use crate::sim::scenario::Overrides;
use clap::Args;
use std::collections::BTreeMap;

/// Options of `ergometer simulate`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// A scenario: thesis, thesis-fit, calibrated, or a file (.toml).
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// Policies, comma separated, instead of the scenario's.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    policies: Vec<String>,
    /// Seeds per policy.
    #[arg(long, value_name = "N")]
    seeds: Option<u32>,
    /// Arrivals per second.
    #[arg(long, value_name = "RATE")]
    arrival_rate: Option<f64>,
    /// Simulated hours.
    #[arg(long, value_name = "HOURS")]
    hours: Option<f64>,
    /// Decisions at multiples of this many seconds, as the thesis' one-second tick.
    #[arg(long, value_name = "SECONDS")]
    quantum: Option<f64>,
    /// Device of a GPU type, such as calibrated=runs/…/devices/vnode-a100.toml.
    #[arg(long, value_name = "TYPE=DEVICE")]
    device: Vec<String>,
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let mut devices = BTreeMap::new();
    for pair in &options.device {
        let (name, device) =
            pair.split_once('=').ok_or_else(|| usage(format!("{pair:?} is not of the form TYPE=DEVICE")))?;
        devices.insert(name.to_owned(), device.to_owned());
    }
    let overrides = Overrides {
        seeds: options.seeds,
        first_seed: context.globals.seed,
        horizon_s: options.hours.map(|hours| hours * 3600.0),
        arrival_rate_per_s: options.arrival_rate,
        quantum_s: options.quantum,
        policies: (!options.policies.is_empty()).then(|| options.policies.clone()),
        devices,
    };
    let scenario = simulate::scenario(&options.scenario, None, overrides)?;
    let folder = context.run_folder("simulate")?;
    let mut manifest = context.manifest("simulate", scenario.oracles.to_vec(), format!("{options:?}"));
    // The scenario's own first seed counts where none is asked for.
    manifest.identity.seed = scenario.seeds.first().copied().unwrap_or_default();
    let manifest = Manifest::new(manifest.identity, manifest.circumstances);
    let watch = Watch::new(context);
    watch.stage("simulating");
    let results = simulate::run(&scenario, &watch);
    drop(watch);
    json::write(&folder.join("manifest.json"), &manifest)?;
    let file = folder.join("simulate.csv");
    results.write_csv(&file)?;
    let summary = results.summary();
    if context.globals.json {
        output::json(&summary)?;
    } else {
        output::text(&format!("{}results: {}\n", summary.to_text(), file.display()))?;
    }
    Ok(Outcome::Done)
}
