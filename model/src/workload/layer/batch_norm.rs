//! Batch normalisation of images, in training.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Tensor};
use crate::workload::work::Work;

/// Mean (1), variance (3), normalisation (2), scale and shift (2).
const FORWARD: u64 = 8;
/// Normalised value (2), two sums (3), combination (5).
const BACKWARD: u64 = 10;

/// Normalises each channel over batch and pixels, then scales and shifts, keeping running statistics. The activation
/// keeps its format; statistics and parameters are FP32.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm2d {
    /// Channels.
    pub channels: u64,
}

impl Layer for BatchNorm2d {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let &[batch, channels, h, w] = input.shape() else {
            return Err(rec.shape_error(&format!("[_, {}, _, _]", self.channels), input));
        };
        if channels != self.channels {
            return Err(rec.shape_error(&format!("[_, {}, _, _]", self.channels), input));
        }
        let gamma = rec.parameter("weight", &[channels])?;
        let beta = rec.parameter("bias", &[channels])?;
        rec.buffer("running_mean", channels);
        rec.buffer("running_var", channels);
        rec.buffer("num_batches_tracked", 1);
        let y = rec.tensor(input.shape().to_vec(), input.dtype(), true)?;
        let width = batch * h * w;
        let per_channel = channels * DType::Single.bytes();
        let weights = gamma.bytes() + beta.bytes();
        let norm = |flops, read, written| Work::by_rows(OpClass::Norm, channels, width, flops, read, written);

        rec.forward("batches", Work::pointwise(OpClass::Norm, 1, 0, 8, 8).working_set(8))?;
        // Running statistics are read and written, the batch's own are written for the backward pass.
        rec.forward("", norm(FORWARD, input.bytes() + weights + 2 * per_channel, y.bytes() + 4 * per_channel))?;
        rec.consume(input);
        rec.save(input);
        rec.save_bytes(2 * per_channel);
        let read = y.bytes() + input.bytes() + gamma.bytes() + 2 * per_channel;
        let written = weights + if input.requires_grad() { input.bytes() } else { 0 };
        rec.backward("grad", norm(BACKWARD, read, written))?;
        Ok(y)
    }
}
