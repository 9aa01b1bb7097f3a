//! Which device and which driver stand behind a sensor: what a characterisation holds for.

use crate::sensor::nvml;
use crate::sensor::roots::read_trimmed;
use crate::sensor::{Roots, SensorInfo};
use serde::{Deserialize, Serialize};

/// A device and the driver that its readings come through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Model, and what tells one from its likes: cards of one model differ in gain.
    pub device: String,
    /// Driver version; for what the kernel drives, the kernel's release.
    pub driver: String,
}

/// The device and driver of a sensor; `None` for models, and where either is not told.
pub fn identify(info: &SensorInfo, roots: &Roots) -> Option<Identity> {
    let mut parts = info.id.split(':');
    match parts.next()? {
        "nvml" => {
            let library = nvml::load(&roots.nvml).ok()?;
            let card = library.device_by_index(parts.next()?.parse().ok()?).ok()?;
            let device = format!("{} {}", card.name().ok()?, card.uuid().ok()?);
            Some(Identity { device, driver: library.sys_driver_version().ok()? })
        }
        "powercap" | "perf" => Some(Identity { device: processor(roots)?, driver: kernel(roots)? }),
        "hwmon" => {
            let name = parts.next()?;
            // The address has colons of its own (`0000:03:00.0`); the file's name comes last.
            let address: Vec<&str> = parts.collect();
            let address = address.split_last()?.1.join(":");
            Some(Identity { device: format!("{name} {address}"), driver: kernel(roots)? })
        }
        _ => None,
    }
}

fn processor(roots: &Roots) -> Option<String> {
    let text = read_trimmed(&roots.proc.join("cpuinfo")).ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn kernel(roots: &Roots) -> Option<String> {
    read_trimmed(&roots.proc.join("sys/kernel/osrelease")).ok().map(|release| format!("Linux {release}"))
}
