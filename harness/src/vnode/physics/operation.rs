//! The closed-form physics of a virtual device.
//!
//! Time of one execution at clock f: T = t_launch + (Tc^p + Tm^p)^(1/p), with Tc = (flops + half) / (peak e_k f / f_max)
//! and Tm = (bytes + half) / bandwidth. Power: static + leakage (T - T_amb) + f V(f)^2 (C_active + sum C_u u) + energy
//! per byte moved, with V(f) = max(V_min, a + b f) and u the share of the time in which a unit works. A power cap is a
//! clock limit: the largest f whose power stays below it.

use super::{Covers, Efficiency, Physics};
use ergometer_record::{Kernel, KernelSpec};

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

    /// The board power that keeps a device at its temperature limit, once it is there, in W; infinite below.
    pub fn thermal_limit_w(&self, temperature_c: f64) -> f64 {
        let reached = self.thermal.limit_c.filter(|limit| temperature_c >= limit - 0.5);
        reached.map_or(f64::INFINITY, |limit| (limit - self.thermal.ambient_c) / self.thermal.resistance_k_per_w)
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
}
