//! What runs a [`KernelSpec`]: `cpu`, `cuda`, `vnode`, `command`: one file each.

pub mod command;
pub mod cpu;
pub mod cuda;
pub mod vnode;

use ergometer_record::{Hertz, KernelSpec, Seconds};

/// A workload that could not be prepared or run.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// This executor has no such kernel, size or precision.
    #[error("{executor} can't run {spec}: {reason}")]
    Unsupported {
        /// Which executor.
        executor: String,
        /// What was asked.
        spec: KernelSpec,
        /// Why not.
        reason: String,
    },
    /// It failed on the way.
    #[error("{executor} failed at {spec}: {reason}")]
    Failed {
        /// Which executor.
        executor: String,
        /// What was asked.
        spec: KernelSpec,
        /// What happened.
        reason: String,
    },
}

/// Runs kernel specifications on one device.
pub trait Executor {
    /// `cpu`, `cuda`, `vnode` or `command`.
    fn name(&self) -> &'static str;
    /// The device's model name, without host name or UUID.
    fn device(&self) -> String;
    /// Allocates and fills the operands.
    ///
    /// # Errors
    /// The executor lacks the kernel, or memory.
    fn prepare(&mut self, spec: &KernelSpec) -> Result<Box<dyn Workload>, ExecutorError>;
}

/// A kernel with its operands in place.
pub trait Workload {
    /// Executes `iterations` times back to back and returns the time of the whole batch.
    ///
    /// # Errors
    /// The device failed.
    fn run(&mut self, iterations: u64) -> Result<Seconds, ExecutorError>;
    /// Executes once into poisoned outputs and compares with the reference: the largest error over the bound that the
    /// kernel's contract states (at most 1 passes), or `None` where there is nothing to compare (probes).
    ///
    /// # Errors
    /// The device failed.
    fn check(&mut self) -> Result<Option<f64>, ExecutorError>;
    /// Instruction-set tier or kernel variant.
    fn tier(&self) -> String;
    /// Threads at work; 0 where the notion does not apply.
    fn threads(&self) -> u32;
    /// The clock at which the last batch ran, where the device tells.
    fn achieved_clock(&self) -> Option<Hertz>;
}
