//! The uniform entry for executors: a specification becomes operands in place and a loop over them.

mod dense;
mod probes;
mod reference;
mod samples;
mod sparse;

use crate::element::Element;
use crate::error::KernelError;
use crate::pool::{Pool, Worker};
use crate::tier::{Level, Tier};
use ergometer_record::{Kernel, KernelSpec, Precision};
use std::sync::Arc;

/// Seed of every operand and of the checks' random subsets: equal runs have equal operands.
const SEED: u64 = 0xE260_3E7E;

/// A kernel with its operands in place.
pub trait Prepared: Send {
    /// Executes `iterations` times back to back. The workers fork once and meet at a spinning barrier between
    /// executions; the caller sleeps.
    ///
    /// # Errors
    /// A worker panicked, or the call came from inside a worker.
    fn run(&mut self, iterations: u64) -> Result<(), KernelError>;
    /// Poisons the outputs (NaN), executes once and compares with an f64 reference: the largest error over the bound
    /// that the kernel's contract states. At most 1 passes; a NaN or a missing output gives infinity; `None` for the
    /// probes.
    ///
    /// Above 2^16 outputs (256 for GEMM) a seeded random subset, with the first and last ones, is compared, so that
    /// a check stays under 0.3 s beyond the execution itself. Monte Carlo recounts two stretches of at most 2^17 blocks
    /// and does not execute the whole.
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
    match spec.precision {
        Precision::F32 => build::<f32>(spec, tier, pool),
        Precision::F64 => build::<f64>(spec, tier, pool),
        other => {
            let reason = format!("the CPU kernels have f32 and f64, not {other}");
            Err(KernelError::Unsupported { spec: *spec, reason })
        }
    }
}

fn build<T: Element + bytemuck::Pod>(
    spec: &KernelSpec,
    tier: Tier,
    pool: &Arc<Pool>,
) -> Result<Box<dyn Prepared>, KernelError> {
    let level = tier.level()?;
    match spec.kernel {
        Kernel::Gemm => boxed(dense::Gemm::<T>::new(spec, level, pool)?, tier, pool),
        Kernel::Triad => boxed(dense::Triad::<T>::new(spec, pool)?, tier, pool),
        Kernel::Stencil => boxed(dense::Stencil::<T>::new(spec, pool)?, tier, pool),
        Kernel::Dist => boxed(dense::Dist::<T>::new(spec, pool)?, tier, pool),
        Kernel::SpmvCsr | Kernel::SpmvCoo => boxed(sparse::Spmv::<T>::new(spec, pool)?, tier, pool),
        Kernel::MonteCarlo => boxed(samples::MonteCarlo::<T>::new(spec)?, tier, pool),
        Kernel::ProbeFma => boxed(probes::Fma::<T>::new(spec)?, tier, pool),
        Kernel::ProbeRead => boxed(probes::Read::<T>::new(spec, pool)?, tier, pool),
        Kernel::ProbeCopy => boxed(probes::Copy::<T>::new(spec, pool)?, tier, pool),
        Kernel::ProbeChase => boxed(probes::Chase::new(spec, pool)?, tier, pool),
        Kernel::ProbeEmpty => boxed(probes::Empty, tier, pool),
        Kernel::Idle => {
            let reason = "nothing runs when idle: the harness waits without the kernels".to_owned();
            Err(KernelError::Unsupported { spec: *spec, reason })
        }
    }
}

fn boxed<W: Work + 'static>(work: W, tier: Tier, pool: &Arc<Pool>) -> Result<Box<dyn Prepared>, KernelError> {
    Ok(Box::new(Job { work, tier, level: tier.level()?, pool: Arc::clone(pool) }))
}

/// A kernel's operands: what differs between the kernels.
trait Work: Send {
    /// One worker's share of one execution, as a function of the execution's number and the worker.
    ///
    /// Each worker calls it once an execution, and barriers separate the executions.
    fn execution(&mut self, level: Level, pool: &Pool) -> impl Fn(u64, &Worker<'_>) + Sync;
    /// `iterations` executions were run.
    fn ran(&mut self, _iterations: u64) {}
    /// Overwrites the outputs with NaN.
    fn poison(&mut self, pool: &Pool) -> Result<(), KernelError>;
    /// Largest error over bound of the outputs as they stand.
    fn error(&self) -> Option<f64>;
    /// Number of workers with work, of `all`.
    fn threads(&self, all: usize) -> usize {
        all
    }
    /// Replaces "poison, execute, compare" where a whole execution is not wanted.
    fn own_check(&mut self, _level: Level, _pool: &Pool) -> Option<Result<Option<f64>, KernelError>> {
        None
    }
}

struct Job<W> {
    work: W,
    tier: Tier,
    level: Level,
    pool: Arc<Pool>,
}

impl<W: Work> Prepared for Job<W> {
    fn run(&mut self, iterations: u64) -> Result<(), KernelError> {
        let execution = self.work.execution(self.level, &self.pool);
        self.pool.run(|w| {
            for i in 0..iterations {
                execution(i, w);
                w.barrier();
            }
        })?;
        drop(execution);
        self.work.ran(iterations);
        Ok(())
    }

    fn check(&mut self) -> Result<Option<f64>, KernelError> {
        if let Some(result) = self.work.own_check(self.level, &self.pool) {
            return result;
        }
        self.work.poison(&self.pool)?;
        self.run(1)?;
        Ok(self.work.error())
    }

    fn tier(&self) -> Tier {
        self.tier
    }

    fn threads(&self) -> usize {
        self.work.threads(self.pool.threads())
    }
}

/// An extent as a length in memory.
fn extent(value: u64) -> Result<usize, KernelError> {
    usize::try_from(value).map_err(|_| KernelError::Overflow { what: "an operand" })
}

#[cfg(test)]
mod tests;
