//! Projections to queries, keys and values, and the attention between them.

use crate::workload::WorkloadError;
use crate::workload::layer::{Linear, Rotary, ScaledDotProduct};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;

/// Self-attention of `[batch, tokens, hidden]` up to, and without, the output projection.
#[derive(Debug, Clone, Copy)]
pub struct SelfAttention<'a> {
    /// Width of a token.
    pub hidden: u64,
    /// Query heads; they divide `hidden`.
    pub heads: u64,
    /// Key and value heads; they divide `heads` (fewer: grouped-query attention).
    pub kv_heads: u64,
    /// Whether the projections have biases.
    pub bias: bool,
    /// Whether queries and keys are rotated by their position.
    pub rotary: bool,
    /// The attention itself.
    pub attention: ScaledDotProduct,
    /// Paths of the three projections.
    pub names: [&'a str; 3],
}

impl SelfAttention<'_> {
    /// Records the block for `x`; the result is `[batch, tokens, hidden]`.
    ///
    /// # Errors
    /// When `x` has another width, or the heads don't divide.
    pub fn apply(&self, rec: &mut Recorder, x: &Tensor) -> Result<Tensor, WorkloadError> {
        let Self { hidden, heads, kv_heads, bias, .. } = *self;
        let &[batch, tokens, _] = x.shape() else {
            return Err(rec.shape_error(&format!("[batch, tokens, {hidden}]"), x));
        };
        let divides = |part: u64, whole: u64| part > 0 && whole.is_multiple_of(part);
        if !divides(heads, hidden) || !divides(kv_heads, heads) {
            let why = format!("{heads} heads must divide the width {hidden}, and {kv_heads} key-value heads the heads");
            return Err(rec.layer_error(why));
        }
        let head_dim = hidden / heads;
        let mut project = |name: &str, heads: u64| {
            let layer = Linear { in_features: hidden, out_features: heads * head_dim, bias };
            let y = rec.layer(name, &layer, x)?;
            rec.view(&y, vec![batch, heads, tokens, head_dim])
        };
        let [query, key, value] = self.names;
        let mut q = project(query, heads)?;
        let mut k = project(key, kv_heads)?;
        let v = project(value, kv_heads)?;
        if self.rotary {
            q = rec.layer("rotary_query", &Rotary, &q)?;
            k = rec.layer("rotary_key", &Rotary, &k)?;
        }
        self.attention.apply(rec, &q, &k, &v)
    }
}
