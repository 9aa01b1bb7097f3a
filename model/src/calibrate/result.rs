//! What a calibration is asked, what it answers, and why it refuses.

use super::held_out::{FoldReport, HeldOut};
use super::points::{Accept, LeftOut};
use crate::device::{DeviceModel, Prior};
use crate::step::ModelError;
use crate::validate::ErrorSummary;
use serde::{Deserialize, Serialize};

/// How to calibrate.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Seed of the starts and of the bootstrap.
    pub seed: u64,
    /// Searches: one from the prior medians, the others from draws of the prior.
    pub starts: usize,
    /// What may be used beside measurements.
    pub accept: Accept,
    /// Name of the resulting device; the records' own device name where absent.
    pub name: Option<String>,
    /// Calendar date to write into the result.
    pub date: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, starts: 4, accept: Accept::default(), name: None, date: None }
    }
}

/// One parameter before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterFit {
    /// Key of the vocabulary; its ending is the unit.
    pub key: String,
    /// What it means.
    pub meaning: String,
    /// Posterior mode; the prior median where `fitted` is false.
    pub value: f64,
    /// Before.
    pub prior: Prior,
    /// Posterior standard deviation of ln(value).
    pub sd_log: f64,
    /// Whether any record depends on it.
    pub fitted: bool,
    /// Whether the records at least halved the prior's spread.
    pub identified: bool,
    /// The parameter that it can least be told from, with the posterior correlation, where that is above 0.8.
    pub entangled_with: Option<(String, f64)>,
    /// Which run would identify it; absent where it is identified.
    pub would_identify: Option<String>,
}

/// One point, predicted and observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointFit {
    /// Kernel, size and precision.
    pub spec: ergometer_record::KernelSpec,
    /// The setting's label.
    pub setting: String,
    /// Observed time of one execution in s (geometric mean of the repeats).
    pub time_s: Option<f64>,
    /// Predicted by the fit that has seen it.
    pub fitted_time_s: Option<f64>,
    /// Predicted by the fit that has not.
    pub held_out_time_s: Option<f64>,
    /// Observed mean power in W.
    pub power_w: Option<f64>,
    /// Predicted by the fit that has seen it.
    pub fitted_power_w: Option<f64>,
    /// Predicted by the fit that has not.
    pub held_out_power_w: Option<f64>,
}

/// A calibrated device with everything that qualifies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The device model.
    pub device: DeviceModel,
    /// True when the records come from the virtual node: everything here is then about no real device.
    pub is_virtual: bool,
    /// Every parameter that was free or could have been, in the order of the vocabulary.
    pub parameters: Vec<ParameterFit>,
    /// Errors on held-out points, by what was left out.
    pub held_out: Vec<FoldReport>,
    /// What was left out for the `held_out_` values of `points`; absent where nothing could be.
    pub points_held_out_by: Option<HeldOut>,
    /// Error on the points that were fitted. Smaller than any honest error: never to be shown alone.
    pub in_sample_time: Option<ErrorSummary>,
    /// Of power; absent without power.
    pub in_sample_power: Option<ErrorSummary>,
    /// Standard deviation of ln(time) that the model can't describe.
    pub discrepancy_time: f64,
    /// Of ln(power); absent without power.
    pub discrepancy_power: Option<f64>,
    /// Points, for a plot.
    pub points: Vec<PointFit>,
    /// Rows that did not enter.
    pub left_out: Vec<LeftOut>,
    /// Whether the best search converged.
    pub converged: bool,
    /// Searches that ended at the same optimum, of all.
    pub agreeing_starts: (usize, usize),
}

/// A calibration that can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// Virtual rows without leave.
    #[error(
        "{rows} of the rows come from the virtual node, and {device} would then describe no real hardware: leave them \
         out, or accept virtual rows (the result is labelled virtual)"
    )]
    Virtual {
        /// How many.
        rows: usize,
        /// The starting description.
        device: String,
    },
    /// Virtual and measured rows together.
    #[error(
        "{virtual_rows} virtual and {measured_rows} measured rows stand together: a device is one or the other, \
         calibrate them apart"
    )]
    Mixed {
        /// From the virtual node.
        virtual_rows: usize,
        /// From hardware.
        measured_rows: usize,
    },
    /// Several devices.
    #[error("the rows are of several devices ({}): calibrate each from its own", names.join(", "))]
    Devices {
        /// As they name themselves.
        names: Vec<String>,
    },
    /// Nothing usable.
    #[error("none of the {rows} rows can be used{}", reasons(left_out))]
    Nothing {
        /// How many rows there were.
        rows: usize,
        /// Why each was left out.
        left_out: Vec<LeftOut>,
    },
    /// The equations refuse the description or a row.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The starting description can't be made.
    #[error(transparent)]
    Device(#[from] crate::device::DeviceError),
    /// The optimiser failed.
    #[error("the search for the parameters failed: {0}")]
    Search(String),
}

fn reasons(left_out: &[LeftOut]) -> String {
    left_out.iter().map(|l| format!("; {} because {}", l.rows, l.reason)).collect()
}
