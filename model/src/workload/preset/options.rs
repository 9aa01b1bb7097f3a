//! The arguments of a preset.

use super::language::POSITIONS;
use crate::workload::WorkloadError;
use crate::workload::optimizer::{GradientStorage, Optimizer};
use ergometer_record::Precision;
use ergometer_record::provenance::UnknownName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The presets.
pub const NAMES: [&str; 7] =
    ["bert-base", "albert-base-v2", "distilbert-base", "resnet50", "vgg16", "vit-b16", "tinyllama-1.1b"];

/// How scaled dot-product attention is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Products, mask and softmax as separate kernels; the scores go through memory.
    #[default]
    Eager,
    /// One kernel that keeps the scores on chip and recomputes them in the backward pass (FlashAttention).
    Fused,
}

impl Attention {
    /// All variants.
    pub const ALL: [Self; 2] = [Self::Eager, Self::Fused];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Fused => "fused",
        }
    }
}

impl FromStr for Attention {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|a| a.name() == s)
            .ok_or_else(|| UnknownName::new(s, Self::ALL.iter().map(|a| a.name())))
    }
}

impl fmt::Display for Attention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Arguments of a preset; those that a network has no use for (the image of BERT) are not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Samples per GPU and pass.
    pub batch: u64,
    /// Tokens per sample of the language models.
    pub sequence: u64,
    /// Rows and columns of the square images of the vision models.
    pub image: u64,
    /// Classes of the classifier.
    pub classes: u64,
    /// Entries of the token table of the language models.
    pub vocabulary: u64,
    /// How attention is computed.
    pub attention: Attention,
    /// Number format of the pass.
    pub precision: Precision,
    /// The update rule.
    pub optimizer: Optimizer,
    /// How the optimiser finds its gradients.
    pub gradients: GradientStorage,
}

/// The published arguments of a preset, at a batch of 32 in FP32 with AdamW; `None` when there is no such preset.
pub fn default_options(name: &str) -> Option<Options> {
    let (sequence, image, classes, vocabulary) = match name {
        "bert-base" | "distilbert-base" => (256, 0, 2, 30_522),
        "albert-base-v2" => (256, 0, 2, 30_000),
        "resnet50" | "vgg16" | "vit-b16" => (0, 224, 1000, 0),
        "tinyllama-1.1b" => (2048, 0, 0, 32_000),
        _ => return None,
    };
    Some(Options { sequence, image, classes, vocabulary, ..Options::default() })
}

impl Default for Options {
    /// A batch of 32 in FP32 with eager attention and AdamW, and no extents: those of a preset are in
    /// [`default_options`], those of a file in the file.
    fn default() -> Self {
        Self {
            batch: 32,
            sequence: 0,
            image: 0,
            classes: 0,
            vocabulary: 0,
            attention: Attention::Eager,
            precision: Precision::F32,
            optimizer: Optimizer::AdamW,
            gradients: GradientStorage::F32,
        }
    }
}

impl Options {
    /// Whether the arguments are ones that the network can take.
    pub(super) fn check(&self, network: &str) -> Result<(), WorkloadError> {
        let refuse = |argument, found, allowed: String| {
            Err(WorkloadError::Argument { network: network.to_owned(), argument, found, allowed })
        };
        if self.batch == 0 {
            return refuse("batch", 0, "give at least one sample".to_owned());
        }
        let needs = |condition, argument, found, least: u64, most: u64| {
            if condition && !(least..=most).contains(&found) {
                let range = if most == u64::MAX { format!("at least {least}") } else { format!("{least} to {most}") };
                return refuse(argument, found, format!("it takes {range}"));
            }
            Ok(())
        };
        let language = matches!(network, "bert-base" | "albert-base-v2" | "distilbert-base" | "tinyllama-1.1b");
        let causal = network == "tinyllama-1.1b";
        let least_image = match network {
            "vgg16" => 32,
            "vit-b16" => 16,
            _ => 1,
        };
        needs(language && !causal, "sequence", self.sequence, 1, POSITIONS)?;
        needs(causal, "sequence", self.sequence, 2, u64::MAX)?;
        needs(language, "vocabulary", self.vocabulary, 1, u64::MAX)?;
        needs(!language, "image", self.image, least_image, u64::MAX)?;
        needs(!causal, "classes", self.classes, 1, u64::MAX)
    }
}
