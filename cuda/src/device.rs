//! Devices: how one is chosen, and the properties that launch configurations derive from.

use crate::arch::Arch;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Which GPU: by index, UUID or PCI address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The driver's ordinal, after CUDA_VISIBLE_DEVICES.
    Index(u32),
    /// `GPU-...`, whole or its beginning, as `nvidia-smi -L` prints it.
    Uuid(String),
    /// `0000:65:00.0`; the domain may be left out, as `lspci` does.
    Pci(String),
}

impl Selector {
    /// Whether `device` is the one meant.
    pub fn matches(&self, device: &DeviceProperties) -> bool {
        match self {
            Self::Index(index) => device.index == *index,
            Self::Uuid(uuid) => device.uuid.to_ascii_lowercase().starts_with(&uuid.to_ascii_lowercase()),
            Self::Pci(address) => same_pci(address, &device.pci_address),
        }
    }
}

/// The driver writes the domain with four digits, NVML with eight, lspci often not at all.
fn same_pci(a: &str, b: &str) -> bool {
    fn parts(address: &str) -> Option<(u32, u32, u32, u32)> {
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let (rest, function) = address.split_once('.').unwrap_or((address, "0"));
        let fields: Vec<&str> = rest.split(':').collect();
        match fields.as_slice() {
            [domain, bus, device] => Some((hex(domain)?, hex(bus)?, hex(device)?, hex(function)?)),
            [bus, device] => Some((0, hex(bus)?, hex(device)?, hex(function)?)),
            _ => None,
        }
    }
    matches!((parts(a), parts(b)), (Some(a), Some(b)) if a == b)
}

impl Default for Selector {
    fn default() -> Self {
        Self::Index(0)
    }
}

impl FromStr for Selector {
    type Err = Infallible;
    /// A number is an index, a text with a colon a PCI address, anything else the beginning of a UUID (which then
    /// matches no device if it is nonsense, and the error lists those that there are).
    fn from_str(s: &str) -> Result<Self, Infallible> {
        Ok(match s.parse() {
            Ok(index) => Self::Index(index),
            Err(_) if s.contains(':') => Self::Pci(s.to_owned()),
            Err(_) if s.to_ascii_uppercase().starts_with("GPU-") => Self::Uuid(s.to_owned()),
            Err(_) => Self::Uuid(format!("GPU-{s}")),
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Uuid(text) | Self::Pci(text) => f.write_str(text),
        }
    }
}

/// What the driver says of a device. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceProperties {
    /// The driver's ordinal.
    pub index: u32,
    /// The model's name.
    pub name: String,
    /// `GPU-` and the UUID.
    pub uuid: String,
    /// Domain, bus, device and function.
    pub pci_address: String,
    /// Compute capability.
    pub compute_capability: (u32, u32),
    /// Multiprocessors.
    pub sm_count: u32,
    /// Resident threads per multiprocessor.
    pub threads_per_sm: u32,
    /// Shared memory that one block can have when it asks for it.
    pub shared_per_block_bytes: u32,
    /// L2 cache.
    pub l2_bytes: u64,
    /// Device memory.
    pub memory_bytes: u64,
}

impl DeviceProperties {
    /// The architecture that its kernels are compiled for.
    pub fn arch(&self) -> Arch {
        Arch::new(self.compute_capability.0, self.compute_capability.1)
    }

    /// One line that tells it from others.
    pub fn line(&self) -> String {
        format!("{}: {} ({}, {})", self.index, self.name, self.uuid, self.pci_address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::h200;

    #[test]
    fn devices_are_chosen_by_index_uuid_and_pci() {
        let device = h200();
        let matches = |text: &str| text.parse::<Selector>().unwrap().matches(&device);
        for good in
            ["0", "GPU-0123", "gpu-0123ABCD", "0123abcd", "0000:65:00.0", "00000000:65:00.0", "65:00.0", "65:00"]
        {
            assert!(matches(good), "{good}");
        }
        for bad in ["1", "GPU-9", "0000:66:00.0", "0001:65:00.0", "::", "", "x:y:z"] {
            assert_eq!(matches(bad), bad.is_empty(), "{bad}");
        }
    }
}
