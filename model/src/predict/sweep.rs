//! Predictions over the clocks or caps that a device allows.

use super::PredictError;
use crate::device::DeviceModel;
use crate::per_op::PerOp;
use crate::step::{ModelError, RunConfig, StepModel, StepPrediction};
use crate::workload::Workload;
use ergometer_record::{Hertz, Setting, Watts};
use serde::Serialize;

/// What a sweep varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Power caps.
    Cap,
    /// Locked clocks.
    Clock,
}

/// One point of a predicted sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepPoint {
    /// What was set.
    pub setting: Setting,
    /// The step under it.
    pub step: StepPrediction,
    /// Its energy-delay product in joule-seconds.
    pub edp_js: f64,
}

/// A predicted sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// The device as found.
    pub baseline: SweepPoint,
    /// From the lowest to the highest setting.
    pub points: Vec<SweepPoint>,
    /// The point of least EDP, baseline included.
    pub best: SweepPoint,
}

/// Predicts `count` settings over the range that the device allows.
///
/// # Errors
/// As [`predict`](super::predict); a device without a range on this axis.
pub fn sweep(
    device: &DeviceModel,
    work: &Workload,
    run: &RunConfig,
    axis: Axis,
    count: usize,
) -> Result<Sweep, PredictError> {
    let model = PerOp::new(device.clone())?;
    let (range, what) = match axis {
        Axis::Cap => (device.allowed().caps_w, "a sweep over caps"),
        Axis::Clock => (device.allowed().clocks_mhz, "a sweep over clocks"),
    };
    let range = range.ok_or_else(|| ModelError::Setting {
        device: device.name().to_owned(),
        what: what.to_owned(),
        allowed: "its description gives no such range; add it under [allowed]".into(),
    })?;
    let at = |setting: Setting| -> Result<SweepPoint, PredictError> {
        let step = model.step(work, &RunConfig { setting: setting.clone(), ..run.clone() })?;
        Ok(SweepPoint { setting, edp_js: step.edp(), step })
    };
    let set = |value: f64| match axis {
        Axis::Cap => Setting { gpu_cap_w: Some(Watts(value)), ..Setting::default() },
        Axis::Clock => Setting { gpu_clock_hz: Some(Hertz::from_mhz(value)), ..Setting::default() },
    };
    let baseline = at(Setting::default())?;
    let points = range.spread(count).into_iter().map(|value| at(set(value))).collect::<Result<Vec<_>, _>>()?;
    let best = points.iter().chain([&baseline]).min_by(|a, b| a.edp_js.total_cmp(&b.edp_js)).unwrap_or(&baseline);
    Ok(Sweep { best: best.clone(), baseline, points })
}
