//! The uniform entry for executors: a specification becomes operands in place and a loop over them.

use crate::error::KernelError;
use crate::pool::Pool;
use crate::tier::Tier;
use ergometer_record::KernelSpec;
use std::sync::Arc;

/// A kernel with its operands in place.
pub trait Prepared: Send {
    /// Executes `iterations` times back to back. The workers fork once and meet at a spinning barrier between
    /// executions; the caller sleeps.
    ///
    /// # Errors
    /// A worker panicked, or the call came from inside a worker.
    fn run(&mut self, iterations: u64) -> Result<(), KernelError>;
    /// Poisons the outputs (NaN), executes once and compares with an f64 reference: the largest error over the bound
    /// that the kernel's contract states (at most 1 passes; NaN or infinity fails), `None` for the probes.
    ///
    /// Above some 10^5 outputs (fewer where one costs many operations) a seeded random subset, with the first and last
    /// ones, is compared, so that a check takes under 0.3 s at any size. Monte Carlo recounts up to 2^20 samples.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn check(&mut self) -> Result<Option<f64>, KernelError>;
    /// The tier whose code runs.
    fn tier(&self) -> Tier;
    /// The number of threads at work.
    fn threads(&self) -> usize;
}

/// Allocates and fills the operands of `spec` (first touch by the workers that will use them, huge pages where
/// allowed), for execution by `tier` on `pool`.
///
/// # Errors
/// A specification that contradicts itself; a precision or probe that the CPU has not; a tier that it lacks; operands
/// that do not fit the free memory.
pub fn prepare(spec: &KernelSpec, tier: Tier, pool: &Arc<Pool>) -> Result<Box<dyn Prepared>, KernelError> {
    spec.validate()?;
    tier.level()?;
    let _ = pool;
    Err(KernelError::Unsupported { spec: *spec, reason: "not yet".to_owned() })
}
