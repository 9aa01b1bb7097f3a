//! One operation of a training pass.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which half of the pass an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// From the input to the loss.
    Forward,
    /// From the loss to the gradients of the parameters.
    Backward,
}

/// Where FLOPs execute when the precision has tensor cores (the decomposition of thesis section 4.3.4).
///
/// In [`Precision::F32`](ergometer_record::Precision) the same products run on the ordinary cores: the unit names the
/// kind of work, and the device decides which peak it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Dense matrix products (F_GEMM-TC).
    TensorGemm,
    /// Convolutions (F_Conv-TC).
    TensorConv,
    /// Everything else (F_ALU).
    Alu,
}

impl Unit {
    /// All variants.
    pub const ALL: [Self; 3] = [Self::TensorGemm, Self::TensorConv, Self::Alu];
}

/// The kind of layer that an operation comes from, as the summary table groups it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpClass {
    /// Product with a weight matrix, and its bias.
    Linear,
    /// Batched product of two activations (eager attention).
    BatchedGemm,
    /// Attention in one fused kernel.
    Attention,
    /// Convolution, and its bias.
    Conv,
    /// Batch, layer or RMS normalisation.
    Norm,
    /// Softmax over the last axis.
    Softmax,
    /// Pointwise non-linearity.
    Activation,
    /// Other pointwise arithmetic: residual sums, scaling, masks, products of two tensors.
    Elementwise,
    /// Random zeroing in training.
    Dropout,
    /// Table look-up.
    Embedding,
    /// Maximum or average over windows.
    Pooling,
    /// Rotary position embedding.
    Rotary,
    /// Cross-entropy.
    Loss,
    /// Change of layout or of precision: bytes without arithmetic.
    Copy,
    /// Sum of the gradients of a tensor or weight that is used more than once.
    GradientSum,
}

impl OpClass {
    /// All variants, in the order of the summary table.
    pub const ALL: [Self; 15] = [
        Self::Linear,
        Self::BatchedGemm,
        Self::Attention,
        Self::Conv,
        Self::Norm,
        Self::Softmax,
        Self::Activation,
        Self::Elementwise,
        Self::Dropout,
        Self::Embedding,
        Self::Pooling,
        Self::Rotary,
        Self::Loss,
        Self::Copy,
        Self::GradientSum,
    ];

    /// The name used in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::BatchedGemm => "batched_gemm",
            Self::Attention => "attention",
            Self::Conv => "conv",
            Self::Norm => "norm",
            Self::Softmax => "softmax",
            Self::Activation => "activation",
            Self::Elementwise => "elementwise",
            Self::Dropout => "dropout",
            Self::Embedding => "embedding",
            Self::Pooling => "pooling",
            Self::Rotary => "rotary",
            Self::Loss => "loss",
            Self::Copy => "copy",
            Self::GradientSum => "gradient_sum",
        }
    }
}

impl fmt::Display for OpClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The extents that decide how well an operation fills a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpShape {
    /// `batch` products C (m x n) = A (m x k) B (k x n).
    Gemm {
        /// Independent products; 1 for a linear layer.
        batch: u64,
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A, rows of B.
        k: u64,
    },
    /// A 2-D convolution, described by its forward extents in both passes.
    Conv {
        /// Images.
        batch: u64,
        /// Channels in.
        c_in: u64,
        /// Channels out.
        c_out: u64,
        /// Rows of the output.
        h_out: u64,
        /// Columns of the output.
        w_out: u64,
        /// Rows of the filter.
        kh: u64,
        /// Columns of the filter.
        kw: u64,
        /// Groups of channels that don't mix.
        groups: u64,
    },
    /// Pointwise over this many elements.
    Elements(u64),
    /// Reductions along rows.
    Rows {
        /// Independent rows.
        rows: u64,
        /// Elements of a row.
        width: u64,
    },
}

impl OpShape {
    /// Elements that a generic (neither GEMM nor convolution) operation processes; `None` for those two.
    pub fn elements(&self) -> Option<u64> {
        match *self {
            Self::Elements(n) => Some(n),
            Self::Rows { rows, width } => Some(rows.saturating_mul(width)),
            Self::Gemm { .. } | Self::Conv { .. } => None,
        }
    }
}

/// One operation. FLOPs, bytes and launches are of *one* execution; the pass runs it [`count`](Self::count) times.
///
/// Bytes are those that a kernel with an ideal cache moves: each operand read once, each result written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// Path of the layer, for example `encoder.layer.*.attention.query`; `*` stands for the repeated index.
    pub name: String,
    /// What kind of layer it comes from.
    pub class: OpClass,
    /// Forward or backward.
    pub pass: Pass,
    /// Where its FLOPs execute.
    pub unit: Unit,
    /// Its extents.
    pub shape: OpShape,
    /// Floating-point operations; a multiply-add is two.
    pub flops: u64,
    /// Bytes read from device memory.
    pub bytes_read: u64,
    /// Bytes written to device memory.
    pub bytes_written: u64,
    /// Kernels launched; 0 for arithmetic fused into the kernel of another operation (the bias of a linear layer).
    pub launches: u32,
    /// Bytes of the distinct operands that it touches: what a cache would have to hold.
    pub working_set: u64,
    /// How often it runs in a pass.
    pub count: u64,
}

impl Op {
    /// Bytes read and written by one execution.
    pub fn bytes(&self) -> u64 {
        self.bytes_read.saturating_add(self.bytes_written)
    }

    /// FLOPs of all executions.
    pub fn total_flops(&self) -> u64 {
        self.flops.saturating_mul(self.count)
    }

    /// Bytes read and written by all executions.
    pub fn total_bytes(&self) -> u64 {
        self.bytes().saturating_mul(self.count)
    }

    /// Kernels launched by all executions.
    pub fn total_launches(&self) -> u64 {
        u64::from(self.launches).saturating_mul(self.count)
    }
}
