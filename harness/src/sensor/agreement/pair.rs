//! One sensor and its witness over one stretch.

use super::{Agreement, Finding};
use crate::sensor::energy::{Accumulator, WindowEnergy, WindowError};
use crate::sensor::{Quantity, Reading, SensorInfo};
use ergometer_record::{Seconds, Watts};

/// Least length of a comparison, in update periods of the slower sensor (DESIGN section 4 asks the same of a window).
pub const LEAST_PERIODS: f64 = 20.0;

/// Factor of the standard uncertainty within which a ratio of 1 is believed: about 95 %.
const COVERAGE: f64 = 2.0;

/// A reading uncertainty of the ratio above this tells nothing, whatever the ratio is.
const LARGEST_READING_U: f64 = 0.1;

/// Compares two sensors of one component.
#[derive(Debug, Clone)]
pub struct Pair {
    sensor: Side,
    witness: Side,
}

impl Pair {
    /// Nothing read yet.
    pub fn new(sensor: &SensorInfo, witness: &SensorInfo) -> Self {
        Self { sensor: Side::new(sensor), witness: Side::new(witness) }
    }

    /// Adds a reading of the sensor.
    pub fn push(&mut self, reading: Reading) {
        self.sensor.push(reading);
    }

    /// Adds a reading of the witness.
    pub fn push_witness(&mut self, reading: Reading) {
        self.witness.push(reading);
    }

    /// Notes that a reading of the sensor failed. The failure counts until the next reading succeeds.
    pub fn sensor_failed(&mut self, reason: String) {
        self.sensor.failure = Some(reason);
    }

    /// Notes that a reading of the witness failed, likewise.
    pub fn witness_failed(&mut self, reason: String) {
        self.witness.failure = Some(reason);
    }

    /// The length that a comparison needs.
    pub fn least_span(&self) -> Seconds {
        Seconds(LEAST_PERIODS * self.sensor.info.period.0.max(self.witness.info.period.0))
    }

    /// What both have covered so far.
    pub fn span(&self) -> Seconds {
        Seconds(self.sensor.span().min(self.witness.span()))
    }

    /// The comparison over what was read so far.
    pub fn agreement(&self) -> Agreement {
        let (of_sensor, of_witness) = (self.sensor.energy(), self.witness.energy());
        let mut agreement = Agreement {
            component: self.sensor.info.component,
            sensor: self.sensor.info.id.clone(),
            witness: self.witness.info.id.clone(),
            span_s: self.span(),
            energy_j: of_sensor.as_ref().ok().map(|e| e.energy),
            witness_energy_j: of_witness.as_ref().ok().map(|e| e.energy),
            ratio: None,
            ratio_u: None,
            finding: Finding::CannotTell,
            reason: None,
        };
        let (of_sensor, of_witness) = match (of_sensor, of_witness) {
            (Ok(sensor), Ok(witness)) => (sensor, witness),
            (Err(error), Ok(_)) => {
                agreement.reason = Some(format!("{}: {error}", agreement.sensor));
                return agreement;
            }
            (Ok(_), Err(error)) => {
                agreement.reason = Some(format!("{}: {error}", agreement.witness));
                return agreement;
            }
            (Err(error), Err(other)) => {
                agreement.reason = Some(format!("{}: {error}; {}: {other}", agreement.sensor, agreement.witness));
                return agreement;
            }
        };
        if of_sensor.mean.0 <= 0.0 || of_witness.mean.0 <= 0.0 {
            agreement.reason = Some("one of the two reports no power at all".to_owned());
            return agreement;
        }
        let ratio = of_sensor.mean.0 / of_witness.mean.0;
        let reading_u = self.sensor.reading_u(&of_sensor).hypot(self.witness.reading_u(&of_witness));
        let gain_u = if one_register(&self.sensor.info, &self.witness.info) {
            0.0
        } else {
            self.sensor.info.gain_u.hypot(self.witness.info.gain_u)
        };
        let u = reading_u.hypot(gain_u);
        agreement.ratio = Some(ratio);
        agreement.ratio_u = Some(ratio * u);
        let least = self.least_span();
        if agreement.span_s.0 < least.0 {
            agreement.reason = Some(format!(
                "{:.3} s are shorter than {LEAST_PERIODS:.0} update periods of the slower one ({:.3} s)",
                agreement.span_s.0, least.0
            ));
        } else if reading_u > LARGEST_READING_U {
            agreement.reason = Some(format!(
                "reading the two is uncertain by {:.0} % over so short or uneven a stretch; compare under a steady load, \
                 or for longer",
                100.0 * reading_u
            ));
        } else if ratio.ln().abs() <= COVERAGE * u {
            agreement.finding = Finding::Agrees;
        } else {
            agreement.finding = Finding::Disagrees;
        }
        agreement
    }
}

/// True for perf, powercap and amd_energy: they read the same RAPL register, so that its gain drops out of their ratio.
fn one_register(a: &SensorInfo, b: &SensorInfo) -> bool {
    const READERS: [&str; 3] = ["perf:power/", "powercap:", "hwmon:amd_energy:"];
    let rapl = |info: &SensorInfo| READERS.iter().any(|reader| info.id.starts_with(reader));
    rapl(a) && rapl(b)
}

#[derive(Debug, Clone)]
struct Side {
    info: SensorInfo,
    accumulator: Accumulator,
    first: Option<Seconds>,
    last: Option<Seconds>,
    steps: Steps,
    failure: Option<String>,
}

impl Side {
    fn new(info: &SensorInfo) -> Self {
        Self {
            info: info.clone(),
            accumulator: Accumulator::new(info),
            first: None,
            last: None,
            steps: Steps::default(),
            failure: None,
        }
    }

    fn push(&mut self, reading: Reading) {
        self.failure = None;
        self.first.get_or_insert(reading.time);
        self.last = Some(reading.time);
        self.accumulator.push(reading);
        if let Quantity::Power(power) = reading.quantity {
            self.steps.push(reading.time, power, self.info.period);
        }
    }

    fn span(&self) -> f64 {
        self.first.zip(self.last).map_or(0.0, |(first, last)| (last - first).0)
    }

    fn energy(&self) -> Result<WindowEnergy, String> {
        match &self.failure {
            Some(reason) => Err(reason.clone()),
            None => self.accumulator.finish().map_err(|error: WindowError| error.to_string()),
        }
    }

    /// Standard uncertainty from reading, without the gain, as a share.
    fn reading_u(&self, energy: &WindowEnergy) -> f64 {
        let joules = energy.budget.quantisation_j.hypot(energy.budget.period_j) / energy.energy.0;
        joules.hypot(self.steps.sampling_u() / energy.mean.0)
    }
}

/// How unsteady the power is between one update and the next: what a sampled power can miss.
#[derive(Debug, Clone, Default)]
struct Steps {
    last: Option<(Seconds, f64)>,
    squares: f64,
    count: u32,
}

impl Steps {
    fn push(&mut self, time: Seconds, power: Watts, period: Seconds) {
        match self.last {
            // A reading within the same update repeats its value.
            Some((since, _)) if (time - since).0 < 0.9 * period.0 => {}
            Some((_, before)) => {
                self.squares += (power.0 - before).powi(2);
                self.count += 1;
                self.last = Some((time, power.0));
            }
            None => self.last = Some((time, power.0)),
        }
    }

    /// Standard uncertainty of the mean of samples, in watts, by successive differences (von Neumann): a slow trend,
    /// which the trapezoid rule follows, adds nothing; what changes from sample to sample does.
    fn sampling_u(&self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.squares / 2.0).sqrt() / f64::from(self.count) }
    }
}
