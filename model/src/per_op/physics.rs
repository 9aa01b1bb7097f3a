//! The numbers of a device description, looked up once and ready for the equations.

use super::power::PowerLaw;
use crate::device::{DeviceKind, DeviceModel};
use crate::step::ModelError;
use ergometer_record::{Kernel, Precision};

/// What a kernel of this project reaches of the device, relative to the device's own rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KernelFactors {
    /// Issue slots per counted FLOP.
    pub(crate) work: Option<f64>,
    /// Bandwidth over TRIAD's.
    pub(crate) stream: Option<f64>,
    /// Bytes moved over the least.
    pub(crate) traffic: Option<f64>,
}

/// A device as the equations see it. Absent numbers stay absent until an equation needs them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Physics {
    pub(crate) device: String,
    pub(crate) kind: DeviceKind,
    /// Top compute clock, in Hz; the rates below hold there.
    pub(crate) clock_hz: f64,
    pub(crate) compute_units: Option<f64>,
    /// Peak and sustained share, by [`Precision`] in the order of [`Precision::ALL`], in FLOP/s at `clock_hz`.
    pub(crate) peak: [Option<f64>; 5],
    pub(crate) sustained: [Option<f64>; 5],
    pub(crate) half_flop: [Option<f64>; 5],
    pub(crate) half_alu_flop: Option<f64>,
    pub(crate) sustained_conv: Option<f64>,
    pub(crate) sustained_alu: Option<f64>,
    /// Sustained bandwidth of the device memory, in B/s.
    pub(crate) bandwidth: f64,
    pub(crate) l2_speedup: f64,
    /// Bytes at which half of the traffic misses the last-level cache; absent where the cache is unknown.
    pub(crate) l2_half: Option<f64>,
    pub(crate) l2_sharpness: f64,
    pub(crate) half_bytes: f64,
    pub(crate) wave_weight: Option<f64>,
    pub(crate) exponent: f64,
    pub(crate) launch_s: f64,
    pub(crate) step_fixed_s: Option<f64>,
    pub(crate) link_bandwidth: Option<f64>,
    pub(crate) link_latency_s: Option<f64>,
    pub(crate) comm_overlap: Option<f64>,
    pub(crate) memory_bytes: Option<f64>,
    /// In the order of [`Kernel::ALL`].
    pub(crate) kernels: [KernelFactors; 7],
    pub(crate) power: Option<PowerLaw>,
}

const PEAK: [&str; 5] = [
    "peak_f64_flop_per_s",
    "peak_f32_flop_per_s",
    "peak_tf32_flop_per_s",
    "peak_bf16_flop_per_s",
    "peak_f16_flop_per_s",
];
const SUSTAINED: [&str; 5] = ["sustained_f64", "sustained_f32", "sustained_tf32", "sustained_bf16", "sustained_f16"];
const HALF: [&str; 5] = ["half_f64_flop", "half_f32_flop", "half_tf32_flop", "half_bf16_flop", "half_f16_flop"];

/// Position of a precision in the arrays of [`Physics`].
pub(crate) fn index(precision: Precision) -> usize {
    match precision {
        Precision::F64 => 0,
        Precision::F32 => 1,
        Precision::Tf32 => 2,
        Precision::Bf16 => 3,
        Precision::F16 => 4,
    }
}

/// The key of a precision's peak.
pub(crate) fn peak_key(precision: Precision) -> &'static str {
    PEAK[index(precision)]
}

/// True where a GPU does the products of this precision on its tensor cores.
pub(crate) fn is_tensor(precision: Precision) -> bool {
    matches!(precision, Precision::Tf32 | Precision::Bf16 | Precision::F16)
}

/// The name of the parameter `prefix` that belongs to a kernel, such as `work_triad`.
pub(crate) fn kernel_key(prefix: &str, kernel: Kernel) -> String {
    format!("{prefix}_{}", kernel.name())
}

impl Physics {
    /// The numbers of a description.
    ///
    /// # Errors
    /// The description lacks what every prediction needs: clock, bandwidth, cache ratio, launch cost.
    pub(crate) fn of(device: &DeviceModel) -> Result<Self, ModelError> {
        Self::from_lookup(device.name(), device.kind(), &|key| device.value(key))
    }

    /// The numbers that `value` gives for each key.
    pub(crate) fn from_lookup(
        device: &str,
        kind: DeviceKind,
        value: &dyn Fn(&str) -> Option<f64>,
    ) -> Result<Self, ModelError> {
        let need = |key: &'static str| {
            value(key).ok_or_else(|| ModelError::Missing {
                device: device.to_owned(),
                parameter: key.to_owned(),
                purpose: "every prediction",
            })
        };
        let clock_hz = need("clock_hz")?;
        // Tensor peaks may be stated at another clock; they are carried to the top clock once, here.
        let tensor_scale = value("tensor_clock_hz").map_or(1.0, |at| clock_hz / at);
        let mut peak = PEAK.map(value);
        for rate in peak.iter_mut().skip(2).flatten() {
            *rate *= tensor_scale;
        }
        let factors = |kernel: Kernel| KernelFactors {
            // By definition: GEMM's work is in its sustained share, and TRIAD's stream in the sustained bandwidth.
            work: if kernel == Kernel::Gemm { Some(1.0) } else { value(&kernel_key("work", kernel)) },
            stream: if matches!(kernel, Kernel::Triad | Kernel::MonteCarlo) {
                Some(1.0)
            } else {
                value(&kernel_key("stream", kernel))
            },
            traffic: if matches!(kernel, Kernel::Triad | Kernel::MonteCarlo) {
                Some(1.0)
            } else {
                value(&kernel_key("traffic", kernel))
            },
        };
        Ok(Self {
            device: device.to_owned(),
            kind,
            clock_hz,
            compute_units: value("compute_units"),
            peak,
            sustained: SUSTAINED.map(value),
            half_flop: HALF.map(value),
            half_alu_flop: value("half_alu_flop"),
            sustained_conv: value("sustained_conv"),
            sustained_alu: value("sustained_alu"),
            bandwidth: need("memory_bytes_per_s")? * need("sustained_memory")?,
            l2_speedup: need("l2_speedup")?,
            l2_half: value("l2_bytes").zip(value("l2_share")).map(|(bytes, share)| bytes * share),
            l2_sharpness: need("l2_sharpness")?,
            half_bytes: need("half_bytes")?,
            wave_weight: value("wave_weight"),
            exponent: need("roofline_exponent")?,
            launch_s: need("launch_s")?,
            step_fixed_s: value("step_fixed_s"),
            link_bandwidth: value("link_bytes_per_s").zip(value("sustained_link")).map(|(link, share)| link * share),
            link_latency_s: value("link_latency_s"),
            comm_overlap: value("comm_overlap"),
            memory_bytes: value("memory_bytes"),
            kernels: Kernel::ALL.map(factors),
            power: PowerLaw::from_lookup(value),
        })
    }

    /// `value`, or the error that names the parameter that is missing.
    pub(crate) fn need(
        &self,
        value: Option<f64>,
        parameter: impl Into<String>,
        purpose: &'static str,
    ) -> Result<f64, ModelError> {
        value.ok_or_else(|| ModelError::Missing { device: self.device.clone(), parameter: parameter.into(), purpose })
    }

    /// Peak rate of a precision, in FLOP/s at the top clock.
    ///
    /// # Errors
    /// The device has no such unit.
    pub(crate) fn peak(&self, precision: Precision) -> Result<f64, ModelError> {
        self.peak[index(precision)].ok_or_else(|| {
            let known = Precision::ALL.iter().filter(|p| self.peak[index(**p)].is_some()).map(|p| p.name());
            ModelError::Precision {
                device: self.device.clone(),
                precision,
                known: known.collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// Rate that a large GEMM sustains, in FLOP/s at the top clock.
    pub(crate) fn gemm_rate(&self, precision: Precision) -> Result<f64, ModelError> {
        let share = self.sustained[index(precision)];
        Ok(self.peak(precision)? * self.need(share, SUSTAINED[index(precision)], "the rate of a matrix product")?)
    }

    /// Work at which half of the rate of anything but a GEMM is reached, in FLOP.
    pub(crate) fn half_alu(&self) -> Result<f64, ModelError> {
        self.need(self.half_alu_flop, "half_alu_flop", "the rate of a small problem")
    }

    /// GEMM work at which half of the sustained rate is reached, in FLOP.
    pub(crate) fn half_flop(&self, precision: Precision) -> Result<f64, ModelError> {
        self.need(self.half_flop[index(precision)], HALF[index(precision)], "the rate of a small problem")
    }
}
