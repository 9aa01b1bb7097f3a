//! What a card offers, asked once. Drivers and generations differ, and a virtual GPU has next to nothing.

use super::{Source, ask};
use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::GpuVirtualizationMode;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whom a card's energy and power belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// One user at a time: energy and power are those of who runs on it.
    Whole,
    /// Multi-Instance GPU: slices side by side, one energy counter.
    Slices,
    /// This machine sees a virtual GPU, whose card belongs to the hypervisor.
    Virtual,
    /// The card's virtual GPUs are used by other machines.
    Host,
}

impl Sharing {
    /// What is shared and what is absent, in words; `None` for a card that nobody shares.
    pub fn caveat(self) -> Option<&'static str> {
        match self {
            Self::Whole => None,
            Self::Slices => Some(
                "MIG is on: energy, power, power limit and clocks are those of the whole card, with the work of all its \
                 slices in them; what one slice draws is not measured",
            ),
            Self::Virtual => Some(
                "this is a virtual GPU: energy, power and limits stay with the hypervisor's driver; measure on the host",
            ),
            Self::Host => Some(
                "the card hosts virtual GPUs: energy and power are the sum over all guests; what one guest draws is not \
                 measured",
            ),
        }
    }
}

/// The optional features of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// A running total of energy (Volta and later).
    pub energy: bool,
    /// The field `NVML_FI_DEV_POWER_INSTANT` (driver 530 and later): preferred for integration, because an average over
    /// a second smears what happened before the window into it.
    pub power_instant: bool,
    /// The field `NVML_FI_DEV_POWER_AVERAGE`.
    pub power_average: bool,
    /// The older call, which is an average on most generations since Ampere and instantaneous before (Yang et al.).
    pub power_usage: bool,
    /// Who shares the card.
    pub sharing: Sharing,
}

impl Features {
    pub(super) fn of(device: &Device<'_>) -> Self {
        let has = |source| ask(device, source).is_ok();
        let slices = device.mig_mode().is_ok_and(|mode| mode.current == 1);
        let sharing = match device.virtualization_mode() {
            Ok(GpuVirtualizationMode::Vgpu) => Sharing::Virtual,
            Ok(GpuVirtualizationMode::HostVgpu | GpuVirtualizationMode::HostVsga) => Sharing::Host,
            _ if slices => Sharing::Slices,
            _ => Sharing::Whole,
        };
        Self {
            energy: has(Source::Counter),
            power_instant: has(Source::Instant),
            power_average: has(Source::Average),
            power_usage: has(Source::Usage),
            sharing,
        }
    }

    /// The power to integrate.
    pub(super) fn power(&self) -> Option<Source> {
        [
            (self.power_instant, Source::Instant),
            (self.power_average, Source::Average),
            (self.power_usage, Source::Usage),
        ]
        .into_iter()
        .find_map(|(there, source)| there.then_some(source))
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.energy, "energy counter"),
            (self.power_instant, "instant power"),
            (self.power_average, "average power"),
            (self.power_usage, "power by the old call"),
        ];
        let there: Vec<&str> = names.iter().filter(|(there, _)| *there).map(|(_, name)| *name).collect();
        f.write_str(&if there.is_empty() { "no energy and no power".to_owned() } else { there.join(", ") })
    }
}
