//! Physical units as newtypes over `f64`.
//!
//! Only the products that physics allows are defined: `Watts * Seconds` is [`Joules`], `Joules / Seconds` is
//! [`Watts`]. The inner value is public because a unit that can't be read is no use at a file boundary.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident, $symbol:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// The unit's symbol.
            pub const SYMBOL: &'static str = $symbol;

            /// The bare number, in this unit.
            pub fn value(self) -> f64 {
                self.0
            }

            /// True when the number is neither infinite nor NaN.
            pub fn is_finite(self) -> bool {
                self.0.is_finite()
            }

            /// The absolute value.
            pub fn abs(self) -> Self {
                Self(self.0.abs())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if let Some(precision) = f.precision() {
                    write!(f, "{:.*} {}", precision, self.0, $symbol)
                } else {
                    write!(f, "{} {}", self.0, $symbol)
                }
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }
        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                Self(values.map(|v| v.0).sum())
            }
        }
    };
}

unit!(
    /// Energy.
    Joules, "J"
);
unit!(
    /// Power.
    Watts, "W"
);
unit!(
    /// Time.
    Seconds, "s"
);
unit!(
    /// Frequency: of a clock or of a sampler.
    Hertz, "Hz"
);

impl Mul<Seconds> for Watts {
    type Output = Joules;
    fn mul(self, time: Seconds) -> Joules {
        Joules(self.0 * time.0)
    }
}
impl Mul<Watts> for Seconds {
    type Output = Joules;
    fn mul(self, power: Watts) -> Joules {
        Joules(self.0 * power.0)
    }
}
impl Div<Seconds> for Joules {
    type Output = Watts;
    fn div(self, time: Seconds) -> Watts {
        Watts(self.0 / time.0)
    }
}
impl Div<Watts> for Joules {
    type Output = Seconds;
    fn div(self, power: Watts) -> Seconds {
        Seconds(self.0 / power.0)
    }
}

impl Joules {
    /// Watt-hours as joules.
    pub fn from_watt_hours(wh: f64) -> Self {
        Self(wh * 3600.0)
    }

    /// This energy in kilowatt-hours.
    pub fn kilowatt_hours(self) -> f64 {
        self.0 / 3.6e6
    }

    /// The energy-delay product E x T in joule-seconds (thesis 3.5.2.4; eq. 5.1 gives the same as P T^2).
    pub fn edp(self, delay: Seconds) -> f64 {
        self.0 * delay.0
    }
}

impl Hertz {
    /// Megahertz as hertz.
    pub fn from_mhz(mhz: f64) -> Self {
        Self(mhz * 1e6)
    }

    /// This frequency in megahertz.
    pub fn mhz(self) -> f64 {
        self.0 / 1e6
    }

    /// The period of one cycle.
    pub fn period(self) -> Seconds {
        Seconds(1.0 / self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_times_time_is_energy_and_back() {
        let energy = Watts(250.0) * Seconds(4.0);
        assert_eq!(energy, Joules(1000.0));
        assert_eq!(energy / Seconds(4.0), Watts(250.0));
        assert_eq!(energy / Watts(250.0), Seconds(4.0));
    }

    #[test]
    fn edp_is_power_times_time_squared() {
        let (power, time) = (Watts(300.0), Seconds(2.5));
        assert_eq!((power * time).edp(time), 300.0 * 2.5 * 2.5);
    }

    #[test]
    fn a_kilowatt_hour_is_three_point_six_megajoules() {
        assert_eq!(Joules(3.6e6).kilowatt_hours(), 1.0);
        assert_eq!(Joules::from_watt_hours(1.0), Joules(3600.0));
    }

    #[test]
    fn display_carries_the_symbol() {
        assert_eq!(format!("{:.1}", Watts(41.26)), "41.3 W");
    }
}
