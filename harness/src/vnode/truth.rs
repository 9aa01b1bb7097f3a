//! The ground truth of a virtual device: what a calibration from its measurements should find.

use super::physics::{Covers, Kind, Physics};
use ergometer_record::{Kernel, KernelSpec, Precision};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parameters that a calibration can recover, in SI units, by plain names. Rates are those that a kernel can
/// reach: the peak times the efficiency of the kernel that identifies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The device.
    pub device: String,
    /// GEMM's asymptotic rate at the highest clock by precision, in FLOP/s.
    pub gemm_flops_per_s: BTreeMap<Precision, f64>,
    /// Work at which half of that rate is reached, in FLOP.
    pub half_flops: BTreeMap<Precision, f64>,
    /// TRIAD's asymptotic DRAM bandwidth on least bytes, in B/s.
    pub dram_bytes_per_s: f64,
    /// TRIAD's asymptotic cache bandwidth on least bytes, in B/s.
    pub cache_bytes_per_s: f64,
    /// Size of the last-level cache, in B.
    pub cache_bytes: f64,
    /// Exponent that combines compute and memory time.
    pub overlap: f64,
    /// Time of an empty kernel, in s.
    pub launch_s: f64,
    /// Highest clock, in Hz.
    pub max_clock_hz: f64,
    /// Voltage floor, in V.
    pub voltage_minimum_v: f64,
    /// V(f) = intercept + slope f above the ridge, in V.
    pub voltage_intercept_v: f64,
    /// In V per GHz.
    pub voltage_slope_v_per_ghz: f64,
    /// Clock at which the voltage leaves its floor, in Hz.
    pub ridge_hz: f64,
    /// Idle power at idle equilibrium, in W.
    pub idle_w: f64,
    /// Power at ambient temperature that no clock removes, in W.
    pub static_w: f64,
    /// f V^2 coefficients, in F: everything that toggles, tensor cores, ordinary arithmetic, path to memory.
    pub active_f: f64,
    /// Of the tensor cores.
    pub tensor_f: f64,
    /// Of the ordinary arithmetic.
    pub alu_f: f64,
    /// Of the path to memory.
    pub memory_path_f: f64,
    /// Energy of a DRAM byte, in J.
    pub dram_j_per_byte: f64,
    /// Allowed power limits, in W.
    pub cap_min_w: f64,
    /// Highest.
    pub cap_max_w: f64,
    /// True for a GPU.
    pub is_gpu: bool,
}

impl Truth {
    /// The truth behind `physics`.
    pub fn of(physics: &Physics) -> Self {
        let gemm = physics.kernels.get(&Kernel::Gemm).map_or(1.0, |e| e.compute);
        let triad = physics.kernels.get(&Kernel::Triad).map_or(1.0, |e| e.memory / e.traffic);
        let idle_w = physics.idle(physics.thermal.ambient_c).watts(Covers::Board);
        let loop_gain = physics.power.leakage_w_per_k * physics.thermal.resistance_k_per_w;
        Self {
            device: physics.name.clone(),
            gemm_flops_per_s: physics.compute.iter().map(|(p, c)| (*p, c.peak_flops * gemm)).collect(),
            half_flops: physics.compute.iter().map(|(p, c)| (*p, c.half_flops)).collect(),
            dram_bytes_per_s: physics.memory.dram_bytes_per_s * triad,
            cache_bytes_per_s: physics.memory.cache_bytes_per_s * triad,
            cache_bytes: physics.memory.cache_bytes,
            overlap: physics.overlap,
            launch_s: physics.launch_s,
            max_clock_hz: physics.clock.max_hz,
            voltage_minimum_v: physics.voltage.minimum_v,
            voltage_intercept_v: physics.voltage.intercept_v,
            voltage_slope_v_per_ghz: physics.voltage.slope_v_per_ghz,
            ridge_hz: physics.voltage.ridge_hz(),
            idle_w: idle_w / (1.0 - loop_gain),
            static_w: physics.power.static_w,
            active_f: physics.power.active_f,
            tensor_f: physics.power.tensor_f,
            alu_f: physics.power.alu_f,
            memory_path_f: physics.power.memory_path_f,
            dram_j_per_byte: physics.power.dram_j_per_byte,
            cap_min_w: physics.cap.min_w,
            cap_max_w: physics.cap.max_w,
            is_gpu: physics.kind == Kind::Gpu,
        }
    }
}

/// Steady time (s) and power (W) of a kernel under a clock limit and a cap, at the temperature that the power itself
/// leads to: what a perfect measurement would give.
pub fn steady(physics: &Physics, spec: &KernelSpec, limit_hz: f64, cap_w: f64) -> (f64, f64) {
    let mut temperature_c = physics.thermal.ambient_c;
    let mut operation = physics.throttle(spec, limit_hz, cap_w, temperature_c);
    for _ in 0..60 {
        temperature_c = physics.steady_c(operation.watts(Covers::Board));
        operation = physics.throttle(spec, limit_hz, cap_w, temperature_c);
    }
    (operation.time_s, operation.watts(Covers::Board))
}
