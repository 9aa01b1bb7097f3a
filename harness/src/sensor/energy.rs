//! From readings to joules with a standard uncertainty (DESIGN 3.1 and 3.3).
//!
//! Counters are differenced: a wrap is corrected, a reset, a jump or a gap in which the counter could have wrapped
//! unseen makes the window invalid. Powers are integrated by the trapezoid rule over the times at which they were
//! really read; samples times nominal period is a different and wrong number (the profiler of the thesis reports 48 J
//! for twelve 4 W samples over 10.31 s, which are 41.2 J).

use super::{Quantity, Reading, SensorInfo};
pub use ergometer_record::Budget;
use ergometer_record::measurement::Domain;
use ergometer_record::{Joules, Seconds, Watts};
use serde::{Deserialize, Serialize};

/// Why a window has no energy. An invalid window is absent, never a guess.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WindowError {
    /// Fewer than two readings.
    #[error("the window holds {readings} reading(s); an energy needs two or more")]
    TooFew {
        /// How many there were.
        readings: usize,
    },
    /// Shorter than the sensor's update period.
    #[error(
        "the window of {:.6} s is shorter than the sensor's update period of {:.6} s; measure for longer",
        span.0, period.0
    )]
    TooShort {
        /// Length of the window.
        span: Seconds,
        /// The sensor's update period.
        period: Seconds,
    },
    /// Two readings lie so far apart that the counter could have wrapped unseen.
    #[error(
        "{:.3} s passed between two readings, more than half the {:.3} s in which this counter can wrap; read it more often",
        gap.0, wrap_time.0
    )]
    Gap {
        /// Between the two readings.
        gap: Seconds,
        /// In which the counter can wrap at the greatest power.
        wrap_time: Seconds,
    },
    /// The counter went back by more than a wrap explains.
    #[error("the counter went from {} J back to {} J: it was reset (driver reload, suspend)", from.0, to.0)]
    Reset {
        /// Before.
        from: Joules,
        /// After.
        to: Joules,
    },
    /// The counter advanced faster than the component can.
    #[error("the counter advanced by {} J in {} s, more than {} W: the reading is not credible", step.0, time.0, limit.0)]
    Jump {
        /// Advance.
        step: Joules,
        /// In this time.
        time: Seconds,
        /// The greatest power that is believed.
        limit: Watts,
    },
    /// The counter never advanced.
    #[error("the counter did not advance in {:.3} s: it is not driven here (a virtual machine, an idle or absent unit)", span.0)]
    Stuck {
        /// Length of the window.
        span: Seconds,
    },
    /// Time went back, or a value is not a number.
    #[error("a reading is unusable: {reason}")]
    Unusable {
        /// What is wrong with it.
        reason: String,
    },
}

/// The energy of one window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WindowEnergy {
    /// Joules between the first reading and the last.
    pub energy: Joules,
    /// Standard uncertainty by cause.
    pub budget: Budget,
    /// From the first reading to the last.
    pub span: Seconds,
    /// Energy over span.
    pub mean: Watts,
    /// The greatest power read, or for a counter the greatest between two readings at least one period apart.
    pub peak: Watts,
    /// Readings used.
    pub readings: usize,
    /// Wraps corrected.
    pub wraps: u32,
}

/// The greatest power believed of a component, well above any that is sold: it bounds what a counter can do in a given
/// time, and with that tells a wrap from a reset.
pub fn greatest_power(domain: Domain) -> Watts {
    Watts(match domain {
        Domain::Package | Domain::Core | Domain::Uncore => 1000.0,
        Domain::Dram => 500.0,
        Domain::Gpu => 3000.0,
        Domain::Psys | Domain::Host | Domain::Meter | Domain::None => 20_000.0,
    })
}

/// Takes readings one at a time in constant memory.
#[derive(Debug, Clone)]
pub struct Accumulator {
    period: Seconds,
    resolution: f64,
    wrap: Option<Joules>,
    gain_u: f64,
    limit: Watts,
    first: Option<Reading>,
    last: Option<Reading>,
    before_last: Option<Seconds>,
    readings: usize,
    energy: f64,
    /// Sum of the squared trapezoid weights, s^2.
    weights: f64,
    wraps: u32,
    powers: Option<(f64, f64)>,
    /// Start of the stretch over which a counter's peak power is taken.
    stretch: (Seconds, f64),
    failure: Option<WindowError>,
}

impl Accumulator {
    /// For a sensor, with [`greatest_power`] of its domain as the limit of belief.
    pub fn new(info: &SensorInfo) -> Self {
        Self::with_limit(info, greatest_power(info.component.domain))
    }

    /// As [`Accumulator::new`] with a limit of one's own.
    pub fn with_limit(info: &SensorInfo, limit: Watts) -> Self {
        Self {
            period: info.period,
            resolution: info.resolution,
            wrap: info.wrap,
            gain_u: info.gain_u,
            limit,
            first: None,
            last: None,
            before_last: None,
            readings: 0,
            energy: 0.0,
            weights: 0.0,
            wraps: 0,
            powers: None,
            stretch: (Seconds(0.0), 0.0),
            failure: None,
        }
    }

    /// Adds a reading. What makes the window invalid is kept and told by [`Accumulator::finish`].
    pub fn push(&mut self, reading: Reading) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = self.take(reading) {
            self.failure = Some(error);
        }
    }

    fn take(&mut self, reading: Reading) -> Result<(), WindowError> {
        let unusable = |reason: &str| WindowError::Unusable { reason: reason.to_owned() };
        let value = match reading.quantity {
            Quantity::Energy(Joules(value)) | Quantity::Power(Watts(value)) => value,
        };
        if !value.is_finite() || !reading.time.is_finite() {
            return Err(unusable("it is not a finite number"));
        }
        if value < 0.0 {
            return Err(unusable("it is negative"));
        }
        if let Quantity::Power(_) = reading.quantity {
            let (low, high) = self.powers.unwrap_or((value, value));
            self.powers = Some((low.min(value), high.max(value)));
        }
        match self.last {
            None => {
                self.first = Some(reading);
                self.stretch = (reading.time, 0.0);
            }
            Some(last) => {
                let dt = reading.time - last.time;
                if dt.0 < 0.0 {
                    return Err(unusable("its time is before that of the one before"));
                }
                match (last.quantity, reading.quantity) {
                    (Quantity::Energy(from), Quantity::Energy(to)) => self.step(from, to, dt, reading.time)?,
                    (Quantity::Power(from), Quantity::Power(to)) => {
                        self.energy += (from.0 + to.0) / 2.0 * dt.0;
                        // The weight of the last sample is known once its right-hand interval is.
                        let left = self.before_last.map_or(0.0, |before| (last.time - before).0);
                        self.weights += ((left + dt.0) / 2.0).powi(2);
                        self.before_last = Some(last.time);
                    }
                    _ => return Err(unusable("the sensor changed from energy to power")),
                }
            }
        }
        self.last = Some(reading);
        self.readings += 1;
        Ok(())
    }

    /// One step of a counter: wrap, reset, gap and jump told apart.
    fn step(&mut self, from: Joules, to: Joules, dt: Seconds, now: Seconds) -> Result<(), WindowError> {
        if let Some(wrap) = self.wrap {
            let wrap_time = wrap / self.limit;
            if dt.0 > wrap_time.0 / 2.0 {
                return Err(WindowError::Gap { gap: dt, wrap_time });
            }
        }
        // A reading may be one period late, and its neighbour one period early.
        let believed = self.limit.0 * (dt.0 + 2.0 * self.period.0) + 2.0 * self.resolution;
        let mut step = to.0 - from.0;
        if step < 0.0 {
            let reset = WindowError::Reset { from, to };
            step += self.wrap.ok_or_else(|| reset.clone())?.0;
            if !(0.0..=believed).contains(&step) {
                return Err(reset);
            }
            self.wraps += 1;
        } else if step > believed {
            return Err(WindowError::Jump { step: Joules(step), time: dt, limit: self.limit });
        }
        self.energy += step;
        let (since, at) = self.stretch;
        let stretch = (now - since).0;
        if stretch >= self.period.0 && stretch > 0.0 {
            let power = (self.energy - at) / stretch;
            let (low, high) = self.powers.unwrap_or((power, power));
            self.powers = Some((low.min(power), high.max(power)));
            self.stretch = (now, self.energy);
        }
        Ok(())
    }

    /// The energy between the first reading and the last.
    ///
    /// # Errors
    /// The window is invalid; see [`WindowError`].
    pub fn finish(&self) -> Result<WindowEnergy, WindowError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return Err(WindowError::TooFew { readings: 0 });
        };
        let span = last.time - first.time;
        if self.readings < 2 || span.0 <= 0.0 {
            return Err(WindowError::TooFew { readings: self.readings.min(1) });
        }
        if span.0 < self.period.0 {
            // The readings are still those of the time before.
            return Err(WindowError::TooShort { span, period: self.period });
        }
        let mean = self.energy / span.0;
        let (low, high) = self.powers.unwrap_or((mean, mean));
        let budget = match first.quantity {
            Quantity::Energy(_) => {
                if self.energy <= 0.0 {
                    return Err(WindowError::Stuck { span });
                }
                // Two ends, each uniform within one step (variance res^2 / 12) and up to one period old.
                Budget {
                    quantisation_j: self.resolution / 6f64.sqrt(),
                    period_j: mean * self.period.0 / 6f64.sqrt(),
                    gain_j: self.gain_u * self.energy,
                }
            }
            Quantity::Power(_) => {
                let right = self.before_last.map_or(0.0, |before| (last.time - before).0);
                let weights = self.weights + (right / 2.0).powi(2);
                // At each end the power can have changed within its range up to one period before it shows.
                Budget {
                    quantisation_j: self.resolution / 12f64.sqrt() * weights.sqrt(),
                    period_j: (high - low) * self.period.0 / 6f64.sqrt(),
                    gain_j: self.gain_u * self.energy,
                }
            }
        };
        Ok(WindowEnergy {
            energy: Joules(self.energy),
            budget,
            span,
            mean: Watts(mean),
            peak: Watts(high),
            readings: self.readings,
            wraps: self.wraps,
        })
    }
}

/// The energy of readings that are all there, in order of time.
///
/// # Errors
/// The window is invalid; see [`WindowError`].
pub fn integrate(readings: &[Reading], info: &SensorInfo) -> Result<WindowEnergy, WindowError> {
    let mut accumulator = Accumulator::new(info);
    readings.iter().for_each(|reading| accumulator.push(*reading));
    accumulator.finish()
}
