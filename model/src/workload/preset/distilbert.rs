//! DistilBERT-base (uncased) with a sequence-classification head: 6 layers, no token types (Sanh et al., 2019).

use super::Options;
use super::language::{attention, classify, embeddings};
use crate::workload::WorkloadError;
use crate::workload::block::{EncoderDropout, EncoderLayer, EncoderNames, NormPlace};
use crate::workload::layer::{Activation, Mask};
use crate::workload::recorder::Recorder;

const NAMES: EncoderNames = EncoderNames {
    attention: "attention",
    projections: ["q_lin", "k_lin", "v_lin"],
    output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    feed_forward: ["ffn.lin1", "ffn.lin2"],
    feed_forward_norm: "output_layer_norm",
};

pub(super) fn record(rec: &mut Recorder, options: &Options) -> Result<(), WorkloadError> {
    let layer = EncoderLayer {
        hidden: 768,
        heads: 12,
        intermediate: 3072,
        activation: Activation::Gelu,
        norm: NormPlace::After,
        dropout: EncoderDropout { attention_output: false, feed_forward: true },
        attention: attention(options, Mask::Fill, true, true),
        names: &NAMES,
    };
    let mut x = embeddings(rec, options, layer.hidden, None, true)?;
    for index in 0..6 {
        x = rec.scope(&format!("transformer.layer.{index}"), |rec| layer.apply(rec, &x))?;
    }
    classify(rec, &x, options.classes, "pre_classifier", Activation::Relu)
}
