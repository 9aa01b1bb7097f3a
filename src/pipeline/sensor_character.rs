//! What the sensors of this machine, or of a virtual device, really are. Joins the harness' characterisation with
//! something that loads the device, and keeps what was found.

use crate::cuda::Selector;
use crate::harness::characterise::{Bench, Characterisation, Identity, identify, observe, store};
use crate::harness::clock::RealClock;
use crate::harness::executor::cpu::CpuExecutor;
use crate::harness::executor::cuda::CudaExecutor;
use crate::harness::executor::vnode::VnodeExecutor;
use crate::harness::executor::{Executor, Workload};
use crate::harness::sensor::{Roots, Sensor, probe};
use crate::harness::vnode::{self, Pace, Vnode};
use crate::kernels::{Pool, Tier, Topology};
use crate::record::{Kernel, KernelSpec, Precision, Size};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::OffsetDateTime;
use time::macros::format_description;

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// One a device.
    pub found: Vec<Characterisation>,
    /// Where they are kept, in the same order; empty for a virtual device, which is what its preset says.
    pub files: Vec<PathBuf>,
    /// What could not be characterised or loaded, and why.
    pub absent: Vec<String>,
    /// For a virtual device: its sensors as the preset has them.
    pub truth: Vec<String>,
}

/// Characterises every sensor of this machine, device by device, and stores the results in `folder`.
///
/// # Errors
/// A sensor or a load failed on the way, or the folder can't be written.
pub fn of_machine(roots: &Roots, folder: &Path, say: &mut dyn FnMut(&str)) -> anyhow::Result<Outcome> {
    // As they are, without what an earlier characterisation found.
    let raw = Roots { characterised: None, ..roots.clone() };
    let mut outcome = Outcome::default();
    let mut devices: BTreeMap<Identity, Vec<Box<dyn Sensor>>> = BTreeMap::new();
    for found in probe(&raw) {
        match found {
            Ok(sensor) => match identify(sensor.info(), &raw) {
                Some(identity) => devices.entry(identity).or_default().push(sensor),
                None => outcome.absent.push(format!("{}: a model, or of an unknown device", sensor.info().id)),
            },
            Err(error) => outcome.absent.push(error.to_string()),
        }
    }
    for (identity, mut sensors) in devices {
        say(&identity.device);
        let mut load = match load(&identity, &sensors) {
            Ok(load) => Some(load),
            Err(error) => {
                outcome.absent.push(format!("{} can't be loaded: {error:#}", identity.device));
                None
            }
        };
        let clock = RealClock::new();
        let load = load.as_mut().map(|load| load.as_mut() as &mut dyn Workload);
        let mut bench = Bench { sensors: &mut sensors, load, clock: &clock };
        let sensors = observe(&mut bench, say)?;
        let Identity { device, driver } = identity;
        let found = Characterisation { version: Characterisation::VERSION, date: now()?, device, driver, sensors };
        outcome.files.push(store::write(folder, &found)?);
        outcome.found.push(found);
    }
    Ok(outcome)
}

/// Something that makes the device of these sensors draw power.
fn load(identity: &Identity, sensors: &[Box<dyn Sensor>]) -> anyhow::Result<Box<dyn Workload>> {
    let of = |prefix: &str| sensors.iter().any(|s| s.info().id.starts_with(prefix));
    if of("nvml:") {
        // The UUID stands last in the device's name.
        let uuid = identity.device.rsplit(' ').next().unwrap_or_default();
        let mut executor = CudaExecutor::open(&uuid.parse::<Selector>()?)?;
        return Ok(executor.prepare(&spec(1 << 24)?)?);
    }
    if of("hwmon:amdgpu") || of("hwmon:i915") || of("hwmon:xe") {
        anyhow::bail!("ergometer has kernels for NVIDIA cards and processors only; its load is whatever runs there");
    }
    let topology = Topology::detect()?;
    let pool = Arc::new(Pool::new(&topology, None)?);
    Ok(CpuExecutor::new(Tier::best(), pool, identity.device.clone()).prepare(&spec(1 << 16)?)?)
}

/// Monte Carlo: it needs no memory, and an execution of it is short beside any update period.
fn spec(samples: u64) -> anyhow::Result<KernelSpec> {
    Ok(KernelSpec::new(Kernel::MonteCarlo, Size::Samples { samples }, Precision::F32)?)
}

/// Characterises the sensors of a preset of the virtual node. Nothing is stored: what they are, the preset says.
///
/// # Errors
/// There is no such preset, or its state can't be written.
pub fn of_virtual(preset: &str, seed: u64, state: &Path, say: &mut dyn FnMut(&str)) -> anyhow::Result<Outcome> {
    let physics = vnode::preset(preset)?;
    let node = Vnode::open(&physics, state, seed, Pace::Virtual)?;
    let (mut sensors, clock) = (node.sensors(), node.clock());
    let mut load = VnodeExecutor::new(&node).prepare(&spec(1 << 20)?)?;
    let mut bench = Bench { sensors: &mut sensors, load: Some(load.as_mut()), clock: clock.as_ref() };
    let sensors = observe(&mut bench, say)?;
    let truth = physics.sensors.iter().map(|s| {
        let window =
            if s.averaging_s > 0.0 { format!(", window {:.3} ms", 1e3 * s.averaging_s) } else { String::new() };
        format!("vnode:{}: period {:.3} ms{window}, step {:e}, gain {}", s.id, 1e3 * s.period_s, s.resolution, s.gain)
    });
    let driver = format!("virtual, {}", env!("CARGO_PKG_VERSION"));
    let device = physics.name.clone();
    let found = Characterisation { version: Characterisation::VERSION, date: now()?, device, driver, sensors };
    Ok(Outcome { truth: truth.collect(), found: vec![found], ..Outcome::default() })
}

fn now() -> anyhow::Result<String> {
    Ok(OffsetDateTime::now_utc().format(format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_device_is_printed_beside_its_truth_and_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = of_virtual("a100", 1, &folder.path().join("state.json"), &mut |_| {}).unwrap();
        assert!(outcome.files.is_empty() && outcome.absent.is_empty());
        assert!(outcome.truth[1].contains("window 25.000 ms"), "{:?}", outcome.truth);
        let text = outcome.found[0].to_string();
        assert!(text.contains("averaging window") && text.contains("cannot be told"), "{text}");
    }

    #[test]
    fn a_machine_without_sensors_gives_reasons_and_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = of_machine(&Roots::fixture(folder.path()), folder.path(), &mut |_| {}).unwrap();
        assert!(outcome.found.is_empty() && outcome.files.is_empty() && outcome.absent.len() >= 3, "{outcome:?}");
    }
}
