//! Stage 4: device models from rows. Joins records with the model crate, and the virtual node's truth with what was
//! recovered.

use crate::harness::doctor::Doctor;
use crate::harness::vnode::Truth;
use crate::kernels::Topology;
use crate::model::DeviceModel;
use crate::model::calibrate::{Accept, Calibration, Options, calibrate, start};
use crate::model::validate::{Recovery, recover};
use crate::record::Row;
use anyhow::Context as _;
use serde_json::Value;
use std::collections::BTreeMap;

/// A device model of this machine's CPU from its own rows: times, and powers only where a sensor measured them.
///
/// # Errors
/// The rows tell no rate or bandwidth, or the fit fails.
pub fn cpu(rows: &[Row], doctor: &Doctor, topology: &Topology, seed: u64) -> anyhow::Result<Calibration> {
    let facts = start::CpuFacts {
        name: "this-cpu".to_owned(),
        title: super::examine::cpu_model(doctor),
        cores: u32::try_from(topology.cores().len()).unwrap_or(u32::MAX),
        clock_hz: None,
        last_level_cache_bytes: topology.cache_bytes(3).or_else(|| topology.cache_bytes(2)).map(|bytes| bytes as f64),
    };
    let device = start::cpu(&facts, rows).context("no device model of this CPU could be started")?;
    calibrate(&device, rows, &options(seed, false, Some("this-cpu"))).context("the calibration of this CPU failed")
}

/// A device model from a sweep. Rows of the virtual node are accepted, and the result is labelled virtual.
///
/// # Errors
/// No shipped description fits the device, or the fit fails.
pub fn sweep(rows: &[Row], start: &DeviceModel, seed: u64) -> anyhow::Result<Calibration> {
    calibrate(start, rows, &options(seed, true, None)).context("the calibration from the sweep failed")
}

/// The shipped description that the rows' device name points to.
///
/// # Errors
/// None fits: the error lists them.
pub fn start_for(rows: &[Row]) -> anyhow::Result<DeviceModel> {
    let name = rows.first().map(|row| row.device.clone()).unwrap_or_default();
    Ok(start::gpu(&name)?)
}

fn options(seed: u64, virtual_rows: bool, name: Option<&str>) -> Options {
    Options {
        seed,
        accept: Accept { virtual_rows, ..Accept::default() },
        name: name.map(str::to_owned),
        ..Options::default()
    }
}

/// What the calibration found beside what is true of the virtual device.
///
/// # Errors
/// The truth can't be flattened into names and numbers, which would be a defect.
pub fn compare_with_truth(truth: &Truth, calibration: &Calibration) -> anyhow::Result<Recovery> {
    let mut names = BTreeMap::new();
    flatten("", &serde_json::to_value(truth)?, &mut names);
    Ok(recover(&names, calibration))
}

fn flatten(prefix: &str, value: &Value, into: &mut BTreeMap<String, f64>) {
    match value {
        Value::Number(number) => {
            if let Some(number) = number.as_f64() {
                into.insert(prefix.to_owned(), number);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, into);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::vnode;

    #[test]
    fn the_truth_is_flattened_by_the_names_that_recovery_knows() {
        let truth = Truth::of(&vnode::preset("vnode-a100").unwrap());
        let mut names = BTreeMap::new();
        flatten("", &serde_json::to_value(&truth).unwrap(), &mut names);
        for name in ["gemm_flops_per_s.bf16", "dram_bytes_per_s", "idle_w", "ridge_hz"] {
            assert!(names.contains_key(name), "{name} is not among {:?}", names.keys());
        }
    }
}
