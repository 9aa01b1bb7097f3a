//! theta_H: the parameters of equations 4.7 to 4.15, and the targeted scalars.

use super::{Factors, Saturation};
use crate::device::DeviceModel;
use crate::step::ModelError;
use crate::workload::Workload;
use ergometer_record::Precision;
use serde::{Deserialize, Serialize};

/// The parameters. Those marked (ratio) appear only as a ratio or product with another and can't be told from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// S_sat.
    pub saturation: Saturation,
    /// beta of GEMM (4.10): base efficiency. (ratio: T depends on C / beta.)
    pub beta_gemm: f64,
    /// beta of convolution. (ratio with `c_conv`.)
    pub beta_conv: f64,
    /// beta of the ALU operations. (ratio with `c_alu`.)
    pub beta_alu: f64,
    /// C of GEMM (4.9): time factor. (ratio with `beta_gemm`.)
    pub c_gemm: f64,
    /// C of convolution.
    pub c_conv: f64,
    /// C of the ALU operations.
    pub c_alu: f64,
    /// C_mem (4.13): factor of memory time.
    pub c_mem: f64,
    /// Factor of the optimiser's time, not printed in the thesis: 1 takes its roofline as it is.
    pub c_opt: f64,
    /// R of the mean GEMM dimensions m, n, k (4.11).
    pub r_gemm: [f64; 3],
    /// R of the mean channels in, channels out and pixels of convolutions.
    pub r_conv: [f64; 3],
    /// R of the elements of ALU operations.
    pub r_alu: f64,
    /// lambda_miss,base (4.13): the least share of the traffic that misses the L2.
    pub lambda_miss: f64,
    /// t_kern,avg in s.
    pub launch_s: f64,
    /// T_fixed in s.
    pub fixed_s: f64,
    /// L_hop (4.8) in s.
    pub hop_latency_s: f64,
    /// BW_eff (4.8): bus bandwidth in B/s.
    pub bus_bandwidth: f64,
    /// P_static (4.14) in W per GPU.
    pub static_w: f64,
    /// P_TDP (4.14) in W per GPU.
    pub tdp_w: f64,
    /// C_P,global (4.14).
    pub c_power: f64,
    /// U of communication: the thesis gives no rule.
    pub u_communication: f64,
    /// U of launches and fixed overheads.
    pub u_overhead: f64,
    /// Scalars for single architectures and precisions.
    pub scalars: Vec<Scalar>,
}

/// What a scalar scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// GEMM time.
    Gemm,
    /// Convolution time.
    Conv,
    /// ALU time.
    Alu,
    /// Memory time.
    Memory,
}

/// A targeted correction (thesis 4.3.7.1): multiplies one term's *time* where its condition holds. As an efficiency
/// S_op,s of eq. 4.10 it is the reciprocal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scalar {
    /// Beginning of the workload's name; empty for all.
    #[serde(default)]
    pub architecture: String,
    /// Precision; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// The term.
    pub term: Term,
    /// The factor; 1 changes nothing.
    pub factor: f64,
}

impl Scalar {
    /// Whether it scales a term of a workload.
    pub(crate) fn applies(&self, work: &Workload, term: Term) -> bool {
        self.term == term
            && work.name.starts_with(&self.architecture)
            && self.precision.is_none_or(|precision| precision == work.precision)
    }
}

impl Parameters {
    /// Uncalibrated parameters from a device description: efficiencies are its sustained shares, references the MMA
    /// tiles of 16 x 8 x 8 (thesis 4.3.5.2), factors 1, no scalars.
    ///
    /// # Errors
    /// The description lacks power limit, static power, or link.
    pub fn from_device(device: &DeviceModel) -> Result<Self, ModelError> {
        let need = |key: &'static str| device.require(key, "the adept model");
        Ok(Self {
            saturation: Saturation::Sigmoid,
            beta_gemm: need("sustained_f32")?,
            beta_conv: need("sustained_f32")? * need("sustained_conv")?,
            beta_alu: need("sustained_alu")?,
            c_gemm: 1.0,
            c_conv: 1.0,
            c_alu: 1.0,
            c_mem: 1.0 / need("sustained_memory")?,
            c_opt: 1.0,
            r_gemm: [16.0, 8.0, 8.0],
            r_conv: [16.0, 16.0, 49.0],
            r_alu: 1e6,
            lambda_miss: 0.3,
            launch_s: need("launch_s")?,
            fixed_s: need("step_fixed_s")?,
            hop_latency_s: need("link_latency_s")?,
            bus_bandwidth: need("link_bytes_per_s")? * need("sustained_link")?,
            static_w: need("static_w")?,
            tdp_w: need("tdp_w")?,
            c_power: 1.0,
            u_communication: 0.3,
            u_overhead: 0.1,
            scalars: Vec::new(),
        })
    }

    /// The products of the scalars that apply to each term of a workload.
    pub(crate) fn factors(&self, work: &Workload) -> Factors {
        let of = |term: Term| self.scalars.iter().filter(|s| s.applies(work, term)).map(|s| s.factor).product();
        Factors { gemm: of(Term::Gemm), conv: of(Term::Conv), alu: of(Term::Alu), memory: of(Term::Memory) }
    }
}
