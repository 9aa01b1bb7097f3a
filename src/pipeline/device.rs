//! Kernels on a device other than this CPU: a CUDA card, or the virtual node. Joins executors, sensors and the sizes of
//! the built-in plan.

use super::{Interrupted, Observer, characterise, sensors};
use crate::cuda::Selector;
use crate::harness::executor::cuda::CudaExecutor;
use crate::harness::sensor::Roots;
use crate::harness::sweep::Plan;
use crate::harness::vnode::{self, Pace, Vnode};
use crate::harness::window::{self, Rig, StopRule};
use crate::record::{Kernel, KernelSpec, Precision, Row};
use std::path::Path;
use std::str::FromStr;

/// Which device a benchmark runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Device {
    /// This machine's CPU.
    Cpu,
    /// A CUDA card, by index, UUID or PCI address.
    Cuda(String),
    /// A preset of the virtual node.
    Virtual(String),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            None if text == "cuda" => Ok(Self::Cuda("0".to_owned())),
            None if vnode::PRESETS.iter().any(|(name, _)| *name == text) => Ok(Self::Virtual(text.to_owned())),
            Some(("cuda", selector)) if !selector.is_empty() && selector.parse::<Selector>().is_ok() => {
                Ok(Self::Cuda(selector.to_owned()))
            }
            _ => {
                let presets: Vec<&str> = vnode::PRESETS.iter().map(|(name, _)| *name).collect();
                Err(format!(
                    "allowed are cpu, cuda, cuda:INDEX, cuda:GPU-UUID, cuda:PCI-ADDRESS, {}",
                    presets.join(", ")
                ))
            }
        }
    }
}

/// A device that is open, with its sensors, and what it lacks, in words.
///
/// # Errors
/// Driver, card or compiler is missing (the error says which, and the command that helps); the virtual node's state
/// can't be written.
pub fn open(device: &Device, state_file: &Path, seed: u64) -> anyhow::Result<(Rig, Vec<String>)> {
    match device {
        Device::Cpu => anyhow::bail!("this machine's CPU is characterised by tier and threads"),
        Device::Cuda(selector) => {
            let executor = CudaExecutor::open(&selector.parse::<Selector>()?)?;
            Ok(Rig::cuda(executor, &Roots::system()))
        }
        Device::Virtual(preset) => {
            let node = Vnode::open(&vnode::preset(preset)?, state_file, seed, Pace::Virtual)?;
            Ok((Rig::vnode(&node)?, Vec::new()))
        }
    }
}

/// The built-in plan's kernels and sizes, without probes: those asked for, or all.
///
/// # Errors
/// The built-in plan can't be read, which would be a defect.
pub fn specs(kernels: &[Kernel], precision: Option<Precision>) -> anyhow::Result<Vec<KernelSpec>> {
    let asked = |spec: &KernelSpec| kernels.is_empty() || kernels.contains(&spec.kernel);
    let mut specs = Plan::load("pipeline")?.specs;
    specs.retain(|spec| asked(spec) && precision.is_none_or(|p| spec.precision == p));
    Ok(specs)
}

/// What a device gave.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The rows.
    pub rows: Vec<Row>,
    /// What could not be measured, in words.
    pub skipped: Vec<String>,
}

/// Measures the specifications at the device's present settings; with options for them, idle windows before and after.
///
/// # Errors
/// A workload or sensor failed, or the user stopped.
pub fn measure(
    rig: &mut Rig,
    specs: &[KernelSpec],
    repeats: u32,
    manifest_id: &str,
    idle: Option<&characterise::Options>,
    observer: &dyn Observer,
) -> anyhow::Result<Outcome> {
    let options = window::Options::default();
    let before = idle.map(|idle| characterise::asleep(rig, idle, 0)).transpose()?.unwrap_or_default();
    let total = specs.len() as u64;
    let result = window::characterise(rig, specs, &options, StopRule::Fixed(repeats), &mut |done, spec| {
        observer.progress(done as u64, total, &spec.to_string());
        !observer.interrupted()
    })?;
    if observer.interrupted() {
        return Err(Interrupted { stage: "the measurement".to_owned(), kept: "nothing is kept".to_owned() }.into());
    }
    sensors::warn(&rig.check.agreements(), observer);
    let after = idle.map(|idle| characterise::asleep(rig, idle, 1)).transpose()?.unwrap_or_default();
    let mut rows = before;
    for mut more in [result.rows, after] {
        characterise::number(&mut more, &rows, manifest_id);
        rows.extend(more);
    }
    rows.iter_mut().for_each(|row| manifest_id.clone_into(&mut row.manifest_id));
    let skipped = result.skipped.iter().map(|s| format!("{}: {}", s.spec, s.reason)).collect();
    Ok(Outcome { rows, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_the_help_says() {
        assert_eq!("cpu".parse(), Ok(Device::Cpu));
        assert_eq!("cuda".parse(), Ok(Device::Cuda("0".into())));
        assert_eq!("cuda:1".parse(), Ok(Device::Cuda("1".into())));
        assert_eq!("vnode-a100".parse(), Ok(Device::Virtual("vnode-a100".into())));
        for bad in ["", "gpu", "vnode-k80", "cuda:", "rocm:0"] {
            assert!(bad.parse::<Device>().is_err_and(|e| e.contains("vnode-xeon")), "{bad}");
        }
    }

    #[test]
    fn the_plan_s_kernels_are_offered_without_its_probes() {
        let all = specs(&[], None).unwrap();
        assert!(all.iter().any(|spec| spec.precision == Precision::Bf16));
        let triad = specs(&[Kernel::Triad], Some(Precision::F32)).unwrap();
        assert!(!triad.is_empty() && triad.iter().all(|spec| spec.kernel == Kernel::Triad));
        assert_eq!(specs(&[Kernel::Triad], Some(Precision::Bf16)).unwrap(), []);
    }

    #[test]
    fn a_missing_card_is_an_error_with_a_remedy() {
        if let Err(error) = open(&Device::Cuda("0".into()), Path::new("unused"), 1) {
            assert!(error.to_string().len() > 30, "{error}");
        } else {
            println!("skipped: there is a CUDA card here");
        }
    }
}
