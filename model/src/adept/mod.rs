//! ADEPT: equations 4.7 to 4.15 of the thesis, as printed, for comparison with [`crate::per_op`].
//!
//! One FLOP count per unit, one byte count, weighted mean dimensions, and a saturation function; no clocks and no caps.
//! Where the print leaves a choice, it is made here and said: W_set of eq. 4.13 is the byte-weighted mean working set;
//! U of eq. 4.14 is T_comp / (T_comp + T_mem); launches are multiplied by the accumulation steps, as the kernels are.

mod parameters;
mod saturation;

pub use parameters::{Parameters, Scalar, Term};
pub use saturation::Saturation;

use crate::device::DeviceModel;
use crate::per_op::physics::peak_key;
use crate::per_op::ring_all_reduce;
use crate::step::{ModelError, Phase, RunConfig, StepModel, StepPrediction, check_run};
use crate::workload::{Unit, Workload};
use ergometer_record::{Hertz, Precision, Seconds, Watts};

/// The model on one device.
#[derive(Debug, Clone)]
pub struct Adept {
    device: DeviceModel,
    parameters: Parameters,
}

/// The terms of eq. 4.7 of one step, in s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// T_comp,FB of one pass.
    pub compute_s: f64,
    /// T_mem,FB of one pass.
    pub memory_s: f64,
    /// T_opt.
    pub optimizer_s: f64,
    /// T_comm.
    pub communication_s: f64,
    /// T_kern.
    pub kernels_s: f64,
    /// T_fixed.
    pub fixed_s: f64,
}

impl Adept {
    /// The model with uncalibrated parameters ([`Parameters::from_device`]).
    ///
    /// # Errors
    /// The description lacks power limit, static power, or link.
    pub fn new(device: DeviceModel) -> Result<Self, ModelError> {
        let parameters = Parameters::from_device(&device)?;
        Ok(Self { device, parameters })
    }

    /// The model with given parameters.
    pub fn with_parameters(device: DeviceModel, parameters: Parameters) -> Self {
        Self { device, parameters }
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The terms of eq. 4.7.
    ///
    /// # Errors
    /// The device has no unit for the precision, or lacks bandwidth or L2 size.
    pub fn terms(&self, work: &Workload, run: &RunConfig) -> Result<Terms, ModelError> {
        let p = &self.parameters;
        let features = work.features();
        let product_peak = self.peak(work.precision)?;
        let saturate = |dimensions: &[(f64, f64)]| -> f64 {
            dimensions.iter().map(|(dimension, reference)| p.saturation.at(dimension / reference)).product()
        };
        let [rm, rn, rk] = p.r_gemm;
        let s_gemm = features.gemm.map_or(1.0, |d| saturate(&[(d.m, rm), (d.n, rn), (d.k, rk)]));
        let [ri, ro, rp] = p.r_conv;
        let s_conv = features.conv.map_or(1.0, |d| saturate(&[(d.c_in, ri), (d.c_out, ro), (d.pixels, rp)]));
        let s_alu = saturate(&[(features.elements as f64, p.r_alu)]);
        // Eq. 4.9: a unit without FLOPs takes no time whatever its efficiency.
        let time = |unit: Unit, peak: f64, beta: f64, saturation: f64, factor: f64, term: Term| {
            let flops = work.flops(unit) as f64;
            if flops > 0.0 { flops / (peak * beta * saturation) * factor * p.scalar(work, term) } else { 0.0 }
        };
        let compute_s = time(Unit::TensorGemm, product_peak, p.beta_gemm, s_gemm, p.c_gemm, Term::Gemm)
            + time(Unit::TensorConv, product_peak, p.beta_conv, s_conv, p.c_conv, Term::Conv)
            + time(Unit::Alu, self.peak(Precision::F32)?, p.beta_alu, s_alu, p.c_alu, Term::Alu);
        let bandwidth = self.device.require("memory_bytes_per_s", "eq. 4.13")?;
        let l2 = self.device.require("l2_bytes", "eq. 4.13")?;
        let bytes = work.bytes() as f64;
        let weighted: f64 = work.ops.iter().map(|op| op.total_bytes() as f64 * op.working_set as f64).sum();
        let working_set = if bytes > 0.0 { weighted / bytes } else { 0.0 };
        let f_l2 = (working_set / l2).max(p.lambda_miss).min(1.0);
        let memory_s = bytes / bandwidth * f_l2 * p.c_mem * p.scalar(work, Term::Memory);
        let update = &work.optimizer_work;
        let optimizer_s = p.c_opt
            * (update.flops as f64 / (self.peak(Precision::F32)? * p.beta_alu))
                .max((update.bytes_read as f64 + update.bytes_written as f64) / bandwidth * p.c_mem);
        let communication =
            ring_all_reduce(run.gpus, work.gradient_bytes() as f64, p.bus_bandwidth, Seconds(p.hop_latency_s));
        let launches = work.launches() as f64 * f64::from(run.accumulation) + f64::from(update.launches);
        Ok(Terms {
            compute_s,
            memory_s,
            optimizer_s,
            communication_s: communication.0,
            kernels_s: launches * p.launch_s,
            fixed_s: p.fixed_s,
        })
    }

    fn peak(&self, precision: Precision) -> Result<f64, ModelError> {
        self.device.value(peak_key(precision)).ok_or_else(|| {
            let known = Precision::ALL.iter().filter(|p| self.device.value(peak_key(**p)).is_some());
            ModelError::Precision {
                device: self.device.name().to_owned(),
                precision,
                known: known.map(|p| p.name()).collect::<Vec<_>>().join(", "),
            }
        })
    }
}

impl StepModel for Adept {
    fn name(&self) -> &str {
        "adept"
    }

    fn step(&self, work: &Workload, run: &RunConfig) -> Result<StepPrediction, ModelError> {
        check_run(run)?;
        let setting = &run.setting;
        if setting.gpu_clock_hz.is_some() || setting.gpu_cap_w.is_some() || setting.gpu_mem_clock_hz.is_some() {
            return Err(ModelError::Setting {
                device: self.device.name().to_owned(),
                what: format!("{setting} in the adept model"),
                allowed: "its equations have no clock and no cap; use per-op".into(),
            });
        }
        let terms = self.terms(work, run)?;
        let p = &self.parameters;
        let power = |utilisation: f64| p.static_w + utilisation * (p.tdp_w - p.static_w) * p.c_power;
        let share = |compute: f64, memory: f64| compute / (compute + memory).max(f64::MIN_POSITIVE);
        let pass_s = terms.compute_s.max(terms.memory_s) * f64::from(run.accumulation);
        let flops_s = work.optimizer_work.flops as f64 / (self.peak(Precision::F32)? * p.beta_alu);
        let phases = [
            ("compute", pass_s, share(terms.compute_s, terms.memory_s)),
            ("optimizer", terms.optimizer_s, share(flops_s, terms.optimizer_s)),
            ("communication", terms.communication_s, p.u_communication),
            ("launch", terms.kernels_s, p.u_overhead),
            ("fixed", terms.fixed_s, p.u_overhead),
        ];
        let phases: Vec<Phase> = phases
            .into_iter()
            .filter(|(_, time, _)| *time > 0.0)
            .map(|(name, time, u)| Phase { name, time: Seconds(time), power: Watts(power(u)) })
            .collect();
        let clock = Hertz(self.device.require("clock_hz", "the reported clock")?);
        Ok(StepPrediction::from_phases(phases, run.gpus, clock))
    }
}

#[cfg(test)]
mod tests;
