//! Rotary position embedding.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// x cos + rotate_half(x) sin for `[batch, heads, tokens, head_dim]`, in the five kernels of transformers: negation of
/// a half, concatenation, two products with FP32 tables, and a sum.
#[derive(Debug, Clone, Copy)]
pub struct Rotary;

impl Rotary {
    /// Records the tables of cosines and sines of `tokens` positions, which all layers share and nothing trains.
    ///
    /// transformers computes the angles as a product of inner extent 1, which `FlopCounterMode` counts as
    /// `tokens head_dim` FLOPs; here it is ALU work like the cosines.
    ///
    /// # Errors
    /// When counts get too large.
    pub fn tables(rec: &mut Recorder, tokens: u64, head_dim: u64) -> Result<(), WorkloadError> {
        let n = rec.data(&[tokens, head_dim])?.elements();
        let (full, half) = (4 * n, 2 * n);
        rec.forward("angles", Work::pointwise(OpClass::Rotary, n / 2, 1, 8 * tokens + 2 * head_dim, half))?;
        rec.forward("concat", Work::copy(n, half, full))?;
        // Cosines and sines, each then scaled.
        let tables = Work::pointwise(OpClass::Rotary, 2 * n, 2, 4 * full, 4 * full).launches(4).working_set(2 * full);
        rec.forward("cos_sin", tables)?;
        rec.save_bytes(2 * full);
        Ok(())
    }
}

impl Layer for Rotary {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let &[_, _, tokens, head_dim] = input.shape() else {
            return Err(rec.shape_error("[batch, heads, tokens, head_dim]", input));
        };
        if !head_dim.is_multiple_of(2) {
            return Err(rec.shape_error("[_, _, _, an even head_dim]", input));
        }
        rec.consume(input);
        let y = rec.tensor(input.shape().to_vec(), DType::Single, input.requires_grad())?;
        let (n, bytes, wide) = (input.elements(), input.bytes(), y.bytes());
        let table = tokens * head_dim * DType::Single.bytes();
        let product = Work::pointwise(OpClass::Rotary, n, 1, bytes + table, wide);
        rec.forward("negate", Work::pointwise(OpClass::Rotary, n / 2, 1, bytes / 2, bytes / 2))?;
        rec.forward("concat", Work::copy(n, bytes, bytes))?;
        rec.forward("product", product.clone())?;
        rec.forward("product", product)?;
        rec.forward("sum", Work::pointwise(OpClass::Rotary, n, 1, 2 * wide, wide))?;
        if input.requires_grad() {
            let product = Work::pointwise(OpClass::Rotary, n, 1, wide + table, bytes);
            rec.backward("product.grad", product.clone())?;
            rec.backward("product.grad", product)?;
            rec.backward("negate.grad", Work::pointwise(OpClass::Rotary, n / 2, 1, bytes / 2, bytes / 2))?;
            // Two slices are written into zeroed tensors, then three gradients are summed.
            rec.backward("slices.grad", Work::copy(n, bytes, 3 * bytes).launches(4))?;
            rec.backward("sum.grad", Work::pointwise(OpClass::Rotary, 2 * n, 1, 4 * bytes, 2 * bytes).launches(2))?;
        }
        Ok(y)
    }
}
