//! Where an energy value comes from, and whether a setting took effect (DESIGN 3.1 and 3.2).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where an energy value comes from. There is no default: whoever writes a value says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Difference of an energy counter (RAPL, NVML total energy).
    Counter,
    /// Power samples integrated over their real times.
    Integrated,
    /// A model's output: the DRAM model of eq. 4.1, a TDP model.
    Modelled,
    /// The virtual node. Never a statement about real hardware.
    Virtual,
    /// No value: nothing was there to measure it. The energy field is empty, never 0.
    Absent,
}

impl Provenance {
    /// All variants, in file order.
    pub const ALL: [Self; 5] = [Self::Counter, Self::Integrated, Self::Modelled, Self::Virtual, Self::Absent];

    /// True for values that a sensor of real hardware gave.
    pub fn is_measured(self) -> bool {
        matches!(self, Self::Counter | Self::Integrated)
    }

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Integrated => "integrated",
            Self::Modelled => "modelled",
            Self::Virtual => "virtual",
            Self::Absent => "absent",
        }
    }
}

/// Whether a setting that was asked for really held (DESIGN 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Written, read back, and confirmed by effect.
    Held,
    /// The hardware replaced it by another allowed value.
    Clipped,
    /// It reads back as written, but the effect contradicts it.
    Ignored,
    /// Demand stays below the cap: no gain may be credited to it.
    #[serde(rename = "non-binding")]
    NonBinding,
    /// Nothing could confirm it.
    Unverified,
    /// No setting was asked for: the machine as found.
    Baseline,
}

impl Verdict {
    /// All variants, in file order.
    pub const ALL: [Self; 6] =
        [Self::Held, Self::Clipped, Self::Ignored, Self::NonBinding, Self::Unverified, Self::Baseline];

    /// True when a change of energy may be credited to the setting.
    pub fn credits_gain(self) -> bool {
        matches!(self, Self::Held | Self::Baseline)
    }

    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Clipped => "clipped",
            Self::Ignored => "ignored",
            Self::NonBinding => "non-binding",
            Self::Unverified => "unverified",
            Self::Baseline => "baseline",
        }
    }
}

/// A name that is none of the allowed ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, where one of {allowed} is allowed")]
pub struct UnknownName {
    /// What stood there.
    pub found: String,
    /// The allowed names, comma separated.
    pub allowed: String,
}

impl UnknownName {
    /// An error that lists the allowed names.
    pub fn new<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str>) -> Self {
        Self { found: found.to_owned(), allowed: allowed.into_iter().collect::<Vec<_>>().join(", ") }
    }
}

impl FromStr for Provenance {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == s)
            .ok_or_else(|| UnknownName::new(s, Self::ALL.iter().map(|p| p.name())))
    }
}

impl FromStr for Verdict {
    type Err = UnknownName;
    fn from_str(s: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|v| v.name() == s)
            .ok_or_else(|| UnknownName::new(s, Self::ALL.iter().map(|v| v.name())))
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_names_list_the_allowed_ones() {
        for p in Provenance::ALL {
            assert_eq!(p.name().parse::<Provenance>(), Ok(p));
        }
        for v in Verdict::ALL {
            assert_eq!(v.name().parse::<Verdict>(), Ok(v));
        }
        let error = "measured".parse::<Provenance>().unwrap_err();
        assert!(error.to_string().contains("counter, integrated"), "{error}");
    }

    #[test]
    fn only_sensors_of_real_hardware_count_as_measured() {
        let measured: Vec<_> = Provenance::ALL.into_iter().filter(|p| p.is_measured()).collect();
        assert_eq!(measured, [Provenance::Counter, Provenance::Integrated]);
    }

    #[test]
    fn a_non_binding_cap_is_never_credited() {
        assert!(!Verdict::NonBinding.credits_gain());
        assert!(!Verdict::Ignored.credits_gain());
    }
}
