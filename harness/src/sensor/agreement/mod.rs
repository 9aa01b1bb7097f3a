//! Two ways to the same joules, compared: RAPL by perf against powercap, a card's energy counter against its integrated
//! power. Guards against a counter that is not driven, a unit that is misread, and a power that sees a part of the time
//! only (Yang et al., *Part-time Power Measurements*, SC 2024).
//!
//! [`Pair`] compares two sensors over one stretch; [`CrossCheck`] does so for a whole selection, once, while something
//! else goes on anyway.

mod check;
mod pair;

pub use check::CrossCheck;
pub use pair::{LEAST_PERIODS, Pair};

use ergometer_record::{Component, Joules, Seconds};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a comparison of two sensors says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The ratio is 1 within twice its standard uncertainty.
    Agrees,
    /// It is not: one of the two is wrong by more than its stated gain allows.
    Disagrees,
    /// The stretch can't tell: too short, too uneven, or one of the two gave no energy.
    CannotTell,
}

/// The comparison of a sensor with its witness over one stretch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// What both cover.
    pub component: Component,
    /// The sensor whose values are used.
    pub sensor: String,
    /// The other one.
    pub witness: String,
    /// Length of the stretch.
    pub span_s: Seconds,
    /// Energy by the sensor.
    pub energy_j: Option<Joules>,
    /// Energy by the witness.
    pub witness_energy_j: Option<Joules>,
    /// Mean power by the sensor over mean power by the witness.
    pub ratio: Option<f64>,
    /// Standard uncertainty of the ratio from reading both and from their gains, except where the two share a gain.
    pub ratio_u: Option<f64>,
    /// The verdict.
    pub finding: Finding,
    /// Why it can't be told.
    pub reason: Option<String>,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { component, sensor, witness, .. } = self;
        let ratio = match (self.ratio, self.ratio_u) {
            (Some(ratio), Some(u)) => format!("{ratio:.4} +- {u:.4} over {:.2} s", self.span_s.0),
            _ => "unknown".to_owned(),
        };
        match self.finding {
            Finding::Agrees => write!(f, "{component}: {sensor} over {witness} is {ratio}: they agree"),
            Finding::Disagrees => write!(
                f,
                "{component}: {sensor} over {witness} is {ratio}: they DISAGREE beyond their stated gains; compare both \
                 with an external meter (ergometer doctor --meter) before you trust either"
            ),
            Finding::CannotTell => {
                let reason = self.reason.as_deref().unwrap_or("no reason was recorded");
                write!(f, "{component}: whether {sensor} and {witness} agree can't be told: {reason}")
            }
        }
    }
}
