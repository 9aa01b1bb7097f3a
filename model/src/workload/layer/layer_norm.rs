//! Layer normalisation.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// Mean (1), variance (3), normalisation (2), scale and shift (2).
const FORWARD: u64 = 8;
/// Normalised value (2), dy gamma (1), two sums (3), combination (5).
const INPUT_GRAD: u64 = 11;
/// Normalised value (2), products and their sum (2), sum (1).
const WEIGHT_GRAD: u64 = 5;

/// Normalises the last axis to mean 0 and variance 1, then scales and shifts; in FP32 in every precision.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    /// Extent of the last axis.
    pub width: u64,
}

impl Layer for LayerNorm {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        if input.shape().is_empty() || input.width() != self.width {
            return Err(rec.shape_error(&format!("[.., {}]", self.width), input));
        }
        let x = rec.cast(input, DType::Single)?;
        let gamma = rec.parameter("weight", &[self.width])?;
        let beta = rec.parameter("bias", &[self.width])?;
        let weights = gamma.bytes() + beta.bytes();
        let y = rec.tensor(x.shape().to_vec(), DType::Single, true)?;
        let (rows, width) = (x.rows(), x.width());
        let statistics = 2 * rows * DType::Single.bytes();
        let norm = |flops, read, written| Work::by_rows(OpClass::Norm, rows, width, flops, read, written);

        rec.forward("", norm(FORWARD, x.bytes() + weights, y.bytes() + statistics))?;
        rec.consume(&x);
        rec.save(&x);
        rec.save_bytes(statistics);
        let read = y.bytes() + x.bytes() + statistics;
        if x.requires_grad() {
            rec.backward("input_grad", norm(INPUT_GRAD, read + gamma.bytes(), x.bytes()))?;
        }
        rec.backward("weight_grad", norm(WEIGHT_GRAD, read, weights))?;
        Ok(y)
    }
}
