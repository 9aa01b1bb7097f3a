//! What the BERTs share: embeddings, the encoder's attention and the head.

use super::Options;
use crate::workload::WorkloadError;
use crate::workload::layer::{
    Activation, CrossEntropy, Dropout, Embedding, FirstToken, LayerNorm, Linear, Mask, ScaledDotProduct, add,
};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;

/// Positions of the BERTs' tables.
pub(super) const POSITIONS: u64 = 512;

/// Word, token-type and position embeddings of `width`, summed and normalised. Buffers are the index tables that
/// transformers registers: positions, and token types where there are any.
pub(super) fn embeddings(
    rec: &mut Recorder,
    options: &Options,
    width: u64,
    token_types: Option<u64>,
    dropout: bool,
) -> Result<Tensor, WorkloadError> {
    let (batch, sequence) = (options.batch, options.sequence);
    rec.scope("embeddings", |rec| {
        rec.buffer("position_ids", POSITIONS);
        let tokens = rec.data(&[batch, sequence])?;
        let positions = rec.data(&[1, sequence])?;
        let mut x = rec.layer("word_embeddings", &Embedding { entries: options.vocabulary, width }, &tokens)?;
        if let Some(entries) = token_types {
            rec.buffer("token_type_ids", POSITIONS);
            let types = rec.layer("token_type_embeddings", &Embedding { entries, width }, &tokens)?;
            x = add(rec, "token_type_sum", &x, &types)?;
        }
        let places = rec.layer("position_embeddings", &Embedding { entries: POSITIONS, width }, &positions)?;
        let x = add(rec, "position_sum", &x, &places)?;
        let x = rec.layer("LayerNorm", &LayerNorm { width }, &x)?;
        if dropout { rec.layer("dropout", &Dropout, &x) } else { Ok(x) }
    })
}

/// Attention of the encoders, with a padding mask.
pub(super) fn attention(options: &Options, mask: Mask, dropout: bool, scale_queries: bool) -> ScaledDotProduct {
    ScaledDotProduct { backend: options.attention, mask, dropout, scale_queries }
}

/// The first token through a dense layer and an activation, then to the classes and the loss.
pub(super) fn classify(
    rec: &mut Recorder,
    x: &Tensor,
    classes: u64,
    dense: &str,
    activation: Activation,
) -> Result<(), WorkloadError> {
    let hidden = x.width();
    let x = rec.layer("first_token", &FirstToken, x)?;
    let x = rec.layer(dense, &Linear { in_features: hidden, out_features: hidden, bias: true }, &x)?;
    let x = rec.layer("head_activation", &activation, &x)?;
    let x = rec.layer("dropout", &Dropout, &x)?;
    let x = rec.layer("classifier", &Linear { in_features: hidden, out_features: classes, bias: true }, &x)?;
    rec.layer("loss", &CrossEntropy, &x)?;
    Ok(())
}
