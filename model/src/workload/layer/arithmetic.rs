//! Sums and products of tensors: residuals, position tables, masks, scaling, gates.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Shown, Tensor};
use crate::workload::work::Work;

/// a + b, where b's shape equals a's or b is repeated along a's leading axes or its axes of extent 1. A residual is
/// `add` of a block's input and result.
///
/// The gradient passes to both unchanged: no kernel, unless b was repeated (a sum) or mixed precision widened one of
/// them (a copy).
///
/// # Errors
/// When b's shape does not fit a's.
pub fn add(rec: &mut Recorder, name: &str, a: &Tensor, b: &Tensor) -> Result<Tensor, WorkloadError> {
    rec.scope(name, |rec| {
        let dtype = checked_pair(rec, a, b)?;
        let y = rec.tensor(a.shape().to_vec(), dtype, a.requires_grad() || b.requires_grad())?;
        let read = a.bytes() + b.bytes();
        rec.forward("", Work::pointwise(OpClass::Elementwise, y.elements(), 1, read, y.bytes()))?;
        for operand in [a, b] {
            rec.consume(operand);
            pass_back(rec, operand, &y)?;
        }
        Ok(y)
    })
}

/// a b element by element, for shapes as in [`add`].
///
/// # Errors
/// When b's shape does not fit a's.
pub fn multiply(rec: &mut Recorder, name: &str, a: &Tensor, b: &Tensor) -> Result<Tensor, WorkloadError> {
    rec.scope(name, |rec| {
        let dtype = checked_pair(rec, a, b)?;
        let y = rec.tensor(a.shape().to_vec(), dtype, a.requires_grad() || b.requires_grad())?;
        let read = a.bytes() + b.bytes();
        rec.forward("", Work::pointwise(OpClass::Elementwise, y.elements(), 1, read, y.bytes()))?;
        for (operand, other) in [(a, b), (b, a)] {
            rec.consume(operand);
            if operand.requires_grad() {
                rec.save(other);
                let read = y.bytes() + other.bytes();
                rec.backward("grad", Work::pointwise(OpClass::Elementwise, y.elements(), 1, read, y.bytes()))?;
                pass_back(rec, operand, &y)?;
            }
        }
        Ok(y)
    })
}

/// Adds a constant FP32 mask of `mask_elements`, repeated over the rest; its gradient passes unchanged.
///
/// # Errors
/// When counts get too large.
pub fn mask(rec: &mut Recorder, name: &str, x: &Tensor, mask_elements: u64) -> Result<Tensor, WorkloadError> {
    rec.scope(name, |rec| {
        rec.consume(x);
        let y = rec.tensor(x.shape().to_vec(), DType::Single, x.requires_grad())?;
        let read = x.bytes() + mask_elements * DType::Single.bytes();
        rec.forward("", Work::pointwise(OpClass::Elementwise, y.elements(), 1, read, y.bytes()))?;
        pass_back(rec, x, &y)?;
        Ok(y)
    })
}

fn checked_pair(rec: &Recorder, a: &Tensor, b: &Tensor) -> Result<DType, WorkloadError> {
    let lead = a.shape().len().checked_sub(b.shape().len());
    let fits = lead.is_some_and(|lead| {
        let pairs = a.shape().iter().skip(lead).zip(b.shape());
        pairs.into_iter().all(|(a, b)| a == b || *b == 1)
    });
    if !fits {
        return Err(rec.shape_error(&format!("two operands that fit, the first being {}", Shown(a.shape())), b));
    }
    Ok(if a.dtype() == DType::Single { DType::Single } else { b.dtype() })
}

/// The kernels that bring the gradient of `y` into the shape and format of `operand`.
pub(crate) fn pass_back(rec: &mut Recorder, operand: &Tensor, y: &Tensor) -> Result<(), WorkloadError> {
    if !operand.requires_grad() {
        return Ok(());
    }
    if operand.elements() < y.elements() {
        let (rows, width) = (operand.elements(), y.elements() / operand.elements().max(1));
        rec.backward(
            "reduce_grad",
            Work::by_rows(OpClass::Elementwise, rows, width, 1, y.bytes(), operand.elements() * y.dtype().bytes()),
        )?;
    }
    if operand.dtype() != y.dtype() {
        let n = operand.elements();
        rec.backward("cast_grad", Work::copy(n, n * y.dtype().bytes(), operand.bytes()))?;
    }
    Ok(())
}

/// x times a constant, or divided by one.
#[derive(Debug, Clone, Copy)]
pub struct Scale;

impl Layer for Scale {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        rec.consume(input);
        let y = rec.tensor(input.shape().to_vec(), input.dtype(), input.requires_grad())?;
        let work = Work::pointwise(OpClass::Elementwise, y.elements(), 1, input.bytes(), y.bytes());
        rec.forward("", work.clone())?;
        if input.requires_grad() {
            rec.backward("grad", work)?;
        }
        Ok(y)
    }
}
