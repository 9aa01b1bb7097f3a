//! Scaled dot-product attention between heads.

use super::{Contiguous, Dropout, Layer, RepeatHeads, Scale, Softmax, mask};
use crate::workload::WorkloadError;
use crate::workload::op::{OpClass, OpShape, Unit};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::{DType, Shown, Tensor};
use crate::workload::work::Work;

pub use crate::workload::preset::Attention as Backend;

/// How positions are excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// None are.
    None,
    /// Padding, by adding one FP32 value per key.
    Padding,
    /// Padding, by filling the scores where a key is excluded.
    Fill,
    /// Keys after the query, by adding an FP32 table of queries by keys.
    Causal,
}

/// softmax(Q K^T / sqrt(d)) V for queries `[batch, heads, queries, d]` and keys and values
/// `[batch, kv_heads, keys, d]`, whose heads are repeated until they are as many as those of the queries.
///
/// Eager, two batched products forward (2 x 2 batch heads queries keys d FLOPs) and four backward; the scores go
/// through memory at each step. Fused, one kernel that keeps the scores on chip: the same products forward, and five
/// backward because the scores are recomputed; with a causal mask only the pairs that it leaves are computed, where
/// `FlopCounterMode` counts all.
#[derive(Debug, Clone, Copy)]
pub struct ScaledDotProduct {
    /// Eager or fused.
    pub backend: Backend,
    /// Which positions are excluded.
    pub mask: Mask,
    /// Whether probabilities are dropped in training.
    pub dropout: bool,
    /// Whether the queries are scaled (else the scores).
    pub scale_queries: bool,
}

impl ScaledDotProduct {
    /// Records the attention of `q`, `k` and `v`; the result is `[batch, queries, heads d]`.
    ///
    /// # Errors
    /// When the three shapes don't fit each other.
    pub fn apply(&self, rec: &mut Recorder, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor, WorkloadError> {
        let &[batch, heads, queries, d] = q.shape() else {
            return Err(rec.shape_error("queries of [batch, heads, tokens, head_dim]", q));
        };
        let &[_, kv_heads, keys, _] = k.shape() else {
            return Err(rec.shape_error("keys of [batch, heads, tokens, head_dim]", k));
        };
        for (name, tensor) in [("keys", k), ("values", v)] {
            let expected = [batch, kv_heads, keys, d];
            if tensor.shape() != expected {
                return Err(rec.shape_error(&format!("{name} of {}", Shown(&expected)), tensor));
            }
        }
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(rec.shape_error(&format!("keys of as many heads as divide the {heads} of the queries"), k));
        }
        match self.backend {
            Backend::Eager => self.eager(rec, [q, k, v], [batch, heads, queries, keys, d]),
            Backend::Fused => self.fused(rec, [q, k, v], [batch, heads, queries, keys, d]),
        }
    }

    fn eager(&self, rec: &mut Recorder, [q, k, v]: [&Tensor; 3], e: [u64; 5]) -> Result<Tensor, WorkloadError> {
        let [batch, heads, queries, keys, d] = e;
        let groups = batch * heads;
        let q = if self.scale_queries { rec.layer("scale", &Scale, q)? } else { q.clone() };
        let q = operand(rec, "query.copy", &q, vec![groups, queries, d])?;
        let k = operand(rec, "key.copy", k, vec![groups, keys, d])?;
        let scores = batched_product(rec, "scores", &q, &k, [groups, queries, keys, d])?;
        let mut scores = rec.view(&scores, vec![batch, heads, queries, keys])?;
        if !self.scale_queries {
            scores = rec.layer("scale", &Scale, &scores)?;
        }
        scores = match self.mask {
            Mask::None => scores,
            Mask::Padding => mask(rec, "mask", &scores, batch * keys)?,
            Mask::Causal => mask(rec, "mask", &scores, batch * queries * keys)?,
            Mask::Fill => rec.scope("mask", |rec| fill(rec, &scores, batch * keys))?,
        };
        let mut weights = rec.layer("softmax", &Softmax, &scores)?;
        if self.dropout {
            weights = rec.layer("dropout", &Dropout, &weights)?;
        }
        let weights = rec.to_compute(&weights)?;
        let weights = rec.view(&weights, vec![groups, queries, keys])?;
        let v = operand(rec, "value.copy", v, vec![groups, keys, d])?;
        let context = batched_product(rec, "context", &weights, &v, [groups, queries, d, keys])?;
        rec.layer("context.copy", &Contiguous { shape: vec![batch, queries, heads * d] }, &context)
    }

    fn fused(&self, rec: &mut Recorder, qkv: [&Tensor; 3], e: [u64; 5]) -> Result<Tensor, WorkloadError> {
        let [batch, heads, queries, keys, d] = e;
        let mut bytes = 0;
        for tensor in qkv {
            let kv_heads = tensor.shape().get(1).copied().unwrap_or(heads);
            let x = rec.layer("repeat", &RepeatHeads { times: heads / kv_heads }, tensor)?;
            let x = rec.to_compute(&x)?;
            rec.consume(&x);
            rec.save(&x);
            bytes += x.bytes();
        }
        let y = rec.tensor(vec![batch, queries, heads * d], rec.compute_dtype(), true)?;
        rec.save(&y);
        let log_sums = batch * heads * queries * DType::Single.bytes();
        rec.save_bytes(log_sums);
        let pairs = match self.mask {
            Mask::Causal if queries == keys => u128::from(queries) * (u128::from(keys) + 1) / 2,
            _ => u128::from(queries) * u128::from(keys),
        } * u128::from(batch)
            * u128::from(heads);
        let shape = OpShape::Gemm { batch: batch * heads, m: queries, n: keys, k: d };
        let product = 2 * pairs * u128::from(d);
        let scores = OpShape::Rows { rows: batch * heads * queries, width: keys };
        let attend = |products: u128, read, written| {
            Work::new(OpClass::Attention, Unit::TensorGemm, shape, products * product, read, written)
        };
        // Softmax on chip: its FLOPs exist, its traffic does not.
        let softmax =
            |each: u128, bytes| Work::new(OpClass::Attention, Unit::Alu, scores, each * pairs, bytes, 0).launches(0);

        rec.forward("", attend(2, bytes, y.bytes() + log_sums))?;
        rec.forward("softmax", softmax(6, 0))?;
        let read = bytes + 2 * y.bytes() + log_sums;
        rec.backward(
            "grad.rows",
            Work::by_rows(OpClass::Attention, batch * heads * queries, d, 2, 2 * y.bytes(), log_sums),
        )?;
        rec.backward("grad", attend(5, read, bytes))?;
        rec.backward("grad.softmax", softmax(8, 0))?;
        Ok(y)
    }
}

/// An operand of a batched product. In memory heads lie between tokens and features, so that it has to be copied,
/// unless repeating its heads copies it anyway.
fn operand(rec: &mut Recorder, name: &str, x: &Tensor, shape: Vec<u64>) -> Result<Tensor, WorkloadError> {
    let repeats = match (shape.first(), x.shape()) {
        (Some(groups), &[batch, heads, ..]) => groups / (batch * heads),
        _ => 1,
    };
    rec.scope(name, |rec| {
        if repeats > 1 {
            let x = RepeatHeads { times: repeats }.apply(rec, x)?;
            let x = rec.to_compute(&x)?;
            return rec.view(&x, shape);
        }
        let x = rec.to_compute(x)?;
        Contiguous { shape }.apply(rec, &x)
    })
}

/// A batched product of two activations, `[groups, m, k]` by `[groups, k, n]`, whichever way the second one lies.
pub(crate) fn batched_product(
    rec: &mut Recorder,
    name: &str,
    a: &Tensor,
    b: &Tensor,
    e: [u64; 4],
) -> Result<Tensor, WorkloadError> {
    let [groups, m, n, k] = e;
    rec.scope(name, |rec| {
        let y = rec.tensor(vec![groups, m, n], rec.compute_dtype(), a.requires_grad() || b.requires_grad())?;
        let gemm = |e, read, written| Work::gemm(OpClass::BatchedGemm, e, read, written);
        rec.forward("", gemm([groups, m, n, k], a.bytes() + b.bytes(), y.bytes()))?;
        rec.consume(a);
        rec.consume(b);
        if a.requires_grad() {
            rec.save(b);
            rec.backward("first_grad", gemm([groups, m, k, n], y.bytes() + b.bytes(), a.bytes()))?;
        }
        if b.requires_grad() {
            rec.save(a);
            rec.backward("second_grad", gemm([groups, k, n, m], y.bytes() + a.bytes(), b.bytes()))?;
        }
        Ok(y)
    })
}

/// Scores replaced where a one-byte mask, compared anew in each layer, says so; the gradient is zeroed in the same places.
fn fill(rec: &mut Recorder, x: &Tensor, mask_elements: u64) -> Result<Tensor, WorkloadError> {
    rec.consume(x);
    let y = rec.tensor(x.shape().to_vec(), x.dtype(), x.requires_grad())?;
    let compare = Work::pointwise(OpClass::Elementwise, mask_elements, 1, 8 * mask_elements, mask_elements);
    rec.forward("compare", compare)?;
    let work = Work::pointwise(OpClass::Elementwise, x.elements(), 0, x.bytes() + mask_elements, y.bytes());
    rec.forward("", work.clone())?;
    if x.requires_grad() {
        rec.save_bytes(mask_elements);
        rec.backward("grad", work)?;
    }
    Ok(y)
}
