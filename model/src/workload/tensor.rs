//! The shape of an activation as it passes through a network; never its values.

use std::fmt;

/// Number format of an activation. Under automatic mixed precision both occur in one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// Four bytes: FP32, and TF32, which is FP32 in memory.
    Single,
    /// Two bytes: BF16 or FP16.
    Half,
}

impl DType {
    /// Bytes of one value.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }
}

/// A tensor handed from layer to layer.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// Identity of its storage: views share it, so that the uses of a tensor can be counted.
    pub(super) id: usize,
    pub(super) shape: Vec<u64>,
    pub(super) elements: u64,
    pub(super) dtype: DType,
    pub(super) requires_grad: bool,
}

impl Tensor {
    /// Its extents, batch first.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Its number of elements.
    pub fn elements(&self) -> u64 {
        self.elements
    }

    /// Its number format.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes that it occupies.
    pub fn bytes(&self) -> u64 {
        self.elements * self.dtype.bytes()
    }

    /// Whether the backward pass computes its gradient: true downstream of a trained parameter, false for the data.
    pub fn requires_grad(&self) -> bool {
        self.requires_grad
    }

    /// Identity of its storage, which views share.
    pub(super) fn identity(&self) -> usize {
        self.id
    }

    /// Its last extent, 1 for a scalar.
    pub fn width(&self) -> u64 {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Its elements as rows of [`width`](Self::width).
    pub fn rows(&self) -> u64 {
        self.elements.checked_div(self.width()).unwrap_or(0)
    }
}

/// A shape as people write it: `[32, 128, 768]`.
pub(super) struct Shown<'a>(pub(super) &'a [u64]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}
