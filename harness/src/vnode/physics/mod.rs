//! The parameters of a virtual device. What follows from them is in `operation`, what they must fulfil in `validate`.

mod operation;
mod validate;

pub use operation::Operation;

use ergometer_record::{Component, Kernel, Precision};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that determines how a virtual device behaves: the content of a preset file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Physics {
    /// The device's name in results.
    pub name: String,
    /// Which levers it has.
    pub kind: Kind,
    /// Allowed clocks.
    pub clock: ClockRange,
    /// The voltage curve.
    pub voltage: Voltage,
    /// Static and dynamic power.
    pub power: Power,
    /// Allowed power limits.
    pub cap: CapRange,
    /// Thermal mass.
    pub thermal: Thermal,
    /// Memory and cache.
    pub memory: Memory,
    /// Arithmetic by precision.
    pub compute: BTreeMap<Precision, Compute>,
    /// What each kernel reaches of the device.
    pub kernels: BTreeMap<Kernel, Efficiency>,
    /// Exponent p by which compute and memory time combine: 1 adds them, infinity takes the larger.
    pub overlap: f64,
    /// Fixed time of one execution (launch on a GPU, fork and join on a CPU).
    pub launch_s: f64,
    /// Random scatter.
    pub noise: Noise,
    /// Governors of a CPU: the share of the maximum clock that each asks for under load.
    #[serde(default)]
    pub governors: BTreeMap<String, f64>,
    /// Sensors.
    #[serde(default)]
    pub sensors: Vec<SensorModel>,
    /// What goes wrong on purpose.
    #[serde(default)]
    pub faults: Faults,
}

/// Which levers a device has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Locked graphics clock and power limit; its arithmetic below 32 bits is done by tensor cores.
    Gpu,
    /// Governor, maximum clock and package power limit.
    Cpu,
}

/// Clocks that can be asked for: minimum, then steps up to the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockRange {
    /// Lowest, in Hz.
    pub min_hz: f64,
    /// Highest, in Hz; the clock as found.
    pub max_hz: f64,
    /// Distance of two allowed clocks, in Hz.
    pub step_hz: f64,
}

impl ClockRange {
    /// The allowed clocks, ascending.
    pub fn steps(&self) -> Vec<f64> {
        let count = ((self.max_hz - self.min_hz) / self.step_hz).round().clamp(0.0, 10_000.0) as usize;
        (0..=count).map(|i| self.min_hz + i as f64 * self.step_hz).collect()
    }

    /// The highest allowed clock not above `hz`, or the lowest there is.
    pub fn clip(&self, hz: f64) -> f64 {
        let index = ((hz.clamp(self.min_hz, self.max_hz) - self.min_hz) / self.step_hz + 1e-6).floor();
        self.min_hz + index * self.step_hz
    }
}

/// V(f) = max(minimum, intercept + slope f).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voltage {
    /// The floor, in V: below the clock that reaches it, lowering the clock saves no voltage.
    pub minimum_v: f64,
    /// a, in V.
    pub intercept_v: f64,
    /// b, in V per GHz.
    pub slope_v_per_ghz: f64,
}

impl Voltage {
    /// The voltage at a clock.
    pub fn at(&self, hz: f64) -> f64 {
        self.minimum_v.max(self.intercept_v + self.slope_v_per_ghz * hz / 1e9)
    }

    /// The ridge: the clock at which the voltage leaves its floor.
    pub fn ridge_hz(&self) -> f64 {
        (self.minimum_v - self.intercept_v) / self.slope_v_per_ghz * 1e9
    }
}

/// Coefficients of power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// Chip and board at ambient temperature, working or not, in W.
    pub static_w: f64,
    /// Leakage above ambient temperature, in W/K.
    pub leakage_w_per_k: f64,
    /// What idling adds to the static power (idle clocks, links), in W.
    pub idle_extra_w: f64,
    /// Switched capacitance of everything that toggles while any kernel runs, in F.
    pub active_f: f64,
    /// Of the tensor cores at full use, in F.
    pub tensor_f: f64,
    /// Of the ordinary arithmetic at full use, in F.
    pub alu_f: f64,
    /// Of the on-chip path to memory at full use, in F.
    pub memory_path_f: f64,
    /// Energy of a byte from or to DRAM, in J.
    pub dram_j_per_byte: f64,
    /// Energy of a byte from or to the last-level cache, in J.
    pub cache_j_per_byte: f64,
    /// DRAM that does nothing, in W. Part of `static_w` where the board includes it.
    pub dram_idle_w: f64,
}

/// Power limits that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapRange {
    /// Lowest, in W.
    pub min_w: f64,
    /// Highest, in W; the limit as found.
    pub max_w: f64,
    /// What the limit counts.
    pub covers: Covers,
}

/// A part of the device's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// Chip and DRAM.
    Board,
    /// Without DRAM.
    Chip,
    /// DRAM alone.
    Dram,
}

/// One lumped thermal mass: C dT/dt = P - (T - T_amb) / R.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thermal {
    /// Ambient, in degrees Celsius.
    pub ambient_c: f64,
    /// R, in K/W.
    pub resistance_k_per_w: f64,
    /// C, in J/K.
    pub capacity_j_per_k: f64,
    /// The temperature, in degrees Celsius, at which the device lowers its clock so as to get no hotter; absent where it
    /// never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_c: Option<f64>,
}

/// DRAM and last-level cache. Neither follows the core clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Achievable DRAM bandwidth, in B/s.
    pub dram_bytes_per_s: f64,
    /// Bandwidth of the last-level cache, in B/s.
    pub cache_bytes_per_s: f64,
    /// Its size, in B.
    pub cache_bytes: f64,
    /// How sharply traffic moves from cache to DRAM as the footprint passes the cache size.
    pub cache_sharpness: f64,
    /// Footprint at which half of the bandwidth is reached, in B.
    pub half_bytes: f64,
}

/// Arithmetic in one precision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// Peak at the highest clock, in FLOP/s.
    pub peak_flops: f64,
    /// Work at which half of the peak is reached, in FLOP.
    pub half_flops: f64,
    /// True when the tensor cores do it.
    #[serde(default)]
    pub tensor: bool,
}

/// What one kernel reaches of the device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efficiency {
    /// Of the arithmetic peak, counting the FLOPs of `KernelSpec::flops`.
    pub compute: f64,
    /// Of the bandwidth.
    pub memory: f64,
    /// Bytes really moved over least bytes.
    pub traffic: f64,
}

/// Relative standard deviations of the random scatter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Time, from point to point.
    pub time_point: f64,
    /// Time, from batch to batch.
    pub time_batch: f64,
    /// Power, from point to point.
    pub power_point: f64,
    /// Power, between stretches of at most 50 ms.
    pub power_step: f64,
}

/// One sensor of the virtual device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorModel {
    /// Its name after `vnode:`.
    pub id: String,
    /// Counter or power.
    pub quantity: SensorQuantity,
    /// Which results component it is.
    pub component: Component,
    /// What it really covers.
    pub covers: Covers,
    /// Time between updates, in s.
    pub period_s: f64,
    /// Smallest step, in J or W.
    pub resolution: f64,
    /// The last part of each period over which a power reading is averaged, in s; for counters unused.
    #[serde(default)]
    pub averaging_s: f64,
    /// Where a counter starts again, in J; absent where it never does.
    #[serde(default)]
    pub wrap_j: Option<f64>,
    /// Reading over truth.
    pub gain: f64,
    /// Standard uncertainty of the gain that the sensor claims.
    pub gain_u: f64,
    /// Scatter of a power reading, relative.
    #[serde(default)]
    pub noise: f64,
}

/// What a sensor reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SensorQuantity {
    /// A running total.
    Energy,
    /// A power averaged over `averaging_s`.
    Power,
}

/// Misbehaviour of the levers, by lever name (`gpu_clock`, `gpu_cap`, `cpu_max`, `cpu_cap`, `cpu_cap_short`, `governor`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Levers that read back as written and change nothing.
    #[serde(default)]
    pub ignores: Vec<String>,
    /// Levers that can't be read (as NVML's locked clocks).
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Levers that refuse every write.
    #[serde(default)]
    pub refuses: Vec<String>,
}
