//! One pass over one batch on one GPU, counted.

use super::features::Features;
use super::op::{Op, Pass, Unit};
use super::optimizer::{Optimizer, OptimizerWork};
use ergometer_record::Precision;
use serde::{Deserialize, Serialize};

/// The operations of one forward and backward pass over `batch` samples on one GPU, and the update that follows.
///
/// Gradient accumulation and the number of GPUs belong to the run, not to the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The network with the arguments that shape it.
    pub name: String,
    /// Samples per GPU and pass.
    pub batch: u64,
    /// Number format: `bf16` and `f16` mean automatic mixed precision over FP32 parameters.
    pub precision: Precision,
    /// The operations, forward in order and backward in reverse order; repeated ones once, with their count.
    pub ops: Vec<Op>,
    /// Values of all parameters, shared ones once.
    pub parameters: u64,
    /// Values of the parameters that are trained.
    pub trainable: u64,
    /// Values of the buffers (running statistics, index tables).
    pub buffers: u64,
    /// The update rule.
    pub optimizer: Optimizer,
    /// One update.
    pub optimizer_work: OptimizerWork,
    /// Bytes of the tensors kept from the forward pass for the backward pass.
    pub activation_bytes: u64,
}

impl Workload {
    /// FLOPs of both passes on one unit; the optimiser's are not among them.
    pub fn flops(&self, unit: Unit) -> u64 {
        self.sum(|op| op.unit == unit, Op::total_flops)
    }

    /// FLOPs of the forward pass, all units.
    pub fn forward_flops(&self) -> u64 {
        self.sum(|op| op.pass == Pass::Forward, Op::total_flops)
    }

    /// FLOPs of the backward pass, all units.
    pub fn backward_flops(&self) -> u64 {
        self.sum(|op| op.pass == Pass::Backward, Op::total_flops)
    }

    /// Matrix-product and convolution FLOPs of the forward pass: what `FlopCounterMode` counts.
    pub fn tensor_flops_forward(&self) -> u64 {
        self.sum(|op| op.pass == Pass::Forward && op.unit != Unit::Alu, Op::total_flops)
    }

    /// Matrix-product and convolution FLOPs of the backward pass.
    pub fn tensor_flops_backward(&self) -> u64 {
        self.sum(|op| op.pass == Pass::Backward && op.unit != Unit::Alu, Op::total_flops)
    }

    /// Matrix-product and convolution FLOPs of both passes.
    pub fn tensor_flops(&self) -> u64 {
        self.tensor_flops_forward().saturating_add(self.tensor_flops_backward())
    }

    /// Bytes read and written by both passes, without the optimiser.
    pub fn bytes(&self) -> u64 {
        self.sum(|_| true, Op::total_bytes)
    }

    /// Kernels launched by both passes, without the optimiser.
    pub fn launches(&self) -> u64 {
        self.sum(|_| true, Op::total_launches)
    }

    /// Bytes of the gradients that data-parallel training reduces: FP32, whatever the precision.
    pub fn gradient_bytes(&self) -> u64 {
        self.trainable.saturating_mul(4)
    }

    /// The structural features of equation 4.6.
    pub fn features(&self) -> Features {
        Features::of(&self.ops)
    }

    fn sum(&self, keep: impl Fn(&Op) -> bool, value: impl Fn(&Op) -> u64) -> u64 {
        self.ops.iter().filter(|op| keep(op)).fold(0, |sum, op| sum.saturating_add(value(op)))
    }
}
