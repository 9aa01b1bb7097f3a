//! Sources of energy and power readings: one file each.
//!
//! A sensor is opened once from an injectable root, says what it covers and how finely, and is then read with the
//! time of the reading. Turning readings into energy is not its business.

pub mod agreement;
pub mod dram;
pub mod energy;
pub mod facts;
pub mod hwmon;
pub mod meter;
pub mod nvml;
pub mod perf;
pub mod powercap;
pub mod roots;
pub mod select;
pub mod throttle;

pub use roots::Roots;
pub use select::{Selection, select};
pub use throttle::Throttle;

use crate::characterise::store;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use serde::{Deserialize, Serialize};

/// What a sensor reports.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A running total. It may wrap: see [`SensorInfo::wrap`].
    Energy(Joules),
    /// An instantaneous or averaged power.
    Power(Watts),
}

/// One reading with the time at which it was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// On the clock that the caller passed in.
    pub time: Seconds,
    /// What was read.
    pub quantity: Quantity,
}

/// What is known about a sensor once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorInfo {
    /// A stable name, such as `powercap:intel-rapl:0` or `nvml:0:energy`.
    pub id: String,
    /// What its values cover.
    pub component: Component,
    /// What its energies are called in results.
    pub provenance: Provenance,
    /// Time between updates; readings in between repeat the last value.
    pub period: Seconds,
    /// Smallest step of the value, in joules for counters and watts for powers.
    pub resolution: f64,
    /// The total at which a counter starts again from zero.
    pub wrap: Option<Joules>,
    /// Standard uncertainty of the gain, as a share (0.02 is 2 %).
    pub gain_u: f64,
    /// Whether the three above are what a characterisation found; `None` where none is stored for this device.
    pub characterised: Option<Characterised>,
}

/// A stored characterisation of a sensor's device (see [`crate::characterise`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Characterised {
    /// Period, resolution and, where a counter was there to compare with, the gain's uncertainty come from it.
    Used {
        /// When it was made, in UTC.
        date: String,
    },
    /// It was made under another driver and is not used.
    Stale {
        /// When it was made, in UTC.
        date: String,
        /// Under which driver.
        driver: String,
        /// The driver now.
        present: String,
    },
}

impl std::fmt::Display for Characterised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Used { date } => write!(f, "characterised {date}"),
            Self::Stale { date, driver, present } => write!(
                f,
                "the characterisation of {date} is for driver {driver}, not {present}, and is not used; \
                 `ergometer doctor --characterise` makes a new one"
            ),
        }
    }
}

/// A sensor that could not be opened or read; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// It is not there.
    #[error("{id} is not available here: {reason}")]
    Missing {
        /// Which sensor.
        id: String,
        /// Why.
        reason: String,
    },
    /// It is there and may not be read.
    #[error("{id} may not be read: {reason}; to allow it: {remedy}")]
    NotPermitted {
        /// Which sensor.
        id: String,
        /// What the system said.
        reason: String,
        /// The exact command.
        remedy: String,
    },
    /// It answered with something that can't be understood, or stopped answering.
    #[error("{id} failed: {reason}")]
    Failed {
        /// Which sensor.
        id: String,
        /// What happened.
        reason: String,
    },
}

/// Reads energy or power with time.
pub trait Sensor: Send {
    /// What is known about it.
    fn info(&self) -> &SensorInfo;
    /// The present value, stamped by `clock` as close to the reading as possible.
    ///
    /// # Errors
    /// The source vanished or answered nonsense.
    fn read(&mut self, clock: &dyn crate::clock::Clock) -> Result<Reading, SensorError>;
}

/// A sensor, or why there is none: never silently left out.
pub type Found = Result<Box<dyn Sensor>, SensorError>;

/// Looks for every sensor that ergometer knows, once; what is absent or may not be read comes back as its reason.
///
/// The same joules may be offered twice (a package by `perf` and by `powercap`): [`select()`] keeps one a component, and
/// a second one as its witness.
pub fn probe(roots: &Roots) -> Vec<Found> {
    let mut found = perf::probe(roots);
    found.extend(powercap::probe(roots));
    let nvidia = nvml::probe(roots);
    // Cards of other makers are numbered after NVIDIA's.
    let cards = nvidia
        .iter()
        .flatten()
        .filter(|s| s.info().component.domain == ergometer_record::measurement::Domain::Gpu)
        .map(|s| s.info().component.index + 1)
        .max()
        .unwrap_or(0);
    found.extend(nvidia);
    found.extend(hwmon::probe(roots, cards));
    found.push(dram::probe(roots));
    store::apply(found, roots)
}
