//! Root-mean-square normalisation.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// x / sqrt(mean(x^2) + eps) times a weight, in FP32, written out in pointwise kernels as `LlamaRMSNorm` of
/// transformers is: square, mean, root (with its epsilon), product, product with the weight.
#[derive(Debug, Clone, Copy)]
pub struct RmsNorm {
    /// Extent of the last axis.
    pub width: u64,
}

impl Layer for RmsNorm {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        if input.shape().is_empty() || input.width() != self.width {
            return Err(rec.shape_error(&format!("[.., {}]", self.width), input));
        }
        let x = rec.cast(input, DType::Single)?;
        let weight = rec.parameter("weight", &[self.width])?;
        let y = rec.tensor(x.shape().to_vec(), DType::Single, true)?;
        let (n, rows, width) = (x.elements(), x.rows(), x.width());
        let (full, row) = (x.bytes(), rows * DType::Single.bytes());
        let each = |flops, read, written| Work::pointwise(OpClass::Norm, n, flops, read, written);
        let by_rows = |flops, read, written| Work::by_rows(OpClass::Norm, rows, width, flops, read, written);

        rec.forward("square", each(1, full, full))?;
        rec.forward("mean", by_rows(1, full, row))?;
        rec.forward("rsqrt", Work::pointwise(OpClass::Norm, rows, 2, row, row).launches(2))?;
        rec.forward("normalise", each(1, full + row, full))?;
        rec.forward("scale", each(1, full + weight.bytes(), full))?;

        rec.consume(&x);
        rec.save(&x);
        // The normalised value, kept by the product with the weight, and the roots.
        rec.save_bytes(full + row);
        rec.backward("scale.weight_product", each(1, 2 * full, full))?;
        rec.backward("scale.weight_grad", Work::by_rows(OpClass::Norm, width, rows, 1, full, weight.bytes()))?;
        if x.requires_grad() {
            rec.backward("scale.input_grad", each(1, full + weight.bytes(), full))?;
            rec.backward("normalise.input_grad", each(1, full + row, full))?;
            rec.backward("normalise.product", each(1, 2 * full, full))?;
            rec.backward("normalise.sum", by_rows(1, full, row))?;
            rec.backward("rsqrt.grad", Work::pointwise(OpClass::Norm, rows, 4, 2 * row, row).launches(3))?;
            // The mean's gradient spread over the row, then 2 x times it in three kernels.
            let square = each(4, row + 4 * full, 4 * full).launches(4).working_set(3 * full);
            rec.backward("square.grad", square)?;
            rec.backward("input_sum", each(1, 2 * full, full).working_set(2 * full))?;
        }
        Ok(y)
    }
}
