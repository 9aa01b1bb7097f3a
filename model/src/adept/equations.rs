//! Equations 4.7 to 4.15 over numbers that are counted once per workload.

use super::Parameters;
use crate::device::DeviceModel;
use crate::per_op::physics::peak_key;
use crate::per_op::ring_all_reduce;
use crate::step::ModelError;
use crate::workload::{Unit, Workload};
use ergometer_record::{Precision, Seconds};

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

/// What the equations need of a workload and of a device's data sheet.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) gemm_flops: f64,
    pub(crate) gemm: Option<[f64; 3]>,
    pub(crate) conv_flops: f64,
    pub(crate) conv: Option<[f64; 3]>,
    pub(crate) alu_flops: f64,
    elements: f64,
    bytes: f64,
    working_set: f64,
    launches: f64,
    update_flops: f64,
    update_bytes: f64,
    update_launches: f64,
    gradient_bytes: f64,
    pub(crate) product_peak: f64,
    pub(crate) alu_peak: f64,
    bandwidth: f64,
    l2: f64,
}

/// Products of the targeted scalars that apply to a workload, by term.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Factors {
    pub(crate) gemm: f64,
    pub(crate) conv: f64,
    pub(crate) alu: f64,
    pub(crate) memory: f64,
}

impl Facts {
    pub(crate) fn of(work: &Workload, device: &DeviceModel) -> Result<Self, ModelError> {
        let features = work.features();
        let bytes = work.bytes() as f64;
        let weighted: f64 = work.ops.iter().map(|op| op.total_bytes() as f64 * op.working_set as f64).sum();
        let update = &work.optimizer_work;
        Ok(Self {
            gemm_flops: work.flops(Unit::TensorGemm) as f64,
            gemm: features.gemm.map(|d| [d.m, d.n, d.k]),
            conv_flops: work.flops(Unit::TensorConv) as f64,
            conv: features.conv.map(|d| [d.c_in, d.c_out, d.pixels]),
            alu_flops: work.flops(Unit::Alu) as f64,
            elements: features.elements as f64,
            bytes,
            working_set: if bytes > 0.0 { weighted / bytes } else { 0.0 },
            launches: work.launches() as f64,
            update_flops: update.flops as f64,
            update_bytes: update.bytes_read as f64 + update.bytes_written as f64,
            update_launches: f64::from(update.launches),
            gradient_bytes: work.gradient_bytes() as f64,
            product_peak: peak(device, work.precision)?,
            alu_peak: peak(device, Precision::F32)?,
            bandwidth: device.require("memory_bytes_per_s", "eq. 4.13")?,
            l2: device.require("l2_bytes", "eq. 4.13")?,
        })
    }
}

fn peak(device: &DeviceModel, precision: Precision) -> Result<f64, ModelError> {
    device.value(peak_key(precision)).ok_or_else(|| {
        let known = Precision::ALL.iter().filter(|p| device.value(peak_key(**p)).is_some());
        ModelError::Precision {
            device: device.name().to_owned(),
            precision,
            known: known.map(|p| p.name()).collect::<Vec<_>>().join(", "),
        }
    })
}

impl Parameters {
    /// S_op of eq. 4.11.
    fn saturated(&self, dimensions: Option<[f64; 3]>, references: [f64; 3]) -> f64 {
        let Some(dimensions) = dimensions else { return 1.0 };
        dimensions.iter().zip(references).map(|(dimension, r)| self.saturation.at(dimension / r)).product()
    }

    /// Rate that eq. 4.9 gives to the matrix products, the convolutions and the ALU operations, over the peak: E_op
    /// over C_op and the scalar. Above 1 the fit claims more than the hardware can do.
    pub(crate) fn implied(&self, facts: &Facts, factors: &Factors) -> [f64; 3] {
        let alu = self.saturation.at(facts.elements / self.r_alu);
        [
            self.beta_gemm * self.saturated(facts.gemm, self.r_gemm) / (self.c_gemm * factors.gemm),
            self.beta_conv * self.saturated(facts.conv, self.r_conv) / (self.c_conv * factors.conv),
            self.beta_alu * alu / (self.c_alu * factors.alu),
        ]
    }

    /// The terms of eq. 4.7.
    pub(crate) fn terms(&self, facts: &Facts, factors: &Factors, gpus: u32, accumulation: u32) -> Terms {
        let [gemm, conv, alu] = self.implied(facts, factors);
        // Eq. 4.9: a unit without FLOPs takes no time whatever its efficiency.
        let time = |flops: f64, peak: f64, implied: f64| if flops > 0.0 { flops / (peak * implied) } else { 0.0 };
        let compute_s = time(facts.gemm_flops, facts.product_peak, gemm)
            + time(facts.conv_flops, facts.product_peak, conv)
            + time(facts.alu_flops, facts.alu_peak, alu);
        let f_l2 = (facts.working_set / facts.l2).max(self.lambda_miss).min(1.0);
        let memory_s = facts.bytes / facts.bandwidth * f_l2 * self.c_mem * factors.memory;
        let update_memory_s = facts.update_bytes / facts.bandwidth * self.c_mem;
        let communication =
            ring_all_reduce(gpus, facts.gradient_bytes, self.bus_bandwidth, Seconds(self.hop_latency_s));
        let launches = facts.launches * f64::from(accumulation) + facts.update_launches;
        Terms {
            compute_s,
            memory_s,
            optimizer_s: self.c_opt * self.update_compute_s(facts).max(update_memory_s),
            communication_s: communication.0,
            kernels_s: launches * self.launch_s,
            fixed_s: self.fixed_s,
        }
    }

    fn update_compute_s(&self, facts: &Facts) -> f64 {
        facts.update_flops / (facts.alu_peak * self.beta_alu)
    }

    /// The phases of eq. 4.15: name, time in s, and power of one GPU in W by eq. 4.14.
    pub(crate) fn phases(&self, facts: &Facts, terms: &Terms, accumulation: u32) -> [(&'static str, f64, f64); 5] {
        let power = |utilisation: f64| self.static_w + utilisation * (self.tdp_w - self.static_w) * self.c_power;
        let share = |compute: f64, memory: f64| compute / (compute + memory).max(f64::MIN_POSITIVE);
        let pass_s = terms.compute_s.max(terms.memory_s) * f64::from(accumulation);
        [
            ("compute", pass_s, power(share(terms.compute_s, terms.memory_s))),
            ("optimizer", terms.optimizer_s, power(share(self.update_compute_s(facts), terms.optimizer_s))),
            ("communication", terms.communication_s, power(self.u_communication)),
            ("launch", terms.kernels_s, power(self.u_overhead)),
            ("fixed", terms.fixed_s, power(self.u_overhead)),
        ]
    }
}
