//! Cross-entropy.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// Maximum, difference, exponential, sum, difference of the logarithm.
const LOG_SOFTMAX: u64 = 5;
/// exp(y), times the sum, difference.
const LOG_SOFTMAX_GRAD: u64 = 3;
/// Bytes of one target index.
const INDEX: u64 = 8;

/// Mean negative log-likelihood of `[rows, classes]` logits, in FP32: log-softmax, then the choice of the targets.
#[derive(Debug, Clone, Copy)]
pub struct CrossEntropy;

impl Layer for CrossEntropy {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let &[rows, classes] = input.shape() else {
            return Err(rec.shape_error("[rows, classes]", input));
        };
        let x = rec.cast(input, DType::Single)?;
        rec.consume(&x);
        let y = rec.tensor(x.shape().to_vec(), DType::Single, x.requires_grad())?;
        let full = x.bytes();
        let row = rows * (INDEX + DType::Single.bytes());
        rec.forward("log_softmax", Work::by_rows(OpClass::Loss, rows, classes, LOG_SOFTMAX, full, full))?;
        rec.forward("nll", Work::by_rows(OpClass::Loss, 1, rows, 1, row, 2 * DType::Single.bytes()))?;
        if x.requires_grad() {
            rec.save(&y);
            let one = DType::Single.bytes();
            rec.backward("seed", Work::pointwise(OpClass::Loss, 1, 0, 0, one))?;
            let clear_and_set = Work::pointwise(OpClass::Loss, rows, 1, rows * INDEX, full).launches(2);
            rec.backward("nll.grad", clear_and_set)?;
            let work = Work::by_rows(OpClass::Loss, rows, classes, LOG_SOFTMAX_GRAD, 2 * full, full);
            rec.backward("log_softmax.grad", work)?;
        }
        rec.tensor(vec![1], DType::Single, x.requires_grad())
    }
}
