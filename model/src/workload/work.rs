//! What one kernel does, before it has a name and a pass.

use super::op::{OpClass, OpShape, Unit};

/// One kernel, or one group of kernels of the same kind. FLOPs are wide because a product of extents may exceed 64
/// bits before it is refused.
#[derive(Debug, Clone)]
pub struct Work {
    pub(super) class: OpClass,
    pub(super) unit: Unit,
    pub(super) shape: OpShape,
    pub(super) flops: u128,
    pub(super) read: u64,
    pub(super) written: u64,
    pub(super) working_set: u64,
    pub(super) launches: u32,
}

impl Work {
    /// `batch` products of m x k by k x n: 2 m n k FLOPs each, on the tensor cores, one launch. `bytes` are of the
    /// two operands together and of the result.
    pub fn gemm(class: OpClass, [batch, m, n, k]: [u64; 4], read: u64, written: u64) -> Self {
        let flops = 2 * u128::from(batch) * u128::from(m) * u128::from(n) * u128::from(k);
        Self::new(class, Unit::TensorGemm, OpShape::Gemm { batch, m, n, k }, flops, read, written)
    }

    /// Pointwise arithmetic: `flops_each` per element on the ALUs, one launch.
    pub fn pointwise(class: OpClass, elements: u64, flops_each: u64, read: u64, written: u64) -> Self {
        let flops = u128::from(elements) * u128::from(flops_each);
        Self::new(class, Unit::Alu, OpShape::Elements(elements), flops, read, written)
    }

    /// Reductions along rows: `flops_each` per element on the ALUs, one launch.
    pub fn by_rows(class: OpClass, rows: u64, width: u64, flops_each: u64, read: u64, written: u64) -> Self {
        let flops = u128::from(rows) * u128::from(width) * u128::from(flops_each);
        Self::new(class, Unit::Alu, OpShape::Rows { rows, width }, flops, read, written)
    }

    /// A copy of `elements` that reads and writes these bytes.
    pub fn copy(elements: u64, read: u64, written: u64) -> Self {
        Self::pointwise(OpClass::Copy, elements, 0, read, written)
    }

    /// Any kernel: one launch, and a working set of all its operands.
    pub fn new(class: OpClass, unit: Unit, shape: OpShape, flops: u128, read: u64, written: u64) -> Self {
        Self { class, unit, shape, flops, read, written, working_set: read.saturating_add(written), launches: 1 }
    }

    /// The same with another number of launches; 0 when it is fused into the kernel before it.
    #[must_use]
    pub fn launches(self, launches: u32) -> Self {
        Self { launches, ..self }
    }

    /// The same with another working set, for kernels that write where they read or read an operand twice.
    #[must_use]
    pub fn working_set(self, bytes: u64) -> Self {
        Self { working_set: bytes, ..self }
    }
}
