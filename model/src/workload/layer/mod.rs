//! Layers: each derives the shape of its result, and records its forward and backward kernels.
//!
//! Counting conventions, the same everywhere:
//! - a multiply-add is two FLOPs; comparisons, exponentials, roots, divisions and error functions are one each;
//! - each kernel reads its operands once and writes its result once, in their formats;
//! - an input gradient is computed only for inputs that need one, so that the first layer is cheaper backward;
//! - kernels are those of eager PyTorch, one launch each; reshaping is free unless it has to copy.

mod activation;
mod arithmetic;
mod attention;
mod batch_norm;
mod conv;
mod dropout;
mod embedding;
mod layer_norm;
mod layout;
mod linear;
mod loss;
mod pooling;
mod rms_norm;
mod rotary;
mod softmax;

pub use activation::Activation;
pub(crate) use arithmetic::pass_back;
pub use arithmetic::{Scale, add, mask, multiply};
pub(crate) use attention::batched_product;
pub use attention::{Backend, Mask, ScaledDotProduct};
pub use batch_norm::BatchNorm2d;
pub use conv::Conv2d;
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use layout::{Contiguous, FirstToken, Flatten, FullSlices, RepeatHeads, concat_tokens, expand_batch, shift_tokens};
pub use linear::Linear;
pub(crate) use linear::add_bias;
pub use loss::CrossEntropy;
pub use pooling::{AdaptiveAvgPool2d, AvgPool2d, MaxPool2d};
pub use rms_norm::RmsNorm;
pub use rotary::Rotary;
pub use softmax::Softmax;

use super::WorkloadError;
use super::recorder::Recorder;
use super::tensor::Tensor;

/// A layer of one input and one result.
pub trait Layer {
    /// Records the layer's kernels for `input` and gives its result.
    ///
    /// # Errors
    /// When the input's shape is not one that the layer takes (the error names the layer and both shapes), or counts
    /// get too large.
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError>;
}
