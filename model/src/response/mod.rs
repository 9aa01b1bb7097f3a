//! How time and power of a workload that nobody counted follow clock and cap.
//!
//! The equations are those of [`crate::per_op`] with the sums over operations replaced by four numbers of the workload:
//! arithmetic, memory and waiting time at the top clock, and dynamic power. What a device's workloads share (voltage
//! curve, static power, lowest clock) is fitted to all of them together, so that a workload measured at three caps can
//! be predicted at others.

mod fit;

pub use fit::{Fit, Observation, ResponseError, Series, fit};

use crate::per_op::{Voltage, invert, p_norm};
use serde::{Deserialize, Serialize};

/// What the workloads of a device share.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeviceResponse {
    /// Power of a busy device that does not follow the clock, in W.
    pub static_w: f64,
    /// Mean power while a workload waits (for input, between launches), in W.
    pub wait_w: f64,
    /// Lowest voltage over the voltage at the top clock.
    pub voltage_floor: f64,
    /// Clock up to which the voltage stays at its floor, over the top clock: the ridge.
    pub voltage_knee: f64,
    /// Lowest clock that a cap reaches, over the top clock.
    pub lowest_clock: f64,
    /// p of (Tc^p + Tm^p)^(1/p).
    pub exponent: f64,
    /// Share of the dynamic power that follows the clock whatever the units do.
    pub active_share: f64,
}

/// One workload on that device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WorkloadResponse {
    /// Time of its arithmetic at the top clock if traffic were free, in s.
    pub compute_s: f64,
    /// Time of its traffic if arithmetic were free, in s.
    pub memory_s: f64,
    /// Time in which the device waits, in s.
    pub wait_s: f64,
    /// Dynamic power at the top clock if arithmetic took all of the time, in W.
    pub dynamic_w: f64,
}

/// What binds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Clock over the top clock; 1 where it is free.
    pub clock: f64,
    /// Power cap in W; absent where none binds.
    pub cap_w: Option<f64>,
}

impl DeviceResponse {
    fn voltage(&self) -> Voltage {
        Voltage { floor: self.voltage_floor, knee: self.voltage_knee }
    }

    /// Time in s and power in W of the working part of a step at a clock ratio.
    fn working(&self, work: &WorkloadResponse, ratio: f64) -> (f64, f64) {
        let compute_s = work.compute_s / ratio;
        let time = p_norm(compute_s, work.memory_s, self.exponent);
        let voltage = self.voltage();
        let switching = self.active_share + (1.0 - self.active_share) * compute_s / time;
        (time, self.static_w + work.dynamic_w * voltage.activity(ratio) * switching)
    }

    /// Time in s and mean power in W of one step. The cap holds while the device works; waiting lowers the mean.
    pub fn predict(&self, work: &WorkloadResponse, bound: Bound) -> (f64, f64) {
        let ratio = match bound.cap_w {
            Some(cap) => {
                let low = self.lowest_clock.min(bound.clock);
                invert(low, bound.clock, cap, |ratio| self.working(work, ratio).1)
            }
            None => bound.clock,
        };
        let (time, power) = self.working(work, ratio);
        let total = time + work.wait_s;
        (total, (time * power + work.wait_s * self.wait_w) / total)
    }
}

#[cfg(test)]
mod tests;
