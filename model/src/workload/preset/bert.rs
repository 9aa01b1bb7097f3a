//! BERT-base (uncased) with a sequence-classification head: 12 layers of width 768 (Devlin et al., 2019).

use super::Options;
use super::language::{attention, classify, embeddings};
use crate::workload::WorkloadError;
use crate::workload::block::{EncoderDropout, EncoderLayer, EncoderNames, NormPlace};
use crate::workload::layer::{Activation, Mask};
use crate::workload::recorder::Recorder;

/// The names of `BertModel`.
pub(super) const NAMES: EncoderNames = EncoderNames {
    attention: "attention.self",
    projections: ["query", "key", "value"],
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    feed_forward: ["intermediate.dense", "output.dense"],
    feed_forward_norm: "output.LayerNorm",
};

pub(super) fn record(rec: &mut Recorder, options: &Options) -> Result<(), WorkloadError> {
    let layer = EncoderLayer {
        hidden: 768,
        heads: 12,
        intermediate: 3072,
        activation: Activation::Gelu,
        norm: NormPlace::After,
        dropout: EncoderDropout { attention_output: true, feed_forward: true },
        attention: attention(options, Mask::Padding, true, false),
        names: &NAMES,
    };
    let mut x = embeddings(rec, options, layer.hidden, Some(2), true)?;
    for index in 0..12 {
        x = rec.scope(&format!("encoder.layer.{index}"), |rec| layer.apply(rec, &x))?;
    }
    classify(rec, &x, options.classes, "pooler.dense", Activation::Tanh)
}
