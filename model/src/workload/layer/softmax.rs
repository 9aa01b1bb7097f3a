//! Softmax over the last axis.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// Maximum, difference, exponential, sum, division.
const FORWARD: u64 = 5;
/// y dy, its sum, difference, product.
const BACKWARD: u64 = 4;

/// exp(x - max) / sum exp(x - max) along rows; the result is FP32 in every precision.
#[derive(Debug, Clone, Copy)]
pub struct Softmax;

impl Layer for Softmax {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let (rows, width) = (input.rows(), input.width());
        rec.consume(input);
        let y = rec.tensor(input.shape().to_vec(), DType::Single, input.requires_grad())?;
        rec.forward("", Work::by_rows(OpClass::Softmax, rows, width, FORWARD, input.bytes(), y.bytes()))?;
        if input.requires_grad() {
            rec.save(&y);
            let work = Work::by_rows(OpClass::Softmax, rows, width, BACKWARD, 2 * y.bytes(), input.bytes());
            rec.backward("grad", work)?;
        }
        Ok(y)
    }
}
