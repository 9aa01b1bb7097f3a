//! Power of one kernel: P = P_static + a(f) (P_active + P_unit u_c + P_path u_m) + energy per byte times bytes per second,
//! with a(f) = f V(f)^2 over its value at the top clock and u the share of the time in which a unit works.

use super::load::Load;
use super::time::Timing;

/// The coefficients of power. Watts hold at the top clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PowerLaw {
    pub(crate) idle_w: f64,
    pub(crate) static_w: f64,
    pub(crate) active_w: f64,
    pub(crate) alu_w: f64,
    /// Absent without tensor cores.
    pub(crate) tensor_w: Option<f64>,
    pub(crate) path_w: f64,
    pub(crate) dram_j_per_byte: f64,
    pub(crate) cache_j_per_byte: f64,
    pub(crate) voltage: Voltage,
}

/// V(f) relative to its value at the top clock: a floor, then a straight line to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Voltage {
    pub(crate) floor: f64,
    /// Clock at which the floor ends, over the top clock.
    pub(crate) knee: f64,
}

impl Voltage {
    /// V at `ratio` = clock over top clock.
    pub(crate) fn at(&self, ratio: f64) -> f64 {
        // A knee at the top clock means a constant voltage up to there; beyond it the line would be vertical.
        let slope = (1.0 - self.floor) / (1.0 - self.knee).max(1e-6);
        self.floor.max(self.floor + slope * (ratio - self.knee))
    }

    /// f V^2 over its value at the top clock.
    pub(crate) fn activity(&self, ratio: f64) -> f64 {
        ratio * self.at(ratio).powi(2)
    }
}

impl PowerLaw {
    /// All coefficients, or nothing when one is absent.
    pub(crate) fn from_lookup(value: &dyn Fn(&str) -> Option<f64>) -> Option<Self> {
        Some(Self {
            idle_w: value("idle_w")?,
            static_w: value("static_w")?,
            active_w: value("active_w")?,
            alu_w: value("alu_w")?,
            tensor_w: value("tensor_w"),
            path_w: value("path_w")?,
            dram_j_per_byte: value("dram_j_per_byte")?,
            cache_j_per_byte: value("cache_j_per_byte")?,
            voltage: Voltage { floor: value("voltage_floor")?, knee: value("voltage_knee")? },
        })
    }

    /// Energy of one execution, in J, at `ratio` = clock over top clock.
    pub(crate) fn energy(&self, load: &Load, timing: &Timing, ratio: f64) -> f64 {
        // An arithmetic unit without its own coefficient burns what the ordinary ones do.
        let unit_w = if load.tensor { self.tensor_w.unwrap_or(self.alu_w) } else { self.alu_w };
        self.busy_energy(timing.total_s, ratio)
            + self.voltage.activity(ratio) * (unit_w * timing.compute_s + self.path_w * timing.memory_s)
            + self.dram_j_per_byte * timing.dram_bytes
            + self.cache_j_per_byte * timing.cache_bytes
    }

    /// Energy of a device that is awake for `time_s` and waits, in J.
    pub(crate) fn busy_energy(&self, time_s: f64, ratio: f64) -> f64 {
        (self.static_w + self.voltage.activity(ratio) * self.active_w) * time_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_voltage_has_a_floor_and_ends_at_one() {
        let voltage = Voltage { floor: 0.75, knee: 0.7 };
        assert_eq!(voltage.at(0.2), 0.75);
        assert_eq!(voltage.at(0.7), 0.75);
        assert!((voltage.at(0.85) - 0.875).abs() < 1e-12);
        assert!((voltage.at(1.0) - 1.0).abs() < 1e-12);
        assert!((voltage.activity(1.0) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn activity_rises_with_the_clock(floor in 0.5..1.0f64, knee in 0.1..1.0f64, a in 0.05..1.0f64, b in 0.05..1.0f64) {
            let voltage = Voltage { floor, knee };
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(voltage.activity(low) <= voltage.activity(high));
        }
    }
}
