//! Table look-up.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// Bytes of one index.
const INDEX: u64 = 8;

/// Rows of a trained table by index: `[..]` of 64-bit indices to `[.., width]`, FP32.
///
/// Backward writes a dense gradient: the whole table is zeroed, then the rows that occur are added to. Sorting the
/// indices, which PyTorch does above 3072 of them, is not counted.
#[derive(Debug, Clone, Copy)]
pub struct Embedding {
    /// Rows of the table.
    pub entries: u64,
    /// Width of a row.
    pub width: u64,
}

impl Layer for Embedding {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let table = rec.parameter("weight", &[self.entries, self.width])?;
        let mut shape = input.shape().to_vec();
        shape.push(self.width);
        let y = rec.tensor(shape, DType::Single, true)?;
        let indices = input.elements();
        let touched = indices.min(self.entries) * self.width * DType::Single.bytes();
        let read = touched + indices * INDEX;

        rec.forward("", Work::pointwise(OpClass::Embedding, y.elements(), 0, read, y.bytes()))?;
        rec.save_bytes(indices * INDEX);
        let clear = Work::pointwise(OpClass::Embedding, table.elements, 0, 0, table.bytes());
        rec.backward("weight_grad.clear", clear)?;
        let read = y.bytes() + indices * INDEX + touched;
        let scatter = Work::pointwise(OpClass::Embedding, y.elements(), 1, read, touched);
        rec.backward("weight_grad", scatter.working_set(read))?;
        Ok(y)
    }
}
