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

/// Kernels of `gelu_new`, and how many full tensors they read and write.
struct Chain {
    kernels: u32,
    reads: u64,
    writes: u64,
}

/// Cube, scale, add, scale, tanh, add one, halve, multiply.
const GELU_NEW_FORWARD: Chain = Chain { kernels: 8, reads: 10, writes: 8 };
/// Seven products (three of two tensors), a square, tanh's gradient, two sums.
const GELU_NEW_BACKWARD: Chain = Chain { kernels: 11, reads: 17, writes: 11 };
/// Most tensors that one kernel of the chains touches.
const CHAIN_OPERANDS: u64 = 3;

impl Chain {
    fn work(&self, elements: u64, bytes: u64) -> Work {
        let (read, written) = (self.reads * bytes, self.writes * bytes);
        Work::pointwise(OpClass::Activation, elements, u64::from(self.kernels), read, written)
            .launches(self.kernels)
            .working_set(CHAIN_OPERANDS * bytes)
    }
}

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

    /// FLOPs per element, forward and backward.
    fn flops(self) -> (u64, u64) {
        match self {
            Self::Relu => (1, 1),
            Self::Gelu => (5, 10),
            Self::GeluNew => (8, 11),
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
        let n = y.elements();
        if *self == Self::GeluNew {
            rec.forward("", GELU_NEW_FORWARD.work(n, bytes))?;
        } else {
            rec.forward("", Work::pointwise(OpClass::Activation, n, forward, bytes, bytes))?;
        }
        if !input.requires_grad() {
            return Ok(y);
        }
        rec.save(if self.saves_result() { &y } else { input });
        if *self == Self::GeluNew {
            // The cube keeps x, tanh its result, and the last product both of its factors.
            rec.save_bytes(3 * bytes);
            rec.backward("grad", GELU_NEW_BACKWARD.work(n, bytes))?;
        } else {
            rec.backward("grad", Work::pointwise(OpClass::Activation, n, backward, 2 * bytes, bytes))?;
        }
        Ok(y)
    }
}
