//! How long a job takes and what power it draws, for a placement: what a scheduler believes, and what happens.
//!
//! - [`model`]: the calibrated models of the model crate; [`table`]: measured throughputs; [`constant`]: for closed forms;
//! - [`book`]: every answer for every template, asked once before a run (the prediction cache of 5.3.2.3);
//! - [`noise`]: how belief and truth differ, keyed by a hash, so that policies are compared on the same luck.

pub mod book;
pub mod constant;
pub mod model;
pub mod noise;
pub mod table;

pub use book::{Book, Candidate, Performance};
pub use noise::{Noise, NoiseOn};

use crate::cluster::Hardware;
use crate::error::SimError;
use crate::job::Template;
use ergometer_record::{Seconds, Setting, Watts};

/// A placement that is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The kind of job.
    pub template: &'a Template,
    /// The GPU type.
    pub hardware: &'a Hardware,
    /// GPUs, in one node.
    pub gpus: u32,
    /// Samples per GPU and step.
    pub batch: u64,
    /// Clocks and caps of every GPU of the job.
    pub setting: &'a Setting,
}

/// What an oracle says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Time for all samples of the template.
    pub time: Seconds,
    /// Mean power of all GPUs of the job together, host excluded.
    pub power: Watts,
}

/// Job and placement give time and power.
pub trait Oracle: Send + Sync {
    /// Name in results.
    fn name(&self) -> String;

    /// Predicts one placement. `None`: the job can't run so (the batch does not fit the memory, the table lists no such
    /// run); the scheduler then does without this placement.
    ///
    /// # Errors
    /// The oracle should know and does not: no device model, an unknown network.
    fn predict(&self, query: &Query<'_>) -> Result<Option<Prediction>, SimError>;
}
