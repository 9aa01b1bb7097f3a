//! What is recorded of the sensors with a run: `sensors.json` beside the rows.

use super::agreement::Agreement;
use super::{Characterised, Sensor, SensorInfo};
use crate::window::Rig;
use ergometer_record::{Component, Joules, Provenance, Seconds};
use serde::{Deserialize, Serialize};

/// Name of the file beside a run's rows.
pub const FILE: &str = "sensors.json";

/// One sensor as it was when the run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorFacts {
    /// Its stable name.
    pub id: String,
    /// What its values cover.
    pub component: Component,
    /// What its energies are called.
    pub provenance: Provenance,
    /// Time between updates.
    pub period_s: Seconds,
    /// Smallest step: joules for counters, watts for powers.
    pub resolution: f64,
    /// The total at which it starts again from zero.
    pub wrap_j: Option<Joules>,
    /// Standard uncertainty of the gain, as a share.
    pub gain_u: f64,
    /// Whether these are what a characterisation of the device found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characterised: Option<Characterised>,
}

impl From<&SensorInfo> for SensorFacts {
    fn from(info: &SensorInfo) -> Self {
        Self {
            id: info.id.clone(),
            component: info.component,
            provenance: info.provenance,
            period_s: info.period,
            resolution: info.resolution,
            wrap_j: info.wrap,
            gain_u: info.gain_u,
            characterised: info.characterised.clone(),
        }
    }
}

/// The sensors of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SensorsFile {
    /// Those whose values are in the rows.
    pub sensors: Vec<SensorFacts>,
    /// Second ways to the same joules.
    pub witnesses: Vec<SensorFacts>,
    /// How they compare with the first ones; empty where there is no second way, or before the comparison was made.
    pub agreements: Vec<Agreement>,
}

impl SensorsFile {
    /// The sensors of a rig, with what its comparisons say so far.
    pub fn of(rig: &Rig) -> Self {
        let facts = |sensors: &[Box<dyn Sensor>]| sensors.iter().map(|s| s.info().into()).collect();
        Self {
            sensors: facts(&rig.sensors),
            witnesses: facts(rig.check.witnesses()),
            agreements: rig.check.agreements(),
        }
    }
}
