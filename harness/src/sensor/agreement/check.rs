//! All pairs of a selection, compared once.

use super::{Agreement, Pair};
use crate::clock::Clock;
use crate::sensor::{Reading, Sensor, SensorError};
use ergometer_record::Seconds;

/// Shortest stretch of a comparison: a share of a second evens out who is read first.
const LEAST_SPAN: Seconds = Seconds(0.2);

/// Witnesses that are read beside the sensors until each pair has been compared over [`Pair::least_span`]; from then on
/// they cost nothing. An interruption that both sensors would not survive begins anew ([`CrossCheck::restart`]).
#[derive(Default)]
pub struct CrossCheck {
    witnesses: Vec<Box<dyn Sensor>>,
    /// The pair of each witness, with the number of its sensor; none before the first reading.
    pairs: Vec<(usize, Pair)>,
    /// When the first of these readings was made.
    since: Option<Seconds>,
    done: Option<Vec<Agreement>>,
}

impl std::fmt::Debug for CrossCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.witnesses.iter().map(|s| s.info().id.as_str()).collect();
        f.debug_struct("CrossCheck").field("witnesses", &ids).field("done", &self.done).finish_non_exhaustive()
    }
}

impl CrossCheck {
    /// With these witnesses; none gives a check that is done and empty.
    pub fn new(witnesses: Vec<Box<dyn Sensor>>) -> Self {
        Self { witnesses, pairs: Vec::new(), since: None, done: None }
    }

    /// The second sensors.
    pub fn witnesses(&self) -> &[Box<dyn Sensor>] {
        &self.witnesses
    }

    /// True when no reading is needed any more.
    pub fn is_done(&self) -> bool {
        self.witnesses.is_empty() || self.done.is_some()
    }

    /// Forgets readings: time or counters are about to jump. A finished comparison stays.
    pub fn restart(&mut self) {
        self.pairs.clear();
        self.since = None;
    }

    /// Takes the readings just made of `sensors`, in their order (or why there is none), and reads the witnesses.
    pub fn observe(
        &mut self,
        sensors: &[Box<dyn Sensor>],
        readings: &[Result<Reading, SensorError>],
        clock: &dyn Clock,
    ) {
        if self.is_done() {
            return;
        }
        if self.pairs.is_empty() {
            // One without its sensor (left out because another device is measured) has nothing to be compared with.
            self.witnesses.retain(|witness| position(sensors, witness.as_ref()).is_some());
            self.pairs = self.witnesses.iter().filter_map(|witness| pair(sensors, witness.as_ref())).collect();
        }
        for ((index, pair), witness) in self.pairs.iter_mut().zip(&mut self.witnesses) {
            match readings.get(*index) {
                Some(Ok(reading)) => pair.push(*reading),
                Some(Err(error)) => pair.sensor_failed(error.to_string()),
                None => {}
            }
            match witness.read(clock) {
                Ok(reading) => pair.push_witness(reading),
                Err(error) => pair.witness_failed(error.to_string()),
            }
        }
        let since = *self.since.get_or_insert(clock.now());
        let long_enough = |pair: &Pair| {
            let least = pair.least_span().0.max(LEAST_SPAN.0);
            // A sensor that failed halfway covers less, and is not waited for.
            pair.span().0 >= least || (clock.now() - since).0 >= 2.0 * least
        };
        if self.pairs.iter().all(|(_, pair)| long_enough(pair)) {
            self.done = Some(self.pairs.iter().map(|(_, pair)| pair.agreement()).collect());
        }
    }

    /// The comparisons: final ones where the check is done, else what the readings so far say.
    pub fn agreements(&self) -> Vec<Agreement> {
        match &self.done {
            Some(done) => done.clone(),
            None => self.pairs.iter().map(|(_, pair)| pair.agreement()).collect(),
        }
    }

    /// Reads `sensors` and witnesses for as long as the comparison takes, at most `longest`, and does nothing else
    /// meanwhile.
    pub fn run(&mut self, sensors: &mut [Box<dyn Sensor>], clock: &dyn Clock, longest: Seconds) -> Vec<Agreement> {
        let start = clock.now();
        let period = |s: &[Box<dyn Sensor>]| s.iter().map(|s| s.info().period.0).fold(0.0, f64::max);
        let slowest = period(sensors).max(period(&self.witnesses));
        let step = Seconds((slowest / 4.0).clamp(1e-3, 0.1));
        while !self.is_done() && (clock.now() - start).0 <= longest.0 {
            let readings: Vec<_> = sensors.iter_mut().map(|sensor| sensor.read(clock)).collect();
            self.observe(sensors, &readings, clock);
            clock.sleep(step);
        }
        self.agreements()
    }
}

fn position(sensors: &[Box<dyn Sensor>], witness: &dyn Sensor) -> Option<usize> {
    sensors.iter().position(|sensor| sensor.info().component == witness.info().component)
}

fn pair(sensors: &[Box<dyn Sensor>], witness: &dyn Sensor) -> Option<(usize, Pair)> {
    let index = position(sensors, witness)?;
    Some((index, Pair::new(sensors[index].info(), witness.info())))
}
