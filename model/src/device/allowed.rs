//! The clocks and power caps that a device accepts, and what a setting means on it.

use super::{DeviceKind, DeviceModel};
use crate::step::ModelError;
use ergometer_record::{Hertz, Setting, Watts};
use serde::{Deserialize, Serialize};

/// An inclusive range of allowed values, with the step between neighbours where they are discrete.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Smallest allowed value.
    pub min: f64,
    /// Largest allowed value.
    pub max: f64,
    /// Distance of neighbours; absent where any value between is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
}

impl Range {
    /// At most `count` values from `min` to `max`, both included, evenly spread and on steps.
    pub fn spread(&self, count: usize) -> Vec<f64> {
        let intervals = count.max(2) - 1;
        let mut values: Vec<f64> = (0..=intervals)
            .map(|i| {
                let raw = self.min + (self.max - self.min) * i as f64 / intervals as f64;
                self.step.map_or(raw, |step| (self.min + ((raw - self.min) / step).round() * step).min(self.max))
            })
            .collect();
        values.dedup();
        values
    }

    fn contains(&self, value: f64) -> bool {
        // A tenth of a percent of room, because clocks and caps are reported rounded.
        value >= self.min * 0.999 && value <= self.max * 1.001
    }
}

/// What may be set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allowed {
    /// Compute clocks in MHz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks_mhz: Option<Range>,
    /// Power caps in W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps_w: Option<Range>,
    /// Where these ranges come from.
    #[serde(default)]
    pub source: String,
}

/// A setting as this device understands it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Upper bound of the compute clock.
    pub clock: Hertz,
    /// Lowest clock to which a cap can push.
    pub lowest_clock: Hertz,
    /// Power limit; `None` where neither the setting nor the description has one.
    pub cap: Option<Watts>,
    /// Memory clock over its nominal value.
    pub memory_ratio: f64,
}

impl DeviceModel {
    /// Clock bound, cap and memory clock of a setting on this device. A GPU reads the `gpu_` fields, a CPU the `cpu_`
    /// fields; the other side's are none of its business.
    ///
    /// # Errors
    /// A value outside the allowed range, a lever of which the model knows nothing (governor, EPP), or no top clock.
    pub fn limits(&self, setting: &Setting) -> Result<Limits, ModelError> {
        let top = Hertz(self.require("clock_hz", "any prediction")?);
        let (clock, cap, memory) = match self.kind {
            DeviceKind::Gpu => (setting.gpu_clock_hz, setting.gpu_cap_w, setting.gpu_mem_clock_hz),
            DeviceKind::Cpu => (setting.cpu_max_hz, setting.cpu_cap_w, None),
        };
        if self.kind == DeviceKind::Cpu {
            self.refuse_unmodelled(setting)?;
        }
        let refuse = |what: String, allowed: String| ModelError::Setting { device: self.name.clone(), what, allowed };
        let range = self.allowed.clocks_mhz;
        if let Some(clock) = clock {
            let allowed = range.unwrap_or(Range { min: 1.0, max: top.mhz(), step: None });
            if !allowed.contains(clock.mhz()) {
                return Err(refuse(
                    format!("a clock of {} MHz", clock.mhz()),
                    format!("its clocks go from {} to {} MHz", allowed.min, allowed.max),
                ));
            }
        }
        if let Some(cap) = cap {
            let Some(allowed) = self.allowed.caps_w else {
                return Err(refuse(format!("a cap of {} W", cap.0), "its description gives no range of caps".into()));
            };
            if !allowed.contains(cap.0) {
                return Err(refuse(
                    format!("a cap of {} W", cap.0),
                    format!("its caps go from {} to {} W", allowed.min, allowed.max),
                ));
            }
        }
        let memory_ratio = match memory {
            None => 1.0,
            Some(asked) if asked.0 > 0.0 => asked.0 / self.require("memory_clock_hz", "a memory-clock setting")?,
            Some(asked) => return Err(refuse(format!("a memory clock of {asked}"), "it must be positive".into())),
        };
        let lowest = range.map_or(top.0 * 0.1, |range| range.min * 1e6);
        Ok(Limits {
            clock: clock.unwrap_or(top),
            lowest_clock: Hertz(lowest.min(clock.unwrap_or(top).0)),
            cap: cap.or_else(|| self.value("tdp_w").map(Watts)),
            memory_ratio,
        })
    }

    /// The number in use of a key that a prediction can't do without.
    ///
    /// # Errors
    /// The description does not give it.
    pub fn require(&self, key: &'static str, purpose: &'static str) -> Result<f64, ModelError> {
        self.value(key).ok_or_else(|| ModelError::Missing {
            device: self.name.clone(),
            parameter: key.to_owned(),
            purpose,
        })
    }

    fn refuse_unmodelled(&self, setting: &Setting) -> Result<(), ModelError> {
        let asked = [
            ("a governor", setting.governor.is_some()),
            ("an energy-performance preference", setting.epp.is_some()),
            ("a turbo switch", setting.turbo.is_some()),
        ];
        match asked.iter().find(|(_, present)| *present) {
            None => Ok(()),
            Some((what, _)) => Err(ModelError::Setting {
                device: self.name.clone(),
                what: format!("{what} in a prediction"),
                allowed: "the model knows clocks and caps; ask for the clock that it would choose".into(),
            }),
        }
    }
}
