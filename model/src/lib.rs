//! Workload characterisation, device models, time-and-power models, calibration and validation.
//!
//! - [`workload`]: what a training step does, counted, before any device is named;
//! - [`adept`]: the thesis' model, equations 4.7 to 4.15;
//! - [`mod@calibrate`]: from records to a device model;
//! - [`device`]: what is known about a GPU or CPU, and from where;
//! - [`per_op`]: the default model, a smooth roofline per operation;
//! - [`predict`]: the whole answer for one network on one device;
//! - [`response`]: time and power over clocks and caps of workloads that nobody counted;
//! - [`solve`]: minimisers in a box, global and local;
//! - [`step`]: the question (work, device, setting) and its answer (time, power), as a trait;
//! - [`validate`]: errors on what was not seen, baselines, recovery of a known truth.

pub mod adept;
pub mod calibrate;
pub mod device;
pub mod per_op;
pub mod predict;
pub mod response;
pub mod solve;
pub mod step;
#[cfg(test)]
mod testing;
pub mod validate;
pub mod workload;

pub use adept::Adept;
pub use calibrate::{Calibration, calibrate};
pub use device::DeviceModel;
pub use per_op::PerOp;
pub use step::{ModelError, Phase, RunConfig, StepModel, StepPrediction};
