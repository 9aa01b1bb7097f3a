//! From a workload, sensors and a clock to timed repeats with energy.
//!
//! A *window* is a stretch of back-to-back executions that is long enough for the slowest sensor (at least
//! [`Options::periods`] of its update periods, DESIGN section 4), begins and ends on that sensor's ticks, and follows a
//! warm-up that ends on steady power and temperature. Energy per execution is mean power times time per execution.
//! Where no sensor exists the energy is absent.

mod characterise;
mod rig;
mod sleep;
mod slope;
pub mod stop;
mod stretch;
mod throttle;
mod warm;

pub use characterise::{Characterisation, Skipped, StopRule, characterise, point};
pub use rig::{Rest, Rig, Thermometer};
pub use sleep::sleep;
pub use slope::Slope;
pub(crate) use stretch::total;
pub use stretch::{ComponentPower, Stretch};
pub use throttle::{ThrottleReader, Throttling};
pub use warm::WarmUp;

use crate::clock::Clock;
use crate::counter::{CounterReader, Totals};
use crate::executor::{ExecutorError, Workload};
use crate::sensor::agreement::CrossCheck;
use crate::sensor::{Sensor, SensorError};
use ergometer_record::measurement::point_id;
use ergometer_record::{Component, KernelSpec, Provenance, Row, Seconds};

/// How long to warm up and to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Least length of a window.
    pub least_time: Seconds,
    /// Least length in update periods of the slowest sensor.
    pub periods: f64,
    /// Longest window: a sensor so slow that its `periods` do not fit is measured by slope over window lengths.
    pub longest_window: Seconds,
    /// When to measure by slope.
    pub slope: Slope,
    /// Longest warm-up; a warm-up that does not get steady within it is noted in the rows.
    pub longest_warm_up: Seconds,
    /// Relative change of power (of time, without sensors) between stretches that counts as steady.
    pub steady_power: f64,
    /// Change of temperature between stretches that counts as steady, in K.
    pub steady_k: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            least_time: Seconds(0.5),
            periods: 20.0,
            longest_window: Seconds(60.0),
            slope: Slope::Auto,
            longest_warm_up: Seconds(60.0),
            steady_power: 0.01,
            steady_k: 1.0,
        }
    }
}

impl Options {
    /// Short windows for a first look: a tenth of a second, half a second of warm-up.
    pub fn quick() -> Self {
        Self { least_time: Seconds(0.1), longest_warm_up: Seconds(0.5), ..Self::default() }
    }
}

/// A measurement that failed. What is merely uncertain is noted in the rows instead.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The workload failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// A sensor failed.
    #[error(transparent)]
    Sensor(#[from] SensorError),
}

/// What a measurement reads: sensors, a clock and, where there is one, a thermometer.
pub struct Instruments<'a> {
    /// At most one a component; see [`crate::sensor::select()`].
    pub sensors: &'a mut [Box<dyn Sensor>],
    /// Witnesses, read beside the sensors until they have been compared.
    pub check: &'a mut CrossCheck,
    /// The clock that stamps the readings.
    pub clock: &'a dyn Clock,
    /// Temperature of the device that works.
    pub thermometer: Option<&'a mut Thermometer>,
    /// What holds that device back.
    pub throttle: Option<&'a mut ThrottleReader>,
    /// Performance counters of what runs.
    pub counters: Option<&'a mut CounterReader>,
    /// Lengths and tolerances.
    pub options: &'a Options,
}

/// Anything that keeps the device in one state for a while: a kernel that runs, or nothing at all.
pub(crate) trait Load {
    /// Runs `batch` times and returns the busy time.
    fn run(&mut self, batch: u64) -> Result<Seconds, ExecutorError>;
}

impl Load for Box<dyn Workload> {
    fn run(&mut self, batch: u64) -> Result<Seconds, ExecutorError> {
        (**self).run(batch)
    }
}

/// Idling: one batch is one millisecond of sleep.
pub(crate) struct Idle<'a>(pub(crate) &'a dyn Clock);

impl Load for Idle<'_> {
    fn run(&mut self, batch: u64) -> Result<Seconds, ExecutorError> {
        let start = self.0.now();
        self.0.sleep(Seconds(batch as f64 * 1e-3));
        Ok(self.0.now() - start)
    }
}

impl Instruments<'_> {
    fn temperature(&mut self) -> Option<f64> {
        self.thermometer.as_mut().and_then(|read| read())
    }

    fn counted(&mut self) -> Option<Totals> {
        self.counters.as_mut().and_then(|read| read())
    }

    /// The slowest sensor's period, where there is a sensor.
    fn slowest_period(&self) -> Option<Seconds> {
        self.sensors.iter().map(|s| s.info().period).max_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// How long a window lasts.
    pub fn window_time(&self) -> Seconds {
        let by_sensor = self.slowest_period().map_or(0.0, |period| period.0 * self.options.periods);
        Seconds(self.options.least_time.0.max(by_sensor.min(self.options.longest_window.0)))
    }
}

/// Turns one stretch into rows, one a component; one without energy where no sensor exists. The caller adds what it
/// knows about the run: manifest, block, order, setting and verdict.
pub fn rows(base: &Row, stretch: &Stretch, repeat: u32) -> Vec<Row> {
    let time = Seconds(stretch.busy.0 / stretch.iterations.max(1) as f64);
    let mut note = base.note.clone();
    let held_back = stretch.throttling.as_ref().map(ToString::to_string).filter(|text| !text.is_empty());
    held_back.iter().chain(&stretch.remarks).for_each(|remark| append(&mut note, remark));
    let counted = stretch.counted.unwrap_or_default();
    let row = |component: Component| Row {
        repeat,
        component,
        achieved_clock: base.achieved_clock.or_else(|| counted.clock()),
        counts: counted.counts.scaled(1.0 / stretch.iterations.max(1) as f64),
        iterations: stretch.iterations,
        time,
        temperature_c: stretch.temperature_c,
        note: note.clone(),
        ..base.clone()
    };
    if stretch.powers.is_empty() {
        return vec![row(Component::NONE)];
    }
    stretch
        .powers
        .iter()
        .map(|(component, power)| match power {
            Ok(power) => Row {
                energy: Some(power.mean * time),
                energy_u: Some(power.mean_u * time),
                budget: Some(power.budget.scaled(time.0 / power.span.0)),
                provenance: power.provenance,
                ..row(*component)
            },
            Err(reason) => {
                let mut row = row(*component);
                row.provenance = Provenance::Absent;
                append(&mut row.note, reason);
                row
            }
        })
        .collect()
}

/// A row that carries what a workload says about itself; times and energies come later.
pub fn base_row(spec: &KernelSpec, executor: &str, device: &str, workload: &dyn Workload) -> Row {
    let tier = workload.tier();
    let mut row = Row::timed(*spec, executor, device, Seconds(1.0));
    row.threads = workload.threads();
    row.point_id = point_id(spec, &tier, row.threads, &row.setting);
    row.tier = tier;
    row
}

/// Adds a remark to a note.
pub(crate) fn append(note: &mut String, remark: &str) {
    if !note.is_empty() {
        note.push_str("; ");
    }
    // A row is a line of the journal.
    note.push_str(&remark.replace(['\n', '\r'], " "));
}
