//! Workload characterisation, device models, time-and-power models, calibration and validation.
//!
//! - [`workload`]: what a training step does, counted, before any device is named;
//! - [`device`]: what is known about a GPU or CPU, and from where;
//! - [`step`]: the question (work, device, setting) and its answer (time, power), as a trait.

pub mod device;
pub mod step;
pub mod workload;

pub use device::DeviceModel;
pub use step::{ModelError, Phase, RunConfig, StepModel, StepPrediction};
