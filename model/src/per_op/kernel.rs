//! Prediction of this project's own kernels, CPU and GPU alike.

use super::PerOp;
use super::cap;
use super::load::Load;
use super::physics::Physics;
use crate::device::Limits;
use crate::step::ModelError;
use ergometer_record::{Hertz, KernelSpec, Seconds, Setting, Watts};
use serde::Serialize;

/// One execution of a kernel under a setting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KernelPrediction {
    /// Time of one execution.
    pub time: Seconds,
    /// Mean power; `None` where the device description has no power parameters.
    pub power: Option<Watts>,
    /// Compute clock: the locked or top clock, or what the cap leaves of it.
    pub clock: Hertz,
}

impl PerOp {
    /// Predicts one execution of a kernel, back to back with others of its kind.
    ///
    /// # Errors
    /// The precision has no unit on this device, a parameter is missing, or the setting is not allowed.
    pub fn predict_kernel(&self, spec: &KernelSpec, setting: &Setting) -> Result<KernelPrediction, ModelError> {
        let limits = self.device.limits(setting)?;
        let asked_cap = setting.gpu_cap_w.is_some() || setting.cpu_cap_w.is_some();
        if asked_cap && limits.cap.is_some() && self.physics.power.is_none() {
            return Err(self.no_power());
        }
        let load = self.physics.kernel_load(spec)?;
        Ok(self.physics.run(&load, &limits))
    }
}

impl Physics {
    /// One load under clock bound and cap.
    pub(crate) fn run(&self, load: &Load, limits: &Limits) -> KernelPrediction {
        let top = limits.clock.0 / self.clock_hz;
        let traffic = self.traffic(load, limits.memory_ratio);
        let at = |ratio: f64| self.at(load, &traffic, ratio);
        let Some(law) = &self.power else {
            return KernelPrediction { time: Seconds(at(top).total_s), power: None, clock: limits.clock };
        };
        let power_w = |ratio: f64| {
            let timing = at(ratio);
            law.energy(load, &timing, ratio) / timing.total_s
        };
        let ratio = match limits.cap {
            Some(cap_w) => cap::invert(limits.lowest_clock.0 / self.clock_hz, top, cap_w.0, power_w),
            None => top,
        };
        KernelPrediction {
            time: Seconds(at(ratio).total_s),
            power: Some(Watts(power_w(ratio))),
            clock: Hertz(self.clock_hz * ratio),
        }
    }
}
