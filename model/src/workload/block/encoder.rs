//! The transformer encoder layer of BERT and its relatives, and of vision transformers.

use super::SelfAttention;
use crate::workload::WorkloadError;
use crate::workload::layer::{Activation, Dropout, LayerNorm, Linear, ScaledDotProduct, add};
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;

/// Where the two normalisations stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormPlace {
    /// After the residual sums (BERT).
    After,
    /// Before attention and feed-forward (vision transformers).
    Before,
}

/// Which of the layer's dropouts have a rate above 0, beside that of the attention's probabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EncoderDropout {
    /// After the attention's output projection.
    pub attention_output: bool,
    /// After the second feed-forward projection.
    pub feed_forward: bool,
}

/// Paths of the layer's parts, as the checkpoint of the network at hand names them.
#[derive(Debug, Clone, Copy)]
pub struct EncoderNames {
    /// Attention without its output projection.
    pub attention: &'static str,
    /// Query, key and value projection, below `attention`.
    pub projections: [&'static str; 3],
    /// Output projection of the attention.
    pub output: &'static str,
    /// Normalisation that belongs to the attention.
    pub attention_norm: &'static str,
    /// The two feed-forward projections.
    pub feed_forward: [&'static str; 2],
    /// Normalisation that belongs to the feed-forward part.
    pub feed_forward_norm: &'static str,
}

/// Attention and feed-forward, each with residual and layer normalisation.
#[derive(Debug, Clone, Copy)]
pub struct EncoderLayer {
    /// Width of a token.
    pub hidden: u64,
    /// Attention heads.
    pub heads: u64,
    /// Width between the feed-forward projections.
    pub intermediate: u64,
    /// Between the feed-forward projections.
    pub activation: Activation,
    /// Order of normalisation and residual.
    pub norm: NormPlace,
    /// Dropouts.
    pub dropout: EncoderDropout,
    /// The attention.
    pub attention: ScaledDotProduct,
    /// Paths.
    pub names: &'static EncoderNames,
}

impl EncoderLayer {
    /// Records the layer for `x` of `[batch, tokens, hidden]`; the result has the same shape.
    ///
    /// # Errors
    /// When `x` has another width.
    pub fn apply(&self, rec: &mut Recorder, x: &Tensor) -> Result<Tensor, WorkloadError> {
        let names = self.names;
        let norm = LayerNorm { width: self.hidden };
        match self.norm {
            NormPlace::After => {
                let y = self.attend(rec, x)?;
                let y = add(rec, "attention_residual", &y, x)?;
                let x = rec.layer(names.attention_norm, &norm, &y)?;
                let y = self.feed_forward(rec, &x)?;
                let y = add(rec, "feed_forward_residual", &y, &x)?;
                rec.layer(names.feed_forward_norm, &norm, &y)
            }
            NormPlace::Before => {
                let y = rec.layer(names.attention_norm, &norm, x)?;
                let y = self.attend(rec, &y)?;
                let x = add(rec, "attention_residual", &y, x)?;
                let y = rec.layer(names.feed_forward_norm, &norm, &x)?;
                let y = self.feed_forward(rec, &y)?;
                add(rec, "feed_forward_residual", &y, &x)
            }
        }
    }

    fn attend(&self, rec: &mut Recorder, x: &Tensor) -> Result<Tensor, WorkloadError> {
        let Self { hidden, heads, attention, names, .. } = *self;
        let block = SelfAttention {
            hidden,
            heads,
            kv_heads: heads,
            bias: true,
            rotary: false,
            attention,
            names: names.projections,
        };
        let y = rec.scope(names.attention, |rec| block.apply(rec, x))?;
        let y = rec.layer(names.output, &Linear { in_features: hidden, out_features: hidden, bias: true }, &y)?;
        if self.dropout.attention_output { rec.layer("attention_dropout", &Dropout, &y) } else { Ok(y) }
    }

    fn feed_forward(&self, rec: &mut Recorder, x: &Tensor) -> Result<Tensor, WorkloadError> {
        let Self { hidden, intermediate, names, .. } = *self;
        let [up, down] = names.feed_forward;
        let y = rec.layer(up, &Linear { in_features: hidden, out_features: intermediate, bias: true }, x)?;
        let y = rec.layer("activation", &self.activation, &y)?;
        let y = rec.layer(down, &Linear { in_features: intermediate, out_features: hidden, bias: true }, &y)?;
        if self.dropout.feed_forward { rec.layer("feed_forward_dropout", &Dropout, &y) } else { Ok(y) }
    }
}
