//! The default model: a smooth roofline per operation, summed, with clock and power cap in the equations.
//!
//! - [`time`](self): T = launches t_launch + (Tc^p + Tm^p)^(1/p); arithmetic follows the clock, memory does not; small
//!   problems ramp up, small footprints run out of the last-level cache;
//! - power: P = P_static + a(f) (P_active + P_unit u_c + P_path u_m) + joules per byte, V(f) with a floor;
//! - cap: the largest clock whose power stays below it, per phase;
//! - several GPUs: ring all-reduce (eq. 4.8), hidden behind the backward pass as far as the device description says.
//!
//! The same equations predict this project's own kernels ([`PerOp::predict_kernel`]), which is how they are calibrated,
//! and training steps ([`StepModel`]). What can't be told apart from kernel times alone: a kernel's `stream` and
//! `traffic` (only power separates them), `launch_s` and `half_bytes` without an empty kernel, `alu_w` and `active_w`
//! without a clock sweep.

mod cap;
mod communication;
mod kernel;
mod load;
mod memory;
pub(crate) mod physics;
mod power;
mod step;
mod time;

#[cfg(test)]
mod tests;

pub(crate) use cap::invert;
pub use communication::ring_all_reduce;
pub use kernel::KernelPrediction;
pub use memory::training_bytes;
pub(crate) use power::Voltage;
pub use step::{ClassTime, Term};
pub(crate) use time::p_norm;

use crate::device::DeviceModel;
use crate::step::{ModelError, RunConfig, StepModel, StepPrediction};
use crate::workload::Workload;
use ergometer_record::Watts;
use physics::Physics;

/// The model on one device.
#[derive(Debug, Clone)]
pub struct PerOp {
    device: DeviceModel,
    physics: Physics,
}

impl PerOp {
    /// The model on a device.
    ///
    /// # Errors
    /// The description lacks clock, bandwidth, cache ratio or launch cost.
    pub fn new(device: DeviceModel) -> Result<Self, ModelError> {
        let physics = Physics::of(&device)?;
        Ok(Self { device, physics })
    }

    /// Changes the device and looks its numbers up again, without copying the description.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut DeviceModel)) -> Result<(), ModelError> {
        change(&mut self.device);
        self.physics = Physics::of(&self.device)?;
        Ok(())
    }

    /// The device.
    pub fn device(&self) -> &DeviceModel {
        &self.device
    }

    /// Power while nothing runs; `None` where the description does not tell.
    pub fn idle_power(&self) -> Option<Watts> {
        self.device.value("idle_w").map(Watts)
    }

    fn no_power(&self) -> ModelError {
        let missing = crate::device::parameters::POWER_KEYS.iter().find(|key| self.device.value(key).is_none());
        ModelError::Missing {
            device: self.device.name().to_owned(),
            parameter: missing.unwrap_or(&"static_w").to_string(),
            purpose: "a power prediction",
        }
    }
}

impl StepModel for PerOp {
    fn name(&self) -> &str {
        "per-op"
    }

    fn step(&self, work: &Workload, run: &RunConfig) -> Result<StepPrediction, ModelError> {
        self.predict(work, run)
    }
}
