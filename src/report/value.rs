//! What the sections state: estimates with their intervals, where values come from, and energy that may be absent.

use ergometer_record::{Interval, Provenance};
use serde::{Deserialize, Serialize};

/// A number with its confidence interval, or one that has none and is shown as such.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimate {
    /// A point estimate with its interval.
    Interval(Interval),
    /// A single observation: shown with the words "no interval".
    Single(f64),
}

impl From<Interval> for Estimate {
    fn from(interval: Interval) -> Self {
        Self::Interval(interval)
    }
}

impl Estimate {
    /// The point estimate.
    pub fn value(self) -> f64 {
        match self {
            Self::Interval(interval) => interval.estimate,
            Self::Single(value) => value,
        }
    }

    /// Both ends of the interval, where there is one with finite ends.
    pub fn range(self) -> Option<(f64, f64)> {
        match self {
            Self::Interval(i) if i.low.is_finite() && i.high.is_finite() => Some((i.low, i.high)),
            _ => None,
        }
    }

    /// The nominal coverage of the interval.
    pub fn level(self) -> Option<f64> {
        match self {
            Self::Interval(interval) => Some(interval.level),
            Self::Single(_) => None,
        }
    }

    /// This estimate times a positive factor.
    pub fn scaled(self, factor: f64) -> Self {
        match self {
            Self::Interval(interval) => Self::Interval(interval.map(|x| x * factor)),
            Self::Single(value) => Self::Single(value * factor),
        }
    }

    /// The rate `amount / self`, for a positive amount in a positive time: the ends change places.
    pub fn rate_of(self, amount: f64) -> Self {
        match self {
            Self::Interval(i) => Self::Interval(Interval {
                estimate: amount / i.estimate,
                low: amount / i.high,
                high: amount / i.low,
                ..i
            }),
            Self::Single(value) => Self::Single(amount / value),
        }
    }
}

/// Where the values of a table, a plot or a finding come from. Modelled and virtual ones carry a badge wherever they
/// stand (DESIGN 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Real hardware: a clock, a counter or a sensor.
    Measured,
    /// The output of a model or of a simulation.
    Modelled,
    /// The virtual node. Never a statement about real hardware.
    Virtual,
}

impl Origin {
    /// The origin of an energy value; `None` where there is no value.
    pub fn of(provenance: Provenance) -> Option<Self> {
        match provenance {
            Provenance::Counter | Provenance::Integrated => Some(Self::Measured),
            Provenance::Modelled => Some(Self::Modelled),
            Provenance::Virtual => Some(Self::Virtual),
            Provenance::Absent => None,
        }
    }

    /// The word on the badge.
    pub fn label(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Modelled => "modelled",
            Self::Virtual => "virtual",
        }
    }
}

/// An energy in joules with its provenance, or the reason why there is none. Never zero for unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Energy {
    /// A value.
    Known {
        /// Joules.
        joules: Estimate,
        /// Where it comes from.
        provenance: Provenance,
    },
    /// No value.
    Absent {
        /// Why, such as "no readable energy sensor: /sys/class/powercap is missing".
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_swaps_the_ends_of_its_time() {
        let time = Estimate::from(Interval { estimate: 2.0, low: 1.0, high: 4.0, level: 0.95, n: 5 });
        let rate = time.rate_of(8.0);
        assert_eq!((rate.value(), rate.range()), (4.0, Some((2.0, 8.0))));
        assert_eq!(Estimate::Single(2.0).rate_of(8.0), Estimate::Single(4.0));
    }

    #[test]
    fn an_interval_without_finite_ends_is_no_interval() {
        let open = Interval { estimate: 1.0, low: f64::NAN, high: f64::INFINITY, level: 0.95, n: 1 };
        assert_eq!(Estimate::from(open).range(), None);
    }

    #[test]
    fn only_values_have_an_origin() {
        assert_eq!(Origin::of(Provenance::Counter), Some(Origin::Measured));
        assert_eq!(Origin::of(Provenance::Virtual), Some(Origin::Virtual));
        assert_eq!(Origin::of(Provenance::Absent), None);
    }
}
