//! 2-D convolution.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::{OpClass, OpShape, Unit};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;
use crate::workload::work::Work;

/// A convolution of images, `[batch, in, h, w]` to `[batch, out, h', w']`.
///
/// h' = floor((h + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, and w' likewise. Forward
/// 2 batch out h' w' (in / groups) kh kw FLOPs; backward as many for the input gradient and as many for the weight
/// gradient. This is `FlopCounterMode`'s count too, except that it forgets to divide the weight gradient of a grouped
/// convolution by the groups. The bias is a kernel of its own, as with cuDNN.
#[derive(Debug, Clone, Copy)]
pub struct Conv2d {
    /// Channels in.
    pub in_channels: u64,
    /// Channels out.
    pub out_channels: u64,
    /// Rows and columns of the filter.
    pub kernel: [u64; 2],
    /// Step between windows, vertical and horizontal.
    pub stride: [u64; 2],
    /// Zeros added on each side, vertical and horizontal.
    pub padding: [u64; 2],
    /// Distance of the filter's taps, vertical and horizontal.
    pub dilation: [u64; 2],
    /// Groups of channels that don't mix.
    pub groups: u64,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv2d {
    /// A square filter without dilation, groups or bias.
    pub fn square(in_channels: u64, out_channels: u64, kernel: u64, stride: u64, padding: u64) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
            dilation: [1; 2],
            groups: 1,
            bias: false,
        }
    }
}

/// Windows along one axis: how often a filter fits; `None` when it never does or an extent is 0.
pub(super) fn windows(extent: u64, kernel: u64, stride: u64, padding: u64, dilation: u64) -> Option<u64> {
    let reach = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
    let room = extent.checked_add(padding.checked_mul(2)?)?.checked_sub(reach)?;
    room.checked_div(stride)?.checked_add(1)
}

impl Layer for Conv2d {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let Self { in_channels: c_in, out_channels: c_out, kernel: [kh, kw], groups, .. } = *self;
        let &[batch, channels, h, w] = input.shape() else {
            return Err(rec.shape_error(&format!("[_, {c_in}, _, _]"), input));
        };
        if channels != c_in {
            return Err(rec.shape_error(&format!("[_, {c_in}, _, _]"), input));
        }
        if groups == 0 || !c_in.is_multiple_of(groups) || !c_out.is_multiple_of(groups) {
            let why = format!("{groups} groups do not divide {c_in} channels in and {c_out} channels out");
            return Err(rec.layer_error(why));
        }
        let out = |axis: usize, extent: u64| {
            let [kernel, stride, padding, dilation] =
                [self.kernel, self.stride, self.padding, self.dilation].map(|v| if axis == 0 { v[0] } else { v[1] });
            windows(extent, kernel, stride, padding, dilation)
        };
        let (Some(h_out), Some(w_out)) = (out(0, h), out(1, w)) else {
            let least = format!("[_, {c_in}, _, _] of at least the {kh} x {kw} filter's reach (stride at least 1)");
            return Err(rec.shape_error(&least, input));
        };

        let x = rec.to_compute(input)?;
        let weight = rec.compute_parameter("weight", &[c_out, c_in / groups, kh, kw])?;
        let bias = if self.bias { Some(rec.compute_parameter("bias", &[c_out])?) } else { None };
        let y = rec.tensor(vec![batch, c_out, h_out, w_out], rec.compute_dtype(), true)?;
        let shape = OpShape::Conv { batch, c_in, c_out, h_out, w_out, kh, kw, groups };
        let taps = u128::from(c_in / groups) * u128::from(kh) * u128::from(kw);
        let flops = 2 * u128::from(y.elements()) * taps;
        let conv = |read, written| Work::new(OpClass::Conv, Unit::TensorConv, shape, flops, read, written);

        rec.forward("", conv(x.bytes() + weight.bytes(), y.bytes()))?;
        if let Some(bias) = bias {
            let work = Work::pointwise(OpClass::Conv, y.elements(), 1, y.bytes() + bias.bytes(), y.bytes());
            rec.forward("bias", work.working_set(y.bytes() + bias.bytes()))?;
        }
        rec.consume(&x);
        rec.save(&x);
        if x.requires_grad() {
            rec.backward("input_grad", conv(y.bytes() + weight.bytes(), x.bytes()))?;
        }
        rec.backward("weight_grad", conv(y.bytes() + x.bytes(), weight.bytes()))?;
        if let Some(bias) = bias {
            let rows = OpShape::Rows { rows: c_out, width: batch * h_out * w_out };
            let flops = u128::from(y.elements());
            rec.backward("bias_grad", Work::new(OpClass::Conv, Unit::Alu, rows, flops, y.bytes(), bias.bytes()))?;
        }
        Ok(y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Slides the filter and counts.
    fn naive(extent: u64, kernel: u64, stride: u64, padding: u64, dilation: u64) -> u64 {
        let mut count = 0;
        let mut start = 0;
        while start + dilation * (kernel - 1) < extent + 2 * padding {
            count += 1;
            start += stride;
        }
        count
    }

    proptest! {
        #[test]
        fn windows_are_those_of_a_sliding_filter(e in 1u64..60, k in 1u64..8, s in 1u64..5, p in 0u64..4, d in 1u64..4) {
            prop_assert_eq!(windows(e, k, s, p, d).unwrap_or(0), naive(e, k, s, p, d));
        }
    }
}
