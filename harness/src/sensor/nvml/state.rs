//! What a card does at one moment.

use super::card::held_back_by;
use super::{Source, ask};
use ergometer_record::{Hertz, Watts};
use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One look at a card; what it does not tell is `None`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CardState {
    /// Die temperature, in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Clock of the multiprocessors.
    pub sm_clock: Option<Hertz>,
    /// Clock of the memory.
    pub memory_clock: Option<Hertz>,
    /// Present draw.
    pub power_instant: Option<Watts>,
    /// Draw averaged by the driver, over about a second.
    pub power_average: Option<Watts>,
    /// Power limit in force.
    pub power_limit: Option<Watts>,
    /// Share of the driver's sampling period in which a kernel ran: 1 says nothing about how many units it used.
    pub busy: Option<f64>,
    /// Share of that period in which memory was read or written.
    pub memory_busy: Option<f64>,
    /// What keeps the clock below the one asked for; empty when nothing does.
    pub held_back_by: Option<Vec<String>>,
}

impl CardState {
    pub(super) fn of(device: &Device<'_>) -> Self {
        let clock = |which| device.clock_info(which).ok().map(|mhz| Hertz::from_mhz(f64::from(mhz)));
        let power = |source| ask(device, source).ok().map(Watts);
        let busy = device.utilization_rates().ok();
        Self {
            temperature_c: device.temperature(TemperatureSensor::Gpu).ok().map(f64::from),
            sm_clock: clock(Clock::SM),
            memory_clock: clock(Clock::Memory),
            power_instant: power(Source::Instant),
            power_average: power(Source::Average),
            power_limit: device.power_management_limit().ok().map(|mw| Watts(f64::from(mw) * 1e-3)),
            busy: busy.as_ref().map(|rates| f64::from(rates.gpu) / 100.0),
            memory_busy: busy.as_ref().map(|rates| f64::from(rates.memory) / 100.0),
            held_back_by: held_back_by(device).ok().map(|reasons| reasons.iter().map(ToString::to_string).collect()),
        }
    }
}

impl fmt::Display for CardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        let power = self.power_instant.or(self.power_average);
        match (power, self.power_limit) {
            (Some(power), Some(limit)) => parts.push(format!("{:.0} W of {:.0} W allowed", power.0, limit.0)),
            (Some(power), None) => parts.push(format!("{:.0} W", power.0)),
            _ => {}
        }
        if let (Some(sm), Some(memory)) = (self.sm_clock, self.memory_clock) {
            parts.push(format!("SM {:.0} MHz, memory {:.0} MHz", sm.mhz(), memory.mhz()));
        }
        parts.extend(self.temperature_c.map(|c| format!("{c:.0} degrees Celsius")));
        parts.extend(self.busy.map(|share| format!("busy {:.0} %", 100.0 * share)));
        if let Some(reasons) = self.held_back_by.as_ref().filter(|reasons| !reasons.is_empty()) {
            parts.push(format!("held back right now by {}", reasons.join(" and ")));
        }
        f.write_str(&if parts.is_empty() { "tells nothing of its state".to_owned() } else { parts.join(", ") })
    }
}
