//! ALBERT-base-v2 with a sequence-classification head: one layer applied 12 times, embeddings of width 128 (Lan et
//! al., 2020). Version 2 drops nothing but in front of the classifier.

use super::Options;
use super::language::{attention, classify, embeddings};
use crate::workload::WorkloadError;
use crate::workload::block::{EncoderDropout, EncoderLayer, EncoderNames, NormPlace};
use crate::workload::layer::{Activation, Linear, Mask};
use crate::workload::recorder::Recorder;

const NAMES: EncoderNames = EncoderNames {
    attention: "attention",
    projections: ["query", "key", "value"],
    output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    feed_forward: ["ffn", "ffn_output"],
    feed_forward_norm: "full_layer_layer_norm",
};

/// Width of the factorised embeddings.
const EMBEDDING: u64 = 128;

pub(super) fn record(rec: &mut Recorder, options: &Options) -> Result<(), WorkloadError> {
    let layer = EncoderLayer {
        hidden: 768,
        heads: 12,
        intermediate: 3072,
        activation: Activation::GeluNew,
        norm: NormPlace::After,
        dropout: EncoderDropout::default(),
        attention: attention(options, Mask::Padding, false, false),
        names: &NAMES,
    };
    let x = embeddings(rec, options, EMBEDDING, Some(2), false)?;
    let widen = Linear { in_features: EMBEDDING, out_features: layer.hidden, bias: true };
    let mut x = rec.layer("encoder.embedding_hidden_mapping_in", &widen, &x)?;
    for _ in 0..12 {
        // The same path each time: the parameters are shared.
        x = rec.scope("encoder.albert_layer_groups.0.albert_layers.0", |rec| layer.apply(rec, &x))?;
    }
    classify(rec, &x, options.classes, "pooler", Activation::Tanh)
}
