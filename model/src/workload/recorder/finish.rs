//! The end of a recording: sums of gradients, totals, and the optimiser's update.

use super::Recorder;
use crate::workload::WorkloadError;
use crate::workload::merge::merge;
use crate::workload::op::{Op, OpClass, Pass};
use crate::workload::optimizer::{GradientStorage, Optimizer, OptimizerWork};
use crate::workload::profile::Workload;
use crate::workload::work::Work;
use ergometer_record::Precision;

/// Most FLOPs, bytes or launches of a workload, so that sums over accumulation steps and GPUs stay exact.
const MOST_TOTAL: u128 = 1 << 62;

impl Recorder {
    /// Ends the recording.
    ///
    /// # Errors
    /// When the totals exceed 2^62.
    pub fn finish(
        mut self,
        name: String,
        batch: u64,
        optimizer: Optimizer,
        gradients: GradientStorage,
    ) -> Result<Workload, WorkloadError> {
        self.scope = vec![name.clone()];
        self.sum_gradients()?;
        self.backward.sort_by_key(|(step, _)| std::cmp::Reverse(*step));
        let forward = merge(self.forward.drain(..));
        let backward = merge(self.backward.drain(..).map(|(_, op)| op));
        let ops: Vec<Op> = forward.into_iter().chain(backward).collect();
        let total = |value: fn(&Op) -> u64| ops.iter().map(|op| u128::from(value(op)) * u128::from(op.count)).sum();
        let values: u128 = self.parameters.iter().map(|p| u128::from(p.elements)).sum();
        let totals: [(u128, &'static str); 5] = [
            // At most 32 bytes and 18 FLOPs each in the update.
            (32 * values, "the number of its parameters"),
            (total(|op| op.flops), "the sum of its FLOPs"),
            (total(|op| op.bytes_read), "the sum of the bytes that it reads"),
            (total(|op| op.bytes_written), "the sum of the bytes that it writes"),
            (self.saved_bytes, "the bytes kept for its backward pass"),
        ];
        for (sum, what) in totals {
            if sum > MOST_TOTAL {
                return Err(self.too_large(what));
            }
        }
        // Every parameter is trained: freezing some is not described.
        let tensors: Vec<u64> = self.parameters.iter().map(|p| p.elements).collect();
        let parameters = tensors.iter().sum();
        let mut update = OptimizerWork::new(optimizer, &tensors, gradients);
        if self.precision == Precision::F16 {
            update = update.with_unscaling(&tensors, gradients);
        }
        Ok(Workload {
            name,
            batch,
            precision: self.precision,
            ops,
            parameters,
            trainable: parameters,
            buffers: self.buffers,
            optimizer,
            optimizer_work: update,
            activation_bytes: u64::try_from(self.saved_bytes).unwrap_or(u64::MAX),
        })
    }

    /// The gradients of a tensor or parameter with several uses are summed pair by pair, before the producer's own
    /// backward kernels.
    fn sum_gradients(&mut self) -> Result<(), WorkloadError> {
        let tensors = self.storages.iter().map(|s| (&s.path, s.step, s.consumers, s.elements, s.bytes));
        let weights = self.parameters.iter();
        let weights = weights.map(|p| (&p.path, p.step, p.uses, p.elements, p.elements.saturating_mul(p.grad_bytes)));
        let mut sums = Vec::new();
        for (path, step, uses, elements, bytes) in tensors.chain(weights) {
            if uses > 1 {
                let work = Work::pointwise(OpClass::GradientSum, elements, 1, bytes.saturating_mul(2), bytes)
                    .working_set(bytes.saturating_mul(2));
                let mut op = self.op("", Pass::Backward, work)?;
                op.name = if path.is_empty() { "grad_sum".to_owned() } else { format!("{path}.grad_sum") };
                op.count = uses - 1;
                sums.push((step + 1, op));
            }
        }
        sums.append(&mut self.backward);
        self.backward = sums;
        Ok(())
    }
}
