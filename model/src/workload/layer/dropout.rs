//! Dropout in training.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;
use crate::workload::work::Work;

/// Zeroes elements at random and scales the rest; keeps a mask of one byte per element. A network whose rate is 0
/// leaves the layer out, as PyTorch launches nothing then.
#[derive(Debug, Clone, Copy)]
pub struct Dropout;

impl Layer for Dropout {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let (n, bytes) = (input.elements(), input.bytes());
        rec.consume(input);
        let y = rec.tensor(input.shape().to_vec(), input.dtype(), input.requires_grad())?;
        // Comparison with the rate and scaling; drawing the number is integer work.
        rec.forward("", Work::pointwise(OpClass::Dropout, n, 2, bytes, bytes + n))?;
        if input.requires_grad() {
            rec.save_bytes(n);
            rec.backward("grad", Work::pointwise(OpClass::Dropout, n, 2, bytes + n, bytes))?;
        }
        Ok(y)
    }
}
