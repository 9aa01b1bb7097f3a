//! VGG-16 of torchvision, without batch normalisation (Simonyan and Zisserman, 2015).

use super::Options;
use crate::workload::WorkloadError;
use crate::workload::layer::{
    Activation, AdaptiveAvgPool2d, Conv2d, CrossEntropy, Dropout, Flatten, Linear, MaxPool2d,
};
use crate::workload::recorder::Recorder;

/// Channels of the convolutions, a pool after each group.
const GROUPS: [&[u64]; 5] = [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];
/// Width of the two hidden dense layers.
const DENSE: u64 = 4096;

pub(super) fn record(rec: &mut Recorder, options: &Options) -> Result<(), WorkloadError> {
    let mut x = rec.data(&[options.batch, 3, options.image, options.image])?;
    let mut channels = 3;
    let mut index = 0;
    for group in GROUPS {
        for out in group {
            let conv = Conv2d { bias: true, ..Conv2d::square(channels, *out, 3, 1, 1) };
            x = rec.layer(&format!("features.{index}"), &conv, &x)?;
            x = rec.layer(&format!("features.{}", index + 1), &Activation::Relu, &x)?;
            channels = *out;
            index += 2;
        }
        x = rec.layer(&format!("features.{index}"), &MaxPool2d { kernel: 2, stride: 2, padding: 0 }, &x)?;
        index += 1;
    }
    x = rec.layer("avgpool", &AdaptiveAvgPool2d { output: [7, 7] }, &x)?;
    x = rec.layer("flatten", &Flatten, &x)?;
    for (index, in_features) in [("0", channels * 49), ("3", DENSE)] {
        x = rec.layer(&format!("classifier.{index}"), &Linear { in_features, out_features: DENSE, bias: true }, &x)?;
        x = rec.layer("classifier.relu", &Activation::Relu, &x)?;
        x = rec.layer("classifier.dropout", &Dropout, &x)?;
    }
    x = rec.layer("classifier.6", &Linear { in_features: DENSE, out_features: options.classes, bias: true }, &x)?;
    rec.layer("loss", &CrossEntropy, &x)?;
    Ok(())
}
