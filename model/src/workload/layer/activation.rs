//! Pointwise non-linearities.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;
use crate::workload::work::Work;
use serde::{Deserialize, Serialize};

/// Which function is applied to each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x Phi(x) by the error function, in one kernel.
    Gelu,
    /// The tanh approximation of GELU written out in eight pointwise kernels, as ALBERT's `gelu_new` is in
    /// transformers: each one goes through memory.
    GeluNew,
    /// x sigmoid(x).
    Silu,
    /// tanh(x).
    Tanh,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
}

/// Pointwise kernels of `gelu_new`: cube, scale, add, scale, tanh, add one, halve, multiply.
const GELU_NEW_FORWARD: u32 = 8;
/// Their gradients: one each, one more for the product of two tensors and one more for the cube.
const GELU_NEW_BACKWARD: u32 = 10;

impl Activation {
    /// All variants.
    pub const ALL: [Self; 6] = [Self::Relu, Self::Gelu, Self::GeluNew, Self::Silu, Self::Tanh, Self::Sigmoid];

    /// The name used in layer files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::GeluNew => "gelu_new",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
        }
    }

    /// FLOPs per element and kernel, forward and backward.
    fn flops(self) -> (u64, u64) {
        match self {
            Self::Relu => (1, 1),
            Self::Gelu => (5, 10),
            Self::GeluNew => (1, 1),
            Self::Silu => (4, 7),
            Self::Tanh => (1, 3),
            Self::Sigmoid => (3, 3),
        }
    }

    /// Whether the backward pass needs the result (else the input).
    fn saves_result(self) -> bool {
        matches!(self, Self::Relu | Self::Tanh | Self::Sigmoid)
    }
}

impl Layer for Activation {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let (forward, backward) = self.flops();
        let bytes = input.bytes();
        rec.consume(input);
        let y = rec.tensor(input.shape().to_vec(), input.dtype(), input.requires_grad())?;
        let kernels = if *self == Self::GeluNew { GELU_NEW_FORWARD } else { 1 };
        for _ in 0..kernels {
            rec.forward("", Work::pointwise(OpClass::Activation, y.elements(), forward, bytes, bytes))?;
        }
        if !input.requires_grad() {
            return Ok(y);
        }
        rec.save(if self.saves_result() { &y } else { input });
        if *self == Self::GeluNew {
            // The cube keeps x, tanh its result, and the last product both of its factors.
            rec.save_bytes(bytes.saturating_mul(3));
        }
        let kernels = if *self == Self::GeluNew { GELU_NEW_BACKWARD } else { 1 };
        for _ in 0..kernels {
            rec.backward("grad", Work::pointwise(OpClass::Activation, y.elements(), backward, 2 * bytes, bytes))?;
        }
        Ok(y)
    }
}
