//! ADEPT: equations 4.7 to 4.15 of the thesis, as printed, for comparison with [`crate::per_op`].
//!
//! One FLOP count per unit, one byte count, weighted mean dimensions, and a saturation function; no clocks and no caps.
//! Where the print leaves a choice, it is made here and said: W_set of eq. 4.13 is the byte-weighted mean working set;
//! U of eq. 4.14 is T_comp / (T_comp + T_mem); launches are multiplied by the accumulation steps, as the kernels are.

pub mod calibrate;
mod equations;
mod parameters;
mod saturation;

pub use equations::Terms;
pub(crate) use equations::{Factors, Facts};
pub use parameters::{Parameters, Scalar, Term};
pub use saturation::Saturation;

use crate::device::DeviceModel;
use crate::step::{ModelError, Phase, RunConfig, StepModel, StepPrediction, check_run};
use crate::workload::Workload;
use ergometer_record::{Hertz, Seconds, Watts};

/// The model on one device.
#[derive(Debug, Clone)]
pub struct Adept {
    device: DeviceModel,
    parameters: Parameters,
}

impl Adept {
    /// The model with uncalibrated parameters ([`Parameters::from_device`]).
    ///
    /// # Errors
    /// The description lacks power limit, static power, or link.
    pub fn new(device: DeviceModel) -> Result<Self, ModelError> {
        let parameters = Parameters::from_device(&device)?;
        Ok(Self { device, parameters })
    }

    /// The model with given parameters.
    pub fn with_parameters(device: DeviceModel, parameters: Parameters) -> Self {
        Self { device, parameters }
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The terms of eq. 4.7.
    ///
    /// # Errors
    /// The device has no unit for the precision, or lacks bandwidth or L2 size.
    pub fn terms(&self, work: &Workload, run: &RunConfig) -> Result<Terms, ModelError> {
        let facts = Facts::of(work, &self.device)?;
        Ok(self.parameters.terms(&facts, &self.parameters.factors(work), run.gpus, run.accumulation))
    }
}

impl StepModel for Adept {
    fn name(&self) -> &str {
        "adept"
    }

    fn step(&self, work: &Workload, run: &RunConfig) -> Result<StepPrediction, ModelError> {
        check_run(run)?;
        let setting = &run.setting;
        if setting.gpu_clock_hz.is_some() || setting.gpu_cap_w.is_some() || setting.gpu_mem_clock_hz.is_some() {
            return Err(ModelError::Setting {
                device: self.device.name().to_owned(),
                what: format!("{setting} in the adept model"),
                allowed: "its equations have no clock and no cap; use per-op".into(),
            });
        }
        let facts = Facts::of(work, &self.device)?;
        let p = &self.parameters;
        let terms = p.terms(&facts, &p.factors(work), run.gpus, run.accumulation);
        let phases: Vec<Phase> = p
            .phases(&facts, &terms, run.accumulation)
            .into_iter()
            .filter(|(_, time, _)| *time > 0.0)
            .map(|(name, time, power)| Phase { name, time: Seconds(time), power: Watts(power) })
            .collect();
        let clock = Hertz(self.device.require("clock_hz", "the reported clock")?);
        Ok(StepPrediction::from_phases(phases, run.gpus, clock))
    }
}

#[cfg(test)]
mod tests;
