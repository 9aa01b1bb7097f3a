//! Second ways to the same joules, read beside the sensors of a meter, as rarely as the comparison allows.

use crate::clock::Clock;
use crate::sensor::agreement::Pair;
use crate::sensor::{Quantity, Reading, Sensor, SensorError};
use ergometer_record::Seconds;

/// Between readings of a counter in the middle of a window: far below any wrap time. Its ends count, the middle does not.
const COUNTER_PERIOD: Seconds = Seconds(1.0);

/// A sensor that is read for comparison only.
pub(super) struct Witness {
    /// Number of the sensor that it is compared with.
    pub(super) sensor: usize,
    source: Box<dyn Sensor>,
    last: Option<Reading>,
}

impl Witness {
    /// Those whose sensor is there.
    pub(super) fn of(witnesses: Vec<Box<dyn Sensor>>, sensors: &[Box<dyn Sensor>]) -> Vec<Self> {
        let position = |witness: &dyn Sensor| {
            sensors.iter().position(|sensor| sensor.info().component == witness.info().component)
        };
        witnesses
            .into_iter()
            .filter_map(|source| Some(Self { sensor: position(source.as_ref())?, source, last: None }))
            .collect()
    }

    /// An empty comparison with its sensor.
    pub(super) fn pair(&self, sensors: &[Box<dyn Sensor>]) -> Pair {
        Pair::new(sensors[self.sensor].info(), self.source.info())
    }

    /// A reading, when `now` is asked for or the last one is old enough.
    pub(super) fn read(&mut self, clock: &dyn Clock, now: bool) -> Option<Result<Reading, SensorError>> {
        let period = match self.last.map(|reading| reading.quantity) {
            Some(Quantity::Energy(_)) => COUNTER_PERIOD,
            _ => self.source.info().period,
        };
        // A little early is better than a whole sample late.
        let due = self.last.is_none_or(|last| (clock.now() - last.time).0 >= 0.9 * period.0);
        if !now && !due {
            return None;
        }
        let reading = self.source.read(clock);
        self.last = reading.as_ref().ok().copied();
        Some(reading)
    }
}

/// Gives a reading, or why there is none, to each of `pairs`.
pub(super) fn push<'a>(
    pairs: impl Iterator<Item = &'a mut Pair>,
    reading: &Result<Reading, SensorError>,
    take: fn(&mut Pair, Reading),
    fail: fn(&mut Pair, String),
) {
    for pair in pairs {
        match reading {
            Ok(reading) => take(pair, *reading),
            Err(error) => fail(pair, error.to_string()),
        }
    }
}
