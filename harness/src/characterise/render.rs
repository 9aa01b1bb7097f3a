//! A characterisation as a person reads it.

use super::{Characterisation, Estimate, Kind};
use ergometer_record::stats::Interval;
use std::fmt;

const WIDTH: usize = 19;

pub(super) fn characterisation(f: &mut fmt::Formatter<'_>, c: &Characterisation) -> fmt::Result {
    writeln!(f, "{}, driver {}, {}", c.device, c.driver, c.date)?;
    for found in &c.sensors {
        let kind = match found.kind {
            Kind::Counter => "counter",
            Kind::Power => "power",
        };
        writeln!(f, "\n{} ({}, {kind})", found.sensor, found.component)?;
        line(f, "update period", &found.period_s, |i| scaled(i, "s"))?;
        line(f, "averaging window", &found.averaging_s, |i| scaled(i, "s"))?;
        line(f, "resolution", &found.resolution, |i| scaled(i, found.kind.unit()))?;
        line(f, "gain", &found.gain, |i| format!("{:.4} [{:.4}, {:.4}] of the counter", i.estimate, i.low, i.high))?;
    }
    Ok(())
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    estimate: &Estimate,
    text: impl Fn(&Interval) -> String,
) -> fmt::Result {
    match estimate {
        Estimate::Known(interval) => writeln!(f, "  {name:<WIDTH$}{}", text(interval)),
        Estimate::Unknown { reason } => writeln!(f, "  {name:<WIDTH$}cannot be told: {reason}"),
    }
}

/// An interval in the unit's prefix that fits, with the digits that its width leaves.
fn scaled(interval: &Interval, unit: &str) -> String {
    // The nudge keeps 0.99999999 m from being shown as 1000 u, and with as many digits as 1 m.
    let size = interval.estimate.abs() * (1.0 + 1e-6);
    let (factor, prefix) = match size {
        s if s >= 1.0 => (1.0, ""),
        s if s >= 1e-3 => (1e3, "m"),
        s if s >= 1e-6 => (1e6, "u"),
        _ => (1e9, "n"),
    };
    let [estimate, low, high] = [interval.estimate, interval.low, interval.high].map(|x| factor * x);
    // Two digits of the half width, and no more than six of the value.
    let digits = |x: f64| if x > 0.0 { (x * (1.0 + 1e-6)).log10().floor() } else { -9.0 };
    let decimals = (1.0 - digits((high - low) / 2.0)).min(5.0 - digits(estimate.abs())).clamp(0.0, 9.0) as usize;
    format!("{estimate:.decimals$} {prefix}{unit} [{low:.decimals$}, {high:.decimals$}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_carry_the_digits_that_their_interval_leaves() {
        let interval =
            |estimate, half: f64| Interval { estimate, low: estimate - half, high: estimate + half, level: 0.95, n: 9 };
        assert_eq!(scaled(&interval(0.100_21, 0.000_34), "s"), "100.21 ms [99.87, 100.55]");
        assert_eq!(scaled(&interval(2f64.powi(-14), 0.0), "J"), "61.0352 uJ [61.0352, 61.0352]");
        assert_eq!(scaled(&interval(1e-3 - 1e-17, 0.0), "W"), "1.00000 mW [1.00000, 1.00000]");
        assert_eq!(scaled(&interval(1.5, 0.5), "s"), "1.50 s [1.00, 2.00]");
    }
}
