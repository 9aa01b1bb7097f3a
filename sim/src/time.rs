//! Simulated time: integer nanoseconds, so that equal times are equal and events have one order.

use ergometer_record::Seconds;
use std::fmt;

/// An instant since the start of the simulation, or a span of it, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

impl Time {
    /// The start.
    pub const ZERO: Self = Self(0);
    /// The last instant that can be represented, 584 years after the start; also stands for *never*.
    pub const MAX: Self = Self(u64::MAX);

    /// The nearest nanosecond; negative and NaN become zero, what is too large becomes [`Time::MAX`].
    pub fn from_seconds(seconds: f64) -> Self {
        // `as` saturates and maps NaN to zero, which is what is promised here.
        Self((seconds * 1e9).round() as u64)
    }

    /// This time in seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// This time as a physical quantity.
    pub fn as_seconds(self) -> Seconds {
        Seconds(self.seconds())
    }

    /// The instant `span` later, at most [`Time::MAX`].
    #[must_use]
    pub fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// The span since `earlier`, zero if that is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The first multiple of `quantum` at or after this instant; the instant itself for a zero quantum.
    #[must_use]
    pub fn round_up(self, quantum: Self) -> Self {
        match quantum.0 {
            0 => self,
            q => Self(self.0.div_ceil(q).saturating_mul(q)),
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} s", self.seconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_seconds_never_wrap() {
        assert_eq!(Time::from_seconds(-1.0), Time::ZERO);
        assert_eq!(Time::from_seconds(f64::NAN), Time::ZERO);
        assert_eq!(Time::from_seconds(1e300), Time::MAX);
        assert_eq!(Time::MAX.after(Time(1)), Time::MAX);
        assert_eq!(Time::MAX.round_up(Time(10)), Time::MAX);
    }

    #[test]
    fn rounding_up_keeps_multiples() {
        let second = Time::from_seconds(1.0);
        assert_eq!(Time(3_000_000_000).round_up(second), Time(3_000_000_000));
        assert_eq!(Time(3_000_000_001).round_up(second), Time(4_000_000_000));
        assert_eq!(Time(17).round_up(Time::ZERO), Time(17));
    }
}
