//! TinyLlama-1.1B with its language-modelling head (Zhang et al., 2024): 22 Llama layers of width 2048, 32 query and
//! 4 key-value heads, gate of 5632, untied embeddings.

use super::Options;
use crate::workload::WorkloadError;
use crate::workload::block::DecoderLayer;
use crate::workload::layer::{CrossEntropy, Embedding, FullSlices, Linear, RmsNorm, Rotary, shift_tokens};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::DType;

const LAYERS: u64 = 22;
const HIDDEN: u64 = 2048;
const HEADS: u64 = 32;

pub(super) fn record(rec: &mut Recorder, options: &Options) -> Result<(), WorkloadError> {
    let head_dim = HIDDEN / HEADS;
    let layer =
        DecoderLayer { hidden: HIDDEN, heads: HEADS, kv_heads: 4, intermediate: 5632, backend: options.attention };
    let tokens = rec.data(&[options.batch, options.sequence])?;
    let table = Embedding { entries: options.vocabulary, width: HIDDEN };
    let mut x = rec.layer("embed_tokens", &table, &tokens)?;
    rec.scope("rotary_emb", |rec| {
        rec.buffer("inv_freq", head_dim / 2);
        Rotary::tables(rec, options.sequence, head_dim)
    })?;
    for index in 0..LAYERS {
        x = rec.scope(&format!("layers.{index}"), |rec| {
            // transformers 4.45 still builds one table of frequencies in each layer, beside the model's own.
            rec.scope("self_attn.rotary_emb", |rec| {
                rec.buffer("inv_freq", head_dim / 2);
                Ok(())
            })?;
            layer.apply(rec, &x)
        })?;
    }
    let x = rec.layer("norm", &RmsNorm { width: HIDDEN }, &x)?;
    // The head is asked for all tokens by a slice over each axis.
    let x = rec.layer("logits_to_keep", &FullSlices { times: 3 }, &x)?;
    let head = Linear { in_features: HIDDEN, out_features: options.vocabulary, bias: false };
    let logits = rec.layer("lm_head", &head, &x)?;
    let logits = rec.cast(&logits, DType::Single)?;
    let logits = shift_tokens(rec, "shift", &logits)?;
    rec.layer("loss", &CrossEntropy, &logits)?;
    Ok(())
}
