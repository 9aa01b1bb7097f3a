//! Workload characterisation, device models, time-and-power models, calibration and validation.
//!
//! - [`workload`]: what a training step does, counted, before any device is named.

pub mod workload;
