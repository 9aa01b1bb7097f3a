//! `ergometer workload`.

use super::context::{Context, Outcome, usage};
use super::output;
use crate::model::workload::preset::{Attention, NAMES};
use crate::model::workload::{self, Optimizer, Workload};
use crate::record::Precision;
use clap::Args;

/// Options of `ergometer workload`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// bert-base, albert-base-v2, distilbert-base, resnet50, vgg16, vit-b16, tinyllama-1.1b; a layer file (.toml) or an
    /// ONNX graph with shapes (.onnx).
    #[arg(value_name = "NETWORK")]
    network: String,
    #[command(flatten)]
    shape: ShapeOptions,
}

/// What a network's operations depend on.
#[derive(Debug, Clone, Args)]
pub(super) struct ShapeOptions {
    /// Samples per GPU and pass.
    #[arg(long, value_name = "N")]
    pub batch: Option<u64>,
    /// Tokens per sample.
    #[arg(long, value_name = "N")]
    pub sequence: Option<u64>,
    /// Pixels a side.
    #[arg(long, value_name = "N")]
    pub image: Option<u64>,
    /// Output classes.
    #[arg(long, value_name = "N")]
    pub classes: Option<u64>,
    /// Number format: f32, tf32, bf16 or f16.
    #[arg(long)]
    pub precision: Option<Precision>,
    /// Attention kernels: eager or fused.
    #[arg(long)]
    pub attention: Option<Attention>,
    /// Optimiser: sgd, momentum, adam or adamw.
    #[arg(long)]
    pub optimizer: Option<Optimizer>,
}

/// The workload that the options ask for.
///
/// # Errors
/// An unknown network, or a shape that does not fit it.
pub(super) fn build(network: &str, shape: &ShapeOptions) -> anyhow::Result<Workload> {
    let is_file = network.ends_with(".toml") || network.ends_with(".onnx");
    if !is_file && !NAMES.contains(&network) {
        return Err(usage(format!(
            "there is no network {network:?}: the presets are {}; a layer file (.toml) or an ONNX graph (.onnx) works too",
            NAMES.join(", ")
        )));
    }
    let mut options = workload::options_for(network)?;
    options.batch = shape.batch.unwrap_or(options.batch);
    options.sequence = shape.sequence.unwrap_or(options.sequence);
    options.image = shape.image.unwrap_or(options.image);
    options.classes = shape.classes.unwrap_or(options.classes);
    options.precision = shape.precision.unwrap_or(options.precision);
    options.attention = shape.attention.unwrap_or(options.attention);
    options.optimizer = shape.optimizer.unwrap_or(options.optimizer);
    Ok(workload::open(network, &options)?)
}

pub(super) fn run(context: &Context, options: Options) -> anyhow::Result<Outcome> {
    let workload = build(&options.network, &options.shape)?;
    let summary = workload.summary();
    if context.globals.json {
        output::json(&summary)?
    } else {
        output::text(&format!("{summary}\n"))?
    }
    Ok(Outcome::Done)
}
