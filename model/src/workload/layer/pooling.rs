//! Maximum and average over windows.

use super::Layer;
use super::conv::windows;
use crate::workload::WorkloadError;
use crate::workload::op::{OpClass, OpShape, Unit};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;
use crate::workload::work::Work;

/// Bytes of the index that maximum pooling keeps for each result.
const INDEX: u64 = 8;

/// Square windows of `[batch, channels, h, w]`, their maximum; 64-bit places of the maxima are kept.
#[derive(Debug, Clone, Copy)]
pub struct MaxPool2d {
    /// Side of the window.
    pub kernel: u64,
    /// Step between windows.
    pub stride: u64,
    /// Cells added on each side.
    pub padding: u64,
}

/// Square windows of `[batch, channels, h, w]`, their mean.
#[derive(Debug, Clone, Copy)]
pub struct AvgPool2d {
    /// Side of the window.
    pub kernel: u64,
    /// Step between windows.
    pub stride: u64,
    /// Zeros added on each side.
    pub padding: u64,
}

/// Means over a fixed number of windows: window i of an axis is floor(i in / out) to ceil((i + 1) in / out).
#[derive(Debug, Clone, Copy)]
pub struct AdaptiveAvgPool2d {
    /// Rows and columns of the result.
    pub output: [u64; 2],
}

fn square(rec: &Recorder, input: &Tensor, kernel: u64, stride: u64, padding: u64) -> Result<[u64; 4], WorkloadError> {
    let &[batch, channels, h, w] = input.shape() else {
        return Err(rec.shape_error("[batch, channels, h, w]", input));
    };
    if padding > kernel / 2 {
        return Err(rec.layer_error(format!("padding {padding} is more than half of the kernel {kernel}")));
    }
    let side = |extent| windows(extent, kernel, stride, padding, 1);
    match (side(h), side(w)) {
        (Some(h_out), Some(w_out)) => Ok([batch, channels, h_out, w_out]),
        _ => Err(rec
            .shape_error(&format!("[_, _, h, w] of at least a {kernel} x {kernel} window (stride at least 1)"), input)),
    }
}

impl Layer for MaxPool2d {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let shape = square(rec, input, self.kernel, self.stride, self.padding)?;
        rec.consume(input);
        let y = rec.tensor(shape.to_vec(), input.dtype(), input.requires_grad())?;
        let places = y.elements() * INDEX;
        let window = self.kernel.saturating_mul(self.kernel);
        rec.forward("", Work::pointwise(OpClass::Pooling, y.elements(), window, input.bytes(), y.bytes() + places))?;
        if input.requires_grad() {
            rec.save(input);
            rec.save_bytes(places);
            let work = Work::pointwise(OpClass::Pooling, input.elements(), 1, y.bytes() + places, input.bytes());
            rec.backward("grad", work)?;
        }
        Ok(y)
    }
}

impl Layer for AvgPool2d {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let shape = square(rec, input, self.kernel, self.stride, self.padding)?;
        let window = u128::from(self.kernel) * u128::from(self.kernel);
        average(rec, input, shape, window * shape.map(u128::from).iter().product::<u128>())
    }
}

impl Layer for AdaptiveAvgPool2d {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let &[batch, channels, h, w] = input.shape() else {
            return Err(rec.shape_error("[batch, channels, h, w]", input));
        };
        let [h_out, w_out] = self.output;
        let read = covered(h, h_out) * covered(w, w_out) * u128::from(batch) * u128::from(channels);
        average(rec, input, [batch, channels, h_out, w_out], read)
    }
}

/// Cells that the windows of an axis cover, those shared by two windows twice: each window but those that begin and
/// end on a multiple reaches over the cells that it shares with the next.
fn covered(extent: u64, windows: u64) -> u128 {
    let (extent, windows) = (u128::from(extent), u128::from(windows));
    if windows == 0 {
        return 0;
    }
    // floor(i e / o) and ceil((i + 1) e / o) differ by one at each inner boundary that is not a whole cell.
    let whole = gcd(extent, windows);
    extent + (windows - whole)
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One FLOP per cell read (sum), one per result (division); backward the same.
fn average(rec: &mut Recorder, input: &Tensor, shape: [u64; 4], cells: u128) -> Result<Tensor, WorkloadError> {
    rec.consume(input);
    let y = rec.tensor(shape.to_vec(), input.dtype(), input.requires_grad())?;
    let flops = cells + u128::from(y.elements());
    let extents = OpShape::Elements(input.elements().max(y.elements()));
    let pool = |read, written| Work::new(OpClass::Pooling, Unit::Alu, extents, flops, read, written);
    rec.forward("", pool(input.bytes(), y.bytes()))?;
    if input.requires_grad() {
        rec.backward("grad", pool(y.bytes(), input.bytes()))?;
    }
    Ok(y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn adaptive_windows_cover_what_their_definition_says(extent in 1u64..80, out in 1u64..80) {
            let naive: u64 = (0..out).map(|i| ((i + 1) * extent).div_ceil(out) - i * extent / out).sum();
            prop_assert_eq!(covered(extent, out), u128::from(naive));
        }
    }
}
