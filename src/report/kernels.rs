//! Section: the machine's measured peaks, every kernel against them, and the roofline.

use super::value::{Energy, Estimate, Origin};
use ergometer_record::{Component, KernelSpec, Precision};
use serde::{Deserialize, Serialize};

/// Kernels characterised on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Characterisation {
    /// The device, such as "AMD EPYC 9554, 2 threads".
    pub device: String,
    /// Where the times come from.
    pub origin: Origin,
    /// Threads that "all threads" means here.
    pub all_threads: u32,
    /// Peaks measured at the start of the same run.
    pub peaks: Vec<Peak>,
    /// One row per kernel, tier and thread count.
    pub rows: Vec<KernelRow>,
}

/// A measured ceiling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// How it was measured, such as "FMA loop, AVX2".
    pub name: String,
    /// Of what.
    pub kind: PeakKind,
    /// Threads that measured it.
    pub threads: u32,
    /// 1e9 FLOP/s for arithmetic, 1e9 bytes/s for bandwidth.
    pub value: Estimate,
}

/// What a ceiling bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeakKind {
    /// Floating-point operations of one precision.
    Arithmetic(Precision),
    /// Bytes to and from memory.
    Bandwidth,
}

/// One kernel at one tier and thread count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelRow {
    /// Kernel, size and precision; FLOP/s and bytes/s are computed from it.
    pub spec: KernelSpec,
    /// Instruction-set tier, such as "scalar" or "avx2".
    pub tier: String,
    /// Threads that ran it.
    pub threads: u32,
    /// Seconds per execution.
    pub time: Estimate,
    /// Energy per execution, by component. Empty is shown as absent for a reason not given; prefer
    /// [`Energy::Absent`] with one.
    pub energy: Vec<ComponentEnergy>,
    /// Largest error against the reference over its bound: at most 1 passes; `None` was not checked.
    pub error_over_bound: Option<f64>,
}

/// The energy of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentEnergy {
    /// Which, such as `package:0`; [`Component::NONE`] for an absence that holds for all of them.
    pub component: Component,
    /// Joules per execution, or why there are none.
    pub energy: Energy,
}
