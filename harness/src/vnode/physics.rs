//! The parameters of a virtual device and the closed-form physics that they define.
//!
//! Time of one execution at clock f: T = t_launch + (Tc^p + Tm^p)^(1/p), with Tc = (flops + half) / (peak e_k f / f_max)
//! and Tm = (bytes + half) / bandwidth. Power: static + leakage (T - T_amb) + f V(f)^2 (C_active + sum C_u u) + energy
//! per byte moved, with V(f) = max(V_min, a + b f) and u the share of the time in which a unit works. A power cap is a
//! clock limit: the largest f whose power stays below it.

use ergometer_record::{Component, Kernel, KernelSpec, Precision};
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

/// Misbehaviour of the levers, by lever name (`gpu_clock`, `gpu_cap`, `cpu_max`, `cpu_cap`, `governor`).
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

/// How one kernel runs at one clock and temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Operation {
    /// Core clock, in Hz.
    pub clock_hz: f64,
    /// One execution, in s.
    pub time_s: f64,
    /// Power without DRAM, in W.
    pub chip_w: f64,
    /// Power of the DRAM, in W; 0 where the board's static power holds it and nothing moves.
    pub dram_w: f64,
}

impl Operation {
    /// The power that `covers` names, in W.
    pub fn watts(&self, covers: Covers) -> f64 {
        match covers {
            Covers::Board => self.chip_w + self.dram_w,
            Covers::Chip => self.chip_w,
            Covers::Dram => self.dram_w,
        }
    }
}

impl Physics {
    /// What of `kernel` the device reaches; the probes reach all of it.
    fn efficiency(&self, kernel: Kernel) -> Efficiency {
        let full = Efficiency { compute: 1.0, memory: 1.0, traffic: 1.0 };
        self.kernels.get(&kernel).copied().unwrap_or(full)
    }

    /// Why this device can't run `spec`, or nothing.
    pub fn refuses(&self, spec: &KernelSpec) -> Option<String> {
        if spec.flops() > 0.0 && !self.compute.contains_key(&spec.precision) {
            let names: Vec<&str> = self.compute.keys().map(|p| p.name()).collect();
            return Some(format!("{} computes in {} only", self.name, names.join(", ")));
        }
        if !spec.kernel.is_probe() && !self.kernels.contains_key(&spec.kernel) {
            return Some(format!("the physics of {} does not describe this kernel", self.name));
        }
        None
    }

    /// Time and power of `spec` at a clock (Hz) and temperature (degrees Celsius), without scatter.
    pub fn operate(&self, spec: &KernelSpec, clock_hz: f64, temperature_c: f64) -> Operation {
        let efficiency = self.efficiency(spec.kernel);
        let (flops, bytes) = (spec.flops(), spec.least_bytes() * efficiency.traffic);
        let compute = self.compute.get(&spec.precision).filter(|_| flops > 0.0);
        let compute_s = compute.map_or(0.0, |unit| {
            let rate = unit.peak_flops * efficiency.compute * clock_hz / self.clock.max_hz;
            (flops + unit.half_flops) / rate
        });
        let dram_share = self.dram_share(bytes);
        let memory_s = if bytes > 0.0 {
            // A byte from DRAM and a byte from the cache cost their own times: rates combine harmonically.
            let per_byte =
                dram_share / self.memory.dram_bytes_per_s + (1.0 - dram_share) / self.memory.cache_bytes_per_s;
            (bytes + self.memory.half_bytes) * per_byte / efficiency.memory
        } else {
            0.0
        };
        let busy_s = if compute_s == 0.0 || memory_s == 0.0 {
            compute_s + memory_s
        } else {
            // Scaled by the larger, because powers of microseconds underflow.
            let scale = compute_s.max(memory_s);
            scale
                * ((compute_s / scale).powf(self.overlap) + (memory_s / scale).powf(self.overlap))
                    .powf(1.0 / self.overlap)
        };
        let time_s = self.launch_s + busy_s;
        let fv2 = clock_hz * self.voltage.at(clock_hz).powi(2);
        let power = &self.power;
        let unit_f = if compute.is_some_and(|unit| unit.tensor) { power.tensor_f } else { power.alu_f };
        let switched = power.active_f + unit_f * compute_s / time_s + power.memory_path_f * memory_s / time_s;
        let moved = bytes / time_s;
        Operation {
            clock_hz,
            time_s,
            chip_w: power.static_w
                + self.leakage_w(temperature_c)
                + fv2 * switched
                + power.cache_j_per_byte * (1.0 - dram_share) * moved,
            dram_w: power.dram_idle_w + power.dram_j_per_byte * dram_share * moved,
        }
    }

    /// Idle power; `time_s` is infinite because nothing finishes.
    pub fn idle(&self, temperature_c: f64) -> Operation {
        Operation {
            clock_hz: self.clock.min_hz,
            time_s: f64::INFINITY,
            chip_w: self.power.static_w + self.power.idle_extra_w + self.leakage_w(temperature_c),
            dram_w: self.power.dram_idle_w,
        }
    }

    /// `spec` under a clock limit and a power cap: the largest clock that stays below both. A cap that even the lowest
    /// clock exceeds leaves the lowest clock.
    pub fn throttle(&self, spec: &KernelSpec, limit_hz: f64, cap_w: f64, temperature_c: f64) -> Operation {
        let at = |hz: f64| self.operate(spec, hz, temperature_c);
        let free = at(limit_hz);
        if free.watts(self.cap.covers) <= cap_w {
            return free;
        }
        let (mut low, mut high) = (self.clock.min_hz.min(limit_hz), limit_hz);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            if at(middle).watts(self.cap.covers) <= cap_w {
                low = middle;
            } else {
                high = middle;
            }
        }
        at(low)
    }

    /// The temperature at which `watts` is carried away.
    pub fn steady_c(&self, watts: f64) -> f64 {
        self.thermal.ambient_c + watts * self.thermal.resistance_k_per_w
    }

    fn leakage_w(&self, temperature_c: f64) -> f64 {
        self.power.leakage_w_per_k * (temperature_c - self.thermal.ambient_c)
    }

    /// Share of the traffic that a footprint of `bytes` sends to DRAM.
    fn dram_share(&self, bytes: f64) -> f64 {
        if bytes <= 0.0 {
            return 0.0;
        }
        1.0 / (1.0 + (self.memory.cache_bytes / bytes).powf(self.memory.cache_sharpness))
    }

    /// Refuses parameters that describe no device: not positive where they must be, or bounds the wrong way round.
    ///
    /// # Errors
    /// The parameter, what was found, and what is allowed.
    pub fn validate(&self) -> Result<(), String> {
        let positive = [
            ("clock.min_hz", self.clock.min_hz),
            ("clock.step_hz", self.clock.step_hz),
            ("voltage.minimum_v", self.voltage.minimum_v),
            ("voltage.slope_v_per_ghz", self.voltage.slope_v_per_ghz),
            ("power.static_w", self.power.static_w),
            ("cap.min_w", self.cap.min_w),
            ("thermal.resistance_k_per_w", self.thermal.resistance_k_per_w),
            ("thermal.capacity_j_per_k", self.thermal.capacity_j_per_k),
            ("memory.dram_bytes_per_s", self.memory.dram_bytes_per_s),
            ("memory.cache_bytes_per_s", self.memory.cache_bytes_per_s),
            ("memory.cache_bytes", self.memory.cache_bytes),
            ("overlap", self.overlap),
            ("launch_s", self.launch_s),
        ];
        let rates = self.compute.values().map(|c| ("compute.peak_flops", c.peak_flops));
        let shares = self.kernels.values().flat_map(|e| {
            [("kernels.compute", e.compute), ("kernels.memory", e.memory), ("kernels.traffic", e.traffic)]
        });
        let periods = self.sensors.iter().map(|s| ("sensors.period_s", s.period_s));
        for (name, value) in positive.into_iter().chain(rates).chain(shares).chain(periods) {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("{name} is {value}, where a positive number is needed"));
            }
        }
        if self.clock.max_hz < self.clock.min_hz || self.cap.max_w < self.cap.min_w {
            return Err("a maximum of `clock` or `cap` lies below its minimum".into());
        }
        if self.power.leakage_w_per_k * self.thermal.resistance_k_per_w >= 1.0 {
            return Err("power.leakage_w_per_k times thermal.resistance_k_per_w is 1 or more: it would overheat".into());
        }
        Ok(())
    }
}
