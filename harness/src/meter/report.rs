//! What a window held, for people and for `--json`.

use crate::sensor::agreement::Agreement;
use crate::sensor::energy::WindowEnergy;
use crate::sensor::select::measured_total;
use crate::sensor::{Characterised, SensorInfo};
use ergometer_record::stats::human_time;
use ergometer_record::{Component, Joules, Provenance, Seconds, Watts};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A sensor that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// Which one.
    pub id: String,
    /// Why, and what to do.
    pub reason: String,
}

/// One component's energy in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentEnergy {
    /// What it covers.
    pub component: Component,
    /// Which sensor.
    pub sensor: String,
    /// Where the energy comes from; `Absent` exactly when there is none.
    pub provenance: Provenance,
    /// The energy.
    pub energy_j: Option<Joules>,
    /// Its standard uncertainty from quantisation, update period and gain.
    pub energy_u_j: Option<Joules>,
    /// Energy over time.
    pub mean_w: Option<Watts>,
    /// The greatest power seen between samples.
    pub peak_w: Option<Watts>,
    /// Readings used.
    pub readings: usize,
    /// Readings that failed on the way.
    pub failed_readings: u32,
    /// Why there is no energy.
    pub reason: Option<String>,
    /// Whether its uncertainty rests on a characterisation of this sensor; absent where none is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characterised: Option<Characterised>,
}

impl ComponentEnergy {
    pub(super) fn new(info: &SensorInfo, energy: &Result<WindowEnergy, String>, failed_readings: u32) -> Self {
        let known = energy.as_ref().ok();
        Self {
            component: info.component,
            sensor: info.id.clone(),
            provenance: if known.is_some() { info.provenance } else { Provenance::Absent },
            energy_j: known.map(|e| e.energy),
            energy_u_j: known.map(|e| e.budget.total()),
            mean_w: known.map(|e| e.mean),
            peak_w: known.map(|e| e.peak),
            readings: known.map_or(0, |e| e.readings),
            failed_readings,
            reason: energy.as_ref().err().cloned(),
            characterised: info.characterised.clone(),
        }
    }
}

/// The sum over the outermost measured components.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// Energy; no joule is counted twice, and nothing modelled is in it.
    pub energy_j: Joules,
    /// Standard uncertainty.
    pub energy_u_j: Joules,
}

/// A closed window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// The caller's name for it.
    pub name: String,
    /// From start to stop.
    pub time_s: Seconds,
    /// Share of one core's time spent in reading sensors, waiting for drivers included.
    pub sampling_share: f64,
    /// CPU time of the sampling thread over the window's, waking up included; `None` where no thread sampled.
    pub sampling_cpu_share: Option<f64>,
    /// One a sensor.
    pub components: Vec<ComponentEnergy>,
    /// Sensors that are not there.
    pub absent: Vec<Absent>,
    /// The sum of what was measured; `None` where nothing was.
    pub total: Option<Total>,
    /// Sensors that have a second way to their joules, compared with it over this window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
}

/// What watching a window took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Time spent in reading sensors.
    pub(super) wall: Seconds,
    /// CPU time of the sampling thread.
    pub(super) cpu: Option<Seconds>,
}

impl WindowReport {
    pub(super) fn new(
        name: String,
        time: Seconds,
        cost: Cost,
        components: Vec<ComponentEnergy>,
        absent: Vec<Absent>,
    ) -> Self {
        let parts: Vec<_> =
            components.iter().filter_map(|c| Some((c.component, c.provenance, c.energy_j?, c.energy_u_j?))).collect();
        let total = measured_total(&parts).map(|(energy_j, energy_u_j)| Total { energy_j, energy_u_j });
        let share = |spent: Seconds| if time.0 > 0.0 { spent / time } else { 0.0 };
        Self {
            name,
            time_s: time,
            sampling_share: share(cost.wall),
            sampling_cpu_share: cost.cpu.map(share),
            components,
            absent,
            total,
            agreements: Vec::new(),
        }
    }

    /// The energy of a component, where it is known.
    pub fn component(&self, component: Component) -> Option<&ComponentEnergy> {
        self.components.iter().find(|c| c.component == component && c.energy_j.is_some())
    }
}

impl fmt::Display for WindowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<12}{:>14}", "time", human_time(self.time_s))?;
        for c in &self.components {
            let (Some(energy), Some(u), Some(mean), Some(peak)) = (c.energy_j, c.energy_u_j, c.mean_w, c.peak_w) else {
                let reason = c.reason.as_deref().unwrap_or("unknown");
                writeln!(f, "{:<12}{:>14}  {reason} [{}]", c.component, "absent", c.sensor)?;
                continue;
            };
            let used = match &c.characterised {
                Some(used @ Characterised::Used { .. }) => format!(", {used}"),
                _ => String::new(),
            };
            writeln!(
                f,
                "{:<12}{:>12.3} J +- {:.3} J  mean {:.1} W, peak {:.1} W  ({}, {}{used})",
                c.component, energy.0, u.0, mean.0, peak.0, c.provenance, c.sensor
            )?;
            if let Some(stale @ Characterised::Stale { .. }) = &c.characterised {
                writeln!(f, "{:<12}{:>14}  {stale}", "", "")?;
            }
        }
        match &self.total {
            Some(total) => writeln!(
                f,
                "{:<12}{:>12.3} J +- {:.3} J  measured, contained domains counted once",
                "total", total.energy_j.0, total.energy_u_j.0
            )?,
            None => writeln!(f, "{:<12}{:>14}  nothing here measures energy", "total", "absent")?,
        }
        for agreement in &self.agreements {
            writeln!(f, "{:<12}{:>14}  {agreement}", "cross-check", "")?;
        }
        for absent in &self.absent {
            writeln!(f, "{:<12}{:>14}  {}", "no sensor", "", absent.reason)?;
        }
        write!(f, "reading the sensors took {:.2} % of one core", 100.0 * self.sampling_share)?;
        match self.sampling_cpu_share {
            Some(share) => write!(f, " ({:.2} % in CPU time, waking up included)", 100.0 * share),
            None => Ok(()),
        }
    }
}
