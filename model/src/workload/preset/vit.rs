//! ViT-B/16 with a classification head and no pooler, as `ViTForImageClassification` builds it (Dosovitskiy et al.,
//! 2021): 12 layers of width 768 over 16 x 16 patches and a class token.

use super::Options;
use crate::workload::WorkloadError;
use crate::workload::block::{EncoderDropout, EncoderLayer, EncoderNames, NormPlace};
use crate::workload::layer::{
    Activation, Conv2d, CrossEntropy, FirstToken, FullSlices, LayerNorm, Linear, Mask, ScaledDotProduct, add,
    concat_tokens, expand_batch,
};
use crate::workload::recorder::Recorder;

const NAMES: EncoderNames = EncoderNames {
    attention: "attention.attention",
    projections: ["query", "key", "value"],
    output: "attention.output.dense",
    attention_norm: "layernorm_before",
    feed_forward: ["intermediate.dense", "output.dense"],
    feed_forward_norm: "layernorm_after",
};

/// Side of a patch.
const PATCH: u64 = 16;

pub(super) fn record(rec: &mut Recorder, options: &Options) -> Result<(), WorkloadError> {
    let hidden = 768;
    let layer = EncoderLayer {
        hidden,
        heads: 12,
        intermediate: 3072,
        activation: Activation::Gelu,
        norm: NormPlace::Before,
        dropout: EncoderDropout::default(),
        attention: ScaledDotProduct {
            backend: options.attention,
            mask: Mask::None,
            dropout: false,
            scale_queries: false,
        },
        names: &NAMES,
    };
    let batch = options.batch;
    let mut x = rec.scope("embeddings", |rec| {
        let pixels = rec.data(&[batch, 3, options.image, options.image])?;
        let project = Conv2d { bias: true, ..Conv2d::square(3, hidden, PATCH, PATCH, 0) };
        let patches = rec.layer("patch_embeddings.projection", &project, &pixels)?;
        let tokens = patches.elements() / (batch * hidden);
        // Channels last is a transposed view; concatenation reads it as it lies.
        let patches = rec.view(&patches, vec![batch, tokens, hidden])?;
        let class = rec.parameter_tensor("cls_token", &[1, 1, hidden])?;
        let class = rec.scope("expand", |rec| expand_batch(rec, &class, batch))?;
        let x = concat_tokens(rec, "concat", &class, &patches)?;
        let positions = rec.parameter_tensor("position_embeddings", &[1, tokens + 1, hidden])?;
        add(rec, "position_sum", &x, &positions)
    })?;
    for index in 0..12 {
        x = rec.scope(&format!("encoder.layer.{index}"), |rec| layer.apply(rec, &x))?;
    }
    let x = rec.layer("layernorm", &LayerNorm { width: hidden }, &x)?;
    let x = rec.layer("first_token", &FirstToken, &x)?;
    let x = rec.layer("token_slice", &FullSlices { times: 1 }, &x)?;
    let x = rec.layer("classifier", &Linear { in_features: hidden, out_features: options.classes, bias: true }, &x)?;
    rec.layer("loss", &CrossEntropy, &x)?;
    Ok(())
}
