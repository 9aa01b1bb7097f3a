//! The DRAM model beside a measured DRAM domain over a growing footprint: what figure 4.1 of the thesis compares.
//!
//! Memory of doubling size is allocated, written once so that it is really there, and streamed for a while; the model
//! (eq. 4.1 and 4.2) goes by the share of memory in use, a RAPL domain by what the memory did. Energies are for one
//! pass over the footprint.

mod memory;

pub use memory::{Heap, Memory, available_bytes, bound_bytes, sizes};

use crate::clock::Clock;
use crate::sensor::energy::Accumulator;
use crate::sensor::{Roots, Selection, Sensor, SensorError, dram, probe, select};
use ergometer_record::measurement::Domain;
use ergometer_record::{Joules, Seconds};
use serde::{Deserialize, Serialize};

/// Memory that can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FootprintError {
    /// More than may be risked.
    #[error(
        "{asked} bytes are more than half of the {available} bytes of memory that are available here; a smaller --most \
         keeps the system from killing processes"
    )]
    TooMuch {
        /// What was asked for.
        asked: u64,
        /// What there is.
        available: u64,
    },
    /// How much there is can't be told.
    #[error("how much memory is available can't be told: {reason}; name a bound with --most SIZE")]
    Unknown {
        /// Why.
        reason: String,
    },
    /// The allocation failed.
    #[error("{bytes} bytes of memory could not be allocated: {reason}")]
    Refused {
        /// How many.
        bytes: u64,
        /// What the allocator said.
        reason: String,
    },
}

/// The sensors of the comparison.
pub struct Sensors {
    /// The model, or why there is none.
    pub model: Result<Box<dyn Sensor>, SensorError>,
    /// One measured DRAM domain a package; empty where there is none.
    pub measured: Vec<Box<dyn Sensor>>,
}

impl std::fmt::Debug for Sensors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.measured.iter().map(|s| s.info().id.as_str()).collect();
        f.debug_struct("Sensors").field("model", &self.model.is_ok()).field("measured", &ids).finish()
    }
}

impl Sensors {
    /// Those of a machine.
    pub fn of(roots: &Roots) -> Self {
        let is_dram = |s: &dyn Sensor| s.info().component.domain == Domain::Dram && s.info().provenance.is_measured();
        let Selection { mut sensors, .. } = select(probe(roots));
        sensors.retain(|s| is_dram(s.as_ref()));
        Self { model: dram::probe(roots), measured: sensors }
    }
}

/// An energy with its standard uncertainty, or why there is none.
pub type Energy = Result<(Joules, Joules), String>;

/// One footprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Bytes allocated and streamed.
    pub footprint_bytes: u64,
    /// Passes over them.
    pub passes: f64,
    /// Time of one pass.
    pub time_s: Seconds,
    /// Modelled energy of one pass and its standard uncertainty.
    #[serde(with = "plain")]
    pub modelled: Energy,
    /// Measured energy of one pass, all DRAM domains together.
    #[serde(with = "plain")]
    pub measured: Energy,
}

/// An [`Energy`] in files: `{energy_j, energy_u_j}` or `{reason}`.
mod plain {
    use super::{Deserialize, Energy, Joules, Serialize};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Plain {
        Known { energy_j: Joules, energy_u_j: Joules },
        Absent { reason: String },
    }

    pub(super) fn serialize<S: Serializer>(energy: &Energy, to: S) -> Result<S::Ok, S::Error> {
        let plain = match energy.clone() {
            Ok((energy_j, energy_u_j)) => Plain::Known { energy_j, energy_u_j },
            Err(reason) => Plain::Absent { reason },
        };
        plain.serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Energy, D::Error> {
        Ok(match Plain::deserialize(from)? {
            Plain::Known { energy_j, energy_u_j } => Ok((energy_j, energy_u_j)),
            Plain::Absent { reason } => Err(reason),
        })
    }
}

/// Goes through the footprints, each for at least `window`; `go_on` is told each one beforehand and returns false to stop.
///
/// # Errors
/// The memory can't be had.
pub fn compare(
    sensors: &mut Sensors,
    memory: &mut dyn Memory,
    clock: &dyn Clock,
    sizes: &[u64],
    window: Seconds,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<Step>, FootprintError> {
    let mut steps = Vec::new();
    for &bytes in sizes {
        if !go_on(bytes) {
            break;
        }
        memory.resize(bytes)?;
        steps.push(step(sensors, memory, clock, bytes, window));
    }
    memory.resize(0)?;
    Ok(steps)
}

fn step(sensors: &mut Sensors, memory: &mut dyn Memory, clock: &dyn Clock, bytes: u64, window: Seconds) -> Step {
    let mut model = sensors.model.as_mut().map(Watched::new).map_err(|error| error.to_string());
    let mut measured: Vec<Watched<'_>> = sensors.measured.iter_mut().map(Watched::new).collect();
    let mut read = || model.iter_mut().chain(&mut measured).for_each(|watched| watched.read(clock));
    read();
    let start = clock.now();
    let mut streamed = 0.0;
    loop {
        streamed += memory.stream() as f64;
        read();
        if (clock.now() - start).0 >= window.0 || streamed <= 0.0 {
            break;
        }
    }
    let time = clock.now() - start;
    let passes = streamed / bytes.max(1) as f64;
    let per_pass = |(energy, u): (Joules, Joules)| (energy / passes, u / passes);
    let sum = |a: (Joules, Joules), b: (Joules, Joules)| (a.0 + b.0, a.1 + b.1);
    let total = measured.iter().map(Watched::energy).reduce(|a, b| Ok(sum(a?, b?)));
    Step {
        footprint_bytes: bytes,
        passes,
        time_s: Seconds(time.0 / passes),
        modelled: model.and_then(|watched| watched.energy()).map(per_pass),
        measured: total.unwrap_or_else(|| Err("no DRAM domain is measured here".into())).map(per_pass),
    }
}

/// A sensor with the energy that it has seen.
struct Watched<'a> {
    sensor: &'a mut Box<dyn Sensor>,
    energy: Accumulator,
    failure: Option<String>,
}

impl<'a> Watched<'a> {
    fn new(sensor: &'a mut Box<dyn Sensor>) -> Self {
        let energy = Accumulator::new(sensor.info());
        Self { sensor, energy, failure: None }
    }

    fn read(&mut self, clock: &dyn Clock) {
        match self.sensor.read(clock) {
            Ok(reading) => self.energy.push(reading),
            Err(error) => self.failure = Some(error.to_string()),
        }
    }

    fn energy(&self) -> Energy {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let window = self.energy.finish().map_err(|error| format!("{}: {error}", self.sensor.info().id))?;
        Ok((window.energy, window.budget.total()))
    }
}
