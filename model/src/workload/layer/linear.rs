//! y = x A^T + b (thesis section 4.3.4, base handlers).

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::{OpClass, OpShape, Unit};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;
use crate::workload::work::Work;

/// A dense layer over the last axis: `[.., in]` to `[.., out]`.
///
/// Forward 2 R in out FLOPs for R rows; backward as many for the input gradient and as many for the weight gradient.
/// The bias is added in the product's own kernel; its gradient is a sum over the rows.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    /// Extent of the input's last axis.
    pub in_features: u64,
    /// Extent of the result's last axis.
    pub out_features: u64,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Layer for Linear {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let (k, n) = (self.in_features, self.out_features);
        if input.shape().is_empty() || input.width() != k {
            return Err(rec.shape_error(&format!("[.., {k}]"), input));
        }
        let x = rec.to_compute(input)?;
        let weight = rec.compute_parameter("weight", &[n, k])?;
        let mut shape = x.shape().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = n;
        }
        let y = rec.tensor(shape, rec.compute_dtype(), true)?;
        let m = x.rows();

        rec.forward("", Work::gemm(OpClass::Linear, [1, m, n, k], x.bytes() + weight.bytes(), y.bytes()))?;
        rec.consume(&x);
        if x.requires_grad() {
            let work = Work::gemm(OpClass::Linear, [1, m, k, n], y.bytes() + weight.bytes(), x.bytes());
            rec.backward("input_grad", work)?;
        }
        rec.save(&x);
        rec.backward("weight_grad", Work::gemm(OpClass::Linear, [1, n, k, m], y.bytes() + x.bytes(), weight.bytes()))?;
        if self.bias {
            add_bias(rec, &y)?;
        }
        Ok(y)
    }
}

/// Adds a trained vector `bias` to the last axis of `y`, in the kernel that produced it; its gradient is a sum over the
/// rows.
pub(crate) fn add_bias(rec: &mut Recorder, y: &Tensor) -> Result<(), WorkloadError> {
    let bias = rec.compute_parameter("bias", &[y.width()])?;
    rec.forward("bias", Work::pointwise(OpClass::Linear, y.elements(), 1, bias.bytes(), 0).launches(0))?;
    let shape = OpShape::Rows { rows: y.width(), width: y.rows() };
    let flops = u128::from(y.elements());
    rec.backward("bias_grad", Work::new(OpClass::Linear, Unit::Alu, shape, flops, y.bytes(), bias.bytes()))
}
