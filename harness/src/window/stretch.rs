//! One stretch of back-to-back executions, read by all sensors.

use super::{Instruments, Load, MeasureError, Throttling};
use crate::counter::Totals;
use crate::sensor::energy::Accumulator;
use crate::sensor::{Quantity, Reading};
use ergometer_record::measurement::outermost;
use ergometer_record::{Budget, Component, Provenance, Seconds, Watts};

/// Between two questions to the driver, which takes up to a millisecond for an answer.
const THROTTLE_PERIOD_S: f64 = 0.05;

/// What the sensors saw of a stretch.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Executions.
    pub iterations: u64,
    /// Time in which they ran, without the reading of sensors between batches.
    pub busy: Seconds,
    /// Mean power by component, or why there is none.
    pub powers: Vec<(Component, Result<ComponentPower, String>)>,
    /// At the end.
    pub temperature_c: Option<f64>,
    /// What held the device back meanwhile; `None` where it does not tell.
    pub throttling: Option<Throttling>,
    /// What performance counters counted during all executions; `None` where there are none.
    pub counted: Option<Totals>,
    /// What a reader of the row must know of how it was measured.
    pub remarks: Vec<String>,
}

/// Mean power of one component over a stretch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ComponentPower {
    /// The mean.
    pub mean: Watts,
    /// Its standard uncertainty from quantisation, update period and gain.
    pub mean_u: Watts,
    /// The parts of that uncertainty, for the energy of the whole stretch.
    pub budget: Budget,
    /// From the sensor's first reading to its last.
    pub span: Seconds,
    /// What it is called in results.
    pub provenance: Provenance,
}

/// A number below `n` that nothing but the time decides: the same again on a virtual clock, and arbitrary on a real one.
fn arbitrary_below(n: u64, time: Seconds) -> u64 {
    // Fibonacci hashing (Knuth, volume 3, section 6.4): the upper half of the product.
    (time.0.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % n.max(1)
}

/// The sum of powers over the outermost components, those of models aside; `None` when nothing is left.
pub(crate) fn total(powers: &[(Component, Provenance, Watts)]) -> Option<Watts> {
    let seen: Vec<_> = powers.iter().filter(|(_, provenance, _)| *provenance != Provenance::Modelled).collect();
    (!seen.is_empty()).then(|| outermost(&seen, |(component, ..)| *component).map(|(.., power)| *power).sum())
}

impl Stretch {
    /// The sum over the outermost components, models aside; `None` when a power is missing or there is no sensor.
    pub fn total_power(&self) -> Option<Watts> {
        let known = |(component, power): &(Component, Result<ComponentPower, String>)| {
            power.as_ref().ok().map(|power| (*component, power.provenance, power.mean))
        };
        total(&self.powers.iter().map(known).collect::<Option<Vec<_>>>()?)
    }
}

impl Instruments<'_> {
    /// Runs `load` in batches for at least `least`. The stretch begins and ends when the slowest sensor has just updated,
    /// be it a counter or a power that is integrated.
    pub(super) fn stretch(&mut self, load: &mut dyn Load, batch: u64, least: Seconds) -> Result<Stretch, MeasureError> {
        let slowest = self.slowest_sensor();
        if let Some((index, period)) = slowest {
            // A warm-up ends where two stretches agree, which depends on where the batches lie between the sensor's ticks.
            // Left at that, every window after it would be wrong in the same direction: 0.1 % of 0.8 s on the virtual node.
            let part = arbitrary_below(batch, self.clock.now());
            if part > 0 {
                load.run(part)?;
            }
            self.run_to_tick(load, batch, index, period)?;
        }
        let mut meters: Vec<Accumulator> = self.sensors.iter().map(|s| Accumulator::new(s.info())).collect();
        let mut previous = self.read_all(&mut meters)?;
        let counted = self.counted();
        let start = self.clock.now();
        let mut throttling = Throttling::default();
        let mut asked_at = f64::NEG_INFINITY;
        let (mut iterations, mut busy, mut longest_batch) = (0u64, Seconds(0.0), 0.0f64);
        loop {
            let before = self.clock.now();
            busy += load.run(batch)?;
            longest_batch = longest_batch.max((self.clock.now() - before).0);
            iterations += batch;
            let readings = self.read_all(&mut meters)?;
            if let Some(reader) = self.throttle.as_mut()
                && self.clock.now().0 - asked_at >= THROTTLE_PERIOD_S
            {
                throttling.take(reader);
                asked_at = self.clock.now().0;
            }
            let elapsed = self.clock.now() - start;
            let on_tick = slowest.is_none_or(|(index, period)| {
                let ticked = readings.get(index).map(|r| r.quantity) != previous.get(index).map(|r| r.quantity);
                // A value that stands still must not hold the window open: a counter is stuck, a power may repeat.
                ticked || elapsed.0 > least.0 + 4.0 * period.0
            });
            previous = readings;
            // A tick shows up to one batch late. To ask of the last one that the full time has passed would turn down those
            // that show earlier than the first did, and so stretch the time and lower the power.
            let room = if slowest.is_some() { longest_batch } else { 0.0 };
            if elapsed.0 + room >= least.0 && on_tick {
                break;
            }
        }
        let counted = counted.and_then(|before| Some(self.counted()?.since(&before)));
        let powers = self
            .sensors
            .iter()
            .zip(&meters)
            .enumerate()
            .map(|(index, (sensor, meter))| {
                let info = sensor.info();
                let power = meter.finish().map_err(|error| format!("{}: {error}", info.id)).map(|window| {
                    let mut budget = window.budget;
                    let counter = matches!(previous.get(index).map(|r| r.quantity), Some(Quantity::Energy(_)));
                    if counter && slowest.is_some_and(|(at, _)| at == index) {
                        // On a tick a counter is at most one batch old instead of one period. A power is an average of
                        // what came before its tick, and stays as uncertain as that.
                        budget.period_j = budget.period_j.min(window.mean.0 * longest_batch / 6f64.sqrt());
                    }
                    ComponentPower {
                        mean: window.mean,
                        mean_u: budget.total() / window.span,
                        budget,
                        span: window.span,
                        provenance: info.provenance,
                    }
                });
                (info.component, power)
            })
            .collect();
        let throttling = (throttling.samples > 0).then_some(throttling);
        Ok(Stretch {
            iterations,
            busy,
            powers,
            temperature_c: self.temperature(),
            throttling,
            counted,
            remarks: Vec::new(),
        })
    }

    /// The sensor with the longest update period; of equals a counter. Models are computed at each reading and have no
    /// ticks.
    fn slowest_sensor(&mut self) -> Option<(usize, Seconds)> {
        let clock = self.clock;
        self.sensors
            .iter_mut()
            .enumerate()
            .filter_map(|(index, sensor)| {
                let period = sensor.info().period;
                let counter = matches!(sensor.read(clock).ok()?.quantity, Quantity::Energy(_));
                (period.0 > 0.0).then_some((index, period, counter))
            })
            .max_by(|a, b| a.1.0.total_cmp(&b.1.0).then(a.2.cmp(&b.2)))
            .map(|(index, period, _)| (index, period))
    }

    fn run_to_tick(
        &mut self,
        load: &mut dyn Load,
        batch: u64,
        index: usize,
        period: Seconds,
    ) -> Result<(), MeasureError> {
        let clock = self.clock;
        let start = clock.now();
        let Some(sensor) = self.sensors.get_mut(index) else { return Ok(()) };
        let first = sensor.read(clock)?.quantity;
        while (clock.now() - start).0 < 4.0 * period.0 {
            load.run(batch)?;
            if sensor.read(clock)?.quantity != first {
                break;
            }
        }
        Ok(())
    }

    fn read_all(&mut self, meters: &mut [Accumulator]) -> Result<Vec<Reading>, MeasureError> {
        let clock = self.clock;
        let mut readings = Vec::with_capacity(meters.len());
        for (sensor, meter) in self.sensors.iter_mut().zip(meters) {
            let reading = sensor.read(clock)?;
            meter.push(reading);
            readings.push(reading);
        }
        if !self.check.is_done() {
            let readings: Vec<_> = readings.iter().map(|reading| Ok(*reading)).collect();
            self.check.observe(self.sensors, &readings, clock);
        }
        Ok(readings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::measurement::Domain;

    #[test]
    fn a_total_counts_no_joule_twice_and_no_model() {
        let part = |domain, provenance, watts| (Component::new(domain, 0), provenance, Watts(watts));
        let counter = Provenance::Counter;
        let parts = [
            part(Domain::Package, counter, 60.0),
            part(Domain::Core, counter, 40.0),
            part(Domain::Gpu, Provenance::Virtual, 200.0),
            part(Domain::Dram, Provenance::Modelled, 9.0),
        ];
        assert_eq!(total(&parts), Some(Watts(260.0)));
        assert_eq!(total(&parts[1..2]), Some(Watts(40.0)));
        assert_eq!(total(&parts[3..]), None);
        assert_eq!(total(&[]), None);
    }
}
