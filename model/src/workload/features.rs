//! Structural features of a workload (thesis section 4.3.4, equation 4.6).

use super::op::{Op, OpShape};
use serde::{Deserialize, Serialize};

/// Averages of the extents of matrix products, weighted by their FLOPs (equation 4.6), over both passes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GemmDimensions {
    /// Mean of m.
    pub m: f64,
    /// Mean of n.
    pub n: f64,
    /// Mean of k.
    pub k: f64,
}

/// Averages of the extents of convolutions, weighted by their FLOPs, over both passes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConvDimensions {
    /// Mean of the channels in.
    pub c_in: f64,
    /// Mean of the channels out.
    pub c_out: f64,
    /// Mean of the output's pixels, rows times columns.
    pub pixels: f64,
    /// Mean of the filter's taps, rows times columns.
    pub taps: f64,
}

/// What a model may know of a workload's structure beside its sums.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Features {
    /// Of the matrix products; `None` when there are none.
    pub gemm: Option<GemmDimensions>,
    /// Of the convolutions; `None` when there are none.
    pub conv: Option<ConvDimensions>,
    /// Elements processed by all other operations (Sigma_elem).
    pub elements: u64,
}

impl Features {
    /// The features of a list of operations, each weighted by its executions.
    pub fn of(ops: &[Op]) -> Self {
        let (mut gemm, mut gemm_flops) = ([0.0; 3], 0.0);
        let (mut conv, mut conv_flops) = ([0.0; 4], 0.0);
        let mut elements = 0u64;
        for op in ops {
            let weight = op.total_flops() as f64;
            match op.shape {
                OpShape::Gemm { m, n, k, .. } => {
                    gemm_flops += weight;
                    add_weighted(&mut gemm, weight, [m, n, k]);
                }
                OpShape::Conv { c_in, c_out, h_out, w_out, kh, kw, .. } => {
                    conv_flops += weight;
                    add_weighted(&mut conv, weight, [c_in, c_out, h_out * w_out, kh * kw]);
                }
                OpShape::Elements(_) | OpShape::Rows { .. } => {
                    let once = op.shape.elements().unwrap_or(0);
                    elements = elements.saturating_add(once.saturating_mul(op.count));
                }
            }
        }
        let [m, n, k] = gemm.map(|sum| sum / gemm_flops);
        let [c_in, c_out, pixels, taps] = conv.map(|sum| sum / conv_flops);
        Self {
            gemm: (gemm_flops > 0.0).then_some(GemmDimensions { m, n, k }),
            conv: (conv_flops > 0.0).then_some(ConvDimensions { c_in, c_out, pixels, taps }),
            elements,
        }
    }
}

fn add_weighted<const N: usize>(sums: &mut [f64; N], weight: f64, values: [u64; N]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * value as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::op::{OpClass, Pass, Unit};

    fn op(shape: OpShape, flops: u64, count: u64) -> Op {
        Op {
            name: "x".to_owned(),
            class: OpClass::Linear,
            pass: Pass::Forward,
            unit: Unit::TensorGemm,
            shape,
            flops,
            bytes_read: 1,
            bytes_written: 1,
            launches: 1,
            working_set: 2,
            count,
        }
    }

    #[test]
    fn equation_4_6_weights_by_flops() {
        let features = Features::of(&[
            op(OpShape::Gemm { batch: 1, m: 10, n: 1, k: 1 }, 100, 1),
            op(OpShape::Gemm { batch: 1, m: 40, n: 1, k: 1 }, 50, 4),
            op(OpShape::Elements(7), 7, 3),
        ]);
        let gemm = features.gemm.unwrap();
        assert!((gemm.m - (100.0 * 10.0 + 200.0 * 40.0) / 300.0).abs() < 1e-12);
        assert_eq!(features.conv, None);
        assert_eq!(features.elements, 21);
    }
}
