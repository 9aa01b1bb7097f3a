//! ResNet-50 of torchvision (He et al., 2016; stride on the 3 x 3 convolution): bottlenecks 3, 4, 6 and 3.

use super::Options;
use crate::workload::WorkloadError;
use crate::workload::block::Bottleneck;
use crate::workload::layer::{
    Activation, AdaptiveAvgPool2d, BatchNorm2d, Conv2d, CrossEntropy, Flatten, Linear, MaxPool2d,
};
use crate::workload::recorder::Recorder;

pub(super) fn record(rec: &mut Recorder, options: &Options) -> Result<(), WorkloadError> {
    let pixels = rec.data(&[options.batch, 3, options.image, options.image])?;
    let x = rec.layer("conv1", &Conv2d::square(3, 64, 7, 2, 3), &pixels)?;
    let x = rec.layer("bn1", &BatchNorm2d { channels: 64 }, &x)?;
    let x = rec.layer("relu", &Activation::Relu, &x)?;
    let mut x = rec.layer("maxpool", &MaxPool2d { kernel: 3, stride: 2, padding: 1 }, &x)?;
    let mut in_channels = 64;
    for (stage, (blocks, width)) in [(3, 64), (4, 128), (6, 256), (3, 512)].into_iter().enumerate() {
        for index in 0..blocks {
            let stride = if index == 0 && stage > 0 { 2 } else { 1 };
            let block = Bottleneck { in_channels, width, stride };
            x = rec.layer(&format!("layer{}.{index}", stage + 1), &block, &x)?;
            in_channels = 4 * width;
        }
    }
    let x = rec.layer("avgpool", &AdaptiveAvgPool2d { output: [1, 1] }, &x)?;
    let x = rec.layer("flatten", &Flatten, &x)?;
    let classifier = Linear { in_features: in_channels, out_features: options.classes, bias: true };
    let x = rec.layer("fc", &classifier, &x)?;
    rec.layer("loss", &CrossEntropy, &x)?;
    Ok(())
}
