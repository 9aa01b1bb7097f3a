//! The decoder layer of Llama.

use super::SelfAttention;
use crate::workload::WorkloadError;
use crate::workload::layer::{Activation, Backend, Linear, Mask, RmsNorm, ScaledDotProduct, add, multiply};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;

/// Causal grouped-query attention with rotary positions and a gated feed-forward part (SwiGLU), each behind an RMS
/// normalisation and with a residual; no biases.
#[derive(Debug, Clone, Copy)]
pub struct DecoderLayer {
    /// Width of a token.
    pub hidden: u64,
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Width of the gate.
    pub intermediate: u64,
    /// How attention is computed.
    pub backend: Backend,
}

impl DecoderLayer {
    /// Records the layer for `x` of `[batch, tokens, hidden]`; the result has the same shape.
    ///
    /// # Errors
    /// When `x` has another width.
    pub fn apply(&self, rec: &mut Recorder, x: &Tensor) -> Result<Tensor, WorkloadError> {
        let Self { hidden, heads, kv_heads, intermediate, backend } = *self;
        let norm = RmsNorm { width: hidden };
        let attention = ScaledDotProduct { backend, mask: Mask::Causal, dropout: false, scale_queries: false };
        let names = ["q_proj", "k_proj", "v_proj"];
        let block = SelfAttention { hidden, heads, kv_heads, bias: false, rotary: true, attention, names };
        let linear = |in_features, out_features| Linear { in_features, out_features, bias: false };

        let y = rec.layer("input_layernorm", &norm, x)?;
        let y = rec.scope("self_attn", |rec| {
            let y = block.apply(rec, &y)?;
            rec.layer("o_proj", &linear(hidden, hidden), &y)
        })?;
        let x = add(rec, "attention_residual", x, &y)?;
        let y = rec.layer("post_attention_layernorm", &norm, &x)?;
        let y = rec.scope("mlp", |rec| {
            let gate = rec.layer("gate_proj", &linear(hidden, intermediate), &y)?;
            let gate = rec.layer("act_fn", &Activation::Silu, &gate)?;
            let up = rec.layer("up_proj", &linear(hidden, intermediate), &y)?;
            let y = multiply(rec, "gate", &gate, &up)?;
            rec.layer("down_proj", &linear(intermediate, hidden), &y)
        })?;
        add(rec, "mlp_residual", &x, &y)
    }
}
