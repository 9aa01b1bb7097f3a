//! Seven published networks, built from their layers with arguments.
//!
//! Language models are those of transformers 4.45 (sequence classification for the BERTs, causal language modelling
//! for TinyLlama), vision models those of torchvision 0.19 and, for ViT, of transformers; in training, with
//! cross-entropy, and with the dropout of their published configurations.

mod albert;
mod bert;
mod distilbert;
mod language;
mod options;
mod resnet;
mod tinyllama;
mod vgg;
mod vit;

pub use options::{Attention, NAMES, Options, default_options};

use super::recorder::Recorder;
use super::{Workload, WorkloadError};

/// The workload of the preset `name` with these options.
///
/// # Errors
/// When no preset has the name, an option does not fit the network, or counts exceed 64 bits.
pub fn build(name: &str, options: &Options) -> Result<Workload, WorkloadError> {
    type Network = fn(&mut Recorder, &Options) -> Result<(), WorkloadError>;
    let (network, extent): (Network, String) = match name {
        "bert-base" => (bert::record, format!("seq{}", options.sequence)),
        "albert-base-v2" => (albert::record, format!("seq{}", options.sequence)),
        "distilbert-base" => (distilbert::record, format!("seq{}", options.sequence)),
        "resnet50" => (resnet::record, options.image.to_string()),
        "vgg16" => (vgg::record, options.image.to_string()),
        "vit-b16" => (vit::record, options.image.to_string()),
        "tinyllama-1.1b" => (tinyllama::record, format!("seq{}", options.sequence)),
        _ => return Err(WorkloadError::UnknownNetwork { found: name.to_owned(), known: NAMES.join(", ") }),
    };
    options.check(name)?;
    let mut rec = Recorder::new(options.precision)?;
    network(&mut rec, options)?;
    rec.finish(format!("{name}/{extent}"), options.batch, options.optimizer, options.gradients)
}

#[cfg(test)]
mod tests;
