//! Changes of layout: copies, selections, concatenations, views.

use super::Layer;
use crate::workload::WorkloadError;
use crate::workload::op::OpClass;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{Shown, Tensor};
use crate::workload::work::Work;

/// A transposed view made contiguous: one copy forward, one copy of its gradient backward.
#[derive(Debug, Clone)]
pub struct Contiguous {
    /// Shape of the result; as many elements as the input's.
    pub shape: Vec<u64>,
}

impl Layer for Contiguous {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        rec.view(input, self.shape.clone())?;
        rec.consume(input);
        let y = rec.tensor(self.shape.clone(), input.dtype(), input.requires_grad())?;
        rec.forward("", Work::copy(y.elements(), input.bytes(), y.bytes()))?;
        if input.requires_grad() {
            rec.backward("grad", Work::copy(y.elements(), y.bytes(), input.bytes()))?;
        }
        Ok(y)
    }
}

/// Slices over whole axes, as indexing with `:` beside another index leaves them: views forward, but backward each
/// zeroes a tensor of the input's size and copies the gradient into it.
#[derive(Debug, Clone, Copy)]
pub struct FullSlices {
    /// How many.
    pub times: u32,
}

impl Layer for FullSlices {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        if input.requires_grad() && self.times > 0 {
            let (times, bytes) = (u64::from(self.times), input.bytes());
            let work = Work::copy(times * input.elements(), times * bytes, 2 * times * bytes);
            rec.backward("grad", work.launches(2 * self.times).working_set(2 * bytes))?;
        }
        Ok(input.clone())
    }
}

/// Each head of `[batch, heads, tokens, head_dim]` repeated, as grouped-query attention shares keys and values: a
/// copy forward; backward a sum over the repetitions, four full slices and a copy, as `repeat_kv` of transformers does.
#[derive(Debug, Clone, Copy)]
pub struct RepeatHeads {
    /// How often; 1 does nothing.
    pub times: u64,
}

impl Layer for RepeatHeads {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let &[batch, heads, tokens, head_dim] = input.shape() else {
            return Err(rec.shape_error("[batch, heads, tokens, head_dim]", input));
        };
        if self.times == 1 {
            return Ok(input.clone());
        }
        let heads = heads.checked_mul(self.times).ok_or_else(|| rec.layer_error("too many heads"))?;
        rec.consume(input);
        let y = rec.tensor(vec![batch, heads, tokens, head_dim], input.dtype(), input.requires_grad())?;
        rec.forward("", Work::copy(y.elements(), input.bytes(), y.bytes()))?;
        if input.requires_grad() {
            let (rows, width) = (input.elements(), self.times);
            let sum = Work::by_rows(OpClass::Elementwise, rows, width, 1, y.bytes(), input.bytes());
            rec.backward("grad", sum)?;
            rec.layer("slices", &FullSlices { times: 4 }, input)?;
            rec.backward("copy_grad", Work::copy(rows, input.bytes(), input.bytes()))?;
        }
        Ok(y)
    }
}

/// All axes after the first made one, without a copy.
#[derive(Debug, Clone, Copy)]
pub struct Flatten;

impl Layer for Flatten {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let Some((&batch, rest)) = input.shape().split_first() else {
            return Err(rec.shape_error("[batch, ..]", input));
        };
        let width = rest.iter().product::<u64>();
        rec.view(input, vec![batch, width])
    }
}

/// The first token of each sample, `[batch, tokens, width]` to `[batch, width]`: a view forward; backward the whole
/// gradient is zeroed and one token of it set, and the slice over the batch adds its own.
#[derive(Debug, Clone, Copy)]
pub struct FirstToken;

impl Layer for FirstToken {
    fn apply(&self, rec: &mut Recorder, input: &Tensor) -> Result<Tensor, WorkloadError> {
        let &[batch, _, width] = input.shape() else {
            return Err(rec.shape_error("[batch, tokens, width]", input));
        };
        rec.consume(input);
        let y = rec.tensor(vec![batch, width], input.dtype(), input.requires_grad())?;
        if input.requires_grad() {
            let work = Work::copy(input.elements(), y.bytes(), input.bytes() + y.bytes());
            rec.backward("grad", work.launches(2).working_set(input.bytes() + y.bytes()))?;
            rec.layer("slice", &FullSlices { times: 1 }, input)?;
        }
        Ok(y)
    }
}

/// Concatenates `[batch, a, width]` and `[batch, b, width]` along the tokens.
///
/// # Errors
/// When batch or width differ.
pub fn concat_tokens(rec: &mut Recorder, name: &str, first: &Tensor, then: &Tensor) -> Result<Tensor, WorkloadError> {
    rec.scope(name, |rec| {
        let (&[batch, a, width], &[batch_then, b, width_then]) = (first.shape(), then.shape()) else {
            return Err(rec.shape_error(
                &format!("[batch, tokens, width] twice, the first being {}", Shown(first.shape())),
                then,
            ));
        };
        if (batch, width) != (batch_then, width_then) {
            return Err(rec.shape_error(&format!("[{batch}, _, {width}] to follow {}", Shown(first.shape())), then));
        }
        let wider = if first.dtype().bytes() >= then.dtype().bytes() { first.dtype() } else { then.dtype() };
        let y = rec.tensor(vec![batch, a + b, width], wider, first.requires_grad() || then.requires_grad())?;
        rec.forward("", Work::copy(y.elements(), first.bytes() + then.bytes(), y.bytes()))?;
        for part in [first, then] {
            rec.consume(part);
            // The gradient of a part is a slice of the whole's; it is copied only into another format.
            if part.requires_grad() && part.dtype() != wider {
                let n = part.elements();
                rec.backward("cast_grad", Work::copy(n, n * wider.bytes(), part.bytes()))?;
            }
        }
        Ok(y)
    })
}

/// A parameter of `[1, ..]` seen once per sample, without a copy; its gradient is summed over the batch.
///
/// # Errors
/// When the first extent is not 1.
pub fn expand_batch(rec: &mut Recorder, input: &Tensor, batch: u64) -> Result<Tensor, WorkloadError> {
    let Some((&1, rest)) = input.shape().split_first() else {
        return Err(rec.shape_error("[1, ..]", input));
    };
    rec.consume(input);
    let shape = std::iter::once(batch).chain(rest.iter().copied()).collect();
    let y = rec.tensor(shape, input.dtype(), input.requires_grad())?;
    if input.requires_grad() {
        let work = Work::by_rows(OpClass::Elementwise, input.elements(), batch, 1, y.bytes(), input.bytes());
        rec.backward("grad", work)?;
    }
    Ok(y)
}

/// All tokens but the last, `[batch, tokens, width]` to `[batch (tokens - 1), width]`: each token predicts the next.
/// The slice is copied; backward the whole gradient is zeroed and the slice set.
///
/// # Errors
/// When there is only one token.
pub fn shift_tokens(rec: &mut Recorder, name: &str, input: &Tensor) -> Result<Tensor, WorkloadError> {
    rec.scope(name, |rec| {
        let &[batch, tokens, width] = input.shape() else {
            return Err(rec.shape_error("[batch, tokens, width]", input));
        };
        if tokens < 2 {
            return Err(rec.shape_error("[batch, at least 2 tokens, width]", input));
        }
        rec.consume(input);
        let y = rec.tensor(vec![batch * (tokens - 1), width], input.dtype(), input.requires_grad())?;
        rec.forward("", Work::copy(y.elements(), y.bytes(), y.bytes()))?;
        if input.requires_grad() {
            rec.layer("slice", &FullSlices { times: 1 }, &y)?;
            let work = Work::copy(input.elements(), y.bytes(), input.bytes() + y.bytes());
            rec.backward("grad", work.launches(2).working_set(input.bytes() + y.bytes()))?;
        }
        Ok(y)
    })
}
