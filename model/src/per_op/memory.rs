//! Whether a training job fits into the device memory.

use crate::step::ModelError;
use crate::workload::Workload;

/// CUDA context, library workspaces and allocator slack, in B: what a PyTorch process holds before it trains.
const CONTEXT_BYTES: f64 = 1.2e9;

/// Bytes that a training step holds at its peak: FP32 parameters, gradients and optimiser state, buffers, the tensors
/// kept for the backward pass, and the largest operation's operands in flight.
pub fn training_bytes(work: &Workload) -> f64 {
    let state = work.optimizer.state_values() as f64;
    let parameters = 4.0 * work.parameters as f64 + 4.0 * (1.0 + state) * work.trainable as f64;
    // Mixed precision keeps a copy of the weights in the short format.
    let shadow = match work.precision.bytes() {
        2 => 2.0 * work.parameters as f64,
        _ => 0.0,
    };
    let in_flight = work.ops.iter().map(|op| op.working_set).max().unwrap_or(0) as f64;
    CONTEXT_BYTES + parameters + shadow + 4.0 * work.buffers as f64 + work.activation_bytes as f64 + in_flight
}

/// Refuses a job that does not fit.
///
/// # Errors
/// Needed and available bytes.
pub(crate) fn check(work: &Workload, device: &str, available: f64) -> Result<(), ModelError> {
    let needed = training_bytes(work);
    if needed <= available {
        return Ok(());
    }
    Err(ModelError::Memory {
        workload: work.name.clone(),
        batch: work.batch,
        device: device.to_owned(),
        needed_gb: needed / 1e9,
        available_gb: available / 1e9,
    })
}
