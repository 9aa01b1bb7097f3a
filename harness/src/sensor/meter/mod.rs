//! An external meter beside the in-band sensors: aligned by what both saw, then compared (guideline 2 of the four-pillar
//! paper: in-band sensors are calibrated against an external meter).
//!
//! [`read_meter`] and [`read_samples`] read the two records; [`calibrate`] finds the lag of the meter's clock by
//! cross-correlation and fits *in-band = gain x meter + offset* with 95 % intervals, for each sensor and for the sum of
//! the outermost ones. A meter at the plug sees more than the sensors do: supply losses lower the gain below 1, and what no
//! sensor covers (fans, disks, the board) makes the offset negative.
//!
//! What can't be aligned is refused: a constant power, a common drift, a load that repeats itself.

mod align;
mod fit;
mod read;
mod series;

pub use fit::Line;
pub use read::{Clock, MeterRecord, SampleRecord, SensorSamples, read_meter, read_samples};
pub use series::Series;

use align::Records;
use ergometer_record::measurement::outermost;
use ergometer_record::{Component, Provenance};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far two clocks that both state the time of day may be apart, in s.
pub const CLOCK_TOLERANCE_S: f64 = 300.0;

/// Why two records give no calibration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// Nothing to calibrate.
    #[error(
        "the samples hold no sensor that measures: models are not calibrated; `ergometer doctor` says what is missing"
    )]
    NoSensor,
    /// The records lie apart in time.
    #[error(
        "the records do not overlap for long enough: the sensors from {:.1} s to {:.1} s, the meter from {:.1} s to {:.1} s; \
         were both taken during the same run, and is the meter's clock within {CLOCK_TOLERANCE_S} s?",
        sensors.0, sensors.1, meter.0, meter.1
    )]
    NoOverlap {
        /// Times of the sensors.
        sensors: (f64, f64),
        /// Times of the meter.
        meter: (f64, f64),
    },
    /// Too little data.
    #[error("{bins} independent stretches are too few for an interval, which needs {least}: record for longer")]
    TooShort {
        /// How many there are.
        bins: usize,
        /// How many are needed.
        least: usize,
    },
    /// One of the two does not vary.
    #[error(
        "the power is constant, which fits everywhere: record a load that goes up and down, such as runs with pauses"
    )]
    Constant,
    /// No lag fits.
    #[error(
        "the two records do not resemble one another at any lag (best correlation {correlation:.2}): is the meter on this \
         machine, and does the load go up and down?"
    )]
    NoPeak {
        /// The highest correlation.
        correlation: f64,
    },
    /// Several lags fit.
    #[error(
        "the load repeats itself: lags of {lag:.1} s and {other:.1} s fit alike; record one with pauses of unequal length, or \
         a meter with the time of day"
    )]
    Ambiguous {
        /// The best lag.
        lag: f64,
        /// Another one.
        other: f64,
    },
    /// Only the slow trend is common.
    #[error("the two records share a slow trend and no sudden change, which fixes no lag: record a load with steps")]
    Drift,
}

/// A line for one sensor, or for the sum of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// What it covers, in words.
    pub what: String,
    /// The sensors added.
    pub sensors: Vec<String>,
    /// True where the values are a virtual node's.
    pub is_virtual: bool,
    /// The line; `None` where there is none, for the reason given.
    pub line: Option<Line>,
    /// Why there is no line.
    pub reason: Option<String>,
}

/// What the meter says about the sensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Time of the meter minus time of the sensors for the same event, in s. A record whose values are averages is late
    /// by half of what it averages over, which is part of it.
    pub lag_s: f64,
    /// Its standard uncertainty.
    pub lag_u_s: f64,
    /// Whether the lag is between two times of day, or from the start of the samples to that of the meter.
    pub clock: Clock,
    /// Correlation at that lag.
    pub correlation: f64,
    /// Length of the bins compared, in s.
    pub bin_s: f64,
    /// The sum of the outermost sensors first, then each sensor.
    pub fits: Vec<Fit>,
}

/// Aligns the records and fits the lines. The seed drives the bootstrap.
///
/// # Errors
/// The records can't be aligned or are too short; see [`CalibrationError`].
pub fn calibrate(meter: &MeterRecord, samples: &SampleRecord, seed: u64) -> Result<Calibration, CalibrationError> {
    let usable = |s: &&SensorSamples| s.provenance.is_measured() || s.provenance == Provenance::Virtual;
    let sensors: Vec<&SensorSamples> = samples.sensors.iter().filter(usable).collect();
    let parts: Vec<(&SensorSamples, Series)> =
        sensors.iter().map(|sensor| (*sensor, sensor.series(meter.clock))).collect();
    let outermost: Vec<&(&SensorSamples, Series)> = outermost(&parts, |(sensor, _)| sensor.component).collect();
    let all: Vec<&Series> = outermost.iter().map(|(_, series)| series).collect();
    let step = all.iter().map(|series| series.step_s()).fold(meter.series.step_s(), f64::max);
    let records = records(&all, &meter.series).ok_or(CalibrationError::NoSensor)?;
    if step <= 0.0 {
        return Err(CalibrationError::TooShort { bins: 0, least: 2 });
    }
    let allowed = (meter.clock == Clock::TimeOfDay).then_some(CLOCK_TOLERANCE_S);
    let lag = records.lag(step, allowed)?;
    let fit = |what: String, those: &[&(&SensorSamples, Series)]| {
        let series: Vec<&Series> = those.iter().map(|(_, series)| series).collect();
        let line = match self::records(&series, &meter.series) {
            Some(records) => fit::fit(&records.pairs(lag.seconds), step, seed),
            None => Err(CalibrationError::NoSensor),
        };
        Fit {
            what,
            sensors: those.iter().map(|(sensor, _)| sensor.id.clone()).collect(),
            is_virtual: those.iter().any(|(sensor, _)| sensor.provenance == Provenance::Virtual),
            reason: line.as_ref().err().map(ToString::to_string),
            line: line.ok(),
        }
    };
    let mut fits = Vec::new();
    if outermost.len() > 1 {
        let names: Vec<String> = outermost.iter().map(|(sensor, _)| sensor.component.to_string()).collect();
        fits.push(fit(format!("{} together", names.join(" + ")), &outermost));
    }
    fits.extend(parts.iter().map(|part| fit(part.0.component.to_string(), &[part])));
    Ok(Calibration {
        lag_s: lag.seconds,
        lag_u_s: lag.u,
        clock: meter.clock,
        correlation: lag.correlation,
        bin_s: step,
        fits,
    })
}

/// Records over the range that all sensors cover.
fn records<'a>(sensors: &'a [&'a Series], meter: &'a Series) -> Option<Records<'a>> {
    let ranges: Option<Vec<(f64, f64)>> = sensors.iter().map(|series| series.range()).collect();
    let ranges = ranges.filter(|ranges| !ranges.is_empty())?;
    let from = ranges.iter().map(|range| range.0).fold(f64::NEG_INFINITY, f64::max);
    let to = ranges.iter().map(|range| range.1).fold(f64::INFINITY, f64::min);
    Some(Records { sensors, meter, range: (from, to) })
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = match self.clock {
            Clock::TimeOfDay => "the meter's clock is ahead of this machine's by",
            Clock::Arbitrary => "the meter's record counts from another start; its time minus that of the samples is",
        };
        writeln!(f, "{between} {:.3} s +- {:.3} s (correlation {:.4})", self.lag_s, self.lag_u_s, self.correlation)?;
        writeln!(f, "in-band = gain x meter + offset, in bins of {:.2} s, with 95 % intervals:", self.bin_s)?;
        for fit in &self.fits {
            let label = if fit.is_virtual { " [virtual]" } else { "" };
            write!(f, "  {}{label} ({}): ", fit.what, fit.sensors.join(", "))?;
            match (&fit.line, &fit.reason) {
                (Some(line), _) => writeln!(
                    f,
                    "gain {:.4}, offset {:.2} W, scatter {:.2} W over {} {}bins",
                    line.gain,
                    line.offset_w,
                    line.residual_w,
                    line.bins,
                    if line.steady_only { "steady " } else { "" }
                )?,
                (None, reason) => writeln!(f, "no line: {}", reason.as_deref().unwrap_or("unknown"))?,
            }
        }
        write!(
            f,
            "A meter at the plug sees more than the sensors: supply losses lower the gain, and what no sensor covers makes the \
             offset negative."
        )
    }
}

impl SensorSamples {
    /// Its energy on the axis that the meter's clock needs.
    fn series(&self, clock: Clock) -> Series {
        let points: Vec<_> = self
            .readings
            .iter()
            .map(|(unix, time, quantity)| (if clock == Clock::TimeOfDay { *unix } else { *time }, *quantity))
            .collect();
        Series::of_sensor(&points)
    }

    /// What it covers.
    pub fn component(&self) -> Component {
        self.component
    }
}
