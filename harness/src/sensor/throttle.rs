//! What keeps a device below the clock that it is asked for.

use std::fmt;

/// One reason, in the order in which NVIDIA lists them. Idling is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Throttle {
    /// The power limit, whether asked for or the device's own.
    PowerLimit,
    /// A slowdown by the hardware, for temperature or power.
    Hardware,
    /// The slowest card of a group that shares its clock.
    SyncBoost,
    /// The temperature, by the driver.
    DriverTemperature,
    /// The temperature, by the hardware.
    HardwareTemperature,
    /// An external power brake.
    PowerBrake,
}

impl Throttle {
    /// As it stands after "held back by".
    pub fn text(self) -> &'static str {
        match self {
            Self::PowerLimit => "the power limit",
            Self::Hardware => "the hardware (temperature or power)",
            Self::SyncBoost => "the slowest card of its sync-boost group",
            Self::DriverTemperature => "the temperature (driver)",
            Self::HardwareTemperature => "the temperature (hardware)",
            Self::PowerBrake => "the external power brake",
        }
    }
}

impl fmt::Display for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}
