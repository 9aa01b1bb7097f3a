//! The residual block of deep ResNets.

use crate::workload::WorkloadError;
use crate::workload::layer::{Activation, BatchNorm2d, Conv2d, Layer, add};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;

/// 1x1, 3x3 (with the stride, as in torchvision) and 1x1 convolution, each with batch normalisation, and a residual
/// that is projected when its shape changes.
#[derive(Debug, Clone, Copy)]
pub struct Bottleneck {
    /// Channels in.
    pub in_channels: u64,
    /// Channels of the 3x3 convolution; the result has four times as many.
    pub width: u64,
    /// Stride of the 3x3 convolution.
    pub stride: u64,
}

impl Layer for Bottleneck {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let Self { in_channels, width, stride } = *self;
        let out = 4 * width;
        let mut x = input.clone();
        let convs = [
            ("1", Conv2d::square(in_channels, width, 1, 1, 0)),
            ("2", Conv2d::square(width, width, 3, stride, 1)),
            ("3", Conv2d::square(width, out, 1, 1, 0)),
        ];
        for (index, conv) in convs {
            x = rec.layer(&format!("conv{index}"), &conv, &x)?;
            x = rec.layer(&format!("bn{index}"), &BatchNorm2d { channels: conv.out_channels }, &x)?;
            if index != "3" {
                x = rec.layer(&format!("relu{index}"), &Activation::Relu, &x)?;
            }
        }
        let skip = if stride == 1 && in_channels == out {
            input.clone()
        } else {
            rec.scope("downsample", |rec| {
                let x = rec.layer("0", &Conv2d::square(in_channels, out, 1, stride, 0), input)?;
                rec.layer("1", &BatchNorm2d { channels: out }, &x)
            })?
        };
        let x = add(rec, "residual", &x, &skip)?;
        rec.layer("relu", &Activation::Relu, &x)
    }
}
