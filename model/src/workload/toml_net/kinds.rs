//! The kinds of layers that a file may name.

use super::keys::Keys;
use crate::workload::WorkloadError;
use crate::workload::block::{Bottleneck, DecoderLayer, EncoderDropout, EncoderLayer, EncoderNames, NormPlace};
use crate::workload::layer::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm2d, Conv2d, CrossEntropy, Dropout, Embedding, FirstToken,
    Flatten, Layer, LayerNorm, Linear, Mask, MaxPool2d, RmsNorm, Scale, ScaledDotProduct, Softmax, add, multiply,
    shift_tokens,
};
use crate::workload::preset::Options;
use crate::workload::recorder::Recorder;
use crate::workload::tensor::Tensor;
use std::collections::HashMap;

/// Most repetitions of one layer.
pub(super) const MOST_REPEATS: u64 = 1000;

const KINDS: &str = "linear, conv, batch_norm, layer_norm, rms_norm, relu, gelu, gelu_new, silu, tanh, sigmoid, softmax, \
                     dropout, scale, max_pool, avg_pool, adaptive_avg_pool, flatten, tokens, first_token, embedding, \
                     positions, add, multiply, encoder, decoder, bottleneck, next_token, cross_entropy";

const NAMES: EncoderNames = EncoderNames {
    attention: "attention",
    projections: ["query", "key", "value"],
    output: "attention.output",
    attention_norm: "attention_norm",
    feed_forward: ["feed_forward.0", "feed_forward.1"],
    feed_forward_norm: "feed_forward_norm",
};

/// A layer of a file: its input's width is known only when it is applied.
pub(super) struct Described(Apply);

type Apply = Box<dyn Fn(&mut Recorder, &Tensor) -> Result<Tensor, WorkloadError>>;

impl Described {
    pub(super) fn apply(&self, rec: &mut Recorder, x: &Tensor) -> Result<Tensor, WorkloadError> {
        (self.0)(rec, x)
    }
}

fn fixed(layer: impl Layer + 'static) -> Apply {
    Box::new(move |rec, x| layer.apply(rec, x))
}

/// Channels of an image, for layers whose width is derived; 0 where there are none, which the layer then refuses.
fn channels(x: &Tensor) -> u64 {
    x.shape().get(1).copied().unwrap_or(0)
}

/// Reads the keys of one kind.
pub(super) fn read(
    kind: &str,
    keys: &mut Keys<'_>,
    results: &HashMap<String, Tensor>,
    options: &Options,
) -> Result<Described, WorkloadError> {
    let backend = options.attention;
    let apply: Apply = match kind {
        "linear" => {
            let (out_features, bias) = (keys.number("out")?, keys.flag_or("bias", true)?);
            Box::new(move |rec, x| Linear { in_features: x.width(), out_features, bias }.apply(rec, x))
        }
        "conv" => conv(keys)?,
        "batch_norm" => Box::new(|rec, x| BatchNorm2d { channels: channels(x) }.apply(rec, x)),
        "layer_norm" => Box::new(|rec, x| LayerNorm { width: x.width() }.apply(rec, x)),
        "rms_norm" => Box::new(|rec, x| RmsNorm { width: x.width() }.apply(rec, x)),
        "softmax" => fixed(Softmax),
        "dropout" => fixed(Dropout),
        "scale" => fixed(Scale),
        "flatten" => fixed(Flatten),
        "first_token" => fixed(FirstToken),
        "cross_entropy" => fixed(CrossEntropy),
        "next_token" => Box::new(|rec, x| shift_tokens(rec, "shift", x)),
        "tokens" => Box::new(tokens),
        "max_pool" => {
            let kernel = keys.number("kernel")?;
            fixed(MaxPool2d {
                kernel,
                stride: keys.number_or("stride", kernel)?,
                padding: keys.number_or("padding", 0)?,
            })
        }
        "avg_pool" => {
            let kernel = keys.number("kernel")?;
            fixed(AvgPool2d {
                kernel,
                stride: keys.number_or("stride", kernel)?,
                padding: keys.number_or("padding", 0)?,
            })
        }
        "adaptive_avg_pool" => fixed(AdaptiveAvgPool2d { output: keys.pair("out", None)? }),
        "embedding" => fixed(Embedding { entries: keys.number("entries")?, width: keys.number("width")? }),
        "positions" => {
            let entries = keys.number("entries")?;
            Box::new(move |rec, x| positions(rec, x, entries))
        }
        "add" | "multiply" => {
            let other = keys.required_reference("with", results)?;
            let sum = kind == "add";
            Box::new(move |rec, x| if sum { add(rec, "sum", x, &other) } else { multiply(rec, "product", x, &other) })
        }
        "encoder" => encoder(keys, options)?,
        "decoder" => {
            let heads = keys.number("heads")?;
            let (kv_heads, intermediate) = (keys.number_or("kv_heads", heads)?, keys.number("intermediate")?);
            Box::new(move |rec, x| {
                DecoderLayer { hidden: x.width(), heads, kv_heads, intermediate, backend }.apply(rec, x)
            })
        }
        "bottleneck" => {
            let (width, stride) = (keys.number("width")?, keys.number_or("stride", 1)?);
            Box::new(move |rec, x| Bottleneck { in_channels: channels(x), width, stride }.apply(rec, x))
        }
        other => match Activation::ALL.into_iter().find(|a| a.name() == other) {
            Some(activation) => fixed(activation),
            None => return Err(keys.value_error("kind", &format!("{other:?}"), &format!("the kinds are {KINDS}"))),
        },
    };
    Ok(Described(apply))
}

fn conv(keys: &mut Keys<'_>) -> Result<Apply, WorkloadError> {
    let layer = Conv2d {
        in_channels: 0,
        out_channels: keys.number("out")?,
        kernel: keys.pair("kernel", None)?,
        stride: keys.pair("stride", Some([1; 2]))?,
        padding: keys.pair("padding", Some([0; 2]))?,
        dilation: keys.pair("dilation", Some([1; 2]))?,
        groups: keys.number_or("groups", 1)?,
        bias: keys.flag_or("bias", true)?,
    };
    Ok(Box::new(move |rec, x| Conv2d { in_channels: channels(x), ..layer }.apply(rec, x)))
}

fn encoder(keys: &mut Keys<'_>, options: &Options) -> Result<Apply, WorkloadError> {
    let (heads, intermediate) = (keys.number("heads")?, keys.number("intermediate")?);
    let name = keys.text_or("activation", "gelu")?;
    let activation = Activation::ALL.into_iter().find(|a| a.name() == name).ok_or_else(|| {
        let known = Activation::ALL.map(Activation::name).join(", ");
        keys.value_error("activation", &format!("{name:?}"), &format!("the activations are {known}"))
    })?;
    let place = keys.text_or("norm", "after")?;
    let norm = match place.as_str() {
        "after" => NormPlace::After,
        "before" => NormPlace::Before,
        _ => return Err(keys.value_error("norm", &format!("{place:?}"), "give \"after\" or \"before\"")),
    };
    let dropped = keys.flag_or("dropout", true)?;
    let dropout = EncoderDropout { attention_output: dropped, feed_forward: dropped };
    let attention =
        ScaledDotProduct { backend: options.attention, mask: Mask::None, dropout: dropped, scale_queries: false };
    Ok(Box::new(move |rec, x| {
        let hidden = x.width();
        let names = &NAMES;
        EncoderLayer { hidden, heads, intermediate, activation, norm, dropout, attention, names }.apply(rec, x)
    }))
}

fn tokens(rec: &mut Recorder, x: &Tensor) -> Result<Tensor, WorkloadError> {
    let &[batch, channels, h, w] = x.shape() else {
        return Err(rec.shape_error("[batch, channels, h, w]", x));
    };
    rec.view(x, vec![batch, h * w, channels])
}

fn positions(rec: &mut Recorder, x: &Tensor, entries: u64) -> Result<Tensor, WorkloadError> {
    let &[_, tokens, width] = x.shape() else {
        return Err(rec.shape_error("[batch, tokens, width]", x));
    };
    if tokens > entries {
        return Err(rec.shape_error(&format!("[_, at most {entries}, _]"), x));
    }
    let places = rec.data(&[1, tokens])?;
    let table = rec.layer("table", &Embedding { entries, width }, &places)?;
    add(rec, "sum", x, &table)
}
