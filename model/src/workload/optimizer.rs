//! The optimiser's update: operations and traffic per parameter (thesis equations 4.4 and 4.5).
//!
//! Parameters, gradients and moments are FP32 in every precision, because automatic mixed precision keeps the master
//! weights in FP32 and hands over FP32 gradients. Equation 4.4 counts gradients of two bytes instead; that is
//! [`GradientStorage::Bf16`].
//!
//! | optimiser | FLOPs | reads | writes | bytes |
//! |---|---|---|---|---|
//! | SGD | 2 | p, g | p | 12 |
//! | momentum | 4 | p, g, b | p, b | 20 |
//! | Adam | 16 | p, g, m, v | p, m, v | 28 |
//! | AdamW | 18 | p, g, m, v | p, m, v | 28 |
//!
//! (all per parameter, FP32 gradients). 18 for AdamW is the thesis' count; Adam lacks the two of the decoupled decay.

use ergometer_record::provenance::UnknownName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The update rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Optimizer {
    /// p <- p - lr g.
    Sgd,
    /// b <- mu b + g; p <- p - lr b.
    Momentum,
    /// Adam with bias correction.
    Adam,
    /// Adam with decoupled weight decay.
    #[serde(rename = "adamw")]
    AdamW,
}

impl Optimizer {
    /// All variants.
    pub const ALL: [Self; 4] = [Self::Sgd, Self::Momentum, Self::Adam, Self::AdamW];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "sgd",
            Self::Momentum => "momentum",
            Self::Adam => "adam",
            Self::AdamW => "adamw",
        }
    }

    /// FLOPs per parameter.
    pub fn flops_per_parameter(self) -> u64 {
        match self {
            Self::Sgd => 2,
            Self::Momentum => 4,
            Self::Adam => 16,
            Self::AdamW => 18,
        }
    }

    /// FP32 values kept per parameter beside the parameter itself (momentum, moments).
    pub fn state_values(self) -> u64 {
        match self {
            Self::Sgd => 0,
            Self::Momentum => 1,
            Self::Adam | Self::AdamW => 2,
        }
    }
}

impl FromStr for Optimizer {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|o| o.name() == s)
            .ok_or_else(|| UnknownName::new(s, Self::ALL.iter().map(|o| o.name())))
    }
}

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Bytes in which the optimiser finds the gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GradientStorage {
    /// Four bytes: what automatic mixed precision hands over.
    #[default]
    F32,
    /// Two bytes, as equation 4.4 has it.
    Bf16,
}

impl GradientStorage {
    /// Bytes of one gradient.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// One update of all trainable parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptimizerWork {
    /// Floating-point operations, all on the ALUs.
    pub flops: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Kernels launched.
    pub launches: u32,
}

/// Elements that one thread block of PyTorch's multi-tensor kernels updates (`kChunkSize`, MultiTensorApply.cuh).
const CHUNK_ELEMENTS: u64 = 65_536;
/// Thread blocks of one multi-tensor launch (`depth_to_max_blocks`).
const BLOCKS_PER_LAUNCH: u64 = 320;
/// Tensors of one launch for 1 to 4 lists (`depth_to_max_tensors_scalarlist`).
const TENSORS_PER_LAUNCH: [u64; 4] = [96, 64, 48, 36];

impl OptimizerWork {
    /// The update of trainable tensors with these element counts, by PyTorch's fused optimisers: one pass over
    /// parameters, gradients and state, launched in batches of tensors.
    pub fn new(optimizer: Optimizer, tensors: &[u64], gradients: GradientStorage) -> Self {
        let parameters = tensors.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let state = 4 * optimizer.state_values();
        Self {
            flops: parameters.saturating_mul(optimizer.flops_per_parameter()),
            bytes_read: parameters.saturating_mul(4 + gradients.bytes() + state),
            bytes_written: parameters.saturating_mul(4 + state),
            launches: launches(tensors, optimizer.state_values()),
        }
    }

    /// The same after FP16's loss scaling is undone: one more pass that divides each gradient and looks for overflow.
    #[must_use]
    pub fn with_unscaling(self, tensors: &[u64], gradients: GradientStorage) -> Self {
        let parameters = tensors.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let bytes = parameters.saturating_mul(gradients.bytes());
        Self {
            flops: self.flops.saturating_add(parameters),
            bytes_read: self.bytes_read.saturating_add(bytes),
            bytes_written: self.bytes_written.saturating_add(bytes),
            launches: self.launches.saturating_add(launches(tensors, 0)),
        }
    }
}

/// Launches of a multi-tensor apply over parameter, gradient and `state` further lists: a launch is full when it has
/// its most tensors or its most blocks; a tensor cut by a full launch goes on in the next.
fn launches(tensors: &[u64], state: u64) -> u32 {
    let most_tensors = match state {
        0 => TENSORS_PER_LAUNCH[1],
        1 => TENSORS_PER_LAUNCH[2],
        _ => TENSORS_PER_LAUNCH[3],
    };
    let (mut launched, mut held, mut blocks) = (0u64, 0u64, 0u64);
    for elements in tensors.iter().filter(|n| **n > 0) {
        held += 1;
        let total = blocks + elements.div_ceil(CHUNK_ELEMENTS);
        launched += total / BLOCKS_PER_LAUNCH;
        blocks = total % BLOCKS_PER_LAUNCH;
        if total >= BLOCKS_PER_LAUNCH {
            held = u64::from(blocks > 0);
        }
        if held == most_tensors {
            launched += 1;
            (held, blocks) = (0, 0);
        }
    }
    u32::try_from(launched + u64::from(blocks > 0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adamw_is_eighteen_flops_and_twenty_eight_bytes() {
        let work = OptimizerWork::new(Optimizer::AdamW, &[1000], GradientStorage::F32);
        assert_eq!(work.flops, 18_000);
        assert_eq!(work.bytes_read + work.bytes_written, 28_000);
    }

    #[test]
    fn bf16_gradients_give_equations_4_4_and_4_5() {
        let work = OptimizerWork::new(Optimizer::AdamW, &[700, 300], GradientStorage::Bf16);
        assert_eq!(work.bytes_read, 1000 * (4 + 2 + 2 * 4));
        assert_eq!(work.bytes_written, 1000 * (4 + 2 * 4));
    }

    #[test]
    fn sgd_keeps_no_state() {
        let work = OptimizerWork::new(Optimizer::Sgd, &[10], GradientStorage::F32);
        assert_eq!((work.bytes_read, work.bytes_written), (80, 40));
    }

    #[test]
    fn launches_follow_tensors_and_blocks() {
        assert_eq!(launches(&[], 2), 0);
        assert_eq!(launches(&[1], 2), 1);
        assert_eq!(launches(&[1; 36], 2), 1);
        assert_eq!(launches(&[1; 37], 2), 2);
        assert_eq!(launches(&[CHUNK_ELEMENTS * 320], 2), 1);
        assert_eq!(launches(&[CHUNK_ELEMENTS * 320 + 1], 2), 2);
        assert_eq!(launches(&[1; 65], 0), 2);
    }
}
