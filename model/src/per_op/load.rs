//! What one kernel asks of a device: arithmetic at a rate, bytes at a bandwidth.

use super::physics::{Physics, index, is_tensor, kernel_key};
use crate::device::DeviceKind;
use crate::step::ModelError;
use crate::workload::{Op, OpShape, OptimizerWork, Unit};
use ergometer_record::{Kernel, KernelSpec, Precision, Size};

/// One execution of one kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Load {
    /// Arithmetic time at the top clock, ramp included, in s.
    pub(crate) compute_s: f64,
    /// True when the tensor cores do the arithmetic.
    pub(crate) tensor: bool,
    /// Bytes moved.
    pub(crate) bytes: f64,
    /// Bytes that a cache would have to hold to serve them.
    pub(crate) footprint: f64,
    /// Bandwidth over the sustained one.
    pub(crate) stream: f64,
    /// Kernel launches (GPU) or forks and joins (CPU).
    pub(crate) launches: f64,
}

/// Output tile of a thread block in current GEMM libraries (CUTLASS' default for large products).
const TILE: u64 = 128;

/// Share of the last wave of `TILE` x `TILE` output tiles, averaged over all waves, that does useful work.
pub(crate) fn wave_efficiency(batch: u64, m: u64, n: u64, units: f64) -> f64 {
    let tiles = batch as f64 * m.div_ceil(TILE) as f64 * n.div_ceil(TILE) as f64;
    if tiles <= 0.0 || units < 1.0 {
        return 1.0;
    }
    tiles / ((tiles / units).ceil() * units)
}

impl Physics {
    /// The load of one of this project's kernels.
    ///
    /// # Errors
    /// The precision has no unit, a parameter of the kernel is missing, or the "kernel" is idling.
    pub(crate) fn kernel_load(&self, spec: &KernelSpec) -> Result<Load, ModelError> {
        let mut load = Load {
            compute_s: 0.0,
            tensor: self.kind == DeviceKind::Gpu && is_tensor(spec.precision),
            bytes: 0.0,
            footprint: 0.0,
            stream: 1.0,
            launches: 1.0,
        };
        match spec.kernel {
            Kernel::Idle => {
                return Err(ModelError::Config("idling has a power but no time of its own: ask for it".into()));
            }
            Kernel::ProbeEmpty => return Ok(load),
            Kernel::ProbeFma => {
                load.compute_s = spec.flops() / self.peak(spec.precision)?;
                return Ok(load);
            }
            _ => {}
        }
        let factors = Kernel::ALL.iter().position(|k| *k == spec.kernel).and_then(|i| self.kernels.get(i));
        let key = |prefix| kernel_key(prefix, spec.kernel);
        if spec.flops() > 0.0 {
            let work = self.need(factors.and_then(|f| f.work), key("work"), "the arithmetic of this kernel")?;
            load.compute_s = match spec.size {
                Size::Gemm { m, n, .. } => {
                    let rate = self.gemm_rate(spec.precision)? * self.wave_factor(1, m, n);
                    (spec.flops() + self.half_flop(spec.precision)?) * work / rate
                }
                _ => (spec.flops() + self.half_alu()?) * work / self.peak(spec.precision)?,
            };
        }
        if spec.least_bytes() > 0.0 {
            let (stream, traffic) = match factors {
                Some(f) => (
                    self.need(f.stream, key("stream"), "the bandwidth of this kernel")?,
                    self.need(f.traffic, key("traffic"), "the traffic of this kernel")?,
                ),
                // The memory probes stream as TRIAD does.
                None => (1.0, 1.0),
            };
            load.bytes = spec.least_bytes() * traffic;
            load.footprint = load.bytes;
            load.stream = stream;
        }
        Ok(load)
    }

    /// The load of one operation of a training pass.
    ///
    /// # Errors
    /// The precision has no unit, or a parameter is missing.
    pub(crate) fn op_load(&self, op: &Op, precision: Precision) -> Result<Load, ModelError> {
        let product = op.unit != Unit::Alu && op.flops > 0;
        let compute_s = if product {
            let mut rate = self.gemm_rate(precision)?;
            match op.shape {
                OpShape::Gemm { batch, m, n, .. } => rate *= self.wave_factor(batch, m, n),
                OpShape::Conv { batch, c_out, h_out, w_out, .. } => {
                    let rows = batch.saturating_mul(h_out).saturating_mul(w_out);
                    rate *= self.wave_factor(1, rows, c_out);
                }
                _ => {}
            }
            if op.unit == Unit::TensorConv {
                rate *= self.need(self.sustained_conv, "sustained_conv", "the rate of a convolution")?;
            }
            (op.flops as f64 + self.half_flop(precision)?) / rate
        } else {
            self.alu_time(op.flops as f64)?
        };
        Ok(Load {
            compute_s,
            tensor: product && self.kind == DeviceKind::Gpu && is_tensor(precision),
            bytes: op.bytes() as f64,
            footprint: op.working_set as f64,
            stream: 1.0,
            launches: f64::from(op.launches),
        })
    }

    /// The load of one optimiser update: elementwise arithmetic over a stream that no cache holds.
    pub(crate) fn optimizer_load(&self, work: &OptimizerWork) -> Result<Load, ModelError> {
        let bytes = work.bytes_read as f64 + work.bytes_written as f64;
        Ok(Load {
            compute_s: self.alu_time(work.flops as f64)?,
            tensor: false,
            bytes,
            footprint: bytes,
            stream: 1.0,
            launches: f64::from(work.launches),
        })
    }

    /// Elementwise arithmetic is done in FP32 whatever the storage precision.
    fn alu_time(&self, flops: f64) -> Result<f64, ModelError> {
        if flops == 0.0 {
            return Ok(0.0);
        }
        let purpose = "elementwise arithmetic";
        let share = self.need(self.sustained_alu, "sustained_alu", purpose)?;
        let peak = self.need(self.peak[index(Precision::F32)], "peak_f32_flop_per_s", purpose)?;
        Ok((flops / share + self.half_alu()?) / peak)
    }

    fn wave_factor(&self, batch: u64, m: u64, n: u64) -> f64 {
        match (self.kind, self.compute_units, self.wave_weight) {
            (DeviceKind::Gpu, Some(units), Some(weight)) => wave_efficiency(batch, m, n, units).powf(weight),
            _ => 1.0,
        }
    }
}
