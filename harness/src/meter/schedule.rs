//! When each sensor is read: on the meter's ticks, and no oftener than it has something new to say.

use crate::sensor::SensorInfo;
use ergometer_record::{Provenance, Seconds};

/// A model is computed anew at each reading from files that cost more than a counter; memory in use moves slowly.
const MODEL_PERIOD: Seconds = Seconds(0.1);

/// Ticks at a steady distance from an origin, and every how many of them each sensor is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    period: Seconds,
    every: Vec<u64>,
    origin: Seconds,
    next: u64,
}

impl Schedule {
    /// For sensors in order. A sensor that updates every 100 ms is read every 100 ms even where others are read every
    /// millisecond: readings in between repeat its last value.
    pub(super) fn new<'a>(sensors: impl Iterator<Item = &'a SensorInfo>, period: Seconds) -> Self {
        let every = sensors
            .map(|info| {
                let useful = if info.provenance == Provenance::Modelled { MODEL_PERIOD } else { info.period };
                // Rounded down, so that no update is missed; 1.00001 ticks are one.
                ((useful / period) + 1e-6).clamp(1.0, 1e9) as u64
            })
            .collect();
        Self { period, every, origin: Seconds(0.0), next: 1 }
    }

    /// Starts counting ticks: all sensors were read at `now`.
    pub(super) fn restart(&mut self, now: Seconds) {
        self.origin = now;
        self.next = 1;
    }

    /// Time until the next tick; zero or less when it is due.
    pub(super) fn wait(&self, now: Seconds) -> Seconds {
        self.origin + self.period * self.next as f64 - now
    }

    /// Takes the tick that is due at `now` and returns its number; ticks that were slept through are passed over, and
    /// their sensors are due with this one.
    pub(super) fn take(&mut self, now: Seconds) -> Tick {
        let last = (((now - self.origin) / self.period) + 1e-6).max(self.next as f64) as u64;
        let tick = Tick { first: self.next, last };
        self.next = last + 1;
        tick
    }

    /// True when the sensor is to be read at this tick.
    pub(super) fn is_due(&self, sensor: usize, tick: Tick) -> bool {
        let every = self.every.get(sensor).copied().unwrap_or(1);
        tick.last / every > (tick.first - 1) / every
    }
}

/// One or more ticks that are served at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick {
    first: u64,
    last: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use ergometer_record::Component;
    use ergometer_record::measurement::Domain;

    fn info(period: f64, provenance: Provenance) -> SensorInfo {
        SensorInfo {
            id: "s".into(),
            component: Component::new(Domain::Gpu, 0),
            provenance,
            period: Seconds(period),
            resolution: 0.0,
            wrap: None,
            gain_u: 0.0,
            characterised: None,
        }
    }

    /// How often each sensor is read in ten seconds of a sampler that wakes up `late` after each tick.
    fn reads(periods: &[(f64, Provenance)], period: f64, late: f64) -> Vec<u32> {
        let infos: Vec<SensorInfo> = periods.iter().map(|(p, provenance)| info(*p, *provenance)).collect();
        let mut schedule = Schedule::new(infos.iter(), Seconds(period));
        schedule.restart(Seconds(5.0));
        let mut counts = vec![0; infos.len()];
        let mut now = Seconds(5.0);
        while now.0 < 15.0 - late {
            now += Seconds(schedule.wait(now).0.max(0.0) + late);
            let tick = schedule.take(now);
            (0..counts.len()).filter(|i| schedule.is_due(*i, tick)).for_each(|i| counts[i] += 1);
        }
        counts
    }

    #[test]
    fn each_sensor_is_read_at_its_own_rate() {
        let sensors = [(0.001, Provenance::Counter), (0.1, Provenance::Counter), (0.0, Provenance::Modelled)];
        let at_1_khz = reads(&sensors, 0.001, 1e-4);
        assert!((9_990..=10_000).contains(&at_1_khz[0]) && (99..=100).contains(&at_1_khz[1]), "{at_1_khz:?}");
        assert_eq!(at_1_khz[1], at_1_khz[2]);
        // Where the meter is slower than the sensors, every tick reads them all.
        assert_eq!(reads(&sensors, 0.5, 1e-3), [20, 20, 20]);
    }

    #[test]
    fn ticks_that_were_slept_through_do_not_pile_up_and_lose_no_sensor() {
        // Every waking is 2.5 ms late at 1 kHz: fewer sweeps, but the slow sensor keeps its rate.
        let late = reads(&[(0.001, Provenance::Counter), (0.1, Provenance::Counter)], 0.001, 2.5e-3);
        assert!((2_500..=4_000).contains(&late[0]) && (99..=100).contains(&late[1]), "{late:?}");
    }

    #[test]
    fn a_sensor_of_ninety_milliseconds_is_not_read_more_rarely_than_it_updates() {
        assert_eq!(Schedule::new([info(0.09, Provenance::Counter)].iter(), Seconds(0.05)).every, [1]);
        assert_eq!(Schedule::new([info(0.1, Provenance::Counter)].iter(), Seconds(0.05)).every, [2]);
    }
}
