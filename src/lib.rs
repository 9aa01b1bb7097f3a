//! ergometer: measure, understand, model and optimise the energy of compute hardware.
//!
//! The stages are crates of their own, re-exported here; each is useful alone:
//!
//! - [`record`]: what the stages say to one another;
//! - [`kernels`], [`cuda`]: the computations;
//! - [`harness`]: sensors, knobs, lease, executors, sweeps, tables, the virtual node;
//! - [`model`]: workloads, device models, calibration, prediction;
//! - [`sim`]: cluster scheduling with calibrated oracles.
//!
//! This crate joins them: [`pipeline`] holds the joins, [`report`] the HTML report, [`cli`] the command line.

pub use ergometer_cuda as cuda;
pub use ergometer_harness as harness;
pub use ergometer_kernels as kernels;
pub use ergometer_model as model;
pub use ergometer_record as record;
pub use ergometer_sim as sim;

pub mod cli;
pub mod pipeline;
pub mod report;
