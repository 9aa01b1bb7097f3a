//! Tiers of power by size of the module and of use by share of the memory: the thesis', and those of its program.

use super::Dimm;
use ergometer_record::Watts;
use std::fmt;
use std::str::FromStr;

/// Names the profile to use: `thesis` (the default) or `ea2p`.
pub const VARIABLE: &str = "ERGOMETER_DRAM_PROFILE";

/// P_base by DIMM size in GiB (thesis 4.2.2, from Crucial's and SK Hynix' data). A size between two tiers takes the
/// lower one's power; one below 16 GiB, which the thesis does not print, that of 16 GiB.
const THESIS_W: [(f64, f64); 5] = [(256.0, 10.0), (128.0, 8.0), (64.0, 6.0), (32.0, 5.0), (16.0, 4.0)];

/// mem_use by share of memory in use (thesis 4.2.2): from this share on, this factor.
const THESIS_USE: [(f64, f64); 5] = [(0.50, 0.80), (0.25, 0.75), (0.15, 0.70), (0.05, 0.60), (0.0, 0.30)];

/// EA2P's P_base of DDR4 and DDR5: these sizes exactly, every other one 10 W.
const EA2P_W: [(f64, f64); 4] = [(16.0, 4.0), (32.0, 5.0), (64.0, 6.0), (128.0, 8.0)];
const EA2P_OTHER_W: f64 = 10.0;
const EA2P_DDR3_W: f64 = 4.5;

/// EA2P's factors: up to and including this share, this factor; above the last one, 0.85.
const EA2P_USE: [(f64, f64); 5] = [(0.05, 0.35), (0.10, 0.65), (0.25, 0.70), (0.50, 0.75), (0.70, 0.80)];
const EA2P_FULL: f64 = 0.85;

const DDR3: u8 = 24;
const DDR4: u8 = 26;
const DDR5: u8 = 34;

/// Which tiers the model uses. In both only populated slots count, each with its own size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// As printed in thesis 4.2.2.
    #[default]
    Thesis,
    /// As in `ram.py` of EA2P 1.0.1, its last release (PyPI, 18 August 2024; repository `HPC-CRI/EA2P`). Its factors
    /// are not those that the thesis prints; its repository holds further ones (commit 158b2dae: up to 4, 12, 25 and
    /// 50 % of use 0.30, 0.65, 0.70 and 0.75, then 0.85). Two things are not taken over: the program counts empty slots
    /// too, and takes the first module's size for all.
    Ea2p,
}

impl Profile {
    /// The names of all, as [`VARIABLE`] takes them.
    pub const ALL: [Self; 2] = [Self::Thesis, Self::Ea2p];

    /// The profile's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Thesis => "thesis",
            Self::Ea2p => "ea2p",
        }
    }

    /// P_base of one module; `None` for a technology that the profile does not know.
    pub fn base_power(self, dimm: &Dimm) -> Option<Watts> {
        match (self, dimm.technology) {
            (Self::Thesis, _) => {
                let tier = THESIS_W.iter().find(|(size, _)| dimm.gib >= *size).unwrap_or(&THESIS_W[THESIS_W.len() - 1]);
                Some(Watts(tier.1))
            }
            (Self::Ea2p, DDR4 | DDR5) => {
                let tier = EA2P_W.iter().find(|(size, _)| dimm.gib == *size);
                Some(Watts(tier.map_or(EA2P_OTHER_W, |(_, watts)| *watts)))
            }
            (Self::Ea2p, DDR3) => Some(Watts(EA2P_DDR3_W)),
            // The program gives 0 W to any other technology, which is no statement about it.
            (Self::Ea2p, _) => None,
        }
    }

    /// mem_use for a share of memory in use, from 0 to 1.
    pub fn use_factor(self, share: f64) -> f64 {
        match self {
            Self::Thesis => {
                THESIS_USE.iter().find(|(from, _)| share >= *from).map_or(THESIS_USE[4].1, |(_, factor)| *factor)
            }
            Self::Ea2p => EA2P_USE.iter().find(|(to, _)| share <= *to).map_or(EA2P_FULL, |(_, factor)| *factor),
        }
    }

    /// Equation 4.1, each module with its own size; `None` when the profile does not know one of them.
    pub fn power(self, dimms: &[Dimm], share: f64) -> Option<Watts> {
        let base: Option<Vec<Watts>> = dimms.iter().map(|dimm| self.base_power(dimm)).collect();
        Some(base?.into_iter().sum::<Watts>() * self.use_factor(share))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = ergometer_record::provenance::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == text)
            .ok_or_else(|| Self::Err::new(text, Self::ALL.iter().map(|profile| profile.name())))
    }
}
