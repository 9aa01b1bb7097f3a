//! What a sensor really is: update period, resolution, averaging window, and gain against the counter. One estimator a
//! file, each a function of readings; [`observe()`] takes them, [`store`] keeps what was found.
//!
//! Source of the method: Yang et al., *Part-time Power Measurements: nvidia-smi's Lack of Attention*, SC 2024: the period
//! from the times between changes of the value, the window by fitting a boxcar average of a known square-wave load, the
//! gain against a reference. Their reference is a meter in the supply; ours is the device's own energy counter.

mod averaging;
mod gain;
mod identity;
mod observe;
mod period;
mod render;
mod resolution;
pub mod store;

pub use averaging::{Load, averaging};
pub use gain::gain;
pub use identity::{Identity, identify};
pub use observe::{Bench, observe};
pub use period::{Change, changes, period};
pub use resolution::resolution;

use crate::sensor::{Quantity, Reading};
use ergometer_record::Component;
use ergometer_record::stats::Interval;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Nominal coverage of all intervals here.
pub const LEVEL: f64 = 0.95;

/// What was found, or why it can't be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Estimate {
    /// An interval.
    Known(Interval),
    /// Why there is none.
    Unknown {
        /// In words.
        reason: String,
    },
}

impl Estimate {
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }

    /// The interval, where there is one.
    pub fn known(&self) -> Option<&Interval> {
        match self {
            Self::Known(interval) => Some(interval),
            Self::Unknown { .. } => None,
        }
    }
}

/// What a sensor reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A running total, in J.
    Counter,
    /// A power, in W.
    Power,
}

impl Kind {
    /// The unit of its values.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Counter => "J",
            Self::Power => "W",
        }
    }

    pub(crate) fn of(reading: &Reading) -> Self {
        match reading.quantity {
            Quantity::Energy(_) => Self::Counter,
            Quantity::Power(_) => Self::Power,
        }
    }
}

/// One sensor's characterisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The sensor.
    pub sensor: String,
    /// What it covers.
    pub component: Component,
    /// Counter or power.
    pub kind: Kind,
    /// Time between updates, in s.
    pub period_s: Estimate,
    /// Length of the stretch before each update over which a power is averaged, in s.
    pub averaging_s: Estimate,
    /// Smallest step, in J or W.
    pub resolution: Estimate,
    /// Integrated power over the counter's energy of the same stretches.
    pub gain: Estimate,
}

/// The characterisation of one device's sensors under one driver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Characterisation {
    /// Version of this format.
    pub version: u32,
    /// When it was made, in UTC (`2026-11-20T12:00:00Z`).
    pub date: String,
    /// The device, with what tells it from its likes.
    pub device: String,
    /// The driver that its readings come through.
    pub driver: String,
    /// Its sensors.
    pub sensors: Vec<Found>,
}

impl Characterisation {
    /// The version that is written.
    pub const VERSION: u32 = 1;
}

impl fmt::Display for Characterisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::characterisation(f, self)
    }
}

pub(crate) fn value(reading: &Reading) -> f64 {
    match reading.quantity {
        Quantity::Energy(energy) => energy.0,
        Quantity::Power(power) => power.0,
    }
}
