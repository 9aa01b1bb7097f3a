//! Runs kernels on the virtual node.

use super::{Executor, ExecutorError, Workload};
use crate::vnode::{Node, Vnode};
use ergometer_record::{Hertz, KernelSpec, Seconds};

/// The virtual node as an executor.
#[derive(Debug, Clone)]
pub struct VnodeExecutor {
    node: Node,
    device: String,
}

impl VnodeExecutor {
    /// An executor on a device that is switched on.
    pub fn new(vnode: &Vnode) -> Self {
        Self { node: vnode.node().clone(), device: vnode.node().physics().name }
    }
}

impl Executor for VnodeExecutor {
    fn name(&self) -> &'static str {
        "vnode"
    }

    fn device(&self) -> String {
        self.device.clone()
    }

    fn prepare(&mut self, spec: &KernelSpec) -> Result<Box<dyn Workload>, ExecutorError> {
        let unsupported = |reason: String| ExecutorError::Unsupported { executor: "vnode".into(), spec: *spec, reason };
        spec.validate().map_err(|error| unsupported(error.to_string()))?;
        if let Some(reason) = self.node.physics().refuses(spec) {
            return Err(unsupported(reason));
        }
        Ok(Box::new(VnodeWorkload { node: self.node.clone(), spec: *spec, clock: None }))
    }
}

struct VnodeWorkload {
    node: Node,
    spec: KernelSpec,
    clock: Option<Hertz>,
}

impl Workload for VnodeWorkload {
    fn run(&mut self, iterations: u64) -> Result<Seconds, ExecutorError> {
        let (time, clock) = self.node.run(&self.spec, iterations).map_err(|error| ExecutorError::Failed {
            executor: "vnode".into(),
            spec: self.spec,
            reason: error.to_string(),
        })?;
        self.clock = Some(clock);
        Ok(time)
    }

    fn check(&mut self) -> Result<Option<f64>, ExecutorError> {
        // Nothing is computed, so there is nothing to compare.
        Ok(None)
    }

    fn tier(&self) -> String {
        "virtual".into()
    }

    fn threads(&self) -> u32 {
        0
    }

    fn achieved_clock(&self) -> Option<Hertz> {
        self.clock
    }
}
