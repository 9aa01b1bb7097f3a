//! The clocks, governor and power caps of one sweep point.
//!
//! Every field is optional; an absent field means *as found*, which is what the baseline is made of. The fields are
//! columns of the results file, so that a sweep of any combination is one flat table.

use crate::units::{Hertz, Watts};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What was asked of the hardware for one point. `Setting::default()` is the machine as found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// CPU frequency governor (`scaling_governor`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// Energy-performance preference (`energy_performance_preference`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epp: Option<String>,
    /// Whether opportunistic clocks above nominal are allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turbo: Option<bool>,
    /// Lower bound of the CPU clock (`scaling_min_freq`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_min_hz: Option<Hertz>,
    /// Upper bound of the CPU clock (`scaling_max_freq`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_max_hz: Option<Hertz>,
    /// CPU package power limit (RAPL long-term constraint).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cap_w: Option<Watts>,
    /// CPU package power limit over a short time (RAPL short-term constraint).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_cap_short_w: Option<Watts>,
    /// Locked GPU graphics (SM) clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_clock_hz: Option<Hertz>,
    /// Locked GPU memory clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_mem_clock_hz: Option<Hertz>,
    /// GPU power limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_cap_w: Option<Watts>,
}

/// The lever that a setting pulls, as the column groups of thesis tables 3.19 to 3.24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Technique {
    /// Nothing asked for.
    Baseline,
    /// Clock bounds or locked clocks.
    Dvfs,
    /// Power limits.
    PowerCap,
    /// Governor, EPP or turbo (ACPI P-states in the thesis).
    Governor,
    /// More than one of them.
    Combined,
}

impl Technique {
    /// The heading that the thesis' tables use.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Baseline => "BASELINE",
            Self::Dvfs => "DVFS",
            Self::PowerCap => "POWERCAP",
            Self::Governor => "ACPI",
            Self::Combined => "COMBINED",
        }
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.heading())
    }
}

impl Setting {
    /// True when nothing is asked for.
    pub fn is_baseline(&self) -> bool {
        *self == Self::default()
    }

    /// The lever that this setting pulls.
    pub fn technique(&self) -> Technique {
        let clocks = self.cpu_min_hz.is_some()
            || self.cpu_max_hz.is_some()
            || self.gpu_clock_hz.is_some()
            || self.gpu_mem_clock_hz.is_some();
        let caps = self.cpu_cap_w.is_some() || self.cpu_cap_short_w.is_some() || self.gpu_cap_w.is_some();
        let governor = self.governor.is_some() || self.epp.is_some() || self.turbo.is_some();
        match (clocks, caps, governor) {
            (false, false, false) => Technique::Baseline,
            (true, false, false) => Technique::Dvfs,
            (false, true, false) => Technique::PowerCap,
            (false, false, true) => Technique::Governor,
            _ => Technique::Combined,
        }
    }
}

impl fmt::Display for Setting {
    /// A short label such as `gpu_clock=1005MHz`, `gpu_cap=200W` or `baseline`; stable, used in point ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        if let Some(governor) = &self.governor {
            parts.push(format!("governor={governor}"));
        }
        if let Some(epp) = &self.epp {
            parts.push(format!("epp={epp}"));
        }
        if let Some(turbo) = self.turbo {
            parts.push(format!("turbo={}", if turbo { "on" } else { "off" }));
        }
        for (name, clock) in [
            ("cpu_min", self.cpu_min_hz),
            ("cpu_max", self.cpu_max_hz),
            ("gpu_clock", self.gpu_clock_hz),
            ("gpu_mem", self.gpu_mem_clock_hz),
        ] {
            if let Some(clock) = clock {
                parts.push(format!("{name}={}MHz", clock.mhz()));
            }
        }
        for (name, cap) in
            [("cpu_cap", self.cpu_cap_w), ("cpu_cap_short", self.cpu_cap_short_w), ("gpu_cap", self.gpu_cap_w)]
        {
            if let Some(cap) = cap {
                parts.push(format!("{name}={}W", cap.0));
            }
        }
        if parts.is_empty() { f.pad("baseline") } else { f.pad(&parts.join("+")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_follow_the_levers_pulled() {
        let clock = Setting { gpu_clock_hz: Some(Hertz::from_mhz(1005.0)), ..Setting::default() };
        let cap = Setting { gpu_cap_w: Some(Watts(200.0)), ..Setting::default() };
        let both = Setting { gpu_cap_w: Some(Watts(200.0)), ..clock.clone() };
        assert_eq!(Setting::default().technique(), Technique::Baseline);
        assert_eq!(clock.technique(), Technique::Dvfs);
        assert_eq!(cap.technique(), Technique::PowerCap);
        assert_eq!(both.technique(), Technique::Combined);
        let burst = Setting { cpu_cap_short_w: Some(Watts(120.0)), ..Setting::default() };
        assert_eq!((burst.technique(), burst.to_string().as_str()), (Technique::PowerCap, "cpu_cap_short=120W"));
    }

    #[test]
    fn labels_are_short_and_name_units() {
        let both = Setting {
            gpu_clock_hz: Some(Hertz::from_mhz(1005.0)),
            gpu_cap_w: Some(Watts(200.0)),
            ..Setting::default()
        };
        assert_eq!(both.to_string(), "gpu_clock=1005MHz+gpu_cap=200W");
        assert_eq!(Setting::default().to_string(), "baseline");
    }
}
