//! What is to be computed: job templates, and the jobs that arrive.
//!
//! - [`mod@file`]: workloads as TOML;
//! - [`generate`]: Poisson arrivals from a seed.

pub mod file;
pub mod generate;

use crate::cluster::HardwareId;
use crate::time::Time;

/// Index of a template in a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateId(pub u16);

/// A job, by the order of arrival from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// A submitter, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u32);

/// A network and how it is trained; the model oracle builds its workload from it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Network {
    /// Preset of the model crate: `vit-b16`. Empty: only a table or constant oracle knows the job.
    pub preset: String,
    /// Number format: `f32`, `tf32`, `bf16`, `f16`; the preset's default if absent.
    pub precision: Option<String>,
    /// Tokens of a sequence, for language models; the preset's default if absent.
    pub sequence: Option<u64>,
    /// Pixels of a square image's side; the preset's default if absent.
    pub image: Option<u64>,
    /// Output classes; the preset's default if absent.
    pub classes: Option<u64>,
}

/// A kind of job: what it computes and where it may run (K_j, B_j and H of chapter 5).
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// Name in results.
    pub name: String,
    /// The network.
    pub network: Network,
    /// Work of one job in training samples (dataset size times epochs).
    pub samples: f64,
    /// Allowed GPU counts (K_j).
    pub gpus: Vec<u32>,
    /// Allowed batch sizes per GPU (B_j).
    pub batches: Vec<u64>,
    /// Allowed GPU types by name; empty: all.
    pub hardware: Vec<String>,
    /// What a rigid version of the job asks for (5.5.2.1).
    pub rigid: Option<Rigid>,
    /// Share of arrivals, relative to the other templates.
    pub weight: f64,
}

/// A fixed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rigid {
    /// GPUs.
    pub gpus: u32,
    /// Samples per GPU and step.
    pub batch: u64,
    /// GPU type by name; `None`: any.
    pub hardware: Option<String>,
}

/// How a job is run: (k, b, h) of chapter 5 and the setting as the fourth axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Configuration {
    /// GPUs (k).
    pub gpus: u32,
    /// Samples per GPU and step (b).
    pub batch: u64,
    /// GPU type (h).
    pub hardware: HardwareId,
    /// Index into the type's settings; 0 is the baseline.
    pub setting: u16,
}

/// One job as it is submitted. Jobs come in order of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// When.
    pub time: Time,
    /// What kind.
    pub template: TemplateId,
    /// By whom.
    pub user: UserId,
    /// Work in samples.
    pub samples: f64,
    /// Jobs with one are urgent.
    pub deadline: Option<Time>,
}
