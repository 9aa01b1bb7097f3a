//! What a manifest says of the NVIDIA software and firmware of this machine.

use super::load;
use crate::sensor::roots::NvmlSource;

/// Versions that may change results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Of the driver.
    pub driver: Option<String>,
    /// Of each card's VBIOS, in NVML's order; those of cards that do not tell are left out.
    pub vbios: Vec<String>,
}

/// The versions; `None` where NVML can't be loaded.
pub fn versions(source: &NvmlSource) -> Option<Versions> {
    let nvml = load(source).ok()?;
    let of_card = |index: u32| nvml.device_by_index(index).and_then(|device| device.vbios_version()).ok();
    Some(Versions {
        driver: nvml.sys_driver_version().ok(),
        vbios: (0..nvml.device_count().unwrap_or(0)).filter_map(of_card).collect(),
    })
}
