//! Section: fitted device models, their parameters, and their errors on data that the fit did not see.

use super::value::{Estimate, Origin};
use ergometer_record::Interval;
use serde::{Deserialize, Serialize};

/// One calibrated device model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The device, such as "this CPU" or "vnode-a100".
    pub device: String,
    /// The model, such as "per-op".
    pub model: String,
    /// Where the data that it was fitted to come from.
    pub origin: Origin,
    /// The fitted parameters.
    pub parameters: Vec<Parameter>,
    /// Predictions beside measurements.
    pub predictions: Vec<Prediction>,
    /// Errors of the model and of the baselines.
    pub errors: Vec<ErrorRow>,
    /// Sentences shown under the tables, such as "energy was not fitted: no sensor".
    pub notes: Vec<String>,
}

/// A fitted parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the model file, such as `peak_flops_f32`.
    pub name: String,
    /// Its unit, such as "GFLOP/s"; empty for a pure number.
    pub unit: String,
    /// The fitted value with its posterior interval.
    pub value: Estimate,
    /// The prior as an interval, where there is one.
    pub prior: Option<Interval>,
    /// True when the data, not the prior, settle it.
    pub identified: bool,
    /// The virtual node's true value, where it is known.
    pub truth: Option<f64>,
}

/// A physical quantity that is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Seconds.
    Time,
    /// Watts.
    Power,
    /// Joules.
    Energy,
}

impl Quantity {
    /// In the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Time, Self::Power, Self::Energy];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Power => "power",
            Self::Energy => "energy",
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Time => "s",
            Self::Power => "W",
            Self::Energy => "J",
        }
    }
}

/// A prediction beside its measurement, both in the quantity's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// What is predicted.
    pub quantity: Quantity,
    /// Which points share a marker, such as the kernel's name.
    pub series: String,
    /// The measurement.
    pub measured: f64,
    /// The model's value.
    pub predicted: f64,
    /// True when the fit behind this prediction did not see the measurement.
    pub held_out: bool,
}

/// The errors of one predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorRow {
    /// The predictor, such as "per-op" or "roofline".
    pub predictor: String,
    /// True for a baseline that the model is compared with.
    pub baseline: bool,
    /// What is predicted.
    pub quantity: Quantity,
    /// How data were held out, such as "leave one kernel out".
    pub split: String,
    /// Mean absolute percentage error on data not seen by the fit; `None` where nothing was held out.
    pub held_out_pct: Option<Estimate>,
    /// Mean absolute percentage error on the data of the fit; `None` for a predictor without a fit.
    pub in_sample_pct: Option<Estimate>,
    /// Held-out predictions behind it.
    pub n: usize,
}
