//! Takes the readings that the estimators need: fast polling, a square-wave load, and stretches of steady load.

use super::{Estimate, Found, Kind, Load, averaging, changes, gain, period, resolution, value};
use crate::clock::Clock;
use crate::executor::Workload;
use crate::sensor::energy::integrate;
use crate::sensor::{Reading, Sensor, SensorInfo};
use crate::window::MeasureError;
use ergometer_record::Seconds;

/// Length of the first look at a sensor, in s, and the distance of its readings on a virtual clock, which stands still
/// between them; real ones are taken as fast as they come.
const LOOK: (f64, f64) = (0.1, 5e-5);
/// Most readings of a look.
const LOOKS: usize = 200_000;
/// Length of a slice of load before the period is known, in s, and how long slow sensors are waited for.
const PILOT: (f64, f64) = (5e-3, 12.0);
/// The wave: period over the sensor's, and how often. The first is close to the sensor's, so that a short window drifts
/// through it; the last is slow enough for a window of a second.
const WAVES: [(f64, u32); 3] = [(1.04, 40), (2.6, 16), (16.6, 4)];
/// Stretches for the gain, and their length in update periods.
const STRETCHES: (usize, usize) = (8, 25);
/// Slices in an update period.
const SLICES: f64 = 40.0;

/// The sensors of one device, something that loads it, and the clock by which both go.
pub struct Bench<'a> {
    /// All of them, also several of one component.
    pub sensors: &'a mut [Box<dyn Sensor>],
    /// What draws power; without it windows and gains can't be told.
    pub load: Option<&'a mut dyn Workload>,
    /// Stamps readings and load alike.
    pub clock: &'a dyn Clock,
}

impl std::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.sensors.iter().map(|s| s.info().id.as_str()).collect();
        f.debug_struct("Bench").field("sensors", &ids).field("load", &self.load.is_some()).finish_non_exhaustive()
    }
}

/// Readings of all sensors, and when the load was on meanwhile.
#[derive(Default)]
struct Trace {
    readings: Vec<Vec<Reading>>,
    load: Load,
}

/// Characterises every sensor of the bench; `progress` is told what is going on.
///
/// # Errors
/// A sensor or the load failed.
pub fn observe(bench: &mut Bench<'_>, progress: &mut dyn FnMut(&str)) -> Result<Vec<Found>, MeasureError> {
    progress("reading each sensor as fast as it can be read");
    let mut looks = Vec::new();
    for index in 0..bench.sensors.len() {
        looks.push(bench.look(index)?);
    }
    let slow: Vec<usize> = (0..looks.len()).filter(|i| changes(&looks[*i]).len() < super::period::FEWEST).collect();
    let mut batch = Batch::default();
    let (mut wave, mut steady) = (None, None);
    if !slow.is_empty() {
        progress("switching the load on and off until slow sensors show their period");
        let pilot = bench.pilot(&mut batch, &slow)?;
        let rough = |i: &usize| period(&pilot.readings[*i]).known().map(|interval| (*i, interval.estimate));
        let periods: Vec<(usize, f64)> = slow.iter().filter_map(rough).collect();
        let of_power = periods.iter().find(|(i, _)| pilot.readings[*i].first().map(Kind::of) == Some(Kind::Power));
        let shortest = periods.iter().map(|(_, p)| *p).fold(f64::INFINITY, f64::min);
        if let Some((_, chosen)) = of_power.or(periods.first()) {
            let longest = periods.iter().map(|(_, p)| *p).fold(0.0, f64::max);
            progress("a square wave of load");
            wave = Some(bench.wave(&mut batch, *chosen, shortest / SLICES)?);
            let paired = |i: &usize| bench.reference(*i, &looks).is_some();
            if bench.load.is_some() && slow.iter().any(paired) {
                progress("steady load, for the gain");
                steady = Some(bench.steady(&mut batch, longest, shortest / SLICES)?);
            }
        }
        for index in slow {
            // The wave makes the values move; a sensor whose period is not even roughly known keeps its pilot.
            let trace = wave.as_ref().unwrap_or(&pilot);
            looks[index].clone_from(&trace.readings[index]);
        }
    }
    Ok((0..looks.len()).map(|index| bench.found(index, &looks, wave.as_ref(), steady.as_ref())).collect())
}

/// Executions that last one slice.
#[derive(Debug, Clone, Copy, Default)]
struct Batch {
    each_s: f64,
}

impl Bench<'_> {
    fn now(&self) -> f64 {
        self.clock.now().0
    }

    /// One sensor alone, then once more for long enough if it is a fast one.
    fn look(&mut self, index: usize) -> Result<Vec<Reading>, MeasureError> {
        let first = self.poll(index, LOOK.0, LOOK.1)?;
        let n = changes(&first).len();
        if n < super::period::FEWEST {
            return Ok(first);
        }
        let rough = LOOK.0 / n as f64;
        self.poll(index, 200.0 * rough, rough / SLICES)
    }

    fn poll(&mut self, index: usize, time: f64, distance: f64) -> Result<Vec<Reading>, MeasureError> {
        let (clock, start) = (self.clock, self.now());
        let mut readings = Vec::new();
        let Some(sensor) = self.sensors.get_mut(index) else { return Ok(readings) };
        while clock.now().0 - start < time && readings.len() < LOOKS {
            readings.push(sensor.read(clock)?);
            if clock.is_virtual() {
                clock.sleep(Seconds(distance));
            }
        }
        Ok(readings)
    }

    fn trace(&self) -> Trace {
        Trace { readings: vec![Vec::new(); self.sensors.len()], load: Load::default() }
    }

    /// Reads all sensors, then works or rests for `time`.
    fn slice(&mut self, trace: &mut Trace, batch: &mut Batch, on: bool, time: f64) -> Result<(), MeasureError> {
        for (sensor, readings) in self.sensors.iter_mut().zip(&mut trace.readings) {
            readings.push(sensor.read(self.clock)?);
        }
        match &mut self.load {
            Some(load) if on => {
                if batch.each_s <= 0.0 {
                    batch.each_s = load.run(1)?.0.max(1e-9);
                }
                let start = self.clock.now().0;
                let count = (time / batch.each_s).round().max(1.0) as u64;
                let took = load.run(count)?.0;
                // First executions are slow; what later ones take decides.
                batch.each_s = 0.5 * (batch.each_s + (took / count as f64).max(1e-9));
                trace.load.push(start, self.clock.now().0);
            }
            _ => self.clock.sleep(Seconds(time)),
        }
        Ok(())
    }

    /// On and off in uneven turns until every slow sensor has changed often enough.
    fn pilot(&mut self, batch: &mut Batch, slow: &[usize]) -> Result<Trace, MeasureError> {
        let (mut trace, start) = (self.trace(), self.now());
        let enough =
            |trace: &Trace| slow.iter().all(|i| changes(&trace.readings[*i]).len() >= 2 * super::period::FEWEST);
        for turn in 0u64.. {
            if self.now() - start > PILOT.1 || enough(&trace) {
                break;
            }
            for _ in 0..(8 + turn % 5) {
                self.slice(&mut trace, batch, turn % 2 == 0, PILOT.0)?;
            }
        }
        Ok(trace)
    }

    fn wave(&mut self, batch: &mut Batch, period: f64, slice: f64) -> Result<Trace, MeasureError> {
        // No window that is looked for may reach back into the load of before.
        self.clock.sleep(Seconds(super::averaging::LONGEST * period));
        let mut trace = self.trace();
        // Slices of uneven length, so that readings do not keep step with the sensor's ticks.
        let mut turns = 0u32;
        for (ratio, count) in WAVES {
            let half = ratio * period / 2.0;
            for turn in 0..2 * count {
                let start = self.now();
                loop {
                    let left = half - (self.now() - start);
                    if left <= 0.02 * slice {
                        break;
                    }
                    turns += 1;
                    let uneven = slice * (0.7 + 0.6 * (f64::from(turns) * 0.618_034).fract());
                    self.slice(&mut trace, batch, turn % 2 == 0, left.min(uneven))?;
                }
            }
        }
        Ok(trace)
    }

    fn steady(&mut self, batch: &mut Batch, period: f64, slice: f64) -> Result<Trace, MeasureError> {
        let length = period * (STRETCHES.0 * STRETCHES.1 + 3) as f64;
        let mut trace = self.trace();
        // A card needs a moment to come to its clock.
        for warm_up in [true, false] {
            trace = self.trace();
            let (start, length) = (self.now(), if warm_up { (10.0 * period).max(1.0) } else { length });
            while self.now() - start < length {
                self.slice(&mut trace, batch, true, slice)?;
            }
        }
        Ok(trace)
    }

    /// The counter that a power sensor is compared with.
    fn reference(&self, index: usize, looks: &[Vec<Reading>]) -> Option<usize> {
        let kind = |i: usize| looks.get(i)?.first().map(Kind::of);
        let component = self.sensors.get(index)?.info().component;
        let same = |i: &usize| self.sensors.get(*i).is_some_and(|s| s.info().component == component);
        (kind(index) == Some(Kind::Power)).then_some(())?;
        (0..looks.len()).find(|i| kind(*i) == Some(Kind::Counter) && same(i))
    }

    fn found(&self, index: usize, looks: &[Vec<Reading>], wave: Option<&Trace>, steady: Option<&Trace>) -> Found {
        let info = self.sensors[index].info();
        let readings = &looks[index];
        let kind = readings.first().map_or(Kind::Power, Kind::of);
        let period_s = period(readings);
        Found {
            sensor: info.id.clone(),
            component: info.component,
            kind,
            averaging_s: self.averaging(index, kind, &period_s, wave),
            resolution: resolution(&since_wrap(readings)),
            gain: match (kind, self.reference(index, looks)) {
                (Kind::Counter, _) => Estimate::unknown("it is the reference: nothing here is better"),
                (Kind::Power, None) => Estimate::unknown("this component has no counter to compare with"),
                (Kind::Power, Some(counter)) => match steady {
                    Some(trace) => gain(&pairs(&trace.readings[index], info, &trace.readings[counter])),
                    None => Estimate::unknown("nothing could load the device"),
                },
            },
            period_s,
        }
    }

    fn averaging(&self, index: usize, kind: Kind, period_s: &Estimate, wave: Option<&Trace>) -> Estimate {
        if kind == Kind::Counter {
            return Estimate::unknown("a counter adds up all energy: it has no window");
        }
        let Some(trace) = wave.filter(|_| self.load.is_some()) else {
            return Estimate::unknown("nothing could load the device");
        };
        match period_s.known() {
            Some(period) => averaging(&changes(&trace.readings[index]), &trace.load, period.estimate),
            None => Estimate::unknown("its update period is not known"),
        }
    }
}

/// The values since the counter last started again.
fn since_wrap(readings: &[Reading]) -> Vec<f64> {
    let values: Vec<f64> = readings.iter().map(value).collect();
    let counter = readings.first().map(Kind::of) == Some(Kind::Counter);
    let start = if counter { values.windows(2).rposition(|pair| pair[1] < pair[0]).map_or(0, |at| at + 1) } else { 0 };
    values.get(start..).unwrap_or_default().to_vec()
}

/// (Integrated power, energy of the counter) of stretches that begin and end on ticks of the counter.
fn pairs(power: &[Reading], info: &SensorInfo, counter: &[Reading]) -> Vec<(f64, f64)> {
    let ticks: Vec<usize> =
        counter.windows(2).enumerate().filter(|(_, p)| value(&p[0]) != value(&p[1])).map(|(i, _)| i + 1).collect();
    let ends: Vec<usize> = ticks.into_iter().step_by(STRETCHES.1).collect();
    ends.windows(2)
        .filter_map(|ends| {
            let (from, to) = (ends[0], ends[1]);
            let energy = value(counter.get(to)?) - value(counter.get(from)?);
            Some((integrate(power.get(from..=to)?, info).ok()?.energy.0, energy))
        })
        .collect()
}
