//! Runs the CPU kernels of `ergometer_kernels`.

use super::{Executor, ExecutorError, Workload};
use ergometer_kernels::{KernelError, Pool, Prepared, Tier, prepare};
use ergometer_record::{Hertz, KernelSpec, Seconds};
use std::sync::Arc;
use std::time::Instant;

/// The CPU kernels at one tier on one pool of pinned threads.
#[derive(Debug)]
pub struct CpuExecutor {
    tier: Tier,
    pool: Arc<Pool>,
    device: String,
}

impl CpuExecutor {
    /// An executor that runs `tier` on `pool`; `device` is the CPU's model name.
    pub fn new(tier: Tier, pool: Arc<Pool>, device: impl Into<String>) -> Self {
        Self { tier, pool, device: device.into() }
    }
}

impl Executor for CpuExecutor {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn device(&self) -> String {
        self.device.clone()
    }

    fn prepare(&mut self, spec: &KernelSpec) -> Result<Box<dyn Workload>, ExecutorError> {
        let prepared = prepare(spec, self.tier, &self.pool).map_err(|error| match error {
            KernelError::Unsupported { spec, reason } => {
                ExecutorError::Unsupported { executor: "cpu".into(), spec, reason }
            }
            // A size that does not fit, or a tier that is missing, leaves the other specifications runnable.
            error @ (KernelError::Memory { .. } | KernelError::TierUnavailable { .. }) => {
                ExecutorError::Unsupported { executor: "cpu".into(), spec: *spec, reason: error.to_string() }
            }
            other => failed(spec, &other),
        })?;
        Ok(Box::new(CpuWorkload { spec: *spec, prepared }))
    }
}

fn failed(spec: &KernelSpec, error: &KernelError) -> ExecutorError {
    ExecutorError::Failed { executor: "cpu".into(), spec: *spec, reason: error.to_string() }
}

struct CpuWorkload {
    spec: KernelSpec,
    prepared: Box<dyn Prepared>,
}

impl Workload for CpuWorkload {
    fn run(&mut self, iterations: u64) -> Result<Seconds, ExecutorError> {
        let start = Instant::now();
        self.prepared.run(iterations).map_err(|error| failed(&self.spec, &error))?;
        Ok(Seconds(start.elapsed().as_secs_f64()))
    }

    fn check(&mut self) -> Result<Option<f64>, ExecutorError> {
        self.prepared.check().map_err(|error| failed(&self.spec, &error))
    }

    fn tier(&self) -> String {
        self.prepared.tier().to_string()
    }

    fn threads(&self) -> u32 {
        u32::try_from(self.prepared.threads()).unwrap_or(u32::MAX)
    }

    fn achieved_clock(&self) -> Option<Hertz> {
        // Only a cycle counter tells; see the counters of a later stage.
        None
    }
}
